package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

// block is what bodies in a segment are aligned to, in octets: the device can
// take back whole blocks only.
const block = 4 << 10

// segment is a file that this run appends bodies to.
type segment struct {
	name  uint64
	file  vfs.File
	syncs *rounds

	// Under Store.mu:
	end     int64 // where the next body begins
	users   int   // commits under way
	retired bool  // full; closed with its last user
}

// keepShared puts the octets of w into a segment and waits until they are
// durable.
func (s *Store) keepShared(ctx context.Context, w *Writer) (place, error) {
	if err := s.room.Take(int(w.size())); err != nil {
		return place{}, err
	}
	seg, p, err := s.reserve(w.size())
	if err != nil {
		return place{}, err
	}
	if err := s.fill(ctx, seg, p, w); err != nil {
		s.free(p)
		return place{}, err
	}
	return p, nil
}

// fill writes what was reserved and leaves the segment once no fsync of it is
// under way on this body's account.
func (s *Store) fill(ctx context.Context, seg *segment, p place, w *Writer) error {
	if err := w.copyTo(seg.file, p.offset); err != nil {
		s.leave(seg)
		return err
	}
	now := seg.syncs.join()
	err := s.durable(ctx, now)
	select {
	case <-now.done:
		s.leave(seg)
	default:
		go func() {
			<-now.done
			s.leave(seg)
		}()
	}
	return err
}

// reserve takes size octets of a segment, which stays open until leave.
func (s *Store) reserve(size int64) (*segment, place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil && s.active.end+size > s.segmentSize {
		if err := s.retireLocked(); err != nil {
			return nil, place{}, err
		}
	}
	if s.active == nil {
		if err := s.startLocked(); err != nil {
			return nil, place{}, err
		}
	}
	seg := s.active
	p := place{kind: inSegment, segment: seg.name, offset: seg.end, size: size}
	seg.end = (seg.end + size + block - 1) / block * block
	seg.users++
	s.pending[p] = time.Now()
	return seg, p, nil
}

// startLocked begins a segment. Its directory entry is durable before anyone
// writes to it: with a body alone it would be lost.
func (s *Store) startLocked() error {
	var name [8]byte
	if _, err := io.ReadFull(s.rand, name[:]); err != nil {
		return fmt.Errorf("naming a segment: %w", err)
	}
	seg := &segment{name: binary.BigEndian.Uint64(name[:])}
	f, err := s.fs.OpenReadWrite(s.segmentPath(seg.name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("beginning a segment: %w", deviceError(err))
	}
	if err := syncDir(s.fs, s.dirs.segments); err != nil {
		s.health.Fail(err)
		return errors.Join(s.health.Err(), f.Close())
	}
	seg.file = f
	seg.syncs = newRounds(f.SyncData, s.synced)
	s.active, s.open[seg.name] = seg, seg
	return nil
}

// retireLocked ends the active segment.
func (s *Store) retireLocked() error {
	seg := s.active
	s.active, seg.retired = nil, true
	return s.closeLocked(seg)
}

func (s *Store) leave(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.users--
	if err := s.closeLocked(seg); err != nil {
		s.log.Warn("closing a segment", "error", err)
	}
}

// closeLocked closes a segment that nobody will write to. Everything that
// counts in it was fsynced before.
func (s *Store) closeLocked(seg *segment) error {
	if !seg.retired || seg.users > 0 {
		return nil
	}
	delete(s.open, seg.name)
	return seg.file.Close()
}

// deviceError makes a full device known as such.
func deviceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
