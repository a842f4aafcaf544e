package queue

import (
	"context"
	"slices"
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
	q.attempts.Add(1)
	next := launch{d, entries}
	if n := len(q.idle) - 1; n >= 0 {
		q.idle[n] <- next
		q.idle = q.idle[:n]
		q.spare = min(q.spare, n)
		return
	}
	go q.work(next)
}

// launch is an attempt to be made.
type launch struct {
	destination *destination
	entries     []*entry
}

// maxIdle is how many goroutines wait for their next attempt. One that ends
// takes its grown stack with it, and the next must grow its own.
const maxIdle = 64

// work makes one attempt after the other.
func (q *Queue) work(l launch) {
	more := make(chan launch, 1)
	for goOn := true; goOn; l, goOn = <-more {
		idle := q.attempt(l.destination, l.entries, more)
		q.attempts.Done()
		if !idle {
			return
		}
	}
}

// idleFor is how long a goroutine may wait for its next attempt, at least; at
// most it is twice that.
const idleFor = 10 * time.Second

// trimLocked ends the goroutines that no attempt needed for idleFor: those of a
// burst do not stay.
func (q *Queue) trimLocked(now time.Time) {
	if since := now.Sub(q.trimmed); since >= 0 && since < idleFor {
		return
	}
	for _, more := range q.idle[:q.spare] {
		close(more)
	}
	q.idle = slices.Delete(q.idle, 0, q.spare)
	q.spare, q.trimmed = len(q.idle), now
}

// dismiss ends the goroutines that wait for attempts. None may start any more.
func (q *Queue) dismiss() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, more := range q.idle {
		close(more)
	}
	q.idle, q.spare = nil, 0
}

// attempt delivers and hands the outcomes to the settler. It reports whether
// the next launch may come by more: the caller must wait for it then.
func (q *Queue) attempt(d *destination, entries []*entry, more chan launch) (idle bool) {
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
		q.metrics.attempted(outcomes[i].Result, now.Sub(e.envelope.Ready()))
		work[i] = &settlement{entry: e, outcome: outcomes[i], from: d}
	}
	q.mu.Lock()
	for _, e := range entries {
		e.where = landing
	}
	d.running--
	d.risky += len(entries)
	q.running--
	work = append(work, q.learnLocked(d, heard(outcomes), now)...)
	q.settling.add(work) // before others start: the settler must know the backlog
	if d.waitsForStore() {
		signal(q.settling.full)
	}
	if idle = !q.draining && len(q.idle) < maxIdle; idle {
		q.idle = append(q.idle, more)
	}
	q.listLocked(d)
	q.startLocked()
	q.mu.Unlock()
	q.poke()
	return idle
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
