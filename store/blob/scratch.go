package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

const (
	// scratchSuffix ends the names of files that are not complete bodies.
	scratchSuffix = ".part"
	// maxIdle is how many scratch files are kept for the next body: making and
	// removing one for each would cost more than writing it.
	maxIdle = 16
	// copyBuffer is the size in octets of the pieces of a copy.
	copyBuffer = 64 << 10
)

func isScratch(name string) bool { return strings.HasSuffix(name, scratchSuffix) }

// scratch is a file that a body grows in until its size is known. An idle one
// may be longer than size, but not longer than maxShared.
type scratch struct {
	file vfs.File
	path string
	size int64
	sum  uint32 // of the octets, so that a copy is known to be one
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// scratchFile returns an empty scratch.
func (s *Store) scratchFile() (*scratch, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		sc := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return sc, nil
	}
	s.mu.Unlock()
	id, err := s.newID()
	if err != nil {
		return nil, err
	}
	path := s.fs.PathJoin(s.dirs.files, fmt.Sprintf("%x%s", id, scratchSuffix))
	f, err := s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, deviceError(err)
	}
	return &scratch{file: f, path: path}, nil
}

// recycle keeps sc for the next body, or removes it.
func (s *Store) recycle(sc *scratch, sound bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sound && !s.closed && sc.size <= maxShared && len(s.idle) < maxIdle {
		sc.size, sc.sum = 0, 0
		s.idle = append(s.idle, sc)
		return
	}
	// Open removes it if this fails.
	_ = sc.remove(s.fs)
}

func (sc *scratch) remove(fs vfs.FS) error { return errors.Join(sc.file.Close(), fs.Remove(sc.path)) }

func (sc *scratch) write(p []byte) error {
	if err := writeAll(sc.file, p, sc.size); err != nil {
		return err
	}
	sc.size += int64(len(p))
	sc.sum = crc32.Update(sc.sum, castagnoli, p)
	return nil
}

// writeAll writes p to f from off on.
func writeAll(f vfs.File, p []byte, off int64) error {
	n, err := f.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return deviceError(err)
}

// copyTo writes the octets of sc to f from off on. The kernel may have dropped
// pages of sc that it could not write back, so what was read is compared.
func (sc *scratch) copyTo(f vfs.File, off int64) error {
	sum := uint32(0)
	piece := make([]byte, min(copyBuffer, sc.size))
	for at := int64(0); at < sc.size; at += int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), sc.size-at)]
		if n, err := sc.file.ReadAt(piece, at); n < len(piece) {
			return fmt.Errorf("reading a body back: %w", errors.Join(io.ErrUnexpectedEOF, err))
		}
		sum = crc32.Update(sum, castagnoli, piece)
		if err := writeAll(f, piece, off+at); err != nil {
			return err
		}
	}
	if sum != sc.sum {
		return fmt.Errorf("reading a body back: %w", ErrDamaged)
	}
	return nil
}

// newID is 16 random octets.
func (s *Store) newID() (id [16]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.ReadFull(s.rand, id[:]); err != nil {
		return id, fmt.Errorf("naming a body: %w", err)
	}
	return id, nil
}

// newRecordID is 6 octets of the time in milliseconds and 10 random ones: bodies
// that come together lie together. The engine need not merge new ones with all
// that are there, and a folder is read from a few of its tables.
func (s *Store) newRecordID() (id [16]byte, err error) {
	if id, err = s.newID(); err != nil {
		return id, err
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	copy(id[:6], ms[2:])
	return id, nil
}

// errStalled: nothing was kept, because the device does not come along.
var errStalled = fmt.Errorf("%w: the device is stalled", store.ErrFull)
