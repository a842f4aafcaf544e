package pebblestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"gatepost/store"
)

// maxFlights bounds how many commits wait for their fsync at once; the engine
// itself takes 4095.
const maxFlights = 512

// smallest batch of the engine, and what it adds to each record.
const (
	batchOverhead  = 64
	recordOverhead = 24
)

// commit is one batch on its way. Nothing in it belongs to the caller, who may
// have left.
type commit struct {
	writes   *pebble.Batch
	requires []store.Require
	state    atomic.Int32
	done     chan outcome // one, from the sequencer or the waiter
}

// The states of a commit. Whoever moves it from queued decides: the sequencer
// that it will be written, the caller that it will not.
const (
	queued int32 = iota
	taken
	left
)

// outcome is nil or why not. It may be told once basis is durable.
type outcome struct {
	err   error
	basis uint64
}

// flight is an applied batch that is not durable yet.
type flight struct {
	*commit
	version uint64
	deleted []string
}

// Commit implements store.Store. ErrFull: the device is nearly full, or the
// engine did not take the batch within Patience. ErrUnknown: it took it, but
// said nothing within Patience or before ctx ended.
func (s *Store) Commit(ctx context.Context, b *store.Batch) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.use.RUnlock()
	began := time.Now()
	err := s.commit(ctx, b)
	s.metrics.committed(err, time.Since(began))
	return err
}

func (s *Store) commit(ctx context.Context, b *store.Batch) error {
	if err := s.admit(b); err != nil {
		return err
	}
	c, err := s.prepare(b)
	if err != nil {
		return err
	}
	limit := time.NewTimer(s.patience)
	defer limit.Stop()
	select {
	case s.queue <- c:
	case <-limit.C:
		return errStalled
	case <-ctx.Done():
		return ctx.Err()
	case <-s.health.Failed():
		return s.Healthy()
	}
	select {
	case o := <-c.done:
		if err := s.durable.wait(ctx, o.basis); err != nil {
			return err
		}
		return o.err
	case <-limit.C:
		return c.leave(errStalled, fmt.Errorf("%w: not durable after %v", store.ErrUnknown, s.patience))
	case <-ctx.Done():
		return c.leave(ctx.Err(), fmt.Errorf("%w: %w", store.ErrUnknown, ctx.Err()))
	case <-s.health.Failed():
		return c.leave(s.Healthy(), fmt.Errorf("%w: %w", store.ErrUnknown, s.Healthy()))
	}
}

// leave gives the commit up: not when the sequencer has it, and then its
// outcome is unknown.
func (c *commit) leave(undone, unknown error) error {
	if c.state.CompareAndSwap(queued, left) {
		return undone
	}
	return unknown
}

// admit refuses what must not reach the engine. A batch that deletes ends work
// that was begun and makes room in time, so it may use more of a full device.
func (s *Store) admit(b *store.Batch) error {
	if err := s.Healthy(); err != nil {
		return err
	}
	settles := len(b.Ops) == 0
	for _, op := range b.Ops {
		if reserved(op.Key) {
			return errReserved
		}
		settles = settles || op.Delete
	}
	if s.guard.waiting() {
		return errStalled
	}
	// Twice: once in the log, once in a table.
	if settles {
		return s.room.TakeToSettle(2 * b.Len())
	}
	return s.room.Take(2 * b.Len())
}

// reserved keys are the store's own.
func reserved(key []byte) bool { return len(key) == 0 || key[0] == 0 }

// prepare encodes b, with room for the version in front of each value.
func (s *Store) prepare(b *store.Batch) (*commit, error) {
	c := &commit{done: make(chan outcome, 1), requires: make([]store.Require, len(b.Requires))}
	for i, r := range b.Requires {
		c.requires[i] = store.Require{Key: bytes.Clone(r.Key), Version: r.Version}
	}
	c.writes = s.db.NewBatchWithSize(batchOverhead + b.Len() + len(b.Ops)*recordOverhead)
	for _, op := range b.Ops {
		if op.Delete {
			if err := c.writes.Delete(op.Key, nil); err != nil {
				return nil, err
			}
			continue
		}
		set := c.writes.SetDeferred(len(op.Key), versionLen+len(op.Value))
		copy(set.Key, op.Key)
		copy(set.Value[versionLen:], op.Value)
		if err := set.Finish(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// sequence takes commits one after the other. version is the first free one.
func (s *Store) sequence(version uint64) {
	defer close(s.flights)
	for c := range s.queue {
		if !c.state.CompareAndSwap(queued, taken) {
			_ = c.writes.Close()
			continue
		}
		if o, refused := s.check(c); refused {
			_ = c.writes.Close()
			c.done <- o
			continue
		}
		if c.writes.Empty() { // durable when what it was checked against is
			c.done <- outcome{basis: version - 1}
			continue
		}
		s.apply(c, version)
		version++
	}
}

// check compares the preconditions with what is applied. A conflict may be
// told once the state that it rests on is durable. A commit whose preconditions
// hold need not wait for their basis: it becomes durable after it.
func (s *Store) check(c *commit) (o outcome, refused bool) {
	if err := s.Healthy(); err != nil {
		return outcome{err: err}, true
	}
	for _, r := range c.requires {
		version, err := s.versionOf(r.Key)
		if err != nil {
			return outcome{err: err}, true
		}
		if version == uint64(r.Version) {
			continue
		}
		if version == 0 {
			version = s.durable.deletedAt(r.Key)
		}
		return outcome{err: store.ErrConflict, basis: version}, true
	}
	return outcome{}, false
}

// versionOf is the applied version of key, 0 when it is absent.
func (s *Store) versionOf(key []byte) (uint64, error) {
	if s.written.lacks(key) {
		return 0, nil
	}
	if raw, known := s.known.knows(key); known {
		if raw == nil {
			return 0, nil
		}
		version, _, err := split(raw)
		return version, err
	}
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("checking a precondition: %w", err)
	}
	version, _, err := split(value)
	return version, errors.Join(err, closer.Close())
}

// apply stamps the writes and hands them to the engine. From here on others
// see them; they wait, because the version is not durable.
func (s *Store) apply(c *commit, version uint64) {
	deleted, err := s.stamp(c.writes, version)
	if err != nil {
		c.done <- outcome{err: err}
		return
	}
	s.durable.deleting(version, deleted)
	writes := c.writes.Reader()
	if err := s.db.ApplyNoSyncWait(c.writes, pebble.Sync); err != nil {
		// The engine refused the batch as such; it was not written.
		c.done <- outcome{err: fmt.Errorf("applying a batch: %w", err)}
		return
	}
	s.known.wrote(writes)
	s.flights <- flight{commit: c, version: version, deleted: deleted}
}

// stamp puts version in front of every value, in place, notes its key, and lists
// what is deleted.
func (s *Store) stamp(writes *pebble.Batch, version uint64) (deleted []string, err error) {
	for r := writes.Reader(); ; {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return deleted, err
		}
		if kind == pebble.InternalKeyKindDelete {
			deleted = append(deleted, string(key))
			continue
		}
		s.written.add(key)
		binary.BigEndian.PutUint64(value, version)
	}
}

// land waits for the fsync of each flight, in order.
func (s *Store) land() {
	defer close(s.landed)
	for f := range s.flights {
		if err := f.writes.SyncWait(); err != nil {
			if !s.guard.closed() { // else the log was let go without room
				s.health.Fail(err)
			}
			f.done <- outcome{err: fmt.Errorf("%w: %w", store.ErrUnknown, err)}
			continue
		}
		s.durable.advance(f.version, f.deleted)
		f.done <- outcome{}
		_ = f.writes.Close()
	}
}
