package smppd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// submitted is one call of SubmitSMS.
type submitted struct {
	peer    gateway.Peer
	segment gateway.Segment
	place   gateway.SegmentPlace
	to      []gateway.Line
}

// fake is a Gateway that keeps everything in memory. A hook replaces the
// answer of a method.
type fake struct {
	mu      sync.Mutex
	submits []submitted
	outbox  map[string][]gateway.Delivery
	news    map[string]chan struct{}
	done    []string
	asked   int // calls of Deliveries

	submit  func(context.Context, submitted) (string, []gateway.LineFault, error)
	query   func(account, id string, source gateway.Line) (gateway.ShortMessageState, error)
	cancel  func(account, id, serviceType string, source, dest gateway.Line) error
	replace func(account, id string, s gateway.Segment) error
	settle  func(keys []string) error
}

func newFake() *fake {
	return &fake{outbox: map[string][]gateway.Delivery{}, news: map[string]chan struct{}{}}
}

func (f *fake) SubmitSMS(ctx context.Context, p gateway.Peer, s gateway.Segment, place gateway.SegmentPlace, to []gateway.Line) (string, []gateway.LineFault, error) {
	call := submitted{p, s, place, to}
	if f.submit != nil {
		return f.submit(ctx, call)
	}
	return f.take(call), nil, nil
}

// take records a submission and returns its id.
func (f *fake) take(s submitted) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.submits = append(f.submits, s)
	return "m" + strconv.Itoa(len(f.submits))
}

func (f *fake) taken() []submitted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.submits)
}

func (f *fake) QuerySMS(_ context.Context, account, id string, source gateway.Line) (gateway.ShortMessageState, error) {
	if f.query == nil {
		return gateway.ShortMessageState{}, gateway.ErrNoShortMessage
	}
	return f.query(account, id, source)
}

func (f *fake) CancelSMS(_ context.Context, account, id, serviceType string, source, dest gateway.Line) error {
	if f.cancel == nil {
		return gateway.ErrNoShortMessage
	}
	return f.cancel(account, id, serviceType, source, dest)
}

func (f *fake) ReplaceSMS(_ context.Context, account, id string, s gateway.Segment) error {
	if f.replace == nil {
		return gateway.ErrNoShortMessage
	}
	return f.replace(account, id, s)
}

func (f *fake) Deliveries(_ context.Context, account, after string, most int) ([]gateway.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	var list []gateway.Delivery
	for _, d := range f.outbox[account] {
		if d.Key > after && len(list) < most {
			list = append(list, d)
		}
	}
	return list, nil
}

func (f *fake) DeliveriesDone(_ context.Context, account string, keys []string) error {
	if f.settle != nil {
		if err := f.settle(keys); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, keys...)
	f.outbox[account] = slices.DeleteFunc(f.outbox[account], func(d gateway.Delivery) bool { return slices.Contains(keys, d.Key) })
	return nil
}

func (f *fake) DeliveriesWait(account string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news[account] == nil {
		f.news[account] = make(chan struct{})
	}
	return f.news[account]
}

// put makes deliveries wait for an account.
func (f *fake) put(account string, list ...gateway.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outbox[account] = append(f.outbox[account], list...)
	if c := f.news[account]; c != nil {
		close(c)
		delete(f.news, account)
	}
}

// settled are the keys that were settled, in order.
func (f *fake) settled() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.done)
}

// mo is a delivery of one segment with that text.
func mo(key, words string) gateway.Delivery {
	return gateway.Delivery{Key: key, Segments: []gateway.Segment{segment(words)}}
}

func segment(words string) gateway.Segment {
	return gateway.Segment{Source: gateway.Line{TON: 1, NPI: 1, Addr: "15557654321"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, Short: []byte(words)}
}

// accountsForTests: esme1 and esme2 may use the number of the clinic and its name.
func accountsForTests() []Account {
	senders := []gateway.Line{{TON: 1, NPI: 1, Addr: "15550001111"}, {TON: 5, Addr: "CLINIC"}}
	return []Account{
		{SystemID: "esme1", Password: "secret1", Senders: senders},
		{SystemID: "esme2", Password: "a password of 64 octets is longer than SMPP v3.4 allows it to be", AnySender: true},
	}
}

// server is a Server that listens.
type server struct {
	*Server
	addr, secure string
	pool         *x509.CertPool
}

// start serves g on a port for SMPP and on one for TLS.
func start(t testing.TB, g Gateway, change func(*Config)) *server {
	t.Helper()
	cert, pool := certificate(t)
	var texts text.Texts
	cfg := Config{
		Accounts: accountsForTests(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		Place: texts.Place, Receipt: texts.ComposeReceipt, Older: texts.Older,
		Limits: Limits{AuthDelay: time.Millisecond},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, g)
	if err != nil {
		t.Fatal(err)
	}
	plain, secure := listen(t), listen(t)
	served := make(chan error, 2)
	go func() { served <- s.Serve(plain) }()
	go func() { served <- s.ServeTLS(secure) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := errors.Join(<-served, <-served); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &server{s, plain.Addr().String(), secure.Addr().String(), pool}
}

// open is the number of sessions.
func (s *server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"gatepost.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// client is an application.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *pdu.Reader
	seq  uint32
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

func newClient(t testing.TB, conn net.Conn) *client {
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, in: pdu.NewReader(conn, 0)}
}

// write sends p, with a sequence number of its own where it has none.
func (c *client) write(p pdu.PDU) uint32 {
	c.t.Helper()
	if p.Sequence == 0 {
		c.seq++
		p.Sequence = c.seq
	}
	b, err := pdu.Append(nil, p)
	if err != nil {
		c.t.Fatal(err)
	}
	c.raw(b)
	return p.Sequence
}

func (c *client) raw(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// read reads one PDU.
func (c *client) read() pdu.PDU {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	p, err := c.in.Read()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return p
}

// silent asserts that nothing comes for d.
func (c *client) silent(d time.Duration) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(d))
	p, err := c.in.Read()
	if !isTimeout(err) {
		c.t.Fatalf("got %v %v (%v), want silence", p.Command, p.Status, err)
	}
}

// closed asserts that the server has closed the connection, and that nothing
// comes before.
func (c *client) closed() {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if p, err := c.in.Read(); err == nil || isTimeout(err) {
		c.t.Fatalf("got %v %v (%v), want the end", p.Command, p.Status, err)
	}
}

// ask sends p and returns what comes next.
func (c *client) ask(p pdu.PDU) pdu.PDU {
	c.t.Helper()
	seq := c.write(p)
	answer := c.read()
	if answer.Sequence != seq {
		c.t.Fatalf("%v answers %d, want %d", answer.Command, answer.Sequence, seq)
	}
	return answer
}

// want sends p and asserts the status of its response.
func (c *client) want(p pdu.PDU, status pdu.Status) pdu.PDU {
	c.t.Helper()
	answer := c.ask(p)
	if answer.Command != p.Command.Response() || answer.Status != status {
		c.t.Fatalf("%v: got %v %v, want %v", p.Command, answer.Command, answer.Status, status)
	}
	return answer
}

func bindPDU(command pdu.Command, id, password string) pdu.PDU {
	return pdu.PDU{Command: command, Body: &pdu.Bind{SystemID: id, Password: gateway.Sensitive(password), InterfaceVersion: 0x34}}
}

// bind binds as esme1.
func (c *client) bind(command pdu.Command) *client {
	c.t.Helper()
	c.want(bindPDU(command, "esme1", "secret1"), pdu.OK)
	return c
}

func submitPDU(words string) pdu.PDU {
	return pdu.PDU{Command: pdu.SubmitSM, Body: &pdu.Message{Segment: gateway.Segment{
		Source: gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15557654321"}, Short: []byte(words)}}}
}

// idOf is the message_id of a response.
func idOf(t testing.TB, p pdu.PDU) string {
	t.Helper()
	id, ok := messageID(p.Body)
	if !ok {
		t.Fatalf("%v %v has no message_id", p.Command, p.Status)
	}
	return id
}

// expect reads a deliver_sm and returns it with its words.
func (c *client) expect() (pdu.PDU, string) {
	c.t.Helper()
	p := c.read()
	b, ok := p.Body.(*pdu.Message)
	if !ok || p.Command != pdu.DeliverSM {
		c.t.Fatalf("got %v %v, want a deliver_sm", p.Command, p.Status)
	}
	return p, string(b.Segment.Payload())
}

// acknowledge answers a deliver_sm.
func (c *client) acknowledge(p pdu.PDU, status pdu.Status) {
	c.t.Helper()
	c.write(p.Response(status, &pdu.MessageResp{}))
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("%s: got %#v, want %#v", what, got, want)
	}
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func place(*gateway.Segment) (gateway.SegmentPlace, error) {
	return gateway.SegmentPlace{Total: 1}, nil
}

func receipt(r gateway.Receipt) gateway.Segment {
	return gateway.Segment{Source: r.Dest, Dest: r.Source, ESMClass: 4, Short: []byte("id:" + r.ID.Reveal()),
		TLVs: []gateway.TLV{{Tag: gateway.TagReceiptedMessageID, Value: append([]byte(r.ID), 0)}}}
}

func dialTLS(t testing.TB, s *server) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", s.secure, &tls.Config{RootCAs: s.pool, ServerName: "gatepost.example"})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

// submitFrom is a submit_sm from that name.
func submitFrom(name string) pdu.PDU {
	p := submitPDU("hello")
	p.Body.(*pdu.Message).Segment.Source = gateway.Line{TON: 5, Addr: name}
	return p
}
