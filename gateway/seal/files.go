package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
	// partial marks files whose writing was interrupted.
	partial = ".partial"
)

// disk changes files, a step at a time. before is nil but in tests, which
// let the process die at a step: with its error, the step does not happen.
type disk struct {
	before func(step, path, to string) error
	// unsynced: nothing waits for the device. For tests that die at thousands
	// of steps and model themselves what is lost then.
	unsynced bool
}

func (d disk) step(name, path, to string) error {
	if d.before == nil {
		return nil
	}
	return d.before(name, path, to)
}

// writeNew writes a file that does not exist yet and makes it durable: the
// file is synced before it gets its name, the directory after.
func (d disk) writeNew(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing a new keyring file: %w", errors.Join(fs.ErrExist, err))
	}
	return d.replace(dir, name, data)
}

// replace writes a file whole, or leaves the one that was there.
func (d disk) replace(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := d.writeSynced(path+partial, data); err != nil {
		return err
	}
	return d.rename(path+partial, path)
}

// rename renames within one directory and makes the new name durable.
func (d disk) rename(from, to string) error {
	err := d.step("rename", from, to)
	if err == nil {
		err = os.Rename(from, to)
	}
	if err != nil {
		return fmt.Errorf("naming a keyring file: %w", err)
	}
	return d.syncDir(filepath.Dir(to))
}

func (d disk) writeSynced(path string, data []byte) error {
	f, err := d.open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("writing a keyring file: %w", err)
	}
	if err := errors.Join(d.append(f, data), f.Close()); err != nil {
		return fmt.Errorf("writing a keyring file: %w", err)
	}
	return nil
}

// open opens a file for writing.
func (d disk) open(path string, flags int) (*os.File, error) {
	if err := d.step("open", path, ""); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flags, fileMode)
}

// append writes data to f and syncs it, also when the write failed: what is
// there then is what the next reader meets.
func (d disk) append(f *os.File, data []byte) error {
	err := d.step("write", f.Name(), "")
	if err == nil {
		_, err = f.Write(data)
	}
	return errors.Join(err, d.sync(f))
}

func (d disk) sync(f *os.File) error {
	if err := d.step("sync", f.Name(), ""); err != nil {
		return err
	}
	if d.unsynced {
		return nil
	}
	return f.Sync()
}

// syncDir makes the names in dir durable.
func (d disk) syncDir(dir string) error {
	if err := d.step("syncdir", dir, ""); err != nil {
		return fmt.Errorf("syncing a keyring directory: %w", err)
	}
	if d.unsynced {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing a keyring directory: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing a keyring directory: %w", err)
	}
	return nil
}

// makeDir makes dir, if it is not there, and makes its name durable.
func (d disk) makeDir(dir string) error {
	err := d.step("mkdir", dir, "")
	if err == nil {
		err = os.Mkdir(dir, dirMode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making a keyring directory: %w", err)
	}
	// One that is there may come from a process that died before this.
	return d.syncDir(filepath.Dir(dir))
}

// remove removes a file or an empty directory. The caller syncs.
func (d disk) remove(path string) error {
	if err := d.step("remove", path, ""); err != nil {
		return err
	}
	return os.Remove(path)
}

// shred overwrites a key file and removes it. Overwriting is a courtesy that
// file systems and devices may not honour; what counts is that no copy of the
// file is kept. The caller syncs the directory. An absent file is fine.
func (d disk) shred(path string) error {
	f, err := d.open(path, os.O_WRONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("destroying a key file: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = d.append(f, make([]byte, info.Size()))
	}
	if err := errors.Join(err, f.Close(), d.remove(path)); err != nil {
		return fmt.Errorf("destroying a key file: %w", err)
	}
	return nil
}

// removePartial removes what an interrupted write left in dir. Such a file
// never had its name, so no key in it was ever used.
func (d disk) removePartial(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing a keyring directory: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), partial) {
			if err := d.shred(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
