package store

import (
	"bytes"
	"context"
	"errors"
)

// Limits of GetAll: how few keys are asked for one by one, and how many records
// that nobody asked for a scan passes, beside one for each that was.
const (
	fewKeys   = 4
	strangers = 16
)

// GetAll calls visit with the records of keys, which are in ascending order, none
// of them twice; what is absent is left out. visit must not call the store, and
// the item is valid during the call only. Where the records lie together they are read by one scan, which costs a
// fraction of as many calls of Get; where others lie between them, or the scan
// fails, by Get. An error of visit ends it.
func GetAll(ctx context.Context, s Store, keys [][]byte, visit func(i int, item Item) error) error {
	next := 0
	if len(keys) >= fewKeys {
		var err error
		if next, err = scanFor(ctx, s, keys, visit); err != nil {
			return err
		}
	}
	for ; next < len(keys); next++ {
		item, err := s.Get(ctx, keys[next])
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			err = visit(next, item)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scanFor visits what a scan finds of keys as long as that is worth it, and
// returns where to go on. The error is visit's.
func scanFor(ctx context.Context, s Store, keys [][]byte, visit func(i int, item Item) error) (next int, err error) {
	passed := 0
	last := keys[len(keys)-1]
	_ = s.Scan(ctx, Range{From: keys[0], To: append(bytes.Clone(last), 0)}, func(item Item) bool {
		for bytes.Compare(keys[next], item.Key) < 0 { // the last one never is
			next++
		}
		if !bytes.Equal(keys[next], item.Key) {
			passed++
			return passed <= strangers+next
		}
		err = visit(next, item)
		next++
		return err == nil && next < len(keys)
	})
	return next, err
}
