package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Whoever looks through a whole table does so at leisure: walkBatch records, then
// walkRest without any hold on the store. A million records take half a minute and
// no processor from the mail.
const (
	walkBatch = 200
	walkRest  = 5 * time.Millisecond
)

// namedDamage bounds the damaged records that the log names one by one.
const namedDamage = 1000

// walk visits all records of a table; what changes meanwhile is seen or not. A
// record that cannot be read is left out: the log names it once and a metric counts
// it, and walk returns how many there were. It is for the goroutine of Housekeep.
func walk[T any](ctx context.Context, f *Flow, table store.Table, visit func(*T)) (damaged int, err error) {
	r := store.Prefix(table)
	r.Limit = walkBatch
	for {
		w := walking[T]{visit: visit}
		err := w.step(ctx, f.Store, r)
		for _, key := range w.damaged {
			f.nameDamage(table, key)
		}
		damaged += len(w.damaged)
		if err != nil {
			return damaged, err
		}
		if w.last == nil {
			f.metrics.damaged.WithLabelValues(table.String()).Set(float64(damaged))
			return damaged, nil
		}
		r.From = append(w.last, 0) // the next key there can be
		if err := pause(ctx, walkRest); err != nil {
			return damaged, err
		}
	}
}

// walking is one step of walk.
type walking[T any] struct {
	visit   func(*T)
	last    []byte   // key behind which the next step begins; nil: it is the end
	damaged [][]byte // keys
}

func (w *walking[T]) step(ctx context.Context, s store.Store, r store.Range) error {
	n := 0
	err := s.Scan(ctx, r, func(it store.Item) bool {
		n++
		w.last = append(w.last[:0], it.Key...)
		var v T
		if store.Decode(it.Value, &v) != nil {
			w.damaged = append(w.damaged, append([]byte(nil), it.Key...))
			return true
		}
		w.visit(&v)
		return true
	})
	var closed *seal.ValueError
	switch {
	case errors.As(err, &closed) && len(closed.Key) > 0:
		w.last, w.damaged = append(w.last[:0], closed.Key...), append(w.damaged, closed.Key)
		return nil
	case n < r.Limit:
		w.last = nil
	}
	return err
}

// nameDamage tells the log of a damaged record, once in the life of the process.
func (f *Flow) nameDamage(table store.Table, key []byte) {
	if f.scans.damaged[string(key)] || len(f.scans.damaged) >= namedDamage {
		return
	}
	if f.scans.damaged == nil {
		f.scans.damaged = make(map[string]bool)
	}
	f.scans.damaged[string(key)] = true
	f.Log.Error("a record is damaged and left out", "area", table.String(), "id", recordName(key))
}

// pause waits, or fails when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recordName is the id of a message or an envelope, by its key.
func recordName(key []byte) string {
	var id gateway.MessageID
	if len(key) < 1+len(id) {
		return ""
	}
	copy(id[:], key[1:])
	if n := key[1+len(id):]; len(n) == 4 {
		return gateway.EnvelopeID{Message: id, N: binary.BigEndian.Uint32(n)}.String()
	}
	return id.String()
}
