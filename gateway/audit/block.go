package audit

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
)

// What a fold writes beside the records themselves, it writes in few rows: a
// row for each record, and another for each in the index, cost more than the
// hashes in them.

// hashBlock is how many records share a row of hashes at most. A row ends where
// the number of a record is a multiple of it, and with the fold.
const hashBlock = 64

// blockKey is where the hashes lie that the records from first on completed: level
// octet 1 of the table. Under level octet 0 older versions kept those of each
// record in a row of its own; both are read.
func blockKey(first uint64) []byte {
	return store.Key(store.LogTiles, []byte{1}, store.Uint64(first))
}

// completed is how many hashes record seq completes: its own, and one for each
// subtree whose last leaf it is.
func completed(seq uint64) int { return 1 + bits.TrailingZeros64(seq+1) }

// block is a row of hashes while it is made.
type block struct {
	first  uint64
	hashes []byte
}

// add takes the hashes that record seq completed.
func (k *block) add(b *store.Batch, seq uint64, hashes []tlog.Hash) {
	if seq%hashBlock == 0 {
		k.close(b)
	}
	if len(k.hashes) == 0 {
		k.first = seq
	}
	for _, h := range hashes {
		k.hashes = append(k.hashes, h[:]...)
	}
}

func (k *block) close(b *store.Batch) {
	if len(k.hashes) > 0 {
		b.Put(blockKey(k.first), k.hashes)
	}
	k.hashes = nil
}

// splitBlock takes the row of a block apart: a row for each record. What is no
// block is one row that holds no hashes.
func splitBlock(r row) []row {
	if r.err != nil {
		return []row{r}
	}
	var all []row
	for n, rest := r.n, r.value; ; n++ {
		size := completed(n) * tlog.HashSize
		if len(rest) < size || n != r.n && n%hashBlock == 0 {
			return []row{{n: r.n}}
		}
		all = append(all, row{n: n, value: rest[:size]})
		if rest = rest[size:]; len(rest) == 0 {
			return all
		}
	}
}

// hashRows reads the stored hashes of the records from from, a multiple of
// hashBlock, up to but not including to, as rows does. A record that has two
// rows has none that can be believed.
func hashRows(ctx context.Context, s store.Store, from, to uint64) ([]row, error) {
	all, err := rows(ctx, s, store.LogTiles, []byte{0}, from, to)
	if err != nil {
		return nil, err
	}
	blocks, err := rows(ctx, s, store.LogTiles, []byte{1}, from, to)
	if err != nil {
		return nil, err
	}
	for _, r := range blocks {
		all = append(all, splitBlock(r)...)
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.n, b.n) })
	once := all[:0]
	for i, r := range all {
		switch {
		case i == 0 || once[len(once)-1].n != r.n:
			once = append(once, r)
		default:
			once[len(once)-1].value = nil
		}
	}
	return once, nil
}

// hashesOf returns the hashes that record seq completed.
func hashesOf(ctx context.Context, s store.Store, seq uint64) ([]tlog.Hash, error) {
	r := store.Range{From: blockKey(seq - seq%hashBlock), To: blockKey(seq + 1), Reverse: true, Limit: 1}
	var found []row
	err := s.Scan(ctx, r, func(item store.Item) bool {
		found = splitBlock(row{n: binary.BigEndian.Uint64(item.Key[len(item.Key)-8:]), value: slices.Clone(item.Value)})
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if r.n == seq {
			return splitHashes(r.value), nil
		}
	}
	item, err := s.Get(ctx, hashesKey(seq))
	if err != nil {
		return nil, err
	}
	return splitHashes(item.Value), nil
}

// indexed collects which records of a fold are about which message.
type indexed struct {
	order []gateway.MessageID
	seqs  map[gateway.MessageID][]uint64
}

func (x *indexed) add(id gateway.MessageID, seq uint64) {
	if id.IsZero() {
		return
	}
	if x.seqs == nil {
		x.seqs = make(map[gateway.MessageID][]uint64)
	}
	if len(x.seqs[id]) == 0 {
		x.order = append(x.order, id)
	}
	x.seqs[id] = append(x.seqs[id], seq)
}

// stage writes a row for each message: the first of its records stands in the
// key, the distance of each further one from that before it in the value.
func (x *indexed) stage(b *store.Batch) {
	for _, id := range x.order {
		seqs := x.seqs[id]
		var more []byte
		for i := 1; i < len(seqs); i++ {
			more = binary.AppendUvarint(more, seqs[i]-seqs[i-1])
		}
		b.Put(indexKey(id, seqs[0]), more)
	}
}

var errIndex = errors.New("audit: a row of the index cannot be read")

// indexedIn returns the records that a row of the index names.
func indexedIn(key, value []byte) (id gateway.MessageID, seqs []uint64, err error) {
	if len(key) != 1+len(id)+8 {
		return id, nil, errIndex
	}
	id = gateway.MessageID(key[1:])
	seqs = []uint64{binary.BigEndian.Uint64(key[1+len(id):])}
	for len(value) > 0 {
		step, n := binary.Uvarint(value)
		last := seqs[len(seqs)-1]
		if n <= 0 || step == 0 || last+step < last {
			return id, seqs, fmt.Errorf("message %v: %w", id, errIndex)
		}
		seqs = append(seqs, last+step)
		value = value[n:]
	}
	return id, seqs, nil
}
