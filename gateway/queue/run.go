package queue

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"gatepost/store"
)

const (
	// linger lets the envelopes of one message arrive before the first of them
	// starts, so that they share an attempt.
	linger = time.Millisecond
	// storeRetry is how long Run waits after the store failed to answer.
	storeRetry = time.Second
)

// Run works on the queue until ctx ends. It first takes this node's lease,
// waiting where another process holds it, and reads what the store holds. When
// ctx ends, attempts under way are cut unless Drain has waited for them, and
// results are stored before Run returns. It returns nil, or ErrFenced.
func (q *Queue) Run(ctx context.Context) error {
	defer q.cut()
	if err := q.lease.acquire(ctx); err != nil {
		return err
	}
	if err := q.index(ctx); err != nil && ctx.Err() == nil { // EachWaiting walks through all until the next start
		q.log.Error("what waits for telephones is not indexed", "error", err)
	}
	settle, stop := context.WithCancel(context.Background())
	settled := make(chan struct{})
	go func() { defer close(settled); q.settling.run(settle) }()
	err := q.loop(ctx)
	q.halt()
	q.cut()
	q.attempts.Wait()
	q.dismiss()
	stop()
	<-settled
	q.lease.release()
	return err
}

// loop does what is due, again and again.
func (q *Queue) loop(ctx context.Context) error {
	q.setUnread()
	for {
		next, err := q.step(ctx)
		if errors.Is(err, ErrFenced) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			q.log.Error("queue could not read the store", "error", err)
			next = q.now().Add(storeRetry)
		}
		timer := time.NewTimer(max(0, next.Sub(q.now())))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-q.wake:
			timer.Stop()
			time.Sleep(linger)
		}
	}
}

// halt keeps attempts from starting.
func (q *Queue) halt() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.draining = true
}

// Drain stops starting attempts and waits until those under way are over and
// stored; when ctx ends first, it cuts their connections and waits for the
// rest. Call it before the context of Run ends.
func (q *Queue) Drain(ctx context.Context) {
	q.halt()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for q.busy() && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	q.cut()
	q.attempts.Wait()
}

func (q *Queue) busy() bool {
	q.mu.Lock()
	running := q.running
	q.mu.Unlock()
	return running > 0 || q.settling.backlog() > 0
}

// step does everything that is due and returns when the next thing is.
func (q *Queue) step(ctx context.Context) (next time.Time, err error) {
	next, err = q.lease.keep(ctx)
	if err != nil {
		return next, err
	}
	if at := q.probe(); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at, err := q.scanAll(ctx); err != nil {
		return next, err
	} else if at.Before(next) {
		next = at
	}
	if err := q.refill(ctx); err != nil {
		return next, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakeLocked()
	q.startLocked()
	q.trimLocked(q.now())
	if len(q.waiting) > 0 && q.waiting[0].due.Before(next) {
		next = q.waiting[0].due
	}
	if !q.missing.IsZero() && q.missing.Before(next) && q.roomLocked() > 0 {
		next = q.missing
	}
	if len(q.back.wanted) > 0 && q.parkedRoomLocked() > 0 {
		next = q.now()
	}
	return next, nil
}

// wakeLocked hands what has come due to its destinations.
func (q *Queue) wakeLocked() {
	now := q.now()
	for len(q.waiting) > 0 && !q.waiting[0].due.After(now) {
		e := heap.Pop(&q.waiting).(*entry)
		q.enqueueLocked(e, e.destination)
	}
}

// lookAgain lets the next step read from the store whatever is due.
func (q *Queue) lookAgain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.missLocked(q.now())
	q.poke()
}

// Pause stops starting attempts, on every node, until Resume; it survives a
// restart. stage adds evidence to the commit. changed is false, and nothing is
// committed, when the queue was paused before.
func (q *Queue) Pause(ctx context.Context, stage func(*store.Batch) error) (changed bool, err error) {
	return q.setPaused(ctx, true, stage)
}

// Resume undoes Pause; stage and changed are as there.
func (q *Queue) Resume(ctx context.Context, stage func(*store.Batch) error) (changed bool, err error) {
	return q.setPaused(ctx, false, stage)
}

// StagePause lets the queue over this store be paused from its next start: a
// restored store must not deliver what was delivered since its backup before
// somebody has looked.
func StagePause(b *store.Batch, now time.Time) {
	b.Put(pausedKey(), store.Time(now))
}

// Paused reports whether the queue is paused.
func (q *Queue) Paused() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.paused
}

// setPaused asks the store how it is: another node may have changed it.
func (q *Queue) setPaused(ctx context.Context, paused bool, stage func(*store.Batch) error) (changed bool, err error) {
	for {
		item, err := q.store.Get(ctx, pausedKey())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		if was := err == nil; was == paused {
			q.notePaused(paused)
			return false, nil
		}
		b := new(store.Batch)
		if paused {
			b.RequireAbsent(pausedKey())
			StagePause(b, q.now())
		} else {
			b.RequireVersion(pausedKey(), item.Version)
			b.Delete(pausedKey())
		}
		if err := stage(b); err != nil {
			return false, err
		}
		err = store.Write(ctx, q.store, b)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			q.notePaused(paused)
		}
		return err == nil, err
	}
}

func (q *Queue) notePaused(paused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.paused == paused && !q.unread {
		return
	}
	changed := q.paused != paused
	q.paused, q.unread = paused, false
	q.poke()
	if !changed {
		return
	}
	if paused {
		q.log.Warn("the queue is paused: mail is accepted, nothing is delivered")
		return
	}
	q.log.Info("the queue is not paused any more")
}

// setUnread keeps attempts from starting until the first scan has read the
// flag.
func (q *Queue) setUnread() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unread = true
}

// loadPaused reads the flag.
func (q *Queue) loadPaused(ctx context.Context) error {
	_, err := q.store.Get(ctx, pausedKey())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	q.notePaused(err == nil)
	return nil
}

// recording returns a context for writing down what has happened: it does not
// end with ctx, but soon.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}
