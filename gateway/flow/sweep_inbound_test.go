package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// incomingJourneys are those of mail that comes to a conversation.
func incomingJourneys() []journey {
	var to string
	secured := func(t *testing.T, w *world, kv store.Store) {
		w.secured(t, kv, "s@secure.example")
		to = replyTo(w.hop.mail("s@secure.example")[0])
	}
	incoming := func(changes ...string) func(context.Context, *testing.T, *world, *Flow) error {
		return func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			_, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1", changes...))
			return err
		}
	}
	var held string
	return []journey{
		{
			name: "answer by mail", covers: []string{"Accept"}, prepare: secured, run: incoming(),
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				n := countIn(w.hop.mail("ann@clinic.example"), "thank you")
				if (n == 1) != (answer == nil) && !errors.Is(answer, store.ErrUnknown) || n > 1 {
					t.Errorf("answer %v, attached %d times", answer, n)
				}
			},
		},
		{
			name: "quarantine", covers: []string{"Accept"}, prepare: secured, run: incoming("X-Signed: none"),
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				e, waits := envelopes(t, w, kv)[to]
				waits = waits && e.State == gateway.Held && e.Hold == holdQuarantine
				if told := countIn(w.hop.mail("ann@clinic.example"), "was held back"); waits != (told == 1) || waits != (answer == nil) && !errors.Is(answer, store.ErrUnknown) {
					t.Errorf("answer %v, held %v, told %d times", answer, waits, told)
				}
			},
		},
		{
			name: "refused answer", covers: []string{"Accept"}, prepare: secured, run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				err := incoming("From: s@secure.example, x@out.example")(ctx, t, w, f)
				if err == nil || codeOf(err) == 550 {
					return nil
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				if n := messages(t, w, kv); n != 1 {
					t.Errorf("%d messages", n)
				}
			},
		},
		{
			name: "automatic reply", covers: []string{"Accept"}, prepare: secured, run: incoming("Auto-Submitted: auto-replied"),
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.hop.forget()
				w.settle(t, kv)
				if e := envelopes(t, w, kv)[to]; answer == nil && e.State != gateway.Recorded || len(w.hop.got) != 0 {
					t.Errorf("%s, then %v", e.State, w.hop.got)
				}
			},
		},
		{
			name: "release an answer", covers: []string{"op held.release"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				secured(t, w, kv)
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					id, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1", "X-Signed: none"))
					held = id.String() + ".0"
					return err
				})
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := operation(ctx, f, "held.release", url.Values{"id": {held}, "reason": {"she called"}}, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				n, e := countIn(w.hop.mail("ann@clinic.example"), "thank you"), envelopes(t, w, kv)[to]
				if (n == 1) != (e.State == gateway.Recorded) || n > 1 || answer == nil && n != 1 {
					t.Errorf("answer %v, %s, attached %d times", answer, e.State, n)
				}
			},
		},
		{
			name: "staff turn", covers: []string{"Accept"}, prepare: secured,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := handIn(ctx, f, submissionTo(to), staffReply(to))
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.hop.forget()
				w.settle(t, kv)
				n := len(w.hop.mail("s@secure.example"))
				if (n == 1) != (answer == nil) && !errors.Is(answer, store.ErrUnknown) || n > 1 {
					t.Errorf("answer %v, %d notices", answer, n)
				}
			},
		},
		{
			name: "another copy of an answer", covers: []string{"Accept"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				secured(t, w, kv)
				_ = w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
					_, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to+">, <carol@clinic.example", "1", "References: <original@clinic.example>"))
					return err
				}))
				w.settle(t, kv)
			},
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				return relaying(t, w, func(ctx context.Context, f *Flow) error {
					_, err := handIn(ctx, f, stranger("s@secure.example", "carol@clinic.example"), answering(to+">, <carol@clinic.example", "1", "References: <original@clinic.example>"))
					return err
				})(ctx, f)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				n := countIn(w.hop.mail("carol@clinic.example"), "thank you")
				if (n == 1) != (answer == nil) && !errors.Is(answer, store.ErrUnknown) || n > 1 {
					t.Errorf("answer %v, she got it %d times", answer, n)
				}
			},
		},
		{
			name: "forget replays", covers: []string{"Housekeep"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				secured(t, w, kv)
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error { return incoming()(ctx, t, w, f) })
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				time.Sleep(31 * 24 * time.Hour)
				_, err := f.forgetSeen(ctx)
				return err
			},
		},
	}
}

func countIn(mails []string, what string) (n int) {
	for _, raw := range mails {
		n += strings.Count(raw, what)
	}
	return n
}
