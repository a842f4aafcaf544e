package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// forger holds the store and whatever opens its values, but not the checkpoint
// key, and changes a copy of it.
type forger struct {
	*rand.Rand
	b    *bench
	mem  *storetest.Memory
	size uint64
}

// raw returns the value of key.
func (f *forger) raw(key []byte) []byte {
	item, err := f.mem.Get(context.Background(), key)
	if err != nil {
		panic(err)
	}
	return item.Value
}

func (f *forger) put(key, value []byte) { f.write(func(b *store.Batch) { b.Put(key, value) }) }

func (f *forger) write(fill func(*store.Batch)) {
	b := new(store.Batch)
	fill(b)
	if err := f.mem.Commit(context.Background(), b); err != nil {
		panic(err)
	}
}

// keys lists the keys of a table.
func (f *forger) keys(t store.Table) (keys [][]byte) {
	_ = f.mem.Scan(context.Background(), store.Prefix(t), func(item store.Item) bool {
		keys = append(keys, bytes.Clone(item.Key))
		return true
	})
	return keys
}

func (f *forger) pick(t store.Table) []byte {
	keys := f.keys(t)
	return keys[f.IntN(len(keys))]
}

// flip changes one bit of one value of the log.
func (f *forger) flip() string {
	tables := []store.Table{store.Log, store.Log, store.Log, store.LogTiles, store.LogHeads, store.LogState}
	key := f.pick(tables[f.IntN(len(tables))])
	value := f.raw(key)
	at, bit := f.IntN(len(value)), f.IntN(8)
	value[at] ^= 1 << bit
	f.put(key, value)
	return fmt.Sprintf("bit %d of octet %d of %s %x", bit, at, store.Table(key[0]), key[1:])
}

// cut removes records from the log, the tree, the index or the state.
func (f *forger) cut() string {
	switch f.IntN(4) {
	case 0:
		key := f.pick([]store.Table{store.Log, store.LogTiles, store.LogIndex, store.LogState}[f.IntN(4)])
		f.write(func(b *store.Batch) { b.Delete(key) })
		return fmt.Sprintf("one key of %s", store.Table(key[0]))
	case 1: // the end, with everything but what is signed
		from := f.Uint64N(f.size)
		f.write(func(b *store.Batch) { f.drop(b, from) })
		return fmt.Sprintf("all after %d", from)
	case 2: // and the signed heads of it too
		from := f.Uint64N(f.size)
		f.write(func(b *store.Batch) {
			f.drop(b, from)
			for _, key := range f.keys(store.LogHeads) {
				if binary.BigEndian.Uint64(key[1:]) > from {
					b.Delete(key)
				}
			}
		})
		return fmt.Sprintf("all after %d, with heads", from)
	default: // one record, and the rest moves up
		at := f.Uint64N(f.size - 1)
		f.write(func(b *store.Batch) {
			for n := at; n+1 < f.size; n++ {
				b.Put(recordKey(n), f.renumber(n+1, n))
			}
			b.Delete(recordKey(f.size - 1))
		})
		return fmt.Sprintf("record %d, closing the gap", at)
	}
}

func (f *forger) drop(b *store.Batch, from uint64) {
	for n := from; n < f.size; n++ {
		b.Delete(recordKey(n))
	}
	f.tiles(b, from)
}

// tiles removes the hashes of the records from from on; those of records before
// it, in the same row, stay.
func (f *forger) tiles(b *store.Batch, from uint64) {
	for _, key := range f.keys(store.LogTiles) {
		first := binary.BigEndian.Uint64(key[2:])
		var left []byte
		for _, r := range splitBlock(row{n: first, value: f.raw(key)}) {
			if r.n < from {
				left = append(left, r.value...)
			}
		}
		switch {
		case first >= from:
			b.Delete(key)
		case len(left) > 0:
			b.Put(key, left)
		}
	}
}

// renumber is the value of record n as if it were number as.
func (f *forger) renumber(n, as uint64) []byte {
	e := f.entry(n)
	e.Seq = as
	return f.encode(e)
}

func (f *forger) entry(n uint64) Entry {
	var leaf json.RawMessage
	if err := store.Decode(f.raw(recordKey(n)), &leaf); err != nil {
		panic(err)
	}
	e, err := parseLeaf(leaf, n)
	if err != nil {
		panic(err)
	}
	return e
}

func (f *forger) encode(e Entry) []byte {
	value, err := store.Encode(e)
	if err != nil {
		panic(err)
	}
	return value
}

// reorder exchanges two records, in three degrees of care.
func (f *forger) reorder() string {
	a := f.Uint64N(f.size)
	b := (a + 1 + f.Uint64N(f.size-1)) % f.size
	care := f.IntN(3)
	x, y := f.raw(recordKey(a)), f.raw(recordKey(b))
	if care > 0 {
		x, y = f.renumber(a, b), f.renumber(b, a)
	}
	f.put(recordKey(a), y)
	f.put(recordKey(b), x)
	if care == 2 {
		f.rehash()
	}
	return fmt.Sprintf("records %d and %d, care %d", a, b, care)
}

// rehash makes tree and index fit the records, as only someone does who knows
// the format. The state keeps its signed head.
func (f *forger) rehash() {
	var grown tree
	var hashes block
	var about indexed
	f.write(func(b *store.Batch) {
		for _, key := range f.keys(store.LogIndex) {
			b.Delete(key)
		}
		for n := range uint64(len(f.keys(store.Log))) {
			e := f.entry(n)
			var leaf json.RawMessage
			_ = store.Decode(f.raw(recordKey(n)), &leaf)
			if n == 0 {
				f.tiles(b, 0)
			}
			hashes.add(b, n, grown.push(tlog.RecordHash(leaf)))
			about.add(e.Message, n)
		}
		hashes.close(b)
		about.stage(b)
		var st state
		if store.Decode(f.raw(stateKey()), &st) == nil {
			st.Size, st.Peaks = grown.size, grown.peaks
			_ = b.PutRecord(stateKey(), st)
		}
	})
}

// rollBack puts an older state of the whole store in place, which was once
// true in every detail; sometimes it then grows again, signed by the gateway
// itself, which was fooled.
func (f *forger) rollBack(t *testing.T, past []*storetest.Memory) string {
	n := f.IntN(len(past))
	f.mem = past[n].Copy()
	if f.IntN(2) == 0 {
		return fmt.Sprintf("to state %d", n)
	}
	l := openLog(t, f.mem, f.b.key, f.b.clock)
	again := &bench{Log: l, mem: f.mem, clock: f.b.clock, key: f.b.key}
	again.stageAtOnce(t, 5000, 250)
	again.fold(t)
	return fmt.Sprintf("to state %d, and grown again", n)
}

// rewrite changes a record and everything that follows from it but for the
// signatures, which it leaves, removes, or makes with a key of its own.
func (f *forger) rewrite(t *testing.T) string {
	n := f.Uint64N(f.size)
	e := f.entry(n)
	switch f.IntN(3) {
	case 0:
		e.Actor = "somebody else"
	case 1:
		e.At = e.At.Add(time.Duration(1 + f.IntN(1e9)))
	default:
		e.Message = gateway.MessageID{byte(f.IntN(255) + 1)}
	}
	f.put(recordKey(n), f.encode(e))
	f.rehash()
	how := f.IntN(4)
	f.resign(t, how)
	return fmt.Sprintf("record %d, signatures %d", n, how)
}

func (f *forger) resign(t *testing.T, how int) {
	var st state
	check(t, store.Decode(f.raw(stateKey()), &st))
	roots := tree{size: st.Size, peaks: st.Peaks}
	own, err := Head{Size: st.Size, Root: roots.root(), At: st.KeptAt}.sign(newKey(t))
	check(t, err)
	f.write(func(b *store.Batch) {
		if how == 0 { // all stay
			return
		}
		for _, key := range f.keys(store.LogHeads) {
			b.Delete(key)
		}
		switch how {
		case 1: // none is left
			b.Delete(stateKey())
			return
		case 2: // a new folder's, signed with another key
			st.Head, st.Kept = own, st.Size
			b.Put(headKey(st.Size), own)
		case 3: // the oldest true one, claimed to be the newest
			st.Head = f.raw(f.keys(store.LogHeads)[0])
			b.Put(headKey(st.Size), st.Head)
		}
		check(t, b.PutRecord(stateKey(), st))
	})
}

// TestVerifyNoticesEveryForgery changes a log in five ways, many times each.
func TestVerifyNoticesEveryForgery(t *testing.T) {
	const seed, each, size = 20260301, 40 / stride, 230
	b := newLog(t)
	var past []*storetest.Memory
	for n := 0; n < size; n += 23 {
		b.stage(t, n, 23)
		if b.fold(t); n+23 < size {
			past = append(past, b.mem.Copy())
		}
		b.clock.advance(40 * time.Second)
	}
	outside := b.head(t)
	if r := b.verify(t, outside); !r.OK() {
		t.Fatalf("before any forgery: %+v", r)
	}
	t.Logf("seed %d, %d of each kind", seed, each)
	for kind, name := range []string{"flip", "cut", "reorder", "roll back", "rewrite"} {
		rng := rand.New(rand.NewPCG(seed, uint64(kind)))
		found := make(map[ProblemKind]int)
		for i := range each {
			f := &forger{Rand: rng, b: b, mem: b.mem.Copy(), size: size}
			var what string
			switch kind {
			case 0:
				what = f.flip()
			case 1:
				what = f.cut()
			case 2:
				what = f.reorder()
			case 3:
				what = f.rollBack(t, past)
			case 4:
				what = f.rewrite(t)
			}
			r, err := Verify(t.Context(), f.mem, b.key.Verifier(), outside)
			check(t, err)
			if r.OK() {
				t.Errorf("%s %d went unnoticed: %s", name, i, what)
				continue
			}
			found[r.Problems[0].Kind]++
		}
		t.Logf("%s: first problems %v", name, found)
	}
}

// TestEveryOctetOfAShortLogIsCovered flips a bit in each octet of each value.
func TestEveryOctetOfAShortLogIsCovered(t *testing.T) {
	b := newLog(t)
	b.fill(t, 3)
	f := &forger{b: b, mem: b.mem}
	n := 0
	for _, table := range []store.Table{store.Log, store.LogTiles, store.LogHeads, store.LogState} {
		for _, key := range f.keys(table) {
			value := f.raw(key)
			for at := 0; at < len(value); at += stride {
				bad := bytes.Clone(value)
				bad[at] ^= 1 << (at / stride % 8)
				f.put(key, bad)
				if r := b.verify(t); r.OK() {
					t.Errorf("octet %d of %s %x went unnoticed", at, table, key[1:])
				}
				n++
			}
			f.put(key, value)
		}
	}
	if r := b.verify(t); !r.OK() || n < 1_200/stride {
		t.Errorf("%d octets tried, then %+v", n, r)
	}
}

// gauge is a store that knows how many octets of values its largest scan handed
// out.
type gauge struct {
	store.Store
	largest int
}

func (g *gauge) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	n := 0
	err := g.Store.Scan(ctx, r, func(item store.Item) bool { n += len(item.Value); return visit(item) })
	if len(r.From) > 0 && slices.Contains([]store.Table{store.Log, store.LogTiles, store.LogHeads}, store.Table(r.From[0])) {
		if len(r.From) > 1 { // not a pass over keys alone
			g.largest = max(g.largest, n)
		}
	}
	return err
}

// TestVerifyReadsInPieces: what one scan hands out does not grow with the log,
// and neither do the roots that wait for comparison.
func TestVerifyReadsInPieces(t *testing.T) {
	b := newLog(t)
	b.o.Batch = 100
	largest := make(map[int]int)
	for _, n := range []int{1000, 3000} {
		for have := b.size(t); have < n; have += 100 {
			b.stageAtOnce(t, have, 100)
			b.fold(t)
			b.clock.advance(2 * time.Minute) // each head stays
		}
		g := &gauge{Store: b.mem}
		r, err := Verify(t.Context(), g, b.key.Verifier())
		check(t, err)
		if !r.OK() || r.Records != uint64(n) || r.Heads != n/100 {
			t.Fatalf("%+v", r)
		}
		largest[n] = g.largest
	}
	if largest[3000] > largest[1000]*11/10 {
		t.Errorf("the largest scan grew from %d to %d octets with the log", largest[1000], largest[3000])
	}
}

// stageAtOnce commits n records in one batch.
func (b *bench) stageAtOnce(t testing.TB, first, n int) {
	t.Helper()
	batch := new(store.Batch)
	for i := range n {
		check(t, b.Stage(batch, record(first+i)))
	}
	check(t, store.Write(t.Context(), b.mem, batch))
}

func (b *bench) size(t testing.TB) int {
	t.Helper()
	st, _, err := readState(t.Context(), b.mem)
	check(t, err)
	return int(st.Size)
}

// TestVerifyBesideAFolder: a log that grows meanwhile is never called wrong.
func TestVerifyBesideAFolder(t *testing.T) {
	b := newLog(t)
	b.stageAtOnce(t, 0, 600)
	b.fold(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 600; n < 1200; n += 3 {
			select {
			case <-stop:
				return
			default:
			}
			b.stage(t, n, 3)
			b.fold(t)
			b.clock.advance(7 * time.Second)
		}
	}()
	for range 8 {
		if r := b.verify(t); !r.OK() {
			t.Errorf("%+v", r.Problems)
			break
		}
	}
	close(stop)
	<-done
}

// TestSignatureHasOneSpelling: base64 leaves two bits of a signature's last
// character unused. A change of them is a change all the same.
func TestSignatureHasOneSpelling(t *testing.T) {
	b := newLog(t)
	b.fill(t, 3)
	head := b.head(t)
	last := bytes.LastIndexByte(head, '=') - 1
	accepted := 0
	for c := byte('+'); c <= 'z'; c++ {
		bad := bytes.Clone(head)
		bad[last] = c
		if _, err := ParseCheckpoint(bad, b.key.Verifier()); err == nil {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d spellings of one signature are accepted", accepted)
	}
}
