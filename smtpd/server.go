package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"gatepost/gateway"
)

// Server serves one kind of listener. Make it with New.
type Server struct {
	cfg     Config
	backend Backend
	tls     *tls.Config // nil: none
	slots   slots
	peers   *peers
	trusted atomic.Pointer[[]netip.Prefix]
	engine  *smtp.Server    // go-smtp: sees only what conn shows it
	feed    *gateway.Feed   // gives engine the connections
	ctx     context.Context // of the sessions; ends when Shutdown gives up
	cancel  context.CancelFunc
	live    sync.WaitGroup // open connections
	serving gateway.Listeners
	start   sync.Once // starts engine

	mu      sync.Mutex // guards what follows
	closing bool
	conns   map[*conn]struct{}
}

// New makes a server that hands mail to b. It fails when the configuration
// contradicts itself.
func New(cfg Config, b Backend) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errors.New("no backend")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, backend: b,
		slots:  make(slots, cfg.Limits.Handshakes),
		peers:  newPeers(cfg.Limits, cfg.Now),
		feed:   gateway.NewFeed(),
		ctx:    ctx,
		cancel: cancel,
		conns:  make(map[*conn]struct{}),
	}
	s.SetTrusted(cfg.Trusted)
	s.tls = s.tlsConfig()
	s.engine = newEngine(cfg.Hostname)
	return s, nil
}

// newEngine sets go-smtp up to keep the sequence of commands and nothing
// else: limits, deadlines, TLS and replies are conn's.
func newEngine(hostname string) *smtp.Server {
	e := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{c: c.Conn().(*conn)}, nil
	}))
	e.Domain = hostname
	e.AllowInsecureAuth = true
	e.MaxLineLength = 0
	e.ErrorLog = silent{}
	return e
}

// silent takes what go-smtp would log: panics with what caused them, and
// errors with addresses. conn logs these itself, without words of others.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// SetTrusted replaces the networks whose peers are trusted. Sessions learn of
// it with their next message.
func (s *Server) SetTrusted(p []netip.Prefix) {
	p = append([]netip.Prefix(nil), p...)
	s.trusted.Store(&p)
}

// trusts reports whether a lies in a trusted network.
func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range *s.trusted.Load() {
		if p.Contains(a.Unmap()) || p.Contains(a) {
			return true
		}
	}
	return false
}

// Serve takes connections from l until Shutdown, and then returns nil. It
// closes l. Several listeners may be served at once.
func (s *Server) Serve(l net.Listener) error {
	s.start.Do(func() { go s.engine.Serve(s.feed) })
	return s.serving.Serve(l, s.admit, func(err error, pause time.Duration) {
		s.cfg.Logger.Warn("taking a connection failed", "listener", s.cfg.Listener, "error", err, "delay", pause)
	})
}

// sleep waits for d or until Shutdown gives up.
func (s *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

var faultCrowd = gateway.NewFault(421, "4.7.0", "Too many connections, try again later")

// admit starts a session on raw, or turns it away.
func (s *Server) admit(raw net.Conn) {
	s.cfg.Metrics.connections.WithLabelValues(s.cfg.Listener).Inc()
	c := newConn(s, raw)
	why, crowded := s.peers.admit(c)
	if crowded {
		s.reject(reasonCrowded)
	}
	if why != "" {
		s.reject(why)
		s.turnAway(c, faultCrowd)
		return
	}
	if !s.register(c) {
		s.peers.leave(c)
		s.turnAway(c, gateway.FaultShutdown)
		return
	}
	if !s.feed.Give(c) {
		c.Close()
	}
}

// turnAway answers in place of the greeting, RFC 5321 section 3.1. It does
// not block: the send buffer is empty.
func (s *Server) turnAway(c *conn, f *gateway.Fault) {
	c.cancel()
	if s.cfg.Listener != Submissions {
		_ = c.raw.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.raw.Write([]byte(replyLine(f) + "\r\n"))
	}
	_ = c.raw.Close()
}

func (s *Server) register(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = struct{}{}
	s.live.Add(1)
	s.cfg.Metrics.sessions.WithLabelValues(s.cfg.Listener).Inc()
	return true
}

// release undoes register and the admission.
func (s *Server) release(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.peers.leave(c)
	s.cfg.Metrics.sessions.WithLabelValues(s.cfg.Listener).Dec()
	s.live.Done()
}

func (s *Server) reject(why reason) {
	s.cfg.Metrics.rejected.WithLabelValues(s.cfg.Listener, string(why)).Inc()
}

// Shutdown stops taking connections, tells sessions that wait for a command
// 421 4.3.2 at once, and waits for messages under way. When ctx ends first,
// it cancels the context of the Backend's calls, cuts the connections and
// returns the error of ctx: a message whose Accept has not returned was not
// answered 250. The Server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	conns := s.close()
	for _, c := range conns {
		c.endWhenIdle()
	}
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
		s.cancel()
		err = s.engine.Shutdown(ctx)
	case <-ctx.Done():
		s.cancel()
		for _, c := range s.close() {
			c.abort()
		}
		err = ctx.Err()
	}
	_ = s.feed.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// close marks the server as closing, closes the listeners and returns the
// connections that are open. After it no connection is added.
func (s *Server) close() []*conn {
	s.serving.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}
