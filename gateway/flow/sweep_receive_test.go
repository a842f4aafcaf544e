package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/store"
)

// stands is what the ledger says of messages to phonePass.
func (w *world) stands(t *testing.T, kv store.Store) (state consent.State) {
	t.Helper()
	phone, err := gateway.PhoneAddress(phonePass)
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
		state, err = f.consents.Check(ctx, destination("+15550001111"), phone)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return state
}

func receivedJourneys() []journey {
	stop := func(t *testing.T, w *world, kv store.Store) {
		if err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			return receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111"))
		}); err != nil {
			t.Fatal(err)
		}
	}
	said := func(op string, allows bool, prepare func(*testing.T, *world, store.Store)) journey {
		return journey{
			name: op, covers: []string{"op " + op}, prepare: prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := operation(ctx, f, op, url.Values{"name": {phonePass}, "line": {"+15550001111"}}, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer == nil && w.stands(t, kv).Allows() != allows {
					t.Errorf("after %s: %v", op, w.stands(t, kv))
				}
			},
		}
	}
	return []journey{
		{
			name: "receive a short message", covers: []string{"ReceiveSMS"},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				return receiveAll(ctx, f, wrote(t, "see you", phonePass, "+15550001111"))
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				n := messages(t, w, kv)
				if answer == nil && n != 1 || n > 1 {
					t.Errorf("answer %v, %d messages", answer, n)
				}
				w.settle(t, kv)
				if got := len(w.hop.mail("desk@clinic.example")); got != n {
					t.Errorf("%d messages, %d mails to staff", n, got)
				}
			},
		},
		{
			name: "receive a message again", covers: []string{"ReceiveAgainSMS"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				w.must(t, kv, func(ctx context.Context, f *Flow) error {
					return receiveAll(ctx, f, wrote(t, "see you", phonePass, "+15550001111"))
				})
			},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				return f.ReceiveAgainSMS(ctx, wrote(t, "see you", phonePass, "+15550001111")[0], f.Now().Add(-time.Hour), f.Now())
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				if n := messages(t, w, kv); n != 1 {
					t.Errorf("%d messages", n)
				}
			},
		},
		{
			name: "receive a long text", covers: []string{"ReceiveSMS"},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				return receiveAll(ctx, f, wrote(t, strings.Repeat("word ", 60)+".", phonePass, "+15550001111"))
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					if answer != nil { // the carrier comes back with what was not answered
						if err := receiveAll(ctx, f, wrote(t, strings.Repeat("word ", 60)+".", phonePass, "+15550001111")); err != nil {
							return err
						}
					}
					time.Sleep(2 * time.Minute)
					f.agendaOnce(ctx)
					deliverAll(ctx, f, time.Minute)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				whole := false
				for _, mail := range w.hop.mail("desk@clinic.example") {
					whole = whole || readMail(t, mail) == strings.Repeat("word ", 60)+"."
				}
				if !whole {
					t.Errorf("answer %v, and staff have no whole text", answer)
				}
			},
		},
		{
			name: "receive STOP", covers: []string{"ReceiveSMS"},
			prepare: func(t *testing.T, w *world, kv store.Store) { w.submitInto(t, kv, short(t, "waiting", phonePass)) },
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				return receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111"))
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer != nil {
					return
				}
				if w.stands(t, kv) != consent.Stopped {
					t.Errorf("answered, and the telephone is %v", w.stands(t, kv))
				}
				w.settle(t, kv)
				if got := w.smsc.to(phonePass); len(got) != 1 || strings.Contains(readSegments(got), "waiting") {
					t.Errorf("after STOP %d segments leave: %q", len(got), readSegments(got))
				}
			},
		},
		{
			name: "bind", covers: []string{"LoginSMS"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				err := errors.Join(f.LoginSMS(ctx, app("esme1"), true), f.LoginSMS(ctx, app("nobody"), false))
				for range bindsEach + 5 { // more than get rows of their own
					err = errors.Join(err, f.LoginSMS(ctx, app("esme1"), false))
				}
				time.Sleep(bindTime)
				f.agendaOnce(ctx)
				f.agendaOnce(ctx)
				if len(f.binds.count) > 0 {
					err = errors.Join(err, errors.New("the store is gone, and with it what was only counted"))
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					if rows, told := wrongBinds(ctx, t, f); answer == nil && (told["esme1"] < bindsEach+5 || told[""] != 1 || rows > bindsEach+3) {
						t.Errorf("%d rows tell of %v", rows, told)
					}
					return nil
				})
			},
		},
		said("consent.stop", false, nil),
		said("consent.resume", true, stop),
		{
			name: "consent.list", covers: []string{"op consent.list"}, prepare: stop,
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				out, err := operation(ctx, f, "consent.list", url.Values{"format": {"csv"}}, "")
				if err == nil && !strings.Contains(out, phonePass) {
					t.Errorf("the ledger is silent: %s", out)
				}
				return err
			},
		},
	}
}
