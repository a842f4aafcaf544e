package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"gatepost/store"
)

// Contract runs what is demanded of every store.Store. open returns a fresh,
// empty store; the suite closes it.
func Contract(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, c := range contract() {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			defer func() { _ = s.Close() }()
			c.run(t, s)
		})
	}
}

// clause is one demand of the contract.
type clause struct {
	name string
	run  func(t *testing.T, s store.Store)
}

func contract() []clause {
	return []clause{
		{"get", getClause},
		{"empty values", emptyValueClause},
		{"last write of a batch wins", lastWriteClause},
		{"require absent", requireAbsentClause},
		{"require version", requireVersionClause},
		{"conflict writes nothing", conflictClause},
		{"preconditions alone", preconditionsAloneClause},
		{"versions never repeat", versionsClause},
		{"slices are owned", ownershipClause},
		{"scan order and bounds", scanBoundsClause},
		{"scan limit and stop", scanLimitClause},
		{"scan shows one moment", scanSnapshotClause},
		{"scan sees whole batches", scanAtomicClause},
		{"one of many wins", oneWinsClause},
		{"counters lose nothing", counterClause},
		{"cancelled context", cancelledClause},
		{"close", closeClause},
		{"many random steps", modelClause},
	}
}

func key(parts ...any) []byte { return store.Key(store.Meta, []byte(fmt.Sprint(parts...))) }

func put(t *testing.T, s store.Store, k []byte, value string) {
	t.Helper()
	var b store.Batch
	b.Put(k, []byte(value))
	commit(t, s, &b)
}

func commit(t *testing.T, s store.Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func get(t *testing.T, s store.Store, k []byte) store.Item {
	t.Helper()
	item, err := s.Get(t.Context(), k)
	if err != nil {
		t.Fatalf("Get(%q): %v", k, err)
	}
	return item
}

func wantValue(t *testing.T, s store.Store, k []byte, want string) {
	t.Helper()
	if item := get(t, s, k); string(item.Value) != want {
		t.Fatalf("Get(%q) = %q, want %q", k, item.Value, want)
	}
}

func wantAbsent(t *testing.T, s store.Store, k []byte) {
	t.Helper()
	if _, err := s.Get(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%q): %v, want ErrNotFound", k, err)
	}
}

func wantConflict(t *testing.T, s store.Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("Commit: %v, want ErrConflict", err)
	}
}

func getClause(t *testing.T, s store.Store) {
	wantAbsent(t, s, key("a"))
	put(t, s, key("a"), "one")
	item := get(t, s, key("a"))
	if !bytes.Equal(item.Key, key("a")) || string(item.Value) != "one" || item.Version == 0 {
		t.Fatalf("Get = %q %q version %d", item.Key, item.Value, item.Version)
	}
	put(t, s, key("a"), "two")
	wantValue(t, s, key("a"), "two")
	var b store.Batch
	b.Delete(key("a"))
	b.Delete(key("never there"))
	commit(t, s, &b)
	wantAbsent(t, s, key("a"))
}

func emptyValueClause(t *testing.T, s store.Store) {
	var b store.Batch
	b.Put(key("empty"), nil)
	b.Put(key("empty too"), []byte{})
	commit(t, s, &b)
	wantValue(t, s, key("empty"), "")
	wantValue(t, s, key("empty too"), "")
}

func lastWriteClause(t *testing.T, s store.Store) {
	var b store.Batch
	b.Put(key("a"), []byte("first"))
	b.Put(key("a"), []byte("last"))
	b.Put(key("b"), []byte("gone"))
	b.Delete(key("b"))
	b.Delete(key("c"))
	b.Put(key("c"), []byte("back"))
	commit(t, s, &b)
	wantValue(t, s, key("a"), "last")
	wantAbsent(t, s, key("b"))
	wantValue(t, s, key("c"), "back")
}

func ownershipClause(t *testing.T, s store.Store) {
	k, v := key("owned"), []byte("kept")
	var b store.Batch
	b.Put(k, v)
	commit(t, s, &b)
	k[len(k)-1], v[0] = 'X', 'X' // the batch is ours again after Commit
	wantValue(t, s, key("owned"), "kept")

	item := get(t, s, key("owned"))
	asked := key("owned")
	again, err := s.Get(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	asked[0] ^= 0xff
	item.Key[0], item.Value[0] = 'X', 'X' // the Item is the caller's
	if !bytes.Equal(again.Key, key("owned")) || string(again.Value) != "kept" {
		t.Fatalf("two Gets share memory: %q %q", again.Key, again.Value)
	}
	wantValue(t, s, key("owned"), "kept")
}

func cancelledClause(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b store.Batch
	b.Put(key("late"), nil)
	if err := s.Commit(ctx, &b); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Fatalf("Commit under a cancelled context: %v", err)
	}
	if _, err := s.Get(ctx, key("late")); !errors.Is(err, context.Canceled) {
		t.Fatalf("Get under a cancelled context: %v", err)
	}
	wantAbsent(t, s, key("late"))
	put(t, s, key("a"), "")
	if err := s.Scan(ctx, store.Range{}, func(store.Item) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Fatalf("Scan under a cancelled context: %v", err)
	}
}

func closeClause(t *testing.T, s store.Store) {
	put(t, s, key("a"), "")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	var b store.Batch
	b.Put(key("b"), nil)
	if err := s.Commit(t.Context(), &b); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
	if _, err := s.Get(t.Context(), key("a")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
	if err := s.Scan(t.Context(), store.Range{}, func(store.Item) bool { return true }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Scan after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
