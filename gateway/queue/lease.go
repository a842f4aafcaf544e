package queue

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"

	"gatepost/store"
)

// leaseRecord says which process works on the rows of a node, and until when
// it may without renewing.
type leaseRecord struct {
	Holder string // random, one per process
	Until  time.Time
}

func leaseKey(node string) []byte { return store.Key(store.Leases, []byte("queue/"+node)) }

// lease is this process's right to start attempts. A process that cannot renew
// in time stops by its own clock; settlements need no lease, because the truth
// about a delivery is worth storing whoever made it, and their preconditions
// keep them from overwriting.
type lease struct {
	q      *Queue
	holder string

	mu    sync.Mutex
	until time.Time // guarded by mu
}

func newLease(q *Queue) *lease {
	raw := make([]byte, 8)
	_, _ = io.ReadFull(q.random.random, raw) // the worst case, a name that is not unique, is what a single node has anyway
	return &lease{q: q, holder: hex.EncodeToString(raw)}
}

// valid reports whether attempts may start at now.
func (l *lease) valid(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until)
}

// acquire takes the lease of this node's name, also from an earlier process of
// the same name: the store's own lock, or the operator who names the nodes,
// sees to it that the earlier one is dead, and if it is not, it is fenced. It
// retries until ctx ends.
func (l *lease) acquire(ctx context.Context) error {
	for {
		err := l.write(ctx, func(leaseRecord) bool { return true })
		if err == nil || ctx.Err() != nil {
			return nil
		}
		l.q.log.Error("lease of the queue not taken", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(storeRetry):
		}
	}
}

// keep renews the lease when a third of it is over and returns when to call it
// again.
func (l *lease) keep(ctx context.Context) (next time.Time, err error) {
	now := l.q.now()
	l.mu.Lock()
	renew := l.until.Add(-l.q.config.LeaseFor * 2 / 3)
	l.mu.Unlock()
	if now.Before(renew) {
		return renew, nil
	}
	err = l.write(ctx, func(r leaseRecord) bool { return r.Holder == l.holder })
	return l.q.now().Add(l.q.config.LeaseFor / 3), err
}

// write puts our name under the lease if may agrees with who holds it.
func (l *lease) write(ctx context.Context, may func(leaseRecord) bool) error {
	key := leaseKey(l.q.config.Node)
	held, version, err := store.GetRecord[leaseRecord](ctx, l.q.store, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !may(held) {
		return ErrFenced
	}
	until := l.q.now().Add(l.q.config.LeaseFor)
	b := new(store.Batch)
	b.RequireVersion(key, version) // 0 where there was none: absent
	if err := b.PutRecord(key, leaseRecord{Holder: l.holder, Until: until}); err != nil {
		return err
	}
	if err := store.Write(ctx, l.q.store, b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
	return nil
}

// release lets the lease lapse at once, so that another node need not wait.
func (l *lease) release() {
	l.mu.Lock()
	l.until = time.Time{}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closingTime)
	defer cancel()
	key := leaseKey(l.q.config.Node)
	held, version, err := store.GetRecord[leaseRecord](ctx, l.q.store, key)
	if err != nil || held.Holder != l.holder {
		return
	}
	b := new(store.Batch)
	b.RequireVersion(key, version)
	if err = b.PutRecord(key, leaseRecord{Holder: l.holder, Until: l.q.now()}); err == nil {
		err = store.Write(ctx, l.q.store, b)
	}
	if err != nil {
		l.q.log.Warn("lease of the queue not given back", "error", err)
	}
}

// adopt takes over the rows of a node whose lease lapsed a whole lease ago: it
// takes its lease, writes our name into the rows, and removes the lease.
func (l *lease) adopt(ctx context.Context, node string) error {
	key := leaseKey(node)
	held, version, err := store.GetRecord[leaseRecord](ctx, l.q.store, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now := l.q.now()
	if now.Before(held.Until.Add(l.q.config.LeaseFor)) && held.Holder != l.holder {
		return nil
	}
	b := new(store.Batch)
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, leaseRecord{Holder: l.holder, Until: now.Add(l.q.config.LeaseFor)}); err != nil {
		return err
	}
	if err := store.Write(ctx, l.q.store, b); err != nil {
		return err
	}
	for {
		n, err := l.relabel(ctx, node)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		l.q.log.Info("took over entries of another node", "name", node, "count", n)
	}
	b = new(store.Batch)
	b.Delete(key)
	return store.Write(ctx, l.q.store, b)
}

// relabel writes our name into some rows of node. A row that is settled in the
// same moment may come back; load finds it out of date and nothing is sent.
func (l *lease) relabel(ctx context.Context, node string) (n int, err error) {
	b := new(store.Batch)
	_, err = l.q.scan(ctx, store.Prefix(store.Schedule), func(it store.Item) bool {
		if nodeOf(it.Value) == node {
			b.RequireVersion(append([]byte(nil), it.Key...), it.Version)
			b.Put(append([]byte(nil), it.Key...), append([]byte(l.q.config.Node), it.Value[len(node):]...))
			n++
		}
		return n < 500
	})
	if err != nil || n == 0 {
		return 0, err
	}
	return n, store.Write(ctx, l.q.store, b)
}
