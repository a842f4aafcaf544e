package blob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

const (
	// maxInline: a body of fewer octets becomes a record.
	maxInline = 64 << 10
	// maxHeld: a body of up to so many octets waits in memory for its segment,
	// unless maxLent others do. Any other goes through a scratch file.
	maxHeld = 256 << 10
	maxLent = 64
	// maxShared: a body of more octets gets a file of its own.
	maxShared = 1 << 20
)

var errEnded = errors.New("blob: the writer was committed or aborted")

// Writer takes the octets of one body. It holds at most 256 KiB of them in
// memory, and all Writers of a Store together 16 MiB and 64 KiB each. It is not
// safe for concurrent use. Commit or Abort ends it.
type Writer struct {
	store *Store
	buf   []byte
	lent  *held    // what buf is in; nil: it is its own
	file  *scratch // nil: everything is in buf
	err   error    // of an earlier Write
	ended bool
}

// held is the memory of a body that waits for its segment.
type held [maxHeld]byte

// borrow returns memory for a body, nil when too many have some.
func (s *Store) borrow() *held {
	if s.lent.Add(1) > maxLent {
		s.lent.Add(-1)
		return nil
	}
	if h, ok := s.spare.Get().(*held); ok {
		return h
	}
	return new(held)
}

// giveBack ends the use of what was borrowed. It holds sealed octets only.
func (w *Writer) giveBack() {
	w.buf = nil
	if w.lent != nil {
		w.store.spare.Put(w.lent)
		w.store.lent.Add(-1)
		w.lent = nil
	}
}

// Create begins a body. store.ErrFull: there is no room, store.ErrFailed: the
// device does not keep what it is told to.
func (s *Store) Create() (*Writer, error) {
	if err := s.begin(context.Background()); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	if err := s.room.Take(0); err != nil {
		return nil, err
	}
	return &Writer{store: s}, nil
}

// Write implements io.Writer. After an error the body can only be aborted.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errEnded
	}
	if w.err == nil {
		w.err = w.write(p)
	}
	if w.err != nil {
		return 0, fmt.Errorf("writing a body: %w", w.err)
	}
	return len(p), nil
}

func (w *Writer) write(p []byte) error {
	n := len(w.buf) + len(p)
	if w.file == nil && (n < maxInline || w.lent != nil && n <= maxHeld) {
		w.buf = append(w.buf, p...)
		return nil
	}
	if err := w.store.begin(context.Background()); err != nil {
		return err
	}
	defer w.store.use.RUnlock()
	if w.file == nil && w.lent == nil && n <= maxHeld {
		if w.lent = w.store.borrow(); w.lent != nil {
			w.buf = append(append(w.lent[:0], w.buf...), p...)
			return nil
		}
	}
	if w.file == nil {
		if err := w.spill(); err != nil {
			return err
		}
	}
	return w.append(p)
}

// spill moves what is in memory to a file.
func (w *Writer) spill() (err error) {
	if w.file, err = w.store.scratchFile(); err != nil {
		return err
	}
	err = w.append(w.buf)
	w.giveBack()
	return err
}

func (w *Writer) append(p []byte) error {
	if err := w.store.room.Take(len(p)); err != nil {
		return err
	}
	return w.file.write(p)
}

// Commit ends the body and returns the reference that Store.Open takes. What
// must be written for the body to exist is put into b. The octets of a body of
// 64 KiB and more are durable before Commit returns; Open reads them from then
// on. Those of a smaller one are in b and readable when b is committed.
//
// b must be committed before it is older than what is passed to Collect.
// store.ErrFull, store.ErrFailed: as Create. Any error leaves b as it was.
func (w *Writer) Commit(ctx context.Context, b *store.Batch) (ref string, err error) {
	if w.ended {
		return "", errEnded
	}
	if w.err != nil {
		w.Abort()
		return "", fmt.Errorf("keeping a body: %w", w.err)
	}
	if err := w.store.begin(ctx); err != nil {
		w.Abort()
		return "", fmt.Errorf("keeping a body: %w", err)
	}
	w.ended = true
	p, err := w.keep(ctx, b)
	w.store.use.RUnlock()
	if err != nil {
		return "", fmt.Errorf("keeping a body: %w", err)
	}
	return p.ref(), nil
}

// Abort forgets the body. After Commit it does nothing.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.giveBack()
	if w.file != nil {
		w.store.recycle(w.file, w.err == nil)
	}
}

func (w *Writer) keep(ctx context.Context, b *store.Batch) (p place, err error) {
	s := w.store
	switch {
	case w.file == nil && w.lent == nil:
		return w.keepRecord(b)
	case w.file == nil:
		p, err = s.keepShared(ctx, w)
		w.giveBack()
	case w.file.size <= maxShared:
		p, err = s.keepShared(ctx, w)
		s.recycle(w.file, err == nil)
	default:
		p, err = s.keepFile(ctx, w.file)
	}
	if err != nil {
		return place{}, err
	}
	if err := b.PutRecord(p.key(), record{Size: p.size}); err != nil {
		s.free(p)
		return place{}, err
	}
	b.After(func() { s.settled(p) })
	s.metrics.kept(p.kind, p.size)
	return p, nil
}

func (w *Writer) keepRecord(b *store.Batch) (place, error) {
	id, err := w.store.newRecordID()
	if err != nil {
		return place{}, err
	}
	p := place{kind: inRecord, id: id}
	b.Put(p.key(), w.buf)
	w.store.metrics.kept(inRecord, int64(len(w.buf)))
	w.buf = nil
	return p, nil
}

// size is the number of octets written so far.
func (w *Writer) size() int64 {
	if w.file == nil {
		return int64(len(w.buf))
	}
	return w.file.size
}

// copyTo writes the octets to f from off on.
func (w *Writer) copyTo(f vfs.File, off int64) error {
	if w.file == nil {
		return writeAll(f, w.buf, off)
	}
	return w.file.copyTo(f, off)
}

// keepFile makes sc the file of a body and waits until it is durable. When it
// returns early, that goes on, and Collect finds the file.
func (s *Store) keepFile(ctx context.Context, sc *scratch) (place, error) {
	id, err := s.newID()
	if err != nil {
		s.recycle(sc, false)
		return place{}, err
	}
	p := place{kind: inFile, id: id, size: sc.size}
	s.mu.Lock()
	s.pending[p] = time.Now()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = s.settleFile(sc, s.path(p))
	}()
	if waited := s.await(ctx, done); waited != nil {
		return place{}, waited
	}
	if err == nil {
		err = s.durable(ctx, s.entries.join())
	}
	if err != nil {
		s.free(p)
		return place{}, err
	}
	return p, nil
}

// settleFile makes the octets durable before they get their name: under it
// there is never half a body.
func (s *Store) settleFile(sc *scratch, path string) error {
	began := time.Now()
	err := sc.file.Sync()
	s.synced(err, time.Since(began))
	if err != nil {
		_ = sc.remove(s.fs)
		return s.health.Err()
	}
	if err := errors.Join(sc.file.Close(), s.fs.Rename(sc.path, path)); err != nil {
		_ = s.fs.Remove(sc.path)
		return deviceError(err)
	}
	return nil
}

// settled forgets p as pending: its record is committed.
func (s *Store) settled(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, p)
}
