package proof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// staffSession is the record of a session of a member of staff in the viewer.
// It lies beside those of correspondents, under another hash, so that neither
// passes for the other; Sweep reads Created and Seen of both.
type staffSession struct {
	Created time.Time
	Seen    time.Time
	Account gateway.Address
}

func (k *Book) staffKey(secret string) []byte {
	h := k.mac("proof: staff session", []byte(secret))
	return store.Key(store.Sessions, h[:])
}

// NewStaffSession makes a session for an account whose password was right when
// it was looked at, at begun, and returns the secret for its cookie, of which
// only a hash is kept.
func (k *Book) NewStaffSession(ctx context.Context, account gateway.Address, begun time.Time) (secret string, err error) {
	if secret, err = k.drawSession(); err != nil {
		return "", err
	}
	key, now := k.staffKey(secret), k.now()
	var b store.Batch
	b.RequireAbsent(key)
	if err := b.PutRecord(key, staffSession{Created: begun, Seen: now, Account: account}); err != nil {
		return "", err
	}
	return secret, k.write(ctx, &b, "committing a session of staff")
}

// Staff returns the account of a session of staff and since when it has been,
// and notes, at most once a minute, that it was seen. false when there is none
// or it has ended.
func (k *Book) Staff(ctx context.Context, secret string) (account gateway.Address, since time.Time, ok bool, err error) {
	if secret == "" {
		return account, since, false, nil
	}
	key, now := k.staffKey(secret), k.now()
	s, version, err := store.GetRecord[staffSession](ctx, k.store, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && k.ended(&session{Created: s.Created, Seen: s.Seen}, now) {
		return account, since, false, nil
	}
	if err != nil {
		return account, since, false, fmt.Errorf("reading a session of staff: %w", err)
	}
	if now.Sub(s.Seen) < touchEvery {
		return s.Account, s.Created, true, nil
	}
	s.Seen = now
	var b store.Batch
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, s); err != nil {
		return account, since, false, err
	}
	err = k.write(ctx, &b, "noting a visit of staff")
	if errors.Is(err, store.ErrConflict) { // somebody else noted it, or ended the session: the next look tells
		err = nil
	}
	return s.Account, s.Created, err == nil, err
}

// EndStaffSession ends a session of staff. One that is unknown has ended
// already.
func (k *Book) EndStaffSession(ctx context.Context, secret string) error {
	if secret == "" {
		return nil
	}
	var b store.Batch
	b.Delete(k.staffKey(secret))
	return k.write(ctx, &b, "ending a session of staff")
}
