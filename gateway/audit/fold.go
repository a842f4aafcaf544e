package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
)

// keepHead is the distance of the heads that stay.
const keepHead = time.Minute

// Entry is a record with its place in the log.
type Entry struct {
	Seq uint64 `json:"seq"`
	gateway.Record
}

// entry is the value of record seq: the JSON of an Entry, which is what is
// hashed, made of that of its record.
func entry(seq uint64, record []byte) (value, leaf []byte, err error) {
	raw, err := store.JSON(record)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.HasPrefix(raw, []byte(`{"`)) {
		return nil, nil, store.ErrBadRecord
	}
	value = make([]byte, 0, len(record)+len(`"seq":,`)+20)
	value = append(value, record[:len(record)-len(raw)+1]...)
	value = strconv.AppendUint(append(value, `"seq":`...), seq, 10)
	value = append(append(value, ','), raw[1:]...)
	return value, value[len(record)-len(raw):], nil
}

// stagedRecord is a record that waits to be folded.
type stagedRecord struct {
	key     []byte
	value   []byte
	message gateway.MessageID // that it is about; zero: none
}

// Fold moves staged records into the log, at most a batch of them, and returns
// how many. It reads its state before the staged records and commits only if
// the state is still the same, so another folder of the same store can neither
// double nor lose a record. After an error, ErrUnknown included, folding again
// goes on with what is left.
func (l *Log) Fold(ctx context.Context) (int, error) {
	l.folding.Lock()
	defer l.folding.Unlock()
	const tries = 5
	var err error
	for range tries {
		var n int
		began := time.Now()
		n, err = l.fold(ctx)
		if err == nil {
			l.m.folded(n, time.Since(began))
			return n, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	l.m.errors.Inc()
	return 0, fmt.Errorf("folding evidence: %w", err)
}

func (l *Log) fold(ctx context.Context) (int, error) {
	st, version, err := readState(ctx, l.store)
	if err != nil {
		return 0, err
	}
	staged, err := readStaged(ctx, l.store, l.o.Batch)
	if err != nil || len(staged) == 0 {
		return 0, err
	}
	b := new(store.Batch)
	if version == 0 {
		b.RequireAbsent(stateKey())
	} else {
		b.RequireVersion(stateKey(), version)
	}
	grown := tree{size: st.Size, peaks: st.Peaks}
	for _, s := range staged {
		if err := appendRecord(b, &grown, s); err != nil {
			return 0, err
		}
	}
	next, err := l.closeBatch(b, st, grown)
	if err != nil {
		return 0, err
	}
	if err := store.Write(ctx, l.store, b); err != nil {
		return 0, err
	}
	l.m.size.Set(float64(next.Size))
	return len(staged), nil
}

// readStaged returns the oldest staged records.
func readStaged(ctx context.Context, s store.Store, limit int) ([]stagedRecord, error) {
	var staged []stagedRecord
	var bad error
	r := store.Prefix(store.Staged)
	r.Limit = limit
	err := s.Scan(ctx, r, func(item store.Item) bool {
		var about struct {
			Message gateway.MessageID `json:"message"`
		}
		bad = store.Decode(item.Value, &about)
		staged = append(staged, stagedRecord{bytes.Clone(item.Key), bytes.Clone(item.Value), about.Message})
		return bad == nil
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading staged evidence: %w", err)
	}
	return staged, nil
}

// appendRecord gives s the next sequence number and moves it.
func appendRecord(b *store.Batch, t *tree, s stagedRecord) error {
	seq := t.size
	value, leaf, err := entry(seq, s.value)
	if err != nil {
		return fmt.Errorf("numbering evidence: %w", err)
	}
	b.Delete(s.key)
	b.Put(recordKey(seq), value)
	b.Put(hashesKey(seq), joinHashes(t.push(tlog.RecordHash(leaf))))
	if !s.message.IsZero() {
		b.Put(indexKey(s.message, seq), nil)
	}
	return nil
}

func joinHashes(hashes []tlog.Hash) []byte {
	out := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

// closeBatch signs the new root and writes the new state. The head before is
// dropped when it is too close to the last one that stays.
func (l *Log) closeBatch(b *store.Batch, old state, grown tree) (state, error) {
	head := Head{Size: grown.size, Root: grown.root(), At: l.o.Now().UTC()}
	signed, err := head.sign(l.key)
	if err != nil {
		return state{}, err
	}
	next := state{Size: grown.size, Peaks: grown.peaks, Head: signed, Kept: old.Kept, KeptAt: old.KeptAt}
	if old.Size > 0 && old.Size != old.Kept {
		b.Delete(headKey(old.Size))
	}
	if since := head.At.Sub(old.KeptAt); since >= keepHead || since < 0 {
		next.Kept, next.KeptAt = head.Size, head.At
	}
	b.Put(headKey(head.Size), signed)
	return next, b.PutRecord(stateKey(), next)
}
