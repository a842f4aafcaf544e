package pebblestore

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"gatepost/store"
)

// TestAbsenceEndsWithTheRecord: whoever was told that there is nothing finds
// the record once its commit has answered, and nothing after its removal.
func TestAbsenceEndsWithTheRecord(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 60 {
				key := []byte(fmt.Sprintf("k%d", i)) // all race for the same keys
				for {
					it, err := s.Get(t.Context(), key)
					if err == nil && string(it.Value) == fmt.Sprint(w) {
						break
					}
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Error(err)
						return
					}
					b := new(store.Batch)
					b.RequireVersion(key, it.Version)
					b.Put(key, fmt.Append(nil, w))
					if i%2 == 1 && err == nil {
						b.Ops = nil
						b.Delete(key)
					}
					if err := s.Commit(t.Context(), b); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Error(err)
						return
					}
					if i%2 == 1 {
						break
					}
				}
			}
		})
	}
	workers.Wait()
}

// TestAbsenceSeenWhileARecordIsWritten: a look that began before the record was
// there does not hide it.
func TestAbsenceSeenWhileARecordIsWritten(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := []byte("key")
	known, look := s.absent.has(key)
	if _, again := s.absent.has(key); known || look == 0 || again != 0 {
		t.Fatalf("known %v, look %d, again %d", known, look, again)
	}
	b := new(store.Batch)
	b.Put(key, []byte("value"))
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.absent.looked(key, look, true) // too late
	if _, err := s.Get(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if s.absent.knows(key) {
		t.Error("a key with a record is known as absent")
	}
}

// TestAbsenceIsBounded: keys that nobody writes are forgotten in time.
func TestAbsenceIsBounded(t *testing.T) {
	a := newAbsent()
	for i := range 3 * maxAbsent {
		key := fmt.Append(nil, i)
		_, look := a.has(key)
		a.looked(key, look, true)
		if !a.knows(key) || len(a.keys) > maxAbsent {
			t.Fatalf("%d keys", len(a.keys))
		}
	}
}
