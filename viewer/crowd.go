package viewer

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// crowd counts who is inside: at most total, and at most each of one
// neighbour. Loopback is a proxy of ours that speaks for everybody, so that
// total alone binds it.
type crowd struct {
	total, each int

	mu    sync.Mutex // for what follows
	open  int
	hosts map[string]int
}

func newCrowd(total, each int) *crowd {
	return &crowd{total: total, each: each, hosts: map[string]int{}}
}

// enter lets one more of a neighbour in. The caller calls leave, once or more
// often; ok is false when there is no room.
func (c *crowd) enter(neighbour string) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	near := net.ParseIP(neighbour).IsLoopback()
	if c.open >= c.total || !near && c.hosts[neighbour] >= c.each {
		return nil, false
	}
	c.open++
	c.hosts[neighbour]++
	return sync.OnceFunc(func() { c.leave(neighbour) }), true
}

// await is enter that waits for room.
func (c *crowd) await(ctx context.Context, neighbour string, most time.Duration) (leave func(), ok bool) {
	const step = 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		if leave, ok = c.enter(neighbour); ok || waited >= most {
			return leave, ok
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(step):
		}
	}
}

func (c *crowd) leave(neighbour string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.hosts[neighbour]--; c.hosts[neighbour] == 0 {
		delete(c.hosts, neighbour)
	}
}

// neighbourOf is what one household or one stranger has of the network: an
// IPv4 address, or the /56 of an IPv6 address, as much as one customer often gets.
func neighbourOf(address string) string {
	host := hostOf(address)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() || ip.IsLoopback() {
		return ip.String()
	}
	prefix, err := ip.Prefix(56)
	if err != nil {
		return host
	}
	return prefix.String()
}
