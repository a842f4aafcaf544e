package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// A client that we did not write: STARTTLS, AUTH and a mail.
func TestNetSMTPClient(t *testing.T) {
	back := &recorder{}
	s := begin(t, back, func(c *Config) { c.Listener = Submission })
	c, err := smtp.Dial(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	steps := []func() error{
		func() error {
			return c.StartTLS(&tls.Config{ServerName: "mail.clinic.example", RootCAs: s.auth.pool})
		},
		func() error { return c.Auth(smtp.PlainAuth("", "ann@clinic.example", "correct horse", "127.0.0.1")) },
		func() error { return c.Mail("ann@clinic.example") },
		func() error { return c.Rcpt("pat@out.example") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "Subject: x\n\n.dot\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
	back.wantBodies(t, "Subject: x\r\n\r\n.dot\r\n")
	if p := back.all()[0].sub.Peer; !strings.HasPrefix(p.TLS, "TLSv1.3 TLS_") || p.Account != "ann@clinic.example" || p.Helo != "localhost" || !p.Addr.IsValid() || p.Listener != Submission {
		t.Errorf("peer %+v", p)
	}
}

// curl speaks SMTP too, and looks at certificates.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	back := &recorder{}
	s := begin(t, back, func(c *Config) { c.Listener = Submissions })
	mail := filepath.Join(t.TempDir(), "mail")
	if err := os.WriteFile(mail, []byte("Subject: x\r\n\r\n.dot\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(curl, "-sS", "--insecure", "--url", "smtps://"+s.addr, "--user", "ann@clinic.example:correct horse",
		"--mail-from", "ann@clinic.example", "--mail-rcpt", "pat@out.example", "--upload-file", mail)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	back.wantBodies(t, "Subject: x\r\n\r\n.dot\r\n")
}

// Shutdown sends idle sessions away at once and waits for a body under way.
func TestShutdownDrains(t *testing.T) {
	back := &recorder{}
	s := begin(t, back)
	idle, fresh, busy, chunks := s.dial(t), s.dial(t), s.dial(t), s.dial(t)
	idle.envelope()
	busy.toData()
	busy.send("x\r\n")
	chunks.envelope()
	chunks.send("BDAT 3\r\na\r\n")
	chunks.want("250 2.0.0 Chunk")
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	for _, c := range []*client{idle, fresh} {
		c.want("421 4.3.2")
		c.wantEOF()
	}
	if conn, err := net.Dial("tcp", s.addr); err == nil {
		conn.Close()
		t.Error("the listener still listens")
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v while a body was under way", err)
	default:
	}
	busy.send("y\r\n.\r\nNOOP\r\n")
	busy.want("250 2.0.0 Ok: queued as")
	busy.want("421 4.3.2")
	busy.wantEOF()
	chunks.send("BDAT 3 LAST\r\nb\r\n")
	chunks.want("250 2.0.0 Ok: queued as")
	chunks.want("421 4.3.2")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	back.wantBodies(t, "x\r\ny\r\n", "a\r\nb\r\n")
}

// A Shutdown whose time is up cancels the Backend and cuts the connection.
func TestShutdownGivesUp(t *testing.T) {
	entered := make(chan struct{})
	left := make(chan error, 1)
	back := &recorder{accept: func(ctx context.Context, _ gateway.Submission, _ io.Reader) (gateway.MessageID, error) {
		close(entered)
		<-ctx.Done()
		left <- ctx.Err()
		return gateway.MessageID{}, ctx.Err()
	}}
	s := begin(t, back)
	c := s.dial(t)
	c.toData()
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Shutdown: %v", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("Accept: %v", err)
	}
	c.wantEnd()
}

// foreign makes every peer of a listener a stranger.
type foreign struct{ net.Listener }

type foreignConn struct{ net.Conn }

func (f foreign) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return foreignConn{c}, nil
}

func (foreignConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 5), Port: 40000}
}

func (c foreignConn) NetConn() net.Conn { return c.Conn }

// beginForeign serves strangers.
func beginForeign(t *testing.T, b Backend, change ...func(*Config)) *running {
	t.Helper()
	r := begin(t, b, change...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- r.Serve(foreign{l}) }()
	t.Cleanup(func() {
		r.stop(t)
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func TestConnectionsOfAStranger(t *testing.T) {
	s := beginForeign(t, &recorder{}, func(c *Config) { c.Limits.PerPeer = 2 })
	a, _ := s.dial(t), s.dial(t)
	third := s.connect(t)
	third.want("421 4.7.0 Too many connections")
	third.wantEOF()
	a.do("QUIT", "221")
	a.wantEOF()
	for s.Server.peersOpen() > 1 {
		time.Sleep(time.Millisecond)
	}
	s.dial(t)
}

func (s *Server) peersOpen() int {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return s.peers.open
}

func TestConnectionRateOfAStranger(t *testing.T) {
	s := beginForeign(t, &recorder{}, func(c *Config) {
		c.Limits.ConnectionRate = 3
		now := time.Now()
		c.Now = func() time.Time { return now }
	})
	for range 3 {
		s.dial(t).do("QUIT", "221")
	}
	s.connect(t).want("421 4.7.0 Too many connections")
	s.SetTrusted([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})
	s.dial(t)
}

func TestTotalConnections(t *testing.T) {
	p := newPeers(Limits{Connections: 8}.withDefaults(0), time.Now)
	var busy []*conn // none of them gives way
	for i := range 6 {
		busy = append(busy, coming("203.0.113.5"))
		if why, _ := p.admit(busy[i]); why != "" {
			t.Fatalf("stranger %d: %s", i, why)
		}
	}
	if why, _ := p.admit(coming("203.0.113.5")); why != reasonConnections {
		t.Error("strangers got more than three quarters")
	}
	friend := func() *conn {
		c := coming("10.0.0.1")
		c.generous = true
		return c
	}
	for range 2 {
		if why, _ := p.admit(friend()); why != "" {
			t.Fatalf("friend: %s", why)
		}
	}
	if why, _ := p.admit(friend()); why != reasonConnections {
		t.Error("more than Connections were admitted")
	}
	for _, c := range busy {
		p.leave(c)
	}
	if why, _ := p.admit(coming("203.0.113.5")); why != "" {
		t.Errorf("after leaving: %s", why)
	}
}

// coming is a connection from a host as far as peers look at it; it is busy.
func coming(host string) *conn {
	c := &conn{key: netip.MustParseAddr(host), cancel: func() {}}
	c.raw, _ = net.Pipe()
	return c
}

// TestAFloodGivesWay: hosts that take every place and say nothing keep nobody out,
// be it another stranger or a server of ours; who is sending a mail, or has shown
// who they are, stays.
func TestAFloodGivesWay(t *testing.T) {
	p := newPeers(Limits{Connections: 64, ConnectionRate: 10000}.withDefaults(0), time.Now)
	idle := func(host string) *conn {
		c := coming(host)
		c.waiting = true
		return c
	}
	in := func(c *conn) bool {
		t.Helper()
		why, crowded := p.admit(c)
		if why != "" {
			t.Fatal(why)
		}
		return crowded
	}
	user, busy, honest := idle("203.0.113.1"), coming("198.51.100.1"), idle("203.0.113.2")
	for _, c := range []*conn{user, busy, honest} {
		in(c)
	}
	p.proven(user)
	var flood []*conn
	gone := func() (n int) {
		for _, c := range flood {
			if c.gaveWay() {
				n++
				p.leave(c)
			}
		}
		flood = slices.DeleteFunc(flood, (*conn).gaveWay)
		return n
	}
	for range 1000 {
		c := idle("198.51.100.1")
		if in(c) && gone() != 1 {
			t.Fatal("none of the flood's own gave way")
		}
		flood = append(flood, c)
	}
	if user.gaveWay() || busy.gaveWay() || honest.gaveWay() || p.open != 64*3/4+1 {
		t.Errorf("others gave way, or %d are open", p.open)
	}
	for range 64 - p.open {
		c := coming("10.0.0.1")
		c.generous = true
		in(c)
	}
	server := coming("10.0.0.2")
	if server.generous = true; !in(server) || gone() != 1 {
		t.Error("a server of ours found no place")
	}
	slow := 0 // none of them leaves
	for why := reason(""); why == ""; slow++ {
		why, _ = p.admit(idle("203.0.113.9"))
	}
	if p.open > 64+64/8+1 || slow == 1 {
		t.Errorf("%d are open, %d were let in", p.open, slow)
	}
}

// TestASilentStrangerGivesWay: over the wire, it is told why, in a handshake it is
// cut, and a mail under way ends as it should.
func TestASilentStrangerGivesWay(t *testing.T) {
	b := &recorder{}
	s := beginForeign(t, b, func(c *Config) { c.Limits.Connections = 4 }) // three for strangers
	sending := s.dial(t)
	sending.do("EHLO client.example", "250")
	sending.do("MAIL FROM:<ann@clinic.example>", "250")
	sending.do("RCPT TO:<bob@out.example>", "250")
	sending.do("DATA", "354")
	silent := s.dial(t)
	shaking := s.dial(t)
	shaking.do("EHLO client.example", "250")
	shaking.do("STARTTLS", "220")
	for s.idle() != 2 {
		time.Sleep(time.Millisecond)
	}
	s.dial(t)
	silent.want("421 4.7.0 Too many connections")
	silent.wantEOF()
	for s.peersOpen() != 3 {
		time.Sleep(time.Millisecond)
	}
	for s.idle() != 2 {
		time.Sleep(time.Millisecond)
	}
	s.dial(t)
	shaking.wantEOF()
	sending.send("Subject: x\r\n\r\nHello\r\n.\r\n")
	sending.want("250 2.0.0 Ok")
	if n := len(b.all()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// idle is how many could give way.
func (s *Server) idle() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.idle() {
			n++
		}
	}
	return n
}

// What is remembered of peers is bounded.
func TestPeersAreForgotten(t *testing.T) {
	now := time.Now()
	p := newPeers(Limits{}.withDefaults(0), func() time.Time { return now })
	for i := range maxPeers + 10 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		p.failed(a)
	}
	if len(p.known) > maxPeers {
		t.Errorf("%d peers are remembered", len(p.known))
	}
	now = now.Add(time.Hour)
	p.failed(netip.MustParseAddr("192.0.2.1"))
	if len(p.known) != 1 {
		t.Errorf("%d peers are remembered after an hour", len(p.known))
	}
}

func TestRatesOfAStranger(t *testing.T) {
	clock := &fakeClock{now: time.Now()}
	s := beginForeign(t, &recorder{}, func(c *Config) {
		c.Limits.MessageRate, c.Limits.RecipientRate, c.Limits.BadRecipients = 2, 3, 1
		c.Now = clock.read
	})
	c := s.dial(t)
	c.envelope()
	c.do("RCPT TO:<unknown@out.example>", "550")
	c.do("RCPT TO:<a@out.example>", "250")
	c.do("RCPT TO:<b@out.example>", "450 4.7.1")
	c.do("RSET", "250")
	c.do("MAIL FROM:<>", "250")
	c.do("RSET", "250")
	c.do("MAIL FROM:<>", "450 4.7.1")
	clock.forward(time.Minute)
	c.do("MAIL FROM:<>", "250")
	c.do("RCPT TO:<unknown@out.example>", "421 4.7.0 Too many bad recipients")
	c.wantEnd()
}

// A stranger's session ends between messages, whatever it does.
func TestSessionOfAStrangerEnds(t *testing.T) {
	for _, command := range []string{"NOOP", "EHLO c", "MAIL FROM:<>"} {
		c := beginForeign(t, &recorder{}, func(c *Config) { c.Limits.Session = time.Nanosecond }).dial(t)
		c.do(command, "421 4.4.2")
		c.wantEnd()
	}
	clock := &fakeClock{now: time.Now()}
	c := beginForeign(t, &recorder{}, func(c *Config) { c.Now = clock.read }).dial(t)
	c.toData()
	clock.forward(2 * time.Hour)
	c.do("x\r\n.", "250 2.0.0 Ok: queued as") // what was begun is finished
	c.do("NOOP", "421 4.4.2")
}

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (f *fakeClock) read() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeClock) forward(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func TestIdleSessionEnds(t *testing.T) {
	c := begin(t, &recorder{}, func(c *Config) { c.Limits.Idle = 20 * time.Millisecond }).dial(t)
	c.want("421 4.4.2")
	c.wantEOF()
}

const goodLogin = "AUTH PLAIN AGFubkBjbGluaWMuZXhhbXBsZQBjb3JyZWN0IGhvcnNl"

// Only failed logins are throttled: the right password after many wrong ones
// from the same trusted address goes through at once.
func TestFailedLoginsAreThrottled(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) {
		c.PlaintextLoopback, c.Limits.AuthFailures = true, 5
	})
	wrong := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann@clinic.example\x00wrong"))
	c := s.dial(t)
	c.do("EHLO c", "250")
	for range 4 {
		c.do(wrong, "535 5.7.8")
	}
	c.do(wrong, "421 4.7.0")
	c.wantEnd()
	c = s.dial(t)
	c.do("EHLO c", "250")
	c.do(goodLogin, "235 2.7.0")
}

// A stranger above the limit is not heard until failures are forgiven.
func TestStrangerWithFailedLoginsIsNotHeard(t *testing.T) {
	clock := &fakeClock{now: time.Now()}
	s := beginForeign(t, &recorder{}, func(c *Config) {
		c.Limits.AuthFailures, c.Now = 2, clock.read
	})
	key := netip.MustParseAddr("203.0.113.5")
	s.peers.failed(key)
	s.peers.failed(key)
	login := func() *client {
		c := s.dial(t)
		c.do("EHLO c", "250")
		c.do("STARTTLS", "220")
		c.startTLS()
		c.do("EHLO c", "250")
		return c
	}
	login().do(goodLogin, "421 4.7.0")
	clock.forward(forgive)
	login().do(goodLogin, "235 2.7.0")
}

func TestAuthDelayGrows(t *testing.T) {
	l := Limits{}.withDefaults(0)
	want := map[int]time.Duration{1: 0, 3: 0, 4: 500 * time.Millisecond, 5: time.Second, 8: 8 * time.Second, 9: maxAuthDelay, 1000: maxAuthDelay}
	for n, d := range want {
		if got := l.authDelay(n); got != d {
			t.Errorf("after %d failures %v, want %v", n, got, d)
		}
	}
}

// What Authenticate answers becomes what the client hears.
func TestAuthenticateAnswers(t *testing.T) {
	for want, answer := range map[string]error{
		"535 5.7.8": errors.New("no such user"),
		"454 4.7.0": gateway.NewFault(454, "4.7.0", "Try later"),
		"535 5.7.9": gateway.NewFault(535, "5.7.9", "Use an application password"),
		"451 4.3.0": errPanicPlease,
	} {
		back := &recorder{login: func(gateway.Peer, string, string) (string, error) {
			if answer == errPanicPlease {
				panic("password")
			}
			return "", answer
		}}
		c := begin(t, back, func(c *Config) { c.PlaintextLoopback = true }).dial(t)
		c.do("EHLO c", "250")
		c.do(goodLogin, want)
		c.do(goodLogin, want)
	}
}

var errPanicPlease = errors.New("panic")

// A client certificate of the configured authorities makes a peer trusted;
// another certificate does not keep it out.
func TestClientCertificates(t *testing.T) {
	friends := newAuthority(t)
	good := friends.certificate(t, x509.ExtKeyUsageClientAuth)
	wrongUse := friends.certificate(t, x509.ExtKeyUsageServerAuth)
	unknown := newAuthority(t).certificate(t, x509.ExtKeyUsageClientAuth)
	back := &recorder{}
	s := begin(t, back, func(c *Config) { c.ClientCAs = friends.pool })
	for i, test := range []struct {
		certs   []tls.Certificate
		trusted bool
	}{{nil, false}, {[]tls.Certificate{good}, true}, {[]tls.Certificate{unknown}, false}, {[]tls.Certificate{wrongUse}, false}} {
		c := s.dial(t)
		c.do("EHLO c", "250")
		c.do("STARTTLS", "220")
		c.startTLS(test.certs...)
		c.toData()
		c.do(".", "250")
		if got := back.all()[i].sub.Peer.Trusted; got != test.trusted {
			t.Errorf("case %d: trusted %v", i, got)
		}
	}
}

// Trusted networks can be replaced while sessions are open.
func TestTrustedNetworksReload(t *testing.T) {
	back := &recorder{}
	s := begin(t, back)
	c := s.dial(t)
	for i, p := range []string{"10.0.0.0/8", "127.0.0.0/8", "::ffff:127.0.0.0/104"} {
		s.SetTrusted([]netip.Prefix{netip.MustParsePrefix(p)})
		c.toData()
		c.do(".", "250")
		if got := back.all()[i].sub.Peer.Trusted; got != (i == 1) {
			t.Errorf("%s: trusted %v", p, got)
		}
	}
}

// Peers who connect and say nothing hold no handshake slot.
func TestSilentPeersHoldNoHandshake(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) { c.Listener, c.Limits.Handshakes = Submissions, 1 })
	for range 3 {
		s.connect(t)
	}
	c := s.connect(t)
	c.startTLS()
	c.want("220 ")
}

func TestFailedHandshakes(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) { c.Listener = Submissions })
	c := s.connect(t)
	c.send("EHLO c\r\nMAIL FROM:<>\r\n")
	_, _ = io.ReadAll(c.r)
	plain := begin(t, &recorder{}).dial(t)
	plain.do("EHLO c", "250")
	plain.do("STARTTLS", "220")
	plain.send("MAIL FROM:<>\r\nRCPT TO:<pat@out.example>\r\n")
	rest, _ := io.ReadAll(plain.r)
	if bytes.Contains(rest, []byte("250")) {
		t.Errorf("commands in place of a handshake were answered %q", rest)
	}
}

// Nothing of a mail, an address or a password in logs; counts in metrics.
func TestLogsAndMetrics(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	reg := prometheus.NewRegistry()
	back := &recorder{accept: func(_ context.Context, _ gateway.Submission, body io.Reader) (gateway.MessageID, error) {
		_, _ = io.Copy(io.Discard, body)
		panic("secretword")
	}}
	s := begin(t, back, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(lockedWriter{&mu, &out}, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Metrics = NewMetrics(reg)
		c.PlaintextLoopback = true
	})
	c := s.dial(t)
	c.do("EHLO secretword", "250")
	c.do("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00secretword\x00secretword")), "535")
	c.do("MAIL FROM:<secretword@clinic.example> ENVID=secretword", "250")
	c.do("RCPT TO:<secretword@secretword.example>", "250")
	c.do("DATA", "354")
	c.do("secretword\r\n.", "451 4.3.0")
	c.do("secretword", "500")
	s.stop(t)
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(out.String(), "secretword") || !strings.Contains(out.String(), "the backend panicked") || !strings.Contains(out.String(), "server_test.go:") {
		t.Errorf("log:\n%s", out.String())
	}
	wantMetrics(t, reg, map[string]float64{
		"gatepost_smtpd_connections_total relay":     1,
		"gatepost_smtpd_sessions relay":              0,
		"gatepost_smtpd_messages_total 4xx relay":    1,
		"gatepost_smtpd_rejected_total relay syntax": 1,
		"gatepost_smtpd_rejected_total relay panic":  1,
		"gatepost_smtpd_auth_failures_total relay":   1,
		"gatepost_smtpd_body_bytes_total relay":      12,
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func wantMetrics(t *testing.T, reg *prometheus.Registry, want map[string]float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s is %v, want %v (all: %v)", name, got[name], n, got)
		}
	}
}

// A configuration that contradicts itself is refused.
func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no listener": {Hostname: "h.example"},
		"unknown":     {Listener: "smtp", Hostname: "h.example"},
		"no host":     {Listener: Relay},
		"submission":  {Listener: Submission, Hostname: "h.example"},
		"submissions": {Listener: Submissions, Hostname: "h.example", PlaintextLoopback: true},
	} {
		if _, err := New(cfg, &recorder{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := New(Config{Listener: Relay, Hostname: "h.example"}, nil); err == nil {
		t.Error("no backend was taken")
	}
}

// TestALogInIsDated: the backend hears since when an account is logged in, counted
// from before its password was looked at, and may end the session by 421.
func TestALogInIsDated(t *testing.T) {
	clock := &fakeClock{now: time.Now()}
	begun, since := clock.now, time.Time{}
	back := &recorder{
		login: func(_ gateway.Peer, user, _ string) (string, error) {
			clock.forward(5 * time.Second) // hashing takes its time
			return user, nil
		},
		sender: func(s *gateway.Submission) error {
			since = s.Since
			return gateway.NewFault(421, "4.7.0", "Log in again")
		},
	}
	s := begin(t, back, func(c *Config) {
		c.Listener, c.PlaintextLoopback, c.Now = Submission, true, clock.read
	})
	c := s.dial(t)
	c.do("EHLO c", "250")
	c.do(goodLogin, "235")
	c.do("MAIL FROM:<ann@clinic.example>", "421 4.7.0 Log in again")
	c.wantEnd()
	if !since.Equal(begun) {
		t.Errorf("logged in since %v", since)
	}
}
