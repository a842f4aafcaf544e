package pebblestore_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

// pairs is how many keys a small store has.
const pairs = 300

func valueOf(n int) string { return strings.Repeat(fmt.Sprintf("value %03d ", n), 40) }

// backedUp is the files of a small backup, by name.
func backedUp(f testing.TB) map[string][]byte {
	f.Helper()
	fs := vfs.NewMem()
	s := open(f, "db", pebblestore.Options{FS: fs, MemTable: 64 << 10})
	for n := range pairs { // some of it in a table, the rest in the log
		put(f, s, fmt.Sprintf("key %03d", n), valueOf(n))
	}
	if err := s.Backup(f.Context(), "copy"); err != nil {
		f.Fatal(err)
	}
	names, err := fs.List("copy")
	if err != nil {
		f.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		file, err := fs.Open(fs.PathJoin("copy", name))
		if err != nil {
			f.Fatal(err)
		}
		raw, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil {
			f.Fatal(err)
		}
		files[name] = raw
	}
	return files
}

// TestDamagedBackup damages one file of a backup after the other: it is cut at
// a place, or octets there are others. The store refuses to open, or a read
// says what is wrong, or does not find it, or the value is the one that was
// written. Nothing panics, nothing hangs, and no value is another.
func TestDamagedBackup(t *testing.T) {
	files := backedUp(t)
	opened, refused := 0, 0
	for name, raw := range files {
		for _, at := range []int{0, 9, len(raw) / 2, len(raw) - 60} {
			for _, cut := range []bool{false, true} {
				bad := maps.Clone(files)
				bad[name] = damaged(raw, max(0, at), []byte("dam\xff\x00"), cut)
				if readsBack(t, name, bad) {
					opened++
				} else {
					refused++
				}
			}
		}
	}
	if opened == 0 || refused == 0 {
		t.Errorf("%d of the damaged stores opened, %d did not", opened, refused)
	}
	t.Logf("%d files: %d times the store opened, %d times it refused", len(files), opened, refused)
}

// readsBack opens a store of these files and reads all of it; false when it
// does not open.
func readsBack(t *testing.T, name string, files map[string][]byte) bool {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("db", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, raw := range files {
		file, err := fs.Create(fs.PathJoin("db", name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = file.Write(raw); errors.Join(err, file.Close()) != nil {
			t.Fatal(err)
		}
	}
	s, err := pebblestore.Open("db", pebblestore.Options{FS: fs, MemTable: 64 << 10, Patience: 200 * time.Millisecond})
	if err != nil {
		return false
	}
	defer func() { _ = s.Close() }()
	for n := range pairs {
		item, err := s.Get(t.Context(), k(fmt.Sprintf("key %03d", n)))
		if err == nil && string(item.Value) != valueOf(n) {
			t.Fatalf("%s: key %d has become %q", name, n, item.Value)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return true
		}
	}
	return true
}

// damaged is raw with octets at a place, and cut behind them.
func damaged(raw []byte, at int, octets []byte, cut bool) []byte {
	at = min(at, len(raw))
	out := slices.Concat(raw[:at], octets)
	if end := at + len(octets); !cut && end < len(raw) {
		out = append(out, raw[end:]...)
	}
	return out
}
