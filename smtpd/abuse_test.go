package smtpd

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// ownOnly relays for trusted peers and takes mail for clinic.example from
// anyone, as a gateway does.
func ownOnly() *recorder {
	r := &recorder{}
	r.recipient = func(s *gateway.Submission, to gateway.Recipient) error {
		if s.Peer.Trusted || s.Peer.Account != "" || to.Address.Domain() == "clinic.example" {
			return nil
		}
		return gateway.FaultNoRelay
	}
	return r
}

// Ways in which strangers have made mail servers relay: none may reach the
// backend looking like an address of ours.
func TestStrangersCannotRelay(t *testing.T) {
	for _, rcpt := range []string{
		"<pat@out.example>",
		"<@clinic.example:pat@out.example>", // a source route leads out
		"<@out.example,@clinic.example:pat@out.example>",
		"<\"pat@clinic.example\"@out.example>",
		"<pat@clinic.example@out.example>",
		"<pat@out.example@clinic.example>",
		"<pat@out.example> <ann@clinic.example>",
		"<pat@out.example\\@clinic.example>",
		"<pat@out.example,ann@clinic.example>",
		"<pat@clinic.example.out.example>",
		"<pat@clinic.example.>",
		"<pat@[192.0.2.1]>",
		"<pat@[clinic.example]>",
		"<pat@clinic.example\x00@out.example>",
		"<pat@clinic.example >",
		"<pat@clinic\u00b7example>",
		"pat@out.example",
		"<>",
		"<pat%out.example>", "<out.example!pat>", "<clinic.example!out.example!pat>", "<pat%out.example@[127.0.0.1]>", // no domain of ours behind them
		"<@clinic.example:pat%out.example@out.example>", "<\"pat%out.example\"@out.example>", "<\"@clinic.example:pat\"@out.example>",
		"<pat@[IPv6:::1]>", "<pat@[0x7f.1]>", "<pat@127.0.0.1>", "<pat@2130706433>", "<pat@localhost>",
		"<pat@out.example>@clinic.example", "<<pat@out.example>@clinic.example>", "<pat@out.example>,<ann@clinic.example>", "<ann@clinic.example\r>", "<ann@clinic.example\t@out.example>",
		"<pat@out.example#@clinic.example>x", "<pat@out.example,@clinic.example>", "< pat@out.example>", "<pat@out.example;ann@clinic.example>",
	} {
		t.Run(rcpt, func(t *testing.T) {
			back := ownOnly()
			c := beginForeign(t, back).dial(t)
			c.do("EHLO c", "250")
			c.do("MAIL FROM:<ann@clinic.example>", "250") // a forged sender opens nothing
			c.do("RCPT TO:"+rcpt, "5")
			c.do("DATA", "554 5.5.1 No valid recipients")
			back.wantBodies(t)
		})
	}
	for _, domain := range []string{ // look-alikes of ours, by a client that may say so
		"cl\u0130nic.example", "\u0441linic.example", "\uff43linic.example", "clinic\u3002example", "clinic\uff0eexample", "clinic.example\u200b", "clinic.\u0435xample",
	} {
		t.Run(domain, func(t *testing.T) {
			back := ownOnly()
			c := beginForeign(t, back).dial(t)
			c.do("EHLO c", "250")
			c.do("MAIL FROM:<ann@clinic.example> SMTPUTF8", "250")
			c.do("RCPT TO:<ann@"+domain+">", "5")
			back.wantBodies(t)
		})
	}
	t.Run("ours", func(t *testing.T) { // so that the above is no refusal of everything
		back := ownOnly()
		c := beginForeign(t, back).dial(t)
		c.do("EHLO c", "250")
		c.do("MAIL FROM:<pat@out.example>", "250")
		c.do("RCPT TO:<pat%out.example@clinic.example>", "250") // a local part; what it means is not for SMTP
		c.do("RCPT TO:<@out.example:ann@Clinic.Example>", "250")
		c.do("RCPT TO:<pat@out.example>", "550 5.7.1 Relaying denied")
		c.do("DATA", "354")
		c.do("x\r\n.", "250")
		for _, r := range back.all()[0].sub.Recipients {
			if r.Address.Domain() != "clinic.example" {
				t.Errorf("domain %q", r.Address.Domain())
			}
		}
	})
}

// The exception for loopback is for loopback: a stranger hears no AUTH
// without TLS, whatever the configuration.
func TestPlaintextLoopbackIsForLoopback(t *testing.T) {
	c := beginForeign(t, &recorder{}, func(c *Config) { c.Listener, c.PlaintextLoopback = Submission, true }).dial(t)
	c.send("EHLO c\r\n")
	wantReply(t, c, "AUTH PLAIN LOGIN", false)
	c.do(goodLogin, "538 5.7.11")
	c.do("MAIL FROM:<ann@clinic.example>", "530 5.7.0")
}

// A command line that comes octet by octet has one line's time.
func TestDrippedCommandEnds(t *testing.T) {
	c := begin(t, &recorder{}, func(c *Config) { c.Limits.Idle = 60 * time.Millisecond }).dial(t)
	stop := make(chan struct{})
	defer close(stop)
	go drip(c.conn, stop)
	c.want("421 4.4.2")
}

func drip(w io.Writer, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
			if _, err := io.WriteString(w, "N"); err != nil {
				return
			}
		}
	}
}

// The same for a line that is too long already.
func TestDrippedLongLineEnds(t *testing.T) {
	c := begin(t, &recorder{}, func(c *Config) { c.Limits.Idle = 60 * time.Millisecond }).dial(t)
	c.send(strings.Repeat("x", 4000))
	stop := make(chan struct{})
	defer close(stop)
	go drip(c.conn, stop)
	c.want("421 4.4.2")
}

// Half a ClientHello holds nothing for longer than a handshake may take.
func TestDrippedHandshakeEnds(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) {
		c.Listener, c.Limits.Handshake, c.Limits.Handshakes = Submissions, 50*time.Millisecond, 1
	})
	c := s.connect(t)
	c.send("\x16\x03\x01\x02\x00\x01\x00")
	if _, err := io.ReadAll(c.r); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the end: %v", err)
	}
	for end := time.Now().Add(patience); s.peersOpen() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the session lives")
		}
	}
}

// A client that sends commands and reads no reply: what waits for it is
// bounded, and so is the time.
func TestClientThatReadsNothing(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) { c.Limits.Write = 50 * time.Millisecond })
	c := s.connect(t)
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	commands := strings.Repeat("HELP\r\n", 10_000)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err := io.WriteString(c.conn, commands); err != nil {
			return // cut
		}
	}
	t.Fatal("the server went on reading")
}

// largest is a connection that remembers the largest write.
type largest struct {
	*pullConn
	most int
}

func (l *largest) Write(p []byte) (int, error) {
	l.most = max(l.most, len(p))
	return l.pullConn.Write(p)
}

// Replies to a flood of commands are sent as they come, not hoarded.
func TestFloodOfCommandsIsBounded(t *testing.T) {
	raw := &largest{pullConn: newPullConn(strings.Repeat("VRFY x\r\n", 200_000))}
	s, err := New(Config{Listener: Relay, Hostname: "mail.clinic.example"}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	s.start.Do(func() { go s.engine.Serve(s.feed) })
	s.admit(raw)
	<-raw.closed
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if raw.most > 64<<10 {
		t.Errorf("%d octets of replies were held back", raw.most)
	}
	if n := strings.Count(raw.said.String(), "252 "); n != 200_000 {
		t.Errorf("%d replies to 200,000 commands", n)
	}
}

// idleSessions opens n sessions that have said EHLO and returns what one of
// them holds in heap and stacks.
func idleSessions(t testing.TB, n int) int {
	s := begin(t, &recorder{}, func(c *Config) { c.Limits.PerTrusted = n + 10 })
	before := inUse()
	for range n {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, "EHLO c\r\n")
		waitForReply(t, conn)
	}
	return (inUse() - before) / n
}

// waitForReply reads up to the end of the reply to EHLO without a buffer of
// its own.
func waitForReply(t testing.TB, conn net.Conn) {
	var b [512]byte
	for n := 0; !strings.Contains(string(b[:n]), "250 CHUNKING\r\n"); {
		k, err := conn.Read(b[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
}

func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// Thousands of idle sessions must not cost gigabytes. What is measured holds
// the client's end too.
func TestIdleSessionIsSmall(t *testing.T) {
	if per := idleSessions(t, 300); per > 40<<10 {
		t.Errorf("an idle session holds %d octets", per)
	}
}
