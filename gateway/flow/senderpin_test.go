package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// pinNowhere fails where a PIN stands in what left or in a record.
func pinNowhere(ctx context.Context, t *testing.T, w *world, f *Flow, pin string) error {
	t.Helper()
	for to, got := range w.hop.got {
		if strings.Contains(strings.Join(got, ""), pin) {
			t.Errorf("%s got the PIN", to)
		}
	}
	return f.Store.Scan(ctx, store.Range{}, func(item store.Item) bool {
		if strings.Contains(string(item.Value), pin) {
			t.Errorf("the PIN stands in table %s", store.Table(item.Key[0]))
		}
		return true
	})
}

// TestPINOfSenderInAFollowUp: who answers or hands on their own sent mail
// repeats its tag behind "Re:". It sets no PIN for that mail, and it does not
// leave: it opens the one before.
func TestPINOfSenderInAFollowUp(t *testing.T) {
	for mark, shown := range map[string]gateway.Sensitive{"Re: ": "Re: Results", "RE: AW: ": "RE: AW: Results", "Fwd: ": "Fwd: Results"} {
		w := newWorld(t)
		w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			if _, err := accept(ctx, f, submissionTo("s@secure.example"), senderMail); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			again := "From: Ann <ann@clinic.example>\r\nTo: s@secure.example\r\nSubject: " + mark + "[secure pin:49302718] Results\r\n" +
				"Thread-Topic: [secure pin:49302718] Results\r\nMessage-ID: <again@clinic.example>\r\nReferences: <original@clinic.example>\r\n\r\none more thing\r\n"
			id, err := accept(ctx, f, submissionTo("s@secure.example", "p@pass.example"), again)
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			m, err := f.message(ctx, id)
			if err != nil {
				return err
			}
			if m.Subject != shown || m.PIN != nil {
				t.Errorf("%s: subject %q, a PIN of its own %v", mark, m.Subject.Reveal(), m.PIN != nil)
			}
			if got := opened(ctx, t, w, f, "s@secure.example"); strings.Contains(got, "49302718") || !strings.Contains(got, "one more thing") {
				t.Errorf("%s: the reader gets %q", mark, got)
			}
			return pinNowhere(ctx, t, w, f, "49302718")
		})
	}
}

// TestPINOfSenderInAStaffTurn: the same to a capability, whose correspondent
// reads it under observe, too.
func TestPINOfSenderInAStaffTurn(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w, kv := newWorld(t), emptyStore()
		w.secured(t, kv, "s@secure.example")
		to := replyTo(w.hop.mail("s@secure.example")[0])
		w.hop.forget()
		w.mode = mode
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			id, err := handIn(ctx, f, submissionTo(to), strings.Replace(staffReply(to), "Re: ", "Re: [secure pin:49302718] ", 1))
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			m, err := f.message(ctx, id)
			if err != nil {
				return err
			}
			if got := opened(ctx, t, w, f, "s@secure.example"); strings.Contains(got, "49302718") || m.Subject != "Re: "+secretSubject {
				t.Errorf("%s: the reader gets %q under %q", mode, got, m.Subject.Reveal())
			}
			return nil
		})
	}
}
