package pebblestore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

// slots is how many pairs each writer of TestBackupUnderWriters has, which it
// writes again and again: a store that grew would make each copy slower.
const slots = 200

// TestBackupUnderWriters copies the store while others commit numbered pairs: a
// copy opens, and holds everything that was acknowledged before it began, and
// whole pairs only.
func TestBackupUnderWriters(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, "db", pebblestore.Options{FS: fs, MemTable: 64 << 10, Patience: 5 * time.Minute})
	var acked [3]atomic.Uint32
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range byte(len(acked)) {
		wg.Go(func() {
			for n := uint32(0); !stop.Load(); n++ {
				var b store.Batch
				b.Put(store.Key(store.Messages, []byte{w}, store.Uint32(n%slots)), append(store.Uint32(n), make([]byte, 700)...))
				b.Put(store.Key(store.Envelopes, []byte{w}, store.Uint32(n%slots)), store.Uint32(n))
				if err := s.Commit(t.Context(), &b); err != nil {
					t.Errorf("Commit: %v", err)
					return
				}
				acked[w].Store(n + 1)
			}
		})
	}
	for n := range 12 {
		for acked[0].Load() < 2*slots && !t.Failed() {
			put(t, s, "pace", "")
		}
		dir := fmt.Sprintf("copy%d", n)
		var known [3]uint32
		for w := range acked {
			known[w] = acked[w].Load()
		}
		if err := s.Backup(t.Context(), dir); err != nil {
			t.Fatalf("Backup: %v", err)
		}
		after := open(t, dir, pebblestore.Options{FS: fs})
		for w := range byte(len(known)) {
			wantCopy(t, after, w, known[w])
		}
		put(t, after, "a", "the copy is a store")
		if err := errors.Join(after.Close(), fs.RemoveAll(dir)); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// wantCopy demands of the pairs of writer w that they are the newest of each
// slot up to some number which is not before the known acknowledged ones.
func wantCopy(t *testing.T, s store.Store, w byte, known uint32) {
	t.Helper()
	var halves [2][]uint32
	for i, table := range []store.Table{store.Messages, store.Envelopes} {
		err := s.Scan(t.Context(), store.Prefix(table, []byte{w}), func(item store.Item) bool {
			halves[i] = append(halves[i], binary.BigEndian.Uint32(item.Value))
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
	pairs := halves[0]
	if !slices.Equal(pairs, halves[1]) {
		t.Errorf("writer %d: half a pair: %v and %v", w, pairs, halves[1])
	}
	if slices.Sort(pairs); len(pairs) == 0 || pairs[len(pairs)-1]+1 < known || known >= slots && len(pairs) != slots {
		t.Fatalf("writer %d had committed %d pairs; the copy ends with %v", w, known, pairs)
	}
	if first, last := pairs[0], pairs[len(pairs)-1]; last-first != uint32(len(pairs)-1) {
		t.Errorf("writer %d: a commit is missing between %d and %d: %v", w, first, last, pairs)
	}
}

func TestBackupRefusesWhatExists(t *testing.T) {
	s := open(t, "db", pebblestore.Options{FS: vfs.NewMem()})
	put(t, s, "a", "1")
	for _, dir := range []string{"db", "twice"} {
		err := s.Backup(t.Context(), dir)
		if dir == "twice" && err == nil {
			err = s.Backup(t.Context(), dir)
		}
		if err == nil {
			t.Errorf("Backup into %s, which exists, succeeded", dir)
		}
	}
	want(t, s, "a", "1")
}

// TestABackupThatFailsLeavesTheStoreAlone fails each change that a backup makes:
// the error is told, no half copy stays, the store goes on.
func TestABackupThatFailsLeavesTheStoreAlone(t *testing.T) {
	var countdown atomic.Int64
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		ofBackup := strings.HasPrefix(op.Path, "copy") || op.Path == "."
		if ofBackup && changes(op.Kind) && op.Kind != errorfs.OpFileSyncTo && countdown.Add(-1) == 0 {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, "db", pebblestore.Options{FS: fs, MemTable: 64 << 10})
	for n := range uint32(60) {
		if err := commitOne(s, store.Key(store.Messages, store.Uint32(n))); err != nil {
			t.Fatal(err)
		}
	}
	failures := 0
	for at := int64(1); ; at++ {
		countdown.Store(at)
		err := s.Backup(t.Context(), "copy")
		fired := countdown.Load() <= 0
		countdown.Store(0)
		if !fired {
			if err != nil {
				t.Errorf("Backup without a fault: %v", err)
			}
			break
		}
		if _, there := mem.Stat("copy"); err != nil && there == nil {
			t.Fatalf("change %d failed (%v): half a copy stays", at, err)
		}
		if err != nil {
			failures++
			if !errors.Is(err, store.ErrFull) || s.Healthy() != nil {
				t.Fatalf("change %d failed: Backup = %v, Healthy = %v", at, err, s.Healthy())
			}
		} else if err := mem.RemoveAll("copy"); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "a", "goes on")
	if failures < 5 {
		t.Errorf("only %d faults made a backup fail", failures)
	}
}

// slowCopyFS lets others write on while a log is being copied: between each two
// reads of a log of the store, meanwhile runs.
type slowCopyFS struct {
	vfs.FS
	meanwhile func()
}

func (s *slowCopyFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.Open(name, opts...)
	if err != nil || s.meanwhile == nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return &slowFile{f, s.meanwhile}, nil
}

type slowFile struct {
	vfs.File
	meanwhile func()
}

func (f *slowFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.meanwhile()
	return n, err
}

// TestALogThatIsWrittenWhileItIsCopied: the log is a recycled one, so behind
// what was written stands an older log. A copy that took some of that, and then
// more of the new one, could not be opened.
func TestALogThatIsWrittenWhileItIsCopied(t *testing.T) {
	fs := &slowCopyFS{FS: vfs.NewMem()}
	s := open(t, "db", pebblestore.Options{FS: fs, MemTable: 512 << 10})
	n := uint32(0)
	commit := func(count int) {
		for range count {
			if err := commitOne(s, store.Key(store.Messages, store.Uint32(n))); err != nil {
				t.Errorf("Commit: %v", err)
			}
			n++
		}
	}
	commit(1000)                        // 3 kB each
	fs.meanwhile = func() { commit(7) } // so slowly that the copy comes to the end of the log
	for copies := range 4 {
		dir, known := fmt.Sprintf("copy%d", copies), n
		if err := s.Backup(t.Context(), dir); err != nil {
			t.Fatalf("Backup: %v", err)
		}
		after := open(t, dir, pebblestore.Options{FS: fs.FS})
		for i := range known {
			if _, err := after.Get(t.Context(), store.Key(store.Messages, store.Uint32(i))); err != nil {
				t.Fatalf("%s: record %d of %d that were acknowledged: %v", dir, i, known, err)
			}
		}
	}
}
