package blob

import (
	"context"
	"sync"
	"time"
)

// rounds lets many share an fsync: who comes while one runs waits for the
// next, together with everybody else who came meanwhile.
type rounds struct {
	sync func() error
	told func(error, time.Duration) // hears of every fsync

	running sync.Mutex // held during sync
	mu      sync.Mutex
	next    *round // not begun; nil when nobody waits for one
}

type round struct {
	done chan struct{}
	err  error // set before done is closed
}

func newRounds(sync func() error, told func(error, time.Duration)) *rounds {
	return &rounds{sync: sync, told: told}
}

// join returns the round that covers everything that was written before.
func (r *rounds) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &round{done: make(chan struct{})}
		go r.run(r.next)
	}
	return r.next
}

func (r *rounds) run(now *round) {
	r.running.Lock()
	defer r.running.Unlock()
	// From here on whoever comes may have written after the fsync began.
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	began := time.Now()
	now.err = r.sync()
	r.told(now.err, time.Since(began))
	close(now.done)
}

// synced hears of every fsync.
func (s *Store) synced(err error, took time.Duration) {
	s.metrics.syncs.Observe(took.Seconds())
	if err != nil {
		s.health.Fail(err)
	}
}

// durable waits for a round. When it returns early, the fsync goes on.
func (s *Store) durable(ctx context.Context, now *round) error {
	if err := s.await(ctx, now.done); err != nil {
		return err
	}
	if now.err != nil {
		return s.health.Err()
	}
	return nil
}

// await waits for done, ctx, Patience or the store's failure.
func (s *Store) await(ctx context.Context, done <-chan struct{}) error {
	limit := time.NewTimer(s.patience)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return errStalled
	case <-s.health.Failed():
		return s.health.Err()
	}
}
