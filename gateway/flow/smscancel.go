package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/queue"
	"gatepost/store"
)

var (
	faultNotCancelled = shortFault(550, "5.5.0", gateway.StatusCancelFailed, "That message has left, or is leaving just now")
	errHasMoved       = errors.New("flow: a part has become a message meanwhile")
)

// CancelSMS takes back a message that has not left (SMPP v3.4 section 4.9): the
// one of an id, or with id "" all from source to dest with that service_type. It
// is locked, as a recall locks, and the application gets the receipt DELETED
// where it asked for receipts. A part of a long text takes all of it along, once
// it is complete; before, it goes alone, and the text is never complete. A null
// source or dest beside an id is any.
func (f *Flow) CancelSMS(ctx context.Context, account, id, serviceType string, source, dest gateway.Line) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	find := func() ([]foundShort, error) { return f.findShort(ctx, account, id, source) }
	if id == "" {
		find = func() ([]foundShort, error) { return f.waitingShort(ctx, account, serviceType, source, dest) }
	}
	err := errHasMoved
	for try := 0; try < commitTries && errors.Is(err, errHasMoved); try++ {
		var found []foundShort
		if found, err = find(); err == nil {
			err = f.cancelAll(ctx, found, dest)
		}
	}
	return err
}

// cancelAll takes back what was found. It fails when one of them has left.
func (f *Flow) cancelAll(ctx context.Context, found []foundShort, dest gateway.Line) error {
	matched := false
	var failed error
	for i := range found {
		s := &found[i]
		if !dest.IsZero() && !dest.Same(s.ends.Dest) {
			continue
		}
		matched = true
		if state, _ := s.state(); state == gateway.StateDeleted {
			continue // with another part of its text, or before
		}
		err := f.cancelOne(ctx, s)
		if err != nil && !errors.Is(err, faultNotCancelled) {
			return err
		}
		failed = errors.Join(failed, err)
	}
	if !matched {
		return gateway.ErrNoShortMessage
	}
	return failed
}

func (f *Flow) cancelOne(ctx context.Context, s *foundShort) error {
	switch {
	case s.message == nil && s.State == "":
		return f.cancelPart(ctx, s)
	case s.message == nil:
		return faultNotCancelled
	}
	m := s.message
	err := f.withdrawShort(ctx, s.envelope.ID, func(b *store.Batch, e *gateway.Envelope) error {
		if err := f.stageTakenBack(ctx, b, m, e, gateway.EventCancelled, nil); err != nil {
			return err
		}
		for i, p := range m.Ends.Parts {
			row := shortID{Account: m.Peer.Account, Message: m.ID, Part: i, State: gateway.StateDeleted, Done: e.Recalled}
			if direct(m, e) && e.Last.Segments[i].Sent {
				row.State, row.Done = "", time.Time{} // the carrier has that one
			}
			if err := b.PutRecord(shortKey(p.ID, m.ID), row); err != nil {
				return err
			}
		}
		return f.stageSMSReceipt(ctx, b, m, e, gateway.StateDeleted, "000")
	})
	if errors.Is(err, queue.ErrBusy) || errors.Is(err, queue.ErrNotFound) {
		return faultNotCancelled
	}
	return err
}

// stageTakenBack stages that an envelope which has not left is locked, with its
// evidence, and its notice removed. What it holds is shredded as after a recall.
func (f *Flow) stageTakenBack(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, event gateway.Event, detail map[string]string) error {
	now := f.Now()
	if e.Recalled.IsZero() {
		e.Recalled = now
	}
	if e.Notice != nil {
		f.Blobs.Delete(b, e.Notice.Body.Blob)
	}
	f.file(b, m.ID)
	after := *e
	b.After(func() {
		f.fresh.drop(m.ID)
		f.finished(ctx, &after, false)
	})
	if !e.Link.IsZero() {
		if err := f.stageTask(b, task{Kind: taskShred, Due: now.Add(f.set().RecallGrace), Message: m.ID, At: e.Recalled}); err != nil {
			return err
		}
	}
	return f.Audit.Stage(b, gateway.Record{
		At: now, Event: event, Actor: "account", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread, Link: e.Link,
		Persons: []gateway.PersonRef{e.Person}, Detail: detail,
	})
}

// cancelPart takes back a part that waits for the others of its text.
func (f *Flow) cancelPart(ctx context.Context, s *foundShort) error {
	seq := int(s.Row[len(s.Row)-1])
	p, version, err := store.GetRecord[waitingPart](ctx, f.Store, s.Row)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Given.ID != s.id {
		return errHasMoved
	}
	if err != nil {
		return err
	}
	b := new(store.Batch)
	f.dropParts(b, &longText{key: s.Row[1 : len(s.Row)-1], parts: map[int]waitingPart{seq: p}, versions: map[int]store.Version{seq: version}})
	for _, line := range p.To {
		ends := *s.ends
		ends.Dest = line
		if err := f.stagePartReceipt(ctx, b, s.Account, ends, gateway.StateDeleted, "000"); err != nil {
			return err
		}
	}
	if err := f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventCancelled, Actor: "account", Message: s.id, Detail: map[string]string{"state": "waiting for parts"},
	}); err != nil {
		return err
	}
	err = store.Write(ctx, f.Store, b)
	if errors.Is(err, store.ErrConflict) {
		return errHasMoved
	}
	return err
}

// waitingShort returns what has not left of an account between two ends.
func (f *Flow) waitingShort(ctx context.Context, account, serviceType string, source, dest gateway.Line) ([]foundShort, error) {
	to, err := f.set().SMS.number(dest)
	if err != nil {
		return nil, gateway.ErrNoShortMessage
	}
	fits := func(owner string, e *gateway.Ends) bool {
		return owner == account && e != nil && e.ServiceType == serviceType && e.Source.Same(source) && e.Dest.Same(dest)
	}
	found, err := f.waitingParts(ctx, account, dest, fits)
	if err != nil {
		return nil, err
	}
	person, err := f.People.Find(ctx, to)
	if err == nil {
		err = f.queue.EachWaiting(ctx, person.Ref, func(e *gateway.Envelope) error {
			if e.Recipient != to {
				return nil
			}
			m, err := f.message(ctx, e.ID.Message)
			if err == nil && len(partsOf(m)) > 0 && fits(m.Peer.Account, m.Ends) {
				found = append(found, foundShort{shortID: shortID{Account: account, Message: m.ID}, id: m.Ends.Parts[0].ID, message: m, envelope: *e, ends: m.Ends})
			}
			return ignore(err, store.ErrNotFound)
		})
	}
	if err := ignore(err, people.ErrUnknown); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, gateway.ErrNoShortMessage
	}
	return found, nil
}

func partsOf(m *gateway.Message) []gateway.AcceptedPart {
	if m.Ends == nil {
		return nil
	}
	return m.Ends.Parts
}

// waitingParts returns the parts of an account that wait for others and fit.
// Only what waits is read: the ids that were given lately may be many.
func (f *Flow) waitingParts(ctx context.Context, account string, dest gateway.Line, fits func(string, *gateway.Ends) bool) (found []foundShort, err error) {
	var ids []gateway.MessageID
	var bad error
	err = f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(it store.Item) bool {
		if it.Key[len(it.Key)-1] == 0 {
			return true // what became of a text
		}
		var p waitingPart
		bad = store.Decode(it.Value, &p)
		if p.Account == account && slices.ContainsFunc(p.To, dest.Same) {
			ids = append(ids, p.Given.ID)
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	for _, id := range ids {
		s := foundShort{id: id}
		s.shortID, _, err = store.GetRecord[shortID](ctx, f.Store, shortKey(id, gateway.MessageID{}))
		if errors.Is(err, store.ErrNotFound) {
			continue // it may be of the text before: smsagain.go
		}
		if err != nil {
			return nil, err
		}
		if s.Row != nil && s.State == "" && fits(s.Account, s.Ends) {
			s.ends = s.Ends
			found = append(found, s)
		}
	}
	return found, nil
}
