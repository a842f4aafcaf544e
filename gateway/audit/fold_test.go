package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func TestUnmodifiedLogsOfManySizesVerify(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 300, chunk - 1, chunk, chunk + 1, 1500} {
		b := newLog(t)
		b.fill(t, n)
		r := b.verify(t)
		if !r.OK() || r.Records != uint64(n) || r.Signed != uint64(n) || r.Staged != 0 || n > 0 && r.Heads == 0 {
			t.Errorf("%d records: %+v", n, r)
		}
		if head := b.head(t); n > 0 {
			if r := b.verify(t, head); !r.OK() || r.Checkpoints != 1 {
				t.Errorf("%d records against their own checkpoint: %+v", n, r)
			}
		}
	}
}

// TestTreeIsThatOfTlog compares our right edge with the library's algorithms
// over stored hashes, and proves records and prefixes with them.
func TestTreeIsThatOfTlog(t *testing.T) {
	b := newLog(t)
	const n = 130
	b.fill(t, n)
	reader := b.hashes(t.Context())
	var roots tree
	for size := int64(1); size <= n; size++ {
		leaf := b.leafOf(t, uint64(size-1))
		want, err := tlog.StoredHashes(size-1, leaf, reader)
		check(t, err)
		if got := roots.push(tlog.RecordHash(leaf)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("record %d completes other hashes than tlog says", size-1)
		}
		root, err := tlog.TreeHash(size, reader)
		check(t, err)
		if root != roots.root() {
			t.Fatalf("root of %d records differs from tlog's", size)
		}
		proof, err := tlog.ProveRecord(n, size-1, reader)
		check(t, err)
		full, err := tlog.TreeHash(n, reader)
		check(t, err)
		check(t, tlog.CheckRecord(proof, n, full, size-1, tlog.RecordHash(leaf)))
	}
	empty, err := tlog.TreeHash(0, reader)
	check(t, err)
	if new(tree).root() != empty {
		t.Error("root of the empty tree differs from tlog's")
	}
}

func (b *bench) leafOf(t testing.TB, seq uint64) []byte {
	t.Helper()
	raw, _, err := store.GetRecord[json.RawMessage](t.Context(), b.mem, recordKey(seq))
	check(t, err)
	return raw
}

// TestLeafOctets pins the form of a leaf: verifiers outside depend on it.
func TestLeafOctets(t *testing.T) {
	b := newLog(t)
	b.stage(t, 4, 1)
	b.fold(t)
	const want = `{"seq":0,"at":"2026-03-01T10:00:00Z","event":"envelope.delivered","actor":"system",` +
		`"message":"00000000000000000000000004","envelope":"00000000000000000000000004.1",` +
		`"persons":["0g000000000000000000000000"],"detail":{"n":"4","phase":"\u003cdot\u003e \u0026 more"}}`
	if got := string(b.leafOf(t, 0)); got != want {
		t.Errorf("leaf\n%s\nwant\n%s", got, want)
	}
}

// TestStagedOrderIsKept: records of one batch keep their order although the
// clock stands still.
func TestStagedOrderIsKept(t *testing.T) {
	b := newLog(t)
	batch := new(store.Batch)
	const n = 200
	for i := range n {
		check(t, b.Stage(batch, record(i)))
	}
	check(t, store.Write(t.Context(), b.mem, batch))
	if got := b.fold(t); got != n {
		t.Fatalf("folded %d of %d", got, n)
	}
	b.wantOrder(t, n)
}

// TestStagedByAnOlderVersion: keys without the message lead to the same log.
func TestStagedByAnOlderVersion(t *testing.T) {
	b := newLog(t)
	const n = 20
	for i := range n {
		batch := new(store.Batch)
		check(t, b.Stage(batch, record(i)))
		batch.Ops[0].Key = batch.Ops[0].Key[:stagedLen]
		check(t, store.Write(t.Context(), b.mem, batch))
	}
	b.stage(t, n, 1)
	if got := b.fold(t); got != n+1 {
		t.Fatalf("folded %d of %d", got, n+1)
	}
	b.wantOrder(t, n+1)
	if r := b.verify(t); !r.OK() || r.Records != n+1 {
		t.Errorf("%+v", r)
	}
}

// wantOrder checks that the log holds record(0) to record(n-1) in order.
func (b *bench) wantOrder(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		e, err := b.Entry(t.Context(), uint64(i))
		check(t, err)
		if e.Detail["n"] != fmt.Sprint(i) {
			t.Fatalf("record %d of the log is the %s. that was staged", i, e.Detail["n"])
		}
	}
	if _, err := b.Entry(t.Context(), uint64(n)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a record behind the %d that were staged: %v", n, err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	b := newLog(t)
	b.o.Batch = 10
	b.stage(t, 0, 25)
	for _, want := range []int{10, 10, 5, 0} {
		if got := b.fold(t); got != want {
			t.Fatalf("folded %d, want %d", got, want)
		}
	}
	b.wantOrder(t, 25)
}

func TestRecordWithoutEventIsRefused(t *testing.T) {
	b := newLog(t)
	if err := b.Stage(new(store.Batch), gateway.Record{}); err == nil {
		t.Error("a record without an event was staged")
	}
}

// TestTwoFoldersLoseAndDoubleNothing folds one store with two logs at once,
// as two processes would.
func TestTwoFoldersLoseAndDoubleNothing(t *testing.T) {
	b := newLog(t)
	b.o.Batch = 3
	other := openLog(t, b.mem, b.key, b.clock)
	other.o.Batch = 4
	const n = 400
	b.stage(t, 0, n)
	var done sync.WaitGroup
	for _, l := range []*Log{b.Log, other} {
		done.Go(func() {
			for range n {
				if _, err := l.Fold(context.Background()); err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	b.wantOrder(t, n)
	if r := b.verify(t); !r.OK() {
		t.Errorf("%+v", r)
	}
}

// TestFoldSweep fails every single operation of a fold, undone and
// answer-lost, and goes on: no record may be lost, doubled or reordered.
func TestFoldSweep(t *testing.T) {
	const n = 12
	var b *bench
	storetest.Sweep(t, storetest.Story{
		Name: "fold",
		Open: func(t *testing.T) store.Store {
			b = newLog(t)
			b.stage(t, 0, 5)
			b.fold(t)
			b.stage(t, 5, n-5)
			return b.mem
		},
		Run: func(t *testing.T, s store.Store) error {
			l := openLog(t, s, b.key, b.clock)
			l.o.Batch = 4
			return l.foldAll(t.Context())
		},
		Check: func(t *testing.T, s store.Store, answer error) {
			b.Log = openLog(t, s, b.key, b.clock)
			check(t, b.foldAll(t.Context()))
			b.wantOrder(t, n)
			if r := b.verify(t); !r.OK() || r.Records != n || r.Staged != 0 {
				t.Errorf("after %v: %+v", answer, r)
			}
		},
	})
}

// TestHeadsAreThinnedOut: one head a minute stays, and the newest.
func TestHeadsAreThinnedOut(t *testing.T) {
	b := newLog(t)
	for i := range 600 { // two a second: five minutes
		b.stage(t, i, 1)
		b.fold(t)
		b.clock.advance(500 * time.Millisecond)
	}
	r := b.verify(t)
	if !r.OK() || r.Signed != 600 || r.Heads < 5 || r.Heads > 7 {
		t.Errorf("%+v", r)
	}
}

func TestCheckNoticesARollBack(t *testing.T) {
	b := newLog(t)
	check(t, b.Check(t.Context(), nil))
	b.fill(t, 50)
	early := b.mem.Copy()
	kept := b.head(t)
	check(t, b.Check(t.Context(), kept))
	b.stage(t, 50, 30)
	b.fold(t)
	check(t, b.Check(t.Context(), kept))
	newest := b.head(t)

	back := openLog(t, early, b.key, b.clock)
	check(t, back.Check(t.Context(), kept))
	if err := back.Check(t.Context(), newest); !errors.Is(err, ErrRolledBack) {
		t.Errorf("rolled back store: %v", err)
	}
	// The rolled back log grows again, with other records, beyond the checkpoint.
	b.mem, b.Log = early, back
	b.stage(t, 1000, 60)
	b.fold(t)
	if err := b.Check(t.Context(), newest); !errors.Is(err, ErrRolledBack) {
		t.Errorf("store rolled back and grown again: %v", err)
	}
	if err := b.Check(t.Context(), []byte("nonsense")); !errors.Is(err, ErrBadCheckpoint) {
		t.Errorf("nonsense as checkpoint: %v", err)
	}
	foreign := newLog(t)
	foreign.fill(t, 3)
	if err := b.Check(t.Context(), foreign.head(t)); !errors.Is(err, ErrBadCheckpoint) {
		t.Errorf("checkpoint of another key: %v", err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	k := newKey(f)
	good, err := Head{Size: 3, At: newClock().now()}.sign(k)
	check(f, err)
	f.Add(good)
	f.Add([]byte("gatepost evidence\n1\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := ParseCheckpoint(raw, k.Verifier())
		if err == nil && (h.Size != 3 || !bytes.HasPrefix(raw, good[:bytes.Index(good, []byte("\n\n"))])) {
			t.Fatalf("accepted what nobody signed: %+v", h)
		}
	})
}

func TestSignedTextThatIsNoCheckpointIsRefused(t *testing.T) {
	k := newKey(t)
	zero := tlog.Hash{}.String()
	for _, text := range []string{
		"", "other origin\n1\n" + zero + "\n2026-03-01T10:00:00Z\n", origin + "\n01\n" + zero + "\n2026-03-01T10:00:00Z\n",
		origin + "\n-1\n" + zero + "\n2026-03-01T10:00:00Z\n", origin + "\n1\nAAAA\n2026-03-01T10:00:00Z\n",
		origin + "\n1\n" + zero + "\nyesterday\n", origin + "\n1\n" + zero + "\n", origin + "\n1\n" + zero + "\n2026-03-01T10:00:00Z\nmore\n",
	} {
		if _, err := ParseCheckpoint(signText(t, k, text), k.Verifier()); !errors.Is(err, ErrBadCheckpoint) {
			t.Errorf("%q: %v", strings.ReplaceAll(text, "\n", "|"), err)
		}
	}
}

// TestNumberedRecordIsAnEntry: what folding makes of a staged value is what
// encoding the entry would make.
func TestNumberedRecordIsAnEntry(t *testing.T) {
	for seq, detail := range []map[string]string{nil, {"n": "<&>\u2028"}, {"": "", "b": "\"}"}} {
		r := gateway.Record{At: time.Unix(1, 2).UTC(), Event: gateway.EventDeferred, Detail: detail}
		staged, err := store.Encode(r)
		check(t, err)
		value, leaf, err := entry(uint64(seq), staged)
		check(t, err)
		want, err := store.Encode(Entry{Seq: uint64(seq), Record: r})
		check(t, err)
		if !bytes.Equal(value, want) || !bytes.Equal(leaf, want[1:]) {
			t.Errorf("%s, want %s", value, want)
		}
	}
	for _, bad := range []string{"", "\x01", "\x01{}", "\x02{\"at\":1}"} {
		if _, _, err := entry(1, []byte(bad)); err == nil {
			t.Errorf("%q became an entry", bad)
		}
	}
}
