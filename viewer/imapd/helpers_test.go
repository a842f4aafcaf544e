package imapd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"gatepost/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server under test.
type running struct {
	*Server
	m        *memory
	registry *prometheus.Registry
	addr     string
	done     chan error
	once     sync.Once
}

var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"imap.clinic.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// begin starts a server on loopback that takes passwords in the clear, unless
// change says otherwise.
func begin(t testing.TB, change ...func(*Config)) *running {
	t.Helper()
	cert, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Hostname: "imap.clinic.example", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, PlaintextLoopback: true, MaxMessage: 1 << 20}
	for _, f := range change {
		f(&cfg)
	}
	r := &running{m: newMemory(t), registry: prometheus.NewRegistry(), done: make(chan error, 1)}
	cfg.Metrics = r.registry
	if r.Server, err = New(cfg, r.m, r.m); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	go func() { r.done <- r.Serve(l) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *running) stop(t testing.TB) {
	r.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-r.done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// client speaks IMAP in the plainest way.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	tag  int
}

func (r *running) dial(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// login is a client past its greeting and login.
func (r *running) login(t testing.TB, user string) *client {
	t.Helper()
	c := r.dial(t)
	c.want("* OK ")
	c.ok("LOGIN " + user + " " + r.m.users[user+"@clinic.example"].password)
	return c
}

// inbox is login and SELECT.
func (r *running) inbox(t testing.TB, user string) *client {
	t.Helper()
	c := r.login(t, user)
	c.ok("SELECT INBOX")
	return c
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("sending %.40q: %v", s, err)
	}
}

var literalEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// line reads one answer with its literals.
func (c *client) line() (string, error) {
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return all.String(), err
		}
		m := literalEnd.FindStringSubmatch(line)
		if m == nil {
			return strings.TrimSuffix(all.String(), "\r\n"), nil
		}
		n, _ := strconv.Atoi(m[1])
		octets := make([]byte, n)
		if _, err := io.ReadFull(c.r, octets); err != nil {
			return all.String(), err
		}
		all.Write(octets)
	}
}

func (c *client) want(prefix string) string {
	c.t.Helper()
	line, err := c.line()
	if err != nil || !strings.HasPrefix(line, prefix) {
		c.t.Fatalf("got %q (%v), want %q", line, err, prefix)
	}
	return line
}

// wantEnd wants the connection to end, whatever is said before.
func (c *client) wantEnd() string {
	c.t.Helper()
	var all strings.Builder
	for {
		line, err := c.line()
		all.WriteString(line + "\n")
		if err == nil {
			continue
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			c.t.Fatalf("the connection stays open after %q", all.String())
		}
		return all.String()
	}
}

// do sends a command and returns its untagged answers and the status.
func (c *client) do(command string) (untagged []string, status string) {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("a%d", c.tag)
	c.send(tag + " " + command + "\r\n")
	return c.finish(tag)
}

func (c *client) finish(tag string) (untagged []string, status string) {
	c.t.Helper()
	for {
		line, err := c.line()
		if err != nil {
			c.t.Fatalf("after %d lines %q: %v", len(untagged), line, err)
		}
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			return untagged, rest
		}
		untagged = append(untagged, line)
	}
}

func (c *client) ok(command string) []string {
	c.t.Helper()
	untagged, status := c.do(command)
	if !strings.HasPrefix(status, "OK") {
		c.t.Fatalf("%.60s: %s", command, status)
	}
	return untagged
}

// no wants a command to be refused with what begins with prefix.
func (c *client) no(command, prefix string) []string {
	c.t.Helper()
	untagged, status := c.do(command)
	if !strings.HasPrefix(status, prefix) {
		c.t.Fatalf("%.60s: %s, want %s", command, status, prefix)
	}
	return untagged
}

// has wants one of lines to contain every one of parts.
func has(t testing.TB, lines []string, parts ...string) string {
	t.Helper()
	for _, l := range lines {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(l, p)
		}
		if all {
			return l
		}
	}
	t.Fatalf("no line with %q in\n%s", parts, strings.Join(lines, "\n"))
	return ""
}

const simple = "From: Pat <pat@example.org>\r\nTo: ann@clinic.example\r\nSubject: Knee\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <m1@example.org>\r\n\r\nThe knee is better.\r\n"

const nestedMail = "From: Pat <pat@example.org>\r\nTo: ann@clinic.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n" +
	"--o\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe aus K=C3=B6ln\r\n" +
	"--o\r\nContent-Type: message/rfc822\r\n\r\nFrom: in@example.org\r\nSubject: Within\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain within\r\n--i\r\nContent-Type: text/html\r\n\r\n<b>html within</b>\r\n--i--\r\n\r\n" +
	"--o\r\nContent-Type: application/pdf; name=\"r\u00e9sum\u00e9.pdf\"\r\nContent-Disposition: attachment; filename=report.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8g\r\nd29ybGQ=\r\n--o--\r\n"

func (r *running) simple(t testing.TB, user string, n int) {
	for i := range n {
		r.m.put(t, user+"@clinic.example", gateway.FolderInbox, strings.Replace(simple, "Knee", "Knee "+strconv.Itoa(i+1), 1), "", gateway.Marks{})
	}
}

// underTLS speaks TLS from now on.
func (c *client) underTLS() {
	c.t.Helper()
	cert, err := certificate()
	if err != nil {
		c.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	t := tls.Client(c.conn, &tls.Config{RootCAs: roots, ServerName: "imap.clinic.example"})
	if err := t.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = t, bufio.NewReader(t)
}
