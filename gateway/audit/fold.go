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
	key     []byte // of its row; nil: it shares that of the record before
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
	var hashes block
	var about indexed
	for _, s := range staged {
		seq := grown.size
		done, err := appendRecord(b, &grown, s)
		if err != nil {
			return 0, err
		}
		hashes.add(b, seq, done)
		about.add(s.message, seq)
	}
	hashes.close(b)
	about.stage(b)
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

// readStaged returns the oldest staged records: those of whole rows, limit of
// them or a few more. 0: all.
func readStaged(ctx context.Context, s store.Store, limit int) ([]stagedRecord, error) {
	var staged []stagedRecord
	var bad error
	err := s.Scan(ctx, store.Prefix(store.Staged), func(item store.Item) bool {
		var more []stagedRecord
		more, bad = stagedIn(item)
		staged = append(staged, more...)
		return bad == nil && (limit == 0 || len(staged) < limit)
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading staged evidence: %w", err)
	}
	return staged, nil
}

// stagedLen is the length of a key of Staged without a message.
const stagedLen = 1 + 8 + 8

// aboutOf is the message that a staged record is about: it stands in the key,
// but for records of before it did, and those that are about none.
func aboutOf(item store.Item) (gateway.MessageID, error) {
	if len(item.Key) == stagedLen+len(gateway.MessageID{}) {
		return gateway.MessageID(item.Key[stagedLen:]), nil
	}
	var about struct {
		Message gateway.MessageID `json:"message"`
	}
	err := store.Decode(item.Value, &about)
	return about.Message, err
}

// appendRecord gives s the next sequence number and moves it. It returns the
// hashes that this completes.
func appendRecord(b *store.Batch, t *tree, s stagedRecord) ([]tlog.Hash, error) {
	seq := t.size
	value, leaf, err := entry(seq, s.value)
	if err != nil {
		return nil, fmt.Errorf("numbering evidence: %w", err)
	}
	if s.key != nil {
		b.Delete(s.key)
	}
	b.Put(recordKey(seq), value)
	return t.push(tlog.RecordHash(leaf)), nil
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
