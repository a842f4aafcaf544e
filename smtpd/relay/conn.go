package relay

import (
	"bufio"
	"context"
	"net"
	"time"

	"gatepost/gateway"
)

// conn is one connection to a next hop. It belongs to one goroutine at a time.
type conn struct {
	client *Client
	key    poolKey
	socket net.Conn // the TCP connection, for closing from outside
	wire   net.Conn // socket, or TLS over it
	br     *bufio.Reader
	tls    gateway.TLSState
	ext    extensions

	served int  // transactions begun
	reused bool // came out of the pool, or waited long: may be dead without our knowing
	dirty  bool // a transaction is open: RSET before the next
	broken bool // out of step or gone: only good for closing

	expiry *time.Timer // while in the pool
	detach func() bool // ends the watch over the context of the attempt
}

func (cn *conn) host() string { return cn.key.target.host() }

func newConn(c *Client, key poolKey, socket net.Conn) *conn {
	cn := &conn{client: c, key: key, socket: socket, wire: socket, br: bufio.NewReaderSize(socket, 4096)}
	if addr, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		cn.tls.Loopback = addr.IP.IsLoopback()
	}
	return cn
}

// watch closes the connection when ctx ends, which ends every read and write.
func (cn *conn) watch(ctx context.Context) {
	cn.detach = context.AfterFunc(ctx, func() { _ = cn.socket.Close() })
}

// unwatch reports whether the connection outlived its context.
func (cn *conn) unwatch() bool { return cn.detach == nil || cn.detach() }

// write sends raw octets under the deadline of one block.
func (cn *conn) write(p []byte) error {
	return cn.timed(func() error {
		_, err := cn.wire.Write(p)
		return err
	})
}

// timed writes under the deadline of one block.
func (cn *conn) timed(write func() error) error {
	err := cn.wire.SetWriteDeadline(time.Now().Add(cn.client.config.Timeouts.Block))
	if err == nil {
		err = write()
	}
	if err != nil {
		cn.broken = true
	}
	return err
}

// read waits for one reply.
func (cn *conn) read(patience time.Duration) (reply, error) {
	err := cn.wire.SetReadDeadline(time.Now().Add(patience))
	var r reply
	if err == nil {
		r, err = readReply(cn.br)
	}
	if err != nil || r.code == 421 { // RFC 5321 section 3.8: 421 is followed by closing
		cn.broken = true
	}
	return r, err
}

// inStep reports whether the peer has said no more than it was asked. One that
// has would have each reply taken for the reply to something else.
func (cn *conn) inStep() bool { return cn.br.Buffered() == 0 }

// command sends one line and waits for its reply.
func (cn *conn) command(line string, patience time.Duration) (reply, error) {
	if !cn.inStep() {
		cn.broken = true
		return reply{}, errBroken
	}
	if err := cn.write([]byte(line + "\r\n")); err != nil {
		return cn.lastWords(err)
	}
	return cn.read(patience)
}

// lastWords looks for a reply that the peer sent before it stopped listening:
// it says more than the failed write.
func (cn *conn) lastWords(failed error) (reply, error) {
	cn.broken = true
	if r, err := cn.read(time.Second); err == nil && r.class() >= 4 {
		return r, nil
	}
	return reply{}, failed
}

// hangUp closes without a word.
func (cn *conn) hangUp() {
	cn.broken = true
	_ = cn.socket.Close()
}

// release gives a connection back after an attempt: kept when it is healthy,
// else closed. It does not wait for the peer.
func (c *Client) release(cn *conn) {
	alive := cn.unwatch()
	c.pool.end(cn.key)
	switch {
	case !alive || cn.broken || !cn.inStep():
		cn.hangUp()
	case !cn.dirty && c.pool.put(cn, c.quit):
	case !c.pool.enter():
		cn.hangUp()
	case cn.dirty:
		go c.reset(cn)
	default:
		go c.quit(cn)
	}
}

// reset ends an open transaction so that the connection can be kept. It and
// quit end one piece of the pool's work.
func (c *Client) reset(cn *conn) {
	r, err := cn.command("RSET", c.config.Timeouts.Quit)
	cn.dirty = false
	if err == nil && r.class() == 2 && c.pool.put(cn, c.quit) {
		c.pool.work.Done()
		return
	}
	c.quit(cn)
}

// quit takes leave: RFC 5321 section 4.1.1.10 wants QUIT and its reply.
func (c *Client) quit(cn *conn) {
	defer c.pool.work.Done()
	if !cn.broken {
		_, _ = cn.command("QUIT", c.config.Timeouts.Quit)
	}
	cn.hangUp()
}
