package flow

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// ReceiptSMS takes what a carrier says of a message over: nil means that it is
// committed, or that there is nothing to commit because it was before. A
// receipt that belongs to no segment yet is kept for earlyFor: its message's
// answer may still be on its way. Each segment has one final receipt; what
// comes after it changes nothing.
func (f *Flow) ReceiptSMS(ctx context.Context, r gateway.Receipt) error {
	if r.ID == "" {
		f.receipts.took("nameless")
		return nil
	}
	r.Intermediate = r.Intermediate || !r.State.Final()
	ctx, cancel := recording(ctx)
	defer cancel()
	known, err := f.receipt(ctx, &r, nil)
	if known || err != nil {
		return err
	}
	return f.keepEarly(ctx, &r)
}

// receipt commits what a receipt says, and the end of its row in Early where it
// has one. known is false when it belongs to no segment.
func (f *Flow) receipt(ctx context.Context, r *gateway.Receipt, early *store.Item) (known bool, err error) {
	err = store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		known, err = f.receiptOnce(ctx, r, early)
	}
	return known, err
}

func (f *Flow) receiptOnce(ctx context.Context, r *gateway.Receipt, early *store.Item) (bool, error) {
	c, ambiguous, err := f.match(ctx, r)
	if err != nil || c == nil {
		if ambiguous && early == nil {
			f.receipts.took("ambiguous")
			f.Log.Warn("a receipt may belong to several messages, nobody gets it", "area", "receipts")
		}
		return false, err
	}
	b := new(store.Batch)
	if early != nil {
		b.RequireVersion(early.Key, early.Version)
		b.Delete(early.Key)
		b.After(func() { f.early.add(-1) })
	}
	result := "repeated"
	if c.news(r) {
		result = "matched"
		if err := f.stageNews(ctx, b, c, r); err != nil {
			return true, err
		}
	}
	if len(b.Ops) > 0 {
		err = store.Write(ctx, f.Store, b)
	}
	if err == nil {
		f.receipts.took(result)
	}
	if err == nil && result == "matched" && !r.Intermediate {
		f.receipts.ended(r.State)
	}
	return true, err
}

// news reports whether a receipt says of its segment what is not known yet.
func (c *candidate) news(r *gateway.Receipt) bool {
	if !c.Done.IsZero() {
		return false
	}
	segments := c.envelope.Last.Segments
	return !r.Intermediate || c.Segment >= len(segments) || segments[c.Segment].State != r.State
}

// stageNews stages the new state of a segment, its evidence, and the receipts
// that follow from it.
func (f *Flow) stageNews(ctx context.Context, b *store.Batch, c *candidate, r *gateway.Receipt) error {
	m, err := f.message(ctx, c.Envelope.Message)
	if err != nil {
		return err
	}
	b.RequireVersion(c.key, c.version)
	if !r.Intermediate {
		c.Done = f.Now()
		if err := b.PutRecord(c.key, c.carrierID); err != nil {
			return err
		}
	}
	e := &c.envelope
	first := c.note(r)
	if err := f.Audit.Stage(b, f.receiptEvidence(c, r)); err != nil {
		return err
	}
	if r.Intermediate {
		err = f.stageIntermediate(ctx, b, m, c, r, first)
	} else {
		err = f.stageFinal(ctx, b, m, c, r)
	}
	if err != nil {
		return err
	}
	b.RequireVersion(envelopeKey(e.ID), c.stored)
	return b.PutRecord(envelopeKey(e.ID), e)
}

// note writes the state into the segment of the envelope, and reports whether
// no other segment had it yet.
func (c *candidate) note(r *gateway.Receipt) (first bool) {
	segments := slices.Clone(c.envelope.Last.Segments)
	if c.Segment >= len(segments) {
		return true
	}
	first = !slices.ContainsFunc(segments, func(s gateway.SegmentResult) bool { return s.State == r.State })
	s := &segments[c.Segment]
	s.State, s.Error, s.Done = r.State, r.Error, r.Done
	c.envelope.Last.Segments = segments
	return first
}

func (f *Flow) receiptEvidence(c *candidate, r *gateway.Receipt) gateway.Record {
	d := map[string]string{"state": string(r.State), "segment": strconv.Itoa(c.Segment + 1)}
	if r.Intermediate {
		d["intermediate"] = "true"
	}
	return gateway.Record{
		At: f.Now(), Event: gateway.EventReceipt, Actor: "peer", Message: c.Envelope.Message, Envelope: c.Envelope.String(),
		Persons: []gateway.PersonRef{c.envelope.Person}, Detail: d,
	}
}

// stageIntermediate passes a state on that is not the last, to the parts that
// asked for it.
func (f *Flow) stageIntermediate(ctx context.Context, b *store.Batch, m *gateway.Message, c *candidate, r *gateway.Receipt, first bool) error {
	if m.Ends == nil {
		return nil
	}
	whole := !direct(m, &c.envelope)
	for i, p := range m.Ends.Parts {
		if p.Registered&registeredIntermediate == 0 || !whole && i != c.Segment || whole && !first {
			continue
		}
		if err := f.stageDelivery(b, m.Peer.Account, gateway.Delivery{Receipt: receiptOf(m, &c.envelope, p, r)}); err != nil {
			return err
		}
	}
	return nil
}

// stageFinal tells whoever asked for it what became of a segment, or, where
// segments and parts are not the same, of the message when all is known.
func (f *Flow) stageFinal(ctx context.Context, b *store.Batch, m *gateway.Message, c *candidate, r *gateway.Receipt) error {
	e := &c.envelope
	if direct(m, e) {
		return f.stageToldOnce(ctx, b, m, e, c.Segment, r)
	}
	if asksNothing(m) && failure(r.State) { // the carrier was asked for failures: the other segments may stay silent
		return f.stageUndelivered(ctx, b, m, e, r.State)
	}
	all, known := combined(e.Last.Segments, r)
	if !known {
		return nil
	}
	if m.Ends == nil || len(m.Ends.Parts) == 0 {
		return f.stageUndelivered(ctx, b, m, e, all.State)
	}
	for i := range m.Ends.Parts {
		if err := f.stageToldOnce(ctx, b, m, e, i, all); err != nil {
			return err
		}
	}
	return nil
}

// asksNothing reports whether the application of a message wants no receipt of
// any of its parts.
func asksNothing(m *gateway.Message) bool {
	return m.Ends != nil && len(m.Ends.Parts) > 0 &&
		!slices.ContainsFunc(m.Ends.Parts, func(p gateway.AcceptedPart) bool { return p.Registered != 0 })
}

// stageUndelivered corrects a message that we called delivered and whose
// application, if it has one, asked for no receipt: its sender, or the
// application's mailbox, hears of it as of a mail that comes back.
func (f *Flow) stageUndelivered(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, s gateway.ReceiptState) error {
	if e.State != gateway.Delivered || !failure(s) || s == gateway.StateUnknown {
		return nil
	}
	e.State = gateway.Bounced
	f.file(b, e.ID.Message)
	e.Last.Result, e.Last.Code, e.Last.Status = gateway.Failed, 550, "5.0.0"
	e.Last.Text = "the carrier took it and later said: " + gateway.Sensitive(s)
	return f.reportTo(ctx, b, e, mailmsg.ActionFailed)
}

// direct reports whether the segments of an envelope are the parts that the
// application submitted, one for one.
func direct(m *gateway.Message, e *gateway.Envelope) bool {
	return m.Ends != nil && e.Notice == nil && len(m.Ends.Parts) > 0 && len(e.Last.Segments) == len(m.Ends.Parts)
}

// combined is the receipt of a message whose segments have theirs: the worst
// state of all. known is false while one of them is missing. last is the
// receipt that is being handled.
func combined(segments []gateway.SegmentResult, last *gateway.Receipt) (all *gateway.Receipt, known bool) {
	worst := gateway.Receipt{State: last.State, Error: last.Error, Done: last.Done, Network: last.Network}
	for _, s := range segments {
		if !s.State.Final() {
			return nil, false
		}
		if badness(s.State) > badness(worst.State) {
			worst.State, worst.Error, worst.Network = s.State, s.Error, nil
		}
		if s.Done.After(worst.Done) {
			worst.Done = s.Done
		}
	}
	return &worst, true
}

// badness orders final states: what is certain to have failed is worse than
// what nobody knows.
func badness(s gateway.ReceiptState) int {
	return slices.Index([]gateway.ReceiptState{
		gateway.StateSent, gateway.StateUnknown, gateway.StateDeleted, gateway.StateExpired, gateway.Undeliverable, gateway.StateRejected,
	}, s)
}

// failure reports whether a final state is other than delivered.
func failure(s gateway.ReceiptState) bool { return s.Final() && s != gateway.StateSent }

// receiptOf writes the receipt of one part as its application knows it.
func receiptOf(m *gateway.Message, e *gateway.Envelope, p gateway.AcceptedPart, r *gateway.Receipt) *gateway.Receipt {
	return &gateway.Receipt{
		ID: gateway.Sensitive(p.ID.String()), Source: m.Ends.Source, Dest: destOf(m, e), State: r.State, Error: r.Error,
		Submitted: p.At, Done: r.Done, Network: r.Network, Intermediate: r.Intermediate,
		Reference: p.Reference,
	}
}

// destOf is the telephone of an envelope as the application spelled it, where
// there was one only.
func destOf(m *gateway.Message, e *gateway.Envelope) gateway.Line {
	if m.Envelopes == 1 || e.Recipient.IsNull() {
		return m.Ends.Dest
	}
	l, err := gateway.ParseLine(e.Recipient.Phone().Reveal())
	if err != nil {
		return m.Ends.Dest
	}
	return l
}

// doneAt is when a receipt says that it was over, now where it says nothing.
func doneAt(r *gateway.Receipt, now time.Time) time.Time {
	if r.Done.IsZero() {
		return now
	}
	return r.Done
}
