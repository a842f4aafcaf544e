package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// refusal is the carrier's no to a bind.
type refusal struct{ status pdu.Status }

func (r *refusal) Error() string {
	if r.login() {
		return fmt.Sprintf("the carrier refuses our login, check system_id and password: %v", r.status)
	}
	return fmt.Sprintf("the carrier refuses the bind: %v", r.status)
}

// login reports whether the refusal speaks of who we are. Trying often would
// have the account locked.
func (r *refusal) login() bool {
	switch r.status {
	case pdu.RINVPASWD, pdu.RINVSYSID, pdu.RINVSYSTYP:
		return true
	}
	return false
}

// Probe connects, binds and unbinds once for each bind of the configuration,
// and returns what went wrong.
func Probe(ctx context.Context, config Config) error {
	config.Metrics = nil
	c := New(config)
	for _, r := range c.roles {
		l, err := c.bind(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
		l.lastWord(pdu.PDU{Command: pdu.Unbind, Sequence: l.reserve()})
		_ = l.conn.SetReadDeadline(time.Now().Add(l.lastWords()))
		_, _ = l.reader.Read() // the carrier's yes, or nothing
		_ = l.conn.Close()
	}
	return nil
}

// bind connects and binds within one response time for each of the two.
func (c *Client) bind(ctx context.Context, r *role) (*link, error) {
	conn, state, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	l := newLink(c, r, conn, state)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err = l.introduce()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l, nil
}

func (c *Client) connect(ctx context.Context) (net.Conn, gateway.TLSState, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timers.Response)
	defer cancel()
	var state gateway.TLSState
	conn, err := c.config.Dial(ctx, "tcp", c.config.Addr)
	if err != nil {
		return nil, state, fmt.Errorf("connecting: %w", err)
	}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		state.Loopback = a.IP.IsLoopback()
	}
	if c.config.TLS == nil {
		return conn, state, nil
	}
	settings := c.tlsConfig()
	secure := tls.Client(conn, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, state, fmt.Errorf("securing the connection: %w", err)
	}
	s := secure.ConnectionState()
	state.Version, state.Cipher = "TLSv"+tls.VersionName(s.Version)[len("TLS "):], tls.CipherSuiteName(s.CipherSuite)
	if len(s.VerifiedChains) > 0 {
		state.Verified, state.Name = true, settings.ServerName
	}
	return secure, state, nil
}

func (c *Client) tlsConfig() *tls.Config {
	t := c.config.TLS.Clone()
	if host, _, err := net.SplitHostPort(c.config.Addr); err == nil && t.ServerName == "" {
		t.ServerName = host
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return t
}

// chatter is how many PDUs a carrier may send before it answers the bind.
const chatter = 8

// introduce sends the bind and waits for its answer.
func (l *link) introduce() error {
	c := &l.client.config
	frame, err := pdu.Append(nil, pdu.PDU{Command: l.role.command, Sequence: l.reserve(), Body: &pdu.Bind{
		SystemID: c.SystemID, Password: c.Password, SystemType: c.SystemType, InterfaceVersion: 0x34,
	}})
	if err != nil {
		return fmt.Errorf("binding: %w", err)
	}
	if err = l.conn.SetDeadline(time.Now().Add(c.Timers.Response)); err == nil {
		_, err = l.conn.Write(frame)
	}
	for range chatter {
		var p pdu.PDU
		if err == nil {
			p, err = l.reader.Read()
		}
		var malformed *pdu.DecodeError
		switch {
		case errors.As(err, &malformed):
			err = nil
		case err != nil:
			return fmt.Errorf("binding: %w", err)
		}
		if p.Command == l.role.command.Response() || p.Command == pdu.GenericNack {
			return l.welcome(p)
		}
		if p.Command == pdu.EnquireLink {
			l.lastWord(p.Response(pdu.OK, nil))
		}
	}
	return errors.New("binding: the carrier does not answer the bind")
}

func (l *link) welcome(p pdu.PDU) error {
	if p.Status != pdu.OK || p.Command == pdu.GenericNack {
		return &refusal{p.Status}
	}
	return l.conn.SetDeadline(time.Time{})
}
