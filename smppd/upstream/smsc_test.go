package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// smsc is a message centre that does as the test says: handle may take over
// any PDU (true), the rest is answered as a good one does.
type smsc struct {
	t      testing.TB
	ln     net.Listener
	handle func(s *session, p pdu.PDU) bool
	all    sync.WaitGroup
	ids    atomic.Int64

	mu       sync.Mutex
	arrived  []string       // texts of segments, in order of arrival
	yes      map[string]int // answered with status 0, and the answer was written
	sessions []*session
	binds    []pdu.Command
	closed   bool
}

// session is one connection to the smsc.
type session struct {
	*smsc
	conn net.Conn
	wmu  sync.Mutex
}

func newSMSC(t testing.TB, handle func(*session, pdu.PDU) bool) *smsc {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveSMSC(t, ln, handle)
}

func serveSMSC(t testing.TB, ln net.Listener, handle func(*session, pdu.PDU) bool) *smsc {
	m := &smsc{t: t, ln: ln, handle: handle, yes: map[string]int{}}
	m.all.Go(m.accept)
	t.Cleanup(m.close)
	return m
}

func (m *smsc) addr() string { return m.ln.Addr().String() }

func (m *smsc) accept() {
	for {
		conn, err := m.ln.Accept()
		if err != nil {
			return
		}
		s := &session{smsc: m, conn: conn}
		m.mu.Lock()
		m.sessions = append(m.sessions, s)
		closed := m.closed
		m.mu.Unlock()
		if closed {
			_ = conn.Close()
		}
		m.all.Go(s.run)
	}
}

func (m *smsc) close() {
	_ = m.ln.Close()
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.drop()
	m.all.Wait()
}

// links is how many connections there were.
func (m *smsc) links() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// bound is how many binds were welcome.
func (m *smsc) bound() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.binds)
}

// drop closes every connection.
func (m *smsc) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		_ = s.conn.Close()
	}
}

// last is the newest connection.
func (m *smsc) last() *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[len(m.sessions)-1]
}

func (s *session) run() {
	defer s.conn.Close()
	r := pdu.NewReader(s.conn, 0)
	for {
		p, err := r.Read()
		var malformed *pdu.DecodeError
		if errors.As(err, &malformed) {
			s.t.Errorf("the client sent %v", err)
			continue
		}
		if err != nil {
			return
		}
		if text := textOf(p); text != "" {
			s.mu.Lock()
			s.arrived = append(s.arrived, text)
			s.mu.Unlock()
		}
		if s.handle != nil && s.handle(s, p) {
			continue
		}
		s.behave(p)
	}
}

func textOf(p pdu.PDU) string {
	if m, ok := p.Body.(*pdu.Message); ok && (p.Command == pdu.SubmitSM || p.Command == pdu.DataSM) {
		return string(m.Segment.Payload())
	}
	return ""
}

func (s *session) behave(p pdu.PDU) {
	switch p.Command {
	case pdu.BindTransceiver, pdu.BindTransmitter, pdu.BindReceiver:
		s.mu.Lock()
		s.binds = append(s.binds, p.Command)
		s.mu.Unlock()
		s.say(p.Response(pdu.OK, &pdu.BindResp{SystemID: "smsc"}))
	case pdu.SubmitSM, pdu.DataSM:
		s.yesTo(p)
	case pdu.EnquireLink:
		s.say(p.Response(pdu.OK, nil))
	case pdu.Unbind:
		s.say(p.Response(pdu.OK, nil))
		_ = s.conn.Close()
	}
}

func (s *session) say(p pdu.PDU) bool {
	frame, err := pdu.Append(nil, p)
	if err != nil {
		s.t.Errorf("smsc: %v", err)
		return false
	}
	return s.raw(frame)
}

func (s *session) raw(frame []byte) bool {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	_, err := s.conn.Write(frame)
	return err == nil
}

// yesTo accepts a segment.
func (s *session) yesTo(p pdu.PDU) {
	id := strconv.FormatInt(s.ids.Add(1), 10)
	if s.say(p.Response(pdu.OK, &pdu.MessageResp{MessageID: id})) {
		s.mu.Lock()
		s.yes[textOf(p)]++
		s.mu.Unlock()
	}
}

func (m *smsc) times(text string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.arrived {
		if a == text {
			n++
		}
	}
	return n
}

// agreed is how often a text was answered with status 0.
func (m *smsc) agreed(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.yes[text]
}

func (m *smsc) order() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.arrived, " ")
}

// inboundStub is a Gateway that remembers.
type inboundStub struct {
	mu       sync.Mutex
	texts    []string
	receipts []gateway.Receipt
	spells   [][2]time.Time // of what came soon after a bind
	message  func(gateway.Segment) error
	receipt  func(gateway.Receipt) error
}

// taken forgets and returns what came.
func (g *inboundStub) taken() (texts []string, receipts []gateway.Receipt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	texts, receipts = g.texts, g.receipts
	g.texts, g.receipts = nil, nil
	return texts, receipts
}

func (g *inboundStub) ReceiveSMS(_ context.Context, s gateway.Segment) error {
	g.mu.Lock()
	g.texts = append(g.texts, string(s.Payload()))
	g.mu.Unlock()
	if g.message != nil {
		return g.message(s)
	}
	return nil
}

func (g *inboundStub) ReceiveAgainSMS(ctx context.Context, s gateway.Segment, from, to time.Time) error {
	g.mu.Lock()
	g.spells = append(g.spells, [2]time.Time{from, to})
	g.mu.Unlock()
	return g.ReceiveSMS(ctx, s)
}

func (g *inboundStub) ReceiptSMS(_ context.Context, r gateway.Receipt) error {
	g.mu.Lock()
	g.receipts = append(g.receipts, r)
	g.mu.Unlock()
	if g.receipt != nil {
		return g.receipt(r)
	}
	return nil
}

// quick are timers twenty times faster than in life.
func quick() Timers {
	return Timers{
		EnquireLink: 700 * time.Millisecond, Response: 500 * time.Millisecond,
		Reconnect: 10 * time.Millisecond, MaxReconnect: 50 * time.Millisecond, Refused: 800 * time.Millisecond,
		Pause: 20 * time.Millisecond, MaxPause: 300 * time.Millisecond,
	}
}

type logs struct {
	t  testing.TB
	mu sync.Mutex
	strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// start runs a client against m until the test ends.
func start(t testing.TB, m *smsc, g Gateway, change ...func(*Config)) *Client {
	t.Helper()
	config := Config{
		Addr: m.addr(), SystemID: "gw", Password: "sesame", Window: 10, Timers: quick(),
		Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&config)
	}
	c := New(config)
	run(t, c, g)
	return c
}

func run(t testing.TB, c *Client, g Gateway) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx, g); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// segment to a number, with a text.
func segment(text string) gateway.Segment {
	return gateway.Segment{
		Source: gateway.Line{TON: 5, Addr: "CLINIC"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15551230000"},
		Registered: 1, Short: []byte(text),
	}
}

func message(texts ...string) (all []gateway.Segment) {
	for _, text := range texts {
		all = append(all, segment(text))
	}
	return all
}

// eventually waits for something that takes its time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func result(o gateway.Outcome) string {
	return fmt.Sprintf("%d %d %s %s unknown=%v %q", o.Result, o.Code, o.Status, o.Phase, o.Unknown, o.Text.Reveal())
}

func logTo(out *logs) func(*Config) {
	return func(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(out, nil)) }
}
