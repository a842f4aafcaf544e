package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// Server serves staff. Make it with New.
type Server struct {
	cfg        Config
	mail       Mail
	bodies     Bodies
	engine     *imapserver.Server // go-imap: sees only what conn shows it
	feed       *gateway.Feed      // gives engine the connections
	metrics    *metrics
	peers      *peers
	rows       *rows
	handshakes chan struct{}
	buffers    sync.Pool
	ctx        context.Context // of the sessions; ends when Shutdown gives up
	cancel     context.CancelFunc
	live       sync.WaitGroup // open connections
	serving    gateway.Listeners
	start      sync.Once // starts engine

	mu      sync.Mutex // guards what follows
	closing bool
	conns   map[*conn]bool // true: TLS from the start
}

// New makes a server of the folders in m, whose messages b opens.
func New(cfg Config, m Mail, b Bodies) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if m == nil || b == nil {
		return nil, errors.New("nothing to serve")
	}
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		cfg.TLS.MinVersion = max(cfg.TLS.MinVersion, tls.VersionTLS12)
		cfg.TLS.NextProtos = nil
	}
	s := &Server{
		cfg: cfg, mail: m, bodies: b, feed: gateway.NewFeed(), peers: newPeers(cfg.Limits), rows: newRows(cfg.Limits.CacheBytes),
		handshakes: make(chan struct{}, cfg.Limits.Handshakes),
		conns:      make(map[*conn]bool),
	}
	s.buffers.New = func() any { b := make([]byte, 0, outBuffer); return &b }
	if s.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.engine = imapserver.New(&imapserver.Options{
		NewSession: func(e *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			c := e.NetConn().(*conn)
			c.session = newSession(c, e)
			return c.session, &imapserver.GreetingData{}, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}, imap.CapLiteralPlus: {}, imap.CapNamespace: {}, imap.CapMove: {},
		},
		InsecureAuth: true, // conn asks for TLS
		Logger:       complaints{s.metrics, cfg.Logger},
	})
	return s, nil
}

// complaints takes what go-imap would log: it quotes what clients sent. A
// panic is told, without words of others.
type complaints struct {
	metrics *metrics
	logger  *slog.Logger
}

// Printf implements imapserver.Logger.
func (q complaints) Printf(format string, args ...any) {
	if len(format) >= 5 && format[:5] == "panic" && len(args) > 0 {
		q.metrics.panics.Inc()
		q.logger.Error("a command panicked", "area", "imap", "error", gateway.PanicText(args[0]), "path", gateway.PanicPlace())
	}
}

// buffer is an empty one for answers.
func (s *Server) buffer() []byte { return (*s.buffers.Get().(*[]byte))[:0] }

func (s *Server) release(b []byte) {
	if cap(b) == outBuffer {
		s.buffers.Put(&b)
	}
}

// Serve takes connections from l until Shutdown, and then returns nil. It
// closes l. Several listeners may be served at once.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, false) }

// ServeTLS is Serve with TLS from the first octet (RFC 8314).
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLS == nil {
		return errors.Join(errors.New("no TLS"), l.Close())
	}
	return s.serve(l, true)
}

func (s *Server) serve(l net.Listener, implicit bool) error {
	s.start.Do(func() { go s.engine.Serve(s.feed) })
	admit := func(raw net.Conn) { s.admit(raw, implicit) }
	return s.serving.Serve(l, admit, func(err error, pause time.Duration) {
		s.cfg.Logger.Warn("taking a connection failed", "area", "imap", "error", err, "delay", pause)
	})
}

// implicit reports whether c speaks TLS from the start.
func (s *Server) implicit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[c]
}

// admit starts a session on raw, or turns it away.
func (s *Server) admit(raw net.Conn, implicit bool) {
	c := newConn(s, raw)
	crowded, why := s.peers.admit(c)
	if crowded != nil {
		s.metrics.refused.WithLabelValues("crowded").Inc()
		crowded.abort()
	}
	if why != "" {
		s.turnAway(c, why, implicit)
		return
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		s.peers.leave(c)
		s.turnAway(c, "closing", implicit)
		return
	}
	s.conns[c] = implicit
	s.live.Add(1)
	s.mu.Unlock()
	s.metrics.connections.Inc()
	if !s.feed.Give(c) {
		_ = c.Close()
	}
}

// turnAway answers in place of the greeting (RFC 9051 section 7.1.5). It does
// not block: the send buffer is empty.
func (s *Server) turnAway(c *conn, why string, implicit bool) {
	s.metrics.refused.WithLabelValues(why).Inc()
	c.cancel()
	if !implicit {
		_ = c.raw.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.raw.Write([]byte("* BYE [UNAVAILABLE] Too many connections, try again later\r\n"))
	}
	_ = c.raw.Close()
}

// leave undoes admit.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	_, known := s.conns[c]
	delete(s.conns, c)
	s.mu.Unlock()
	if !known {
		return
	}
	s.peers.leave(c)
	s.metrics.connections.Dec()
	s.live.Done()
}

// Shutdown stops taking connections, tells sessions that wait for a command or
// idle BYE at once, and waits for commands under way. When ctx ends first, it
// cancels the context of the calls of Mail, cuts the connections and returns
// the error of ctx. The Server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.close() {
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
	case <-ctx.Done():
		err = ctx.Err()
		for _, c := range s.close() {
			c.abort()
		}
	}
	s.cancel()
	_ = s.feed.Close()
	s.rows.forget()
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
