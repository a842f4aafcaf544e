package flow

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

func statusOf(err error) uint32 {
	var f *gateway.Fault
	if errors.As(err, &f) {
		return f.SMPP
	}
	return 0
}

// What passes reaches the carrier as it came, octet by octet.
func TestShortMessagePassesAsItCame(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	s := short(t, "ignored", phonePass)[0]
	s.ServiceType, s.ESMClass, s.ProtocolID, s.Priority, s.Registered, s.Replace, s.DataCoding = "CMT", 0x01, 0x40, 2, 1, 1, 0xF4
	s.Validity, s.Schedule, s.DefaultID = "000001000000000R", "", 0
	s.Short = []byte{0, 1, 2, 0x1b, 0x65, 0xff}
	s.TLVs = []gateway.TLV{{Tag: 0x1400, Value: []byte("kept")}, {Tag: 0x0204, Value: []byte{0, 9}}, {Tag: 0x1400, Value: []byte{}}}
	ids := w.submitInto(t, kv, []gateway.Segment{s})
	w.settle(t, kv)
	got := w.smsc.to(phonePass)
	if len(got) != 1 {
		t.Fatalf("%d segments left", len(got))
	}
	if got[0].TLVs[2].Value = bytes.Clone(s.TLVs[2].Value); !reflect.DeepEqual(got[0], s) {
		t.Errorf("left as %#v", got[0])
	}
	e := envelopes(t, w, kv)[phonePass+"@"+gateway.PhoneDomain]
	if e.ID.Message.String() != ids[0] || e.State != gateway.Delivered || len(e.Last.Segments) != 1 || !e.Last.Segments[0].Sent {
		t.Errorf("%s %v, results %v", e.State, e.ID, e.Last.Segments)
	}
}

func TestShortMessagesAreRefusedWithAStatus(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		change := func(c func(*gateway.Segment)) gateway.Segment { s := short(t, "Hello", phonePass)[0]; c(&s); return s }
		for name, c := range map[string]struct {
			segment gateway.Segment
			account string
			status  uint32
		}{
			"stranger": {change(func(*gateway.Segment) {}), "nobody", gateway.StatusSubmitFailed},
			"source":   {change(func(s *gateway.Segment) { s.Source.Addr = "15550002222" }), "esme1", gateway.StatusInvalidSource},
			"name":     {change(func(s *gateway.Segment) { s.Dest = gateway.Line{TON: gateway.TONAlphanumeric, Addr: "SHOP"} }), "esme1", gateway.StatusInvalidDest},
			"size":     {change(func(s *gateway.Segment) { s.TLVs = []gateway.TLV{{Tag: 0x1400, Value: make([]byte, 80<<10)}} }), "esme1", gateway.StatusInvalidLength},
			"policy":   {change(func(s *gateway.Segment) { s.Dest = destination(phoneReject) }), "esme1", gateway.StatusSubmitFailed},
			"campaign": {change(func(s *gateway.Segment) { s.ServiceType = "NEWS" }), "esme1", gateway.StatusSubmitFailed},
		} {
			id, _, err := f.SubmitSMS(ctx, app(c.account), c.segment, gateway.SegmentPlace{Total: 1, Seq: 1}, []gateway.Line{c.segment.Dest})
			if statusOf(err) != c.status || id != "" {
				t.Errorf("%s: %q, %v", name, id, err)
			}
		}
		_, _, err := f.SubmitSMS(ctx, app("esme1"), change(func(*gateway.Segment) {}), gateway.SegmentPlace{Total: 3, Seq: 4}, []gateway.Line{destination(phonePass)})
		if statusOf(err) != gateway.StatusInvalidESMClass {
			t.Errorf("part 4 of 3: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := messages(t, w, kv); n != 0 {
		t.Errorf("%d messages kept of what was refused", n)
	}
	w.settle(t, kv)
	if len(w.smsc.got) != 0 {
		t.Error("something that was refused left")
	}
	w.sound(t, kv)
}

// An empty source is the account's own; the whole organization's rules see
// what only short messages have.
func TestRulesOfApplications(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, "Hello", phonePass)[0]
		s.Source = gateway.Line{}
		if _, err := submit(ctx, f, s); err != nil {
			return err
		}
		s.Source, s.ServiceType = gateway.Line{TON: gateway.TONAlphanumeric, Addr: "CLINIC"}, "LAB"
		_, _, err := f.SubmitSMS(ctx, app("esme2"), s, gateway.SegmentPlace{Total: 1, Seq: 1}, []gateway.Line{s.Dest})
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := w.smsc.to(phonePass)
	slices.SortFunc(got, func(a, b gateway.Segment) int { return strings.Compare(a.Source.Addr, b.Source.Addr) })
	if len(got) != 2 || got[0].Source.Addr != "15550001111" || string(got[0].Short) != "Hello" {
		t.Fatalf("left: %d segments", len(got))
	}
	if !strings.Contains(string(got[1].Short), "https://secure.clinic.example/m/") || got[1].Source.Addr != "CLINIC" {
		t.Error("the rule for an application did not secure")
	}
}

// submit_multi: each telephone has a message of its own, and what is refused
// does not keep the others.
func TestManyDestinations(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, secretBody, phonePass)[0]
		to := []gateway.Line{destination(phonePass), destination(phoneReject), {Addr: "x"}, destination(phoneSecure), destination(phonePass)}
		id, refused, err := f.SubmitSMS(ctx, app("esme1"), s, gateway.SegmentPlace{Total: 1, Seq: 1}, to)
		if id == "" || len(refused) != 2 {
			t.Errorf("%q, refused %v", id, refused)
		}
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.smsc.told(phonePass) != secretBody || len(w.smsc.to(phonePass)) != 1 || len(w.smsc.to(phoneReject)) != 0 {
		t.Error("the telephone that passes got something else")
	}
	w.tellsNothing(t)
	if got := w.smsc.told(phoneSecure); !strings.Contains(got, "https://secure.clinic.example/m/") {
		t.Errorf("the secured one got %q", got)
	}
	w.sound(t, kv)
}

// tellsNothing fails when the carrier saw the secret on the way to a telephone
// that is protected.
func (w *world) tellsNothing(t *testing.T) {
	t.Helper()
	for _, number := range []string{phoneSecure, phoneTLS, phoneNoCopy, phoneBoth} {
		for _, s := range w.smsc.to(number) {
			plain := append(append([]byte{}, s.Short...), s.Payload()...)
			folded := bytes.ReplaceAll(plain, []byte{0}, nil) // UCS-2
			if bytes.Contains(folded, []byte("ebra")) || bytes.Contains(folded, []byte("finch")) || bytes.Contains(folded, []byte("diagnosis")) {
				t.Errorf("%s: the carrier saw the original", number)
			}
		}
	}
}

// Observe judges and lets everything pass as it came.
func TestObservedShortMessagesPass(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.mode = gateway.Observe
	for _, number := range []string{phoneSecure, phoneHold, phoneReject, phoneTLS, phoneNoCopy} {
		s := short(t, secretBody, number)
		w.submitInto(t, kv, s)
		w.settle(t, kv)
		if got := w.smsc.to(number); len(got) != 1 || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %v", number, got)
		}
	}
	if e := envelopes(t, w, kv)[phoneSecure+"@"+gateway.PhoneDomain]; e.Decided != gateway.Secure || e.Action != gateway.Pass {
		t.Errorf("decided %s, did %s", e.Decided, e.Action)
	}
}

// A carrier that takes half of a text gets the other half later, and nothing
// twice.
func TestWhatTheCarrierTookIsNeverSentAgain(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	tries := map[byte]int{}
	w.smsc.answer = func(s gateway.Segment) (uint32, bool) {
		seq := s.Short[5]
		tries[seq]++
		if seq == 2 && tries[seq] < 3 {
			return gateway.StatusThrottled, false
		}
		return gateway.StatusOK, false
	}
	w.submitInto(t, kv, short(t, strings.Repeat("A long text of three segments. ", 12), phonePass))
	w.settle(t, kv)
	if tries[1] != 1 || tries[3] != 1 || tries[2] != 3 || len(w.smsc.to(phonePass)) != 3 {
		t.Errorf("tries %v, %d segments", tries, len(w.smsc.to(phonePass)))
	}
}
