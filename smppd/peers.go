package smppd

import (
	"net/netip"
	"sync"
	"time"

	"gatepost/gateway"
)

const (
	forget   = 15 * time.Minute // after which an idle address is
	maxPeers = 1 << 16          // remembered at once
)

// peers remembers what each address uses and which passwords it got wrong. It
// counts addresses and never accounts, so that nobody can lock an application
// out by guessing at its password. An IPv6 peer is its /64. It is safe for
// concurrent use.
type peers struct {
	limits Limits
	now    func() time.Time

	mu    sync.Mutex // guards what follows
	known map[netip.Addr]*peer
	swept time.Time
}

// peer is one address. Its fields are guarded by peers.mu.
type peer struct {
	open     int
	failures gateway.Strikes // wrong passwords
	seen     time.Time
}

func newPeers(l Limits, now func() time.Time) *peers {
	return &peers{limits: l, now: now, known: make(map[netip.Addr]*peer), swept: now()}
}

// ofLocked returns the peer of key, remembering it. It needs the lock.
func (p *peers) ofLocked(key netip.Addr) *peer {
	now := p.now()
	q := p.known[key]
	if q == nil {
		p.sweepLocked(now)
		q = &peer{}
		p.known[key] = q
	}
	q.seen = now
	return q
}

// sweepLocked forgets addresses that are gone, so that strangers cannot fill
// the memory: once a minute those idle for long, and all idle ones when there
// are too many.
func (p *peers) sweepLocked(now time.Time) {
	full := len(p.known) >= maxPeers
	if !full && now.Sub(p.swept) < time.Minute {
		return
	}
	p.swept = now
	for key, q := range p.known {
		if q.open == 0 && (full || now.Sub(q.seen) > forget) {
			delete(p.known, key)
		}
	}
}

// admit counts a connection in and reports whether there was room. A loopback
// address is bounded by the number of sessions only.
func (p *peers) admit(key netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.ofLocked(key)
	if q.open >= p.limits.PerPeer && !key.IsLoopback() {
		return false
	}
	q.open++
	return true
}

// leave counts out what admit counted in.
func (p *peers) leave(key netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ofLocked(key).open--
}

// barred reports whether key has got so many passwords wrong that it is not
// heard until some are forgiven. Applications on this machine share its
// address and are only slowed down.
func (p *peers) barred(key netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !key.IsLoopback() && p.ofLocked(key).failures.Left(p.now(), gateway.PasswordForgiven) >= p.limits.AuthFailures
}

// failed counts a wrong password and returns the pause before it is answered.
func (p *peers) failed(key netip.Addr, longest time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.ofLocked(key).failures.Add(p.now(), gateway.PasswordForgiven)
	return gateway.PasswordDelay(n, p.limits.AuthDelay, longest)
}
