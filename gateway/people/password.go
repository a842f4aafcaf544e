package people

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"gatepost/gateway"
)

// Password is a password or PIN as it is stored.
type Password = gateway.Hashed

// Parameters of new hashes: some 50 ms and 19 MiB on one core, OWASP's first
// recommendation for argon2id.
const (
	hashTime    = 2
	hashMemory  = 19 * 1024
	hashThreads = 1
)

// Hashing takes 19 MiB for some 50 ms, so that guesses are dear. What guesses
// cost us is bounded: as many at once as there are places, few that wait and
// not for long, and the rest is turned away. Logins and PINs have queues of
// their own, and nobody at whom all guess fills one: whoever is flooded, the
// others come through.
const (
	maxHashing = 2
	maxWaiting = 32 // of each kind, those that hash included
	maxAbout   = 4  // of them about one account or person
	maxWait    = time.Second
)

// ErrBusy: too many at once. Trying later may help.
var ErrBusy = gateway.ErrBusy

// turns bounds who hashes and who waits to.
type turns struct {
	places chan struct{}

	mu    sync.Mutex
	kinds map[string]int // who waits or hashes, by kind
	about map[string]int // and by whom it is about
}

func newTurns() *turns {
	return &turns{places: make(chan struct{}, maxHashing), kinds: make(map[string]int), about: make(map[string]int)}
}

// take waits for a place. leave gives it back.
func (t *turns) take(ctx context.Context, kind, about string) (leave func(), err error) {
	about = kind + about
	if !t.queue(kind, about) {
		return nil, ErrBusy
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case t.places <- struct{}{}:
		return func() { <-t.places; t.unqueue(kind, about) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-wait.C:
		err = ErrBusy
	}
	t.unqueue(kind, about)
	return nil, err
}

func (t *turns) queue(kind, about string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[kind] >= maxWaiting || t.about[about] >= maxAbout {
		return false
	}
	t.kinds[kind]++
	t.about[about]++
	return true
}

func (t *turns) unqueue(kind, about string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[kind]--
	if t.about[about]--; t.about[about] == 0 {
		delete(t.about, about)
	}
}

// hash makes the stored form of a secret. It waits for its place as long as
// ctx allows: whoever sets a secret has shown who they are.
func (d *Directory) hash(ctx context.Context, secret string) (*Password, error) {
	p, err := d.newHash()
	if err != nil {
		return nil, err
	}
	select {
	case d.turns.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.turns.places }()
	p.Hash = d.derive(p, secret)
	return p, nil
}

// newHash is a hash to be filled in, with the present parameters.
func (d *Directory) newHash() (*Password, error) {
	p := &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16)}
	if _, err := io.ReadFull(d.random, p.Salt); err != nil {
		return nil, fmt.Errorf("making a salt: %w", err)
	}
	return p, nil
}

// derive hashes; the caller has a place.
func (d *Directory) derive(p *Password, secret string) []byte {
	peppered := d.mac("password", []byte(secret))
	return argon2.IDKey(peppered[:], p.Salt, p.Time, p.Memory, p.Threads, 32)
}

// nobody stands in for a password that does not exist.
func nobody() *Password {
	return &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16), Hash: make([]byte, 32)}
}

// compare takes the same time for a nil Password, so that a user who does not
// exist is not told from a wrong password. The caller has a place.
func (d *Directory) compare(p *Password, secret string) bool {
	known := p != nil
	if !known {
		p = nobody()
	}
	return subtle.ConstantTimeCompare(d.derive(p, secret), p.Hash) == 1 && known
}

// matches compares with the password of the account that about names. ErrBusy
// when too many wait already.
func (d *Directory) matches(ctx context.Context, about string, p *Password, secret string) (bool, error) {
	leave, err := d.turns.take(ctx, "login ", about)
	if err != nil {
		return false, err
	}
	defer leave()
	return d.compare(p, secret), nil
}

// HashPIN makes the stored form of a PIN. It waits for its turn as long as ctx
// allows: mail in, which is told to come back when ctx ends.
func (d *Directory) HashPIN(ctx context.Context, digits string) (*gateway.Hashed, error) {
	return d.hash(ctx, digits)
}

// HashChosenPIN is HashPIN for what readers choose: about says who, and who
// does so without a break is turned away with ErrBusy.
func (d *Directory) HashChosenPIN(ctx context.Context, about, digits string) (*gateway.Hashed, error) {
	p, err := d.newHash()
	if err != nil {
		return nil, err
	}
	leave, err := d.turns.take(ctx, "pin ", about)
	if err != nil {
		return nil, err
	}
	defer leave()
	p.Hash = d.derive(p, digits)
	return p, nil
}

// EnterPIN waits for a turn to compare with a PIN; about says whose guesses
// these are, as a key of the caller's. ErrBusy, at once or after a second,
// when too many are at it. right takes as long for wrong digits as for right
// ones; leave must be called.
func (d *Directory) EnterPIN(ctx context.Context, about string, p *gateway.Hashed) (right func(digits string) bool, leave func(), err error) {
	if leave, err = d.turns.take(ctx, "pin ", about); err != nil {
		return nil, nil, err
	}
	return func(digits string) bool { return d.compare(p, digits) }, leave, nil
}
