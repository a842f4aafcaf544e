package queue

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func TestBackoffDoublesWithinItsBounds(t *testing.T) {
	c := Config{FirstRetry: time.Minute, MaxRetry: time.Hour}
	c.setDefaults()
	for n, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 6: 32, 7: 60, 8: 60, 1000: 60} {
		want *= time.Minute
		if got := c.backoff(n, 0); got != want {
			t.Errorf("after %d attempts %v, want %v", n, got, want)
		}
		if got := c.backoff(n, 0.999999); got < want*4/5 || got >= want {
			t.Errorf("after %d attempts with most chance %v, want a fifth less than %v", n, got, want)
		}
	}
}

// Without randomness retries only bunch up.
func TestJitterWithoutRandomness(t *testing.T) {
	if got := newJitter(bytes.NewReader(nil)).draw(); got != 0 {
		t.Errorf("drew %v", got)
	}
	if got := newJitter(bytes.NewReader(bytes.Repeat([]byte{0xff}, 8))).draw(); got >= 1 || got < 0.99 {
		t.Errorf("drew %v of the largest number", got)
	}
}

// What failed together does not come back together.
func TestRetriesSpread(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		b.start()
		var ids []gateway.EnvelopeID
		for range 50 {
			ids = append(ids, b.one("pat@out.example"))
		}
		sleep(time.Second)
		times := map[time.Duration]bool{}
		for _, id := range ids {
			e := b.get(id)
			wait := e.Next.Sub(e.Last.At)
			if wait < 48*time.Second || wait > time.Minute+time.Second {
				t.Errorf("second attempt after %v", wait)
			}
			times[wait.Truncate(time.Second)] = true
		}
		if len(times) < 5 {
			t.Errorf("second attempts at %d different seconds", len(times))
		}
	})
}

// DelayNotice below zero sends none, and one that was sent is not repeated
// after a restart.
func TestDelayNotice(t *testing.T) {
	for name, notice := range map[string]time.Duration{"none": -1, "after an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.config.DelayNotice = notice
				b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
				b.start()
				b.one("pat@out.example")
				sleep(3 * time.Hour)
				_ = b.stop()
				b.start()
				sleep(3 * time.Hour)
				if n := len(b.staged("delayed")); (n == 1) != (notice > 0) || n > 1 {
					t.Errorf("%d notices", n)
				}
			})
		})
	}
}

func TestConcurrencyPerDestination(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.PerDestination, b.config.Workers = 3, 7
		b.courier.took = 10 * time.Second
		b.start()
		for i := range 60 {
			b.one(fmt.Sprintf("pat@%d.example", i%4))
		}
		sleep(10 * time.Minute)
		for d, n := range b.courier.peaks() {
			if n > 3 {
				t.Errorf("%d attempts at once to %s", n, d)
			}
		}
		if n := len(b.courier.served()); n != 60 {
			t.Errorf("%d of 60 delivered", n)
		}
	})
}

// One destination with ten thousand envelopes that hangs does not keep the
// others waiting.
func TestSlowDestinationStarvesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Workers, b.config.PerDestination, b.config.MaxEntries = 20, 10, 500
		b.courier.whole = func(ctx context.Context, es []gateway.Envelope) []gateway.Outcome {
			if es[0].Recipient.Domain() == "hangs.example" {
				<-ctx.Done()
				return repeat(dead(), 1)
			}
			return repeat(sent(), len(es))
		}
		b.start()
		for range 300 {
			b.one("pat@hangs.example")
		}
		sleep(time.Second)
		id := b.one("pat@good.example")
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Delivered {
			t.Errorf("the envelope to another destination is %s", e.State)
		}
	})
}

// A destination that nobody reaches is tried by a few, then paused: those who
// wait move on without an attempt, and one attempt finds out that it lives.
func TestDeadDestinationIsPausedAndRevives(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		alive := make(chan struct{})
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
			select {
			case <-alive:
				return sent()
			default:
				return dead()
			}
		}
		b.start()
		var ids []gateway.EnvelopeID
		for range 100 {
			ids = append(ids, b.one("pat@out.example"))
		}
		sleep(10 * time.Second)
		if n := b.courier.attempts(); n < 3 || n > 10 {
			t.Errorf("%d attempts before the pause", n)
		}
		sleep(10 * time.Minute)
		before := b.courier.attempts()
		if before > 30 {
			t.Errorf("%d attempts in ten minutes at a dead destination", before)
		}
		close(alive)
		sleep(30 * time.Minute)
		for _, id := range ids {
			if e := b.get(id); e.State != gateway.Delivered {
				t.Fatalf("%s half an hour after the destination came back", e.State)
			}
		}
	})
}

// An envelope whose time runs out while its destination is paused bounces.
func TestMaxAgeAtADeadDestination(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxAge = 2 * time.Hour
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return dead() }
		b.start()
		var ids []gateway.EnvelopeID
		for range 30 {
			ids = append(ids, b.one("pat@out.example"))
		}
		sleep(2*time.Hour + 5*time.Minute)
		for _, id := range ids {
			if e := b.get(id); e.State != gateway.Bounced || e.Last.Status != "4.4.7" || b.staged("bounced")[id.String()] != 1 {
				t.Errorf("%s with %s", e.State, e.Last.Status)
			}
		}
	})
}

// A final dot without an answer counts as an attempt and is tried again.
func TestUnknownOutcomeIsRetriedAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(_ context.Context, _ gateway.Envelope, try int) gateway.Outcome {
			if try == 1 {
				return gateway.Outcome{Result: gateway.Deferred, Phase: "dot", Status: "4.4.2", Unknown: true}
			}
			return sent()
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Queued || e.Attempts != 1 || !e.Last.Unknown {
			t.Errorf("%s after %d attempts, unknown %v", e.State, e.Attempts, e.Last.Unknown)
		}
		sleep(2 * time.Minute)
		if e := b.get(id); e.State != gateway.Delivered || e.Attempts != 2 {
			t.Errorf("%s after %d attempts", e.State, e.Attempts)
		}
	})
}

// More than memory holds waits in the store and is delivered in time.
func TestMoreThanMemoryHolds(t *testing.T) {
	for name, limit := range map[string]func(*Config){
		"entries": func(c *Config) { c.MaxEntries = 40 },
		"octets":  func(c *Config) { c.MemoryBytes = 16 << 10 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				limit(&b.config)
				b.config.Workers = 5
				b.courier.took = time.Second
				b.start()
				for range 500 {
					b.one("pat@out.example")
				}
				sleep(time.Second)
				b.q.mu.Lock()
				known, octets := len(b.q.known), b.q.bytes
				b.q.mu.Unlock()
				if known > b.q.config.MaxEntries || octets > b.q.config.MemoryBytes+4096 {
					t.Errorf("%d entries of %d octets in memory", known, octets)
				}
				sleep(10 * time.Minute)
				if n := len(b.courier.served()); n != 500 {
					t.Errorf("%d of 500 delivered", n)
				}
				for id, n := range b.courier.served() {
					if n != 1 {
						t.Errorf("%v delivered %d times", id, n)
					}
				}
				b.q.mu.Lock()
				defer b.q.mu.Unlock()
				if len(b.q.known) != 0 || b.q.bytes != 0 {
					t.Errorf("%d entries, %d octets are left in memory", len(b.q.known), b.q.bytes)
				}
			})
		})
	}
}

// A restart reads the schedule: what was due goes at once, the rest in time.
func TestRestartReadsTheSchedule(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(_ context.Context, _ gateway.Envelope, try int) gateway.Outcome {
			if try == 1 {
				return later()
			}
			return sent()
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		_ = b.stop()
		unborn := b.one("kim@out.example") // committed by a process that died before it could begin
		b.start()
		sleep(time.Second)
		if b.courier.tried(id) != 1 || b.courier.tried(unborn) != 1 {
			t.Errorf("%d and %d attempts, want one each", b.courier.tried(id), b.courier.tried(unborn))
		}
		sleep(3 * time.Minute)
		for _, id := range []gateway.EnvelopeID{id, unborn} {
			if e := b.get(id); e.State != gateway.Delivered || e.Attempts != 2 {
				t.Errorf("%s after %d attempts", e.State, e.Attempts)
			}
		}
	})
}

// A row whose envelope cannot be read keeps nothing else from leaving.
func TestUnreadableEnvelope(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		_ = b.stop()
		id := gateway.EnvelopeID{Message: b.message()}
		batch := new(store.Batch)
		batch.Put(envelopeKey(id), []byte{99})
		damaged := dueKey(time.Now(), id)
		batch.Put(damaged, []byte("single"))
		if err := store.Write(t.Context(), b.inner, batch); err != nil {
			t.Fatal(err)
		}
		good := b.one("pat@out.example")
		b.start()
		sleep(5 * time.Minute)
		if e := b.get(good); e.State != gateway.Delivered {
			t.Errorf("%s beside an unreadable one", e.State)
		}
		undo := new(store.Batch)
		undo.Delete(envelopeKey(id))
		undo.Delete(damaged)
		if err := store.Write(t.Context(), b.inner, undo); err != nil {
			t.Fatal(err)
		}
	})
}
