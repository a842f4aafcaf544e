package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gatepost/store"
)

// list scans r and returns the keys without their table, joined by spaces.
func list(t *testing.T, s store.Store, r store.Range) string {
	t.Helper()
	var keys []string
	err := s.Scan(t.Context(), r, func(item store.Item) bool {
		if item.Version == 0 {
			t.Errorf("Scan: %q has version 0", item.Key)
		}
		keys = append(keys, string(item.Key[1:]))
		return true
	})
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return strings.Join(keys, " ")
}

// fill writes keys in an order that is not theirs, and neighbours in the
// tables before and after.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	var b store.Batch
	for _, k := range []string{"d", "b", "ab", "a", "c", "aa"} {
		b.Put(key(k), []byte(k))
	}
	b.Put([]byte{byte(store.Meta) - 1, 0xff}, nil)
	b.Put(store.Key(store.Messages, []byte("a")), nil)
	commit(t, s, &b)
}

func scanBoundsClause(t *testing.T, s store.Store) {
	if got := list(t, s, store.Range{}); got != "" {
		t.Fatalf("an empty store scans as %q", got)
	}
	fill(t, s)
	meta := store.Prefix(store.Meta)
	reverse := meta
	reverse.Reverse = true
	for _, c := range []struct {
		name string
		r    store.Range
		want string
	}{
		{"prefix", meta, "a aa ab b c d"},
		{"reverse", reverse, "d c b ab aa a"},
		{"from is inclusive, to exclusive", store.Range{From: key("aa"), To: key("c")}, "aa ab b"},
		{"same in reverse", store.Range{From: key("aa"), To: key("c"), Reverse: true}, "b ab aa"},
		{"bounds between keys", store.Range{From: key("aaa"), To: key("bb")}, "ab b"},
		{"nothing between", store.Range{From: key("e"), To: key("f")}, ""},
		{"from equals to", store.Range{From: key("b"), To: key("b")}, ""},
		{"from beyond to", store.Range{From: key("c"), To: key("b")}, ""},
		{"prefix of a prefix", store.Prefix(store.Meta, []byte("a")), "a aa ab"},
		{"no end", store.Range{From: key("d")}, "d a"},
		{"no end in reverse", store.Range{From: key("c"), Reverse: true}, "a d c"},
		{"no bounds", store.Range{}, "\xff a aa ab b c d a"},
		{"no start", store.Range{To: key("b")}, "\xff a aa ab"},
		{"no start in reverse", store.Range{To: key("aa"), Reverse: true}, "a \xff"},
	} {
		if got := list(t, s, c.r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func scanLimitClause(t *testing.T, s store.Store) {
	fill(t, s)
	r := store.Prefix(store.Meta)
	for limit, want := range []string{"a aa ab b c d", "a", "a aa", "a aa ab"} {
		r.Limit = limit
		if got := list(t, s, r); got != want {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
	r.Limit, r.Reverse = 2, true
	if got := list(t, s, r); got != "d c" {
		t.Errorf("limit 2 in reverse: %q", got)
	}
	visits := 0
	err := s.Scan(t.Context(), store.Prefix(store.Meta), func(item store.Item) bool {
		visits++
		return string(item.Value) != "ab"
	})
	if err != nil || visits != 3 {
		t.Errorf("a scan stopped at the third record made %d visits: %v", visits, err)
	}
}

// scanSnapshotClause commits from another goroutine in the middle of a scan.
func scanSnapshotClause(t *testing.T, s store.Store) {
	fill(t, s)
	first, changed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changed)
		<-first
		var b store.Batch
		b.Put(key("bb"), []byte("new"))
		b.Put(key("c"), []byte("rewritten"))
		b.Delete(key("d"))
		if err := s.Commit(t.Context(), &b); err != nil {
			t.Errorf("Commit during a scan: %v", err)
		}
	}()
	var got []string
	err := s.Scan(t.Context(), store.Prefix(store.Meta), func(item store.Item) bool {
		if len(got) == 0 {
			close(first)
			<-changed
		}
		got = append(got, string(item.Value))
		return true
	})
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	if all := strings.Join(got, " "); all != "a aa ab b c d" {
		t.Errorf("a scan saw a later commit: %q", all)
	}
	if got := list(t, s, store.Prefix(store.Meta)); got != "a aa ab b bb c" {
		t.Errorf("after the commit: %q", got)
	}
}

// scanAtomicClause rewrites ten keys together and scans at the same time: all
// ten must always show the same value and the same version's batch.
func scanAtomicClause(t *testing.T, s store.Store) {
	write := func(round int) error {
		var b store.Batch
		for i := range 10 {
			b.Put(key("together", i), []byte(fmt.Sprint(round)))
		}
		return s.Commit(t.Context(), &b)
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for round := range 100 {
			if err := write(round); err != nil {
				t.Errorf("Commit: %v", err)
				return
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		values := make(map[string]int)
		err := s.Scan(t.Context(), store.Prefix(store.Meta, []byte("together")), func(item store.Item) bool {
			values[string(item.Value)]++
			return true
		})
		if err != nil || len(values) != 1 {
			t.Errorf("a scan saw half a batch: %v, %v", values, err)
			break
		}
	}
	wg.Wait()
}
