package pebblestore

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"gatepost/store"
)

// written knows the keys of Options.Sparse that may be there: all that the
// engine held when it was opened, once they are counted, and all that were
// written since. Of others it is certain that they are not there, which the
// engine finds out by asking each of its tables. It takes some 12 to 25 bits of
// memory for each key, and forgets none.
type written struct {
	tables []store.Table
	seed   maphash.Seed
	ready  atomic.Bool // what the engine held is counted

	mu     sync.RWMutex
	blooms []bloomFilter // each twice as large as the one before; guarded by mu
}

const (
	firstBloom = 1 << 14 // keys of the first filter
	keyBits    = 12      // of a full filter, for each key
	probes     = 6       // bits that stand for one key: of 300 keys that are not there, one may be
)

type bloomFilter struct {
	words []uint64
	room  int // for further keys
}

func newWritten(tables []store.Table) *written {
	return &written{tables: tables, seed: maphash.MakeSeed()}
}

func (w *written) covers(key []byte) bool {
	return len(key) > 0 && slices.Contains(w.tables, store.Table(key[0]))
}

// lacks reports that key is certainly not there and never was in this run.
func (w *written) lacks(key []byte) bool {
	if !w.ready.Load() || !w.covers(key) {
		return false
	}
	h := maphash.Bytes(w.seed, key)
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i := range w.blooms {
		if w.blooms[i].has(h) {
			return false
		}
	}
	return true
}

// add notes a key before anybody can see it.
func (w *written) add(key []byte) {
	if !w.covers(key) {
		return
	}
	h := maphash.Bytes(w.seed, key)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.blooms {
		if w.blooms[i].has(h) {
			return
		}
	}
	n := len(w.blooms)
	if n == 0 || w.blooms[n-1].room == 0 {
		room := firstBloom << n
		w.blooms = append(w.blooms, bloomFilter{words: make([]uint64, room*keyBits/64), room: room})
		n++
	}
	w.blooms[n-1].add(h)
}

// has and add place the bits of a key by one hash, of which each probe uses
// what the one before has made of it.
func (f *bloomFilter) has(h uint64) bool {
	for range probes {
		at := f.place(&h)
		if f.words[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}

func (f *bloomFilter) add(h uint64) {
	f.room--
	for range probes {
		at := f.place(&h)
		f.words[at/64] |= 1 << (at % 64)
	}
}

// place is the next bit of a key whose hash is h.
func (f *bloomFilter) place(h *uint64) uint64 {
	*h = *h*0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03
	at, _ := bits.Mul64(*h, uint64(len(f.words)*64))
	return at
}

// count adds what the engine holds. It may take long, and until it is done lacks
// knows nothing; stop ends it early.
func (w *written) count(db *pebble.DB, stop <-chan struct{}) error {
	for _, table := range w.tables {
		r := store.Prefix(table)
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: r.From, UpperBound: r.To})
		if err != nil {
			return err
		}
		for ok := it.First(); ok; ok = it.Next() {
			select {
			case <-stop:
				return it.Close()
			default:
				w.add(it.Key())
			}
		}
		if err := it.Close(); err != nil { // which tells what the reading met
			return err
		}
	}
	w.ready.Store(true)
	return nil
}
