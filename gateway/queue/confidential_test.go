package queue

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// A confidential envelope that is refused for good, or whose time runs out,
// waits for an operator, with its evidence; released it goes on, and its time
// begins anew. It goes alone: what leaves for one may not be what leaves for
// another.
func TestConfidentialWaitsInsteadOfBouncing(t *testing.T) {
	for name, o := range map[string]gateway.Outcome{"refused": refused(), "never answered": later(), "dead": dead()} {
		inBubble(t, func(t *testing.T, b *bench) {
			b.config.MaxAge = 2 * time.Hour
			answer := func() gateway.Outcome { return o }
			b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return answer() }
			b.start()
			m := b.message()
			var es []*gateway.Envelope
			for n := range uint32(8) {
				e := b.envelope(m, n, "pat@out.example")
				e.Confidential = true
				es = append(es, e)
			}
			b.accept(es...)
			sleep(3 * time.Hour)
			for _, e := range es {
				got := b.get(e.ID)
				if got.State != gateway.Held || got.Hold != HoldUndeliverable || !got.Next.IsZero() || b.staged("held")[e.ID.String()] != 1 {
					t.Fatalf("%s: %s (%s), next %v, evidence %v", name, got.State, got.Hold, got.Next, b.staged("held"))
				}
			}
			for _, call := range b.courier.allCalls() {
				if len(call) != 1 {
					t.Errorf("%s: %d went together", name, len(call))
				}
			}
			answer = sent
			if err := b.q.Release(t.Context(), es[0].ID, func(*store.Batch, *gateway.Envelope) error { return nil }); err != nil {
				t.Fatal(err)
			}
			sleep(2 * time.Hour)
			if got := b.get(es[0].ID); got.State != gateway.Delivered {
				t.Errorf("%s: released and %s", name, got.State)
			}
		})
	}
}

// What an operator holds meanwhile stays held for the operator's reason.
func TestConfidentialHeldByAnOperatorMeanwhile(t *testing.T) {
	c := Config{}
	c.setDefaults()
	q := &Queue{config: c, now: time.Now, random: newJitter(rand.Reader)}
	before := gateway.Envelope{State: gateway.Held, Hold: "operator", Confidential: true}
	st := &settlement{outcome: refused()}
	for range 2 { // planned, and taken up again after a conflict
		if after := q.plan(st, before); after.State != gateway.Held || after.Hold != "operator" {
			t.Errorf("%s, %q", after.State, after.Hold)
		}
	}
}
