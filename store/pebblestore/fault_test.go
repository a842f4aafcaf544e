package pebblestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// changes reports whether an operation would change the device.
func changes(k errorfs.OpKind) bool {
	switch k {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpReuseForWrite,
		errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	}
	return false
}

// faultyFS is a file system that fails its at-th change (from 1 on) with EIO,
// once, and forgets what is unsynced when it is cloned.
type faultyFS struct {
	vfs.FS
	under *vfs.MemFS
	count atomic.Int64
	hit   atomic.Pointer[string]
}

func newFaultyFS(at int64) *faultyFS {
	f := &faultyFS{under: vfs.NewCrashableMem()}
	f.FS = errorfs.Wrap(f.under, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !changes(op.Kind) || f.count.Add(1) != at {
			return nil
		}
		what := fmt.Sprintf("operation %d on %s", op.Kind, op.Path)
		f.hit.Store(&what)
		return syscall.EIO
	}))
	return f
}

// within fails the test if f does not end: no call may hang.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s hangs", what)
	}
}

// faultStory opens a store on fs, commits from two sides so much that tables
// are flushed, reads, copies and closes. It returns the keys whose commit was
// acknowledged, and the failure of the store if there was one.
func faultStory(t *testing.T, fs vfs.FS) (acked [][]byte, failed error) {
	t.Helper()
	var s *pebblestore.Store
	var err error
	within(t, "Open", func() {
		s, err = pebblestore.Open("db", pebblestore.Options{FS: fs, MemTable: 64 << 10})
	})
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	within(t, "Commit", func() {
		var wg sync.WaitGroup
		for side := range byte(2) {
			wg.Go(func() {
				for n := range uint32(25) {
					key := store.Key(store.Messages, []byte{side}, store.Uint32(n))
					if commitOne(s, key) == nil {
						mu.Lock()
						acked = append(acked, key)
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
	})
	within(t, "Get", func() { _, _ = s.Get(context.Background(), k("a")) })
	within(t, "Scan", func() { _ = s.Scan(context.Background(), store.Range{}, func(store.Item) bool { return true }) })
	within(t, "Backup", func() { _ = s.Backup(context.Background(), "copy") })
	failed = s.Healthy()
	if failed != nil {
		if err := commitOne(s, k("late")); !errors.Is(err, store.ErrFailed) || !errors.Is(failed, store.ErrFailed) {
			t.Errorf("Commit after a failure: %v, Healthy: %v", err, failed)
		}
	}
	within(t, "Close", func() { _ = s.Close() })
	return acked, s.Healthy()
}

func commitOne(s store.Store, key []byte) error {
	var b store.Batch
	b.Put(key, bytes.Repeat(key, 600))
	return s.Commit(context.Background(), &b)
}

// TestEachChangeOfTheDeviceFails fails one write, fsync, rename... after the
// other with EIO. Whatever the engine makes of it: nobody hangs, nothing that
// was acknowledged is lost by the crash that follows, and a store that failed
// says so.
func TestEachChangeOfTheDeviceFails(t *testing.T) {
	healthy := newFaultyFS(0)
	if acked, err := faultStory(t, healthy); err != nil || len(acked) != 50 {
		t.Fatalf("without a fault: %d commits, %v", len(acked), err)
	}
	total, failures := healthy.count.Load(), 0
	step := max(1, total/48)
	for at := int64(1); at <= total; at += step {
		fs := newFaultyFS(at)
		acked, failed := faultStory(t, fs)
		if failed != nil {
			failures++
		}
		what := "nothing"
		if hit := fs.hit.Load(); hit != nil {
			what = *hit
		}
		if strings.HasSuffix(what, ".log") && failed == nil && !strings.HasPrefix(what, fmt.Sprintf("operation %d ", errorfs.OpRemove)) &&
			!strings.Contains(what, "copy/") {
			t.Errorf("%s failed and the store says it is healthy", what)
		}
		wantAfterCrash(t, fs, acked, what)
	}
	t.Logf("%d changes, %d failed, %d times the store failed", total, (total+step-1)/step, failures)
	if failures == 0 {
		t.Error("no fault made the store fail")
	}
}

// wantAfterCrash opens what a crash leaves on fs and looks for keys.
func wantAfterCrash(t *testing.T, fs *faultyFS, keys [][]byte, what string) {
	t.Helper()
	clone := fs.under.CrashClone(vfs.CrashCloneCfg{})
	s, err := pebblestore.Open("db", pebblestore.Options{FS: clone})
	if err != nil {
		t.Fatalf("%s failed: open after the crash: %v", what, err)
	}
	for _, key := range keys {
		item, err := s.Get(t.Context(), key)
		if err != nil || !bytes.Equal(item.Value, bytes.Repeat(key, 600)) {
			t.Errorf("%s failed: acknowledged record %x: %v", what, key, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s failed: close after the crash: %v", what, err)
	}
}

// TestAFailedFsyncEndsTheStore: the kernel forgets that an fsync failed, the
// store does not.
func TestAFailedFsyncEndsTheStore(t *testing.T) {
	var broken atomic.Bool
	mem := vfs.NewCrashableMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && broken.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}))
	told := make(chan error, 2)
	s := open(t, "db", pebblestore.Options{FS: fs, OnFail: func(err error) { told <- err }})
	put(t, s, "before", "1")
	broken.Store(true)
	if err := commitOne(s, k("during")); err == nil {
		t.Error("a commit whose fsync failed was acknowledged")
	}
	for range 3 {
		if err := commitOne(s, k("after")); !errors.Is(err, store.ErrFailed) {
			t.Errorf("Commit after a failed fsync: %v", err)
		}
	}
	if err := <-told; !errors.Is(err, store.ErrFailed) || !errors.Is(err, syscall.EIO) || !errors.Is(s.Healthy(), store.ErrFailed) {
		t.Errorf("OnFail(%v), Healthy() = %v", err, s.Healthy())
	}
	want(t, s, "before", "1") // reading what is durable still works
	if err := s.Backup(t.Context(), "copy"); !errors.Is(err, store.ErrFailed) {
		t.Errorf("Backup of a failed store: %v", err)
	}
	within(t, "Close", func() { _ = s.Close() })
	want(t, open(t, "db", pebblestore.Options{FS: mem.CrashClone(vfs.CrashCloneCfg{})}), "before", "1")
}
