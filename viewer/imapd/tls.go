package imapd

import (
	"context"
	"crypto/tls"
	"time"
)

// startTLS begins TLS (RFC 9051 section 6.2.1). What was sent before it and is
// not read yet would be taken for something said under TLS: the session ends.
func (c *conn) startTLS() {
	if c.secure || c.srv.cfg.TLS == nil {
		c.reply("BAD There is no STARTTLS here")
		c.blame()
		return
	}
	if c.loggedIn {
		c.reply("BAD Logged in already")
		return
	}
	if c.in.Buffered() > 0 {
		c.bye("Nothing is sent behind STARTTLS")
		return
	}
	c.reply("OK Begin TLS")
	if c.flush() != nil || c.handshake() != nil {
		c.end()
	}
}

// handshake speaks TLS on the connection from now on. How many are under way
// at once is limited.
func (c *conn) handshake() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.srv.cfg.Limits.Handshake)
	defer cancel()
	raw := c.current()
	t := tls.Server(raw, c.srv.cfg.TLS)
	_ = raw.SetWriteDeadline(time.Now().Add(c.srv.cfg.Limits.Handshake))
	if err := c.beginWait(time.Now().Add(c.srv.cfg.Limits.Handshake), true); err != nil { // a shutdown does not wait for it
		return err
	}
	select {
	case c.srv.handshakes <- struct{}{}:
		defer func() { <-c.srv.handshakes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := t.HandshakeContext(ctx); err != nil {
		c.srv.metrics.refused.WithLabelValues("handshake").Inc()
		c.log.Debug("TLS handshake failed", "error", err)
		return err
	}
	c.mu.Lock()
	c.raw, c.waiting = t, false
	c.mu.Unlock()
	c.secure = true
	c.agent = "" // what was said before may be anybody's (RFC 9051 section 6.2.1)
	return nil
}
