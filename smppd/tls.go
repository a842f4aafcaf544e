package smppd

import (
	"crypto/tls"
	"strings"
)

// handshake speaks TLS on the connection from now on. The timer of the
// session's beginning bounds it.
func (c *session) handshake() bool {
	t := tls.Server(c.raw, c.srv.tls)
	if err := t.HandshakeContext(c.srv.ctx); err != nil {
		c.srv.cut(reasonTLS)
		c.log.Debug("TLS handshake failed", "error", err)
		return false
	}
	state := t.ConnectionState()
	version := strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1)
	c.tls = version + " " + tls.CipherSuiteName(state.CipherSuite)
	c.conn, c.out.raw = t, t
	return true
}
