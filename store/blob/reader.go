package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

// Reader reads one body. ReadAt may be called concurrently. What it reads
// stays there until Close, even if the body is deleted.
type Reader interface {
	io.ReaderAt
	// Size is the number of octets of the body.
	Size() int64
	Close() error
}

// Open opens the body of ref. store.ErrNotFound: it was deleted, or the batch
// that makes it is not committed (and it is smaller than 64 KiB).
// ErrDamaged: its octets are not all there.
func (s *Store) Open(ctx context.Context, ref string) (Reader, error) {
	p, err := parse(ref)
	if err != nil {
		return nil, err
	}
	var r Reader
	if p.kind == inRecord {
		r, err = s.openRecord(ctx, p)
	} else {
		r, err = s.openFile(ctx, p)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a body: %w", err)
	}
	return r, nil
}

func (s *Store) openRecord(ctx context.Context, p place) (Reader, error) {
	item, err := s.kv.Get(ctx, p.key())
	if err != nil {
		return nil, err
	}
	return recordReader(item.Value), nil
}

// openFile announces itself as a reader before it looks for the record, so
// that octets whose record it still found are not freed.
func (s *Store) openFile(ctx context.Context, p place) (Reader, error) {
	s.mu.Lock()
	_, pending := s.pending[p]
	s.readers[p]++
	s.mu.Unlock()
	f, err := s.find(ctx, p, pending)
	if err != nil {
		s.readerLeft(p)
		return nil, err
	}
	return &fileReader{store: s, file: f, place: p}, nil
}

// find opens the file that holds p, if p has a record or is about to.
func (s *Store) find(ctx context.Context, p place, pending bool) (vfs.File, error) {
	if !pending {
		r, _, err := store.GetRecord[record](ctx, s.kv, p.key())
		if err != nil {
			return nil, err
		}
		if r.Size != p.size {
			return nil, fmt.Errorf("%w: the record says %d octets, the reference %d", ErrDamaged, r.Size, p.size)
		}
	}
	f, err := s.fs.Open(s.path(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: its file is gone", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	if err := p.within(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// within checks that p lies in f.
func (p place) within(f vfs.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size < p.offset+p.size || p.kind == inFile && size != p.size {
		return fmt.Errorf("%w: the file has %d octets", ErrDamaged, size)
	}
	return nil
}

// recordReader reads a body that was a record.
type recordReader []byte

func (r recordReader) Size() int64  { return int64(len(r)) }
func (r recordReader) Close() error { return nil }

func (r recordReader) ReadAt(p []byte, off int64) (int, error) {
	want, err := bounds(len(p), off, r.Size())
	if want == 0 {
		return 0, err
	}
	return copy(p[:want], r[off:]), err
}

// fileReader reads a body in a file.
type fileReader struct {
	store *Store
	file  vfs.File
	place place
	once  sync.Once
}

func (r *fileReader) Size() int64 { return r.place.size }

func (r *fileReader) ReadAt(p []byte, off int64) (int, error) {
	want, end := bounds(len(p), off, r.place.size)
	if want == 0 {
		return 0, end
	}
	n, err := r.file.ReadAt(p[:want], r.place.offset+off)
	if n == want {
		return n, end
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	return n, fmt.Errorf("reading a body: %w", err)
}

func (r *fileReader) Close() (err error) {
	r.once.Do(func() {
		err = r.file.Close()
		r.store.readerLeft(r.place)
	})
	return err
}

var errOffset = errors.New("blob: negative offset")

// bounds is how many of n octets from off on a body of size octets has, and
// what to say when that is fewer.
func bounds(n int, off, size int64) (int, error) {
	switch {
	case off < 0:
		return 0, errOffset
	case n == 0:
		return 0, nil
	case off >= size:
		return 0, io.EOF
	case int64(n) > size-off:
		return int(size - off), io.EOF
	default:
		return n, nil
	}
}

// readerLeft ends a reader of p and frees p if that waited for it.
func (s *Store) readerLeft(p place) {
	s.mu.Lock()
	now := false
	if s.readers[p]--; s.readers[p] == 0 {
		delete(s.readers, p)
		if _, doomed := s.doomed[p]; doomed {
			now = s.wasteLocked(p)
		}
	}
	s.mu.Unlock()
	if now {
		s.sweep()
	}
}
