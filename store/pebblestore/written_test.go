package pebblestore

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatepost/store"
)

// counted waits until s knows what it held when it was opened.
func counted(t *testing.T, s *Store) {
	t.Helper()
	for !s.written.ready.Load() {
		if t.Context().Err() != nil {
			t.Fatal("never counted")
		}
		time.Sleep(time.Millisecond)
	}
}

func sparseKey(n int) []byte { return store.Key(store.People, fmt.Append(nil, n)) }

// TestWhatWasThereBeforeIsFound: no record is taken for absent after the store
// was opened again, neither while its keys are counted nor afterwards.
func TestWhatWasThereBeforeIsFound(t *testing.T) {
	const records = 3 * firstBloom
	dir := filepath.Join(t.TempDir(), "store")
	o := Options{Sparse: []store.Table{store.Consents, store.People}}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < records; {
		b := new(store.Batch)
		for range 1024 {
			b.RequireAbsent(sparseKey(n))
			b.Put(sparseKey(n), nil)
			n++
		}
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		for n := range records {
			if _, err := s.Get(t.Context(), sparseKey(n)); err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
		}
		counted(t, s)
	}
	b := new(store.Batch)
	b.RequireAbsent(sparseKey(7))
	b.Put(sparseKey(7), []byte("again"))
	if err := s.Commit(t.Context(), b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a record that was there was written again: %v", err)
	}
	wrong := 0
	for n := range records {
		if !s.written.lacks(sparseKey(-1 - n)) {
			wrong++
		}
	}
	if wrong > records/10 { // one of a hundred is what to expect
		t.Errorf("of %d keys that were never written %d may be there", records, wrong)
	}
}

// TestSparseAbsenceEndsWithTheRecord: who was told that there is nothing finds
// the record once its commit has answered, whoever else writes meanwhile.
func TestSparseAbsenceEndsWithTheRecord(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Sparse: []store.Table{store.People}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	counted(t, s)
	var workers sync.WaitGroup
	made := make([]int, 4)
	for w := range made {
		workers.Go(func() {
			for n := range 200 { // all race for the same keys
				b := new(store.Batch)
				b.RequireAbsent(sparseKey(n))
				b.Put(sparseKey(n), nil)
				switch err := s.Commit(t.Context(), b); {
				case err == nil:
					made[w]++
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
				}
				if _, err := s.Get(t.Context(), sparseKey(n)); err != nil {
					t.Errorf("record %d: %v", n, err)
				}
			}
		})
	}
	workers.Wait()
	if n := made[0] + made[1] + made[2] + made[3]; n != 200 {
		t.Errorf("%d records were made of 200", n)
	}
}

// TestOtherTablesAreNotCounted: the memory is for those that were named.
func TestOtherTablesAreNotCounted(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Sparse: []store.Table{store.People}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	counted(t, s)
	b := new(store.Batch)
	b.Put(store.Key(store.Messages, []byte("id")), nil)
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if s.written.lacks(store.Key(store.Messages, []byte("other"))) || len(s.written.blooms) > 0 {
		t.Error("a table that was not named is counted")
	}
}
