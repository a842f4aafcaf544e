package upstream

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// Bind says how we present ourselves to the carrier, as the configuration
// spells it.
type Bind string

// The binds. Separate is a transmitter and a receiver side by side, for carriers
// without transceivers.
const (
	Transceiver Bind = "transceiver"
	Separate    Bind = "separate"
	Transmitter Bind = "transmitter"
	Receiver    Bind = "receiver"
)

// Config of a Client. Zero values get the defaults named.
type Config struct {
	Addr       string // host:port of the SMSC
	SystemID   string
	Password   gateway.Sensitive
	SystemType string
	Bind       Bind // Transceiver
	Window     int  // unanswered segments: 10
	Rate       int  // segments a second; 0: no limit
	// TLS is used for every connection where it is not nil. Without a
	// ServerName the host of Addr is verified.
	TLS    *tls.Config
	Timers Timers
	// Permanent are command_status values of the carrier's own, or ones that
	// this package takes for temporary, that mean a segment is refused for good.
	Permanent []uint32
	// ParseReceipt reads a delivery receipt (SMPP v3.4 Appendix B); false when
	// the segment holds none. It is called for what says it is one.
	ParseReceipt func(*gateway.Segment) (gateway.Receipt, bool)
	// Ready is called when segments can leave again: a bind that sends is up, or
	// the carrier took one after it had asked for a pause. It must be quick; nil:
	// nobody wants to know.
	Ready   func()
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Now     func() time.Time // for outcomes; time.Now
	Chance  func() float64   // in [0, 1), for jitter; math/rand/v2
	Logger  *slog.Logger     // nil: silent
	Metrics prometheus.Registerer
}

// Timers of the sessions; the first two are those of SMPP v3.4 section 7.2.
type Timers struct {
	// EnquireLink is how long the carrier may be silent before it is asked
	// whether it lives: 30 s.
	EnquireLink time.Duration
	// Response is how long a connection, a bind and an enquire_link may take,
	// and how long Send waits for a bind or for an end of throttling: 10 s. A
	// segment is waited for six times as long while its link lives.
	Response time.Duration
	// Reconnect and MaxReconnect bound the wait before a link is opened again:
	// 1 s and 10 s.
	Reconnect, MaxReconnect time.Duration
	// Refused is the wait after the carrier refused our login: 1 min.
	Refused time.Duration
	// Pause and MaxPause bound how long nothing is sent after the carrier said
	// that it is too much: 1 s and 10 s.
	Pause, MaxPause time.Duration
}

// responses is how many response times a segment is waited for.
const responses = 6

func or[T int | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

func (c *Config) setDefaults() {
	t := &c.Timers
	or(&t.EnquireLink, 30*time.Second)
	or(&t.Response, 10*time.Second)
	or(&t.Reconnect, time.Second)
	or(&t.MaxReconnect, 10*time.Second)
	or(&t.Refused, time.Minute)
	or(&t.Pause, time.Second)
	or(&t.MaxPause, 10*time.Second)
	or(&c.Window, 10)
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chance == nil {
		c.Chance = rand.Float64
	}
	if c.ParseReceipt == nil {
		c.ParseReceipt = func(*gateway.Segment) (gateway.Receipt, bool) { return gateway.Receipt{}, false }
	}
	if c.Ready == nil {
		c.Ready = func() {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// backoff is the wait after the n-th failure in a row: doubled each time from
// first to most, up to half of it taken off at random so that those who lost
// the same carrier do not come back together.
func backoff(n int, first, most time.Duration, chance float64) time.Duration {
	delay := first
	for i := 1; i < n && delay < most; i++ {
		delay *= 2
	}
	delay = min(delay, most)
	return delay - time.Duration(float64(delay)*0.5*chance)
}
