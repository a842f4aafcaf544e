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
	_, known, look := s.known.has(key)
	if _, _, again := s.known.has(key); known || look == 0 || again != 0 {
		t.Fatalf("known %v, look %d, again %d", known, look, again)
	}
	b := new(store.Batch)
	b.Put(key, []byte("value"))
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.known.looked(key, look, nil) // too late
	if _, err := s.Get(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if raw, known := s.known.knows(key); known && raw == nil {
		t.Error("a key with a record is known as absent")
	}
}

// TestAbsenceIsBounded: keys that nobody writes are forgotten in time.
func TestAbsenceIsBounded(t *testing.T) {
	k := newKnown()
	for i := range 3 * maxKnown {
		key := fmt.Append(nil, i)
		_, _, look := k.has(key)
		k.looked(key, look, nil)
		if _, known := k.knows(key); !known || len(k.keys) > maxKnown {
			t.Fatalf("%d keys", len(k.keys))
		}
	}
}

// TestKnownRecords: a record that was read is kept until it is written or deleted,
// and is the caller's own each time.
func TestKnownRecords(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := []byte("key")
	put := func(value string) {
		b := new(store.Batch)
		b.Put(key, []byte(value))
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() bool {
		raw, known := s.known.knows(key)
		return known && raw != nil
	}
	put("one")
	for i := range 3 {
		it, err := s.Get(t.Context(), key)
		if err != nil || string(it.Value) != "one" || !kept() {
			t.Fatalf("time %d: %q, %v, kept %v", i, it.Value, err, kept())
		}
		clear(it.Value)
	}
	put("two")
	if kept() {
		t.Fatal("kept over a write")
	}
	late, _, look := s.known.has(key)
	put("three")
	s.known.looked(key, look, []byte("late")) // began before
	if it, err := s.Get(t.Context(), key); late != nil || err != nil || string(it.Value) != "three" || !kept() {
		t.Fatalf("%q, %v, kept %v", it.Value, err, kept())
	}
	b := new(store.Batch)
	b.Delete(key)
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestKnownEndsWithALargeCommit: the engine empties a batch that is larger than
// half of its memory, and what that had written, made and deleted went on to be
// known as it was, to preconditions too.
func TestKnownEndsWithALargeCommit(t *testing.T) {
	s, err := Open(t.TempDir(), Options{MemTable: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	commit := func(b *store.Batch) error { return s.Commit(t.Context(), b) }
	get := func(key string) (store.Item, error) { return s.Get(t.Context(), []byte(key)) }
	b := new(store.Batch)
	b.Put([]byte("written"), []byte("one"))
	b.Put([]byte("deleted"), []byte("one"))
	if err := commit(b); err != nil {
		t.Fatal(err)
	}
	before, err := get("written")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"deleted", "made"} {
		_, _ = get(key)
	}
	b = new(store.Batch)
	b.Put([]byte("written"), []byte("two"))
	b.Put([]byte("made"), []byte("two"))
	b.Delete([]byte("deleted"))
	b.Put([]byte("large"), make([]byte, 1<<20))
	if err := commit(b); err != nil {
		t.Fatal(err)
	}
	again := new(store.Batch)
	again.RequireVersion([]byte("written"), before.Version)
	again.Put([]byte("written"), []byte("three"))
	if err := commit(again); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a commit that rests on what was written over: %v", err)
	}
	for _, key := range []string{"written", "made"} {
		if it, err := get(key); err != nil || string(it.Value) != "two" {
			t.Errorf("%s: %q, %v", key, it.Value, err)
		}
	}
	if _, err := get("deleted"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was deleted: %v", err)
	}
}

// TestKnownIsBounded in keys and in octets.
func TestKnownIsBounded(t *testing.T) {
	k := newKnown()
	for i := range 3 * maxKnown {
		key := store.Uint64(uint64(i))
		_, _, look := k.has(key)
		k.looked(key, look, make([]byte, maxKnownRecord+i%2))
	}
	if len(k.keys) > maxKnown || k.octets > maxKnownOctets {
		t.Errorf("%d keys, %d octets", len(k.keys), k.octets)
	}
	octets := 0
	for _, l := range k.keys {
		octets += len(l.raw)
	}
	if octets != k.octets {
		t.Errorf("%d octets are kept, %d counted", octets, k.octets)
	}
}
