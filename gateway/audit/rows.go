package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"gatepost/store"
)

// chunk is how many rows are read at a time, so that no scan of the store
// stays open while its records are hashed or written somewhere.
const chunk = 512

// row is one record of a table that is keyed by number.
type row struct {
	n     uint64
	value []byte
	err   error // the store could not read it
}

// rows reads the rows of table, behind prefix, numbered from from up to but
// not including to; a row that is not there is not in the answer. When
// the store stops at a value that it cannot read (seal: it was changed), the
// rest is fetched one by one, so that one damaged record hides no other. An
// error means that nothing can be said: the store is gone, or ctx has ended.
func rows(ctx context.Context, s store.Store, table store.Table, prefix []byte, from, to uint64) ([]row, error) {
	var found []row
	key := func(n uint64) []byte { return store.Key(table, prefix, store.Uint64(n)) }
	next := from
	err := s.Scan(ctx, store.Range{From: key(from), To: key(to)}, func(item store.Item) bool {
		n := binary.BigEndian.Uint64(item.Key[len(item.Key)-8:])
		found = append(found, row{n: n, value: slices.Clone(item.Value)})
		next = n + 1
		return true
	})
	if err == nil {
		return found, nil
	}
	for ; next < to; next++ {
		if gone(ctx, err) {
			return nil, err
		}
		var item store.Item
		item, err = s.Get(ctx, key(next))
		if !errors.Is(err, store.ErrNotFound) {
			found = append(found, row{n: next, value: item.Value, err: err})
		}
	}
	return found, nil
}

// gone reports whether err says that the store as a whole cannot be read.
func gone(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrFailed)
}
