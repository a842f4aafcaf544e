// Package proof keeps the second proof of a reader: one-time codes, the
// durable count of tries, and the sessions in which something was proven.
//
// It sends nothing, shows nothing and knows no address: whoever asks for a
// code carries it to the reader in the same commit.
//
// Invariants:
//
//   - A try is counted durably before it is compared. Whatever fails after
//     that, the try stays spent; whatever fails before, nothing was compared.
//   - A proof, its evidence, the used-up code and the cleared count are one
//     commit. So are a failure, its evidence and the freeze it causes.
//   - A code is stored as a keyed hash over link, session and digits. It works
//     once, for a limited time, and only in the session that asked for it.
//   - Tries are counted per link, across sessions and codes. Nothing but a
//     correct try or Thaw lowers the count. A frozen link keeps everything it
//     had; Thaw gives it back.
package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Config of a Book. A zero field takes the default that stands beside it.
type Config struct {
	CodeTTL  time.Duration // 10 min: how long a code works
	Resend   time.Duration // 60 s: from one code of a link to the next
	Tries    int           // 5: wrong tries until a pause
	Pause    time.Duration // 15 min
	Freeze   int           // 10: wrong tries until the link is frozen
	Idle     time.Duration // 15 min: a session unseen for so long has ended
	Lifetime time.Duration // 12 h: a session this old has ended
}

func (c Config) withDefaults() Config {
	orDuration(&c.CodeTTL, 10*time.Minute)
	orDuration(&c.Resend, time.Minute)
	orDuration(&c.Pause, 15*time.Minute)
	orDuration(&c.Idle, 15*time.Minute)
	orDuration(&c.Lifetime, 12*time.Hour)
	if c.Tries <= 0 {
		c.Tries = 5
	}
	if c.Freeze <= 0 {
		c.Freeze = 10
	}
	return c
}

func orDuration(d *time.Duration, standard time.Duration) {
	if *d <= 0 {
		*d = standard
	}
}

// MAC is a keyed hash; purpose separates domains. Its key outlives restarts.
type MAC func(purpose string, parts ...[]byte) [32]byte

// Evidence takes a record into the batch of the act that it describes.
type Evidence interface {
	Stage(b *store.Batch, r gateway.Record) error
}

// Book keeps codes, tries and sessions. It is safe for concurrent use, also
// by several processes on one store.
type Book struct {
	store    store.Store
	config   Config
	mac      MAC
	evidence Evidence
	now      func() time.Time
	random   io.Reader
}

// New makes a Book. random must be fit for secrets and safe for concurrent use.
func New(s store.Store, c Config, mac func(purpose string, parts ...[]byte) [32]byte, e Evidence, now func() time.Time, random io.Reader) *Book {
	return &Book{store: s, config: c.withDefaults(), mac: mac, evidence: e, now: now, random: random}
}

// settleTime bounds the recording of a fact after its request was cancelled.
const settleTime = 10 * time.Second

// settling is a context for recording what has happened already: a reader who
// hangs up does not take the evidence along.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// again runs act until it does not lose a race. Each lost race means that
// somebody else got on, so this ends; ctx bounds it all the same.
func again(ctx context.Context, act func() error) error {
	for {
		err := act()
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("racing for a record: %w", context.Cause(ctx))
		}
	}
}

// get reads a record; an absent one is zero with version 0.
func get[T any](ctx context.Context, s store.Store, key []byte) (T, store.Version, error) {
	record, version, err := store.GetRecord[T](ctx, s, key)
	if errors.Is(err, store.ErrNotFound) {
		var none T
		return none, 0, nil
	}
	return record, version, err
}

// require lets the batch fail unless key is as it was read; version 0 means
// that it was absent.
func require(b *store.Batch, key []byte, v store.Version) {
	if v == 0 {
		b.RequireAbsent(key)
		return
	}
	b.RequireVersion(key, v)
}
