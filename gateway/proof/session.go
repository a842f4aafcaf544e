package proof

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// session is the record of a visitor's session. Its key is a hash of the
// secret in the cookie, so the store opens no session.
type session struct {
	Created time.Time
	Seen    time.Time
	Proofs  map[string]proven `json:",omitempty"` // by link id
}

// proven is one link that the session may read.
type proven struct {
	Assurance gateway.Assurance
	At        time.Time
	Device    bool `json:",omitempty"` // by a remembered device
	// Which device that is. The proof holds as long as it is remembered.
	Person   gateway.PersonRef `json:",omitzero"`
	DeviceID []byte            `json:",omitempty"`
}

// touchEvery is how often a session's last sight is written down at most. A
// session may so end up to this much before its idle time.
const touchEvery = time.Minute

func (k *Book) ended(s *session, now time.Time) bool {
	return ahead(s.Seen, now) || !now.Before(s.Seen.Add(k.config.Idle)) || !now.Before(s.Created.Add(k.config.Lifetime))
}

// sessionHash is the key part of a session, or nil for no secret.
func (k *Book) sessionHash(secret string) []byte {
	if secret == "" {
		return nil
	}
	h := k.mac("proof: session", []byte(secret))
	return h[:]
}

// session reads a session that has not ended; nil means there is none.
func (k *Book) session(ctx context.Context, secret string) (*session, store.Version, error) {
	id := k.sessionHash(secret)
	if id == nil {
		return nil, 0, nil
	}
	s, version, err := store.GetRecord[session](ctx, k.store, store.Key(store.Sessions, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading a session: %w", err)
	}
	if k.ended(&s, k.now()) {
		return nil, 0, nil
	}
	return &s, version, nil
}

// drawSession makes the secret of a session: 256 random bits.
func (k *Book) drawSession() (string, error) {
	var raw [32]byte
	if _, err := io.ReadFull(k.random, raw[:]); err != nil {
		return "", fmt.Errorf("drawing a session: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// NewSession makes a session that has proven nothing yet and returns the
// secret for its cookie, of which only a hash is kept.
func (k *Book) NewSession(ctx context.Context) (secret string, err error) {
	if secret, err = k.drawSession(); err != nil {
		return "", err
	}
	key, now := store.Key(store.Sessions, k.sessionHash(secret)), k.now()
	var b store.Batch
	b.RequireAbsent(key)
	if err := b.PutRecord(key, session{Created: now, Seen: now}); err != nil {
		return "", err
	}
	if err := k.write(ctx, &b, "committing a session"); err != nil {
		return "", err
	}
	return secret, nil
}

// stageSession stages the session that follows a proof: a new one, with what
// the one before had proven. That one ends; was is nil when it has ended.
func (k *Book) stageSession(b *store.Batch, before string, was *session, version store.Version, secret string, link gateway.LinkID, p proven) error {
	now := k.now()
	s := session{Created: now, Seen: now, Proofs: map[string]proven{}}
	if was != nil {
		for id, old := range was.Proofs {
			if now.Before(old.At.Add(k.config.Lifetime)) {
				s.Proofs[id] = old
			}
		}
		key := store.Key(store.Sessions, k.sessionHash(before))
		require(b, key, version)
		b.Delete(key)
	}
	s.Proofs[link.String()] = p
	key := store.Key(store.Sessions, k.sessionHash(secret))
	b.RequireAbsent(key)
	return b.PutRecord(key, s)
}

// Alive reports whether secret belongs to a session that has not ended.
func (k *Book) Alive(ctx context.Context, secret string) (bool, error) {
	s, _, err := k.session(ctx, secret)
	return s != nil, err
}

// Proof is what a session has proven of a link.
type Proof struct {
	Assurance gateway.Assurance
	At        time.Time
	Device    bool // by a remembered device, with the assurance that it was enrolled at
}

// Proven reports whether the session has proven link and how well. It writes
// nothing.
func (k *Book) Proven(ctx context.Context, secret string, link gateway.LinkID) (gateway.Assurance, bool, error) {
	p, ok, err := k.Proof(ctx, secret, link)
	return p.Assurance, ok, err
}

// Proof is Proven with all that is known.
func (k *Book) Proof(ctx context.Context, secret string, link gateway.LinkID) (Proof, bool, error) {
	s, _, err := k.session(ctx, secret)
	if err != nil || s == nil {
		return Proof{}, false, err
	}
	p, ok := s.Proofs[link.String()]
	if !ok || !k.now().Before(p.At.Add(k.config.Lifetime)) {
		return Proof{}, false, nil
	}
	if p.Device {
		if kept, err := k.remembered(ctx, p.Person, p.DeviceID); err != nil || !kept {
			return Proof{}, false, err
		}
	}
	return Proof{p.Assurance, p.At, p.Device}, true, nil
}

// Touch notes that the session was seen, with at most one write a minute. A
// session that has ended stays ended.
func (k *Book) Touch(ctx context.Context, secret string) error {
	s, version, err := k.session(ctx, secret)
	if err != nil || s == nil {
		return err
	}
	now := k.now()
	if now.Sub(s.Seen) < touchEvery {
		return nil
	}
	s.Seen = now
	key := store.Key(store.Sessions, k.sessionHash(secret))
	var b store.Batch
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, s); err != nil {
		return err
	}
	err = k.write(ctx, &b, "noting a visit")
	if errors.Is(err, store.ErrConflict) { // somebody else noted it, or ended the session
		return nil
	}
	return err
}

// End ends a session. One that is unknown has ended already.
func (k *Book) End(ctx context.Context, secret string) error {
	id := k.sessionHash(secret)
	if id == nil {
		return nil
	}
	var b store.Batch
	b.Delete(store.Key(store.Sessions, id))
	return k.write(ctx, &b, "ending a session")
}

// sweepBatch bounds the sessions that one commit of Sweep removes.
const sweepBatch = 500

// Sweep removes the records of sessions that have ended, at most some hundred
// at a time, and says how many. A session that is touched meanwhile stays.
func (k *Book) Sweep(ctx context.Context) (int, error) {
	now := k.now()
	return sweepEnded(ctx, k, store.Sessions, "sessions", func(s *session) bool { return k.ended(s, now) })
}

// sweepEnded removes the records of a table that have ended or cannot be read.
func sweepEnded[T any](ctx context.Context, k *Book, t store.Table, what string, ended func(*T) bool) (int, error) {
	var b store.Batch
	err := k.store.Scan(ctx, store.Prefix(t), func(item store.Item) bool {
		var r T
		if store.Decode(item.Value, &r) != nil || ended(&r) {
			key := append([]byte(nil), item.Key...)
			b.RequireVersion(key, item.Version)
			b.Delete(key)
		}
		return len(b.Ops) < sweepBatch
	})
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", what, err)
	}
	n := len(b.Ops)
	if n == 0 {
		return 0, nil
	}
	return n, k.write(ctx, &b, "removing "+what+" that ended")
}
