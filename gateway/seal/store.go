package seal

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"gatepost/store"
)

// sealedStore is a store.Store whose values are sealed on their way into
// another. Keys, versions and preconditions pass through.
type sealedStore struct {
	inner  store.Store
	k      *Keyring
	memory sync.Pool // of *[]byte: what sealed a batch seals another
}

// The memory (octets) that one batch gets at least, so that it serves the next
// one too, and that is kept of it at most: a hundred may be sealed at once, and
// the large ones, which settle and fold, are few.
const (
	minSealing = 16 << 10
	maxSealing = 64 << 10
)

// SealedStore returns a store that keeps its records in inner with every value
// sealed under the metadata key. A value opens under its own key only, so
// values cannot be exchanged between records; an older value of the same
// record opens, which is why evidence has checkpoints outside the store. A
// value that does not open is a *ValueError of Get and ends a Scan with it.
// Closing it closes inner.
func (k *Keyring) SealedStore(inner store.Store) store.Store {
	return &sealedStore{inner: inner, k: k}
}

// Get implements store.Store. The value is opened in place: it is the caller's.
func (s *sealedStore) Get(ctx context.Context, key []byte) (store.Item, error) {
	item, err := s.inner.Get(ctx, key)
	if err != nil {
		return store.Item{}, err
	}
	if len(item.Value) < valueOverhead {
		return store.Item{}, openError(key, ErrOpen)
	}
	item.Value, err = s.k.openValue(item.Value[valueHeader:valueHeader], key, item.Value)
	if err != nil {
		return store.Item{}, openError(key, err)
	}
	return item, nil
}

// ValueError says which value does not open: somebody who reads on begins behind it.
type ValueError struct {
	Key []byte
	err error
}

// Error names the table. The rest of the key stays out of it.
func (e *ValueError) Error() string {
	if len(e.Key) == 0 {
		return fmt.Sprintf("opening a value: %v", e.err)
	}
	return fmt.Sprintf("opening a value of %s: %v", store.Table(e.Key[0]), e.err)
}

// DamagedKey is Key, for those who know of no seals.
func (e *ValueError) DamagedKey() []byte { return e.Key }

// Unwrap is why.
func (e *ValueError) Unwrap() error { return e.err }

func openError(key []byte, err error) error {
	return &ValueError{Key: slices.Clone(key), err: err}
}

// Scan implements store.Store. What inner shows may be its own memory, so each
// value is opened into one buffer of this call.
func (s *sealedStore) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	var buf []byte
	var failed error
	err := s.inner.Scan(ctx, r, func(item store.Item) bool {
		value, err := s.k.openValue(buf[:0], item.Key, item.Value)
		if err != nil {
			failed = openError(item.Key, err)
			return false
		}
		buf, item.Value = value, value
		return visit(item)
	})
	if failed != nil {
		return failed
	}
	return err
}

// Commit implements store.Store. All sealed values of the batch share one
// piece of memory, which is free again when inner has answered.
func (s *sealedStore) Commit(ctx context.Context, b *store.Batch) error {
	puts, size := 0, 0
	for i := range b.Ops {
		if !b.Ops[i].Delete {
			puts++
			size += valueOverhead + len(b.Ops[i].Value)
		}
	}
	memory, _ := s.memory.Get().(*[]byte)
	if need := size + puts*nonceSize; memory == nil || cap(*memory) < need {
		fresh := make([]byte, max(need, minSealing))
		memory = &fresh
	}
	if cap(*memory) <= maxSealing {
		defer s.memory.Put(memory)
	}
	sealed, err := s.sealBatch(b, (*memory)[:cap(*memory)], puts, size)
	if err != nil {
		return fmt.Errorf("sealing a batch: %w", err)
	}
	return s.inner.Commit(ctx, sealed)
}

// sealBatch seals the values of b, of which there are puts, into size octets of
// memory; their nonces lie behind.
func (s *sealedStore) sealBatch(b *store.Batch, memory []byte, puts, size int) (*store.Batch, error) {
	sealer, err := s.k.valueSealer(puts)
	if err != nil {
		return nil, err
	}
	nonces, room := memory[size:size+puts*nonceSize], memory[:0:size]
	if _, err := io.ReadFull(s.k.o.Rand, nonces); err != nil {
		return nil, fmt.Errorf("making nonces: %w", err)
	}
	out := &store.Batch{Ops: make([]store.Op, len(b.Ops)), Requires: b.Requires}
	for i, op := range b.Ops {
		if !op.Delete {
			sealed := sealer.seal(room, nonces[:nonceSize], op.Key, op.Value)
			op.Value = sealed[:len(sealed):len(sealed)]
			nonces = nonces[nonceSize:]
			room = room[len(sealed):len(sealed):cap(room)]
		}
		out.Ops[i] = op
	}
	return out, nil
}

// Close implements store.Store.
func (s *sealedStore) Close() error { return s.inner.Close() }
