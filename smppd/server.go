package smppd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"gatepost/gateway"
)

// Server serves SMPP on any number of listeners. Make it with New.
type Server struct {
	cfg      Config
	gateway  Gateway
	tls      *tls.Config // nil: none
	peers    *peers
	accounts *accounts
	ctx      context.Context // of the Gateway's calls; ends when Shutdown gives up
	cancel   context.CancelFunc
	live     sync.WaitGroup // sessions, pumps, settlements
	serving  gateway.Listeners

	mu        sync.Mutex // guards what follows
	closing   bool
	sessions  map[*session]struct{}
	strangers gateway.Crowd[*session] // of sessions: have not bound, and have not given way
}

// New makes a server that hands submissions to g. It fails when the
// configuration contradicts itself.
func New(cfg Config, g Gateway) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, errors.New("no gateway")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, gateway: g, ctx: ctx, cancel: cancel,
		peers:    newPeers(cfg.Limits, cfg.Now),
		sessions: make(map[*session]struct{}),
	}
	s.accounts = newAccounts(s)
	if err := s.SetAccounts(cfg.Accounts); err != nil {
		cancel()
		return nil, err
	}
	if cfg.TLS != nil {
		s.tls = cfg.TLS.Clone()
		s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	}
	return s, nil
}

// SetAccounts replaces the accounts, all or nothing. Sessions whose account is
// gone or has another password are unbound; the others learn of new senders
// and rates at once, of a new window with their next bind.
func (s *Server) SetAccounts(list []Account) error {
	gone, err := s.accounts.set(list)
	if err != nil {
		return err
	}
	for _, c := range s.bound(gone) {
		c.unbind()
	}
	return nil
}

// bound returns the sessions that are bound to one of the accounts.
func (s *Server) bound(to []*account) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*session
	for c := range s.sessions {
		for _, a := range to {
			if c.account.Load() == a {
				list = append(list, c)
			}
		}
	}
	return list
}

// Serve takes connections from l until Shutdown, and then returns nil. It
// closes l.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, SMPP) }

// ServeTLS is Serve for connections that speak TLS from their first octet.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.tls == nil {
		_ = l.Close()
		return errors.New("listener smpps needs TLS")
	}
	return s.serve(l, SMPPS)
}

func (s *Server) serve(l net.Listener, name string) error {
	admit := func(raw net.Conn) { s.admit(raw, name) }
	return s.serving.Serve(l, admit, func(err error, pause time.Duration) {
		s.cfg.Logger.Warn("taking a connection failed", "listener", name, "error", err, "delay", pause)
	})
}

// sleep waits for d, or until Shutdown gives up, and reports whether it
// waited to the end.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// admit starts a session on raw, or closes it: before a bind there is no PDU
// to refuse it with (SMPP v3.4 section 2.2.1).
func (s *Server) admit(raw net.Conn, listener string) {
	s.cfg.Metrics.connections.WithLabelValues(listener).Inc()
	c := newSession(s, raw, listener)
	if !s.peers.admit(c.key) {
		c.watch.stop()
		c.abort(reasonConnections)
		return
	}
	if !s.register(c) {
		s.peers.leave(c.key)
		c.watch.stop()
		_ = raw.Close()
		return
	}
	go c.run()
}

// register counts a session in and reports whether there was room.
func (s *Server) register(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	full := len(s.sessions) >= s.cfg.Limits.Sessions
	if s.strangers.Len() >= s.cfg.Limits.Unbound || full {
		full = !s.crowdOutLocked() && full || len(s.sessions) >= 2*s.cfg.Limits.Sessions
	}
	if full {
		s.cut(reasonConnections)
		return false
	}
	s.sessions[c] = struct{}{}
	s.strangers.Add(c, c.key)
	s.live.Add(1)
	s.cfg.Metrics.sessions.WithLabelValues(open.String()).Inc()
	return true
}

// crowdOutLocked ends a session that has not bound, so that peers who connect and
// say nothing keep nobody out. It reports whether there was one. It needs the lock.
func (s *Server) crowdOutLocked() bool {
	c, ok := s.strangers.First(nil)
	if ok {
		s.strangers.Remove(c)
		c.abort(reasonCrowded)
	}
	return ok
}

// countOut counts a session out of those that have not bound.
func (s *Server) countOut(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strangers.Remove(c)
}

// release undoes register and the admission.
func (s *Server) release(c *session) {
	s.mu.Lock()
	delete(s.sessions, c)
	s.strangers.Remove(c)
	s.mu.Unlock()
	s.peers.leave(c.key)
	s.cfg.Metrics.sessions.WithLabelValues(c.state().String()).Dec()
	s.live.Done()
}

func (s *Server) cut(why reason) { s.cfg.Metrics.cut.WithLabelValues(string(why)).Inc() }

// Shutdown stops taking connections, takes no more submissions, answers those
// under way, unbinds the sessions and settles what was delivered. When ctx
// ends first, it cancels the context of the Gateway's calls, cuts the
// connections and returns the error of ctx: a segment whose SubmitSMS has not
// returned was not answered 0. The Server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.accounts.tell()
	for _, c := range s.close() {
		c.unbind()
	}
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.cancel()
		return nil
	case <-ctx.Done():
		s.cancel()
		for _, c := range s.close() {
			c.abort(reasonShutdown)
		}
		return ctx.Err()
	}
}

// close marks the server as closing, closes the listeners and returns the
// sessions that are open. After it no session is added.
func (s *Server) close() []*session {
	s.serving.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	list := make([]*session, 0, len(s.sessions))
	for c := range s.sessions {
		list = append(list, c)
	}
	return list
}
