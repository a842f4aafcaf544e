package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/gateway/config"
)

// notAsRoot keeps root from leaving files in the installation of another user
// that this user, the server's, could not open. One start as root is enough
// to make key groups that the server cannot read.
func notAsRoot(c *config.Config, uid int) error {
	for _, dir := range []string{c.DataDir, c.KeyDir} {
		info, err := os.Stat(dir)
		if err != nil {
			continue // it is made, or its absence is reported, later
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && uid == 0 && owner.Uid != 0 {
			return exit{exitNoPerm, fmt.Errorf("%s belongs to uid %d, who could not read what root writes there: run this as that user (sudo -u '#%d' gatepost …)", dir, owner.Uid, owner.Uid)}
		}
	}
	return nil
}

// keyAccess says what of key_dir this process may not use: every directory
// must be writable and every file readable, because keys are opened when they
// are needed, which may be days later.
func keyAccess(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != dir:
			return nil // a key that ended, or a draft that has its name now
		case d != nil && d.IsDir() && d.Name() == "lost+found" && path != dir:
			return fs.SkipDir // of the file system, where key_dir is a disk of its own
		case err != nil:
			return err
		case d.IsDir():
			err = unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		default:
			err = unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		return &fs.PathError{Op: "access", Path: path, Err: err}
	})
}

// keyWatch is the part "keys" of health: what keyAccess found last.
type keyWatch struct{ found atomic.Pointer[error] }

func (k *keyWatch) healthy() error {
	if err := k.found.Load(); err != nil {
		return *err
	}
	return nil
}

// look runs keyAccess and reports whether the answer is another one than before.
func (k *keyWatch) look(dir string) (changed bool) {
	before := k.healthy()
	if err := keyAccess(dir); err != nil {
		k.found.Store(&err)
		return before == nil
	}
	k.found.Store(nil)
	return before != nil
}

// lookEvery is the time between two looks at key_dir.
const lookEvery = time.Minute

// watchKeys looks at key_dir now and then until ctx ends.
func (s *server) watchKeys(ctx context.Context, dir string) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.lookAtKeys(dir)
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) lookAtKeys(dir string) {
	if !s.keys.look(dir) {
		return
	}
	if err := s.keys.healthy(); err != nil {
		s.log.Error("key_dir cannot be used whole: give all of it to the server's user", "error", err)
		return
	}
	s.log.Info("key_dir can be used again")
}
