package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// scrubParts removes an erased telephone from the parts that never became a
// message, and the receipts for it that belong to nobody: without its number
// they could be taken for others. open says that parts wait for others of their
// text; they do so for part_timeout.
func (f *Flow) scrubParts(ctx context.Context, t task, theirs func(gateway.Line) bool) (open bool, err error) {
	err = each(ctx, f.Store, store.Prefix(store.SMSParts), func(p *waitingPart) {
		open = open || slices.ContainsFunc(p.To, theirs)
	})
	if err != nil {
		return open, err
	}
	if err := f.scrubShortIDs(ctx, theirs); err != nil {
		return open, err
	}
	return open, f.scrubEarly(ctx, t.Address)
}

// scrubShortIDs takes a telephone out of what the ids of parts lead to that are
// over.
func (f *Flow) scrubShortIDs(ctx context.Context, theirs func(gateway.Line) bool) error {
	type row struct {
		store.Item
		shortID
	}
	var rows []row
	var bad error
	err := f.Store.Scan(ctx, store.Prefix(store.ShortIDs), func(it store.Item) bool {
		if len(it.Key) != len(shortKey(gateway.MessageID{}, gateway.MessageID{})) {
			return true
		}
		r := row{Item: store.Item{Key: slices.Clone(it.Key), Version: it.Version}}
		if bad = store.Decode(it.Value, &r.shortID); bad != nil {
			return false
		}
		if e := r.Ends; e != nil && r.State != "" && (theirs(e.Source) || theirs(e.Dest)) {
			rows = append(rows, r)
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	for _, r := range rows {
		if theirs(r.Ends.Source) {
			r.Ends.Source = gateway.Line{}
		}
		if theirs(r.Ends.Dest) {
			r.Ends.Dest = gateway.Line{}
		}
		b := new(store.Batch)
		b.RequireVersion(r.Key, r.Version)
		if err := b.PutRecord(r.Key, r.shortID); err != nil {
			return err
		}
		if err := store.Write(ctx, f.Store, b); err != nil {
			return err
		}
	}
	return nil
}

// scrubEarly removes receipts about an erased telephone that belong to nobody.
func (f *Flow) scrubEarly(ctx context.Context, phone gateway.Address) error {
	var keys [][]byte
	var bad error
	err := f.Store.Scan(ctx, store.Prefix(store.Early), func(it store.Item) bool {
		var r gateway.Receipt
		if bad = store.Decode(it.Value, &r); bad != nil {
			return false
		}
		if sameTelephone(r.Dest, phone) || sameTelephone(r.Source, phone) {
			keys = append(keys, slices.Clone(it.Key))
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := f.giveUpEarly(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
