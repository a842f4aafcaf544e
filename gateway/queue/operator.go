package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/gateway"
	"gatepost/store"
)

// Every act of an operator is one commit of the envelope, its row and what the
// caller's function stages as evidence. That function is called again, with
// another batch, when the commit met a conflict. An envelope whose attempt is
// running answers ErrBusy.

// Retry lets a queued envelope be attempted now, also at a destination that is
// paused because it did not answer, and before NotBefore: whoever names one means
// it.
func (q *Queue) Retry(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after gateway.Envelope) error) error {
	return q.act(ctx, id, gateway.Queued, func(b *store.Batch, e *gateway.Envelope) error {
		e.Next = q.now()
		q.reopen(q.destinationOf(e))
		return stage(b, *e)
	})
}

// RetryAll is Retry for everything that is queued. It returns how many there
// were; those in flight are left out, and those that may not leave yet.
func (q *Queue) RetryAll(ctx context.Context, stage func(b *store.Batch, after gateway.Envelope) error) (int, error) {
	var ids []gateway.EnvelopeID
	_, err := q.scan(ctx, store.Prefix(store.Schedule), func(it store.Item) bool {
		if id, ok := idOf(it.Key); ok {
			ids = append(ids, id)
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	var n atomic.Int64
	var g errgroup.Group
	g.SetLimit(32) // they share fsyncs
	for _, id := range ids {
		g.Go(func() error {
			err := q.retryWaiting(ctx, id, stage)
			if err == nil {
				n.Add(1)
			}
			if errors.Is(err, ErrBusy) || errors.Is(err, ErrNotFound) || errors.Is(err, errNotYet) {
				return nil
			}
			return err
		})
	}
	err = g.Wait()
	return int(n.Load()), err
}

// errNotYet: it is not time for an envelope.
var errNotYet = errors.New("queue: envelope is for later")

// retryWaiting is Retry for what waits for nothing but its destination.
func (q *Queue) retryWaiting(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after gateway.Envelope) error) error {
	e, err := q.Show(ctx, id)
	if err == nil && e.NotBefore.After(q.now()) {
		return errNotYet
	}
	return q.Retry(ctx, id, stage) // it says so where there is none any more
}

// Hold keeps a queued envelope until Release, Refuse or Drop.
func (q *Queue) Hold(ctx context.Context, id gateway.EnvelopeID, reason string, stage func(b *store.Batch, after gateway.Envelope) error) error {
	return q.act(ctx, id, gateway.Queued, func(b *store.Batch, e *gateway.Envelope) error {
		e.State, e.Hold, e.Next = gateway.Held, reason, time.Time{}
		return stage(b, *e)
	})
}

// Release queues a held envelope, for NotBefore where that is still to come. Its
// time begins anew: waiting for a person is no delay of delivery. stage may
// change what leaves and to whom.
func (q *Queue) Release(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after *gateway.Envelope) error) error {
	return q.act(ctx, id, gateway.Held, func(b *store.Batch, e *gateway.Envelope) error {
		now := q.now()
		e.State, e.Hold = gateway.Queued, ""
		e.Accepted, e.Next, e.Attempts, e.Delayed = now, earliest(e, now), 0, false
		return stage(b, e)
	})
}

// Refuse ends a held envelope by a reviewer's decision.
func (q *Queue) Refuse(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after *gateway.Envelope) error) error {
	return q.act(ctx, id, gateway.Held, func(b *store.Batch, e *gateway.Envelope) error {
		e.State, e.Next = gateway.Refused, time.Time{}
		return stage(b, e)
	})
}

// Drop ends a queued or held envelope without telling anybody.
func (q *Queue) Drop(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after gateway.Envelope) error) error {
	return q.act(ctx, id, "", func(b *store.Batch, e *gateway.Envelope) error {
		e.State, e.Next = gateway.Dropped, time.Time{}
		return stage(b, *e)
	})
}

// Withdraw ends a queued or held envelope that its sender took back. stage may
// change what the record says besides.
func (q *Queue) Withdraw(ctx context.Context, id gateway.EnvelopeID, stage func(b *store.Batch, after *gateway.Envelope) error) error {
	return q.act(ctx, id, "", func(b *store.Batch, e *gateway.Envelope) error {
		e.State, e.Next = gateway.Withdrawn, time.Time{}
		return stage(b, e)
	})
}

// Finish ends an unfinished envelope in the state that is known from elsewhere:
// a journal that outlived the store.
func (q *Queue) Finish(ctx context.Context, id gateway.EnvelopeID, state gateway.State, stage func(b *store.Batch, after gateway.Envelope) error) error {
	return q.act(ctx, id, "", func(b *store.Batch, e *gateway.Envelope) error {
		e.State, e.Next = state, time.Time{}
		return stage(b, *e)
	})
}

// Amend changes the record of an envelope from within its own attempt: what
// leaves, never when. It is for Couriers, and durable when it returns. An
// envelope that is no longer queued is ErrNotFound.
func (q *Queue) Amend(ctx context.Context, id gateway.EnvelopeID, change func(b *store.Batch, stored *gateway.Envelope) error) error {
	_, err := q.rewrite(ctx, id, gateway.Queued, func(b *store.Batch, e *gateway.Envelope) error {
		before := *e
		if err := change(b, e); err != nil {
			return err
		}
		e.State, e.Accepted, e.Next = before.State, before.Accepted, before.Next
		e.Attempts, e.Delayed, e.Last = before.Attempts, before.Delayed, before.Last
		return nil
	})
	return err
}

// act is an operator's change: claim, rewrite, let go.
func (q *Queue) act(ctx context.Context, id gateway.EnvelopeID, from gateway.State, change func(*store.Batch, *gateway.Envelope) error) error {
	e, err := q.claim(ctx, id)
	if err != nil {
		return err
	}
	after, err := q.rewrite(ctx, id, from, change)
	q.unclaim(e, after)
	return err
}

// rewrite changes one envelope under its version, and repeats that when
// somebody else was faster. from "" is any state that is not final.
func (q *Queue) rewrite(ctx context.Context, id gateway.EnvelopeID, from gateway.State, change func(*store.Batch, *gateway.Envelope) error) (*gateway.Envelope, error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	var err error
	for range 5 {
		var after *gateway.Envelope
		after, err = q.rewriteOnce(ctx, id, from, change)
		if err == nil {
			return after, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	return nil, err
}

func (q *Queue) rewriteOnce(ctx context.Context, id gateway.EnvelopeID, from gateway.State, change func(*store.Batch, *gateway.Envelope) error) (*gateway.Envelope, error) {
	before, version, err := store.GetRecord[gateway.Envelope](ctx, q.store, envelopeKey(id))
	if errors.Is(err, store.ErrNotFound) || (err == nil && (before.State.Final() || (from != "" && before.State != from))) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading envelope %v: %w", id, err)
	}
	after := before
	b := new(store.Batch)
	b.RequireVersion(envelopeKey(id), version)
	if err := change(b, &after); err != nil {
		return nil, err
	}
	dropState(b, &before, &after)
	if _, err := q.putState(b, &after, 0); err != nil {
		return nil, err
	}
	if err := q.store.Commit(ctx, b); err != nil && !q.stored(ctx, err, &after) {
		return nil, fmt.Errorf("writing envelope %v: %w", id, err)
	}
	b.Done()
	q.metrics.moved(before.State, after.State)
	return &after, nil
}

// stored finds out whether a commit whose outcome is unknown has written e.
func (q *Queue) stored(ctx context.Context, err error, e *gateway.Envelope) bool {
	if !errors.Is(err, store.ErrUnknown) {
		return false
	}
	item, err := q.store.Get(ctx, envelopeKey(e.ID))
	if err != nil {
		return false
	}
	want, err := store.Encode(e)
	return err == nil && bytes.Equal(item.Value, want)
}

// claim takes an envelope out of the hands of the queue. It waits a little
// while the envelope is being read or stored, and answers ErrBusy while it is
// being delivered.
func (q *Queue) claim(ctx context.Context, id gateway.EnvelopeID) (*entry, error) {
	for range 200 {
		if e, err := q.tryClaim(id); e != nil || err != nil {
			return e, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil, ErrBusy
}

// tryClaim returns nil and no error where waiting may help.
func (q *Queue) tryClaim(id gateway.EnvelopeID) (*entry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[id]
	if e == nil {
		// It may have been committed a moment ago, with the call that hands it
		// to memory still to come: that call must not bring back what the
		// operator changes now.
		q.touched[id] = q.now()
		e = &entry{id: id, where: claimed}
		q.known[id] = e
		return e, nil
	}
	switch e.where {
	case resting:
		q.waiting.remove(e)
	case queued:
		q.destinations[e.destination].remove(e)
	case flying:
		return nil, ErrBusy
	default:
		return nil, nil
	}
	e.where = claimed
	return e, nil
}

// unclaim gives an envelope back. after is what it has become; nil where
// nothing was changed, or nobody knows: then the store says what to do.
func (q *Queue) unclaim(e *entry, after *gateway.Envelope) {
	name := ""
	if after != nil && after.State == gateway.Queued {
		name = q.destinationOf(after)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.poke()
	switch {
	case after == nil:
		q.forgetLocked(e)
		q.missLocked(q.now())
	case after.State != gateway.Queued:
		q.forgetLocked(e)
	default:
		e.envelope, e.record, e.due, e.mark = after, nil, after.Next, 0
		q.admitLocked(e, name)
	}
}

// reopen ends the pause of a destination.
func (q *Queue) reopen(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := q.destinations[name]; d != nil {
		d.reopen()
		q.listLocked(d)
	}
}
