package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store/room"
)

// Backup writes a copy of all bodies into dir, which must not exist and becomes
// a directory that Open opens. records is called once and copies the records
// (pebblestore.Store.Backup). In this order each record in the copy has its
// body in the copy:
//
//  1. from now on nothing is freed; deletions go on and are caught up with at
//     the end;
//  2. records copies the records of this moment;
//  3. the files are copied: they hold every body of that moment, and some that
//     are younger, which Collect of the restored store removes.
//
// Files of single bodies are linked where that is possible, so a copy on the
// same device is quick, and must be copied elsewhere to be worth something.
// When Backup fails, dir is removed again; what records wrote is not.
func (s *Store) Backup(ctx context.Context, dir string, records func(context.Context) error) error {
	select {
	case s.tidying <- struct{}{}:
		defer func() { <-s.tidying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.hold(true)
	defer s.hold(false)
	if _, err := s.fs.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("backing up the bodies: %s exists", dir), err)
	}
	if err := records(ctx); err != nil {
		return err
	}
	if err := s.copyAll(ctx, dir); err != nil {
		return errors.Join(fmt.Errorf("backing up the bodies to %s: %w", dir, deviceError(err)), s.fs.RemoveAll(dir))
	}
	return nil
}

// hold lets nothing be freed until it is called with false.
func (s *Store) hold(held bool) {
	s.mu.Lock()
	s.held = held
	s.mu.Unlock()
	s.sweep()
}

func (s *Store) copyAll(ctx context.Context, dir string) error {
	to := dirsIn(s.fs, dir)
	for _, d := range []string{to.files, to.segments} {
		if err := s.fs.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	// Segments are copied, not linked: deletions punch holes into them.
	space := room.New(s.fs, dir, floorFor(room.Total(s.fs, dir)))
	deep := func(from, to string) error { return copySparse(ctx, s.fs, space, from, to) }
	link := func(from, to string) error {
		if s.fs.Link(from, to) == nil {
			return nil
		}
		return deep(from, to)
	}
	err := s.copyDir(ctx, s.dirs.files, to.files, link)
	if err == nil {
		err = s.copyDir(ctx, s.dirs.segments, to.segments, deep)
	}
	if err == nil {
		err = errors.Join(syncDir(s.fs, dir), syncDir(s.fs, s.fs.PathDir(dir)))
	}
	return err
}

// copyDir copies the complete files of a directory.
func (s *Store) copyDir(ctx context.Context, from, to string, file func(from, to string) error) error {
	names, err := s.fs.List(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if isScratch(name) {
			continue
		}
		if err := file(s.fs.PathJoin(from, name), s.fs.PathJoin(to, name)); err != nil {
			return err
		}
	}
	return syncDir(s.fs, to)
}

// copySparse copies a file as long as it is now and leaves out blocks of
// zeros.
func copySparse(ctx context.Context, fsys vfs.FS, space *room.Room, from, to string) error {
	in, err := fsys.Open(from)
	if err != nil {
		return err
	}
	out, err := fsys.OpenReadWrite(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	info, err := in.Stat()
	if err == nil {
		err = copyBlocks(ctx, space, in, out, info.Size())
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, in.Close(), out.Close())
}

func copyBlocks(ctx context.Context, space *room.Room, in, out vfs.File, size int64) error {
	piece := make([]byte, copyBuffer)
	for at := int64(0); at < size; at += copyBuffer {
		piece = piece[:min(copyBuffer, size-at)]
		if n, err := in.ReadAt(piece, at); n < len(piece) {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		last := at+int64(len(piece)) == size // gives the copy its length
		if empty(piece) && !last {
			continue
		}
		if err := errors.Join(ctx.Err(), space.Take(len(piece))); err != nil {
			return err
		}
		if _, err := out.WriteAt(piece, at); err != nil {
			return err
		}
	}
	return nil
}

func empty(p []byte) bool {
	for _, octet := range p {
		if octet != 0 {
			return false
		}
	}
	return true
}
