package queue

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// A carrier says how much it takes: nothing is gained by finding out slowly.
func TestKnownLimitIsUsedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.took = 10 * time.Second
		b.courier.limits = map[string]int{"known.example": 40}
		b.start()
		for range 100 {
			b.one("pat@known.example")
			b.one("pat@other.example")
		}
		sleep(5 * time.Second)
		if got := b.courier.peaks(); got["known.example"] != 40 || got["other.example"] != firstWindow {
			t.Errorf("attempts at once: %v", got)
		}
		sleep(time.Hour)
		if got := b.courier.peaks()["known.example"]; got != 40 {
			t.Errorf("%d attempts at once", got)
		}
	})
}

// What the carrier took of a message stays taken, whatever later attempts come
// to, and a pause of the carrier says nothing of other messages.
func TestSegmentsAreNeverForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		taken := []gateway.SegmentResult{{Sent: true, ID: "1"}, {Status: 0x58}}
		var seen [][]gateway.SegmentResult
		b.courier.script = func(_ context.Context, e gateway.Envelope, try int) gateway.Outcome {
			seen = append(seen, e.Last.Segments)
			switch try {
			case 1:
				o := later()
				o.Segments = taken
				return o
			case 2:
				return unexplained()
			case 3:
				return dead()
			}
			return sent()
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(10 * time.Hour)
		e := b.get(id)
		if e.State != gateway.Delivered || len(seen) < 4 || seen[0] != nil {
			t.Fatalf("%s after %d attempts", e.State, len(seen))
		}
		for i, s := range append(seen[1:], e.Last.Segments) {
			if len(s) != 2 || !s[0].Sent || s[0].ID != "1" {
				t.Errorf("attempt %d knew of %v", i+2, s)
			}
		}
	})
}

func TestPauseLendsNoSegments(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
			o := dead()
			o.Segments = []gateway.SegmentResult{{Sent: true, ID: "1"}}
			return o
		}
		b.config.PerDestination = 1
		b.courier.took = time.Second
		b.start()
		var ids []gateway.EnvelopeID
		for i := range 5 {
			ids = append(ids, b.one(fmt.Sprintf("pat%d@out.example", i)))
		}
		sleep(10 * time.Second)
		for _, id := range ids[1:] {
			if e := b.get(id); e.Attempts == 0 && e.Last.Segments != nil {
				t.Error("a message that was never tried has results of another")
			}
		}
	})
}

// An envelope that has a time of its own ends with it.
func TestUntilEndsEarlier(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return later() }
		b.start()
		start := time.Now()
		e := b.envelope(b.message(), 0, "pat@out.example")
		e.Until = start.Add(20 * time.Minute)
		b.accept(e)
		id := e.ID
		sleep(21 * time.Minute)
		got := b.get(id)
		if got.State != gateway.Bounced || got.Last.Status != "4.4.7" || got.Last.At.Sub(start) > 20*time.Minute+time.Second {
			t.Errorf("%s, %s, after %s", got.State, got.Last.Status, got.Last.At.Sub(start))
		}
	})
}

// slowToSettle is a store in which a commit that removes something takes long.
type slowToSettle struct{ store.Store }

func (s slowToSettle) Commit(ctx context.Context, b *store.Batch) error {
	if slices.ContainsFunc(b.Ops, func(op store.Op) bool { return op.Delete }) {
		time.Sleep(20 * time.Second)
	}
	return s.Store.Commit(ctx, b)
}

// A carrier that takes few at once is not left waiting for a commit after each
// handful, and yet a crash repeats no more than a bounded number.
func TestFewWaitForTheirCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const limit, all = 10, 4 * fewAtRisk
		b.store = slowToSettle{b.inner}
		b.courier.limits = map[string]int{"known.example": limit}
		b.start()
		for range all {
			b.one("pat@known.example")
		}
		sleep(15 * time.Second)
		if n := len(b.courier.served()); n < fewAtRisk || n > fewAtRisk+limit {
			t.Errorf("%d were delivered before the first commit", n)
		}
		sleep(time.Hour)
		for id, n := range b.courier.served() {
			if n != 1 || b.get(id).State != gateway.Delivered {
				t.Fatalf("%v: delivered %d times, %s", id, n, b.get(id).State)
			}
		}
		if n := len(b.courier.served()); n != all {
			t.Errorf("%d of %d were delivered", n, all)
		}
	})
}
