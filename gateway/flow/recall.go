package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// A recall locks first and shreds later. The lock is one commit: every
// envelope that it concerns says Recalled, and whoever reads or sends asks
// for that. Until the grace is over the lock can be undone and nothing is
// lost; then the agenda shreds.

// Reach says what a recall does for one recipient.
type Reach string

// The reaches.
const (
	ReachLocked    Reach = "locked"    // nobody opens it any more
	ReachWithdrawn Reach = "withdrawn" // it had not left yet, and does not leave
	ReachAlready   Reach = "already"   // taken back before
	ReachLeft      Reach = "left"      // it left as ordinary mail: out of reach
	ReachEnded     Reach = "ended"     // it never got there: refused, bounced or given up
)

// RecalledEnvelope is what a recall came to for one recipient.
type RecalledEnvelope struct {
	ID        gateway.EnvelopeID `json:"id"`
	Recipient string             `json:"recipient"`
	Reach     Reach              `json:"reach"`
	Opened    time.Time          `json:"opened,omitzero"`   // had been read by then: what was read is known
	Answered  time.Time          `json:"answered,omitzero"` // had been answered by then
	Shredded  time.Time          `json:"shredded,omitzero"` // taken back before, and gone for good
}

// Recalled is what a recall came to.
type Recalled struct {
	Message   gateway.MessageID  `json:"message"`
	All       bool               `json:"all"`            // the staff copy ends too
	Until     time.Time          `json:"until,omitzero"` // until then all that is not shredded can be given back; zero: there is nothing to undo
	Envelopes []RecalledEnvelope `json:"envelopes"`
}

// did reports whether anything was locked or withdrawn.
func (r *Recalled) did() bool {
	return slices.ContainsFunc(r.Envelopes, func(e RecalledEnvelope) bool {
		return e.Reach == ReachLocked || e.Reach == ReachWithdrawn || e.Reach == ReachAlready
	})
}

// undoable notes that something can be given back until end: what ends first says
// until when all of it can.
func (r *Recalled) undoable(now, end time.Time) {
	if end.After(now) && (r.Until.IsZero() || end.Before(r.Until)) {
		r.Until = end
	}
}

// Errors of recall.
var (
	errNotRecallable = errors.New("flow: only mail of staff can be taken back")
	errNoRecipient   = errors.New("flow: the message had no such recipient")
)

// recalled reports whether an envelope was taken back. When nobody can tell,
// it was.
func (f *Flow) recalled(ctx context.Context, id gateway.EnvelopeID) bool {
	at, err := f.recalledAt(ctx, id)
	return err != nil || !at.IsZero()
}

// recalledAt is when an envelope was taken back, zero for never.
func (f *Flow) recalledAt(ctx context.Context, id gateway.EnvelopeID) (time.Time, error) {
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	return e.Recalled, err
}

// recalledForAll reports whether a message was taken back from everybody,
// which ends the staff copy too. When nobody can tell, it was.
func (f *Flow) recalledForAll(ctx context.Context, id gateway.MessageID) bool {
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	return err != nil || !m.Recalled.IsZero()
}

// stageUnrecalled returns an envelope and lets b fail when it changes, or is
// taken back, before b is committed. gateway.ErrNotProven when it was taken
// back already.
func (f *Flow) stageUnrecalled(ctx context.Context, b *store.Batch, id gateway.EnvelopeID) (gateway.Envelope, error) {
	e, version, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	if err != nil {
		return e, err
	}
	if !e.Recalled.IsZero() {
		return e, gateway.ErrNotProven
	}
	b.RequireVersion(envelopeKey(id), version)
	return e, nil
}

// Readable reports whether what a grant gave may still be read: a download
// that runs while its message is taken back, or reported as not for its
// reader, ends.
func (f *Flow) Readable(ctx context.Context, g gateway.Grant) bool {
	if f.recalledForAll(ctx, g.Message) {
		return false
	}
	by := g.Envelope
	if by.Message.IsZero() {
		m, err := f.message(ctx, g.Message)
		if err != nil || m.Under.Message.IsZero() {
			return err == nil
		}
		by = m.Under
	}
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(by))
	if err != nil || by == g.Envelope && !e.Recalled.IsZero() {
		return false
	}
	locked, err := f.locked(ctx, e)
	return err == nil && !locked
}

// copies returns the envelopes of a message with their versions, in order.
func (f *Flow) copies(ctx context.Context, id gateway.MessageID) (all []gateway.Envelope, versions []store.Version, err error) {
	var bad error
	err = f.Store.Scan(ctx, store.Prefix(store.Envelopes, id[:]), func(it store.Item) bool {
		var e gateway.Envelope
		if bad = store.Decode(it.Value, &e); bad != nil {
			return false
		}
		all, versions = append(all, e), append(versions, it.Version)
		return true
	})
	return all, versions, errors.Join(err, bad)
}

// recall takes a message back from one recipient, or from everybody when who
// is null. Nobody who asks after it returned opens it. by is the member of staff
// who wants it, where the actor alone does not say that.
func (f *Flow) recall(ctx context.Context, id gateway.MessageID, who gateway.Address, actor string, by ...gateway.PersonRef) (Recalled, error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	var r Recalled
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		r, err = f.lock(ctx, id, who, actor, by...)
	}
	if err != nil || !r.did() {
		return r, err
	}
	if err := f.Journal.Append(r.entries("")...); err != nil {
		return r, err
	}
	f.withdraw(ctx, &r)
	return r, nil
}

// lock is the commit of a recall.
func (f *Flow) lock(ctx context.Context, id gateway.MessageID, who gateway.Address, actor string, by ...gateway.PersonRef) (Recalled, error) {
	now, grace := f.Now(), f.set().RecallGrace
	r := Recalled{Message: id, All: who.IsNull()}
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return r, err
	}
	if m.Direction != gateway.Outbound {
		return r, errNotRecallable
	}
	copies, versions, err := f.copies(ctx, id)
	if err != nil {
		return r, err
	}
	b := new(store.Batch)
	locks := false
	for i := range copies {
		e := &copies[i]
		if !r.All && e.Recipient.Key() != who.Key() {
			continue
		}
		reach := reachOf(e)
		r.Envelopes = append(r.Envelopes, RecalledEnvelope{e.ID, shownTo(e.Recipient), reach, e.Opened, e.Answered, e.Shredded})
		if reach == ReachAlready && e.Shredded.IsZero() {
			r.undoable(now, e.Recalled.Add(grace))
		}
		if reach != ReachLocked && reach != ReachWithdrawn {
			continue
		}
		locks = true
		r.undoable(now, now.Add(grace))
		b.RequireVersion(envelopeKey(e.ID), versions[i])
		if err := f.stageLock(b, &m, e, now, actor, by...); err != nil {
			return r, err
		}
	}
	if len(r.Envelopes) == 0 {
		return r, errNoRecipient
	}
	ends := r.All && r.did() && m.Recalled.IsZero() && !m.Staff.IsZero()
	switch {
	case ends:
		r.undoable(now, now.Add(grace))
	case r.All && !m.Recalled.IsZero() && !m.Staff.IsZero():
		r.undoable(now, m.Recalled.Add(grace))
	}
	if !locks && !ends {
		return r, nil
	}
	if ends {
		m.Recalled = now
		f.file(b, id)
		b.RequireVersion(messageKey(id), version)
		if err := b.PutRecord(messageKey(id), m); err != nil {
			return r, err
		}
	}
	if err := f.stageTask(b, task{Kind: taskShred, Due: now.Add(grace), Message: id, At: now}); err != nil {
		return r, err
	}
	f.fresh.drop(id)
	defer f.takings.Add(1) // whatever Write says: it may be there
	return r, store.Write(ctx, f.Store, b)
}

// reachOf says what taking e back can do.
func reachOf(e *gateway.Envelope) Reach {
	switch {
	case !e.Recalled.IsZero():
		return ReachAlready
	case !e.State.Final():
		return ReachWithdrawn
	case !e.Link.IsZero():
		return ReachLocked
	case e.State == gateway.Delivered:
		return ReachLeft
	}
	return ReachEnded
}

// stageLock stages that e is taken back. The queue keeps its own fields.
func (f *Flow) stageLock(b *store.Batch, m *gateway.Message, e *gateway.Envelope, now time.Time, actor string, by ...gateway.PersonRef) error {
	e.Recalled = now
	f.file(b, m.ID)
	if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
		return err
	}
	detail := map[string]string{"state": string(e.State)}
	if !e.Opened.IsZero() {
		detail["opened"] = e.Opened.UTC().Format(time.RFC3339)
	}
	return f.Audit.Stage(b, gateway.Record{
		At: now, Event: gateway.EventRecalled, Actor: actor, Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread, Link: e.Link,
		Persons: append(slices.Clone(by), e.Person), Detail: detail,
	})
}

// entries are what the journal beside the keyring is told. What was taken back
// before is told again: the answer to an earlier commit may have been lost, and
// with it what should have followed.
func (r *Recalled) entries(data string) []seal.Entry {
	var list []seal.Entry
	for _, e := range r.Envelopes {
		if e.Reach != ReachLeft && e.Reach != ReachEnded {
			list = append(list, seal.Entry{Kind: seal.JournalRecalled, ID: e.ID.String(), Data: []byte(data)})
		}
	}
	if r.All {
		list = append(list, seal.Entry{Kind: seal.JournalRecalled, ID: r.Message.String(), Data: []byte(data)})
	}
	return list
}

// holdRecalled is why an envelope waits that was taken back before it left.
const holdRecalled = "recalled"

// withdraw takes out of the queue what has not left. What is in an attempt at
// this moment may still leave: a notice whose link opens nothing. What cannot
// be held now is not delivered either (Deliver asks), and ends with the grace.
func (f *Flow) withdraw(ctx context.Context, r *Recalled) {
	for i, e := range r.Envelopes {
		if e.Reach != ReachWithdrawn {
			continue
		}
		err := f.queue.Hold(ctx, e.ID, holdRecalled, func(*store.Batch, gateway.Envelope) error { return nil })
		if err != nil && !errors.Is(err, queue.ErrNotFound) {
			r.Envelopes[i].Reach = ReachLocked
			f.Log.Warn("a recalled envelope is not out of the queue yet", "envelope", e.ID, "error", err)
		}
	}
}
