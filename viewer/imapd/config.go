package imapd

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what New needs.
type Config struct {
	Hostname string // in the greeting
	// TLS offers STARTTLS and is spoken from the start by ServeTLS.
	TLS *tls.Config
	// PlaintextLoopback takes passwords without TLS from loopback clients.
	PlaintextLoopback bool
	// MaxMessage bounds the octets of an APPEND; 0 is 50 MiB.
	MaxMessage int64
	Limits     Limits
	Now        func() time.Time // nil is time.Now
	Logger     *slog.Logger     // nil: silent
	Metrics    prometheus.Registerer
}

// Limits bounds what clients can use up. A zero field has the default that
// its comment names.
type Limits struct {
	Connections int // open at once; 4096
	Strangers   int // of them not logged in: one of the host with most gives way to a new one, loopback last; 1024
	PerHost     int // open at once from one address (IPv6: /64), loopback excepted; 512
	PerUser     int // sessions of one user at once; 50
	Handshakes  int // TLS handshakes under way at once; 128
	BadCommands int // before login, and wrong passwords of one connection; 10
	Searched    int // messages whose text one SEARCH reads; 10,000
	CacheBytes  int // of list lines kept ready; 24 MiB

	SearchedBytes int64 // octets of text that one SEARCH reads; 128 MiB

	Login     time.Duration // until somebody has logged in; 3 min
	Idle      time.Duration // between commands, RFC 9051 section 5.4 asks for 30 min at least; 35 min
	Command   time.Duration // for the rest of a command line once it began; 1 min
	Block     time.Duration // for one read inside of a literal; 2 min
	Write     time.Duration // for one write; 1 min
	Work      time.Duration // for one call of Mail; 5 min
	Handshake time.Duration // 30 s
	Recheck   time.Duration // after which an idle session is looked at again: is its user still one; 30 s
}

// Limits that nobody needs to set.
const (
	maxLine     = 48 << 10 // octets of a command with its literals: go-imap takes 50 KiB
	maxLiteral  = 4096     // octets of a literal other than a message
	maxTag      = 64       // octets
	maxSASL     = 8 << 10  // octets of a SASL response
	maxDiscard  = 8 << 20  // octets that are read and thrown away so that a session survives
	maxSections = 200      // body sections of one FETCH
	maxSearch   = 100      // depth of search keys
	maxKeys     = 500      // search keys: each message may be compared with all
	outBuffer   = 32 << 10 // octets of answers that are sent together
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Connections, 4096}, {&l.Strangers, 1024}, {&l.PerHost, 512}, {&l.PerUser, 50}, {&l.Handshakes, 128},
		{&l.BadCommands, 10}, {&l.Searched, 10_000}, {&l.CacheBytes, 24 << 20},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Login, 3 * time.Minute}, {&l.Idle, 35 * time.Minute}, {&l.Command, time.Minute}, {&l.Block, 2 * time.Minute},
		{&l.Write, time.Minute}, {&l.Work, 5 * time.Minute}, {&l.Handshake, 30 * time.Second}, {&l.Recheck, 30 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.SearchedBytes == 0 {
		l.SearchedBytes = 128 << 20
	}
	return l
}

func (c Config) withDefaults() (Config, error) {
	if c.Hostname == "" {
		return c, errors.New("no host name to greet with")
	}
	if c.TLS == nil && !c.PlaintextLoopback {
		return c, errors.New("IMAP needs TLS")
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
	c.Limits = c.Limits.withDefaults()
	return c, nil
}
