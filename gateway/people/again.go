package people

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// againTime is how long a password that was right is not hashed again, and
// againSize how many are remembered: some 60 octets each.
const (
	againTime = 10 * time.Minute
	againSize = 20000
)

// again remembers what was right a moment ago, as keyed hashes: of the name,
// the password and its stored form, so that a changed password is not known.
// Who asks for the same at the same time waits for one answer.
type again struct {
	flight singleflight.Group

	mu    sync.Mutex
	until map[[32]byte]time.Time
}

func newAgain() *again { return &again{until: make(map[[32]byte]time.Time)} }

func (a *again) has(key [32]byte, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.until[key])
}

func (a *again) keep(key [32]byte, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.until) >= againSize {
		clear(a.until)
	}
	a.until[key] = now.Add(againTime)
}

// matchesAgain is matches for clients that log in many times. A right password
// may be told from a wrong one by the time; whoever has it knows.
func (d *Directory) matchesAgain(ctx context.Context, about string, p *Password, secret string) (bool, error) {
	var stored []byte
	if p != nil {
		stored = p.Hash
	}
	key := d.mac("right password", []byte(about), stored, []byte(secret))
	if d.again.has(key, d.now()) {
		return true, nil
	}
	ctx = context.WithoutCancel(ctx) // others wait for it; take bounds it
	right, err, _ := d.again.flight.Do(string(key[:]), func() (any, error) { return d.matches(ctx, about, p, secret) })
	if err != nil || right != true {
		return false, err
	}
	d.again.keep(key, d.now())
	return true, nil
}
