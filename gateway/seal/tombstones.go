package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tombstone says that a key was destroyed.
type tombstone struct {
	ID string
	At time.Time
}

// tombstones are the ids of destroyed keys, in a line file outside keyring/.
// They come before the destruction and outlast it, so that an interrupted
// destruction is finished and a restored copy of keyring/ brings nothing back.
type tombstones struct {
	path string
	disk disk

	mu  sync.Mutex
	ids map[string]time.Time
}

// load reads the file; a writer also cuts off what a crash tore.
func (t *tombstones) load(d disk, path string, writer bool) error {
	t.path, t.disk = path, d
	if writer {
		if f, _, err := openLines(d, path); err != nil {
			return err
		} else if err := f.Close(); err != nil {
			return fmt.Errorf("reading destroyed keys: %w", err)
		}
	}
	return t.reload()
}

func (t *tombstones) reload() error {
	ids := make(map[string]time.Time)
	f, err := os.Open(t.path)
	if err == nil {
		defer f.Close()
		_, _, err = readLines(f, func(line []byte) error {
			var s tombstone
			if parseLine(line, &s) {
				ids[s.ID] = s.At
			}
			return nil
		})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading destroyed keys: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids = ids
	return nil
}

// add records keys as destroyed, durably.
func (t *tombstones) add(at time.Time, ids ...string) error {
	var lines []byte
	for _, id := range ids {
		var err error
		if lines, err = appendLine(lines, tombstone{ID: id, At: at.UTC()}); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, _, err := openLines(t.disk, t.path) // an add that failed may have torn the last line
	if err != nil {
		return fmt.Errorf("recording destroyed keys: %w", err)
	}
	if err := errors.Join(t.disk.append(f, lines), f.Close(), t.disk.syncDir(filepath.Dir(t.path))); err != nil {
		return fmt.Errorf("recording destroyed keys: %w", err)
	}
	for _, id := range ids {
		t.ids[id] = at
	}
	return nil
}

func (t *tombstones) has(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.ids[id]
	return ok
}

// newest is the highest number of a destroyed epoch of kind, 0 for none.
func (t *tombstones) newest(kind string) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var newest uint32
	for id := range t.ids {
		if of, n, ok := parseEpochID(id); ok && of == kind {
			newest = max(newest, n)
		}
	}
	return newest
}

// list returns a copy.
func (t *tombstones) list() []tombstone {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]tombstone, 0, len(t.ids))
	for id, at := range t.ids {
		all = append(all, tombstone{ID: id, At: at})
	}
	return all
}

// forget drops the tombstones that old names, when they are many enough to be
// worth rewriting the file.
func (t *tombstones) forget(old func(tombstone) bool) error {
	const worthIt = 1000
	var lines []byte
	var dropped []string
	for _, s := range t.list() {
		if old(s) {
			dropped = append(dropped, s.ID)
			continue
		}
		var err error
		if lines, err = appendLine(lines, s); err != nil {
			return err
		}
	}
	if len(dropped) < worthIt {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.disk.replace(filepath.Dir(t.path), filepath.Base(t.path), lines); err != nil {
		return err
	}
	for _, id := range dropped {
		delete(t.ids, id)
	}
	return nil
}
