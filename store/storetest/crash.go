package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/store"
)

// Crashable is a store whose machine can lose its power.
type Crashable struct {
	Store store.Store
	// Crash opens what a crash at this moment would leave. The running store
	// goes on. seed decides what of the unsynced octets survives.
	Crash func(t *testing.T, seed uint64) store.Store
}

const (
	crashWorkers = 4
	crashKept    = 3 // records of earlier turns that a worker keeps
)

// Crash lets workers commit and readers read while the machine is crashed
// again and again, and demands of each survivor: every acknowledged commit is
// there, every state that a reader saw or that a conflict was based on is
// there, and each commit is there whole or not at all, deletions included.
func Crash(t *testing.T, c Crashable, crashes int) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	x := &crashRun{store: c.Store}
	var wg sync.WaitGroup
	for w := range crashWorkers {
		wg.Go(func() { x.work(ctx, t, w) })
		wg.Go(func() { x.read(ctx, t, uint64(w)) })
	}
	defer wg.Wait()
	defer stop()
	for seed := range crashes {
		x.await(t, int64(seed+1)*5)
		known := x.known() // before the crash begins
		survivor := c.Crash(t, uint64(seed))
		x.check(t, survivor, known)
		if err := survivor.Close(); err != nil {
			t.Errorf("crash %d: closing the survivor: %v", seed, err)
		}
		if t.Failed() {
			t.Fatalf("crash %d failed", seed)
		}
	}
}

// crashRun is the state of one Crash. Worker w commits turn after turn; turn n
// writes three parts, moves the head to n and deletes what is crashKept old.
type crashRun struct {
	store store.Store
	seen  [crashWorkers]atomic.Int64 // the newest turn that anyone was told of
	turns atomic.Int64
}

func headKey(w int) []byte { return store.Key(store.Leases, []byte{byte(w)}) }

func partKey(w int, turn int64, part byte) []byte {
	return store.Key(store.Messages, []byte{byte(w)}, store.Uint64(uint64(turn)), []byte{part})
}

func (x *crashRun) saw(w int, turn int64) {
	for {
		old := x.seen[w].Load()
		if turn <= old || x.seen[w].CompareAndSwap(old, turn) {
			return
		}
	}
}

func (x *crashRun) known() (k [crashWorkers]int64) {
	for w := range k {
		k[w] = x.seen[w].Load()
	}
	return k
}

// await waits until n turns were acknowledged.
func (x *crashRun) await(t *testing.T, n int64) {
	t.Helper()
	for x.turns.Load() < n {
		if t.Failed() {
			t.FailNow()
		}
		if _, err := x.store.Get(t.Context(), headKey(0)); err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Get: %v", err)
		}
	}
}

func (x *crashRun) work(ctx context.Context, t *testing.T, w int) {
	var head store.Version
	for turn := int64(1); ctx.Err() == nil; turn++ {
		if err := x.store.Commit(context.WithoutCancel(ctx), turnBatch(w, turn, head)); err != nil {
			t.Errorf("worker %d, turn %d: %v", w, turn, err)
			return
		}
		x.saw(w, turn)
		x.turns.Add(1)
		item, err := x.store.Get(context.WithoutCancel(ctx), headKey(w))
		if err != nil || string(item.Value) != strconv.FormatInt(turn, 10) {
			t.Errorf("worker %d, turn %d: head reads %q, %v", w, turn, item.Value, err)
			return
		}
		head = item.Version
	}
}

func turnBatch(w int, turn int64, head store.Version) *store.Batch {
	b := new(store.Batch)
	b.RequireVersion(headKey(w), head)
	b.Put(headKey(w), strconv.AppendInt(nil, turn, 10))
	for part := range byte(3) {
		b.Put(partKey(w, turn, part), turnValue(turn, part))
		if turn > crashKept {
			b.Delete(partKey(w, turn-crashKept, part))
		}
	}
	return b
}

// turnValue differs in length, so that commits end anywhere in a disk block.
func turnValue(turn int64, part byte) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d.%d ", turn, part), int(turn*37%300)+1)
}

// read learns turns in every manner in which the contract lets a caller learn
// them.
func (x *crashRun) read(ctx context.Context, t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 77))
	for ctx.Err() == nil {
		w := rng.IntN(crashWorkers)
		var err error
		switch rng.IntN(4) {
		case 0:
			err = x.learnByHead(w)
		case 1:
			err = x.learnByConflict(w)
		case 2:
			err = x.learnByAbsence(w)
		default:
			err = x.learnByScan(w)
		}
		if err != nil {
			t.Errorf("reader: %v", err)
			return
		}
	}
}

func (x *crashRun) learnByHead(w int) error {
	item, err := x.store.Get(context.Background(), headKey(w))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	turn, err := strconv.ParseInt(string(item.Value), 10, 64)
	x.saw(w, turn)
	return err
}

// learnByConflict requires the next turn's record to be absent: a conflict
// proves that this turn was taken.
func (x *crashRun) learnByConflict(w int) error {
	next := x.seen[w].Load() + 1
	var b store.Batch
	b.RequireAbsent(partKey(w, next, 0))
	err := x.store.Commit(context.Background(), &b)
	if errors.Is(err, store.ErrConflict) {
		x.saw(w, next)
		return nil
	}
	return err
}

// learnByAbsence asks for a turn that is known: when it is gone, the turn that
// deleted it was taken.
func (x *crashRun) learnByAbsence(w int) error {
	turn := x.seen[w].Load()
	if turn == 0 {
		return nil
	}
	_, err := x.store.Get(context.Background(), partKey(w, turn, 1))
	if errors.Is(err, store.ErrNotFound) {
		x.saw(w, turn+crashKept)
		return nil
	}
	return err
}

func (x *crashRun) learnByScan(w int) error {
	known := x.seen[w].Load()
	oldest, newest := int64(0), int64(0)
	err := x.store.Scan(context.Background(), store.Prefix(store.Messages, []byte{byte(w)}), func(item store.Item) bool {
		newest = turnOf(item.Key)
		if oldest == 0 {
			oldest = newest
		}
		return true
	})
	if err != nil {
		return err
	}
	if known > 0 && newest < known {
		return fmt.Errorf("a scan shows turn %d after turn %d was known", newest, known)
	}
	x.saw(w, newest)
	if oldest > 1 {
		x.saw(w, oldest+crashKept-1)
	}
	return nil
}

func turnOf(key []byte) int64 {
	n := int64(0)
	for _, octet := range key[2:10] {
		n = n<<8 | int64(octet)
	}
	return n
}

// check compares a survivor with what was known before the crash.
func (x *crashRun) check(t *testing.T, s store.Store, known [crashWorkers]int64) {
	t.Helper()
	for w := range crashWorkers {
		head := int64(0)
		item, err := s.Get(t.Context(), headKey(w))
		if err == nil {
			head, err = strconv.ParseInt(string(item.Value), 10, 64)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("survivor: head of %d: %v", w, err)
			continue
		}
		if head < known[w] {
			t.Errorf("survivor: worker %d is at turn %d, but turn %d was known before the crash", w, head, known[w])
		}
		checkParts(t, s, w, head)
	}
}

// checkParts demands exactly the records that a worker at turn head has.
func checkParts(t *testing.T, s store.Store, w int, head int64) {
	t.Helper()
	turn, part := max(1, head-crashKept+1), byte(0)
	err := s.Scan(t.Context(), store.Prefix(store.Messages, []byte{byte(w)}), func(item store.Item) bool {
		if !bytes.Equal(item.Key, partKey(w, turn, part)) || !bytes.Equal(item.Value, turnValue(turn, part)) {
			t.Errorf("survivor: worker %d at turn %d: found %x with %d octets, want turn %d part %d",
				w, head, item.Key, len(item.Value), turn, part)
			return false
		}
		if part++; part == 3 {
			turn, part = turn+1, 0
		}
		return true
	})
	if err != nil || turn != head+1 || part != 0 {
		t.Errorf("survivor: worker %d at turn %d: records end before turn %d part %d: %v", w, head, turn, part, err)
	}
}
