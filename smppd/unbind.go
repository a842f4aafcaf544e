package smppd

import (
	"io"
	"time"

	"gatepost/smppd/pdu"
)

// Bounds of waiting for a peer to close its side.
const (
	lingerTime   = 2 * time.Second
	lingerOctets = 4 << 20
)

// unbind ends the session in good order, from any goroutine: nothing new is
// begun, what is under way is finished, and then the peer's unbind is answered,
// or ours is sent where it has sent none. One that has not bound is cut.
func (c *session) unbind() {
	c.leaving.Do(func() {
		if !c.become(unbound) { // from here on nothing is begun
			c.abort(reasonShutdown)
			return
		}
		c.flow.helpers.Add(1)
		go c.leave()
	})
}

// leave is the goroutine that unbind begins.
func (c *session) leave() {
	defer c.flow.helpers.Done()
	if a := c.account.Load(); a != nil {
		a.retire(c)
	}
	patience := c.srv.cfg.Timers.Response
	c.flow.quiet(patience)
	if !c.replies.Load() {
		c.ask(patience)
	}
	if c.replies.Load() {
		c.sendNow(pdu.PDU{Command: pdu.UnbindResp, Sequence: c.reply.Load()})
	}
	c.hangUp()
}

// ask sends our unbind and waits for an answer, or for an unbind of the peer.
func (c *session) ask(patience time.Duration) {
	c.sendNow(pdu.PDU{Command: pdu.Unbind, Sequence: c.request()})
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-c.goodbye:
	case <-c.ended:
	case <-t.C:
	}
}

// hangUp closes our side after all is written, and lets the peer, for a
// while, close its own: closing a TCP connection on octets that nobody read
// makes the kernel send a reset, which throws away answers under way.
func (c *session) hangUp() {
	_ = c.out.drain()
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.raw.SetReadDeadline(time.Now().Add(lingerTime))
		return
	}
	_ = c.conn.Close()
}

// linger is hangUp for the goroutine of the session, which reads no PDU any
// more.
func (c *session) linger() {
	c.hangUp()
	_, _ = io.CopyN(io.Discard, c.raw, lingerOctets)
}

// bidGoodbye notes that the peer has answered our unbind, or sent its own.
// Goroutine of the session.
func (c *session) bidGoodbye() {
	select {
	case <-c.goodbye:
	default:
		close(c.goodbye)
	}
}

// become moves a bound session on to a state in addition, or an open one to
// its bind. It reports false for an open one that would be unbound, and for
// one that is unbound already.
func (c *session) become(next state) bool {
	for {
		now := c.state()
		if (now == open) == (next == unbound) || now&unbound != 0 {
			return false
		}
		if c.bindAs.CompareAndSwap(int32(now), int32(now|next)) {
			gauge := c.srv.cfg.Metrics.sessions
			gauge.WithLabelValues(now.String()).Dec()
			gauge.WithLabelValues((now | next).String()).Inc()
			return true
		}
	}
}
