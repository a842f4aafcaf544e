package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/store"
)

func requireAbsentClause(t *testing.T, s store.Store) {
	var b store.Batch
	b.RequireAbsent(key("once"))
	b.Put(key("once"), []byte("first"))
	commit(t, s, &b)

	var again store.Batch
	again.RequireAbsent(key("once"))
	again.Put(key("once"), []byte("second"))
	wantConflict(t, s, &again)
	wantValue(t, s, key("once"), "first")

	var del, third store.Batch
	del.Delete(key("once"))
	commit(t, s, &del)
	third.RequireAbsent(key("once"))
	third.Put(key("once"), []byte("third"))
	commit(t, s, &third)
	wantValue(t, s, key("once"), "third")
}

func requireVersionClause(t *testing.T, s store.Store) {
	put(t, s, key("a"), "1")
	old := get(t, s, key("a")).Version

	var b store.Batch
	b.RequireVersion(key("a"), old)
	b.Put(key("a"), []byte("2"))
	commit(t, s, &b)

	var stale, gone store.Batch
	stale.RequireVersion(key("a"), old)
	stale.Put(key("a"), []byte("3"))
	wantConflict(t, s, &stale)
	wantValue(t, s, key("a"), "2")

	gone.RequireVersion(key("never there"), old)
	wantConflict(t, s, &gone)
}

func conflictClause(t *testing.T, s store.Store) {
	put(t, s, key("there"), "")
	var b store.Batch
	b.Put(key("x"), []byte("x"))
	b.RequireAbsent(key("free"))  // holds
	b.RequireAbsent(key("there")) // does not
	b.Put(key("y"), []byte("y"))
	b.Delete(key("there"))
	wantConflict(t, s, &b)
	wantAbsent(t, s, key("x"))
	wantAbsent(t, s, key("y"))
	wantValue(t, s, key("there"), "")
}

func preconditionsAloneClause(t *testing.T, s store.Store) {
	var empty, holds, fails store.Batch
	commit(t, s, &empty)
	holds.RequireAbsent(key("a"))
	commit(t, s, &holds)
	put(t, s, key("a"), "")
	fails.RequireAbsent(key("a"))
	wantConflict(t, s, &fails)
}

// versionsClause writes, rewrites equally, deletes and writes again: no state
// of a key may carry the version of an earlier one.
func versionsClause(t *testing.T, s store.Store) {
	seen := make(map[store.Version]bool)
	note := func() {
		t.Helper()
		v := get(t, s, key("a")).Version
		if v == 0 || seen[v] {
			t.Fatalf("version %d after %d states", v, len(seen))
		}
		seen[v] = true
	}
	for range 20 {
		put(t, s, key("a"), "same")
		note()
		put(t, s, key("a"), "same")
		note()
		var b store.Batch
		b.Delete(key("a"))
		commit(t, s, &b)
		put(t, s, key("other"), "moves a shared counter")
	}
}

// oneWinsClause lets many commit the same new key at once.
func oneWinsClause(t *testing.T, s store.Store) {
	const racers, rounds = 8, 20
	for round := range rounds {
		var won atomic.Int32
		var wg sync.WaitGroup
		for racer := range racers {
			wg.Go(func() {
				var b store.Batch
				b.RequireAbsent(key("round", round))
				b.Put(key("round", round), []byte(strconv.Itoa(racer)))
				b.Put(key("mark", round, "-", racer), nil)
				err := s.Commit(t.Context(), &b)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("Commit: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d winners", round, won.Load())
		}
		winner := string(get(t, s, key("round", round)).Value)
		for racer := range racers {
			_, err := s.Get(t.Context(), key("mark", round, "-", racer))
			if wrote := err == nil; wrote != (winner == strconv.Itoa(racer)) {
				t.Fatalf("round %d: racer %d wrote: %v, winner %s", round, racer, wrote, winner)
			}
		}
	}
}

// counterClause adds to two counters under versions; the sum must be exact
// and both must move together.
func counterClause(t *testing.T, s store.Store) {
	const adders, each = 6, 15
	put(t, s, key("left"), "0")
	put(t, s, key("right"), "0")
	var wg sync.WaitGroup
	for range adders {
		wg.Go(func() {
			for range each {
				if err := addOne(t, s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	want := strconv.Itoa(adders * each)
	wantValue(t, s, key("left"), want)
	wantValue(t, s, key("right"), want)
}

func addOne(t *testing.T, s store.Store) error {
	for {
		var b store.Batch
		for _, name := range []string{"left", "right"} {
			item, err := s.Get(t.Context(), key(name))
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(item.Value))
			if err != nil {
				return fmt.Errorf("counter %s: %w", name, err)
			}
			b.RequireVersion(key(name), item.Version)
			b.Put(key(name), []byte(strconv.Itoa(n+1)))
		}
		if err := s.Commit(t.Context(), &b); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
