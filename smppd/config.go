package smppd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// The listeners, as gateway.Peer.Listener names them.
const (
	SMPP  = "smpp"  // plain
	SMPPS = "smpps" // TLS from the first octet
)

// Config is what New needs. Place, Receipt and Older are required; the zero
// value of every other field is usable.
type Config struct {
	SystemID string // ours, in the answers to binds, at most 15 octets; "" is "Gatepost"
	Accounts []Account
	// TLS is what ServeTLS speaks. Certificates reload through its
	// GetCertificate. Nil: ServeTLS fails.
	TLS *tls.Config
	// Place says which part of a long text a segment is; gateway.ErrSegment for
	// one that contradicts itself. It must be pure.
	Place func(*gateway.Segment) (gateway.SegmentPlace, error)
	// Receipt writes a receipt as a deliver_sm. It must be pure.
	Receipt func(gateway.Receipt) gateway.Segment
	// Older writes the segments of a text without optional parameters, for peers
	// of interface_version below 0x34; ref is for parts that it cuts. It must be
	// pure, and leave alone what has none.
	Older func(segments []gateway.Segment, ref uint16) ([]gateway.Segment, error)
	// Login is told of each bind, with the system_id in p.Account; ok is false
	// for a wrong system_id or password. An error for a good one refuses the
	// bind. Nil: nobody is told.
	Login   func(ctx context.Context, p gateway.Peer, ok bool) error
	Timers  Timers
	Limits  Limits
	Now     func() time.Time // clock of rates and forgiveness; nil is time.Now
	Logger  *slog.Logger     // nil: silent
	Metrics *Metrics         // nil: not exported
}

// Timers of sessions, SMPP v3.4 section 7.2. A zero field has the default that
// its comment names.
type Timers struct {
	SessionInit time.Duration // from the connection to the bind; 5 s
	EnquireLink time.Duration // of silence, until we ask whether the peer is there; 30 s
	Response    time.Duration // until a PDU of ours is answered; 10 s
	Inactivity  time.Duration // without any PDU but enquire_link, until we unbind; 0: never
	Redeliver   time.Duration // until a delivery that was refused or not answered is tried again; 10 s
	PartTimeout time.Duration // for which the other parts of an admitted text are admitted; 60 s
}

// Limits bounds what peers can use up. A zero field has the default that its
// comment names.
type Limits struct {
	Sessions     int           // open connections; 4096
	Unbound      int           // of them not bound yet: the oldest gives way to a new one; 512
	PerPeer      int           // open from one address (IPv4 address, IPv6 /64) that is not loopback; 256
	PerAccount   int           // bound to one account, where Account.Sessions is 0; 64
	Logins       int           // wrong passwords on one connection before it is closed; 3
	AuthFailures int           // wrong passwords of an address that is not loopback before it is not heard, one forgiven every 10 s; 100
	AuthDelay    time.Duration // pause after the fourth wrong password of an address, doubling up to half of SessionInit; 250 ms
	PDU          int           // octets of a PDU; pdu.MaxFrame
	InFlight     int           // octets of unanswered submissions of a session, one excepted; 1 MiB
	Output       int           // octets that wait to be written before a session is not read from; 64 KiB
	Write        time.Duration // for one write; 30 s
}

// withDefaults fills the zero fields.
func (t Timers) withDefaults() Timers {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.SessionInit, 5 * time.Second}, {&t.EnquireLink, 30 * time.Second}, {&t.Response, 10 * time.Second},
		{&t.Redeliver, 10 * time.Second}, {&t.PartTimeout, time.Minute},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return t
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Sessions, 4096}, {&l.Unbound, 512}, {&l.PerPeer, 256}, {&l.PerAccount, 64}, {&l.Logins, 3},
		{&l.AuthFailures, 100}, {&l.PDU, pdu.MaxFrame}, {&l.InFlight, 1 << 20}, {&l.Output, 64 << 10},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.AuthDelay == 0 {
		l.AuthDelay = 250 * time.Millisecond
	}
	if l.Write == 0 {
		l.Write = 30 * time.Second
	}
	return l
}

// withDefaults checks the configuration and fills what is empty.
func (c Config) withDefaults() (Config, error) {
	if c.Place == nil || c.Receipt == nil || c.Older == nil {
		return c, errors.New("no reader of segments, or no writer of receipts or for older peers")
	}
	if c.SystemID == "" {
		c.SystemID = "Gatepost"
	}
	if len(c.SystemID) > maxSystemID {
		return c, fmt.Errorf("system_id %q is longer than %d octets", c.SystemID, maxSystemID)
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
	c.Timers = c.Timers.withDefaults()
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

// maxSystemID is the longest system_id, SMPP v3.4 section 5.2.1 without its NUL.
const maxSystemID = 15

// defaultWindow is Account.Window when it is 0.
const defaultWindow = 100
