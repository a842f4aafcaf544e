package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFaultDiskForgets: what was synced is there after a cut, what was only
// written is not, and a flush that fails is heard of: the other tests rest on
// it.
func TestFaultDiskForgets(t *testing.T) {
	d := newFaultDisk(t, 64)
	keep := func(name string, flags int) error {
		f, err := os.Create(filepath.Join(d.dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.WriteString(name); err != nil {
			return err
		}
		if flags != 0 {
			return syscall.SyncFileRange(int(f.Fd()), 0, 0, flags)
		}
		return f.Sync()
	}
	if err := keep("synced", 0); err != nil {
		t.Fatal(err)
	}
	if err := keep("written", 7); err != nil { // SYNC_FILE_RANGE_WRITE and the waits: no flush
		t.Fatal(err)
	}
	if lost := d.cut(0); lost == 0 {
		t.Error("nothing of what was written is lost")
	}
	d.unmount(t)
	d.powered()
	d.mount(t)
	if got := readFile(t, filepath.Join(d.dir, "synced")); got != "synced" {
		t.Errorf("what was synced reads %q", got)
	}
	if raw, err := os.ReadFile(filepath.Join(d.dir, "written")); err == nil && string(raw) == "written" {
		t.Error("what was not flushed survived")
	}
	if d.flushes == 0 {
		t.Error("no sync reached the disk")
	}
	d.failFlushes()
	if err := keep("refused", 0); err == nil {
		t.Error("a sync was answered although the disk cannot flush")
	}
}
