package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"gatepost/gateway"
	"gatepost/store"
)

// Signer signs checkpoints, and knows how they are verified.
type Signer interface {
	note.Signer
	Verifier() note.Verifier
}

// Options of a log. Now and Rand are required.
type Options struct {
	Now     func() time.Time
	Rand    io.Reader
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Load and Save keep the newest checkpoint outside the store. Load returns
	// nil when none was saved. Both may be nil.
	Load func() ([]byte, error)
	Save func(checkpoint []byte) error
	// Batch is how many records one fold takes at most, and what shares a row
	// with the last of them; 0: 1,000.
	Batch int
}

const defaultBatch = 1000

// Log is the evidence of one store. Methods may be called concurrently, also
// with another Log of the same store.
type Log struct {
	store store.Store
	key   Signer
	o     Options
	m     *metrics
	wake  chan struct{} // of size 1: something was staged

	folding sync.Mutex // one fold at a time in this process

	mu     sync.Mutex
	staged int64 // time of the newest staged key, so that keys of this process never tie
}

// New returns the log in s, whose values nobody but holders of the keyring
// should read.
func New(s store.Store, key Signer, o Options) (*Log, error) {
	if o.Now == nil || o.Rand == nil || key == nil {
		return nil, errors.New("audit: clock, randomness and signer are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	return &Log{store: s, key: key, o: o, m: m, wake: make(chan struct{}, 1)}, nil
}

// Stage adds r to the batch of the act that it describes. Records staged
// through one Log keep their order. A record without a time gets the present
// one.
func (l *Log) Stage(b *store.Batch, r gateway.Record) error {
	if r.Event == "" {
		return errors.New("audit: a record without an event")
	}
	at, now := l.next()
	if r.At.IsZero() {
		r.At = now
	}
	r.At = r.At.UTC()
	var tie [8]byte
	if _, err := io.ReadFull(l.o.Rand, tie[:]); err != nil {
		return fmt.Errorf("staging evidence: %w", err)
	}
	key := store.Key(store.Staged, store.Uint64(uint64(at)), tie[:])
	if !r.Message.IsZero() { // tells the folder without a look into the record
		key = append(key, r.Message[:]...)
	}
	if err := b.PutAppended(key, r); err != nil {
		return fmt.Errorf("staging evidence: %w", err)
	}
	b.After(l.notify)
	return nil
}

// next returns a time for a staged key, later than every one before.
func (l *Log) next() (at int64, now time.Time) {
	now = l.o.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.staged = max(now.UnixNano(), l.staged+1, 1)
	return l.staged, now
}

// notify tells Run that something was staged.
func (l *Log) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// state is the record under store.LogState: where folding stands.
type state struct {
	Size  uint64
	Peaks []tlog.Hash // right edge of the tree
	Head  []byte      // signed checkpoint of Size
	// Kept is the newest head that stays: heads in between are dropped when
	// the next is committed, so that one a minute is left.
	Kept   uint64
	KeptAt time.Time
}

func stateKey() []byte { return store.Key(store.LogState) }

func recordKey(seq uint64) []byte { return store.Key(store.Log, store.Uint64(seq)) }

func headKey(size uint64) []byte { return store.Key(store.LogHeads, store.Uint64(size)) }

// hashesKey is where older versions kept the hashes that record seq completed.
func hashesKey(seq uint64) []byte {
	return store.Key(store.LogTiles, []byte{0}, store.Uint64(seq))
}

// indexKey is a row of records about a message, of which seq is the first.
func indexKey(id gateway.MessageID, seq uint64) []byte {
	return store.Key(store.LogIndex, id[:], store.Uint64(seq))
}

// readState returns the state and its version, 0 when nothing was folded yet.
func readState(ctx context.Context, s store.Store) (state, store.Version, error) {
	st, version, err := store.GetRecord[state](ctx, s, stateKey())
	if errors.Is(err, store.ErrNotFound) {
		return state{}, 0, nil
	}
	if err != nil {
		return state{}, 0, fmt.Errorf("reading the evidence's state: %w", err)
	}
	return st, version, nil
}

// Checkpoint returns the newest signed checkpoint; nil when nothing was folded
// yet.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	st, _, err := readState(ctx, l.store)
	return st.Head, err
}
