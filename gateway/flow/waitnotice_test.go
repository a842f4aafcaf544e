package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestSendersHearThatTheirMailWaits: once for a message, where a rule says so, in a
// mail that says nothing of what it says; a program hears nothing.
func TestSendersHearThatTheirMailWaits(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		told := func() []string { return w.hop.mail("ann@clinic.example") }
		sentTo(ctx, t, f, "h@hold.example", "h@why.example", "pat@out.example")
		if _, err := accept(ctx, f, submissionTo("x@tell.example"), "Auto-Submitted: auto-generated\r\n"+testMail); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		if n := len(told()); n != 0 {
			t.Errorf("told %d times", n)
		}
		one, two := sentTo(ctx, t, f, "x@tell.example"), sentTo(ctx, t, f, "x@tell.example", "y@tell.example", "h@hold.example")
		for i, id := range []gateway.MessageID{one, two} {
			if len(told()) != 2 {
				t.Fatalf("told %d times", len(told()))
			}
			mail := told()[i]
			if !strings.Contains(mail, "Held for review: message "+id.String()) || strings.Contains(mail, "ebrafinch") || strings.Contains(mail, "x@tell") || strings.Contains(mail, "Person: x") != (id == one) {
				t.Errorf("told %q", mail)
			}
			if e := mustEnvelopeOf(ctx, t, f, id); e.State != gateway.Held {
				t.Errorf("told, and %s", e.State)
			}
		}
		return nil
	})
}

// TestNobodyHearsOfMailOfOthers: mail from the world that a trusted server hands on, or
// forwards, under the name of a member of staff tells them nothing; who has
// authenticated there is told.
func TestNobodyHearsOfMailOfOthers(t *testing.T) {
	w := newWorld(t)
	told := func(ctx context.Context, f *Flow, s gateway.Submission) int {
		w.hop.forget()
		id, err := accept(ctx, f, s, testMail)
		if err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if e := mustEnvelopeOf(ctx, t, f, id); e.State != gateway.Held {
			t.Errorf("it is %s", e.State)
		}
		return len(w.hop.mail("ann@clinic.example"))
	}
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		s := submissionTo("x@tell.example")
		s.From = gateway.MustAddress("eve@world.example")
		if n := told(ctx, f, s); n != 0 {
			t.Errorf("forwarded from the world: told %d times", n)
		}
		return nil
	})
	w.must(t, emptyStore(), handingOn(w, func(ctx context.Context, f *Flow) error {
		s := submissionTo("x@tell.example")
		if n := told(ctx, f, s); n != 0 {
			t.Errorf("handed on: told %d times", n)
		}
		hire(ctx, t, f, "ann@clinic.example")
		s.Peer.Account, s.Since = "ann@clinic.example", f.Now()
		if n := told(ctx, f, s); n != 1 {
			t.Errorf("from the account: told %d times", n)
		}
		return nil
	}))
}
