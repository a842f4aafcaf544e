package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatepost/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is how a next hop behaves on one connection.
type script struct {
	banner string   // "" is a good one
	ehlo   []string // extensions; nil is 8BITMIME and SIZE
	tls    *tls.Config
	// on replaces the answer to a verb, to "BANNER" or to "." (the end of
	// data). It reports whether it has dealt with it; else the usual follows.
	on map[string]func(p *peer, line string) bool
}

// say answers a verb with fixed lines.
func say(lines ...string) func(*peer, string) bool {
	return func(p *peer, _ string) bool { p.say(lines...); return true }
}

// bye answers and closes.
func bye(line string) func(*peer, string) bool {
	return func(p *peer, _ string) bool { p.say(line); p.close(); return true }
}

func hang(p *peer, _ string) bool { <-p.server.over; p.close(); return true }
func drop(p *peer, _ string) bool { p.close(); return true }
func rst(p *peer, _ string) bool {
	if c, ok := p.raw.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	p.close()
	return true
}

// delivery is a message that a server has read to its end.
type delivery struct {
	mail     string
	rcpts    []string
	body     string // dots removed
	accepted bool
}

// server is a next hop.
type server struct {
	t      *testing.T
	ln     net.Listener
	script func(n int) script // of the n-th connection, from 0
	over   chan struct{}
	wait   sync.WaitGroup

	mu         sync.Mutex
	sessions   []*peer
	deliveries []delivery
}

// serve starts a next hop that behaves as scripts say, connection by
// connection; the last one is for all that follow.
func serve(t *testing.T, scripts ...script) *server {
	t.Helper()
	if len(scripts) == 0 {
		scripts = []script{{}}
	}
	return serveFunc(t, "127.0.0.1:0", func(n int) script { return scripts[min(n, len(scripts)-1)] })
}

func serveFunc(t *testing.T, addr string, f func(n int) script) *server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, ln: ln, script: f, over: make(chan struct{})}
	s.wait.Go(s.accept)
	t.Cleanup(func() {
		close(s.over)
		_ = ln.Close()
		for _, p := range s.peers() {
			p.close()
		}
		s.wait.Wait()
	})
	return s
}

func (s *server) addr() string { return s.ln.Addr().String() }

func (s *server) peers() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sessions)
}

func (s *server) taken() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

func (s *server) accept() {
	for n := 0; ; n++ {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		p := &peer{server: s, raw: c, conn: c, script: s.script(n)}
		s.mu.Lock()
		s.sessions = append(s.sessions, p)
		s.mu.Unlock()
		s.wait.Go(p.serve)
	}
}

// peer is the server's end of one connection.
type peer struct {
	server *server
	script script
	raw    net.Conn
	conn   net.Conn
	br     *bufio.Reader
	now    delivery

	mu       sync.Mutex
	commands []string
}

func (p *peer) say(lines ...string) {
	_, _ = io.WriteString(p.conn, strings.Join(lines, "\r\n")+"\r\n")
}

func (p *peer) close() { _ = p.raw.Close() }

func (p *peer) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

func (p *peer) serve() {
	defer p.close()
	p.br = bufio.NewReader(p.conn)
	banner := p.script.banner
	if banner == "" {
		banner = "220 sink.test ESMTP"
	}
	if !p.special("BANNER", "") {
		p.say(banner)
	}
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		p.mu.Lock()
		p.commands = append(p.commands, line)
		p.mu.Unlock()
		verb := strings.ToUpper(strings.SplitN(strings.SplitN(line, " ", 2)[0], ":", 2)[0])
		if !p.special(verb, line) && !p.usual(verb, line) {
			return
		}
	}
}

func (p *peer) special(verb, line string) bool {
	f := p.script.on[verb]
	return f != nil && f(p, line)
}

// usual is a well-behaved server. It reports whether the session goes on.
func (p *peer) usual(verb, line string) bool {
	switch verb {
	case "EHLO":
		ext := p.script.ehlo
		if ext == nil {
			ext = []string{"8BITMIME", "SIZE 100000000"}
		}
		lines := []string{"250-sink.test"}
		for _, e := range ext {
			lines = append(lines, "250-"+e)
		}
		lines[len(lines)-1] = strings.Replace(lines[len(lines)-1], "-", " ", 1)
		p.say(lines...)
	case "HELO", "RSET", "NOOP":
		p.now = delivery{}
		p.say("250 ok")
	case "STARTTLS":
		p.say("220 go ahead")
		return p.upgrade()
	case "MAIL":
		p.now = delivery{mail: line}
		p.say("250 2.1.0 ok")
	case "RCPT":
		p.now.rcpts = append(p.now.rcpts, line)
		p.say("250 2.1.5 ok")
	case "DATA":
		if len(p.now.rcpts) == 0 {
			p.say("554 5.5.1 no valid recipients")
			return true
		}
		p.say("354 go")
		return p.data()
	case "QUIT":
		p.say("221 bye")
		return false
	default:
		p.say("500 5.5.2 what?")
	}
	return true
}

func (p *peer) upgrade() bool {
	conn := tls.Server(p.conn, p.script.tls)
	if conn.Handshake() != nil {
		return false
	}
	p.conn, p.br = conn, bufio.NewReader(conn)
	return true
}

// data reads a body strictly: only CRLF.CRLF ends it.
func (p *peer) data() bool {
	var body bytes.Buffer
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" && (body.Len() == 0 || bytes.HasSuffix(body.Bytes(), []byte("\r\n"))) {
			break
		}
		if body.Len() == 0 || bytes.HasSuffix(body.Bytes(), []byte("\r\n")) {
			line = strings.TrimPrefix(line, ".")
		}
		body.WriteString(line)
	}
	p.now.body = body.String()
	p.now.accepted = p.script.on["."] == nil
	p.server.mu.Lock()
	p.server.deliveries = append(p.server.deliveries, p.now)
	p.server.mu.Unlock()
	p.now = delivery{}
	if !p.special(".", "") {
		p.say("250 2.0.0 ok queued")
	}
	return true
}

// client makes a Client with deadlines fit for tests.
func client(t *testing.T, change func(*Config)) *Client {
	t.Helper()
	config := Config{Hostname: "gate.test", Timeouts: Timeouts{
		Connect: 5 * time.Second, Banner: 5 * time.Second, Hello: 5 * time.Second, Mail: 5 * time.Second, Rcpt: 5 * time.Second,
		DataInit: 5 * time.Second, Block: 5 * time.Second, DataDone: 5 * time.Second, Quit: time.Second, Lookup: 5 * time.Second,
	}}
	if change != nil {
		change(&config)
	}
	c := New(config)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// hasty gives up on a silent peer soon.
func hasty(c *Config) {
	d := 500 * time.Millisecond
	c.Timeouts.Banner, c.Timeouts.Hello, c.Timeouts.Mail, c.Timeouts.Rcpt = d, d, d, d
	c.Timeouts.DataInit, c.Timeouts.Block, c.Timeouts.DataDone, c.Timeouts.Quit = d, d, d, d
}

const sample = "From: <ann@clinic.example>\r\nSubject: x\r\n\r\n.hidden\r\n..\r\nbody\r\n"

// mail is a transaction of sample to recipients.
func mail(to ...string) *Transaction {
	tx := &Transaction{From: gateway.MustAddress("ann@clinic.example"), Size: int64(len(sample)), Open: reading(sample)}
	for _, a := range to {
		tx.Recipients = append(tx.Recipients, gateway.Recipient{Address: gateway.MustAddress(a)})
	}
	return tx
}

func reading(body string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
}

// give prepares tx whatever the connection.
func give(tx *Transaction) func(gateway.TLSState, bool) (*Transaction, error) {
	return func(gateway.TLSState, bool) (*Transaction, error) { return tx, nil }
}

// deliver makes one plain attempt to s.
func deliver(c *Client, s *server, tx *Transaction) []gateway.Outcome {
	return c.Deliver(context.Background(), Route{Host: s.addr(), TLS: None}, Any, give(tx))
}
