package flow

import (
	"context"
	"fmt"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
)

// sentSMS is a short message that the carrier has, or a part of it.
type sentSMS struct {
	asked  []byte   // registered_delivery of each part
	ids    []string // that the carrier gave to the segments; "" for one that it does not have
	notice bool     // a notice left instead of the parts
	to     string   // telephone; "": +15551234567
	state  gateway.State
	mail   bool // it was a mail of staff
}

const (
	testPhone = "+15551234567"
	testApp   = "esme1"
)

// sent stores a message as a settlement leaves it.
func (s sentSMS) store(ctx context.Context, t testing.TB, f *Flow) (*gateway.Message, gateway.Envelope) {
	t.Helper()
	m, e, b := s.staged(t, f)
	if err := store.Write(ctx, f.Store, b); err != nil {
		t.Fatal(err)
	}
	return m, e
}

func (s sentSMS) staged(t testing.TB, f *Flow) (*gateway.Message, gateway.Envelope, *store.Batch) {
	t.Helper()
	if s.to == "" {
		s.to = testPhone
	}
	to, err := gateway.PhoneAddress(s.to)
	dest, err1 := gateway.ParseLine(s.to)
	source, err2 := gateway.ParseLine("CLINIC")
	if err != nil || err1 != nil || err2 != nil {
		t.Fatal(err, err1, err2)
	}
	m := &gateway.Message{
		ID: newID(t, f), Channel: gateway.SMS, Direction: gateway.Outbound, Accepted: f.Now(), Envelopes: 1,
		Peer: gateway.Peer{Listener: "smpp", Account: testApp}, Sender: gateway.MustAddress("ann@clinic.example"), From: gateway.MustAddress("ann@clinic.example"),
		Ends: &gateway.Ends{Source: source, Dest: dest},
	}
	for _, registered := range s.asked {
		m.Ends.Parts = append(m.Ends.Parts, gateway.AcceptedPart{ID: newID(t, f), Registered: registered, At: f.Now()})
	}
	if s.mail {
		m.Ends = nil
	}
	before := gateway.Envelope{ID: gateway.EnvelopeID{Message: m.ID}, State: gateway.Queued, Sender: m.Sender, Recipient: to, Accepted: f.Now()}
	if s.notice {
		before.Notice = &gateway.Notice{}
	}
	o := gateway.Outcome{Result: gateway.Sent, At: f.Now()}
	for _, id := range s.ids {
		o.Segments = append(o.Segments, gateway.SegmentResult{Sent: id != "", ID: gateway.Sensitive(id), At: f.Now()})
	}
	b := new(store.Batch)
	if err := f.stageCarrierIDs(b, &before, o); err != nil {
		t.Fatal(err)
	}
	if err := f.stageShortIDs(b, m); err != nil {
		t.Fatal(err)
	}
	after := before
	after.State, after.Last, after.Attempts = gateway.Delivered, o, 1
	if s.state != "" {
		after.State = s.state
	}
	if err := b.PutRecord(messageKey(m.ID), m); err != nil {
		t.Fatal(err)
	}
	if err := b.PutRecord(envelopeKey(after.ID), after); err != nil {
		t.Fatal(err)
	}
	return m, after, b
}

func newID(t testing.TB, f *Flow) gateway.MessageID {
	t.Helper()
	id, err := gateway.NewMessageID(f.Now(), f.Random)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// receiptFor is what a carrier says of one of its ids.
func receiptFor(id string, s gateway.ReceiptState) gateway.Receipt {
	return gateway.Receipt{ID: gateway.Sensitive(id), State: s, Error: "001"}
}

// toTell is what waits for the test's application, as "id:STATE" for receipts.
func toTell(ctx context.Context, t testing.TB, f *Flow) (list []string) {
	t.Helper()
	all, err := f.Deliveries(ctx, testApp, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		switch {
		case d.Receipt == nil:
			list = append(list, "message")
		case d.Receipt.Intermediate:
			list = append(list, fmt.Sprintf("%s:%s intermediate", d.Receipt.ID.Reveal(), d.Receipt.State))
		default:
			list = append(list, fmt.Sprintf("%s:%s", d.Receipt.ID.Reveal(), d.Receipt.State))
		}
	}
	return list
}
