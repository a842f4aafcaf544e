package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/storetest"
)

// injected is a file system whose operations fail as decide says.
func injected(under vfs.FS, decide func(errorfs.Op) error) vfs.FS {
	return errorfs.Wrap(under, errorfs.InjectorFunc(decide))
}

func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData
}

// tryKeep keeps a body and its record, and returns the reference if both were
// acknowledged.
func tryKeep(s *blob.Store, kv store.Store, body []byte) (string, error) {
	w, err := s.Create()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(body); err != nil {
		w.Abort()
		return "", err
	}
	var b store.Batch
	ref, err := w.Commit(context.Background(), &b)
	if err != nil {
		if len(b.Ops) > 0 {
			return "", errors.New("a failed Commit put records into the batch")
		}
		return "", err
	}
	return ref, store.Write(context.Background(), kv, &b)
}

// TestAFailedFsyncEndsTheStore: nothing is accepted after the first fsync that
// failed, whichever it was; what is there can be read.
func TestAFailedFsyncEndsTheStore(t *testing.T) {
	for at := int64(1); at <= 4; at++ {
		for _, n := range []int{inSegment, inFile} {
			var countdown atomic.Int64
			fs := injected(vfs.NewMem(), func(op errorfs.Op) error {
				if isSync(op.Kind) && countdown.Add(-1) == 0 {
					return syscall.EIO
				}
				return nil
			})
			kv, told := storetest.NewMemory(), make(chan error, 2)
			s := openBlobs(t, "blobs", kv, blob.Options{FS: fs, OnFail: func(err error) { told <- err }})
			ref := keep(t, s, kv, octets(n, 1))
			countdown.Store(at)
			for range at {
				if _, err := tryKeep(s, kv, octets(n, 2)); err != nil {
					break
				}
			}
			if !errors.Is(s.Healthy(), store.ErrFailed) {
				t.Fatalf("fsync %d failed: Healthy() = %v", at, s.Healthy())
			}
			if err := <-told; !errors.Is(err, syscall.EIO) {
				t.Errorf("fsync %d failed: OnFail(%v)", at, err)
			}
			for _, size := range []int{10, inSegment, inFile} {
				if _, err := tryKeep(s, kv, octets(size, 3)); !errors.Is(err, store.ErrFailed) {
					t.Errorf("fsync %d failed: a body of %d octets: %v", at, size, err)
				}
			}
			wantBody(t, s, ref, octets(n, 1))
		}
	}
}

// TestNoRoom: a write that meets a full device, and a device below the floor,
// refuse the body as full; afterwards all goes on.
func TestNoRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		kind errorfs.OpKind
	}{{"write", errorfs.OpFileWriteAt}, {"create", errorfs.OpCreate}, {"rename", errorfs.OpRename}} {
		for _, n := range []int{inSegment, inFile} {
			var full atomic.Bool
			fs := injected(vfs.NewMem(), func(op errorfs.Op) error {
				if op.Kind == c.kind && full.Load() {
					return syscall.ENOSPC
				}
				return nil
			})
			kv := storetest.NewMemory()
			s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
			full.Store(true)
			hit := false
			for range 3 {
				_, err := tryKeep(s, kv, octets(n, 1))
				hit = hit || err != nil
				if err != nil && !errors.Is(err, store.ErrFull) {
					t.Errorf("%s, %d octets: %v, want ErrFull", c.name, n, err)
				}
			}
			full.Store(false)
			if s.Healthy() != nil || !hit && c.name == "write" {
				t.Errorf("%s, %d octets: hit %v, Healthy() = %v", c.name, n, hit, s.Healthy())
			}
			wantBody(t, s, keep(t, s, kv, octets(n, 2)), octets(n, 2))
		}
	}
}

func TestBelowTheFloorNothingIsAccepted(t *testing.T) {
	const total = 1200 << 20 // a floor of 64 MiB
	fs, kv := vfs.NewMem(), storetest.NewMemory()
	free := func(n uint64) { fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: n, TotalBytes: total}) }
	free(total)
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	ref := keep(t, s, kv, octets(inSegment, 1))
	free(64*mib + 2*inSegment)
	time.Sleep(25 * time.Millisecond) // the device's answer is remembered that long
	if _, err := tryKeep(s, kv, octets(inSegment, 2)); err != nil {
		t.Errorf("above the floor: %v", err)
	}
	free(64*mib - 1)
	for range 2 {
		if _, err := tryKeep(s, kv, octets(inFile, 2)); !errors.Is(err, store.ErrFull) {
			t.Errorf("below the floor: %v", err)
		}
	}
	wantBody(t, s, ref, octets(inSegment, 1))
	free(total)
	keep(t, s, kv, octets(inFile, 3))
}

// TestEachOperationFails fails every operation of a story once. Whatever was
// acknowledged is there, in this run and after a crash, and Collect leaves
// nothing else.
func TestEachOperationFails(t *testing.T) {
	total := runFaulty(t, 0)
	for at := int64(1); at <= total; at += stride {
		runFaulty(t, at)
	}
	t.Logf("%d operations, each %d. was failed", total, stride)
}

func runFaulty(t *testing.T, at int64) int64 {
	t.Helper()
	var count atomic.Int64
	what := ""
	mem := vfs.NewCrashableMem()
	fs := injected(mem, func(op errorfs.Op) error {
		if count.Add(1) == at {
			what = fmt.Sprintf("operation %d on %s", op.Kind, op.Path)
			return syscall.EIO
		}
		return nil
	})
	kv := storetest.NewMemory()
	s, err := blob.Open("blobs", kv, blob.Options{FS: fs, SegmentSize: 3 * inSegment})
	if err != nil {
		return 0 // told at once
	}
	kept := faultyStory(s, kv)
	_ = s.Close()
	steps := count.Load()

	clone := mem.CrashClone(vfs.CrashCloneCfg{})
	after := openBlobs(t, "blobs", kv, blob.Options{FS: clone})
	if _, err := after.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Errorf("%s failed: Collect after a crash: %v", what, err)
	}
	for ref, body := range kept {
		wantBody(t, after, ref, body)
	}
	wantNoOrphans(t, clone, kv)
	if t.Failed() {
		t.Fatalf("%s failed (step %d)", what, at)
	}
	return steps
}

// faultyStory keeps bodies, deletes some, collects, and returns what must be
// there.
func faultyStory(s *blob.Store, kv store.Store) map[string][]byte {
	kept := make(map[string][]byte)
	for i, n := range []int{100, inSegment, inFile, inSegment, inScratch, inSegment} {
		body := octets(n, uint64(i))
		ref, err := tryKeep(s, kv, body)
		if err != nil {
			continue
		}
		kept[ref] = body
		if i%3 == 1 {
			var b store.Batch
			s.Delete(&b, ref)
			if store.Write(context.Background(), kv, &b) == nil {
				delete(kept, ref)
			}
		}
	}
	_, _ = s.Collect(context.Background(), time.Now().Add(-time.Hour))
	return kept
}

// wantNoOrphans demands as many files as records, and no empty segment.
func wantNoOrphans(t *testing.T, fs vfs.FS, kv store.Store) {
	t.Helper()
	files, segments := 0, make(map[string]bool)
	err := kv.Scan(t.Context(), store.Prefix(store.BlobFiles), func(item store.Item) bool {
		if item.Key[1] == 'f' {
			files++
		} else {
			segments[string(item.Key[2:10])] = true
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, fs, "blobs", files, len(segments))
}

// TestADeviceThatHangs: nobody waits for it longer than Patience, or than the
// context.
func TestADeviceThatHangs(t *testing.T) {
	for _, n := range []int{inSegment, inFile} {
		hang := make(chan struct{})
		var hanging atomic.Bool
		fs := injected(vfs.NewMem(), func(op errorfs.Op) error {
			if isSync(op.Kind) && hanging.Load() {
				<-hang
			}
			return nil
		})
		kv := storetest.NewMemory()
		s := openBlobs(t, "blobs", kv, blob.Options{FS: fs, Patience: 100 * time.Millisecond})
		keepPatiently(t, s, kv, octets(n, 1))
		hanging.Store(true)
		if _, err := tryKeep(s, kv, octets(n, 2)); !errors.Is(err, store.ErrFull) {
			t.Errorf("%d octets: %v, want ErrFull", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		w, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(octets(n, 3)); err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		if _, err := w.Commit(ctx, &b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d octets: %v, want DeadlineExceeded", n, err)
		}
		cancel()
		hanging.Store(false)
		close(hang)
		wantBody(t, s, keepPatiently(t, s, kv, octets(n, 4)), octets(n, 4))
	}
}

// keepPatiently keeps a body, and tries again for as long as the store says that
// it is full or stalled: whether it recovers is asked, not how fast.
func keepPatiently(t *testing.T, s *blob.Store, kv store.Store, body []byte) string {
	t.Helper()
	for range 600 {
		ref, err := tryKeep(s, kv, body)
		if err == nil {
			return ref
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the store does not recover")
	return ""
}

// TestManyShareAnFsync counts fsyncs while bodies arrive together, and looks
// that none is acknowledged by an fsync that began before it was written.
func TestManyShareAnFsync(t *testing.T) {
	const bodies = 40
	began, let := make(chan struct{}, bodies), make(chan struct{})
	var gated atomic.Bool
	var writes atomic.Int64
	fs := injected(vfs.NewMem(), func(op errorfs.Op) error {
		if !strings.Contains(op.Path, "segments/") {
			return nil
		}
		if op.Kind == errorfs.OpFileWriteAt {
			writes.Add(1)
		}
		if isSync(op.Kind) && gated.Load() {
			began <- struct{}{}
			<-let
		}
		return nil
	})
	s, kv := inMemory(t, blob.Options{FS: fs})
	keep(t, s, kv, octets(inSegment, 1)) // one write
	gated.Store(true)
	done := make(chan error, bodies)
	send := func(seed uint64) {
		_, err := tryKeep(s, kv, octets(inSegment, seed))
		done <- err
	}
	go send(0)
	<-began
	for seed := range uint64(bodies - 1) {
		go send(seed + 1)
	}
	for writes.Load() < 1+bodies || waiting() < bodies { // all wait behind the first fsync
		time.Sleep(time.Millisecond)
	}
	let <- struct{}{}
	<-began
	if err := <-done; err != nil || len(done) > 0 {
		t.Errorf("the first body: %v; %d bodies were acknowledged by an fsync that began before them", err, len(done))
	}
	fsyncs := 2
	for acknowledged := 1; acknowledged < bodies; {
		select {
		case let <- struct{}{}:
		case <-began:
			fsyncs++
		case err := <-done:
			if acknowledged++; err != nil {
				t.Fatal(err)
			}
		}
	}
	if fsyncs != 2 {
		t.Errorf("%d bodies took %d fsyncs, want 2", bodies, fsyncs)
	}
}

// waiting is how many goroutines wait for an fsync of theirs.
func waiting() int {
	stacks := make([]byte, 4<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("blob.(*Store).await("))
}

// forgetfulFS reads other octets than were written, as a kernel does that
// dropped pages which it could not write back.
type forgetfulFS struct{ vfs.FS }

func (f forgetfulFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return forgetfulFile{file}, err
}

type forgetfulFile struct{ vfs.File }

func (f forgetfulFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if off == 0 {
		clear(p[:n/2])
	}
	return n, err
}

func TestPagesThatTheKernelLost(t *testing.T) {
	s, kv := inMemory(t, blob.Options{FS: forgetfulFS{vfs.NewMem()}})
	if _, err := tryKeep(s, kv, octets(inScratch, 1)); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("a body that was not copied right: %v", err)
	}
}
