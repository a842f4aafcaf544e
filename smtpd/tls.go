package smtpd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"time"
)

// slots bounds the TLS handshakes under way.
type slots chan struct{}

// handshaking is the connection below a handshake. It takes its slot when the
// ClientHello is there, so that peers who connect and say nothing hold none.
type handshaking struct {
	net.Conn
	slots slots
	taken bool // goroutine of the handshake
}

// NetConn is the connection below, as tls.Conn has it.
func (h *handshaking) NetConn() net.Conn { return h.Conn }

func (h *handshaking) take(ctx context.Context) error {
	if h.taken {
		return nil
	}
	select {
	case h.slots <- struct{}{}:
		h.taken = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *handshaking) give() {
	if h.taken {
		<-h.slots
		h.taken = false
	}
}

// tlsConfig is the configuration of handshakes: the caller's, with the slots,
// TLS 1.2 as the least, and client certificates asked for when there is
// something to verify them with. They are asked for and verified here, not
// demanded: many MTAs show whatever certificate they have.
func (s *Server) tlsConfig() *tls.Config {
	if s.cfg.TLS == nil {
		return nil
	}
	t := s.cfg.TLS.Clone()
	if t.MinVersion == 0 {
		t.MinVersion = tls.VersionTLS12
	}
	if s.cfg.ClientCAs != nil {
		t.ClientAuth, t.ClientCAs = tls.RequestClientCert, s.cfg.ClientCAs
	}
	callers := t.GetConfigForClient
	t.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if h, ok := hello.Conn.(*handshaking); ok {
			if err := h.take(hello.Context()); err != nil {
				return nil, err
			}
		}
		if callers == nil {
			return nil, nil
		}
		return callers(hello)
	}
	return t
}

// handshake speaks TLS on the connection from now on.
func (c *conn) handshake() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.srv.cfg.Limits.Handshake)
	defer cancel()
	h := &handshaking{Conn: c.raw, slots: c.srv.slots}
	defer h.give()
	t := tls.Server(h, c.srv.tls)
	_ = c.raw.SetDeadline(time.Now().Add(c.srv.cfg.Limits.Handshake))
	c.setGreeting(true)
	err := t.HandshakeContext(ctx)
	c.setGreeting(false)
	if err != nil {
		c.srv.cfg.Metrics.handshakes.WithLabelValues(c.srv.cfg.Listener).Inc()
		c.log.Debug("TLS handshake failed", "error", err)
		return err
	}
	_ = c.raw.SetDeadline(time.Time{})
	c.swap(t)
	state := t.ConnectionState()
	c.tls = tlsName(&state)
	if c.certified = c.srv.verifies(&state); c.certified {
		c.srv.peers.proven(c)
	}
	return nil
}

// verifies reports whether the peer showed a client certificate of the
// configured authorities.
func (s *Server) verifies(state *tls.ConnectionState) bool {
	if s.cfg.ClientCAs == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	between := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots:         s.cfg.ClientCAs,
		Intermediates: between,
		CurrentTime:   s.cfg.Now(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// tlsName is Peer.TLS: "TLSv1.3 TLS_AES_128_GCM_SHA256".
func tlsName(state *tls.ConnectionState) string {
	version := strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1)
	return version + " " + tls.CipherSuiteName(state.CipherSuite)
}
