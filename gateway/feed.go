package gateway

import (
	"net"
	"sync"
)

// Feed is the net.Listener of an engine that wants one: it accepts the
// connections that Give hands over, so that limits and deadlines are the
// server's own before the engine sees anything. Make it with NewFeed.
type Feed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewFeed makes a Feed that is open.
func NewFeed() *Feed { return &Feed{conns: make(chan net.Conn), done: make(chan struct{})} }

// Give hands c over, once the engine is ready for it, and reports whether it
// was taken. A Feed that is closed takes none.
func (f *Feed) Give(c net.Conn) bool {
	select {
	case f.conns <- c:
		return true
	case <-f.done:
		return false
	}
}

// Accept implements net.Listener.
func (f *Feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It may be called again.
func (f *Feed) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

// Addr implements net.Listener.
func (f *Feed) Addr() net.Addr { return &net.TCPAddr{} }
