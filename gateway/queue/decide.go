package queue

import (
	"encoding/binary"
	"io"
	"sync"
	"time"

	"gatepost/gateway"
)

// jitter draws numbers in [0, 1). A source that fails gives 0, the longest
// delay: without randomness retries only bunch up.
type jitter struct {
	mu     sync.Mutex
	random io.Reader
}

func newJitter(r io.Reader) *jitter { return &jitter{random: r} }

func (j *jitter) draw() float64 {
	var raw [8]byte
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := io.ReadFull(j.random, raw[:]); err != nil {
		return 0
	}
	return float64(binary.BigEndian.Uint64(raw[:])>>11) / (1 << 53)
}

// decide is what an envelope becomes after an attempt with outcome o. Only the
// fields of the schedule and State change. chance is in [0, 1).
func (c *Config) decide(e gateway.Envelope, o gateway.Outcome, now time.Time, chance float64) gateway.Envelope {
	e = inThePast(e, now)
	after := e
	after.Last = o
	if o.Segments == nil {
		after.Last.Segments = e.Last.Segments // an attempt that did not get so far undoes nothing
	}
	switch o.Result {
	case gateway.Unroutable:
		// Not an attempt, and no reason to bounce: the route is ours to add.
		after.Next = now.Add(clamp(now.Sub(e.Ready())/2, c.FirstRetry, c.MaxRetry))
		return after
	case gateway.Sent:
		after.State = gateway.Delivered
	case gateway.Failed:
		after = fail(after)
	}
	after.Attempts++
	if after.State != gateway.Queued {
		after.Next = time.Time{}
		return after
	}
	if c.expired(&e, now) {
		return expire(after)
	}
	after.Next = c.within(&e, now.Add(c.backoff(after.Attempts, chance)), now)
	after.Delayed = e.Delayed || c.late(&e, now)
	return after
}

// fail ends an envelope that was refused for good. A confidential one has
// nobody whom a bounce could reach: it waits for an operator.
func fail(e gateway.Envelope) gateway.Envelope {
	e.State = gateway.Bounced
	if e.Confidential {
		e.State, e.Hold = gateway.Held, HoldUndeliverable
	}
	return e
}

// HoldUndeliverable is why a confidential envelope is held that nobody takes.
const HoldUndeliverable = "undeliverable"

// backoff is the delay after the n-th failed attempt: doubled each time from
// FirstRetry to MaxRetry, up to a fifth of it taken off at random so that what
// failed together does not come back together.
func (c *Config) backoff(n int, chance float64) time.Duration {
	return doubled(c.FirstRetry, c.MaxRetry, n, chance)
}

func doubled(first, most time.Duration, n int, chance float64) time.Duration {
	delay := first
	for i := 1; i < n && delay < most; i++ {
		delay *= 2
	}
	delay = min(delay, most)
	return delay - time.Duration(float64(delay)*0.2*chance)
}

// maxPause is the longest pause of a destination, where FirstRetry is not longer:
// to find out whether it is back costs one attempt, however many wait for it.
const maxPause = 5 * time.Minute

// pause is the n-th pause in a row of a destination.
func (c *Config) pause(n int, known bool) time.Duration {
	if !known {
		return doubled(c.FirstRetry, max(c.FirstRetry, min(c.MaxRetry, maxPause)), n, 0)
	}
	return doubled(min(c.FirstKnown, c.FirstRetry), min(c.MaxKnown, c.MaxRetry), n, 0)
}

// sooner is when an attempt with outcome o at a destination whose limit is known
// is made again: soon where it says nothing of the message. What may have
// arrived already waits longer each time, for each repetition may be one more
// that a person reads.
func (c *Config) sooner(e *gateway.Envelope, o gateway.Outcome, now time.Time, chance float64) time.Time {
	most := min(c.MaxKnown, c.MaxRetry)
	if o.Unknown {
		most = c.MaxRetry
	}
	return c.within(e, now.Add(doubled(min(c.FirstKnown, c.FirstRetry), most, e.Attempts, chance)), now)
}

// End is when an envelope is given up that cannot be delivered.
func (q *Queue) End(e *gateway.Envelope) time.Time { return q.config.end(e) }

// end is when e has waited long enough to bounce.
func (c *Config) end(e *gateway.Envelope) time.Time {
	end := e.Ready().Add(c.MaxAge)
	if !e.Until.IsZero() && e.Until.Before(end) {
		return e.Until
	}
	return end
}

// expired reports whether e has waited that long.
func (c *Config) expired(e *gateway.Envelope, now time.Time) bool { return !now.Before(c.end(e)) }

// late reports whether the sender is to hear of the delay.
func (c *Config) late(e *gateway.Envelope, now time.Time) bool {
	return c.DelayNotice >= 0 && !now.Before(e.Ready().Add(c.DelayNotice))
}

// within brings a next attempt forward to when the sender is to hear of the
// delay, and to the end of an envelope's time, so that neither is late by a
// whole retry.
func (c *Config) within(e *gateway.Envelope, next, now time.Time) time.Time {
	if told := e.Ready().Add(c.DelayNotice); c.DelayNotice >= 0 && !e.Delayed && told.After(now) && told.Before(next) {
		next = told
	}
	if end := c.end(e); next.After(end) {
		return end
	}
	return next
}

// expire ends an envelope that could not be delivered in time. Code and text
// of its last attempt stay.
func expire(e gateway.Envelope) gateway.Envelope {
	e = fail(e)
	e.Next = time.Time{}
	e.Last.Result = gateway.Failed
	e.Last.Status = "4.4.7" // RFC 3463 section 3.5: delivery time expired
	return e
}

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }

// parkedFor is how long an envelope is parked whose destination does not return,
// where MaxRetry is not longer.
const parkedFor = time.Hour

// longest is the longest wait of an envelope that may leave.
func (c *Config) longest() time.Duration { return max(c.MaxRetry, parkedFor) }

// park is what an envelope becomes that waits for its destination's return: due
// after the longest wait, when that has not come about before, or when its
// sender is to hear of the delay. chance is in [0, 1).
func (c *Config) park(e gateway.Envelope, why gateway.Outcome, now time.Time, chance float64) gateway.Envelope {
	return c.postpone(e, now.Add(c.longest()-time.Duration(float64(c.longest())*0.2*chance)), why, now)
}

// postpone is what an envelope becomes when it is moved without an attempt: due
// at until, unless its time is over. It counts as no attempt. why is
// what the destination last said; the envelope keeps its own last outcome.
func (c *Config) postpone(e gateway.Envelope, until time.Time, why gateway.Outcome, now time.Time) gateway.Envelope {
	e = inThePast(e, now)
	after := e
	if e.Attempts == 0 {
		after.Last = why
	}
	if c.expired(&e, now) {
		return expire(after)
	}
	after.Next = c.within(&e, until, now)
	after.Delayed = e.Delayed || c.late(&e, now)
	return after
}
