package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatepost/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// delivered is one mail that a recorder accepted.
type delivered struct {
	sub  gateway.Submission
	body []byte
}

// recorder is a Backend that accepts mail and remembers it. A hook replaces
// the answer of a method.
type recorder struct {
	mu    sync.Mutex
	mails []delivered
	fault []error // what body gave in place of io.EOF

	sender    func(*gateway.Submission) error
	recipient func(*gateway.Submission, gateway.Recipient) error
	login     func(gateway.Peer, string, string) (string, error)
	accept    func(context.Context, gateway.Submission, io.Reader) (gateway.MessageID, error)
}

func (r *recorder) Authenticate(_ context.Context, p gateway.Peer, user, password string) (string, error) {
	if r.login != nil {
		return r.login(p, user, password)
	}
	if user != "ann@clinic.example" || password != "correct horse" {
		return "", gateway.NewFault(535, "5.7.8", "No")
	}
	return user, nil
}

func (r *recorder) Sender(_ context.Context, s *gateway.Submission) error {
	if r.sender != nil {
		return r.sender(s)
	}
	return nil
}

func (r *recorder) Recipient(_ context.Context, s *gateway.Submission, to gateway.Recipient) error {
	if r.recipient != nil {
		return r.recipient(s, to)
	}
	switch to.Address.Local() {
	case "unknown":
		return gateway.FaultNoSuchUser
	case "panic":
		panic("recipient")
	}
	return nil
}

func (r *recorder) Accept(ctx context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
	if r.accept != nil {
		return r.accept(ctx, s, body)
	}
	return r.record(s, body)
}

// record reads the body and remembers the mail.
func (r *recorder) record(s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
	raw, err := io.ReadAll(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fault = append(r.fault, err)
		return gateway.MessageID{}, err
	}
	r.mails = append(r.mails, delivered{s, raw})
	return gateway.MessageID{15: byte(len(r.mails))}, nil
}

func (r *recorder) all() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivered(nil), r.mails...)
}

// authority makes certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = a.make(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) make(t testing.TB, tmpl *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber = big.NewInt(time.Now().UnixNano())
	tmpl.Subject = pkix.Name{CommonName: "gatepost test"}
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := tmpl, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) certificate(t testing.TB, usage x509.ExtKeyUsage) tls.Certificate {
	cert, key := a.make(t, &x509.Certificate{
		DNSNames:    []string{"mail.clinic.example"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// running is a server on loopback.
type running struct {
	*Server
	addr string
	auth *authority
	done chan error
}

// begin serves b on loopback until the test ends.
func begin(t testing.TB, b Backend, change ...func(*Config)) *running {
	t.Helper()
	auth := newAuthority(t)
	cfg := Config{
		Listener: Relay, Hostname: "mail.clinic.example", Domain: "clinic.example",
		TLS:    &tls.Config{Certificates: []tls.Certificate{auth.certificate(t, x509.ExtKeyUsageServerAuth)}},
		Limits: Limits{AuthDelay: time.Microsecond},
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg, b)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Server: s, addr: l.Addr().String(), auth: auth, done: make(chan error, 1)}
	go func() { r.done <- s.Serve(l) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *running) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve did not return")
	}
	r.done <- nil
}

// client is a raw SMTP client.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

const patience = 10 * time.Second

// dial connects and reads the greeting.
func (r *running) dial(t testing.TB) *client {
	t.Helper()
	c := r.connect(t)
	c.want("220 mail.clinic.example ESMTP Gatepost")
	return c
}

func (r *running) connect(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newClient(t, conn)
}

func newClient(t testing.TB, conn net.Conn) *client {
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// startTLS speaks TLS from now on, showing certs.
func (c *client) startTLS(certs ...tls.Certificate) {
	c.t.Helper()
	tc := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, Certificates: certs})
	if err := tc.Handshake(); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.conn, c.r = tc, bufio.NewReader(tc)
}

// send writes octets as they are.
func (c *client) send(octets string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, octets); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

// line reads one line of a reply.
func (c *client) line() string {
	c.t.Helper()
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reading a reply: %v (had %q)", err, s)
	}
	if !strings.HasSuffix(s, "\r\n") {
		c.t.Fatalf("reply %q does not end with CRLF", s)
	}
	return strings.TrimSuffix(s, "\r\n")
}

// reply reads a whole reply and returns its last line.
func (c *client) reply() string {
	c.t.Helper()
	for {
		if s := c.line(); len(s) < 4 || s[3] != '-' {
			return s
		}
	}
}

// want reads a whole reply whose last line begins with prefix.
func (c *client) want(prefix string) {
	c.t.Helper()
	if got := c.reply(); !strings.HasPrefix(got, prefix) {
		c.t.Fatalf("got reply %q, want %q", got, prefix)
	}
}

// do sends one command and wants a reply.
func (c *client) do(command, prefix string) {
	c.t.Helper()
	c.send(command + "\r\n")
	c.want(prefix)
}

// wantEOF reads the end of the connection.
func (c *client) wantEOF() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil {
		c.t.Fatalf("got %q, %v, want the end of the connection", rest, err)
	}
}

// envelope opens a transaction.
func (c *client) envelope() {
	c.t.Helper()
	c.do("EHLO client.example", "250 ")
	c.do("MAIL FROM:<ann@clinic.example>", "250 2.1.0")
	c.do("RCPT TO:<pat@out.example>", "250 2.1.5")
}

// toData opens a transaction up to 354.
func (c *client) toData() {
	c.t.Helper()
	c.envelope()
	c.do("DATA", "354 ")
}

// wantBodies compares what was accepted.
func (r *recorder) wantBodies(t testing.TB, want ...string) {
	t.Helper()
	got := r.all()
	if len(got) != len(want) {
		t.Fatalf("%d mails were accepted, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].body, []byte(want[i])) {
			t.Errorf("mail %d is %.200q, want %.200q", i, got[i].body, want[i])
		}
	}
}
