package pebblestore_test

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

// spareFS counts the spare files that became logs.
type spareFS struct {
	*vfs.MemFS
	used atomic.Int32
}

func (s *spareFS) Rename(from, to string) error {
	if strings.HasSuffix(from, "spare") && strings.HasSuffix(to, ".log") {
		s.used.Add(1)
	}
	return s.MemFS.Rename(from, to)
}

// TestSpareLogs writes until logs of zeros are used, ends the process there,
// and looks for all that was acknowledged.
func TestSpareLogs(t *testing.T) {
	fs := &spareFS{MemFS: vfs.NewCrashableMem()}
	o := pebblestore.Options{FS: fs, MemTable: 1 << 20}
	s := open(t, "db", o)
	value := bytes.Repeat([]byte("v"), 10_000)
	n := uint32(0)
	write := func(s store.Store) {
		n++
		var b store.Batch
		b.Put(store.Key(store.Bodies, store.Uint32(n)), value)
		if err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); fs.used.Load() < 2; write(s) {
		if time.Now().After(end) {
			t.Fatalf("after %d commits %d spare logs are used", n, fs.used.Load())
		}
		time.Sleep(100 * time.Microsecond)
	}
	again := open(t, "db", pebblestore.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{}), MemTable: 1 << 20})
	for range 5 { // it goes on where the zeros begin
		write(again)
	}
	for i := range n - 5 {
		item, err := again.Get(t.Context(), store.Key(store.Bodies, store.Uint32(i+1)))
		if err != nil || !bytes.Equal(item.Value, value) {
			t.Fatalf("record %d of %d after the crash: %v", i+1, n, err)
		}
	}
}

// TestAStoreThatIsHardlyUsedHasNoSpareLog: it would be larger than all else.
func TestAStoreThatIsHardlyUsedHasNoSpareLog(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, "db", pebblestore.Options{FS: fs})
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("db")
	if err != nil || strings.Contains(strings.Join(names, " "), "spare") {
		t.Errorf("files %v, %v", names, err)
	}
}

// TestASpareLogOfAnEarlierRunIsUsed, unless it is not whole.
func TestASpareLogOfAnEarlierRunIsUsed(t *testing.T) {
	for size, used := range map[int]int32{1<<20 + 1<<20/10: 1, 1 << 20: 0} {
		fs := &spareFS{MemFS: vfs.NewMem()}
		if err := fs.MkdirAll("db", 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("db/spare", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		o := pebblestore.Options{FS: fs, MemTable: 1 << 20}
		s := open(t, "db", o)
		put(t, s, "a", "1")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if fs.used.Load() != used {
			t.Errorf("of %d octets: used %d times, want %d", size, fs.used.Load(), used)
		}
		want(t, open(t, "db", o), "a", "1")
	}
}
