package relay

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config of a Client. Zero values get the defaults named.
type Config struct {
	Hostname string // our name in EHLO; "localhost" when ""
	Resolver Resolver
	// Own reports whether a host is Gatepost itself, besides Hostname on port
	// 25, so that MX loops are cut (RFC 5321 section 5.1) and routes cannot
	// point at ourselves. addr is not valid where only the name is known.
	Own      func(name string, addr netip.AddrPort) bool
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Timeouts Timeouts
	Idle     Idle
	Now      func() time.Time // for outcomes and certificates; time.Now
	Logger   *slog.Logger     // nil: silent
	Metrics  prometheus.Registerer
}

// Timeouts of the phases, each for one reply or one write; the defaults are
// those of RFC 5321 section 4.5.3.2.
type Timeouts struct {
	Connect  time.Duration // 30 s
	Banner   time.Duration // 5 min
	Hello    time.Duration // EHLO, STARTTLS, handshake, AUTH: 5 min
	Mail     time.Duration // 5 min
	Rcpt     time.Duration // 5 min
	DataInit time.Duration // 2 min
	Block    time.Duration // one write: 3 min
	DataDone time.Duration // 10 min
	Quit     time.Duration // QUIT and RSET in the background: 5 s
	Lookup   time.Duration // one DNS question: 20 s
}

// Idle bounds the connections that are kept for the next message.
type Idle struct {
	PerRoute int           // kept at once for one route and host; 20, negative: none
	For      time.Duration // 10 s
	Messages int           // transactions before a connection is closed; 100
	// OnDemand keeps a connection only while another one to the same host is
	// at work, or was within For: under load connections are reused, a lone
	// message leaves nothing behind.
	OnDemand bool
}

func or[T int | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

func (c *Config) setDefaults() {
	t := &c.Timeouts
	or(&t.Connect, 30*time.Second)
	or(&t.Banner, 5*time.Minute)
	or(&t.Hello, 5*time.Minute)
	or(&t.Mail, 5*time.Minute)
	or(&t.Rcpt, 5*time.Minute)
	or(&t.DataInit, 2*time.Minute)
	or(&t.Block, 3*time.Minute)
	or(&t.DataDone, 10*time.Minute)
	or(&t.Quit, 5*time.Second)
	or(&t.Lookup, 20*time.Second)
	or(&c.Idle.PerRoute, 20)
	or(&c.Idle.For, 10*time.Second)
	or(&c.Idle.Messages, 100)
	if c.Hostname == "" {
		c.Hostname = "localhost"
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Client delivers to next hops and keeps idle connections. Its methods may be
// called concurrently.
type Client struct {
	config   Config
	pool     pool
	sessions tls.ClientSessionCache
	buffers  sync.Pool // of *bodyBuffer
	metrics  metrics
}

// New makes a Client. Close releases its connections.
func New(config Config) *Client {
	config.setDefaults()
	c := &Client{
		config:   config,
		sessions: tls.NewLRUClientSessionCache(1024),
		metrics:  newMetrics(config.Metrics),
	}
	c.buffers.New = func() any { return new(bodyBuffer) }
	c.pool = pool{limits: config.Idle, idle: map[poolKey][]*conn{}, working: map[poolKey]int{}}
	return c
}

// Close closes idle connections and waits until those that say QUIT in the
// background are gone. Running deliveries end by their own contexts; what they
// release later is closed, not kept.
func (c *Client) Close() error {
	for _, cn := range c.pool.close() {
		go c.quit(cn)
	}
	c.pool.work.Wait()
	return nil
}
