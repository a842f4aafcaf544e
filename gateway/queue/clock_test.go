package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
)

// wrongClock is a clock that is set; plain: it tells the time of day only, as
// what was read from the store does.
type wrongClock struct {
	off   atomic.Int64
	plain bool
}

func (c *wrongClock) set(off time.Duration) { c.off.Store(int64(off)) }

func (c *wrongClock) now() time.Time {
	now := time.Now().Add(time.Duration(c.off.Load()))
	if c.plain {
		now = now.Round(0)
	}
	return now
}

// What a clock that was a day ahead has put off leaves when it is set right, by
// the process that saw it and by one that begins then; what is for later leaves
// then and not before.
func TestClockSetRight(t *testing.T) {
	for _, restart := range []bool{false, true} {
		for _, plain := range []bool{false, true} {
			inBubble(t, func(t *testing.T, b *bench) {
				clock := &wrongClock{plain: plain}
				b.clock = clock.now
				well := new(atomic.Bool)
				b.courier.script = func(_ context.Context, e gateway.Envelope, _ int) gateway.Outcome {
					switch {
					case well.Load():
						return sent()
					case e.Recipient.Domain() == "away.example":
						return dead()
					}
					return later()
				}
				clock.set(24 * time.Hour)
				b.start()
				ids := append(b.accepts(10, "pat@away.example"), b.accepts(5, "pat@busy.example")...)
				scheduled := b.envelope(b.message(), 0, "pat@out.example")
				scheduled.NotBefore = time.Now().Add(30 * time.Hour)
				b.accept(scheduled)
				if restart {
					_ = b.stop()
					ids = append(ids, b.one("pat@out.example")) // committed, and begun by nobody
				}
				clock.set(0)
				well.Store(true)
				if restart {
					b.start()
				}
				sleep(2*time.Minute + maxPause)
				b.allDelivered(ids, "after the clock was set right")
				sleep(time.Until(scheduled.NotBefore) - time.Second)
				if b.courier.tried(scheduled.ID) != 0 {
					t.Error("tried before its time")
				}
				sleep(3 * time.Second)
				b.allDelivered([]gateway.EnvelopeID{scheduled.ID}, "the scheduled one")
			})
		}
	}
}

// Lateness and age of what was accepted by a clock that was ahead count from
// when it was set right.
func TestDelayAfterClockSetRight(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		clock := &wrongClock{}
		b.clock, b.config.MaxAge = clock.now, 10*time.Hour
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		clock.set(24 * time.Hour)
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		clock.set(0)
		from := time.Now()
		sleep(5*time.Hour + 5*time.Minute)
		if len(b.staged("delayed")) != 1 {
			t.Error("no notice after five hours")
		}
		sleep(time.Until(from.Add(11*time.Hour + 5*time.Minute)))
		if e := b.get(id); e.State != gateway.Bounced {
			t.Errorf("%s after eleven hours", e.State)
		}
	})
}

// A clock that jumps forth and back again loses nothing, sends nothing twice
// and gives nobody up.
func TestClockJumps(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		clock := &wrongClock{plain: true}
		b.clock = clock.now
		b.courier.script = func(_ context.Context, e gateway.Envelope, try int) gateway.Outcome {
			if try < 4 {
				return later()
			}
			return sent()
		}
		b.start()
		var ids []gateway.EnvelopeID
		for _, off := range []time.Duration{0, 24, 0, -24, 0} {
			clock.set(off * time.Hour)
			ids = append(ids, b.accepts(10, "pat@out.example")...)
			sleep(100 * time.Second)
		}
		sleep(time.Hour)
		b.allDelivered(ids, "an hour later")
		for id, n := range b.courier.served() {
			if n != 1 {
				t.Errorf("%v delivered %d times", id, n)
			}
		}
	})
}
