package queue

import (
	"context"
	"time"

	"gatepost/gateway"
)

// listLocked puts a destination in line for an attempt.
func (q *Queue) listLocked(d *destination) {
	if !d.listed && d.startable(q.now()) {
		d.listed = true
		q.ready = append(q.ready, d)
	}
}

// startLocked starts as many attempts as may run, one destination after the
// other so that none starves the others.
func (q *Queue) startLocked() {
	now := q.now()
	if q.paused || q.unread || q.draining || q.settling.stalled() || !q.lease.valid(now) {
		return
	}
	for len(q.ready) > 0 && q.running < q.config.Workers {
		d := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		d.listed = false
		if !d.startable(now) {
			continue
		}
		q.launchLocked(d, d.next(q.config.GroupSize))
		q.listLocked(d)
	}
}

func (q *Queue) launchLocked(d *destination, entries []*entry) {
	for _, e := range entries {
		e.where = flying
	}
	d.running++
	q.running++
	q.metrics.inFlight.Add(float64(len(entries)))
	q.attempts.Go(func() { q.attempt(d, entries) })
}

// attempt delivers and hands the outcomes to the settler.
func (q *Queue) attempt(d *destination, entries []*entry) {
	envelopes := make([]gateway.Envelope, len(entries))
	for i, e := range entries {
		envelopes[i] = *e.envelope
	}
	ctx, cancel := context.WithTimeout(q.attemptCtx, q.config.AttemptTimeout)
	outcomes := q.deliver(ctx, envelopes)
	cancel()
	q.metrics.inFlight.Sub(float64(len(entries)))
	now := q.now()
	work := make([]*settlement, len(entries))
	for i, e := range entries {
		if outcomes[i].At.IsZero() {
			outcomes[i].At = now
		}
		q.metrics.attempted(outcomes[i].Result, now.Sub(e.envelope.Accepted))
		work[i] = &settlement{entry: e, outcome: outcomes[i]}
	}
	q.mu.Lock()
	for _, e := range entries {
		e.where = landing
	}
	d.running--
	q.running--
	if d.learn(heard(outcomes), &q.config, now) {
		work = append(work, q.postponeLocked(d)...)
	}
	q.settling.add(work) // before others start: the settler must know the backlog
	q.listLocked(d)
	q.startLocked()
	q.mu.Unlock()
	q.poke()
}

// heard is the outcome that says most about the destination: one that it
// answered, if there is one.
func heard(outcomes []gateway.Outcome) gateway.Outcome {
	for _, o := range outcomes {
		if !unreachable(o) {
			return o
		}
	}
	return outcomes[0]
}

// postponeLocked moves everything that waits for a paused destination to the
// end of the pause, without an attempt.
func (q *Queue) postponeLocked(d *destination) []*settlement {
	var work []*settlement
	for _, e := range d.all() {
		work = append(work, q.postponedLocked(d, e))
	}
	return work
}

// postponedLocked is the move of one entry. The moves are spread a little, so
// that they do not come due in one instant.
func (q *Queue) postponedLocked(d *destination, e *entry) *settlement {
	e.where = landing
	spread := time.Duration(q.random.draw() * 0.25 * float64(q.config.pause(1, d.known)))
	return &settlement{entry: e, until: d.until.Add(spread), outcome: d.last}
}

// deliver calls the courier and makes sense of whatever it returns: a panic, or
// a number of outcomes that fits nobody, is ours and therefore temporary.
func (q *Queue) deliver(ctx context.Context, envelopes []gateway.Envelope) (outcomes []gateway.Outcome) {
	defer func() {
		if v := recover(); v != nil {
			q.log.Error("courier panicked", "envelope", envelopes[0].ID, "error", gateway.PanicText(v))
			outcomes = repeat(unexplained(), len(envelopes))
		}
	}()
	outcomes = q.courier.Deliver(ctx, envelopes)
	switch {
	case len(outcomes) == len(envelopes):
	case len(outcomes) == 1:
		outcomes = repeat(outcomes[0], len(envelopes))
	default:
		q.log.Error("courier returned a wrong number of outcomes", "envelope", envelopes[0].ID, "count", len(outcomes))
		outcomes = repeat(unexplained(), len(envelopes))
	}
	for i := range outcomes {
		if outcomes[i].Result > gateway.Unroutable {
			outcomes[i] = unexplained()
		}
	}
	return outcomes
}

// unexplained is the outcome of our own mistakes.
func unexplained() gateway.Outcome {
	return gateway.Outcome{Result: gateway.Deferred, Status: "4.3.0", Text: "Internal fault"}
}

func repeat(o gateway.Outcome, n int) []gateway.Outcome {
	all := make([]gateway.Outcome, n)
	for i := range all {
		all[i] = o
	}
	return all
}
