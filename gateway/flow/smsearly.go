package flow

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"gatepost/gateway"
	"gatepost/store"
)

// A receipt may come before the answer that tells the id of its message, or
// before that answer is stored. It then waits in the table Early. The two sides
// cannot miss each other: a receipt is stored before it looks once more for its
// id, an id is stored before it looks for receipts.

// early is how many receipts wait, so that ids need not look when there are
// none. The zero value knows nothing: then they look.
type early struct {
	waiting atomic.Int64
	counted atomic.Bool
}

func (e *early) add(n int64) { e.waiting.Add(n) }

func (e *early) none() bool { return e.counted.Load() && e.waiting.Load() <= 0 }

// maxEarly bounds the receipts that wait. When there are more, a carrier sends
// us receipts of others, and may send them again.
const maxEarly = 100_000

var faultEarly = &gateway.Fault{Code: 452, Status: "4.3.1", Text: "Too many receipts of unknown messages", SMPP: gateway.StatusQueueFull}

func (f *Flow) earlyKey(r *gateway.Receipt, n uint64) []byte {
	return store.Key(store.Early, f.plainKey(plainID(r.ID.Reveal())), store.Uint64(n))
}

// keepEarly stores a receipt that belongs to nobody yet, and looks once more.
func (f *Flow) keepEarly(ctx context.Context, r *gateway.Receipt) error {
	if f.early.waiting.Load() >= maxEarly {
		f.receipts.took("refused")
		return faultEarly
	}
	f.early.add(1) // before anybody can see it
	b := new(store.Batch)
	key := f.earlyKey(r, f.outbox.next("", f.Now()))
	b.RequireAbsent(key)
	if err := b.PutRecord(key, r); err != nil {
		return err
	}
	if err := store.Write(ctx, f.Store, b); err != nil {
		return err // it may be there all the same: the count is too high until housekeeping
	}
	f.receipts.took("early")
	return f.meet(ctx, key)
}

// meetEarly looks for receipts that waited for ids which are durable now.
func (f *Flow) meetEarly(ids []string) {
	if f.early.none() {
		return
	}
	f.after.Go(func() error {
		ctx, cancel := recording(context.Background())
		defer cancel()
		for _, id := range ids {
			if err := f.meetID(ctx, id); err != nil {
				f.Log.Warn("early receipts not looked for, housekeeping will", "error", err)
			}
		}
		return nil
	})
}

func (f *Flow) meetID(ctx context.Context, id string) (err error) {
	for _, plain := range spellings(id) {
		var keys [][]byte
		err = errors.Join(err, f.Store.Scan(ctx, store.Prefix(store.Early, f.plainKey(plain)), func(it store.Item) bool {
			keys = append(keys, slices.Clone(it.Key))
			return len(keys) < maxCandidates
		}))
		for _, key := range keys {
			err = errors.Join(err, f.meet(ctx, key))
		}
	}
	return err
}

// meet handles a receipt that waits, if its segment is known by now.
func (f *Flow) meet(ctx context.Context, key []byte) error {
	it, err := f.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil // somebody else did
	}
	if err != nil {
		return err
	}
	var r gateway.Receipt
	if err := store.Decode(it.Value, &r); err != nil {
		return err
	}
	_, err = f.receipt(ctx, &r, &it)
	if errors.Is(err, store.ErrConflict) {
		if _, gone := f.Store.Get(ctx, key); errors.Is(gone, store.ErrNotFound) {
			return nil
		}
	}
	return err
}

// lookForEarly counts the receipts that wait, handles those whose id is known
// by now, and removes those that waited too long: they are not about messages
// of ours.
func (f *Flow) lookForEarly(ctx context.Context) (removed int, err error) {
	before := f.early.waiting.Load()
	var keys [][]byte
	err = f.Store.Scan(ctx, store.Prefix(store.Early), func(it store.Item) bool {
		keys = append(keys, slices.Clone(it.Key))
		return true
	})
	if err != nil {
		return 0, err
	}
	f.early.add(int64(len(keys)) - before)
	f.early.counted.Store(true)
	until := uint64(max(f.Now().Add(-earlyFor).UnixNano(), 0))
	for _, key := range keys {
		if err := f.meet(ctx, key); err != nil {
			return removed, err
		}
		if numberOf(key) >= until {
			continue
		}
		n, err := f.giveUpEarly(ctx, key)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// giveUpEarly removes a receipt that belongs to nobody.
func (f *Flow) giveUpEarly(ctx context.Context, key []byte) (int, error) {
	it, err := f.Store.Get(ctx, key)
	if err != nil {
		return 0, ignore(err, store.ErrNotFound)
	}
	b := new(store.Batch)
	b.RequireVersion(key, it.Version)
	b.Delete(key)
	b.After(func() { f.early.add(-1); f.receipts.took("unknown") })
	err = store.Write(ctx, f.Store, b)
	if err != nil {
		return 0, ignore(err, store.ErrConflict)
	}
	return 1, nil
}
