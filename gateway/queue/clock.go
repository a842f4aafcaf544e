package queue

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/gateway"
	"gatepost/store"
)

// clockSlack is how far a clock may be corrected before anybody looks at what it
// has put off.
const clockSlack = time.Minute

// clockBackLocked reports whether the clock was set back since the last full
// scan. Nobody knows that of the time before the first one.
func (q *Queue) clockBackLocked(now time.Time) bool {
	if q.scanned.IsZero() {
		return true
	}
	passed := now.Sub(q.scanned) // by the clock that only runs forth, where there is one
	return passed < 0 || now.Round(0).Sub(q.scanned.Round(0)) < passed-clockSlack
}

// catchUp is for a clock that was set back: what it put off while it was ahead
// is due as if it had been right. One envelope that cannot be changed keeps no other
// waiting; its error is returned when all were looked at.
func (q *Queue) catchUp(ctx context.Context, now time.Time) (failed error) {
	q.catchUpMemory(now)
	r := store.Prefix(store.Schedule)
	r.From = dueKey(now.Add(q.config.longest()+clockSlack), gateway.EnvelopeID{})
	for {
		ids, err := q.page(ctx, &r)
		if err != nil || len(ids) == 0 {
			return errors.Join(failed, err)
		}
		var g errgroup.Group
		g.SetLimit(32) // they share fsyncs
		for _, id := range ids {
			g.Go(func() error { return q.bringForward(ctx, id, now) })
		}
		if err := g.Wait(); failed == nil {
			failed = err
		}
	}
}

// catchUpMemory does it for memory, where nothing rests that is not due soon.
func (q *Queue) catchUpMemory(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.waiting {
		if e.due.After(now.Add(2*q.config.RescanEvery + clockSlack)) {
			e.due = earliest(e.envelope, now)
		}
	}
	heap.Init(&q.waiting)
	for _, d := range q.destinations {
		if longest := now.Add(q.config.pause(d.pauses, d.known)); d.until.After(longest) {
			d.until = longest
		}
	}
	for i := range q.probes {
		if longest := now.Add(maxPause); q.probes[i].at.After(longest) {
			q.probes[i].at = longest
		}
	}
	heap.Init(&q.probes)
}

// bringForward makes an envelope due that would wait longer than any retry. One
// that is for later stays.
func (q *Queue) bringForward(ctx context.Context, id gateway.EnvelopeID, now time.Time) error {
	stored, err := q.Show(ctx, id)
	if err == nil && !q.putOff(&stored, now) {
		return nil
	}
	if err == nil {
		err = q.act(ctx, id, gateway.Queued, func(_ *store.Batch, e *gateway.Envelope) error {
			*e = inThePast(*e, now)
			if q.putOff(e, now) {
				e.Next = earliest(e, now)
			}
			return nil
		})
	}
	switch {
	case errors.Is(err, ErrBusy), errors.Is(err, ErrNotFound):
		return nil
	case unreadable(err):
		q.nameDamage(envelopeKey(id))
		return nil
	}
	return err
}

// putOff reports whether e waits longer than it ever should.
func (q *Queue) putOff(e *gateway.Envelope, now time.Time) bool {
	return e.State == gateway.Queued && e.Next.After(earliest(e, now).Add(q.config.longest()))
}

// inThePast corrects the time of acceptance by a clock that was ahead: lateness
// and age count from there.
func inThePast(e gateway.Envelope, now time.Time) gateway.Envelope {
	if e.Accepted.After(now) {
		e.Accepted = now
	}
	return e
}
