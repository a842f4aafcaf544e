package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"gatepost/store"
)

// Collect removes what no record references and nobody writes or reads, if it
// was last changed before the given time, and returns how many files went. A
// batch that Writer.Commit was given must be committed by then, or never. While
// a backup is being made it does nothing.
func (s *Store) Collect(ctx context.Context, before time.Time) (n int, err error) {
	select {
	case s.tidying <- struct{}{}:
		defer func() { <-s.tidying }()
	default:
		return 0, nil
	}
	s.sweep()
	files, err := s.collectIn(ctx, s.dirs.files, before, s.collectFile)
	if err != nil {
		return files, fmt.Errorf("collecting files of bodies: %w", err)
	}
	segments, err := s.collectIn(ctx, s.dirs.segments, before, s.collectSegment)
	if err != nil {
		return files + segments, fmt.Errorf("collecting segments of bodies: %w", err)
	}
	return files + segments, nil
}

// collectIn offers each old file of dir to collect and counts what it removed.
func (s *Store) collectIn(ctx context.Context, dir string, before time.Time,
	collect func(context.Context, string, time.Time) (bool, error)) (n int, err error) {
	names, err := s.fs.List(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		info, err := s.fs.Stat(s.fs.PathJoin(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return n, err
		}
		if !info.ModTime().Before(before) {
			continue
		}
		removed, err := collect(ctx, name, before)
		if err != nil {
			return n, err
		}
		if removed {
			n++
			s.metrics.collected.Inc()
		}
	}
	return n, nil
}

// collectFile removes the file of one body.
func (s *Store) collectFile(ctx context.Context, name string, before time.Time) (bool, error) {
	id, ok := fileNamed(name)
	if !ok || s.needed(before, func(p place) bool { return p.kind == inFile && p.id == id.id }) {
		return false, nil
	}
	if _, err := s.kv.Get(ctx, id.key()); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	err := s.fs.Remove(s.fs.PathJoin(s.dirs.files, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// collectSegment removes a segment without bodies, and frees the gaps in one
// that an earlier run left.
func (s *Store) collectSegment(ctx context.Context, name string, before time.Time) (bool, error) {
	segment, ok := segmentNamed(name)
	if !ok || s.writing(segment) || s.needed(before, func(p place) bool { return p.kind == inSegment && p.segment == segment }) {
		return false, nil
	}
	bodies, err := s.bodiesIn(ctx, segment)
	if err != nil {
		return false, err
	}
	path := s.segmentPath(segment)
	if len(bodies) == 0 {
		err := s.fs.Remove(path)
		return err == nil, err
	}
	return false, s.trim(segment, path, bodies)
}

// needed reports whether a place that match names is read, will be freed by
// others, or may get its record yet. Places that waited too long for theirs
// are forgotten.
func (s *Store) needed(before time.Time, match func(place) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, since := range s.pending {
		if match(p) && !since.Before(before) {
			return true
		}
		if since.Before(before) {
			delete(s.pending, p)
		}
	}
	for p := range s.readers {
		if match(p) {
			return true
		}
	}
	for p := range s.doomed {
		if match(p) {
			return true
		}
	}
	return false
}

func (s *Store) writing(segment uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[segment] != nil
}

// bodiesIn lists the bodies of a segment that have a record, in their order.
func (s *Store) bodiesIn(ctx context.Context, segment uint64) (bodies []place, err error) {
	prefix := store.Prefix(store.BlobFiles, []byte{inSegment}, store.Uint64(segment))
	var bad error
	err = s.kv.Scan(ctx, prefix, func(item store.Item) bool {
		var r record
		if bad = store.Decode(item.Value, &r); bad != nil {
			return false
		}
		offset := binary.BigEndian.Uint64(item.Key[len(item.Key)-8:])
		bodies = append(bodies, place{kind: inSegment, segment: segment, offset: int64(offset), size: r.Size})
		return true
	})
	return bodies, errors.Join(err, bad)
}

// trim frees what lies between the bodies of a segment, once per run: a crash
// may have come between the deletion of a record and that of its octets.
func (s *Store) trim(segment uint64, path string, bodies []place) error {
	s.mu.Lock()
	done := s.trimmed[segment]
	s.trimmed[segment] = true
	s.mu.Unlock()
	if done {
		return nil
	}
	info, err := s.fs.Stat(path)
	if err != nil {
		return err
	}
	var gaps []hole
	from := int64(0)
	for _, p := range append(bodies, place{offset: info.Size()}) {
		if gap := p.offset - from; gap >= block {
			gaps = append(gaps, hole{from, from + gap/block*block})
		}
		from = (p.offset + p.size + block - 1) / block * block
	}
	return s.punchIn(path, gaps)
}
