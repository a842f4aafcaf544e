package smtpd

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

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

// TestGivingWayBetweenCommands: a stranger who waits between the commands of a mail
// may have to give way. It is told to try again, what it had begun is not taken, and
// the mail that was answered 250 before stays taken, once.
func TestGivingWayBetweenCommands(t *testing.T) {
	for name, begun := range map[string][]string{
		"after a mail": nil,
		"after MAIL":   {"MAIL FROM:<ann@clinic.example>"},
		"after RCPT":   {"MAIL FROM:<ann@clinic.example>", "RCPT TO:<bob@out.example>"},
		"after RSET":   {"MAIL FROM:<ann@clinic.example>", "RCPT TO:<bob@out.example>", "RSET"},
	} {
		b := &recorder{}
		s := beginForeign(t, b, func(c *Config) { c.Limits.Connections = 2 }) // one for strangers
		c := s.dial(t)
		c.toData()
		c.do("Subject: first\r\n\r\nHello\r\n.", "250 2.0.0 Ok: queued as")
		for _, command := range begun {
			c.do(command, "250")
		}
		for s.idle() != 1 {
			time.Sleep(time.Millisecond)
		}
		other := s.dial(t)
		c.want("421 4.7.0 Too many connections, try again later")
		c.wantEOF()
		other.toData()
		other.do("Subject: second\r\n\r\nHello\r\n.", "250 2.0.0 Ok: queued as")
		if all := b.all(); len(all) != 2 {
			t.Errorf("%s: %d mails are taken, not the two that were answered 250", name, len(all))
		}
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
