package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// leaf returns the octets that are hashed and stored.
func (e Entry) leaf() ([]byte, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	return raw, nil
}

// stagedRecord is a record that waits to be folded.
type stagedRecord struct {
	key    []byte
	record gateway.Record
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
		one := stagedRecord{key: append([]byte(nil), item.Key...)}
		bad = store.Decode(item.Value, &one.record)
		staged = append(staged, one)
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
	leaf, err := Entry{Seq: seq, Record: s.record}.leaf()
	if err != nil {
		return err
	}
	b.Delete(s.key)
	if err := b.PutRecord(recordKey(seq), json.RawMessage(leaf)); err != nil {
		return err
	}
	b.Put(hashesKey(seq), joinHashes(t.push(tlog.RecordHash(leaf))))
	if !s.record.Message.IsZero() {
		b.Put(indexKey(s.record.Message, seq), nil)
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
