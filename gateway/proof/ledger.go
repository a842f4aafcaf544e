package proof

import (
	"context"
	"fmt"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// ledger is the record of one link: its tries and its codes.
type ledger struct {
	Wrong       int       // tries that were counted and not proven right
	PausedUntil time.Time `json:",omitzero"`
	Frozen      bool      `json:",omitempty"` // and evidence says so
	SentAt      time.Time `json:",omitzero"`  // of the newest code
	Codes       []code    `json:",omitempty"`
}

// code is one live code.
type code struct {
	Session   []byte // hash of the session that asked
	Hash      []byte
	Sent      time.Time
	Assurance gateway.Assurance
}

// maxCodes bounds the codes that a link has at once: one each for a handful of
// devices. The oldest goes first.
const maxCodes = 4

func ledgerKey(link gateway.LinkID) []byte {
	return store.Key(store.Proofs, []byte{'L'}, link[:])
}

// fresh drops what is too old to work.
func (l *ledger) fresh(now time.Time, ttl time.Duration) {
	kept := l.Codes[:0]
	for _, c := range l.Codes {
		if now.Before(c.Sent.Add(ttl)) {
			kept = append(kept, c)
		}
	}
	l.Codes = kept
}

// of returns the code that session asked for.
func (l *ledger) of(session []byte) (code, bool) {
	for _, c := range l.Codes {
		if string(c.Session) == string(session) {
			return c, true
		}
	}
	return code{}, false
}

// drop removes the code of session.
func (l *ledger) drop(session []byte) {
	kept := l.Codes[:0]
	for _, c := range l.Codes {
		if string(c.Session) != string(session) {
			kept = append(kept, c)
		}
	}
	l.Codes = kept
}

// add puts in a code and pushes out the one it replaces.
func (l *ledger) add(c code) {
	l.drop(c.Session)
	if len(l.Codes) >= maxCodes {
		l.Codes = l.Codes[len(l.Codes)-maxCodes+1:]
	}
	l.Codes = append(l.Codes, c)
	l.SentAt = c.Sent
}

// state of the link as far as tries decide it. A count that reached the limit
// freezes even when the process died before it could say so.
func (k *Book) state(l ledger, now time.Time) gateway.LinkState {
	switch {
	case l.Frozen || l.Wrong >= k.config.Freeze:
		return gateway.LinkFrozen
	case now.Before(l.PausedUntil):
		return gateway.LinkPaused
	default:
		return gateway.LinkActive
	}
}

// Status is what a page may say about the proof of a link.
type Status struct {
	State       gateway.LinkState // active, paused or frozen
	TriesLeft   int               // until the next pause or the freeze
	PausedUntil time.Time         // zero unless paused
	CodeSentAt  time.Time         // of the live code of the asking session; zero when it has none
	CodeUntil   time.Time         // when that code stops working
	ResendAt    time.Time         // when the link may have another code; may be past
}

// Status tells how the link stands for session, "" for none. It writes
// nothing.
func (k *Book) Status(ctx context.Context, link gateway.LinkID, session string) (Status, error) {
	l, _, err := get[ledger](ctx, k.store, ledgerKey(link))
	if err != nil {
		return Status{}, fmt.Errorf("reading the tries of a link: %w", err)
	}
	return k.status(l, k.sessionHash(session)), nil
}

func (k *Book) status(l ledger, session []byte) Status {
	now := k.now()
	s := Status{State: k.state(l, now)}
	if s.State == gateway.LinkPaused {
		s.PausedUntil = l.PausedUntil
	}
	if s.State == gateway.LinkActive {
		s.TriesLeft = min(k.config.Tries-l.Wrong%k.config.Tries, k.config.Freeze-l.Wrong)
	}
	l.fresh(now, k.config.CodeTTL)
	if c, ok := l.of(session); ok {
		s.CodeSentAt, s.CodeUntil = c.Sent, c.Sent.Add(k.config.CodeTTL)
	}
	if !l.SentAt.IsZero() {
		s.ResendAt = l.SentAt.Add(k.config.Resend)
	}
	return s
}

// Thaw opens a paused or frozen link again and forgets its wrong tries. actor
// is who decided so, as evidence spells it ("uid:0", "account"). Thawing what
// is not frozen is an act too and leaves evidence.
func (k *Book) Thaw(ctx context.Context, link gateway.LinkID, actor string) error {
	key := ledgerKey(link)
	about, err := k.about(ctx, link)
	if err != nil {
		return err
	}
	about.Actor = actor
	return again(ctx, func() error {
		l, version, err := get[ledger](ctx, k.store, key)
		if err != nil {
			return fmt.Errorf("reading the tries of a link: %w", err)
		}
		l.Wrong, l.Frozen, l.PausedUntil = 0, false, time.Time{}
		var b store.Batch
		require(&b, key, version)
		if err := b.PutRecord(key, l); err != nil {
			return err
		}
		if err := k.stage(&b, about, gateway.EventLinkThawed, nil); err != nil {
			return err
		}
		return k.write(ctx, &b, "thawing a link")
	})
}

// Freeze closes a link until it is thawed, as a journal that outlived the
// store remembers it. The caller leaves the evidence.
func (k *Book) Freeze(ctx context.Context, link gateway.LinkID) error {
	key := ledgerKey(link)
	return again(ctx, func() error {
		l, version, err := get[ledger](ctx, k.store, key)
		if err != nil || l.Frozen {
			return err
		}
		l.Frozen, l.Codes = true, nil
		var b store.Batch
		require(&b, key, version)
		if err := b.PutRecord(key, l); err != nil {
			return err
		}
		return k.write(ctx, &b, "freezing a link")
	})
}

// Forget removes in b everything that is known of the proofs of link, for when
// the link itself goes.
func (k *Book) Forget(b *store.Batch, link gateway.LinkID) { b.Delete(ledgerKey(link)) }
