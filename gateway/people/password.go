package people

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"gatepost/gateway"
)

// Password is a password or PIN as it is stored.
type Password = gateway.Hashed

// Cost is what a new hash takes: passes, KiB and threads of argon2id.
type Cost struct {
	Time, Memory uint32
	Threads      uint8
}

// DefaultCost is some 50 ms and 19 MiB on one core, OWASP's first
// recommendation for argon2id.
var DefaultCost = Cost{Time: 2, Memory: 19 * 1024, Threads: 1}

// Hashing takes 19 MiB for some 50 ms, so that guesses are dear. What guesses
// cost us is bounded: as many at once as there are places, few that wait and
// not for long, and the rest is turned away. Logins and PINs have queues of
// their own, which are served by turns, and nobody at whom all guess fills one:
// whoever is flooded, the others come through.
const (
	maxHashing = 2
	maxWaiting = 32 // of each kind, those that hash included
	maxAbout   = 4  // of them about one account or person
	maxWait    = time.Second
)

// ErrBusy: too many at once. Trying later may help.
var ErrBusy = gateway.ErrBusy

// What is hashed for: each kind has a queue.
const (
	forLogin = iota // a password is compared
	forPIN          // a PIN is compared or chosen
	forNew          // a password or PIN is set by whoever may
	kinds
)

// turns bounds who hashes and who waits to.
type turns struct {
	mu      sync.Mutex // guards what follows
	hashing int
	queues  [kinds][]chan struct{} // who waits for a place, oldest first
	served  int                    // the kind that had the last place
	kinds   [kinds]int             // who waits or hashes
	about   map[about]int          // and by whom it is about
}

// about is an account or person at whom one kind of guess goes.
type about struct {
	kind int
	name string
}

func newTurns() *turns { return &turns{about: make(map[about]int)} }

// take waits for a place. leave gives it back.
func (t *turns) take(ctx context.Context, kind int, name string) (leave func(), err error) {
	key := about{kind, name}
	if !t.queue(key) {
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, ErrBusy)
	defer cancel()
	if err := t.enter(ctx, kind); err != nil {
		t.unqueue(key)
		return nil, err
	}
	return func() { t.leave(); t.unqueue(key) }, nil
}

// enter waits for a place as long as ctx allows.
func (t *turns) enter(ctx context.Context, kind int) error {
	t.mu.Lock()
	if t.hashing < maxHashing {
		t.hashing++
		t.served = kind
		t.mu.Unlock()
		return nil
	}
	place := make(chan struct{})
	t.queues[kind] = append(t.queues[kind], place)
	t.mu.Unlock()
	select {
	case <-place:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.queues[kind], place)
	if i >= 0 {
		t.queues[kind] = slices.Delete(t.queues[kind], i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // given at this very moment
		t.leave()
	}
	return context.Cause(ctx)
}

// leave hands a place to who waits longest of the kind whose turn it is: a
// flood of one kind takes every second place at most while another waits.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range kinds {
		kind := (t.served + 1 + i) % kinds
		if q := t.queues[kind]; len(q) > 0 {
			close(q[0])
			t.queues[kind], t.served = slices.Delete(q, 0, 1), kind
			return
		}
	}
	t.hashing--
}

func (t *turns) queue(key about) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[key.kind] >= maxWaiting || t.about[key] >= maxAbout {
		return false
	}
	t.kinds[key.kind]++
	t.about[key]++
	return true
}

func (t *turns) unqueue(key about) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[key.kind]--
	if t.about[key]--; t.about[key] == 0 {
		delete(t.about, key)
	}
}

// hash makes the stored form of a secret. It waits for its place as long as
// ctx allows: whoever sets a secret has shown who they are.
func (d *Directory) hash(ctx context.Context, secret string) (*Password, error) {
	p, err := d.newHash()
	if err != nil {
		return nil, err
	}
	if err := d.turns.enter(ctx, forNew); err != nil {
		return nil, err
	}
	defer d.turns.leave()
	p.Hash = d.derive(p, secret)
	return p, nil
}

// has reports whether a user has this password. It waits as hash does.
func (d *Directory) has(ctx context.Context, u *User, password string) (bool, error) {
	if err := d.turns.enter(ctx, forNew); err != nil {
		return false, err
	}
	defer d.turns.leave()
	return d.compare(u.Password, password), nil
}

// newHash is a hash to be filled in, with the present parameters.
func (d *Directory) newHash() (*Password, error) {
	p := &Password{Time: d.Cost.Time, Memory: d.Cost.Memory, Threads: d.Cost.Threads, Salt: make([]byte, 16)}
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
func (d *Directory) nobody() *Password {
	return &Password{Time: d.Cost.Time, Memory: d.Cost.Memory, Threads: d.Cost.Threads, Salt: make([]byte, 16), Hash: make([]byte, 32)}
}

// compare takes the same time for a nil Password, so that a user who does not
// exist is not told from a wrong password. The caller has a place.
func (d *Directory) compare(p *Password, secret string) bool {
	known := p != nil
	if !known {
		p = d.nobody()
	}
	return subtle.ConstantTimeCompare(d.derive(p, secret), p.Hash) == 1 && known
}

// matches compares with the password of the account that about names. ErrBusy
// when too many wait already.
func (d *Directory) matches(ctx context.Context, about string, p *Password, secret string) (bool, error) {
	leave, err := d.turns.take(ctx, forLogin, about)
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
	leave, err := d.turns.take(ctx, forPIN, about)
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
	if leave, err = d.turns.take(ctx, forPIN, about); err != nil {
		return nil, nil, err
	}
	return func(digits string) bool { return d.compare(p, digits) }, leave, nil
}
