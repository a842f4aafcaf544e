package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"gatepost/gateway"
)

const (
	forgiveGuess = time.Second      // after which one refused recipient is
	forget       = 15 * time.Minute // after which an idle peer is forgotten
	maxPeers     = 1 << 16          // remembered at once
	maxAuthDelay = 10 * time.Second
	freeRefusals = 10 // refused recipients that cost no time
	maxRefusals  = 20 // up to which each costs more than the one before
)

// peers remembers what each address uses and has used. An IPv6 peer is its
// /64, which is what one customer is given. It is safe for concurrent use.
type peers struct {
	limits Limits
	now    func() time.Time

	mu        sync.Mutex // guards what follows
	known     map[netip.Addr]*peer
	open      int                  // that have not left
	strangers gateway.Crowd[*conn] // of those: neither trusted nor logged in, and have not given way
	leaving   int                  // of those: have given way
	swept     time.Time
}

// peer is one address. Its fields are guarded by peers.mu.
type peer struct {
	open        int
	connections *rate.Limiter
	messages    *rate.Limiter
	recipients  *rate.Limiter
	failures    gateway.Strikes // wrong passwords
	refusals    gateway.Strikes // refused recipients
	denied      time.Time       // when a refused relay attempt was last logged
	seen        time.Time
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
		per := func(minute int) *rate.Limiter {
			return rate.NewLimiter(rate.Limit(float64(minute)/60), minute)
		}
		q = &peer{
			connections: per(p.limits.ConnectionRate),
			messages:    per(p.limits.MessageRate),
			recipients:  per(p.limits.RecipientRate),
		}
		p.known[key] = q
	}
	q.seen = now
	return q
}

// sweepLocked forgets peers that are gone, so that strangers cannot fill the
// memory: once a minute those idle for long, and all idle ones when there are
// too many.
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

// admit counts a connection in, or says why not ("" is admitted). A generous
// peer is a trusted or loopback one; strangers have three quarters of the places.
// Where there is none another stranger gives way (crowded).
func (p *peers) admit(c *conn) (why reason, crowded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.ofLocked(c.key)
	most := p.limits.PerPeer
	if c.generous {
		most = p.limits.PerTrusted
	}
	full := p.open-p.leaving >= p.limits.Connections || !c.generous && p.strangers.Len() >= p.limits.Connections*3/4
	switch {
	case q.open >= most:
		return reasonConnections, false
	case !c.generous && !q.connections.AllowN(p.now(), 1):
		return reasonRate, false
	case full && !p.crowdOutLocked():
		return reasonConnections, false
	}
	q.open++
	p.open++
	if !c.generous {
		p.strangers.Add(c, c.key)
	}
	return "", full
}

// crowdOutLocked lets the first stranger of the crowd who is idle give way, and
// reports whether there was one. Who is sending a body stays. Who stands between the
// commands of a mail does not: to favour them would be to favour a flood that says
// MAIL and waits over everybody who has just come. Nothing of theirs was answered
// that is not done: 421 makes them try again. It needs the lock.
func (p *peers) crowdOutLocked() bool {
	for range 3 { // it may become busy between the two questions
		if p.leaving > p.limits.Connections/8 {
			return false // so many have not left yet
		}
		c, ok := p.strangers.First((*conn).idle)
		if !ok {
			return false
		}
		if c.giveWay() {
			p.strangers.Remove(c)
			p.leaving++
			return true
		}
	}
	return false
}

// proven takes a peer that has shown who it is out of the strangers.
func (p *peers) proven(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strangers.Remove(c)
}

// leave counts out what admit counted in.
func (p *peers) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ofLocked(c.key).open--
	p.open--
	p.strangers.Remove(c)
	if c.gaveWay() {
		p.leaving--
	}
}

// message takes one MAIL of a stranger from its rate.
func (p *peers) message(key netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ofLocked(key).messages.AllowN(p.now(), 1)
}

// recipient takes one RCPT of a stranger from its rate.
func (p *peers) recipient(key netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ofLocked(key).recipients.AllowN(p.now(), 1)
}

// deniedEvery is the time between two log lines about one peer's relay attempts.
const deniedEvery = time.Minute

// denied reports whether a refused relay attempt of key is to be logged now.
func (p *peers) denied(key netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, now := p.ofLocked(key), p.now()
	if !q.denied.IsZero() && now.Sub(q.denied) < deniedEvery {
		return false
	}
	q.denied = now
	return true
}

// failures is how many wrong passwords of key are not forgiven yet.
func (p *peers) failures(key netip.Addr) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ofLocked(key).failures.Left(p.now(), gateway.PasswordForgiven)
}

// failed counts a wrong password and returns how many are not forgiven yet.
func (p *peers) failed(key netip.Addr) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ofLocked(key).failures.Add(p.now(), gateway.PasswordForgiven)
}

// refused counts a refused recipient and returns how many are not forgiven yet.
func (p *peers) refused(key netip.Addr) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ofLocked(key).refusals.Add(p.now(), forgiveGuess)
}

// refusalDelay is the pause before the n-th refused recipient is answered.
func (l *Limits) refusalDelay(n int) time.Duration {
	return l.RefusalDelay * time.Duration(min(max(n-freeRefusals, 0), maxRefusals-freeRefusals))
}

// authDelay is the pause before the n-th wrong password is answered.
func (l *Limits) authDelay(n int) time.Duration {
	return gateway.PasswordDelay(n, l.AuthDelay, maxAuthDelay)
}
