package imapd

import (
	"net/netip"
	"runtime"
	"sync"

	"gatepost/gateway"
)

// peers counts what is open: from one address, of one user, and of those who
// have not logged in. It is safe for concurrent use.
type peers struct {
	limits Limits

	mu        sync.Mutex // guards what follows
	open      int
	strangers gateway.Crowd[*conn] // have not logged in, and have not given way
	hosts     map[netip.Addr]int
	users     map[gateway.Address]*sessions
}

// sessions are those of one user.
type sessions struct {
	n     int
	turns chan struct{} // holds a value for each of their messages that is worked on
}

func newPeers(l Limits) *peers {
	return &peers{limits: l, hosts: make(map[netip.Addr]int), users: make(map[gateway.Address]*sessions)}
}

// admit counts a connection in as that of a stranger, or says why not. Where there
// are too many, another stranger gives way, whom the caller cuts: who connects and
// says nothing keeps nobody out.
func (p *peers) admit(c *conn) (crowded *conn, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.local && p.hosts[c.key] >= p.limits.PerHost {
		return nil, "host"
	}
	if p.open >= p.limits.Connections || p.strangers.Len() >= p.limits.Strangers {
		crowded, _ = p.strangers.First(nil)
		if crowded == nil || p.open >= p.limits.Connections+p.limits.Strangers { // so many are leaving
			return nil, "connections"
		}
		p.strangers.Remove(crowded)
	}
	p.open++
	p.strangers.Add(c, c.key)
	p.hosts[c.key]++
	return crowded, ""
}

// leave counts a connection out, after logout if it had a user.
func (p *peers) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.strangers.Remove(c)
	if p.hosts[c.key]--; p.hosts[c.key] <= 0 {
		delete(p.hosts, c.key)
	}
}

// login makes a stranger a user, and returns what the user's sessions take turns
// by; nil when the user has too many, or the stranger had to give way.
func (p *peers) login(c *conn, name gateway.Address) (turns chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.users[name]
	if u != nil && u.n >= p.limits.PerUser || !p.strangers.Remove(c) {
		return nil
	}
	if u == nil {
		u = &sessions{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
		p.users[name] = u
	}
	u.n++
	return u.turns
}

// logout ends a session of a user, whose connection leaves next.
func (p *peers) logout(name gateway.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.users[name]; u.n > 1 {
		u.n--
	} else {
		delete(p.users, name)
	}
}
