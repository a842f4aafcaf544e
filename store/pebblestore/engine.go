package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"gatepost/store"
)

// What the engine may need on the device after the last commit was refused,
// in memory tables: the floor lets the log turn over and a table be flushed,
// the ballast file holds as much again as can wait in memory.
const (
	waitingTables = 4
	floorTables   = 2
	ballastTables = waitingTables
)

// blockCache (octets) is how much of what was read is kept. The engine takes
// its memory tables off the size of its cache, of which there are one or two:
// a cache without room for them keeps nothing, and every read of a record that
// is not in a memory table reads and checks two blocks again.
const blockCache = 8 << 20

// format is the version of the engine's files. It moves by a decision, not by
// an update of the library; what an older gatepost wrote is moved up at Open.
const format = pebble.FormatWALSyncChunks

// memTableFor is the size of a memory table for a device of total octets (0:
// unknown): 16 MiB, or so much less that logs, floor and ballast stay small
// beside the data.
func memTableFor(total uint64) int {
	const most, least = 16 << 20, 1 << 20
	if total == 0 {
		return most
	}
	return int(max(least, min(most, total/64)))
}

func engineOptions(o Options, s *Store) *pebble.Options {
	opts := &pebble.Options{
		FS:                          s.guard,
		Lock:                        s.lock,
		Logger:                      engineLog{health: s.health, log: o.Logger},
		EventListener:               listener(o.Logger, s),
		FormatMajorVersion:          format,
		CacheSize:                   int64(2*o.MemTable) + blockCache,
		MaxOpenFiles:                500,
		MemTableSize:                uint64(o.MemTable),
		MemTableStopWritesThreshold: waitingTables,
		L0CompactionThreshold:       8, // what is soon deleted mostly goes before it is written again; a read asks as many tables more
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		// Values are sealed: compressing them costs time and saves nothing.
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return opts
}

func listener(log *slog.Logger, s *Store) *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.metrics.background.Inc()
			log.Error("the store engine could not do its background work and tries again", "error", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.health.Fail(fmt.Errorf("corrupt data in %s: %w", info.Path, info.Details))
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.metrics.stalls.Inc()
			log.Warn("the store engine cannot keep up with its writes", "reason", info.Reason)
		},
	}
}

// engine is an engine that was opened, or why not.
type engine struct {
	db    *pebble.DB
	first uint64 // of the versions that are this run's
	err   error
}

func (s *Store) tryEngine(opts *pebble.Options) engine {
	db, err := pebble.Open(s.dir, opts)
	if err != nil {
		return engine{err: err}
	}
	first, err := claimVersions(db)
	if err != nil {
		return engine{err: errors.Join(err, db.Close())}
	}
	return engine{db: db, first: first}
}

// openEngine opens the engine. ended is false when the engine never will be:
// the device failed and holds it. It may take as long as it has work, but not
// longer than patience without room.
func (s *Store) openEngine(opts *pebble.Options) (e engine, ended bool) {
	done := make(chan engine, 1)
	go func() { done <- s.tryEngine(opts) }()
	check := time.NewTicker(s.patience / 4)
	defer check.Stop()
	for waits := 0; ; {
		select {
		case e := <-done:
			if e.err != nil && s.guard.closed() {
				e.err = errors.Join(store.ErrFull, e.err)
			}
			return e, true
		case <-s.health.Failed():
			return engine{err: s.Healthy()}, false
		case <-check.C:
			if !s.guard.waiting() {
				waits = 0
			} else if waits++; waits > 4 {
				s.guard.close()
			}
		}
	}
}

// versionsPerRun is how many versions one run may use: half a century of
// 10,000 commits a second, and a million runs fit into 64 bits.
const versionsPerRun = 1 << 44

// claimVersions makes the next block of versions this run's own, durably, and
// returns its first. Versions never repeat, because no run uses another's
// block, whatever of its commits survived.
func claimVersions(db *pebble.DB) (first uint64, err error) {
	key := []byte("\x00versions")
	value, closer, err := db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		first = 1
	case err != nil:
		return 0, err
	case len(value) != 8:
		return 0, errors.Join(errBadValue, closer.Close())
	default:
		first = binary.BigEndian.Uint64(value)
		if err := closer.Close(); err != nil {
			return 0, err
		}
	}
	return first, db.Set(key, store.Uint64(first+versionsPerRun), pebble.Sync)
}

// engineLog is what the engine writes its log to.
type engineLog struct {
	health *store.Health
	log    *slog.Logger
}

// Infof drops what it is told: files made and deleted.
func (engineLog) Infof(string, ...any) {}

func (l engineLog) Errorf(format string, args ...any) {
	l.log.Error("the store engine reports an error", "error", fmt.Sprintf(format, args...))
}

// Fatalf must not return: the engine goes on as if nothing was wrong. It does
// not end the process either, which may want to say so on its way out.
func (l engineLog) Fatalf(format string, args ...any) {
	l.health.Fail(fmt.Errorf(format, args...))
	select {}
}
