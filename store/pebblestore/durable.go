package pebblestore

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/store"
)

// durable knows up to which version everything is on the device, and which
// keys younger deletions removed: a record shows its version, an absence does
// not.
type durable struct {
	upto     atomic.Uint64
	failed   <-chan struct{}
	patience time.Duration

	mu      sync.Mutex
	deleted map[string]uint64 // key -> version of the youngest deletion in flight
	waiters []waiter
}

type waiter struct {
	version uint64
	reached chan struct{}
}

func newDurable(upto uint64, failed <-chan struct{}, patience time.Duration) *durable {
	d := &durable{failed: failed, patience: patience, deleted: make(map[string]uint64)}
	d.upto.Store(upto)
	return d
}

// deleting notes deletions before they can be seen.
func (d *durable) deleting(version uint64, keys []string) {
	if len(keys) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		d.deleted[k] = version
	}
}

// deletedAt is the version of the deletion in flight of key, or 0.
func (d *durable) deletedAt(key []byte) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deleted[string(key)]
}

// deletedIn is the youngest version of a deletion in flight within r, or 0.
func (d *durable) deletedIn(r store.Range) (version uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, v := range d.deleted {
		if k >= string(r.From) && (r.To == nil || bytes.Compare([]byte(k), r.To) < 0) {
			version = max(version, v)
		}
	}
	return version
}

// advance says that everything up to version is on the device; keys are the
// deletions of that version.
func (d *durable) advance(version uint64, keys []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.upto.Store(version)
	for _, k := range keys {
		if d.deleted[k] == version {
			delete(d.deleted, k)
		}
	}
	still := d.waiters[:0]
	for _, w := range d.waiters {
		if w.version > version {
			still = append(still, w)
			continue
		}
		close(w.reached)
	}
	clear(d.waiters[len(still):])
	d.waiters = still
}

// wait returns nil when version is on the device. ErrFull: not within
// patience. ErrFailed: it never will be.
func (d *durable) wait(ctx context.Context, version uint64) error {
	if version <= d.upto.Load() {
		return nil
	}
	reached := d.join(version)
	if reached == nil {
		return nil
	}
	limit := time.NewTimer(d.patience)
	defer limit.Stop()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		d.leave(reached)
		return ctx.Err()
	case <-limit.C:
		d.leave(reached)
		return errStalled
	case <-d.failed:
		return store.ErrFailed
	}
}

func (d *durable) join(version uint64) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if version <= d.upto.Load() {
		return nil
	}
	reached := make(chan struct{})
	d.waiters = append(d.waiters, waiter{version, reached})
	return reached
}

func (d *durable) leave(reached chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, w := range d.waiters {
		if w.reached == reached {
			d.waiters = append(d.waiters[:i], d.waiters[i+1:]...)
			return
		}
	}
}
