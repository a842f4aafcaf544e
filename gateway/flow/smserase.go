package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// scrubShort removes an erased telephone from the ends of messages that are
// over, and from what waits for applications. What the telephone wrote does not
// wait any longer; a receipt still says which message it is about.
func (f *Flow) scrubShort(ctx context.Context, t task) (open bool, err error) {
	if !t.Address.IsPhone() {
		return false, nil
	}
	theirs := func(l gateway.Line) bool { return !l.IsZero() && l.Key() == t.Address.Phone().Reveal() }
	var ids []gateway.MessageID
	err = each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if m.Ends != nil && (theirs(m.Ends.Source) || theirs(m.Ends.Dest)) {
			ids = append(ids, m.ID)
		}
	})
	for _, id := range ids {
		if err != nil {
			return open, err
		}
		var waits bool
		if waits, _, err = f.needs(ctx, id); err == nil && !waits {
			err = ignore(f.scrubEnds(ctx, id, theirs), store.ErrNotFound)
		}
		open = open || waits
	}
	waits, bad := f.scrubParts(ctx, t, theirs)
	return open || waits, errors.Join(err, bad, f.scrubOutbox(ctx, theirs))
}

func (f *Flow) scrubEnds(ctx context.Context, id gateway.MessageID, theirs func(gateway.Line) bool) error {
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil || m.Ends == nil {
		return err
	}
	if theirs(m.Ends.Source) {
		m.Ends.Source = gateway.Line{}
	}
	if theirs(m.Ends.Dest) {
		m.Ends.Dest = gateway.Line{}
	}
	f.fresh.drop(id)
	b := new(store.Batch)
	b.RequireVersion(messageKey(id), version)
	if err := b.PutRecord(messageKey(id), m); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, b)
}

// scrubOutbox takes a telephone out of what waits for applications.
func (f *Flow) scrubOutbox(ctx context.Context, theirs func(gateway.Line) bool) error {
	var rows []overdue
	var bad error
	err := f.Store.Scan(ctx, store.Prefix(store.Outbox), func(it store.Item) bool {
		o := overdue{key: slices.Clone(it.Key), version: it.Version}
		if bad = store.Decode(it.Value, &o.d); bad != nil {
			return false
		}
		if r := o.d.Receipt; r != nil && (theirs(r.Dest) || theirs(r.Source)) || slices.ContainsFunc(o.d.Segments, func(s gateway.Segment) bool { return theirs(s.Source) || theirs(s.Dest) }) {
			rows = append(rows, o)
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	for _, o := range rows {
		b := new(store.Batch)
		b.RequireVersion(o.key, o.version)
		if r := o.d.Receipt; r == nil {
			b.Delete(o.key)
		} else {
			if theirs(r.Dest) {
				r.Dest = gateway.Line{}
			}
			if theirs(r.Source) {
				r.Source = gateway.Line{}
			}
			if err := b.PutRecord(o.key, o.d); err != nil {
				return err
			}
		}
		if err := ignore(store.Write(ctx, f.Store, b), store.ErrConflict); err != nil { // settled just now
			return err
		}
	}
	return nil
}
