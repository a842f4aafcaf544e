package seal

import (
	"context"
	"fmt"
	"io"

	"gatepost/store"
)

// sealedStore is a store.Store whose values are sealed on their way into
// another. Keys, versions and preconditions pass through.
type sealedStore struct {
	inner store.Store
	k     *Keyring
}

// SealedStore returns a store that keeps its records in inner with every value
// sealed under the metadata key. A value opens under its own key only, so
// values cannot be exchanged between records; an older value of the same
// record opens, which is why evidence has checkpoints outside the store. A
// value that does not open is an error of Get and ends a Scan. Closing it
// closes inner.
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

// openError says which table holds a value that does not open. The rest of the
// key stays out of it.
func openError(key []byte, err error) error {
	if len(key) == 0 {
		return fmt.Errorf("opening a value: %w", err)
	}
	return fmt.Errorf("opening a value of %s: %w", store.Table(key[0]), err)
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
// piece of memory.
func (s *sealedStore) Commit(ctx context.Context, b *store.Batch) error {
	sealed, err := s.sealBatch(b)
	if err != nil {
		return fmt.Errorf("sealing a batch: %w", err)
	}
	return s.inner.Commit(ctx, sealed)
}

func (s *sealedStore) sealBatch(b *store.Batch) (*store.Batch, error) {
	puts, size := 0, 0
	for i := range b.Ops {
		if !b.Ops[i].Delete {
			puts++
			size += valueOverhead + len(b.Ops[i].Value)
		}
	}
	sealer, err := s.k.valueSealer(puts)
	if err != nil {
		return nil, err
	}
	memory := make([]byte, size+puts*nonceSize)
	nonces, room := memory[size:], memory[:0:size]
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
