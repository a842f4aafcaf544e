package e2e

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is a next hop that keeps everything: every octet that came over its
// connections and every mail. It shares no code with Gatepost.
type sink struct {
	addr string

	mu    sync.Mutex
	wire  bytes.Buffer // what all connections received, TLS taken off where the sink ends it
	mails []received

	forgotten int

	// trouble, where it is set, sees each mail first: whether the sink keeps it,
	// and what it answers. It is set before the first mail.
	trouble func(*smtp.Conn, *received) (keep bool, answer error)
}

// received is one mail of the sink.
type received struct {
	from string
	to   []string
	tls  bool
	raw  []byte
}

// startSink listens; with a certificate it offers STARTTLS.
func startSink(t *testing.T, cert *tls.Certificate) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: l.Addr().String()}
	server := smtp.NewServer(s)
	server.Domain, server.MaxMessageBytes, server.EnableSMTPUTF8 = "sink.example", 200<<20, true
	server.MaxLineLength = 1 << 20
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	if cert != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	go func() { _ = server.Serve(&tappedListener{Listener: l, sink: s}) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// NewSession implements smtp.Backend.
func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &sinkSession{sink: s, conn: c}, nil
}

type sinkSession struct {
	sink *sink
	conn *smtp.Conn
	now  received
}

func (x *sinkSession) Reset()        { x.now = received{} }
func (x *sinkSession) Logout() error { return nil }
func (x *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	x.now = received{from: from}
	return nil
}
func (x *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.now.to = append(x.now.to, to)
	return nil
}

func (x *sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, x.now.tls = x.conn.TLSConnectionState()
	x.now.raw = raw
	keep, answer := true, error(nil)
	if x.sink.trouble != nil {
		keep, answer = x.sink.trouble(x.conn, &x.now)
	}
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	if keep {
		x.sink.mails = append(x.sink.mails, x.now)
	}
	return answer
}

// tappedListener records what its connections read.
type tappedListener struct {
	net.Listener
	sink *sink
}

func (l *tappedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &tappedConn{Conn: c, sink: l.sink}, err
}

type tappedConn struct {
	net.Conn
	sink *sink
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	c.sink.wire.Write(p[:n])
	return n, err
}

// octets is everything that came over the wire and everything that was
// received as mail (which the wire hides when it was TLS).
func (s *sink) octets() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := bytes.Clone(s.wire.Bytes())
	for _, m := range s.mails {
		all = append(all, m.raw...)
	}
	return all
}

// to returns the mails for one recipient, oldest first.
func (s *sink) to(address string) []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []received
	for _, m := range s.mails {
		for _, a := range m.to {
			if strings.EqualFold(a, address) {
				found = append(found, m)
				break
			}
		}
	}
	return found
}

// count is how many mails arrived since the start.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forgotten + len(s.mails)
}

// forget drops what was recorded, for stories that go on for long.
func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten += len(s.mails)
	s.mails = nil
	s.wire.Reset()
}

// wait returns the n-th mail for address (from 1) once it is there.
func (s *sink) wait(t *testing.T, address string, n int) received {
	t.Helper()
	var m received
	eventually(t, 30*time.Second, func() string {
		list := s.to(address)
		if len(list) < n {
			return "mail " + string(rune('0'+n)) + " for " + address + " has not arrived"
		}
		m = list[n-1]
		return ""
	})
	return m
}

var (
	linkPattern = regexp.MustCompile(`https?://[^\s"<>]+/m/[A-Za-z0-9_-]{22}`)
	codePattern = regexp.MustCompile(`(?m)^[ \t]*([0-9]{6})[ \t]*\r?$`)
	softBreak   = regexp.MustCompile(`=\r?\n`)
)

// text is the mail with soft line breaks of quoted-printable taken out, which
// is enough to find links and codes in it.
func (m received) text() string {
	return strings.ReplaceAll(softBreak.ReplaceAllString(string(m.raw), ""), "=3D", "=")
}

func (m received) link(t *testing.T) string {
	t.Helper()
	links := map[string]bool{}
	for _, l := range linkPattern.FindAllString(m.text(), -1) {
		links[l] = true
	}
	if len(links) != 1 {
		t.Fatalf("%d different links in\n%s", len(links), m.raw)
	}
	for l := range links {
		return l
	}
	return ""
}

func (m received) code(t *testing.T) string {
	t.Helper()
	hit := codePattern.FindStringSubmatch(m.text())
	if hit == nil {
		t.Fatalf("no code in\n%s", m.raw)
	}
	return hit[1]
}

func (m received) header(t *testing.T, name string) string {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(m.raw))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header.Get(name)
}

// all returns every mail, oldest first.
func (s *sink) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}
