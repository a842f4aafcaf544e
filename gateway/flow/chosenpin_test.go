package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
)

// TestChosenPINOpensNothingOlder: who has the mailbox alone chooses a PIN at a
// link that asks for no more, and does not open by it what a rule kept from
// the mailbox before: not by its link, not in the conversation, not when the
// PIN is gone again, and not on a browser remembered with it.
func TestChosenPINOpensNothingOlder(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		to := "s@secure.example"
		ids := w.told(ctx, t, f, []string{to}, "first", "second")
		kept, weak := w.links(t, to)[0], w.links(t, to)[1]
		demand := func(id gateway.MessageID) {
			e, _ := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN = "standing" })
		}
		demand(ids[0])
		byMailbox := w.proven(ctx, t, f, weak, to)
		if p, err := f.ChoosePIN(ctx, weak, byMailbox, "739154"); p != gateway.PINTaken || err != nil {
			t.Fatal(p, err)
		}
		if _, r, err := f.Prove(ctx, kept, gateway.Visitor{}, "739154"); r.Passed || r.Page.PIN != gateway.PINNone || err != nil {
			t.Errorf("an older message by its link: %+v, %v", r, err)
		}
		time.Sleep(time.Minute)
		newer, err := accept(ctx, f, submissionTo(to), strings.Replace(testMail, "<original@clinic.example>", "<third@clinic.example>\r\nReferences: <original@clinic.example>", 1))
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		demand(newer)
		e, _ := f.envelope(ctx, gateway.EnvelopeID{Message: newer})
		for _, secret := range w.links(t, to) {
			session, r, err := f.Prove(ctx, secret, gateway.Visitor{}, "739154")
			if seal.LinkID(secret) != e.Link || err != nil {
				continue
			}
			if !r.Passed {
				t.Errorf("a newer message: %+v", r)
			}
			v := gateway.Visitor{Session: session}
			if v.Device, err = f.Remember(ctx, secret, v); err != nil {
				return err
			}
			turn := func(when string) {
				var shut *gateway.TurnClosedError
				if _, err := f.OpenTurn(ctx, secret, v, ids[0], -1); !errors.As(err, &shut) || shut.State != gateway.TurnElsewhere {
					t.Errorf("an older message in the conversation, with the PIN %s: %v", when, err)
				}
			}
			turn("in force")
			if err := f.DropPIN(ctx, secret, v); err != nil {
				return err
			}
			turn("gone")
			if _, _, err := f.Enter(ctx, kept, v); !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("an older message by a browser: %v", err)
			}
			return nil
		}
		t.Error("no link of the newer message")
		return nil
	})
}
