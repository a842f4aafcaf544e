package pebblestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"gatepost/store"
)

// versionLen is the length of what stands in front of each value: its version,
// 8 octets, big-endian.
const versionLen = 8

var errBadValue = errors.New("pebblestore: a value without a version")

func split(raw []byte) (version uint64, value []byte, err error) {
	if len(raw) < versionLen {
		return 0, nil, errBadValue
	}
	return binary.BigEndian.Uint64(raw), raw[versionLen:], nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key []byte) (store.Item, error) {
	if err := s.begin(ctx); err != nil {
		return store.Item{}, err
	}
	defer s.use.RUnlock()
	if reserved(key) {
		return store.Item{}, store.ErrNotFound
	}
	if s.written.lacks(key) {
		return store.Item{}, store.ErrNotFound
	}
	raw, known, look := s.known.has(key)
	var closer io.Closer
	if !known {
		var err error
		raw, closer, err = s.db.Get(key)
		switch {
		case errors.Is(err, pebble.ErrNotFound):
			raw = nil
		case err != nil:
			s.known.failed(key, look)
			return store.Item{}, fmt.Errorf("reading a record: %w", err)
		case raw == nil:
			raw = []byte{} // damaged, and not absent
		}
		s.known.looked(key, look, raw)
	}
	if raw == nil {
		return store.Item{}, s.nothing(ctx, key)
	}
	item, err := ownItem(key, raw)
	if closer != nil {
		err = errors.Join(err, closer.Close())
	}
	if err != nil {
		return store.Item{}, err
	}
	return item, s.durable.wait(ctx, uint64(item.Version))
}

// nothing is the answer where a key is absent, once that is durable.
func (s *Store) nothing(ctx context.Context, key []byte) error {
	if err := s.durable.wait(ctx, s.durable.deletedAt(key)); err != nil {
		return err
	}
	return store.ErrNotFound
}

// ownItem copies a record out of the engine's memory.
func ownItem(key, raw []byte) (store.Item, error) {
	version, value, err := split(raw)
	if err != nil {
		return store.Item{}, err
	}
	buf := make([]byte, len(key)+len(value))
	n := copy(buf, key)
	copy(buf[n:], value)
	return store.Item{Key: buf[:n:n], Value: buf[n:], Version: store.Version(version)}, nil
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.use.RUnlock()
	if r.To != nil && bytes.Compare(r.From, r.To) >= 0 {
		return nil
	}
	lower := r.From
	if reserved(lower) {
		lower = []byte{1}
	}
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: r.To})
	if err != nil {
		return fmt.Errorf("scanning: %w", err)
	}
	// The view is made: a deletion that it shows is in flight now, or durable.
	err = s.durable.wait(ctx, s.durable.deletedIn(r))
	if err == nil {
		err = s.visitAll(ctx, it, r, visit)
	}
	return errors.Join(err, it.Close())
}

func (s *Store) visitAll(ctx context.Context, it *pebble.Iterator, r store.Range, visit func(store.Item) bool) error {
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	var item store.Item
	n := 0
	for ok := first(); ok && (r.Limit == 0 || n < r.Limit); ok = next() {
		if err := s.load(ctx, it, &item); err != nil {
			return err
		}
		if n++; !visit(item) {
			return nil
		}
	}
	return it.Error()
}

// load fills item with the iterator's record, in memory that is reused. It is
// a copy: the engine's own pages must survive a visitor that opens a sealed
// value in place.
func (s *Store) load(ctx context.Context, it *pebble.Iterator, item *store.Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := it.ValueAndErr()
	if err != nil {
		return fmt.Errorf("scanning: %w", err)
	}
	version, value, err := split(raw)
	if err != nil {
		return err
	}
	item.Key = append(item.Key[:0], it.Key()...)
	item.Value = append(item.Value[:0], value...)
	item.Version = store.Version(version)
	return s.durable.wait(ctx, version)
}
