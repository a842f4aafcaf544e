package blob

import (
	"errors"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

// Delete removes the body of ref in b. The space of a file is freed by what it
// registers with b.After, or when the last Reader and a running Backup have
// ended. It takes bodies whose batch was never committed too. The empty
// reference and one that is malformed stand for no body.
func (s *Store) Delete(b *store.Batch, ref string) {
	p, err := parse(ref)
	if err != nil {
		if ref != "" {
			s.log.Error("a reference to a body cannot be read, nothing was deleted", "error", err)
		}
		return
	}
	b.Delete(p.key())
	if p.kind != inRecord {
		b.After(func() { s.free(p) })
	}
}

// free gives the octets of p back to the device, now or as soon as nobody
// needs them.
func (s *Store) free(p place) {
	s.mu.Lock()
	delete(s.pending, p)
	s.doomed[p] = struct{}{}
	free := s.doomedLocked()
	s.mu.Unlock()
	s.removeAll(free)
}

// doomedLocked takes what may be freed now.
func (s *Store) doomedLocked() (free []place) {
	if s.held || len(s.doomed) == 0 {
		return nil
	}
	for p := range s.doomed {
		if s.readers[p] == 0 {
			free = append(free, p)
			delete(s.doomed, p)
		}
	}
	return free
}

// removeAll frees the octets of places without a record. What fails is left
// to Collect.
func (s *Store) removeAll(places []place) {
	for _, p := range places {
		var err error
		if p.kind == inFile {
			err = s.fs.Remove(s.path(p))
		} else {
			err = s.punchIn(s.path(p), p.offset, p.size)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("the space of a body was not freed", "error", err)
		}
	}
}

// punchIn frees the whole blocks of a range of a segment. The file keeps its
// length. Where the file system cannot do that, the space is freed with the
// segment.
func (s *Store) punchIn(path string, off, size int64) error {
	if _, err := s.fs.Stat(path); err != nil {
		return err
	}
	f, err := s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if f.Fd() != vfs.InvalidFd {
		err = punch(f.Fd(), off, (size+block-1)/block*block)
	}
	return errors.Join(err, f.Close())
}
