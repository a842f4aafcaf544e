package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// waitForLink accepts messages for a destination whose link has failed, and
// returns when the link is back.
func waitForLink(t *testing.T, b *bench, known bool, fails gateway.Outcome) (ids []gateway.EnvelopeID, back time.Time) {
	t.Helper()
	var up atomic.Bool
	b.courier.script = func(_ context.Context, e gateway.Envelope, _ int) gateway.Outcome {
		switch {
		case e.Recipient.Domain() == "refused.example":
			return later()
		case up.Load():
			return sent()
		}
		return fails
	}
	if known {
		b.courier.limits = map[string]int{"out.example": 10}
	}
	b.start()
	for range 60 {
		ids = append(ids, b.one("pat@out.example"))
		sleep(10 * time.Second)
	}
	up.Store(true)
	return ids, time.Now()
}

// left is how long the last of them took from then on.
func left(t *testing.T, b *bench, ids []gateway.EnvelopeID, from time.Time) (most time.Duration) {
	t.Helper()
	for _, id := range ids {
		e := b.get(id)
		if e.State != gateway.Delivered {
			t.Fatalf("%s after %v, due in %v", e.State, time.Since(from), time.Until(e.Next))
		}
		most = max(most, e.Last.At.Sub(from))
	}
	return most
}

// One partner that the courier knows is looked for often, however long it has
// been away and whatever the schedule for others is.
func TestKnownDestinationComesBackSoon(t *testing.T) {
	throttled := gateway.Outcome{Result: gateway.Deferred, Code: 421, Status: "4.4.5", Phase: "submit"}
	for _, fails := range []gateway.Outcome{dead(), throttled} {
		inBubble(t, func(t *testing.T, b *bench) {
			ids, back := waitForLink(t, b, true, fails)
			sleep(time.Minute)
			if took := left(t, b, ids, back); took > 20*time.Second {
				t.Errorf("after %s all have left only after %v", fails.Status, took)
			}
		})
	}
	inBubble(t, func(t *testing.T, b *bench) { // the control: one that nobody knows
		ids, _ := waitForLink(t, b, false, dead())
		sleep(time.Minute)
		if e := b.get(ids[0]); e.State == gateway.Delivered {
			t.Error("a destination that nobody knows is looked for as often")
		}
	})
}

// Who tells that the destination is back has all of it leave at once; what was
// refused keeps its time.
func TestReopen(t *testing.T) {
	for _, known := range []bool{true, false} {
		inBubble(t, func(t *testing.T, b *bench) {
			ids, back := waitForLink(t, b, known, dead())
			other := b.one("pat@refused.example")
			sleep(time.Second)
			b.q.Reopen("out.example")
			b.q.Reopen("refused.example")
			b.q.Reopen("unheard-of.example")
			sleep(5 * time.Second)
			if known {
				if took := left(t, b, ids, back); took > 2*time.Second {
					t.Errorf("all have left only after %v", took)
				}
			}
			if e := b.get(other); e.Attempts != 1 {
				t.Errorf("what was refused was tried %d times", e.Attempts)
			}
			b.consistent()
		})
	}
}

// What may have arrived is repeated soon once, and then ever more slowly.
func TestUnknownIsNotRepeatedOften(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.limits = map[string]int{"out.example": 10}
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
			o := dead()
			o.Phase, o.Unknown = "submit", true
			return o
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(10 * time.Second)
		if n := b.courier.tried(id); n != 2 {
			t.Errorf("%d attempts in ten seconds", n)
		}
		sleep(time.Hour)
		if n := b.courier.tried(id); n < 5 || n > 11 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

// slowCommits is a store whose commits take their time.
type slowCommits struct{ store.Store }

func (s slowCommits) Commit(ctx context.Context, b *store.Batch) error {
	time.Sleep(time.Second)
	return s.Store.Commit(ctx, b)
}

// A crash repeats what was answered and is not stored: with a partner whose
// limit is known, no more than that limit or fewAtRisk, beside what is under way.
func TestFewUnstoredAnswersOfAKnownDestination(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const limit, all = fewAtRisk + 10, 1200
		b.store = slowCommits{b.inner}
		b.courier.took = time.Millisecond
		b.courier.limits = map[string]int{"out.example": limit}
		b.start()
		for range all {
			b.one("pat@out.example")
		}
		for range 20 {
			sleep(500 * time.Millisecond)
			stored := len(b.staged("delivered"))
			if most := len(b.courier.served()) - stored; most > 2*limit {
				t.Fatalf("%d answers are not stored", most)
			}
		}
		sleep(time.Minute)
		if n := len(b.courier.served()); n != all {
			t.Errorf("%d of %d delivered", n, all)
		}
	})
}
