package flow

import (
	"context"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestScheduledMessagesWaitHere: a message for later is with the carrier when
// its time has come and not before, so that STOP still reaches it.
func TestScheduledMessagesWaitHere(t *testing.T) {
	for _, stops := range []bool{false, true} {
		w, kv := newWorld(t), emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := short(t, "Tomorrow at 10", phonePass)[0]
			s.Schedule = "000002000000000R" // in two days
			if _, err := submit(ctx, f, s); err != nil {
				return err
			}
			deliverAll(ctx, f, 47*time.Hour)
			if got := w.smsc.to(phonePass); len(got) != 0 {
				t.Errorf("%d segments left at once", len(got))
			}
			if stops {
				if err := receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111")); err != nil {
					return err
				}
				f.agendaOnce(ctx)
			}
			deliverAll(ctx, f, 3*time.Hour)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := w.smsc.told(phonePass)
		if left := len(w.smsc.to(phonePass)) == 1 && got == "Tomorrow at 10"; left == stops {
			t.Errorf("STOP %t: %q", stops, got)
		}
		for _, s := range w.smsc.to(phonePass) {
			if s.Schedule != "" {
				t.Error("the carrier is to wait once more")
			}
		}
	}
	w, kv := newWorld(t), emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, "In a year", phonePass)[0]
		s.Schedule = "010000000000000R"
		if _, err := submit(ctx, f, s); gateway.FaultOf(err).SMPP != gateway.StatusInvalidSchedule {
			t.Errorf("far ahead: %v", err)
		}
		return nil
	})
}

// TestReplacedKeepsItsSchedule: a text that replaces another leaves when that
// one was to leave, unless it says something else (SMPP v3.4 section 4.10.1).
func TestReplacedKeepsItsSchedule(t *testing.T) {
	for schedule, hours := range map[string]int{"": 48, "000003000000000R": 72} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			s := short(t, "Tomorrow at 10", phonePass)[0]
			s.Schedule = "000002000000000R"
			id, err := submit(ctx, f, s)
			if err != nil {
				t.Fatal(err)
			}
			instead := gateway.Segment{Source: s.Source, Short: []byte("Tomorrow at 11"), Schedule: schedule}
			if err := f.ReplaceSMS(ctx, "esme1", id, instead); err != nil {
				t.Fatal(err)
			}
			deliverAll(ctx, f, time.Duration(hours-1)*time.Hour)
			if n := len(w.smsc.got); n != 0 {
				t.Errorf("schedule %q: %d left before its hour", schedule, n)
			}
			deliverAll(ctx, f, 2*time.Hour)
			if got := w.smsc.told(phonePass); got != "Tomorrow at 11" {
				t.Errorf("schedule %q: %q", schedule, got)
			}
			return nil
		})
	}
}

// TestReplacedKeepsItsValidity: so does its validity_period, here and at the
// carrier.
func TestReplacedKeepsItsValidity(t *testing.T) {
	for said, want := range map[string]string{"": "000000020000000R", "000000050000000R": "000000050000000R"} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			s := short(t, "Today at 10", phonePass)[0]
			s.Validity = "000000020000000R"
			id, err := submit(ctx, f, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.ReplaceSMS(ctx, "esme1", id, gateway.Segment{Short: []byte("Today at 11"), Validity: said}); err != nil {
				t.Fatal(err)
			}
			deliverAll(ctx, f, time.Minute)
			if got := w.smsc.to(phonePass); len(got) != 1 || got[0].Validity != want || string(got[0].Short) != "Today at 11" {
				t.Errorf("validity %q: left %d, %+v", said, len(got), got[0].Validity)
			}
			return nil
		})
	}
}

// TestScheduledIsAcceptedNow: a message for later was accepted when it came, and
// has all its time from when it may leave.
func TestScheduledIsAcceptedNow(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		s, came := short(t, "Tomorrow at 10", phonePass)[0], f.Now()
		s.Schedule = "000002000000000R"
		id, err := submit(ctx, f, s)
		if err != nil {
			t.Fatal(err)
		}
		found, err := f.findShort(ctx, "esme1", id, gateway.Line{})
		if err != nil {
			t.Fatal(err)
		}
		e, leaves := &found[0].envelope, came.Add(48*time.Hour)
		if !e.Accepted.Equal(came) || !e.NotBefore.Equal(leaves) || !e.Next.Equal(leaves) || !f.queue.End(e).Equal(leaves.Add(f.Parts.Queue.MaxAge)) {
			t.Errorf("accepted %v, due %v, ends %v; came %v", e.Accepted, e.Next, f.queue.End(e), came)
		}
		return nil
	})
}

// TestSecuredForLater: the link of a secured message lives from when its notice
// leaves, and reminders count from then.
func TestSecuredForLater(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		s, leaves := short(t, secretBody, phoneSecure)[0], f.Now().Add(60*24*time.Hour)
		s.Schedule = leaves.UTC().Format("060102150405") + "000+"
		id, err := submit(ctx, f, s)
		if err != nil {
			t.Fatal(err)
		}
		found, err := f.findShort(ctx, "esme1", id, gateway.Line{})
		if err != nil {
			t.Fatal(err)
		}
		link, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(found[0].envelope.Link))
		if err != nil || !link.Expires.Equal(leaves.Add(f.set().LinkExpires)) {
			t.Errorf("the link ends at %v, %v", link.Expires, err)
		}
		pass := func(d time.Duration) int {
			time.Sleep(d)
			f.agendaOnce(ctx)
			deliverAll(ctx, f, time.Minute)
			return len(w.smsc.to(phoneSecure))
		}
		first := testReminders().After[0]
		if n := pass(59 * 24 * time.Hour); n != 0 {
			t.Errorf("%d segments before its time", n)
		}
		if n := pass(24 * time.Hour); n != 1 {
			t.Errorf("%d segments at its time", n)
		}
		if n := pass(first); n != 2 {
			t.Errorf("%d segments after the time of a reminder", n)
		}
		page, err := f.Visit(ctx, linkIn(t, w.smsc.told(phoneSecure)), gateway.Visitor{})
		if err != nil || page.State != gateway.LinkActive {
			t.Errorf("the link is %s, %v", page.State, err)
		}
		return nil
	})
}
