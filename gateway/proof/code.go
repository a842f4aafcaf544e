package proof

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// codeDigits is the length of a code.
const codeDigits = 6

// codes is how many there are: 10^codeDigits.
const codes = 1_000_000

// Asked says how a code will travel.
type Asked struct {
	// Assurance that a proof with this code gives. "" counts as SameChannel.
	Assurance gateway.Assurance
	// Thaw asks for a code that thaws a frozen link: it is to travel over
	// another channel than the link did. There are three of them.
	Thaw bool
	// Also adds to the batch that makes the code valid, first of all the mail
	// or SMS that carries it: a code and its carrier are committed together or
	// not at all. It may run more than once, each time with another batch and
	// another code. nil adds nothing.
	Also func(b *store.Batch, code gateway.Sensitive) error
}

// NewCode makes a code for link that works in session only, and makes it
// durable with its evidence and with what a.Also adds. An older code of the
// session ends.
//
// Errors to branch on: *gateway.TooSoonError when the link had a code less
// than Resend ago, ten within a day, or has four in other sessions that still
// work; *gateway.LinkClosedError when it is paused or frozen,
// gateway.ErrNotProven when session is none of ours or has ended. Any other
// error is temporary; the code may then be valid all the same
// (store.ErrUnknown), so it must not be shown.
func (k *Book) NewCode(ctx context.Context, link gateway.LinkID, session string, a Asked) (gateway.Sensitive, error) {
	about, err := k.about(ctx, link)
	if err != nil {
		return "", err
	}
	if a.Assurance == "" {
		a.Assurance = gateway.SameChannel
	}
	var made gateway.Sensitive
	err = again(ctx, func() error {
		var b store.Batch
		fresh, err := k.stageCode(ctx, &b, about, session, a)
		if err != nil {
			return err
		}
		made = fresh
		return k.write(ctx, &b, "committing a code")
	})
	if err != nil {
		return "", err
	}
	return made, nil
}

// stageCode puts a new code and all that belongs to it into b.
func (k *Book) stageCode(ctx context.Context, b *store.Batch, about gateway.Record, session string, a Asked) (gateway.Sensitive, error) {
	id, of := k.sessionHash(session), k.codeLedger(about.Link, a.Thaw)
	if s, _, err := k.session(ctx, session); err != nil {
		return "", err
	} else if s == nil {
		return "", gateway.ErrNotProven
	}
	l, version, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return "", fmt.Errorf("reading the tries of a link: %w", err)
	}
	now := k.now()
	l.fresh(now, k.config.CodeTTL)
	if err := k.mayAsk(l, of, id, now); err != nil {
		return "", err
	}
	if a.Thaw {
		l.Sent++
	}
	fresh, err := randomCode(k.random)
	if err != nil {
		return "", err
	}
	l.add(code{Session: id, Hash: k.codeHash(about.Link, id, now, fresh), Sent: now, Assurance: a.Assurance})
	require(b, of.key, version)
	if err := b.PutRecord(of.key, l); err != nil {
		return "", err
	}
	if a.Also != nil {
		if err := a.Also(b, gateway.Sensitive(fresh)); err != nil {
			return "", err
		}
	}
	detail := map[string]string{"assurance": string(a.Assurance)}
	if a.Thaw {
		detail["for"] = "thaw"
	}
	return gateway.Sensitive(fresh), k.stage(b, about, gateway.EventCodeSent, detail)
}

// mayAsk reports why the link gets no code for session now.
func (k *Book) mayAsk(l ledger, of ledgerOf, session []byte, now time.Time) error {
	if state := k.stateOf(l, of); state != gateway.LinkActive {
		return &gateway.LinkClosedError{State: state, Until: l.PausedUntil}
	}
	if l.Sent >= thawTries {
		return &gateway.LinkClosedError{State: gateway.LinkFrozen}
	}
	if at := l.next(session, k.config.CodeTTL, k.config.Resend); now.Before(at) {
		return &gateway.TooSoonError{At: at}
	}
	return nil
}

// codeHash is what is kept of a code.
func (k *Book) codeHash(link gateway.LinkID, session []byte, sent time.Time, code string) []byte {
	h := k.mac("proof: code", link[:], session, store.Time(sent), []byte(code))
	return h[:]
}

// randomCode draws six digits, all codes equally likely.
func randomCode(random io.Reader) (string, error) {
	// The largest multiple of codes below 2^32: draws above it would make the
	// low codes likelier and are thrown away (one in 4,400).
	const limit = 1 << 32 / codes * codes
	for {
		var raw [4]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return "", fmt.Errorf("drawing a code: %w", err)
		}
		if n := binary.BigEndian.Uint32(raw[:]); n < limit {
			return fmt.Sprintf("%0*d", codeDigits, n%codes), nil
		}
	}
}
