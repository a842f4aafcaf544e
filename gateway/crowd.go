package gateway

import (
	chain "container/list"
	"net/netip"
)

// HostKey is the address that limits of a host count under: of IPv6 the /64 that
// one customer is given.
func HostKey(a netip.Addr) netip.Addr {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a.Unmap()
}

// HostShare is how many strangers of one host are no flood: as many as log in at
// the same time behind one address of an office.
const HostShare = 16

// Crowd holds the connections of strangers: of those who have not shown yet who they
// are. Where there is room for no more one of them gives way, so that who connects
// and says nothing keeps nobody out. The zero value is empty. It is for one goroutine at
// a time.
type Crowd[C comparable] struct {
	order chain.List // of standing[C], who came first in front
	at    map[C]*chain.Element
	hosts map[netip.Addr]*int
}

// standing is a stranger, and how many of the crowd are of the same host.
type standing[C comparable] struct {
	who   C
	host  netip.Addr
	count *int
}

// Add lets c stand behind the others. host is the HostKey of its address.
func (w *Crowd[C]) Add(c C, host netip.Addr) {
	if w.at == nil {
		w.at, w.hosts = make(map[C]*chain.Element), make(map[netip.Addr]*int)
	}
	n := w.hosts[host]
	if n == nil {
		n = new(int)
		w.hosts[host] = n
	}
	*n++
	w.at[c] = w.order.PushBack(standing[C]{c, host, n})
}

// Remove takes c out and reports whether it was there.
func (w *Crowd[C]) Remove(c C) bool {
	e, ok := w.at[c]
	if !ok {
		return false
	}
	s := w.order.Remove(e).(standing[C])
	delete(w.at, c)
	if *s.count--; *s.count == 0 {
		delete(w.hosts, s.host)
	}
	return true
}

// Len is how many there are.
func (w *Crowd[C]) Len() int { return len(w.at) }

// First is who is to give way: of those that may (nil: all) the one who came first from
// the host that has most of them, so that a flood of one host pushes out its own
// before anybody else. Of hosts that have no more than HostShare none is worse than
// another: who came first of all has had the longest time. What comes from this
// machine gives way only where nothing else is there. First takes time in proportion
// to Len.
func (w *Crowd[C]) First(may func(C) bool) (first C, ok bool) {
	heaviest := -1
	for e := w.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(standing[C])
		weight := max(*s.count, HostShare)
		if s.host.IsLoopback() {
			weight = 0
		}
		if weight > heaviest && (may == nil || may(s.who)) {
			first, ok, heaviest = s.who, true, weight
		}
	}
	return first, ok
}
