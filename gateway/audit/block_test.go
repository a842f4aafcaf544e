package audit

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
)

// TestLogsOfOlderVersionsGoOn: a row of hashes for each record, and a row of the
// index, are read as before, and what is folded behind them continues the tree.
func TestLogsOfOlderVersionsGoOn(t *testing.T) {
	b := newLog(t)
	const old, more = 150, 200
	b.fill(t, old)
	b.older(t)
	head := b.head(t)
	for first := old; first < old+more; first += 50 {
		b.stage(t, first, 50)
		b.fold(t)
	}
	if r := b.verify(t, head); !r.OK() || r.Records != old+more || r.Checkpoints != 1 {
		t.Errorf("verified: %+v", r)
	}
	check(t, b.Check(t.Context(), head))
	for _, id := range []int{1, old / 3, (old + more - 1) / 3} {
		story, err := b.Story(t.Context(), message(id))
		check(t, err)
		for i, told := range story {
			if want := fmt.Sprintf("%s.%d", message(id), i); told.Envelope != want || told.Staged {
				t.Errorf("message %d, %d: %q", id, i, told.Envelope)
			}
		}
		if want := min(3, old+more-3*id); len(story) != want {
			t.Errorf("message %d: %d records told, want %d", id, len(story), want)
		}
	}
}

// older gives the log the form that versions before had.
func (b *bench) older(t *testing.T) {
	t.Helper()
	f := &forger{b: b, mem: b.mem}
	f.write(func(batch *store.Batch) {
		for _, key := range f.keys(store.LogTiles) {
			for _, r := range splitBlock(row{n: binary.BigEndian.Uint64(key[2:]), value: f.raw(key)}) {
				batch.Put(hashesKey(r.n), r.value)
			}
			batch.Delete(key)
		}
		for _, key := range f.keys(store.LogIndex) {
			id, seqs, err := indexedIn(key, f.raw(key))
			check(t, err)
			for _, seq := range seqs {
				batch.Put(indexKey(id, seq), nil)
			}
		}
	})
	if r := b.verify(t); !r.OK() {
		t.Fatalf("in the older form: %+v", r)
	}
}

// TestFoldsWriteFewRows: one row for each record, one for each message, and one
// for the hashes of 64.
func TestFoldsWriteFewRows(t *testing.T) {
	b := newLog(t)
	b.stage(t, 0, 300)
	b.fold(t)
	f := &forger{b: b, mem: b.mem}
	if n := len(f.keys(store.LogTiles)); n != (300+hashBlock-1)/hashBlock {
		t.Errorf("%d rows of hashes", n)
	}
	if n := len(f.keys(store.LogIndex)); n != 99 { // that of the first three is the zero one, which is none
		t.Errorf("%d rows of the index", n)
	}
}

// TestTwoRowsOfHashesAreNone: a second row for a record, as nobody writes one, is
// not believed.
func TestTwoRowsOfHashesAreNone(t *testing.T) {
	b := newLog(t)
	b.fill(t, 100)
	f := &forger{b: b, mem: b.mem}
	hashes, err := hashesOf(t.Context(), b.mem, 70)
	check(t, err)
	var one []byte
	for _, h := range hashes {
		one = append(one, h[:]...)
	}
	f.put(hashesKey(70), one)
	r := b.verify(t)
	if r.OK() || r.Problems[0].Kind != ProblemHashes {
		t.Errorf("verified: %+v", r)
	}
}

// TestOctetsThatAreNoBlock: too few, too many, across the border of a row.
func TestOctetsThatAreNoBlock(t *testing.T) {
	for _, c := range []struct {
		first uint64
		size  int
	}{{0, 0}, {0, 31}, {0, 33}, {1, 32}, {62, (1 + 7 + 1) * tlog.HashSize}, {1 << 63, 7}} {
		for _, r := range splitBlock(row{n: c.first, value: make([]byte, c.size)}) {
			if r.n != c.first || len(r.value) > 0 {
				t.Errorf("%d octets from %d on: record %d has %d", c.size, c.first, r.n, len(r.value))
			}
		}
	}
}

// FuzzIndexRow: whatever stands in a row of the index is read in bounded memory,
// in rising order, or refused.
func FuzzIndexRow(f *testing.F) {
	var about indexed
	for _, seq := range []uint64{4, 5, 700} {
		about.add(gateway.MessageID{1}, seq)
	}
	b := new(store.Batch)
	about.stage(b)
	f.Add(b.Ops[0].Key, b.Ops[0].Value)
	f.Add(indexKey(gateway.MessageID{1}, 1<<64-1), []byte{1})
	f.Add([]byte{'W'}, []byte{0})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, seqs, err := indexedIn(key, value)
		if err == nil && !slices.IsSorted(seqs) {
			t.Errorf("records out of order: %d", seqs)
		}
		if len(seqs) > len(value)+1 {
			t.Errorf("%d records in %d octets", len(seqs), len(value))
		}
	})
}
