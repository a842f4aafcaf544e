package relay

import (
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"gatepost/gateway"
)

// poolKey tells connections apart that may not stand in for each other: what
// was verified, and against what, belongs to it.
type poolKey struct {
	target   target
	tls      TLSPolicy
	roots    *x509.CertPool
	user     string
	password gateway.Sensitive
}

func keyOf(r *Route, t target) poolKey {
	return poolKey{target: t, tls: r.TLS, roots: r.RootCAs, user: r.User, password: r.Password}
}

// pool keeps idle connections, newest first out: the newest is the likeliest
// to be alive, and the others get old enough to be closed.
type pool struct {
	limits Idle
	// work counts idle connections and those that take leave in the
	// background. It only grows under mu while closed is false.
	work sync.WaitGroup

	mu      sync.Mutex
	idle    map[poolKey][]*conn // guarded by mu
	working map[poolKey]int     // connections of deliveries under way; guarded by mu
	closed  bool                // guarded by mu
}

// begin counts a connection as working, end as done.
func (p *pool) begin(key poolKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.working[key]++
}

func (p *pool) end(key poolKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.working[key]--; p.working[key] <= 0 {
		delete(p.working, key)
	}
}

// enter counts one piece of background work; false after close.
func (p *pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.work.Add(1)
	}
	return !p.closed
}

// take returns an idle connection, or nil.
func (p *pool) take(key poolKey) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[key]
	if len(list) == 0 {
		return nil
	}
	cn := list[len(list)-1]
	p.setLocked(key, list[:len(list)-1])
	p.working[key]++
	cn.expiry.Stop() // when it has fired already, drop finds nothing
	p.work.Done()
	return cn
}

// put keeps cn and reports whether it did. After Idle.For it is handed to
// expire, unless take or close came first.
func (p *pool) put(cn *conn, expire func(*conn)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limits.OnDemand && p.working[cn.key] == 0 && len(p.idle[cn.key]) == 0 {
		return false
	}
	if p.closed || len(p.idle[cn.key]) >= p.limits.PerRoute || cn.served >= p.limits.Messages {
		return false
	}
	p.work.Add(1)
	p.setLocked(cn.key, append(p.idle[cn.key], cn))
	cn.expiry = time.AfterFunc(p.limits.For, func() {
		if p.drop(cn) {
			expire(cn)
		}
	})
	return true
}

// drop takes cn off the list and reports whether it was there. The piece of
// work goes over to the caller.
func (p *pool) drop(cn *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[cn.key]
	i := slices.Index(list, cn)
	if i < 0 {
		return false
	}
	p.setLocked(cn.key, slices.Delete(list, i, i+1))
	return true
}

func (p *pool) setLocked(key poolKey, list []*conn) {
	if len(list) == 0 {
		delete(p.idle, key)
		return
	}
	p.idle[key] = list
}

// close empties the pool for good and returns what it held, with the work.
func (p *pool) close() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var all []*conn
	for _, list := range p.idle {
		for _, cn := range list {
			cn.expiry.Stop()
			all = append(all, cn)
		}
	}
	clear(p.idle)
	return all
}
