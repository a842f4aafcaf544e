package pebblestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

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

// stuff fills the device to the last block with a file, which grows if it is
// there.
func stuff(t *testing.T, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "stuffing")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, n := range []int{1 << 20, 4 << 10} {
		for err == nil {
			_, err = f.Write(make([]byte, n))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filling the device: %v", err)
		}
		err = nil
	}
	return file
}

// fillStore commits pairs of records, numbered from from on, until the store
// is full, and returns the number of the first that did not go in.
func fillStore(t *testing.T, s store.Store, from uint32) (n uint32) {
	t.Helper()
	for n = from; n < 1<<20; n++ {
		var b store.Batch
		b.Put(store.Key(store.Messages, store.Uint32(n)), make([]byte, 20_000))
		b.Put(store.Key(store.Envelopes, store.Uint32(n)), nil)
		err := s.Commit(t.Context(), &b)
		if errors.Is(err, store.ErrFull) {
			return n
		}
		if err != nil {
			t.Fatalf("Commit %d: %v, want success or ErrFull", n, err)
		}
	}
	t.Fatal("the device is never full")
	return 0
}

// TestAFullDevice fills the device by the store itself, then by somebody else
// to the last block: commits are refused as full with nothing half done, what
// was accepted can be read and settled, and with room all goes on.
func TestAFullDevice(t *testing.T) {
	dev := smallDevice(t, "56m")
	// Deletions make no room before they are merged, for which there may be none:
	// the room in which all goes on is somebody else's.
	other := filepath.Join(dev, "other")
	if err := os.WriteFile(other, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(dev, "db")
	s := open(t, dir, pebblestore.Options{Patience: 3 * time.Second})
	n := fillStore(t, s, 0)
	if n < 100 {
		t.Fatalf("full after %d records of 20 kB on 48 MiB", n)
	}
	wantPairs(t, s, 0, n)
	stuffing := stuff(t, dev)
	for { // a compaction that is let go leaves some room again
		again := fillStore(t, s, n)
		if again == n {
			break
		}
		n = again
		stuff(t, dev)
	}
	wantPairs(t, s, 0, n)
	if err := s.Healthy(); err != nil {
		t.Errorf("a full device is no failure: %v", err)
	}
	if err := errors.Join(os.Remove(stuffing), os.Remove(other)); err != nil {
		t.Fatal(err)
	}
	settle(t, s, n/2)
	patiently(t, s, func(b *store.Batch) {
		b.Put(store.Key(store.Messages, store.Uint32(n)), make([]byte, 20_000))
		b.Put(store.Key(store.Envelopes, store.Uint32(n)), nil)
	})
	wantPairs(t, s, n/2, n+1)
	within(t, "Close", func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	wantPairs(t, open(t, dir, pebblestore.Options{}), n/2, n+1)
}

// settle deletes the first n pairs.
func settle(t *testing.T, s store.Store, n uint32) {
	t.Helper()
	for i := range n {
		patiently(t, s, func(b *store.Batch) {
			b.Delete(store.Key(store.Messages, store.Uint32(i)))
			b.Delete(store.Key(store.Envelopes, store.Uint32(i)))
		})
	}
}

// patiently commits, as the queue does, until there is room: the engine needs
// a moment to notice it, or to make it of what was deleted.
func patiently(t *testing.T, s store.Store, fill func(*store.Batch)) {
	t.Helper()
	for range 3600 { // three minutes
		var b store.Batch
		fill(&b)
		err := s.Commit(t.Context(), &b)
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the store stays full although there is room")
}

// wantPairs demands exactly the pairs of that half-open range.
func wantPairs(t *testing.T, s store.Store, from, to uint32) {
	t.Helper()
	for _, table := range []store.Table{store.Messages, store.Envelopes} {
		count := uint32(0)
		err := s.Scan(t.Context(), store.Prefix(table), func(store.Item) bool { count++; return true })
		if err != nil || count != to-from {
			t.Errorf("%v holds %d records (%v), want %d", table, count, err, to-from)
		}
	}
}

// TestTheDeviceFillsUnderWriters lets somebody else take all room while many
// commit: each commit is there or was refused, and the store goes on after.
func TestTheDeviceFillsUnderWriters(t *testing.T) {
	dev := smallDevice(t, "64m")
	s := open(t, filepath.Join(dev, "db"), pebblestore.Options{Patience: 2 * time.Second})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var acked sync.Map
	for w := range byte(4) {
		wg.Go(func() {
			for n := uint32(0); ctx.Err() == nil && n < 400; n++ {
				key := store.Key(store.Messages, []byte{w}, store.Uint32(n))
				switch err := commitOne(s, key); {
				case err == nil:
					acked.Store(string(key), true)
				case !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrUnknown):
					t.Errorf("Commit: %v", err)
					return
				default:
					time.Sleep(time.Millisecond) // some are to come when there is room again
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	stuffing := stuff(t, dev)
	time.Sleep(200 * time.Millisecond)
	if err := os.Remove(stuffing); err != nil {
		t.Fatal(err)
	}
	within(t, "committing on a full device", wg.Wait)
	stop()
	patiently(t, s, func(b *store.Batch) { b.Put(k("after"), []byte("works again")) })
	acked.Range(func(key, _ any) bool {
		if _, err := s.Get(t.Context(), []byte(key.(string))); err != nil {
			t.Errorf("acknowledged %x: %v", key, err)
		}
		return true
	})
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
}
