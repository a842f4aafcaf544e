package audit

import (
	"bytes"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func TestPackedStoreKeepsTheContract(t *testing.T) {
	storetest.Contract(t, func(*testing.T) store.Store { return Packed(storetest.NewMemory()) })
}

// TestPackedRecordsLeadToTheSameLog: what one commit staged is few rows, and in
// the log it is what it would have been as a row for each.
func TestPackedRecordsLeadToTheSameLog(t *testing.T) {
	b := newLog(t)
	b.o.Batch = 50 // a fold takes whole rows
	const n = 200
	for from := 0; from < n; from += n / 2 {
		batch := new(store.Batch)
		batch.Put(store.Key(store.Meta, []byte("act")), []byte("done"))
		for i := range n / 2 {
			check(t, b.Stage(batch, record(from+i)))
		}
		check(t, store.Write(t.Context(), Packed(b.mem), batch))
	}
	if rows := b.rowsStaged(t); rows != 4 {
		t.Errorf("%d rows", rows)
	}
	if r := b.verify(t); !r.OK() || r.Staged != n {
		t.Errorf("before folding: %+v", r)
	}
	if story, err := b.Story(t.Context(), message(7)); err != nil || len(story) == 0 || !story[0].Staged {
		t.Errorf("story %+v, %v", story, err)
	}
	check(t, b.foldAll(t.Context()))
	b.wantOrder(t, n)
	if r := b.verify(t); !r.OK() || r.Records != n || r.Staged != 0 {
		t.Errorf("after folding: %+v", r)
	}
	if rows := b.rowsStaged(t); rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
}

func (b *bench) rowsStaged(t *testing.T) (n int) {
	t.Helper()
	check(t, b.mem.Scan(t.Context(), store.Prefix(store.Staged), func(store.Item) bool { n++; return true }))
	return n
}

// TestDamagedPackIsReported: a row that cannot be taken apart stops folding and
// is a problem of the log.
func TestDamagedPackIsReported(t *testing.T) {
	b := newLog(t)
	batch := new(store.Batch)
	batch.Put(store.Key(store.Staged, make([]byte, stagedLen-1)), []byte{packedOctet, 1, 2})
	check(t, store.Write(t.Context(), b.mem, batch))
	if r := b.verify(t); r.OK() || r.Problems[0].Kind != ProblemStaged {
		t.Errorf("%+v", r)
	}
	if _, err := b.Fold(t.Context()); err == nil {
		t.Error("folded")
	}
}

// FuzzUnpack: whatever can be read is what its records are written as.
func FuzzUnpack(f *testing.F) {
	one := store.Op{Key: make([]byte, stagedLen), Value: []byte("value")}
	two := store.Op{Key: make([]byte, stagedLen+len(gateway.MessageID{})), Value: []byte("other")}
	for _, ops := range []packed{{one}, {one, two}, {two, two, one}} {
		value, err := store.Encode(ops)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(value[:len(value)-1])
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		all, err := unpack(value)
		if err != nil {
			return
		}
		var ops packed
		for _, s := range all {
			op := store.Op{Key: make([]byte, stagedLen), Value: s.value}
			if !s.message.IsZero() {
				op.Key = append(op.Key, s.message[:]...)
			}
			ops = append(ops, op)
		}
		again, err := store.Encode(ops)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unpack(again)
		if err != nil || len(back) != len(all) {
			t.Fatalf("%d records of %d, %v", len(back), len(all), err)
		}
		for i := range back {
			if back[i].message != all[i].message || !bytes.Equal(back[i].value, all[i].value) {
				t.Fatalf("record %d is another", i)
			}
		}
	})
}
