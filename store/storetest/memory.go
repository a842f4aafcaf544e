package storetest

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"gatepost/store"
)

// Memory is a store.Store that forgets everything with its process: the
// reference for the contract, and a double for the tests of other packages.
// The zero value is empty and ready. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	items   []store.Item // sorted by key; what is in it is never changed, only replaced
	lent    bool         // a scan reads items: the next commit copies it first
	version store.Version
	closed  bool
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return new(Memory) }

// Copy returns an independent Memory with the same records, as a crash and a
// restart would leave it.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{items: slices.Clone(m.items), version: m.version}
}

// Get implements store.Store.
func (m *Memory) Get(ctx context.Context, key []byte) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return store.Item{}, err
	}
	i, found := m.findLocked(key)
	if !found {
		return store.Item{}, store.ErrNotFound
	}
	return cloneItem(m.items[i]), nil
}

// Scan implements store.Store.
func (m *Memory) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	items, err := m.lend(ctx, r)
	if err != nil {
		return err
	}
	if r.Reverse {
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	for i, item := range items {
		if r.Limit > 0 && i == r.Limit {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !visit(cloneItem(item)) {
			return nil
		}
	}
	return nil
}

// lend returns the records of r as they are now; the next commit leaves them
// alone.
func (m *Memory) lend(ctx context.Context, r store.Range) ([]store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	from, _ := m.findLocked(r.From)
	to := len(m.items)
	if r.To != nil {
		to, _ = m.findLocked(r.To)
	}
	if to <= from {
		return nil, nil
	}
	m.lent = true
	return m.items[from:to], nil
}

// Commit implements store.Store.
func (m *Memory) Commit(ctx context.Context, b *store.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return err
	}
	for _, r := range b.Requires {
		if m.versionLocked(r.Key) != r.Version {
			return store.ErrConflict
		}
	}
	if m.lent {
		m.items, m.lent = slices.Clone(m.items), false
	}
	m.version++
	for _, op := range b.Ops {
		m.applyLocked(op)
	}
	return nil
}

// Close implements store.Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) applyLocked(op store.Op) {
	i, found := m.findLocked(op.Key)
	switch {
	case op.Delete && found:
		m.items = slices.Delete(m.items, i, i+1)
	case op.Delete:
	case found:
		m.items[i] = cloneItem(store.Item{Key: op.Key, Value: op.Value, Version: m.version})
	default:
		m.items = slices.Insert(m.items, i, cloneItem(store.Item{Key: op.Key, Value: op.Value, Version: m.version}))
	}
}

func (m *Memory) versionLocked(key []byte) store.Version {
	i, found := m.findLocked(key)
	if !found {
		return 0
	}
	return m.items[i].Version
}

func (m *Memory) findLocked(key []byte) (int, bool) {
	return slices.BinarySearchFunc(m.items, key, func(item store.Item, key []byte) int {
		return bytes.Compare(item.Key, key)
	})
}

func (m *Memory) usableLocked(ctx context.Context) error {
	if m.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

func cloneItem(item store.Item) store.Item {
	return store.Item{Key: bytes.Clone(item.Key), Value: append([]byte{}, item.Value...), Version: item.Version}
}
