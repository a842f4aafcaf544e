package blob_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/pebblestore"
	"gatepost/store/storetest"
)

// blocksIn is how many octets of the device the files in dir have.
func blocksIn(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info fs.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSpaceInsideASegmentIsGivenBack looks at the blocks that the device has
// assigned.
func TestSpaceInsideASegmentIsGivenBack(t *testing.T) {
	dir, kv := t.TempDir(), storetest.NewMemory()
	s := openBlobs(t, dir, kv, blob.Options{})
	var refs []string
	for i := range uint64(8) {
		refs = append(refs, keep(t, s, kv, octets(100*kib+1, i)))
	}
	before := blocksIn(t, filepath.Join(dir, "segments"))
	for i := range 7 {
		remove(t, s, kv, refs[i])
	}
	wantLess(t, dir, before/4)
	wantBody(t, s, refs[7], octets(100*kib+1, 7))
}

// wantLess waits until the segments in dir have fewer than n octets of the device.
func wantLess(t *testing.T, dir string, n int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); punches(t); time.Sleep(10 * time.Millisecond) {
		is := blocksIn(t, filepath.Join(dir, "segments"))
		if is < n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d octets stay assigned, want fewer than %d", is, n)
		}
	}
}

// TestSpaceOfDeletedBodies deletes bodies in no order, more than wait for each
// other, with a reader in between, around a backup, and before Close.
func TestSpaceOfDeletedBodies(t *testing.T) {
	dir, kv := t.TempDir(), storetest.NewMemory()
	s := openBlobs(t, dir, kv, blob.Options{SegmentSize: 8 * mib})
	var refs []string
	for i := range uint64(100) {
		refs = append(refs, keep(t, s, kv, octets(200*kib+1, i)))
	}
	body := blocksIn(t, filepath.Join(dir, "segments")) / int64(len(refs))
	r, err := s.Open(t.Context(), refs[51])
	if err != nil {
		t.Fatal(err)
	}
	for i := range refs {
		if n := i * 37 % len(refs); n < 70 {
			remove(t, s, kv, refs[n])
		}
	}
	wantLess(t, dir, 32*body)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wantLess(t, dir, 31*body)
	err = s.Backup(t.Context(), filepath.Join(t.TempDir(), "copy"), func(context.Context) error {
		for i := 70; i < 80; i++ {
			remove(t, s, kv, refs[i])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantLess(t, dir, 21*body)
	for i := 80; i < 90; i++ {
		remove(t, s, kv, refs[i])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if is := blocksIn(t, filepath.Join(dir, "segments")); is >= 11*body && punches(t) {
		t.Errorf("%d octets stay assigned after Close, want fewer than %d", is, 11*body)
	}
	s = openBlobs(t, dir, kv, blob.Options{})
	for i := 90; i < 100; i++ {
		wantBody(t, s, refs[i], octets(200*kib+1, uint64(i)))
	}
}

// TestSpaceThatACrashLeftInASegmentIsGivenBack deletes records without the
// octets, as a crash in between does. The next run's Collect frees them.
func TestSpaceThatACrashLeftInASegmentIsGivenBack(t *testing.T) {
	dir, kv := t.TempDir(), storetest.NewMemory()
	s := openBlobs(t, dir, kv, blob.Options{})
	var refs []string
	for i := range uint64(8) {
		refs = append(refs, keep(t, s, kv, octets(100*kib+1, i)))
	}
	for i := range refs {
		if i == 3 {
			continue
		}
		var b store.Batch
		s.Delete(&b, refs[i])
		if err := kv.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	before := blocksIn(t, filepath.Join(dir, "segments"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBlobs(t, dir, kv, blob.Options{})
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantBody(t, s, refs[3], octets(100*kib+1, 3))
	if after := blocksIn(t, filepath.Join(dir, "segments")); after >= before/4 && punches(t) {
		t.Errorf("%d of %d octets stay assigned", after, before)
	}
}

// punches reports whether holes can be punched into files here.
func punches(t *testing.T) bool {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Write(make([]byte, 8*kib)); err != nil {
		t.Fatal(err)
	}
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4*kib) == nil
}

// smallDevice mounts a file system of the given size in octets.
func smallDevice(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED: nothing is known about a full device, because none can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// TestAFullDevice fills a device with bodies, and then to its last block with
// something else. Bodies stop while records can still be committed; what is
// there is read and deleted, and then there is room again.
func TestAFullDevice(t *testing.T) {
	dev := smallDevice(t, "64m")
	kv, err := pebblestore.Open(filepath.Join(dev, "db"), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	s := openBlobs(t, filepath.Join(dev, "blobs"), kv, blob.Options{SegmentSize: 2 * mib})
	refs := fillBlobs(t, s, kv)
	if len(refs) < 10 {
		t.Fatalf("full after %d bodies of 1.2 MiB on average", len(refs))
	}
	var b store.Batch
	b.Put(messageKey(1), make([]byte, 10_000))
	if err := store.Write(t.Context(), kv, &b); err != nil {
		t.Errorf("a record, while bodies are refused: %v", err)
	}
	stuffing := filepath.Join(dev, "stuffing")
	stuff(t, stuffing)
	if more := fillBlobs(t, s, kv); len(more) > 0 {
		t.Errorf("%d bodies went into no room", len(more))
	}
	for ref, seed := range refs {
		wantBody(t, s, ref, octets(fullSizes[seed%3], seed))
	}
	if err := os.Remove(stuffing); err != nil {
		t.Fatal(err)
	}
	wantBody(t, s, keepPatiently(t, s, kv, octets(100, 1)), octets(100, 1)) // the engine notices
	for ref := range refs {
		remove(t, s, kv, ref)
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if again := fillBlobs(t, s, kv); len(again) < len(refs)*8/10 {
		t.Errorf("%d bodies fit where %d did before", len(again), len(refs))
	}
	if s.Healthy() != nil || kv.Healthy() != nil {
		t.Errorf("a full device is no failure: %v, %v", s.Healthy(), kv.Healthy())
	}
}

var fullSizes = [3]int{200 * kib, 900 * kib, 2500 * kib}

// fillBlobs keeps bodies until each size was refused as full once.
func fillBlobs(t *testing.T, s *blob.Store, kv store.Store) map[string]uint64 {
	t.Helper()
	refs := make(map[string]uint64)
	for seed, full := uint64(0), [3]bool{}; full != [3]bool{true, true, true}; seed++ {
		if full[seed%3] {
			continue
		}
		ref, err := tryKeep(s, kv, octets(fullSizes[seed%3], seed))
		switch {
		case err == nil:
			refs[ref] = seed
		case errors.Is(err, store.ErrFull):
			full[seed%3] = true
		default:
			t.Fatalf("a body of %d octets: %v, want success or ErrFull", fullSizes[seed%3], err)
		}
	}
	return refs
}

func stuff(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, n := range []int{mib, 4 * kib} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, n))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filling the device: %v", err)
		}
	}
}
