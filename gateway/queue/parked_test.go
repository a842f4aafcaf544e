package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// counting counts the writes of envelopes.
type counting struct {
	store.Store
	writes atomic.Int64
}

func (c *counting) Commit(ctx context.Context, b *store.Batch) error {
	for _, op := range b.Ops {
		if !op.Delete && store.Table(op.Key[0]) == store.Envelopes {
			c.writes.Add(1)
		}
	}
	return c.Store.Commit(ctx, b)
}

// away makes the courier lose its way to out.example until the flag is set.
func (b *bench) away() (back *atomic.Bool) {
	back = new(atomic.Bool)
	b.courier.script = func(_ context.Context, e gateway.Envelope, _ int) gateway.Outcome {
		if back.Load() || e.Recipient.Domain() == "good.example" {
			return sent()
		}
		return dead()
	}
	return back
}

// accepts accepts n messages, a second after the other.
func (b *bench) accepts(n int, to string) (ids []gateway.EnvelopeID) {
	for range n {
		ids = append(ids, b.one(to))
		sleep(time.Second)
	}
	return ids
}

func (b *bench) allDelivered(ids []gateway.EnvelopeID, when string) {
	b.t.Helper()
	for _, id := range ids {
		if e := b.get(id); e.State != gateway.Delivered {
			b.t.Fatalf("%s is %s, due in %v", when, e.State, time.Until(e.Next))
		}
	}
}

// inMemory is how much memory holds.
func (b *bench) inMemory() int {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	return len(b.q.known)
}

// What waits for a destination that is away costs nothing: no attempt, no write,
// no place in memory. All leave when it is back.
func TestAwayCostsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		c := &counting{Store: b.inner}
		b.store, b.config.MaxEntries = c, 100
		back := b.away()
		b.start()
		ids := b.accepts(1000, "pat@out.example")
		sleep(30 * time.Minute)
		tried, written := b.courier.attempts(), c.writes.Load()
		if tried > 25 || written > 60 || b.inMemory() > 5 {
			t.Errorf("%d attempts, %d writes for 1000 that wait, %d in memory", tried, written, b.inMemory())
		}
		good := b.one("pat@good.example")
		sleep(time.Second)
		b.allDelivered([]gateway.EnvelopeID{good}, "another destination")
		sleep(10 * time.Minute)
		back.Store(true)
		sleep(maxPause + 30*time.Second)
		left := 0
		for _, id := range ids {
			if e := b.get(id); e.State != gateway.Delivered {
				left++
				if e.Attempts == 0 {
					t.Fatalf("never tried, due in %v", time.Until(e.Next))
				}
			}
		}
		if left > 20 { // those that were tried have their own times
			t.Errorf("%d are left", left)
		}
		sleep(time.Hour)
		b.allDelivered(ids, "an hour later")
		b.q.mu.Lock()
		defer b.q.mu.Unlock()
		if len(b.q.known) != 0 || len(b.q.parked) != 0 || len(b.q.back.wanted) != 0 {
			t.Errorf("%d entries and %d marks are left in memory", len(b.q.known), len(b.q.parked))
		}
	})
}

// A restart finds out at once whether the destination is back.
func TestRestartProbesWhatIsParked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		back := b.away()
		b.start()
		b.accepts(20, "pat@out.example")
		ids := b.accepts(200, "pat@out.example")
		_ = b.stop()
		b.start()
		sleep(2 * time.Second)
		if n := len(b.courier.served()); n != 0 {
			t.Fatalf("%d delivered to nobody", n)
		}
		_ = b.stop()
		back.Store(true)
		b.start()
		sleep(10 * time.Second)
		left := 0
		for _, id := range ids {
			if b.get(id).State != gateway.Delivered {
				left++
			}
		}
		if left > 10 {
			t.Errorf("%d of %d are left after the restart", left, len(ids))
		}
		sleep(time.Hour)
		b.allDelivered(ids, "an hour later")
	})
}

// What is parked for a destination that the routes know no more leaves by the
// new one.
func TestParkedFollowTheRoutes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.away()
		b.start()
		ids := b.accepts(100, "pat@out.example")
		_ = b.stop()
		moved := &movedCourier{b.courier}
		b.courier.script = nil
		b.q = New(b.store, moved, b.ledger, b.config, b.q.now, b.q.random.random, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.q.Run(ctx) }()
		sleep(10 * time.Second)
		left := 0
		for _, id := range ids {
			if b.get(id).State != gateway.Delivered {
				left++
			}
		}
		if left > 10 {
			t.Errorf("%d of %d are left", left, len(ids))
		}
		cancel()
		<-done
	})
}

type movedCourier struct{ *fakeCourier }

func (movedCourier) Destination(gateway.Envelope) string { return "smarthost" }

// Notices of delay and bounces of what is parked come in time.
func TestParkedAreToldInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.away()
		b.config.MaxAge = 10 * time.Hour
		b.start()
		b.accepts(10, "pat@out.example")
		id := b.one("pat@out.example")
		accepted := time.Now()
		sleep(4*time.Hour - time.Second)
		if b.get(id).Delayed {
			t.Error("a notice before its time")
		}
		sleep(2 * time.Second)
		if !b.get(id).Delayed || b.staged("delayed")[id.String()] != 1 {
			t.Error("no notice after four hours")
		}
		sleep(time.Until(accepted.Add(10*time.Hour)) - time.Second)
		if e := b.get(id); e.State != gateway.Queued {
			t.Errorf("%s before its time", e.State)
		}
		sleep(2 * time.Second)
		if e := b.get(id); e.State != gateway.Bounced || e.Last.Status != "4.4.7" || b.staged("bounced")[id.String()] != 1 {
			t.Errorf("%s with %s after ten hours", e.State, e.Last.Status)
		}
	})
}

// While an attempt that hangs finds out whether the destination is back, what
// comes does not gather in memory.
func TestHangingProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		back := b.away()
		b.courier.took = 50 * time.Second
		b.start()
		ids := b.accepts(600, "pat@out.example")
		if n := b.inMemory(); n > 10 {
			t.Errorf("%d entries in memory", n)
		}
		if n := b.courier.attempts(); n > 12 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		back.Store(true)
		sleep(2 * time.Hour)
		b.allDelivered(ids, "two hours later")
	})
}

// An attempt that ends before it began, or knows no route, says nothing of the
// destination: another one is made.
func TestProbeThatFindsNothingOut(t *testing.T) {
	for _, nothing := range []gateway.Outcome{
		{Result: gateway.Deferred, Code: 451, Status: "4.7.0", Phase: preparing},
		{Result: gateway.Unroutable, Status: "4.4.4"},
	} {
		inBubble(t, func(t *testing.T, b *bench) {
			var n atomic.Int64
			b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
				switch i := n.Add(1); {
				case i <= 5:
					return dead()
				case i <= 10:
					return nothing
				}
				return sent()
			}
			b.start()
			ids := b.accepts(50, "pat@out.example")
			sleep(10 * time.Minute)
			b.allDelivered(ids, "ten minutes later")
		})
	}
}

// The value of a row tells node, time and mark, also of older versions.
func TestParkedRow(t *testing.T) {
	b := newBench(t)
	id := gateway.EnvelopeID{Message: b.message()}
	ready := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	for _, mark := range []uint64{0, 1, markOf("out.example"), 1 << 63} {
		value := parkedValue("node 7", ready, id, mark)
		got, known := readyOf(value, id)
		if nodeOf(value) != "node 7" || markIn(value) != mark || !known || !got.Equal(ready) {
			t.Errorf("mark %x: %q %x %v %v", mark, nodeOf(value), markIn(value), got, known)
		}
	}
	if old := []byte("single"); nodeOf(old) != "single" || markIn(old) != 0 {
		t.Error("a row of an older version")
	}
}
