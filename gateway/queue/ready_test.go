package queue

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/store"
)

// A scheduled envelope waits, is late and is given up as one that was accepted
// when it may leave; records of older versions say that they were.
func TestScheduledIsAsAcceptedThen(t *testing.T) {
	c := Config{}
	c.setDefaults()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		duration := func(name string, most time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, name))
		}
		ready := start.Add(duration("schedule", 90*24*time.Hour))
		now := ready.Add(duration("since", 200*time.Hour))
		o := gateway.Outcome{Result: rapid.SampledFrom([]gateway.Result{gateway.Deferred, gateway.Failed, gateway.Unroutable}).Draw(t, "result")}
		plain := gateway.Envelope{State: gateway.Queued, Accepted: ready, Attempts: rapid.IntRange(0, 20).Draw(t, "attempts")}
		if rapid.Bool().Draw(t, "validity") {
			plain.Until = ready.Add(duration("until", 200*time.Hour))
		}
		scheduled, older := plain, plain
		scheduled.Accepted, scheduled.NotBefore, older.NotBefore = start, ready, ready
		for _, e := range []gateway.Envelope{scheduled, older} {
			same := func(got, want gateway.Envelope) {
				if got.State != want.State || !got.Next.Equal(want.Next) || got.Delayed != want.Delayed || got.Last.Status != want.Last.Status {
					t.Fatalf("%+v, want %+v", got, want)
				}
			}
			same(c.decide(e, o, now, 0.5), c.decide(plain, o, now, 0.5))
			same(c.postpone(e, now.Add(time.Minute), o, now), c.postpone(plain, now.Add(time.Minute), o, now))
			if !c.end(&e).Equal(c.end(&plain)) {
				t.Fatalf("ends at %v, want %v", c.end(&e), c.end(&plain))
			}
		}
		// Before its time, at an operator's wish, it is neither late nor too old.
		if early := c.decide(scheduled, gateway.Outcome{}, start, 0.5); ready.After(start) && scheduled.Until.IsZero() && (early.Delayed || early.State != gateway.Queued) {
			t.Fatalf("early: %+v", early)
		}
	})
}

// TestAgeOfScheduled: what is for later is not old, whoever works on it and
// whichever version wrote it; once its time has come it grows old as any other.
func TestAgeOfScheduled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		age := func(when string, want time.Duration) {
			t.Helper()
			sleep(3 * time.Minute) // a count is due
			if got := b.q.metrics.age(time.Now()); got < want || got > want+4*time.Minute {
				t.Errorf("%s: the oldest is %v old, want %v", when, got, want)
			}
		}
		b.start()
		sleep(time.Second)
		id := b.message()
		sleep(time.Minute)
		e := b.envelope(id, 0, "pat@out.example")
		e.NotBefore = time.Now().Add(48 * time.Hour)
		b.accept(e)
		if got := b.get(e.ID); !got.Accepted.Equal(time.Now()) || !got.Next.Equal(e.NotBefore) {
			t.Errorf("accepted at %v, due at %v", got.Accepted, got.Next)
		}
		sleep(10 * time.Hour)
		age("scheduled", 0)
		b.rewriteRow(e, []byte("single"))
		age("of an older version", 0)
		b.rewriteRow(e, dueValue("gone", e.Ready(), e.ID))
		sleep(2 * time.Minute) // its lease lapses
		age("of another node", 0)
		if item, err := b.inner.Get(t.Context(), dueKey(e.NotBefore, e.ID)); err != nil || nodeOf(item.Value) != "single" {
			t.Errorf("the row of another node is not taken over: %v", err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b.start()
		age("after a start", 0)
		other := b.one("pat@other.example")
		sleep(2 * time.Hour)
		age("with another", 2*time.Hour)
		if err := b.q.Drop(t.Context(), other, noEvidence); err != nil {
			t.Fatal(err)
		}
		age("without it", 0)
		sleep(time.Until(e.NotBefore) - time.Second)
		if b.courier.tried(e.ID) != 0 {
			t.Error("tried before its time")
		}
		sleep(3 * time.Hour)
		age("when its time has come", 3*time.Hour)
		if got := b.get(e.ID); got.Delayed || got.Attempts == 0 {
			t.Errorf("%d attempts, delayed %t, after three hours", got.Attempts, got.Delayed)
		}
		sleep(2 * time.Hour)
		if got := b.get(e.ID); !got.Delayed || len(b.staged("delayed")) != 1 {
			t.Error("its sender hears of no delay after five hours")
		}
		sleep(115 * time.Hour)
		if got := b.get(e.ID); got.State != gateway.Bounced || got.Last.At.Sub(e.NotBefore).Round(time.Hour) != 120*time.Hour {
			t.Errorf("%s at %v", got.State, got.Last.At)
		}
	})
}

// What a reviewer releases is as old as its release.
func TestAgeOfReleased(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		b.start()
		sleep(time.Second)
		e := b.envelope(b.message(), 0, "pat@out.example")
		e.State, e.Hold = gateway.Held, "policy"
		b.accept(e)
		sleep(72 * time.Hour)
		if err := b.q.Release(t.Context(), e.ID, noEvidence2); err != nil {
			t.Fatal(err)
		}
		sleep(5 * time.Minute)
		if got := b.q.metrics.age(time.Now()); got < 4*time.Minute || got > 6*time.Minute {
			t.Errorf("%v old", got)
		}
	})
}

// rewriteRow writes the row of a queued envelope as somebody else would.
func (b *bench) rewriteRow(e *gateway.Envelope, value []byte) {
	b.t.Helper()
	batch := new(store.Batch)
	batch.Put(dueKey(b.get(e.ID).Next, e.ID), value)
	if err := store.Write(context.Background(), b.inner, batch); err != nil {
		b.t.Fatal(err)
	}
}
