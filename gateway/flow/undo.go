package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/store"
)

// undo takes a recall back while nothing is shredded, for one recipient or
// for everybody when who is null. It returns how many envelopes it concerned.
func (f *Flow) undo(ctx context.Context, id gateway.MessageID, who gateway.Address, actor string, by ...gateway.PersonRef) (Recalled, error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	var r Recalled
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		r, err = f.unlock(ctx, id, who, actor, by...)
	}
	if err != nil || len(r.Envelopes) == 0 && !r.All {
		return r, err
	}
	if err := f.Journal.Append(r.entries(undone)...); err != nil {
		return r, err
	}
	return r, f.letGo(ctx, id)
}

// letGo queues again what was held by a recall that was undone.
func (f *Flow) letGo(ctx context.Context, id gateway.MessageID) error {
	copies, _, err := f.copies(ctx, id)
	for i := range copies {
		e := &copies[i]
		if e.State != gateway.Held || e.Hold != holdRecalled || !e.Recalled.IsZero() {
			continue
		}
		one := f.queue.Release(ctx, e.ID, func(_ *store.Batch, after *gateway.Envelope) error {
			if !after.Recalled.IsZero() {
				return queue.ErrNotFound // once more, meanwhile
			}
			return nil
		})
		if !errors.Is(one, queue.ErrNotFound) {
			err = errors.Join(err, one)
		}
	}
	return err
}

// undone is the data of a journal entry that takes a recall back.
const undone = "undone"

// unlock is the commit of an undo. All of its result says that anything was
// undone.
func (f *Flow) unlock(ctx context.Context, id gateway.MessageID, who gateway.Address, actor string, by ...gateway.PersonRef) (Recalled, error) {
	r := Recalled{Message: id}
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return r, err
	}
	copies, versions, err := f.copies(ctx, id)
	if err != nil {
		return r, err
	}
	b := new(store.Batch)
	for i := range copies {
		e := &copies[i]
		if !who.IsNull() && e.Recipient.Key() != who.Key() || e.Recalled.IsZero() || !e.Shredded.IsZero() {
			continue
		}
		r.Envelopes = append(r.Envelopes, RecalledEnvelope{e.ID, shownTo(e.Recipient), ReachLocked, e.Opened, e.Answered, e.Shredded})
		b.RequireVersion(envelopeKey(e.ID), versions[i])
		if err := f.stageUnlock(b, &m, e, actor, by...); err != nil {
			return r, err
		}
	}
	staff := !m.Recalled.IsZero() && !m.Staff.IsZero() && (who.IsNull() || len(r.Envelopes) > 0)
	if r.All = staff || len(r.Envelopes) > 0; !r.All {
		return r, nil
	}
	if staff { // whoever reads again, it is not taken back from all
		m.Recalled = time.Time{}
		f.file(b, id)
		b.RequireVersion(messageKey(id), version)
		if err := b.PutRecord(messageKey(id), m); err != nil {
			return r, err
		}
	}
	return r, store.Write(ctx, f.Store, b)
}

func (f *Flow) stageUnlock(b *store.Batch, m *gateway.Message, e *gateway.Envelope, actor string, by ...gateway.PersonRef) error {
	e.Recalled = time.Time{}
	f.file(b, m.ID)
	if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventRecallUndone, Actor: actor, Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread, Link: e.Link,
		Persons: append(slices.Clone(by), e.Person),
	})
}
