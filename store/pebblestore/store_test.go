package pebblestore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/store"
	"gatepost/store/pebblestore"
	"gatepost/store/storetest"
)

func open(t testing.TB, dir string, o pebblestore.Options) *pebblestore.Store {
	t.Helper()
	s, err := pebblestore.Open(dir, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func k(name string) []byte { return store.Key(store.Meta, []byte(name)) }

func put(t testing.TB, s store.Store, name, value string) {
	t.Helper()
	var b store.Batch
	b.Put(k(name), []byte(value))
	if err := s.Commit(context.Background(), &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func want(t testing.TB, s store.Store, name, value string) store.Version {
	t.Helper()
	item, err := s.Get(context.Background(), k(name))
	if err != nil || string(item.Value) != value {
		t.Fatalf("Get(%s) = %q, %v, want %q", name, item.Value, err, value)
	}
	return item.Version
}

func TestContractOnDisk(t *testing.T) {
	storetest.Contract(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), pebblestore.Options{}) })
}

func TestContractInMemory(t *testing.T) {
	storetest.Contract(t, func(t *testing.T) store.Store {
		return open(t, "db", pebblestore.Options{FS: vfs.NewMem(), Sparse: everyTable()})
	})
}

func everyTable() (all []store.Table) {
	for n := 1; n < 256; n++ {
		all = append(all, store.Table(n))
	}
	return all
}

// TestCrashes turns the power off sixty times under concurrent commits. The
// memory tables are small, so that logs turn over and tables are flushed.
func TestCrashes(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, "db", pebblestore.Options{FS: fs, MemTable: 64 << 10})
	storetest.Crash(t, storetest.Crashable{Store: s, Crash: func(t *testing.T, seed uint64) store.Store {
		clone := fs.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: []int{0, 20, 50, 80, 100}[seed%5],
			RNG:                 rand.New(rand.NewPCG(seed, 1)),
		})
		return open(t, "db", pebblestore.Options{FS: clone, Sparse: everyTable()})
	}}, 60)
}

func TestSecondOpenIsLocked(t *testing.T) {
	for _, c := range []struct {
		name, dir string
		fs        vfs.FS
	}{{"disk", t.TempDir(), vfs.Default}, {"memory", "db", vfs.NewMem()}} {
		t.Run(c.name, func(t *testing.T) {
			first := open(t, c.dir, pebblestore.Options{FS: c.fs})
			if _, err := pebblestore.Open(c.dir, pebblestore.Options{FS: c.fs}); !errors.Is(err, pebblestore.ErrLocked) {
				t.Fatalf("second Open: %v, want ErrLocked", err)
			}
			put(t, first, "a", "still works")
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			want(t, open(t, c.dir, pebblestore.Options{FS: c.fs}), "a", "still works")
		})
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	if _, err := pebblestore.Open("/dev/null/store", pebblestore.Options{}); err == nil || errors.Is(err, pebblestore.ErrLocked) {
		t.Errorf("Open below a file: %v", err)
	}
}

// TestVersionsOfAKeyNeverRepeatOverRuns deletes and rewrites one key in each
// of several runs, some of which end in a crash.
func TestVersionsOfAKeyNeverRepeatOverRuns(t *testing.T) {
	fs := vfs.NewCrashableMem()
	seen := make(map[store.Version]bool)
	for run := range 6 {
		s := open(t, "db", pebblestore.Options{FS: fs})
		for range 3 {
			var b store.Batch
			b.Delete(k("a"))
			if err := s.Commit(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			put(t, s, "a", "same")
			v := want(t, s, "a", "same")
			if seen[v] {
				t.Fatalf("run %d: version %d was used before", run, v)
			}
			seen[v] = true
		}
		if run%2 == 0 {
			fs = fs.CrashClone(vfs.CrashCloneCfg{})
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOwnKeysAreReserved(t *testing.T) {
	s := open(t, "db", pebblestore.Options{FS: vfs.NewMem()})
	for _, key := range [][]byte{nil, {}, {0}, []byte("\x00versions")} {
		var b store.Batch
		b.Put(key, []byte("x"))
		if err := s.Commit(t.Context(), &b); err == nil {
			t.Errorf("Commit(%q) succeeded", key)
		}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get(%q): %v", key, err)
		}
	}
	err := s.Scan(t.Context(), store.Range{}, func(item store.Item) bool {
		t.Errorf("an empty store shows %q", item.Key)
		return true
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLargeBatch commits more than a memory table holds.
func TestLargeBatch(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, "db", pebblestore.Options{FS: fs, MemTable: 64 << 10})
	var b store.Batch
	value := strings.Repeat("x", 1000)
	for n := range uint32(500) {
		b.Put(store.Key(store.Messages, store.Uint32(n)), []byte(value))
	}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	n, versions := 0, make(map[store.Version]bool)
	after := open(t, "db", pebblestore.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	err := after.Scan(t.Context(), store.Prefix(store.Messages), func(item store.Item) bool {
		n++
		versions[item.Version] = true
		return string(item.Value) == value
	})
	if err != nil || n != 500 || len(versions) != 1 {
		t.Errorf("%d of 500 records, %d versions, %v", n, len(versions), err)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := open(t, "db", pebblestore.Options{FS: vfs.NewMem(), Metrics: reg})
	put(t, s, "a", "")
	var b store.Batch
	b.RequireAbsent(k("a"))
	_ = s.Commit(t.Context(), &b)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int)
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	if len(series) != 5 || series["gatepost_store_commit_seconds"] != 2 {
		t.Errorf("series: %v, want five metrics and two results of commits", series)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, "db", pebblestore.Options{FS: vfs.NewMem(), Metrics: reg}) // registers again
}

// TestCloseWaitsForCommits closes under load: each commit that said yes is
// there afterwards, each other one said closed.
func TestCloseWaitsForCommits(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, "db", pebblestore.Options{FS: fs})
	acked := make(chan uint32, 10000)
	go func() {
		defer close(acked)
		for n := uint32(0); ; n++ {
			var b store.Batch
			b.Put(store.Key(store.Messages, store.Uint32(n)), nil)
			err := s.Commit(context.Background(), &b)
			if errors.Is(err, store.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("Commit: %v", err)
				return
			}
			acked <- n
		}
	}()
	for len(acked) < 10 && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after := open(t, "db", pebblestore.Options{FS: fs})
	count := 0
	for n := range acked {
		count++
		if _, err := after.Get(t.Context(), store.Key(store.Messages, store.Uint32(n))); err != nil {
			t.Fatalf("acknowledged record %d: %v", n, err)
		}
	}
	if count == 0 {
		t.Error("nothing was committed before Close")
	}
}
