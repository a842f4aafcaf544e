package viewer

import "net"

// Limits of connections. One host is a household or a clinic behind one
// address; loopback is a proxy of ours that speaks for everybody.
const (
	DefaultConnections = 4096
	DefaultPerHost     = 128
)

// Confine limits the connections that l hands out: total at once, and perHost
// of one network address (IPv6: of one /56), loopback excepted. One too many is
// closed as soon as it is accepted, so that those who hold connections open
// cannot keep others from being heard. Zero limits take the defaults.
//
// It belongs directly on the TCP listener, below TLS: a connection counts from
// its first packet, not from its handshake. How many requests the connections
// carry at once is NewServer's to limit.
func Confine(l net.Listener, total, perHost int) net.Listener {
	if total <= 0 {
		total = DefaultConnections
	}
	if perHost <= 0 {
		perHost = DefaultPerHost
	}
	return &confined{Listener: l, crowd: newCrowd(total, perHost)}
}

type confined struct {
	net.Listener
	*crowd
}

// Accept implements net.Listener.
func (c *confined) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave, ok := c.enter(neighbourOf(conn.RemoteAddr().String())); ok {
			return &counted{Conn: conn, leave: leave}, nil
		}
		_ = conn.Close() // nobody is owed an answer here
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
