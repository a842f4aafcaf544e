package blob

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

// Delete removes the body of ref in b. The space of a file is freed by what it
// registers with b.After, that of a place in a segment within a second of it, or
// when the last Reader and a running Backup have ended. It takes bodies whose batch was never committed too. The empty
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

// Bounds of how long the octets of a deleted body stay. Freeing many places of
// a segment in one go costs the device little more than freeing one.
const (
	sweepAfter  = time.Second
	sweepOctets = 8 << 20
)

// free gives the octets of p back to the device, soon, or as soon as nobody
// needs them.
func (s *Store) free(p place) {
	s.mu.Lock()
	delete(s.pending, p)
	s.doomed[p] = struct{}{}
	now := s.wasteLocked(p)
	s.mu.Unlock()
	if now {
		s.sweep()
	}
}

// wasteLocked says when p, which is doomed, is freed: now, or by a sweep that
// is on its way.
func (s *Store) wasteLocked(p place) (now bool) {
	if s.held {
		return false // the end of the backup sweeps
	}
	if p.kind == inFile || s.closed {
		return true
	}
	s.waste += p.size
	switch {
	case s.sweeper == nil:
		s.sweeper = time.AfterFunc(sweepAfter, s.sweep)
	case s.waste >= sweepOctets && s.waste-p.size < sweepOctets:
		s.sweeper.Reset(0)
	case s.waste == p.size: // the first since the last sweep
		s.sweeper.Reset(sweepAfter)
	}
	return false
}

// sweep frees what may be freed.
func (s *Store) sweep() {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	s.mu.Lock()
	s.waste = 0
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
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.segment, b.segment), cmp.Compare(a.offset, b.offset))
	})
	for len(places) > 0 {
		p, n := places[0], 1
		var err error
		if p.kind == inFile {
			err = s.fs.Remove(s.path(p))
		} else {
			for n < len(places) && places[n].kind == inSegment && places[n].segment == p.segment {
				n++
			}
			err = s.punchIn(s.path(p), holes(places[:n]))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("the space of a body was not freed", "error", err)
		}
		places = places[n:]
	}
}

// hole is a range of whole blocks of a segment.
type hole struct{ from, to int64 }

// holes joins places of one segment that stand in a row.
func holes(places []place) (list []hole) {
	for _, p := range places {
		to := (p.offset + p.size + block - 1) / block * block
		if n := len(list); n > 0 && list[n-1].to == p.offset {
			list[n-1].to = to
			continue
		}
		list = append(list, hole{p.offset, to})
	}
	return list
}

// punchIn frees ranges of a segment. The file keeps its length. Where the file
// system cannot do that, the space is freed with the segment.
func (s *Store) punchIn(path string, list []hole) error {
	if _, err := s.fs.Stat(path); err != nil {
		return err
	}
	f, err := s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	for _, h := range list {
		if err == nil && f.Fd() != vfs.InvalidFd {
			err = punch(f.Fd(), h.from, h.to-h.from)
		}
	}
	return errors.Join(err, f.Close())
}
