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

func TestIdleSessionEnds(t *testing.T) {
	c := begin(t, &recorder{}, func(c *Config) { c.Limits.Idle = 20 * time.Millisecond }).dial(t)
	c.want("421 4.4.2")
	c.wantEOF()
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
