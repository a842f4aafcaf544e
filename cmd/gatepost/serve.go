package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/observe"
	"gatepost/smppd"
	"gatepost/smtpd"
	"gatepost/viewer"
	"gatepost/viewer/autoconfig"
	"gatepost/viewer/imapd"
	"gatepost/viewer/library"
)

// drainTime is how long running work may take to end after SIGTERM.
const drainTime = 30 * time.Second

type serveCmd struct{}

func (serveCmd) Run(ctx context.Context, env environment) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what drains too long
	return serve(ctx, c, env, func() {})
}

// server is a system with its listeners.
type server struct {
	*system
	env      environment
	smtp     []*smtpd.Server
	smpp     *smppd.Server // nil: nothing listens for applications
	imap     *imapd.Server // nil: nothing listens for mail clients
	closers  []func()
	draining sync.WaitGroup
	keys     keyWatch
	addrs    []string // of the listeners: relay=127.0.0.1:25

	queueFailed atomic.Pointer[error]
}

// serve runs the gateway until ctx ends, then drains. ready is called when
// all listeners accept.
func serve(ctx context.Context, c *config.Config, env environment, ready func()) error {
	limitHeap()
	sys, err := openSystem(ctx, c, env, forServer)
	if err != nil {
		return err
	}
	defer sys.close()
	noCore(sys.log)
	s := &server{system: sys, env: env}
	s.warn()
	hup := make(chan os.Signal, 1) // before anything listens: an early SIGHUP would kill the process
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if err := s.begin(ctx, work); err != nil {
		s.halt(stopWork, func(context.Context) {}) // what did start must not outlive the store
		return err
	}
	s.log.Info("serving", "version", version(), "mode", c.Mode.String(), "addr", s.addrs)
	ready()
	s.waitForEnd(ctx, hup)
	s.drain(stopWork)
	return nil
}

func (s *server) begin(ctx, work context.Context) error {
	if err := s.start(work); err != nil {
		return err
	}
	if err := s.record(ctx, s.started()...); err != nil {
		return exit{exitUnavailable, err}
	}
	return nil
}

func (s *server) started() []gateway.Record {
	p := s.flow.Policy()
	return []gateway.Record{
		{Event: gateway.EventStarted, Actor: "system", Detail: map[string]string{"version": version(), "mode": s.config.Mode.String()}},
		{Event: gateway.EventPolicyLoaded, Actor: "system", Detail: map[string]string{"policy": p.Name(), "digest": p.Digest(), "words": p.WordsDigest()}},
	}
}

// start begins background work and opens all listeners.
func (s *server) start(ctx context.Context) error {
	s.background(func() { s.audit.Run(ctx) })
	s.background(func() {
		if err := s.flow.Work().Run(ctx); err != nil {
			s.queueFailed.Store(&err)
			s.log.Error("the queue stopped", "error", err)
		}
	})
	s.health.Add("queue", s.queueHealthy)
	keyDir, dataDir := s.config.KeyDir, s.config.DataDir
	s.lookAtKeys(keyDir) // before anything listens: a probe right after the start must not see green
	s.health.Add("keys", s.keys.healthy)
	s.background(func() { s.watchKeys(ctx, keyDir) })
	s.health.Add("room", s.hasRoom)
	s.background(func() { s.watchRoom(ctx, dataDir) })
	s.background(func() { s.flow.Housekeep(ctx) })
	s.background(func() { s.flow.Agenda(ctx) })
	s.background(func() { paceGC(ctx) })
	closeControl, err := serveControl(ctx, s.config.DataDir, s.operations())
	if err != nil {
		return exit{exitCantCreate, err}
	}
	s.closers = append(s.closers, closeControl)
	s.startSMS(ctx)
	if err := s.listenSMTP(); err != nil {
		return err
	}
	if err := s.listenSMPP(); err != nil {
		return err
	}
	if err := s.listenIMAP(ctx); err != nil {
		return err
	}
	if err := s.listenViewer(); err != nil {
		return err
	}
	return s.listenAdmin()
}

// queueHealthy reports why nothing is delivered any more.
func (s *server) queueHealthy() error {
	if err := s.queueFailed.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *server) background(f func()) {
	s.draining.Add(1)
	go func() {
		defer s.draining.Done()
		f()
	}()
}

func (s *server) listen(what, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w (a port below 1024 needs the capability that the unit file gives)", err)
	}
	if err != nil {
		return nil, exit{exitUnavailable, fmt.Errorf("listen.%s: %w", what, err)}
	}
	s.addrs = append(s.addrs, what+"="+l.Addr().String())
	return l, nil
}

func (s *server) listenSMTP() error {
	c := s.config
	metrics := smtpd.NewMetrics(s.registry)
	var clients *x509.CertPool
	if c.Relay.ClientCA != "" {
		raw, err := os.ReadFile(c.Relay.ClientCA)
		clients = x509.NewCertPool()
		if err != nil || !clients.AppendCertsFromPEM(raw) {
			return exit{exitConfig, fmt.Errorf("relay.client_ca: no certificates in %s", c.Relay.ClientCA)}
		}
	}
	for _, l := range []struct{ name, addr string }{
		{smtpd.Relay, c.Listen.Relay}, {smtpd.Inbound, c.Listen.Inbound},
		{smtpd.Submission, c.Listen.Submission}, {smtpd.Submissions, c.Listen.Submissions},
	} {
		if l.addr == "" {
			continue
		}
		server, err := smtpd.New(smtpd.Config{
			Listener: l.name, Hostname: c.Hostname, Domain: c.Organization.Domains[0], MaxMessage: int64(c.Relay.MaxMessage),
			TLS: s.cert.config(nil), ClientCAs: clients, Trusted: c.Relay.Trusted, Logger: s.log, Metrics: metrics,
		}, s.flow)
		if err != nil {
			return exit{exitConfig, err}
		}
		listener, err := s.listen(l.name, l.addr)
		if err != nil {
			return err
		}
		s.smtp = append(s.smtp, server)
		s.background(func() {
			if err := server.Serve(listener); err != nil {
				s.log.Error("listener ended", "listener", l.name, "error", err)
			}
		})
	}
	return nil
}

func (s *server) listenViewer() error {
	c := s.config
	if c.Listen.Viewer == "" {
		return nil
	}
	zone, err := c.Organization.Location()
	if err != nil {
		return exit{exitConfig, err}
	}
	brands, err := c.Brands()
	if err != nil {
		return exit{exitConfig, err}
	}
	handler, err := viewer.New(viewer.Config{
		Brands: brands,
		URL:    c.Viewer.URL, TLS: c.TLS.Viewer, Organization: c.Organization.Name, Help: c.Organization.Help, Idle: c.Viewer.Idle,
		Location: zone, MAC: s.keyring.MAC, Now: time.Now, Random: rand.Reader, Logger: s.log, Metrics: s.registry,
	}, s.flow, library.New(s.keyring.Opener(), s.bodies, mailmsg.View).While(s.flow.Readable))
	if err != nil {
		return exit{exitConfig, err}
	}
	l, err := s.listen("viewer", c.Listen.Viewer)
	if err != nil {
		return err
	}
	l = viewer.Confine(l, 0, 0)
	server := viewer.NewServer(viewer.ServerConfig{Logger: s.log}, autoconfig.Handler(clientSettings(c), handler))
	if c.TLS.Viewer {
		t := s.cert.config(nil)
		t.NextProtos = []string{"h2", "http/1.1"}
		server.TLSConfig = t
		l = tls.NewListener(l, t)
	}
	s.serveHTTP(server, l)
	return nil
}

// bodies fits the blob store to what the library calls.
func (s *server) bodies(ctx context.Context, ref string) (library.Blob, error) {
	return s.blobs.Open(ctx, ref)
}

func (s *server) listenAdmin() error {
	if s.config.Listen.Admin == "" {
		return nil
	}
	l, err := s.listen("admin", s.config.Listen.Admin)
	if err != nil {
		return err
	}
	s.serveHTTP(&http.Server{Handler: observe.Handler(s.registry, s.health), ReadHeaderTimeout: 5 * time.Second}, l)
	return nil
}

func (s *server) serveHTTP(h *http.Server, l net.Listener) {
	s.closers = append(s.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if h.Shutdown(ctx) != nil {
			_ = h.Close()
		}
	})
	s.background(func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("listener ended", "addr", l.Addr().String(), "error", err)
		}
	})
}

// drain stops listening, lets running work end, and leaves evidence of it.
func (s *server) drain(stopWork context.CancelFunc) {
	s.log.Info("draining")
	s.halt(stopWork, func(ctx context.Context) {
		if err := s.record(ctx, gateway.Record{Event: gateway.EventStopped, Actor: "system"}); err != nil {
			s.log.Error("the end was not recorded", "error", err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if _, err := s.audit.Fold(ctx); err != nil {
		s.log.Error("evidence not folded yet, the next start does", "error", err)
	}
	s.log.Info("stopped")
}

// halt closes all listeners and waits for what runs. last is called when
// nothing is accepted or delivered any more.
func (s *server) halt(stopWork context.CancelFunc, last func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var sessions sync.WaitGroup
	for _, server := range s.smtp {
		sessions.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				s.log.Warn("sessions were cut off", "error", err)
			}
		})
	}
	if s.smpp != nil {
		sessions.Go(func() {
			if err := s.smpp.Shutdown(ctx); err != nil {
				s.log.Warn("sessions were cut off", "error", err)
			}
		})
	}
	if s.imap != nil {
		sessions.Go(func() {
			if err := s.imap.Shutdown(ctx); err != nil {
				s.log.Warn("sessions were cut off", "error", err)
			}
		})
	}
	sessions.Wait()
	s.flow.Work().Drain(ctx)
	if s.smsc != nil {
		if err := s.smsc.Shutdown(ctx); err != nil {
			s.log.Warn("the carrier's line was cut", "error", err)
		}
	}
	s.closeListeners()
	last(ctx)
	stopWork()
	s.draining.Wait()
}

func (s *server) closeListeners() {
	for _, f := range s.closers {
		f()
	}
	s.closers = nil
	_ = os.Remove(filepath.Join(s.config.DataDir, socketName))
}
