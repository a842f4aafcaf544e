package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// longWords takes three segments; the secret is cut by the second border.
var longWords = strings.Repeat("x", 153+140) + " " + secretBody + strings.Repeat(" z", 20)

func shortJourneys() []journey {
	return []journey{
		{
			name: "submit short messages", covers: []string{"SubmitSMS"},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				for _, to := range []string{phonePass, phoneSecure} {
					if _, err := submitAll(ctx, f, short(t, secretBody, to)); err != nil {
						return err
					}
				}
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				n := messages(t, w, kv)
				if answer == nil && n != 2 || n > 2 {
					t.Errorf("answer %v, %d messages stored", answer, n)
				}
				w.settle(t, kv)
				if got := len(w.smsc.got); got != n {
					t.Errorf("%d messages stored, %d segments left", n, got)
				}
			},
		},
		{
			name: "submit a long text", covers: []string{"SubmitSMS"},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				_, err := submitAll(ctx, f, short(t, longWords, phonePass))
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				n := messages(t, w, kv)
				if answer == nil && n != 1 || n > 1 {
					t.Errorf("answer %v, %d messages stored", answer, n)
				}
				var parts int
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					if answer != nil { // an application that was not answered sends again
						if _, err := submitAll(ctx, f, short(t, longWords, phonePass)); err != nil {
							return err
						}
					}
					parts = len(f.waiting.loads)
					deliverAll(ctx, f, time.Minute)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if w.smsc.told(phonePass) != longWords || len(w.smsc.to(phonePass)) != 3 {
					t.Errorf("answer %v: the telephone got %d segments, %d accounts counted", answer, len(w.smsc.to(phonePass)), parts)
				}
			},
		},
		{
			name: "the rest of a long text never comes", covers: []string{"Agenda"},
			prepare: func(t *testing.T, w *world, kv store.Store) { w.submitInto(t, kv, short(t, longWords, phonePass)[:2]) },
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				time.Sleep(2 * time.Minute)
				f.agendaOnce(ctx)
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					time.Sleep(10 * time.Minute)
					f.agendaOnce(ctx)
					deliverAll(ctx, f, time.Minute)
					return f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(store.Item) bool {
						t.Error("a part waits for ever")
						return false
					})
				})
				if err != nil {
					t.Error(err)
				}
				if len(w.smsc.got) != 0 {
					t.Error("a part of a text left")
				}
			},
		},
		{
			name: "mail to telephones", covers: []string{"Accept", "Recipient"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				s := submissionTo(smsAddress(phonePass), smsAddress(phoneSecure), smsAddress(phoneReject))
				for _, r := range s.Recipients {
					if err := f.Recipient(ctx, &s, r); err != nil {
						return err
					}
				}
				_, err := accept(ctx, f, s, testMail)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				n := messages(t, w, kv)
				w.smsc.forget()
				w.settle(t, kv)
				if len(w.smsc.to(phonePass)) != n || len(w.smsc.to(phoneSecure)) != n || len(w.smsc.to(phoneReject)) > 0 || len(w.hop.mail("ann@clinic.example")) != n {
					t.Errorf("answer %v: %d messages, %d segments, %d reports", answer, n, len(w.smsc.got), len(w.hop.mail("ann@clinic.example")))
				}
			},
		},
		{
			name: "deliver to telephones", covers: []string{"Deliver", "Settle"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				w.submitInto(t, kv, short(t, secretBody, phonePass))
				w.submitInto(t, kv, short(t, secretBody, phoneSecure))
				w.submitInto(t, kv, short(t, "Hello", "+15552000404"))
				w.smsc.answer = func(s gateway.Segment) (uint32, bool) {
					if strings.HasSuffix(s.Dest.Addr, "404") {
						return gateway.StatusInvalidDest, false
					}
					return gateway.StatusOK, false
				}
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				deliverAll(ctx, f, 20*time.Second)
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				w.settle(t, kv)
				for number, state := range map[string]gateway.State{phonePass: gateway.Delivered, phoneSecure: gateway.Delivered, "+15552000404": gateway.Bounced} {
					if e := envelopes(t, w, kv)[number+"@"+gateway.PhoneDomain]; e.State != state {
						t.Errorf("%s is %s", number, e.State)
					}
				}
				for _, number := range []string{phonePass, phoneSecure} {
					if n := len(w.smsc.to(number)); n < 1 || n > 2 {
						t.Errorf("%s got %d segments", number, n)
					}
				}
			},
		},
		{
			name: "release and refuse short messages", covers: []string{"op held.release", "op held.refuse"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				for _, to := range []string{phoneHold, phoneBoth} {
					w.submitInto(t, kv, short(t, secretBody, to))
				}
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				var ids []gateway.EnvelopeID
				if err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) { ids = append(ids, e.ID) }); err != nil {
					return err
				}
				for _, id := range ids {
					if _, err := operation(ctx, f, "held.release", reviewed(id), ""); err != nil {
						return err
					}
				}
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				if answer == nil && (w.smsc.told(phoneHold) != secretBody || !strings.Contains(w.smsc.told(phoneBoth), "/m/")) {
					t.Errorf("released: %q and %q", w.smsc.told(phoneHold), w.smsc.told(phoneBoth))
				}
				if n := len(w.smsc.got); n > 2 {
					t.Errorf("%d segments left", n)
				}
			},
		},
	}
}
