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

// writeNew writes a file that does not exist yet and makes it durable: the
// file is synced before it gets its name, the directory after.
func writeNew(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing a new keyring file: %w", errors.Join(fs.ErrExist, err))
	}
	return replace(dir, name, data)
}

// replace writes a file whole, or leaves the one that was there.
func replace(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := writeSynced(path+partial, data); err != nil {
		return err
	}
	if err := os.Rename(path+partial, path); err != nil {
		return fmt.Errorf("naming a keyring file: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return fmt.Errorf("writing a keyring file: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing a keyring file: %w", err)
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing a keyring directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing a keyring directory: %w", err)
	}
	return nil
}

// makeDir makes dir, if it is not there, and makes its name durable.
func makeDir(dir string) error {
	err := os.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making a keyring directory: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

// shred overwrites a key file and removes it. Overwriting is a courtesy that
// file systems and devices may not honour; what counts is that no copy of the
// file is kept. The caller syncs the directory. An absent file is fine.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("destroying a key file: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("destroying a key file: %w", err)
	}
	return nil
}

// removePartial removes what an interrupted write left in dir. Such a file
// never had its name, so no key in it was ever used.
func removePartial(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing a keyring directory: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), partial) {
			if err := shred(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
