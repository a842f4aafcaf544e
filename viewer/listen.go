package viewer

import (
	"net"
	"sync"
)

// Limits of connections. One host is a household or a clinic behind one
// address; loopback is a proxy of ours that speaks for everybody.
const (
	DefaultConnections = 4096
	DefaultPerHost     = 128
)

// Confine limits the connections that l hands out: total at once, and perHost
// of one network address, loopback excepted. One too many is closed as soon as
// it is accepted, so that those who hold connections open cannot keep others
// from being heard. Zero limits take the defaults.
//
// It belongs directly on the TCP listener, below TLS: a connection counts from
// its first packet, not from its handshake.
func Confine(l net.Listener, total, perHost int) net.Listener {
	if total <= 0 {
		total = DefaultConnections
	}
	if perHost <= 0 {
		perHost = DefaultPerHost
	}
	return &confined{Listener: l, total: total, perHost: perHost, hosts: map[string]int{}}
}

type confined struct {
	net.Listener
	total, perHost int

	mu    sync.Mutex // for what follows
	open  int
	hosts map[string]int
}

// Accept implements net.Listener.
func (c *confined) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := hostOf(conn.RemoteAddr().String())
		if c.enter(host) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { c.leave(host) })}, nil
		}
		_ = conn.Close() // nobody is owed an answer here
	}
}

func (c *confined) enter(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	near := net.ParseIP(host).IsLoopback()
	if c.open >= c.total || !near && c.hosts[host] >= c.perHost {
		return false
	}
	c.open++
	c.hosts[host]++
	return true
}

func (c *confined) leave(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.hosts[host]--; c.hosts[host] == 0 {
		delete(c.hosts, host)
	}
}

// counted is a connection that is taken off the count when it closes.
type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
