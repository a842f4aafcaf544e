package people

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/crypto/argon2"
)

// Password is a password or a standing PIN as it is stored: argon2id (RFC
// 9106) over HMAC(pepper, secret), with the parameters beside the hash so
// that they can be raised later. Without the keyring no guess can be tried.
type Password struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
	Salt    []byte
	Hash    []byte
}

// Format implements fmt.Formatter: no verb shows a hash.
func (Password) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[password]")) }

// LogValue implements slog.LogValuer.
func (Password) LogValue() slog.Value { return slog.StringValue("[password]") }

// Parameters of new hashes: some 50 ms and 19 MiB on one core, OWASP's first
// recommendation for argon2id.
const (
	hashTime    = 2
	hashMemory  = 19 * 1024
	hashThreads = 1
)

// Hashing takes 19 MiB for some 50 ms, so that guesses are dear. What guesses
// cost us is bounded: as many at once as there are places, few that wait, and
// the rest is turned away.
const (
	maxHashing = 2
	maxWaiting = 64
)

// ErrBusy: too many logins at once. Trying later may help.
var ErrBusy = errors.New("people: too many logins at once")

// hash makes the stored form of a secret.
func (d *Directory) hash(ctx context.Context, secret string) (*Password, error) {
	p := &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16)}
	if _, err := io.ReadFull(d.random, p.Salt); err != nil {
		return nil, fmt.Errorf("making a salt: %w", err)
	}
	var err error
	p.Hash, err = d.derive(ctx, p, secret)
	return p, err
}

// derive waits for a place and hashes.
func (d *Directory) derive(ctx context.Context, p *Password, secret string) ([]byte, error) {
	select {
	case d.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.hashing }()
	peppered := d.mac("password", []byte(secret))
	return argon2.IDKey(peppered[:], p.Salt, p.Time, p.Memory, p.Threads, 32), nil
}

// matches takes the same time for a nil Password, so that a user who does not
// exist is not told from a wrong password. ErrBusy when too many wait already.
func (d *Directory) matches(ctx context.Context, p *Password, secret string) (bool, error) {
	defer d.waiting.Add(-1)
	if d.waiting.Add(1) > maxWaiting {
		return false, ErrBusy
	}
	known := p != nil
	if !known {
		p = &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16), Hash: make([]byte, 32)}
	}
	hash, err := d.derive(ctx, p, secret)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(hash, p.Hash) == 1 && known, nil
}
