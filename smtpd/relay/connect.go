package relay

import (
	"context"
	"errors"
	"net"
)

// connect returns a connection that is ready for MAIL: a kept one, else a new
// one. Its context is watched.
func (c *Client) connect(ctx context.Context, r *Route, t target) (*conn, error) {
	key := keyOf(r, t)
	if cn := c.pool.take(key); cn != nil {
		c.metrics.connections.WithLabelValues("reused").Inc()
		cn.reused = true
		cn.watch(ctx)
		return cn, nil
	}
	return c.open(ctx, r, key)
}

// open makes a new connection. Where TLS is only opportunistic and its
// handshake failed, a second connection goes on in clear, because the first
// one is no longer usable.
func (c *Client) open(ctx context.Context, r *Route, key poolKey) (*conn, error) {
	cn, err := c.begin(ctx, r, key)
	var t *trouble
	if errors.As(err, &t) && t.clear && ctx.Err() == nil {
		inClear := *r
		inClear.TLS = None
		cn, err = c.begin(ctx, &inClear, key)
	}
	result := "opened"
	if err != nil {
		result = "failed"
	}
	c.metrics.connections.WithLabelValues(result).Inc()
	return cn, err
}

// begin dials and goes through banner, EHLO, STARTTLS and AUTH.
func (c *Client) begin(ctx context.Context, r *Route, key poolKey) (*conn, error) {
	socket, err := c.dial(ctx, key.target)
	if err != nil {
		return nil, ioTrouble(phaseConnect, err)
	}
	cn := newConn(c, key, socket)
	c.pool.begin(key)
	cn.watch(ctx)
	err = cn.greet()
	if err == nil {
		err = cn.secure(ctx, r)
	}
	if err == nil {
		err = cn.authenticate(r)
	}
	if err == nil {
		return cn, nil
	}
	c.release(cn.asSpent())
	return nil, err
}

// asSpent keeps a connection from being reused, so that it is closed, politely
// where the peer is still in step.
func (cn *conn) asSpent() *conn {
	cn.served = cn.client.config.Idle.Messages
	return cn
}

func (c *Client) dial(ctx context.Context, t target) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeouts.Connect)
	defer cancel()
	return c.config.Dial(ctx, "tcp", t.addr.String())
}
