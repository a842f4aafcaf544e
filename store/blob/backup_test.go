package blob_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/pebblestore"
	"gatepost/store/storetest"
)

// messageKey is where a test notes which body it kept under n.
func messageKey(n uint64) []byte { return store.Key(store.Messages, store.Uint64(n)) }

// keepNoted keeps body n and a record with its reference in one batch, as the
// accepting journey does, and deletes both again if doomed.
func keepNoted(s *blob.Store, kv store.Store, n uint64, doomed bool) error {
	w, err := s.Create()
	if err != nil {
		return err
	}
	if _, err := w.Write(crashBody(n)); err != nil {
		w.Abort()
		return err
	}
	var b store.Batch
	ref, err := w.Commit(context.Background(), &b)
	if err != nil {
		return err
	}
	b.Put(messageKey(n), []byte(ref))
	if err := store.Write(context.Background(), kv, &b); err != nil || !doomed {
		return err
	}
	var undo store.Batch
	undo.Delete(messageKey(n))
	s.Delete(&undo, ref)
	return store.Write(context.Background(), kv, &undo)
}

// wantNoted demands the body of each noted message and counts them.
func wantNoted(t *testing.T, s *blob.Store, kv store.Store) (n int) {
	t.Helper()
	refs := make(map[uint64]string)
	err := kv.Scan(t.Context(), store.Prefix(store.Messages), func(item store.Item) bool {
		id := uint64(0)
		for _, octet := range item.Key[1:] {
			id = id<<8 | uint64(octet)
		}
		refs[id] = string(item.Value)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, ref := range refs {
		wantBody(t, s, ref, crashBody(id))
	}
	return len(refs)
}

// TestBackupUnderWriters restores each of several backups that were made while
// bodies came and went: each record has its body, and nothing that was there
// before is missing.
func TestBackupUnderWriters(t *testing.T) {
	root := t.TempDir()
	kv, err := pebblestore.Open(filepath.Join(root, "db"), pebblestore.Options{MemTable: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	s := openBlobs(t, filepath.Join(root, "blobs"), kv, blob.Options{SegmentSize: mib})
	var stop atomic.Bool
	var kept atomic.Int64
	var wg sync.WaitGroup
	for w := range uint64(3) {
		wg.Go(func() {
			for turn := uint64(0); !stop.Load() && turn < 200; turn++ {
				doomed := turn%4 != 0
				if err := keepNoted(s, kv, w<<32|turn, doomed); err != nil {
					t.Errorf("keeping: %v", err)
					return
				}
				if !doomed {
					kept.Add(1)
				}
			}
		})
	}
	for _, name := range []string{"one", "two", "three"} {
		time.Sleep(30 * time.Millisecond)
		known := kept.Load()
		to := filepath.Join(root, name)
		err := s.Backup(t.Context(), filepath.Join(to, "blobs"), func(ctx context.Context) error {
			return kv.Backup(ctx, filepath.Join(to, "db"))
		})
		if err != nil {
			t.Fatalf("Backup: %v", err)
		}
		wantRestored(t, to, int(known))
	}
	stop.Store(true)
	wg.Wait()
	wantNoted(t, s, kv)
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantNoted(t, s, kv)
	wantFilesFor(t, filepath.Join(root, "blobs"), kv)
}

// wantRestored opens a backup and uses it.
func wantRestored(t *testing.T, dir string, known int) {
	t.Helper()
	kv, err := pebblestore.Open(filepath.Join(dir, "db"), pebblestore.Options{})
	if err != nil {
		t.Fatalf("opening the backup: %v", err)
	}
	defer func() { _ = kv.Close() }()
	s := openBlobs(t, filepath.Join(dir, "blobs"), kv, blob.Options{})
	defer func() { _ = s.Close() }()
	if n := wantNoted(t, s, kv); n < known {
		t.Errorf("the backup has %d messages, %d were accepted before it", n, known)
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	wantNoted(t, s, kv)
	wantFilesFor(t, filepath.Join(dir, "blobs"), kv)
	if err := keepNoted(s, kv, 1<<60, false); err != nil {
		t.Errorf("the restored store does not accept: %v", err)
	}
}

// wantFilesFor demands as many files as there are records of files.
func wantFilesFor(t *testing.T, dir string, kv store.Store) {
	t.Helper()
	records := 0
	err := kv.Scan(t.Context(), store.Prefix(store.BlobFiles, []byte{'f'}), func(store.Item) bool { records++; return true })
	if err != nil {
		t.Fatal(err)
	}
	names, err := vfs.Default.List(filepath.Join(dir, "files"))
	complete := 0
	for _, name := range names {
		if filepath.Ext(name) == "" {
			complete++
		}
	}
	if err != nil || complete != records {
		t.Errorf("%s has %d files for %d records (%v)", dir, complete, records, err)
	}
}

// TestWhatIsDeletedDuringABackupIsInIt deletes everything right after the
// records were copied, reads the copy, and looks that the space is freed then.
func TestWhatIsDeletedDuringABackupIsInIt(t *testing.T) {
	fs, kv := vfs.NewMem(), storetest.NewMemory()
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	refs := make(map[int]string)
	for _, n := range sizes {
		refs[n] = keep(t, s, kv, octets(n, 1))
	}
	var copied *storetest.Memory
	err := s.Backup(t.Context(), "copy", func(context.Context) error {
		copied = kv.Copy()
		for n, ref := range refs {
			var b store.Batch
			s.Delete(&b, ref)
			if err := kv.Commit(t.Context(), &b); err != nil {
				t.Error(err)
			}
			if n < 2*mib { // of the others the answer is lost: only Collect could free them
				b.Done()
			}
			wantGone(t, s, ref)
		}
		if n, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("Collect during a backup = %d, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	restored := openBlobs(t, "copy", copied, blob.Options{FS: fs})
	for n, ref := range refs {
		wantBody(t, restored, ref, octets(n, 1))
	}
	wantFiles(t, fs, "blobs", 1, 1) // freed, but for what waits for Collect and the segment that is written to
	if n, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Collect after the backup = %d, %v", n, err)
	}
}

// TestABackupDoesNotChangeAfterwards deletes bodies of the living store: the
// copy shares no segment with it.
func TestABackupDoesNotChangeAfterwards(t *testing.T) {
	root, kv := t.TempDir(), storetest.NewMemory()
	s := openBlobs(t, filepath.Join(root, "blobs"), kv, blob.Options{})
	refs := make(map[int]string)
	for _, n := range sizes {
		refs[n] = keep(t, s, kv, octets(n, 1))
	}
	var copied *storetest.Memory
	to := filepath.Join(root, "copy")
	if err := s.Backup(t.Context(), to, func(context.Context) error { copied = kv.Copy(); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		remove(t, s, kv, ref)
	}
	restored := openBlobs(t, to, copied, blob.Options{})
	for n, ref := range refs {
		wantBody(t, restored, ref, octets(n, 1))
	}
}

// TestABackupThatFails: the error is told, no half copy stays, and deletions
// that waited for it are caught up with.
func TestABackupThatFails(t *testing.T) {
	var countdown atomic.Int64
	mem, kv := vfs.NewMem(), storetest.NewMemory()
	fs := injected(mem, func(op errorfs.Op) error {
		if (op.Path == "copy" || bytes.HasPrefix([]byte(op.Path), []byte("copy/"))) && op.Kind != errorfs.OpStat && countdown.Add(-1) == 0 {
			return syscall.ENOSPC
		}
		return nil
	})
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	for _, n := range sizes {
		keep(t, s, kv, octets(n, 1))
	}
	failed := 0
	for at := int64(1); ; at += stride {
		countdown.Store(at)
		doomed := keep(t, s, kv, octets(inFile, uint64(at)))
		err := s.Backup(t.Context(), "copy", func(context.Context) error { remove(t, s, kv, doomed); return nil })
		hit := countdown.Load() <= 0
		countdown.Store(0)
		wantFiles(t, mem, "blobs", 2, 1)
		if !hit {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if err == nil { // a link became a copy
			if err := mem.RemoveAll("copy"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		failed++
		if _, there := mem.Stat("copy"); there == nil || !errors.Is(err, store.ErrFull) || s.Healthy() != nil {
			t.Fatalf("operation %d of the backup failed: %v, Healthy %v, copy: %v", at, err, s.Healthy(), there)
		}
	}
	if failed < 5 {
		t.Errorf("only %d faults made a backup fail", failed)
	}
	broken := errors.New("broken")
	if err := s.Backup(t.Context(), "other", func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Backup whose records fail: %v", err)
	}
	if err := s.Backup(t.Context(), "copy", func(context.Context) error { return nil }); err == nil {
		t.Error("Backup into a directory that exists succeeded")
	}
}
