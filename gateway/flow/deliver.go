package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Limit implements queue.Courier: a carrier of short messages says how many it
// takes at once.
func (f *Flow) Limit(destination string) int {
	if destination == destinationSMS && f.SMS != nil {
		return f.SMS.Limit()
	}
	return 0
}

// Destination implements queue.Courier.
func (f *Flow) Destination(e gateway.Envelope) string {
	if e.Recipient.IsPhone() {
		return destinationSMS
	}
	return f.Carrier.Destination(e.Recipient.Domain())
}

// Deliver implements queue.Courier: one attempt for envelopes that share
// message, content and destination. What was taken back since it was queued
// stays behind.
func (f *Flow) Deliver(ctx context.Context, envelopes []gateway.Envelope) []gateway.Outcome {
	if !slices.ContainsFunc(envelopes, f.mayBeTaken) {
		return f.deliver(ctx, envelopes)
	}
	leaving, outcomes := f.withhold(ctx, envelopes)
	if len(leaving) == 0 {
		return outcomes
	}
	got := f.deliver(ctx, leaving)
	if len(got) == 1 {
		got = slices.Repeat(got, len(leaving))
	}
	if len(leaving) == len(envelopes) || len(got) != len(leaving) {
		return got
	}
	for i := range outcomes {
		if outcomes[i].Phase == "" { // it left, or tried to
			outcomes[i], got = got[0], got[1:]
		}
	}
	return outcomes
}

// mayBeTaken reports whether an envelope may have been taken back. The first
// attempt of a mail without a link comes too soon for a recall, as does one that
// follows its acceptance at once: the queue is not slowed down for it.
func (f *Flow) mayBeTaken(e gateway.Envelope) bool {
	return e.Attempts > 0 || !e.Link.IsZero() && !f.justAccepted(e.ID.Message)
}

// justAccepted reports whether a message was accepted here a moment ago, and
// nothing was taken back here since. Another process that takes it back so soon
// ends its link, though the notice leaves.
func (f *Flow) justAccepted(id gateway.MessageID) bool {
	m, takings, ok := f.fresh.accepted(id)
	if !ok || takings != f.takings.Load() {
		return false
	}
	since := f.Now().Sub(m.Accepted) // below zero: the clock was set back
	return since >= 0 && since < looksGood
}

// withhold tells what leaves from what was taken back, which gets its outcome.
func (f *Flow) withhold(ctx context.Context, envelopes []gateway.Envelope) (leaving []gateway.Envelope, outcomes []gateway.Outcome) {
	outcomes = make([]gateway.Outcome, len(envelopes))
	for i := range envelopes {
		e := &envelopes[i]
		if f.mayBeTaken(*e) && f.recalled(ctx, e.ID) {
			outcomes[i] = notBegun(f.Now())
			continue
		}
		leaving = append(leaving, *e)
	}
	return leaving, outcomes
}

// notBegun is the outcome of an attempt that ended before it began, which says
// nothing of the destination.
func notBegun(now time.Time) gateway.Outcome {
	return gateway.Outcome{Result: gateway.Deferred, At: now, Code: 451, Status: "4.7.0", Text: "stopped before anything left", Phase: "prepare"}
}

func (f *Flow) deliver(ctx context.Context, envelopes []gateway.Envelope) []gateway.Outcome {
	first := envelopes[0]
	m, err := f.message(ctx, first.ID.Message)
	if err != nil {
		return all(len(envelopes), f.internal(err))
	}
	switch {
	case first.Recipient.IsPhone():
		return f.deliverSMS(ctx, m, envelopes)
	case first.Notice == nil && first.Confidential:
		return f.deliverConfidential(ctx, m, first)
	case first.Notice == nil && first.Action == gateway.TLS:
		return f.Carrier.Deliver(ctx, first.Recipient.Domain(), VerifiedTLS, func(state gateway.TLSState, met bool) (*Outgoing, error) {
			if met {
				return f.outgoing(ctx, m, envelopes)
			}
			return f.fallBack(ctx, m, envelopes, state)
		})
	}
	return f.Carrier.Deliver(ctx, first.Recipient.Domain(), AnyConnection, func(gateway.TLSState, bool) (*Outgoing, error) {
		return f.outgoing(ctx, m, envelopes)
	})
}

func all(n int, o gateway.Outcome) []gateway.Outcome {
	outcomes := make([]gateway.Outcome, n)
	for i := range outcomes {
		outcomes[i] = o
	}
	return outcomes
}

// internal is the outcome of a fault of ours: it delays and never bounces.
func (f *Flow) internal(err error) gateway.Outcome {
	f.Log.Error("delivery could not be prepared", "error", err)
	return gateway.Outcome{Result: gateway.Deferred, At: f.Now(), Code: 451, Status: "4.3.0", Text: "temporary internal fault", Phase: "prepare"}
}

func (f *Flow) message(ctx context.Context, id gateway.MessageID) (*gateway.Message, error) {
	if m, ok := f.fresh.record(id); ok {
		return m, nil
	}
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return nil, fmt.Errorf("reading message %v: %w", id, err)
	}
	return &m, nil
}

// outgoing is what leaves for envelopes: their notice, or the original.
func (f *Flow) outgoing(ctx context.Context, m *gateway.Message, envelopes []gateway.Envelope) (*Outgoing, error) {
	first := envelopes[0]
	out := &Outgoing{From: first.Sender, EightBit: m.EightBit, UTF8: m.UTF8, EnvID: m.EnvID, Return: m.Return}
	for _, e := range envelopes {
		out.Recipients = append(out.Recipients, gateway.Recipient{Address: e.Recipient, Notify: e.Notify, Original: e.Original.Reveal()})
	}
	if n := first.Notice; n != nil {
		out.EightBit, out.EnvID, out.Return = false, "", ""
		out.UTF8 = !first.Recipient.IsASCII()
		out.Recipients[0].Notify = "" // bounces of a notice come here in any case
		key, err := f.Spool.Open(n.Spool, m.ID)
		if err != nil {
			return nil, fmt.Errorf("opening notice of %v: %w", first.ID, err)
		}
		out.Size = n.Body.Size
		out.Open = f.opener(ctx, key, m.ID, n.Body, nil, "")
		return out, nil
	}
	if first.Confidential { // composed here: nothing was received that a trace line could tell of
		return out, f.original(ctx, m, out, "")
	}
	return out, f.original(ctx, m, out, f.received(m))
}

// original fills out with the message itself: a Received line, then every
// octet but the edits.
func (f *Flow) original(ctx context.Context, m *gateway.Message, out *Outgoing, received string) error {
	out.Size = int64(len(received)) + m.Body.Size
	for _, e := range m.Edits {
		out.Size += int64(len(e.Text)) - e.Length
	}
	if raw, ok := f.fresh.octets(m.ID); ok {
		out.Open = func() (io.ReadCloser, error) {
			if len(m.Edits) > 0 {
				return io.NopCloser(withEdits(received, bytes.NewReader(raw), m.Edits)), nil
			}
			return &inMemory{rest: [][]byte{[]byte(received), raw}}, nil
		}
		return nil
	}
	if m.Spool.IsZero() {
		return fmt.Errorf("message %v has no spool wrap: its original does not leave", m.ID)
	}
	key, err := f.Spool.Open(m.Spool, m.ID)
	if err != nil {
		return fmt.Errorf("opening message %v: %w", m.ID, err)
	}
	out.Open = f.opener(ctx, key, m.ID, m.Body, m.Edits, received)
	return nil
}

// inMemory is a body that leaves from where it stands: nothing changes the
// octets of a message.
type inMemory struct{ rest net.Buffers }

func (b *inMemory) Read(p []byte) (int, error) { return b.rest.Read(p) }
func (b *inMemory) Close() error               { return nil }

// Pieces are the octets that were not read.
func (b *inMemory) Pieces() [][]byte { return b.rest }

func withEdits(received string, body io.Reader, edits []gateway.Edit) io.Reader {
	if len(edits) > 0 {
		body = mailmsg.Apply(body, edits)
	}
	return io.MultiReader(bytes.NewReader([]byte(received)), body)
}

// opener returns a function that opens the body anew, so that a second
// address of the next hop can be tried.
func (f *Flow) opener(ctx context.Context, key seal.Key, id gateway.MessageID, body gateway.Body, edits []gateway.Edit, received string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		c, done, err := f.openBody(ctx, key, id, body)
		if err != nil {
			return nil, err
		}
		r := withEdits(received, io.NewSectionReader(c, 0, c.Size()), edits)
		return closer{r, done}, nil
	}
}

type closer struct {
	io.Reader
	done func()
}

func (c closer) Close() error { c.done(); return nil }

// fallBack turns a tls envelope into a secured one, durably, before its
// notice leaves on the connection at hand. Envelopes of action tls come one
// by one: each recipient has a link of their own.
func (f *Flow) fallBack(ctx context.Context, m *gateway.Message, envelopes []gateway.Envelope, state gateway.TLSState) (*Outgoing, error) {
	if len(envelopes) != 1 {
		return nil, errors.New("several recipients in one tls attempt cannot fall back together")
	}
	e := &envelopes[0]
	key, err := f.Spool.Open(m.Spool, m.ID)
	if err != nil {
		return nil, fmt.Errorf("opening message %v: %w", m.ID, err)
	}
	writing, cancel := recording(ctx)
	defer cancel()
	err = f.queue.Amend(writing, e.ID, func(b *store.Batch, stored *gateway.Envelope) error {
		if !stored.Recalled.IsZero() {
			return errors.New("taken back by the sender")
		}
		if err := f.secureLater(writing, b, m, key, stored); err != nil {
			return err
		}
		*e = *stored
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: gateway.EventFellBack, Actor: "system", Message: m.ID, Envelope: e.ID.String(),
			Thread: m.Thread, Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"tls": tlsText(state)},
		})
	})
	if err != nil {
		return nil, err
	}
	return f.outgoing(ctx, m, envelopes)
}

func tlsText(s gateway.TLSState) string {
	if s.Version == "" {
		return "none"
	}
	if s.Verified {
		return s.Version + " verified"
	}
	return s.Version + " not verified"
}
