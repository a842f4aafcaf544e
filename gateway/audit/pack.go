package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// Limits of a row of several staged records.
const (
	packRecords = 64
	packOctets  = 64 << 10
)

// Packed returns s, with the records that one commit stages written as one row:
// a row for each costs more than the records in it, when it is written, when it
// is folded and when it is removed. What a Log stages need not pass through it.
func Packed(s store.Store) store.Store { return packing{s} }

type packing struct{ store.Store }

// Commit implements store.Store.
func (p packing) Commit(ctx context.Context, b *store.Batch) error {
	b, err := pack(b)
	if err != nil {
		return err
	}
	return p.Store.Commit(ctx, b)
}

// isStaged reports whether a write stages a single record.
func isStaged(op store.Op) bool {
	return !op.Delete && len(op.Key) >= stagedLen && op.Key[0] == byte(store.Staged) && !isPack(op.Value)
}

// pack returns b with its staged records in as few rows as may be; b itself
// when it stages fewer than two.
func pack(b *store.Batch) (*store.Batch, error) {
	var staged []store.Op
	for _, op := range b.Ops {
		if isStaged(op) {
			staged = append(staged, op)
		}
	}
	if len(staged) < 2 {
		return b, nil
	}
	slices.SortStableFunc(staged, func(x, y store.Op) int { return bytes.Compare(x.Key, y.Key) })
	out := &store.Batch{Ops: make([]store.Op, 0, len(b.Ops)-len(staged)+1), Requires: b.Requires}
	for _, op := range b.Ops {
		if !isStaged(op) {
			out.Ops = append(out.Ops, op)
		}
	}
	for len(staged) > 0 {
		n, size := 0, 0
		for n < len(staged) && n < packRecords && (n == 0 || size+len(staged[n].Value) <= packOctets) {
			size += len(staged[n].Value)
			n++
		}
		if err := out.PutRecord(staged[0].Key[:stagedLen:stagedLen], packed(staged[:n])); err != nil {
			return nil, err
		}
		staged = staged[n:]
	}
	return out, nil
}

// packed are the writes that a row of several staged records stands for. Of
// each: 1 and the 16 octets of the message that it is about, or 0; the length of
// its value (uvarint) and its value.
type packed []store.Op

// AppendRecord implements what package store asks of a record with its own form.
func (p packed) AppendRecord(b []byte) ([]byte, error) {
	size := 0
	for _, op := range p {
		size += len(op.Key) + len(op.Value) + binary.MaxVarintLen32
	}
	b = slices.Grow(b, size)
	for _, op := range p {
		if about := op.Key[stagedLen:]; len(about) == len(gateway.MessageID{}) {
			b = append(append(b, 1), about...)
		} else {
			b = append(b, 0)
		}
		b = append(binary.AppendUvarint(b, uint64(len(op.Value))), op.Value...)
	}
	return b, nil
}

// packedOctet is the version octet of a row of several records: package store's
// for what has a form of its own. A single staged record is JSON.
const packedOctet = 3

func isPack(value []byte) bool { return len(value) > 0 && value[0] == packedOctet }

// unpack reads the records of a row, which share its key.
func unpack(value []byte) (all []stagedRecord, err error) {
	if !isPack(value) {
		return nil, store.ErrBadRecord
	}
	for rest := value[1:]; len(rest) > 0; {
		var s stagedRecord
		kind := rest[0]
		rest = rest[1:]
		if kind > 1 || kind == 1 && len(rest) < len(s.message) {
			return nil, store.ErrBadRecord
		}
		if kind == 1 {
			rest = rest[copy(s.message[:], rest):]
		}
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return nil, store.ErrBadRecord
		}
		s.value, rest = rest[used:used+int(n):used+int(n)], rest[used+int(n):]
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, store.ErrBadRecord
	}
	return all, nil
}

// stagedIn reads a row of Staged, into memory that is the caller's.
func stagedIn(item store.Item) ([]stagedRecord, error) {
	key, value := bytes.Clone(item.Key), bytes.Clone(item.Value)
	if !isPack(value) {
		about, err := aboutOf(item)
		return []stagedRecord{{key, value, about}}, err
	}
	all, err := unpack(value)
	if err == nil {
		all[0].key = key
	}
	return all, err
}
