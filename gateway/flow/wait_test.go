package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
	"gatepost/store"
)

// TestMailWaitsForItsHour: what a rule lets wait leaves when the hour has
// come, passed or secured; what is for others leaves at once, and under
// observe all of it does.
func TestMailWaitsForItsHour(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		w.mode = mode
		kv := emptyStore()
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			f.Configure(w.settings(), judgeWith(t, `  - {id: night, reason: by day, when: 'recipient.domain in ["night.example", "secure.example", "hold.example"]', then: {until: 1}}
`))
			id, err := accept(ctx, f, submissionTo("a@night.example", "s@secure.example", "b@out.example", "h@hold.example"), testMail)
			if err != nil {
				return err
			}
			early := func(to string) bool { return len(w.hop.mail(to)) > 0 }
			deliverAll(ctx, f, 50*time.Minute)
			observe := mode == gateway.Observe
			if !early("b@out.example") || early("a@night.example") != observe || early("s@secure.example") != observe || early("h@hold.example") != observe {
				t.Errorf("%s: before the hour: %t %t %t", mode, early("b@out.example"), early("a@night.example"), early("s@secure.example"))
			}
			deliverAll(ctx, f, 15*time.Minute)
			if !early("a@night.example") || !early("s@secure.example") || early("h@hold.example") != observe {
				t.Errorf("%s: after the hour: %t %t", mode, early("a@night.example"), early("s@secure.example"))
			}
			n := 0
			for _, l := range shownLines(ctx, t, f, "audit.show", url.Values{"id": {id.String()}}) {
				if l.Detail["not_before"] == "2000-01-01T01:00:00Z" {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%s: evidence of %d that wait", mode, n)
			}
			return nil
		})
		w.sound(t, kv)
	}
}

// judgeWith is the test's policy with rules more.
func judgeWith(t *testing.T, rules string) *Judge {
	t.Helper()
	p, err := policy.Load("test.yaml", []byte(strings.Replace(testPolicy, "rules:\n", "rules:\n"+rules, 1)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(p, d)
}

// TestQuietHoursAndRates of short messages: at night they wait, and one more
// than a rule allows within a day is refused; by another line it is not.
func TestQuietHoursAndRates(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		f.Configure(w.settings(), judgeWith(t, `  - {id: quiet, reason: Q, when: 'channel == "sms" && local_time < 8 && !kind("one_time_code")', then: {until: 8}}
  - {id: rate, reason: R, when: 'recipient.sent_today >= 2', then: reject}
`))
		say := func(from, to string) error {
			s := short(t, "Your table is ready.", to)[0]
			s.Source = destination(from)
			_, err := submit(ctx, f, s)
			return err
		}
		for range 2 {
			if err := say("+15550001111", phonePass); err != nil {
				return err
			}
		}
		deliverAll(ctx, f, 7*time.Hour)
		if n := len(w.smsc.to(phonePass)); n != 0 {
			t.Errorf("%d at night", n)
		}
		if err := say("+15550001111", phonePass); err == nil || gateway.FaultOf(err).Code < 500 {
			t.Errorf("a third one: %v", err)
		}
		if err := say("+15550001111", phoneTLS); err != nil {
			t.Errorf("to another: %v", err)
		}
		deliverAll(ctx, f, 2*time.Hour)
		if n := len(w.smsc.to(phonePass)); n != 2 {
			t.Errorf("%d in the morning", n)
		}
		time.Sleep(16 * time.Hour) // more than a day after the first two
		f.housekeepOnce(ctx)
		return say("+15550001111", phonePass)
	})
	w.sound(t, kv)
}

// TestWhatWaitsIsNotKeptInMemory: its clear text lies sealed until its hour.
func TestWhatWaitsIsNotKeptInMemory(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		f.Configure(w.settings(), judgeWith(t, `  - {id: night, reason: by day, when: 'recipient.domain == "night.example"', then: {until: 1}}
`))
		late, err := accept(ctx, f, submissionTo("a@night.example"), testMail)
		if err != nil {
			return err
		}
		soon, err := accept(ctx, f, submissionTo("b@out.example"), testMail)
		if _, ok := f.fresh.octets(late); ok {
			t.Error("a mail that waits for hours is in memory")
		}
		if _, ok := f.fresh.octets(soon); !ok {
			t.Error("a mail that leaves now is read again")
		}
		return err
	})
}

// TestHeldKeepsItsHour: what waited for a reviewer, an operator or the end of a
// recall still waits for its sender's hour, and for that of a rule.
func TestHeldKeepsItsHour(t *testing.T) {
	// Each holds what waits for hour 5, and lets it go again.
	cycles := map[string]func(ctx context.Context, t *testing.T, f *Flow, e *gateway.Envelope) error{
		"released": func(ctx context.Context, t *testing.T, f *Flow, e *gateway.Envelope) error {
			_, err := operation(ctx, f, "held.release", reviewed(e.ID), "")
			return err
		},
		"held by an operator": func(ctx context.Context, t *testing.T, f *Flow, e *gateway.Envelope) error {
			_, first := operation(ctx, f, "held.release", reviewed(e.ID), "")
			_, second := operation(ctx, f, "queue.hold", reviewed(e.ID), "")
			_, third := operation(ctx, f, "held.release", reviewed(e.ID), "")
			return errors.Join(first, second, third)
		},
		"retried with all others": func(ctx context.Context, t *testing.T, f *Flow, e *gateway.Envelope) error {
			_, first := operation(ctx, f, "held.release", reviewed(e.ID), "")
			_, second := operation(ctx, f, "queue.retry", url.Values{"all": {"true"}}, "")
			return errors.Join(first, second)
		},
		"recalled and not": func(ctx context.Context, t *testing.T, f *Flow, e *gateway.Envelope) error {
			_, first := operation(ctx, f, "held.release", reviewed(e.ID), "")
			_, second := operation(ctx, f, "message.recall", url.Values{"id": {e.ID.Message.String()}}, "")
			_, third := operation(ctx, f, "message.recall_undo", url.Values{"id": {e.ID.Message.String()}}, "")
			return errors.Join(first, second, third)
		},
	}
	for name, cycle := range cycles {
		for _, scheduled := range []bool{true, false} {
			w, kv := newWorld(t), emptyStore()
			w.must(t, kv, func(ctx context.Context, f *Flow) error {
				s := short(t, "Your table is ready.", phoneHold)[0]
				if scheduled {
					s.Schedule = "000000050000000R" // in five hours
				} else {
					f.Configure(w.settings(), judgeWith(t, `  - {id: quiet, reason: Q, when: 'local_time < 5', then: {until: 5}}
`))
				}
				s.Validity = "000000200000000R"
				if _, err := submit(ctx, f, s); err != nil {
					return err
				}
				time.Sleep(time.Minute)
				var e gateway.Envelope
				find := func() error {
					return each(ctx, f.Store, store.Prefix(store.Envelopes), func(x *gateway.Envelope) { e = *x })
				}
				if err := find(); err != nil {
					return err
				}
				until := e.Until
				if err := cycle(ctx, t, f, &e); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := find(); err != nil || !e.Until.Equal(until) || until.IsZero() {
					t.Errorf("%s: it ends at %v, was to end at %v: %v", name, e.Until, until, err)
				}
				deliverAll(ctx, f, 4*time.Hour)
				if n := len(w.smsc.to(phoneHold)); n != 0 {
					t.Errorf("%s, scheduled %t: left before its hour", name, scheduled)
				}
				deliverAll(ctx, f, 2*time.Hour)
				if n := len(w.smsc.to(phoneHold)); n != 1 {
					t.Errorf("%s, scheduled %t: %d left in its hour", name, scheduled, n)
				}
				return nil
			})
			w.sound(t, kv)
		}
	}
}
