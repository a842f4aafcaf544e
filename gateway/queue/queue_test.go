package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
)

func TestFreshEnvelopeIsDeliveredAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Delivered || e.Attempts != 1 || !e.Next.IsZero() || e.Last.Code != 250 {
			t.Errorf("state %v attempts %d", e.State, e.Attempts)
		}
		if b.courier.copies(id) != 1 || b.staged("delivered")[id.String()] != 1 {
			t.Errorf("sent %d, evidence %v", b.courier.copies(id), b.staged("delivered"))
		}
	})
}

func TestEnvelopesOfOneMessageShareAnAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		m := b.message()
		var es []*gateway.Envelope
		for n := range uint32(7) {
			es = append(es, b.envelope(m, n, "pat@out.example"))
		}
		es[3].Recipient = gateway.MustAddress("pat@other.example")
		es[4].Action = gateway.TLS
		es[5].Action = gateway.TLS
		es[6].Notice = &gateway.Notice{Body: gateway.Body{Blob: "n"}}
		b.accept(es...)
		sleep(time.Second)
		sizes := map[int]int{}
		for _, call := range b.courier.allCalls() {
			sizes[len(call)]++
		}
		if sizes[3] != 1 || sizes[1] != 4 {
			t.Errorf("attempts by size: %v, want one of 3 and four alone", sizes)
		}
	})
}

func TestRetriesBackOffAndEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		b.start()
		id := b.one("pat@out.example")
		sleep(4*time.Hour + 61*time.Minute)
		e := b.get(id)
		if e.State != gateway.Queued || !e.Delayed || len(b.staged("delayed")) != 1 {
			t.Errorf("after 5 h: state %v, delayed %v, notices %v", e.State, e.Delayed, b.staged("delayed"))
		}
		if e.Attempts < 9 || e.Attempts > 13 {
			t.Errorf("%d attempts in 5 h, want about 10", e.Attempts)
		}
		sleep(130 * time.Hour)
		e = b.get(id)
		if e.State != gateway.Bounced || e.Last.Status != "4.4.7" || e.Last.Code != 451 || e.Last.Result != gateway.Failed {
			t.Errorf("after 5 days: %v %v", e.State, e.Last.Status)
		}
		if n := b.staged("delayed")[id.String()]; n != 1 {
			t.Errorf("%d delay notices", n)
		}
		if n := b.staged("bounced")[id.String()]; n != 1 {
			t.Errorf("%d bounces", n)
		}
	})
}

func TestPermanentFailureBounces(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return refused() }
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Bounced || e.Attempts != 1 || e.Last.Status != "5.1.1" {
			t.Errorf("%v after %d attempts: %s", e.State, e.Attempts, e.Last.Status)
		}
	})
}

func TestUnroutableWaitsForEver(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var routed atomic.Bool
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
			if routed.Load() {
				return sent()
			}
			return gateway.Outcome{Result: gateway.Unroutable, Status: "4.4.4"}
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(200 * time.Hour)
		if e := b.get(id); e.State != gateway.Queued || e.Attempts != 0 {
			t.Errorf("%v after %d attempts", e.State, e.Attempts)
		}
		if n := b.staged("unroutable")[id.String()]; n != 1 {
			t.Errorf("%d records that there is no route, want 1", n)
		}
		routed.Store(true)
		sleep(time.Hour + time.Minute)
		if e := b.get(id); e.State != gateway.Delivered {
			t.Errorf("%v an hour after the route came", e.State)
		}
	})
}

func TestBrokenCourierDelays(t *testing.T) {
	answers := map[string]func(context.Context, []gateway.Envelope) []gateway.Outcome{
		"panics":   func(context.Context, []gateway.Envelope) []gateway.Outcome { panic("zebraquartz") },
		"none":     func(context.Context, []gateway.Envelope) []gateway.Outcome { return nil },
		"too many": func(context.Context, []gateway.Envelope) []gateway.Outcome { return repeat(sent(), 5) },
		"no meaning": func(context.Context, []gateway.Envelope) []gateway.Outcome {
			return repeat(gateway.Outcome{Result: 77}, 1)
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.courier.whole = answer
				b.start()
				id := b.one("pat@out.example")
				sleep(10 * time.Second)
				if e := b.get(id); e.State != gateway.Queued || e.Attempts != 1 || e.Last.Result != gateway.Deferred {
					t.Errorf("%v after %d attempts", e.State, e.Attempts)
				}
				if s := b.logs.String(); len(s) == 0 && name != "no meaning" {
					t.Error("nothing was logged")
				}
			})
		})
	}
}

func TestOneOutcomeMayStandForAll(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.whole = func(context.Context, []gateway.Envelope) []gateway.Outcome { return repeat(dead(), 1) }
		b.start()
		m := b.message()
		b.accept(b.envelope(m, 0, "pat@out.example"), b.envelope(m, 1, "kim@out.example"))
		sleep(10 * time.Second)
		for n := range uint32(2) {
			if e := b.get(gateway.EnvelopeID{Message: m, N: n}); e.Attempts != 1 || e.Last.Phase != "connect" {
				t.Errorf("envelope %d: %d attempts, phase %q", n, e.Attempts, e.Last.Phase)
			}
		}
	})
}
