package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Shredding, when the grace of a recall is over, takes several commits; the
// task in the agenda says which is next, and each may be repeated:
//
//	0  what had not left ends; the wraps leave the records
//	1  the other wraps of their key groups move to fresh groups, and the old
//	   groups' private keys are destroyed: no backup opens the wraps any more
//	2  the body goes when nobody is left who can open it

// groupWait is from one look to the next at a key group that still may take a
// wrap that is on its way to the store.
const groupWait = 30 * time.Second

func (f *Flow) shred(ctx context.Context, b *store.Batch, t task) error {
	switch {
	case t.Step == 0:
		return f.shredWraps(ctx, b, t)
	case len(t.Groups) > 0:
		return f.shredGroups(ctx, b, t)
	}
	for _, id := range append(t.Messages, t.Message) {
		if err := f.tidy(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// shredWraps removes the wraps of all that the recall took back and that was
// not given back since.
func (f *Flow) shredWraps(ctx context.Context, b *store.Batch, t task) error {
	if err := errors.Join(f.letGo(ctx, t.Message), f.endWithdrawn(ctx, t)); err != nil {
		return err
	}
	copies, versions, err := f.copies(ctx, t.Message)
	if err != nil {
		return err
	}
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(t.Message))
	if err != nil {
		return err
	}
	var groups []string
	again := Recalled{Message: m.ID, All: m.Recalled.Equal(t.At)}
	for i := range copies {
		e := &copies[i]
		if !e.Recalled.Equal(t.At) || !e.Shredded.IsZero() {
			continue
		}
		again.Envelopes = append(again.Envelopes, RecalledEnvelope{ID: e.ID, Reach: ReachAlready})
		b.RequireVersion(envelopeKey(e.ID), versions[i])
		ended, err := f.shredEnvelope(ctx, b, &m, e)
		if err != nil {
			return err
		}
		groups = append(groups, ended...)
	}
	if m.Recalled.Equal(t.At) && !m.Staff.IsZero() {
		groups = append(groups, m.Staff.Group)
		m.Staff = gateway.Wrap{}
		dropLayout(b, m.ID)
		f.fresh.drop(m.ID)
		b.RequireVersion(messageKey(m.ID), version)
		if err := b.PutRecord(messageKey(m.ID), m); err != nil {
			return err
		}
	}
	if err := f.Journal.Append(again.entries("")...); err != nil { // a crash may have come between lock and journal
		return err
	}
	slices.Sort(groups)
	return f.stageTask(b, task{Kind: taskShred, Due: t.Due, Message: t.Message, At: t.At, Step: 1, Groups: slices.Compact(groups)})
}

// endWithdrawn ends what had not left when it was taken back.
func (f *Flow) endWithdrawn(ctx context.Context, t task) error {
	copies, _, err := f.copies(ctx, t.Message)
	for i := range copies {
		e := &copies[i]
		if e.State.Final() || !e.Recalled.Equal(t.At) {
			continue
		}
		one := f.queue.Finish(ctx, e.ID, gateway.Withdrawn, func(b *store.Batch, after gateway.Envelope) error {
			if after.Recalled.IsZero() {
				return queue.ErrNotFound // undone meanwhile
			}
			if after.Notice != nil {
				f.Blobs.Delete(b, after.Notice.Body.Blob)
			}
			f.file(b, after.ID.Message)
			b.After(func() { f.finished(ctx, &after, false) })
			return f.stageDeleted(ctx, b, &after)
		})
		if !errors.Is(one, queue.ErrNotFound) {
			err = errors.Join(err, one)
		}
	}
	return err
}

// shredEnvelope stages that nobody opens e by a link any more, and returns the
// key groups of the wraps that it removed.
func (f *Flow) shredEnvelope(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope) (groups []string, err error) {
	e.Shredded = f.Now()
	f.file(b, m.ID)
	if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
		return nil, err
	}
	for _, id := range e.Links() {
		link, version, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !link.Wrap.IsZero() {
			groups = append(groups, link.Wrap.Group)
		}
		link.Wrap = gateway.Wrap{}
		b.RequireVersion(linkKey(id), version)
		if err := b.PutRecord(linkKey(id), link); err != nil {
			return nil, err
		}
	}
	return groups, f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventShredded, Actor: "system", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread, Link: e.Link,
		Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"state": string(e.State)},
	})
}

// shredGroups ends key groups: what survives of them moves first.
func (f *Flow) shredGroups(ctx context.Context, b *store.Batch, t task) error {
	ending := make(map[string]bool)
	for _, group := range t.Groups {
		if f.Keys.Destroyed(group) {
			continue
		}
		idle, err := f.Wraps.Retire(group)
		if err != nil {
			return err
		}
		if !idle {
			t.Due = f.Now().Add(groupWait)
			return f.stageTask(b, t)
		}
		ending[group] = true
	}
	if len(ending) > 0 {
		if err := f.moveSurvivors(ctx, ending); err != nil {
			return err
		}
	}
	for group := range ending {
		if err := f.Keys.Destroy(group); err != nil && !errors.Is(err, seal.ErrUnknownKey) {
			return err
		}
	}
	t.Groups = nil
	return f.stageTask(b, t)
}

// endedByItself reports that the retention day of a group came first: its key
// is gone or about to go, with everything that it wraps.
func endedByItself(err error) bool {
	return errors.Is(err, seal.ErrUnknownKey) || errors.Is(err, seal.ErrRetention) || errors.Is(err, seal.ErrDestroyed)
}

// survivor is a wrap that must leave its group.
type survivor struct {
	link    gateway.LinkID
	message gateway.MessageID // of a staff wrap, when link is zero
}

// moveSurvivors moves every wrap of the groups that a record still holds. Records
// are looked through as a whole: an index that missed one wrap would lose a
// message for good, and recalls are rare.
func (f *Flow) moveSurvivors(ctx context.Context, ending map[string]bool) error {
	for range commitTries { // until a look finds none
		left, err := f.survivors(ctx, ending)
		if err != nil || len(left) == 0 {
			return err
		}
		lost := 0
		for _, s := range left {
			err := f.moveSurvivor(ctx, ending, s)
			switch {
			case err == nil, errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
			case endedByItself(err):
				lost++
			default:
				return err
			}
		}
		if lost == len(left) {
			return nil
		}
	}
	return fmt.Errorf("moving wraps out of a key group: %w", store.ErrConflict)
}

func (f *Flow) survivors(ctx context.Context, ending map[string]bool) (left []survivor, err error) {
	err = each(ctx, f.Store, store.Prefix(store.Links), func(l *gateway.Link) {
		if ending[l.Wrap.Group] && !l.Wrap.IsZero() {
			left = append(left, survivor{link: l.ID})
		}
	})
	if err != nil {
		return nil, err
	}
	return left, each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if ending[m.Staff.Group] && !m.Staff.IsZero() {
			left = append(left, survivor{message: m.ID})
		}
	})
}

// moveSurvivor moves one wrap. The journal knows the new one before the record
// does: once the old key is destroyed, a restored older record needs it.
func (f *Flow) moveSurvivor(ctx context.Context, ending map[string]bool, s survivor) error {
	var b store.Batch
	if !s.link.IsZero() {
		l, version, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(s.link))
		if err != nil || !ending[l.Wrap.Group] {
			return err
		}
		if l.Wrap, err = f.moveWrap(l.Wrap, l.Envelope.Message, seal.Correspondent, linkPrefix+l.ID.String()); err != nil {
			return err
		}
		b.RequireVersion(linkKey(l.ID), version)
		if err := b.PutRecord(linkKey(l.ID), l); err != nil {
			return err
		}
		return store.Write(ctx, f.Store, &b)
	}
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(s.message))
	if err != nil || !ending[m.Staff.Group] {
		return err
	}
	if m.Staff, err = f.moveWrap(m.Staff, m.ID, seal.Staff, messagePrefix+m.ID.String()); err != nil {
		return err
	}
	f.fresh.drop(m.ID)
	b.RequireVersion(messageKey(m.ID), version)
	if err := b.PutRecord(messageKey(m.ID), m); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}

// Prefixes of the ids of moved wraps in the journal.
const (
	linkPrefix    = "link:"
	messagePrefix = "message:"
)

func (f *Flow) moveWrap(w gateway.Wrap, id gateway.MessageID, kind seal.Kind, name string) (gateway.Wrap, error) {
	moved, err := f.Wraps.Move(w, id, kind)
	if err != nil {
		return gateway.Wrap{}, err
	}
	data, err := json.Marshal(moved)
	if err != nil {
		return gateway.Wrap{}, err
	}
	return moved, f.Journal.Append(seal.Entry{Kind: seal.JournalWraps, ID: name, Data: data})
}
