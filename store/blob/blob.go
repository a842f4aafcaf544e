// Package blob keeps bodies: sealed octets that were written once and are read
// at any offset. It knows no key, no message and no protocol.
//
// A body below 64 KiB becomes a record (store.Bodies) in the caller's batch;
// up to 1 MiB it is put into a segment, a file that many bodies share, whose
// fsync they share too; a larger one has a file of its own. A body in a file
// has a record in store.BlobFiles, in the caller's batch.
//
// Invariants:
//
//  1. Writer.Commit returns after the octets are durable, file and directory
//     entry. The record follows in the caller's batch. So a crash leaves a
//     whole body with its record, or octets without one, which Collect removes.
//  2. A body lives exactly as long as its record. Octets are freed after the
//     deletion of the record is durable, and not while somebody reads them or
//     a backup is being made.
//  3. A segment is written by one run only: what a crash tore is never
//     appended to. Names are random and never used again.
//  4. After a failed fsync nothing is accepted any more (store.ErrFailed).
//  5. No call waits longer than Patience for the device.
package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/store"
	"gatepost/store/room"
)

// ErrDamaged: the record of a body and its octets do not agree.
var ErrDamaged = errors.New("blob: damaged body")

// Options of Open. The zero value is fit for use.
type Options struct {
	// FS holds the directory; nil: the operating system's.
	FS vfs.FS
	// Logger hears of trouble; nil: nobody does.
	Logger *slog.Logger
	// Metrics is where the metrics are registered; nil: nowhere.
	Metrics prometheus.Registerer
	// Rand names bodies; nil: the operating system's.
	Rand io.Reader
	// OnFail is called once, in a goroutine of its own, when the store has
	// failed for good (ErrFailed).
	OnFail func(error)
	// Patience is how long Commit waits for the device. 0: 30 s.
	Patience time.Duration
	// SegmentSize is the number of octets after which a new segment is begun.
	// 0: 64 MiB.
	SegmentSize int64
}

// Store keeps bodies in a directory and in a store.Store. It is safe for
// concurrent use. Whoever opens it must hold the lock of that store.Store.
type Store struct {
	kv          store.Store
	fs          vfs.FS
	dirs        dirs
	log         *slog.Logger
	room        *room.Room
	health      *store.Health
	metrics     *metrics
	patience    time.Duration
	segmentSize int64
	entries     *rounds // fsyncs of the directory of files
	unregister  func()
	lent        atomic.Int64 // of held
	spare       sync.Pool    // of *held

	// use is read-held by every call that writes; closed is set under its lock
	// and mu.
	use    sync.RWMutex
	closed bool

	// tidying is held by a Collect or a Backup: one token.
	tidying chan struct{}

	mu      sync.Mutex
	rand    io.Reader
	idle    []*scratch
	active  *segment
	open    map[uint64]*segment // written to by this run
	trimmed map[uint64]bool     // segments of earlier runs whose gaps were freed
	pending map[place]time.Time // durable or about to be, record not known to be committed
	readers map[place]int
	doomed  map[place]struct{} // to be freed when nobody reads them and held is false
	held    bool               // a backup is being made
	waste   int64              // octets in segments that were doomed since the last sweep
	sweeper *time.Timer        // sweeps; nil before the first waste

	sweeping sync.Mutex // held by a sweep
}

// dirs are the directories of a store.
type dirs struct{ files, segments string }

func dirsIn(fs vfs.FS, dir string) dirs {
	return dirs{files: fs.PathJoin(dir, "files"), segments: fs.PathJoin(dir, "segments")}
}

// Open opens or creates the store of bodies in dir, whose records are in kv.
func Open(dir string, kv store.Store, o Options) (*Store, error) {
	o = withDefaults(o)
	s := &Store{
		kv: kv, fs: o.FS, dirs: dirsIn(o.FS, dir), log: o.Logger, patience: o.Patience,
		segmentSize: o.SegmentSize, health: store.NewHealth("bodies", o.Logger, o.OnFail),
		tidying: make(chan struct{}, 1), rand: o.Rand,
		open: make(map[uint64]*segment), trimmed: make(map[uint64]bool), pending: make(map[place]time.Time),
		readers: make(map[place]int), doomed: make(map[place]struct{}),
	}
	if err := s.prepare(dir); err != nil {
		return nil, fmt.Errorf("opening the bodies in %s: %w", dir, err)
	}
	s.room = room.New(o.FS, dir, floorFor(room.Total(o.FS, dir)))
	s.entries = newRounds(func() error { return syncDir(s.fs, s.dirs.files) }, s.synced)
	s.metrics = newMetrics(s)
	s.unregister = s.metrics.register(o.Metrics)
	return s, nil
}

func withDefaults(o Options) Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = 64 << 20
	}
	return o
}

// floorFor is how much of a device of total octets (0: unknown) bodies leave
// free. It is more than records leave: the bodies stop first, so that what was
// accepted can still be settled.
func floorFor(total uint64) uint64 {
	const most = 64 << 20
	if total == 0 {
		return most
	}
	return min(most, total/12)
}

// prepare makes the directories durable and removes what an earlier run had
// not finished writing.
func (s *Store) prepare(dir string) error {
	for _, d := range []string{s.dirs.files, s.dirs.segments} {
		if err := s.fs.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	for _, d := range []string{s.dirs.files, s.dirs.segments, dir, s.fs.PathDir(dir)} {
		if err := syncDir(s.fs, d); err != nil {
			return err
		}
	}
	names, err := s.fs.List(s.dirs.files)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isScratch(name) {
			if err := s.fs.Remove(s.fs.PathJoin(s.dirs.files, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Healthy returns nil, or an error that is store.ErrFailed and tells why.
func (s *Store) Healthy() error { return s.health.Err() }

// HasRoom returns nil, or why new bodies are refused now: store.ErrFull when
// the device has no more than their floor left.
func (s *Store) HasRoom() error { return s.room.Take(0) }

// Close waits for running commits and closes what the store has open. Readers
// stay usable. It does not close the store.Store.
func (s *Store) Close() error {
	s.use.Lock()
	if s.closed {
		s.use.Unlock()
		return nil
	}
	s.mu.Lock()
	s.closed = true
	if s.sweeper != nil {
		s.sweeper.Stop()
	}
	s.mu.Unlock()
	s.use.Unlock()
	s.unregister()
	s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, sc := range s.idle {
		errs = append(errs, sc.remove(s.fs))
	}
	s.idle = nil
	if s.active != nil {
		errs = append(errs, s.retireLocked())
	}
	return errors.Join(errs...)
}

// begin admits a call that writes; the caller unlocks s.use.RUnlock.
func (s *Store) begin(ctx context.Context) error {
	s.use.RLock()
	err := ctx.Err()
	if err == nil {
		err = s.health.Err()
	}
	if s.closed {
		err = store.ErrClosed
	}
	if err != nil {
		s.use.RUnlock()
	}
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
