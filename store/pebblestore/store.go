// Package pebblestore keeps records in a directory of this machine, in a
// log-structured tree (github.com/cockroachdb/pebble). It implements
// store.Store for one process; it knows no table but by name, and no message.
//
// Invariants:
//
//  1. Commits are put in sequence by one goroutine, which checks
//     preconditions, stamps a version and applies; a second one waits for
//     their fsyncs in the same order. Concurrent commits share fsyncs.
//  2. Versions grow in the order of application and durability follows that
//     order, so "durable" is one number. Whoever reads a younger version, or
//     the absence that a younger deletion left, waits until it is durable;
//     nobody else waits.
//  3. The engine never sees a write of its own fail. It would panic, or end
//     the process, or loop. A full device makes it wait (commits are refused
//     long before); any other failure freezes it for good and fails the store.
//  4. No call waits longer than Patience for the engine.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/store"
	"gatepost/store/room"
)

// ErrLocked is returned by Open when another process, or another Store of this
// one, has the directory open.
var ErrLocked = errors.New("pebblestore: the store is in use")

var (
	errReserved = errors.New("pebblestore: keys are not empty and do not begin with a zero octet")
	// errStalled: nothing was done, because the engine does not come along.
	errStalled = fmt.Errorf("%w: the engine is stalled", store.ErrFull)
)

// Options of Open. The zero value is fit for use.
type Options struct {
	// FS holds the directory; nil: the operating system's.
	FS vfs.FS
	// Logger hears of trouble; nil: nobody does.
	Logger *slog.Logger
	// Metrics is where the metrics are registered; nil: nowhere.
	Metrics prometheus.Registerer
	// OnFail is called once, in a goroutine of its own, when the store has
	// failed for good (ErrFailed).
	OnFail func(error)
	// MemTable is how many octets are gathered in memory before they are
	// written as a table. 0: 16 MiB, less on a small device. At most four of
	// them wait at any time.
	MemTable int
	// Sparse are the tables in which most keys that are asked for are not there.
	// To know so without asking the engine costs memory for each of their keys,
	// and a look at all of them at Open, which returns before it.
	Sparse []store.Table
	// Patience is how long a call waits for the engine. 0: 10 s.
	Patience time.Duration
}

// Store is an open directory. It implements store.Store.
type Store struct {
	db       *pebble.DB
	lock     *pebble.Lock
	dir      string
	patience time.Duration
	room     *room.Room
	guard    *guard
	health   *store.Health
	metrics  *metrics
	durable  *durable
	known    *known
	written  *written

	queue   chan *commit // to the sequencer
	flights chan flight  // from the sequencer to the waiter
	landed  chan struct{}
	tending sync.WaitGroup
	copying chan struct{} // holds a token while a backup is made

	unregister func()

	// use is read-held by every call; closed is set under its lock.
	use    sync.RWMutex
	closed bool
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the store in dir and takes its lock, ErrLocked if
// that is taken. ErrFull: the device has no room to open what is there.
func Open(dir string, o Options) (*Store, error) {
	o = withDefaults(o)
	s, err := open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", dir, err)
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	return o
}

func open(dir string, o Options) (*Store, error) {
	dir = o.FS.PathJoin(dir, ".") // as the engine spells it
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, o.FS)
	if err != nil {
		return nil, err
	}
	if o.MemTable == 0 {
		o.MemTable = memTableFor(room.Total(o.FS, dir))
	}
	s := &Store{
		lock: lock, dir: dir, patience: o.Patience, known: newKnown(), written: newWritten(o.Sparse), health: store.NewHealth("records", o.Logger, o.OnFail),
		room:    room.New(o.FS, dir, uint64(floorTables*o.MemTable)),
		queue:   make(chan *commit),
		flights: make(chan flight, maxFlights),
		landed:  make(chan struct{}),
		copying: make(chan struct{}, 1),
	}
	s.guard = newGuard(o.FS, dir, s.health, s.room, o.MemTable)
	s.metrics = newMetrics(s)
	e, ended := s.openEngine(engineOptions(o, s))
	if e.err != nil {
		return nil, errors.Join(e.err, s.unlock(ended))
	}
	s.db = e.db
	s.start(e.first, o.Logger)
	s.unregister = s.metrics.register(o.Metrics)
	return s, nil
}

// start begins to work; version is the first that is free.
func (s *Store) start(version uint64, log *slog.Logger) {
	s.durable = newDurable(version-1, s.health.Failed(), s.patience)
	s.guard.ballast.renew(s.room)
	s.tending.Go(func() { s.guard.tend() })
	s.tending.Go(func() {
		if err := s.written.count(s.db, s.guard.closing); err != nil {
			log.Warn("keys could not be counted: each that is absent is looked for", "error", err)
		}
	})
	go s.sequence(version)
	go s.land()
}

func lockDir(dir string, fsys vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	// The lock file could not be made: that is no other process's doing.
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, err
	}
	if err != nil {
		return nil, ErrLocked
	}
	return lock, nil
}

// Healthy returns nil, or an error that is ErrFailed and tells why.
func (s *Store) Healthy() error { return s.health.Err() }

// HasRoom returns nil, or why new records are refused now: store.ErrFull when
// the device has no more than its floor left.
func (s *Store) HasRoom() error { return s.room.Take(0) }

// begin admits a call; the caller unlocks s.use.RUnlock when it ends.
func (s *Store) begin(ctx context.Context) error {
	s.use.RLock()
	err := ctx.Err()
	if s.closed {
		err = store.ErrClosed
	}
	if err != nil {
		s.use.RUnlock()
	}
	return err
}

// Close waits for running calls and releases the lock. What was acknowledged
// is safe whether Close succeeds, fails or never runs. It gives up after
// Patience when the device does not let the engine end.
func (s *Store) Close() error {
	s.use.Lock()
	if s.closed {
		s.use.Unlock()
		return nil
	}
	s.closed = true
	s.use.Unlock()
	close(s.queue)
	s.guard.close()
	s.tending.Wait()
	s.unregister()
	ended, err := s.closeEngine()
	return errors.Join(err, s.unlock(ended))
}

// closeEngine ends the engine. ended is false when it is frozen or stuck: then
// it stays as it is until the process ends.
func (s *Store) closeEngine() (ended bool, err error) {
	done := make(chan error, 1)
	go func() {
		select {
		case <-s.landed:
			done <- s.db.Close()
		case <-s.health.Failed():
		}
	}()
	select {
	case err := <-done:
		return true, err
	case <-s.health.Failed():
		return false, s.Healthy()
	case <-time.After(s.patience):
		return false, fmt.Errorf("closing the store: %w", errStalled)
	}
}

// unlock lets go of the directory. The engine shares the lock until it has
// ended; when it never will, its share is given back for it.
func (s *Store) unlock(ended bool) error {
	if !ended {
		if err := s.lock.Close(); err != nil {
			return err
		}
	}
	return s.lock.Close()
}
