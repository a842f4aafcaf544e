package blob_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/pebblestore"
	"gatepost/store/storetest"
)

// TestCrashes turns the power off again and again while bodies are kept and
// deleted, records and bodies on one device: every body whose record was
// acknowledged is there whole, every record has its body, and Collect removes
// the rest.
func TestCrashes(t *testing.T) {
	fs := vfs.NewCrashableMem()
	kv := openRecords(t, fs)
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs, SegmentSize: mib})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	l := &ledger{bodies: make(map[string]uint64), tokens: make(chan struct{})}
	for w := range uint64(4) {
		wg.Go(func() { l.work(ctx, t, s, kv, w) })
	}
	for seed := range uint64(6) {
		for range 6 {
			l.tokens <- struct{}{}
		}
		known := l.known() // before the crash begins
		survivor := fs.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: []int{0, 30, 60, 100}[seed%4],
			RNG:                 rand.New(rand.NewPCG(seed, 1)),
		})
		gone := l.lost(known) // deleted meanwhile: may be there or not
		wantSurvivor(t, survivor, known, gone)
		if t.Failed() {
			t.Errorf("crash %d failed", seed)
			break
		}
	}
	stop()
	wg.Wait()
}

func openRecords(t *testing.T, fs vfs.FS) *pebblestore.Store {
	t.Helper()
	kv, err := pebblestore.Open("db", pebblestore.Options{FS: fs, MemTable: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	return kv
}

// ledger is what workers were told: which bodies must be there.
type ledger struct {
	tokens chan struct{} // one for each turn of a worker
	mu     sync.Mutex
	bodies map[string]uint64 // reference -> seed of its octets
}

func crashBody(seed uint64) []byte {
	return octets([]int{5000, inSegment + int(seed*977%200000), inFile + int(seed%100)}[seed%3], seed)
}

func (l *ledger) work(ctx context.Context, t *testing.T, s *blob.Store, kv store.Store, w uint64) {
	for turn := uint64(0); ; turn++ {
		select {
		case <-l.tokens:
			l.turn(t, s, kv, w<<32|turn)
		case <-ctx.Done():
			return
		}
	}
}

// turn keeps a body; every second one is deleted again.
func (l *ledger) turn(t *testing.T, s *blob.Store, kv store.Store, seed uint64) {
	ref, err := tryKeep(s, kv, crashBody(seed))
	if err != nil {
		t.Errorf("keeping a body: %v", err)
		return
	}
	l.mu.Lock()
	l.bodies[ref] = seed
	l.mu.Unlock()
	if seed%2 == 0 {
		return
	}
	l.mu.Lock()
	delete(l.bodies, ref)
	l.mu.Unlock()
	var b store.Batch
	s.Delete(&b, ref)
	if err := store.Write(context.Background(), kv, &b); err != nil {
		t.Errorf("deleting a body: %v", err)
	}
}

func (l *ledger) known() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make(map[string]uint64, len(l.bodies))
	for ref, seed := range l.bodies {
		known[ref] = seed
	}
	return known
}

// lost is what of known is not to be there any more.
func (l *ledger) lost(known map[string]uint64) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := make(map[string]bool)
	for ref := range known {
		if _, there := l.bodies[ref]; !there {
			lost[ref] = true
		}
	}
	return lost
}

func wantSurvivor(t *testing.T, fs vfs.FS, known map[string]uint64, gone map[string]bool) {
	t.Helper()
	kv := openRecords(t, fs)
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	for ref, seed := range known {
		if !gone[ref] {
			wantBody(t, s, ref, crashBody(seed))
		}
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	wantNoOrphans(t, fs, kv)
	_ = s.Close()
	_ = kv.Close()
}

// TestFilesCutAtAnyOctet shortens the file of a body whose record was not yet
// committed, and of one whose record was: the first is collected, the second
// never read as if it were whole.
func TestFilesCutAtAnyOctet(t *testing.T) {
	for _, n := range []int{inSegment, inFile} {
		dir, kv := t.TempDir(), storetest.NewMemory()
		s := openBlobs(t, dir, kv, blob.Options{})
		var uncommitted store.Batch
		ref := keep(t, s, kv, octets(n, 1))
		stage(t, s, &uncommitted, octets(n, 2))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int64{0, 1, 4095, 4096, int64(n) / 2, int64(n) - 1} {
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			cutFiles(t, copied, cut)
			after := openBlobs(t, copied, kv, blob.Options{})
			if r, err := after.Open(t.Context(), ref); err == nil {
				t.Errorf("a body of %d octets cut at %d is read with %d octets", n, cut, r.Size())
				_ = r.Close()
			}
			if _, err := after.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			if n == inFile {
				wantFiles(t, vfs.Default, copied, 1, 0)
			}
			_ = after.Close()
		}
	}
}

func cutFiles(t *testing.T, dir string, length int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Truncate(path, length)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnfinishedBodiesGoAtTheNextStart ends a run while bodies arrive.
func TestUnfinishedBodiesGoAtTheNextStart(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openBlobs(t, "blobs", storetest.NewMemory(), blob.Options{FS: fs})
	for _, n := range []int{inSegment, inFile} {
		w, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(octets(n, 1)); err != nil {
			t.Fatal(err)
		}
	}
	clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	if names, err := clone.List("blobs/files"); err != nil || len(names) == 0 {
		t.Fatalf("the crash left nothing: %v", err)
	}
	openBlobs(t, "blobs", storetest.NewMemory(), blob.Options{FS: clone})
	if names, err := clone.List("blobs/files"); err != nil || len(names) > 0 {
		t.Errorf("%q stay, %v", names, err)
	}
}
