// Package store is the contract between Gatepost and whatever keeps its
// records: ordered byte keys, atomic batches with preconditions, and nothing
// else, so that the same journeys run on an embedded tree and on SQL. It
// speaks no protocol and knows no message.
package store

import (
	"context"
	"errors"
)

// Errors that callers branch on. Any other error of a Store is temporary: the
// caller refuses its own peer with a temporary answer.
var (
	// ErrNotFound: Get found no such key.
	ErrNotFound = errors.New("store: key not found")
	// ErrConflict: a precondition did not hold; nothing was written. The state
	// that contradicted it is durable by the time the caller sees this. Callers
	// re-read and retry.
	ErrConflict = errors.New("store: precondition failed")
	// ErrFull: no room on the device, or the store is stalled; nothing was
	// written. Trying later may help.
	ErrFull = errors.New("store: no room")
	// ErrFailed: the device failed to make something durable. The store
	// accepts no commit any more; only a restart helps.
	ErrFailed = errors.New("store: failed, restart needed")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrUnknown: the batch may or may not have been committed (a lost answer,
	// a cancelled wait). Callers read what they wrote before they act.
	ErrUnknown = errors.New("store: outcome unknown")
)

// Version tells two states of a key apart. Versions of one key never repeat,
// not even after the key was deleted and written again.
type Version uint64

// Item is one record.
type Item struct {
	Key     []byte
	Value   []byte
	Version Version
}

// Range of keys: From is inclusive, To exclusive; a nil To has no end.
type Range struct {
	From, To []byte
	Reverse  bool
	Limit    int // 0: no limit
}

// Store keeps records. All methods may be called concurrently.
//
// What Get and Scan return, and what an ErrConflict is based on, is durable
// when the caller sees it: an implementation that can read its own writes
// before they are on disk waits. So a caller may act outwardly on whatever it
// read (answer "already seen", count a PIN try as spent, start a delivery).
type Store interface {
	// Get returns the record of key, or ErrNotFound. The caller owns the Item.
	Get(ctx context.Context, key []byte) (Item, error)

	// Scan calls visit for each record of r in order until visit returns
	// false. The view is one moment's. visit must not call the Store; the Item
	// is valid during the call only.
	Scan(ctx context.Context, r Range, visit func(Item) bool) error

	// Commit checks the preconditions and writes the batch, all or nothing.
	// nil means durable. The batch may not be changed during the call, and not
	// be used again after it; whatever Commit answers, it keeps nothing of the
	// memory of keys and values.
	Commit(ctx context.Context, b *Batch) error

	// Close waits for running calls and releases the store.
	Close() error
}

// Op is one write of a batch.
type Op struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// Require is one precondition: the key is absent (Version 0), or has Version.
type Require struct {
	Key     []byte
	Version Version
}

// Batch collects what one Commit writes. The zero value is empty and ready.
// A later write of a key replaces an earlier one. It is not safe for
// concurrent use.
type Batch struct {
	Ops      []Op
	Requires []Require
	after    []func()
}

// Put writes value under key. Both are kept, not copied.
func (b *Batch) Put(key, value []byte) {
	if b.Ops == nil {
		b.Ops = make([]Op, 0, firstOps)
	}
	b.Ops = append(b.Ops, Op{Key: key, Value: value})
}

// firstOps is room for what most batches write.
const firstOps = 8

// Delete removes key; a key that is absent is fine.
func (b *Batch) Delete(key []byte) { b.Ops = append(b.Ops, Op{Key: key, Delete: true}) }

// RequireAbsent lets the commit fail with ErrConflict when key exists.
func (b *Batch) RequireAbsent(key []byte) { b.Requires = append(b.Requires, Require{Key: key}) }

// RequireVersion lets the commit fail with ErrConflict unless key has version v.
func (b *Batch) RequireVersion(key []byte, v Version) {
	b.Requires = append(b.Requires, Require{Key: key, Version: v})
}

// After registers f to run once the batch is durable. The one who commits
// calls Done; a batch that failed never runs it.
func (b *Batch) After(f func()) { b.after = append(b.after, f) }

// Done runs what After registered. Commit helpers call it, Stores do not.
func (b *Batch) Done() {
	for _, f := range b.after {
		f()
	}
	b.after = nil
}

// Append adds everything that c collected, so that parts of a batch can be
// prepared apart and committed together, again after a conflict too.
func (b *Batch) Append(c *Batch) {
	b.Ops = append(b.Ops, c.Ops...)
	b.Requires = append(b.Requires, c.Requires...)
	b.after = append(b.after, c.after...)
}

// Len is the number of octets of keys and values in the batch.
func (b *Batch) Len() int {
	n := 0
	for _, op := range b.Ops {
		n += len(op.Key) + len(op.Value)
	}
	return n
}

// Write commits b and, when it is durable, runs what After registered.
func Write(ctx context.Context, s Store, b *Batch) error {
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	b.Done()
	return nil
}
