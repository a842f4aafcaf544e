package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"gatepost/gateway"
)

var (
	errInjected   = errors.New("octets behind the reply to STARTTLS")
	errUnverified = errors.New("certificate not verified")
)

// secure brings the connection to what the route's policy wants. A trouble
// with clear set may be answered by a new connection without TLS.
func (cn *conn) secure(ctx context.Context, r *Route) error {
	switch {
	case r.TLS == None:
		return nil
	case !cn.ext.startTLS && r.TLS == Opportunistic:
		return nil
	case !cn.ext.startTLS:
		return deferred(phaseStartTLS, "4.7.4", "TLS is required, but the next hop does not offer it", nil)
	}
	reply, err := cn.command("STARTTLS", cn.client.config.Timeouts.Hello)
	switch {
	case err != nil:
		return ioTrouble(phaseStartTLS, err)
	case reply.code != 220 && r.TLS == Opportunistic && !cn.broken:
		return nil // it stays in clear on the same connection, RFC 3207 section 4
	case reply.code != 220:
		return answered(phaseStartTLS, reply)
	case cn.br.Buffered() > 0:
		// Someone on the way put words behind the 220 that a careless client
		// would take for words from inside TLS. This is an attack or a broken
		// server: never go on, not even in clear.
		cn.client.config.Logger.Warn("next hop spoke before TLS", "host", cn.host())
		return deferred(phaseStartTLS, "4.7.0", "Octets before the TLS handshake", errInjected)
	}
	if err := cn.handshake(ctx, r); err != nil {
		t := deferred(phaseStartTLS, "4.7.5", "TLS handshake failed", err)
		t.clear = r.TLS == Opportunistic
		if errors.Is(err, errUnverified) {
			t.text = "Certificate of the next hop could not be verified"
		}
		return t
	}
	return cn.hello() // RFC 3207 section 4.2: what was offered in clear does not count
}

// handshake wraps the connection in TLS. The certificate is always checked;
// only under Verify does a failed check end the handshake.
func (cn *conn) handshake(ctx context.Context, r *Route) error {
	ctx, cancel := context.WithTimeout(ctx, cn.client.config.Timeouts.Hello)
	defer cancel()
	_ = cn.socket.SetDeadline(time.Time{}) // the context bounds the handshake; phases set their own again
	state := gateway.TLSState{}
	wire := tls.Client(cn.socket, &tls.Config{
		ServerName:         cn.key.target.name,
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: cn.client.sessions,
		InsecureSkipVerify: true, // verified below, where the result is kept too
		VerifyConnection: func(cs tls.ConnectionState) error {
			state = cn.judge(cs, r)
			if r.TLS == Verify && !state.Verified {
				return errUnverified
			}
			return nil
		},
	})
	if err := wire.HandshakeContext(ctx); err != nil {
		cn.broken = true
		return err
	}
	cn.wire, cn.tls = wire, state
	cn.br = bufio.NewReaderSize(wire, 4096)
	return nil
}

// judge says what the connection is worth: chain to the route's roots and name
// of the host that was asked for. It runs for resumed sessions too.
func (cn *conn) judge(cs tls.ConnectionState, r *Route) gateway.TLSState {
	state := gateway.TLSState{Version: versionName(cs.Version), Cipher: tls.CipherSuiteName(cs.CipherSuite), Loopback: cn.tls.Loopback}
	if len(cs.PeerCertificates) == 0 {
		return state
	}
	options := x509.VerifyOptions{
		Roots:         r.RootCAs,
		DNSName:       cn.key.target.name,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   cn.client.config.Now(),
	}
	for _, c := range cs.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := cs.PeerCertificates[0].Verify(options); err == nil {
		state.Verified, state.Name = true, cn.key.target.name
	}
	return state
}

func versionName(v uint16) string {
	switch v {
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return "TLS"
}
