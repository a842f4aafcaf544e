package smtpd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// The listeners: Config.Listener is one of them.
const (
	Relay       = "relay"       // trusted peers; AUTH is offered under TLS
	Inbound     = "inbound"     // anyone; no AUTH
	Submission  = "submission"  // STARTTLS, then AUTH, then mail
	Submissions = "submissions" // TLS from the first octet, then AUTH, then mail
)

// Config is what New needs. The zero value of every field but Listener and
// Hostname is usable; submission and submissions need TLS.
type Config struct {
	Listener string
	Hostname string // in the greeting and in EHLO
	Domain   string // of RCPT TO:<postmaster>; "" is Hostname
	// MaxMessage bounds the octets of a canonical body; 0 is 50 MiB.
	MaxMessage int64
	// TLS offers STARTTLS (submissions: is spoken from the start). Certificates
	// reload through its GetCertificate. Nil: no TLS.
	TLS *tls.Config
	// ClientCAs verifies client certificates: a peer that shows a good one is
	// trusted. Others stay strangers; they are not refused. Nil: none are asked for.
	ClientCAs *x509.CertPool
	// PlaintextLoopback lets loopback peers use AUTH without TLS.
	PlaintextLoopback bool
	Trusted           []netip.Prefix // see Server.SetTrusted
	Limits            Limits
	Now               func() time.Time // clock of rates, sessions and certificates; nil is time.Now
	Logger            *slog.Logger     // nil: silent
	Metrics           *Metrics         // shared by the servers of a process; nil: not exported
}

// Limits bounds what peers can use up. A zero field has the default that its
// comment names.
type Limits struct {
	Connections    int // open at once; strangers get three quarters of it, and one of them that is idle gives way to a newcomer; 8192
	PerPeer        int // open at once from one stranger (IPv4 address, IPv6 /64); 100
	PerTrusted     int // the same for a trusted or loopback peer; 4096
	ConnectionRate int // per minute from one stranger; 300
	MessageRate    int // MAIL per minute from one stranger; 600
	RecipientRate  int // RCPT per minute from one stranger, refused ones included; 3000
	Handshakes     int // TLS handshakes under way at once; 256
	Recipients     int // of one message; 1000 (RFC 5321 section 4.5.3.1.8: at least 100)
	LineLength     int // octets of a body line with CRLF; 64 KiB. RFC 5321 section 4.5.3.1.6 says 1000; longer lines exist and pass byte-exact
	BadCommands    int // refused commands of a session before 421; 20
	BadRecipients  int // refused recipients of a stranger's session before 421; 100
	AuthFailures   int // wrong passwords of one peer before 421, one forgiven every 10 s; 100

	Drain int64 // octets read and thrown away after a refusal, so that the session survives; 2 × MaxMessage

	RefusalDelay time.Duration // pause after the tenth refused recipient of a stranger, on the inbound listener of any peer; ten times as long from the twentieth on; one forgiven a second; 20 ms

	AuthDelay time.Duration // pause after the fourth wrong password of a peer, doubling up to 10 s; 500 ms
	Idle      time.Duration // for one command line, RFC 5321 section 4.5.3.2.7; 5 min
	Block     time.Duration // for one read inside a body, RFC 5321 section 4.5.3.2.5; 3 min
	Body      time.Duration // for a whole body; 30 min
	Accept    time.Duration // for Backend.Accept after the body's time; 5 min
	Session   time.Duration // of a stranger's session, which ends between messages; 1 h
	Handshake time.Duration // for one TLS handshake; 30 s
	Write     time.Duration // for one reply; 1 min
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults(maxMessage int64) Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Connections, 8192}, {&l.PerPeer, 100}, {&l.PerTrusted, 4096},
		{&l.ConnectionRate, 300}, {&l.MessageRate, 600}, {&l.RecipientRate, 3000},
		{&l.Handshakes, 256}, {&l.Recipients, 1000}, {&l.LineLength, 64 << 10},
		{&l.BadCommands, 20}, {&l.BadRecipients, 100}, {&l.AuthFailures, 100},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.RefusalDelay, 20 * time.Millisecond}, {&l.AuthDelay, 500 * time.Millisecond}, {&l.Idle, 5 * time.Minute}, {&l.Block, 3 * time.Minute},
		{&l.Body, 30 * time.Minute}, {&l.Accept, 5 * time.Minute}, {&l.Session, time.Hour},
		{&l.Handshake, 30 * time.Second}, {&l.Write, time.Minute},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.Drain == 0 {
		l.Drain = 2 * maxMessage
	}
	return l
}

// withDefaults checks the configuration and fills what is empty.
func (c Config) withDefaults() (Config, error) {
	switch c.Listener {
	case Relay, Inbound:
	case Submission, Submissions:
		if c.TLS == nil && (c.Listener == Submissions || !c.PlaintextLoopback) {
			return c, fmt.Errorf("listener %s needs TLS", c.Listener)
		}
	default:
		return c, fmt.Errorf("unknown listener %q", c.Listener)
	}
	if c.Hostname == "" {
		return c, errors.New("no host name to greet with")
	}
	if c.Domain == "" {
		c.Domain = c.Hostname
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 50 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	c.Limits = c.Limits.withDefaults(c.MaxMessage)
	return c, nil
}

// authOffered says whether this listener has AUTH at all.
func (c *Config) authOffered() bool { return c.Listener != Inbound }

// authRequired says whether mail is taken from accounts only.
func (c *Config) authRequired() bool {
	return c.Listener == Submission || c.Listener == Submissions
}
