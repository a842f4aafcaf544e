package audit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// TestRunFoldsAndSaves drives Run with a clock of its own.
func TestRunFoldsAndSaves(t *testing.T) {
	key := newKey(t)
	synctest.Test(t, func(t *testing.T) {
		mem := storetest.NewMemory()
		var mu sync.Mutex
		var saved []byte
		saves := 0
		l := openLog(t, mem, key, newClock())
		l.o.Now = time.Now
		l.o.Load = func() ([]byte, error) { mu.Lock(); defer mu.Unlock(); return saved, nil }
		l.o.Save = func(h []byte) error { mu.Lock(); defer mu.Unlock(); saved = h; saves++; return nil }
		b := &bench{Log: l, mem: mem, clock: newClock(), key: key}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()

		for i := range 10 {
			b.stage(t, i, 1)
			time.Sleep(300 * time.Millisecond)
			if got := b.size(t); got != i+1 {
				t.Fatalf("300 ms after staging %d records %d are folded", i+1, got)
			}
		}
		time.Sleep(2 * time.Minute)
		mu.Lock()
		if saves != 1 {
			t.Errorf("%d checkpoints saved, want 1: nothing is new", saves)
		}
		mu.Unlock()
		direct := new(store.Batch) // staged by another process: nobody wakes us
		check(t, l.Stage(direct, record(10)))
		check(t, mem.Commit(ctx, direct))
		time.Sleep(6 * time.Second)
		if got := b.size(t); got != 11 {
			t.Errorf("%d records folded, want 11", got)
		}
		b.stage(t, 11, 1)
		cancel()
		check(t, <-done)
		check(t, l.Check(context.Background(), saved))
		if h, err := ParseCheckpoint(saved, key.Verifier()); err != nil || h.Size != 12 {
			t.Errorf("saved at the end: %+v, %v", h, err)
		}
	})
}

// TestProofOfARollBackIsNotOverwritten: a checkpoint that the log does not
// continue stays where it is.
func TestProofOfARollBackIsNotOverwritten(t *testing.T) {
	b := newLog(t)
	b.fill(t, 20)
	early := b.mem.Copy()
	b.stage(t, 20, 10)
	b.fold(t)
	proof := b.head(t)
	back := openLog(t, early, b.key, b.clock)
	back.o.Load = func() ([]byte, error) { return proof, nil }
	back.o.Save = func([]byte) error { t.Error("the proof was overwritten"); return nil }
	if err := back.finish(t.Context()); !errors.Is(err, ErrRolledBack) {
		t.Error(err)
	}
}

func TestStoryTellsAllInOrder(t *testing.T) {
	b := newLog(t)
	b.stage(t, 0, 30)
	b.fold(t)
	again := record(5)
	batch := new(store.Batch)
	check(t, b.Stage(batch, again))
	check(t, store.Write(t.Context(), b.mem, batch))
	story, err := b.Story(t.Context(), message(1))
	check(t, err)
	if len(story) != 4 || story[0].Seq != 3 || story[2].Seq != 5 || story[2].Staged || !story[3].Staged {
		t.Errorf("%+v", story)
	}
	none, err := b.Story(t.Context(), gateway.MessageID{1})
	if err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

// TestErasingAPersonLeavesTheLogWhole: records hold refs, so that nothing in
// the log has to change when a person is forgotten.
func TestErasingAPersonLeavesTheLogWhole(t *testing.T) {
	b := newLog(t)
	b.fill(t, 30)
	known := map[gateway.PersonRef]string{{7}: "pat@out.example"}
	name := func(p gateway.PersonRef) string { return known[p] }
	before, _, _ := b.export(t, ExportOptions{Name: name})
	delete(known, gateway.PersonRef{7})
	after, head, _ := b.export(t, ExportOptions{Name: name})
	if r := b.verify(t, head); string(before) == string(after) || !r.OK() {
		t.Error("erasing a person changed nothing, or too much")
	}
}
