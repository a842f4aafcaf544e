package smppd

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func header(length, command, seq uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, length)
	b = binary.BigEndian.AppendUint32(b, command)
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0), seq)
}

// A command_length that cannot be: an answer, the end, and no memory.
func TestImpossibleLength(t *testing.T) {
	s := start(t, newFake(), nil)
	for _, length := range []uint32{0, 1, 15, pdu.MaxFrame + 1, 0x7FFFFFFF, 0xFFFFFFFF} {
		for _, bound := range []bool{false, true} {
			c := dial(t, s.addr)
			if bound {
				c.bind(pdu.BindTransceiver)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.raw(header(length, uint32(pdu.SubmitSM), 7))
			c.raw(bytes.Repeat([]byte("x"), 10000))
			answer := c.read()
			if answer.Command != pdu.GenericNack || answer.Status != pdu.RINVCMDLEN {
				t.Errorf("%#x: got %v %v", length, answer.Command, answer.Status)
			}
			c.closed()
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
				t.Errorf("%#x: %d octets were allocated", length, grown)
			}
		}
	}
}

func TestMalformedAndUnknown(t *testing.T) {
	s := start(t, newFake(), nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	c.raw(header(16, 0x00000555, 8))
	p := c.read()
	equal(t, "unknown", []any{p.Command, p.Status, p.Sequence}, []any{pdu.GenericNack, pdu.RINVCMDID, uint32(8)})
	c.raw(append(header(20, uint32(pdu.SubmitSM), 9), "abcd"...))
	p = c.read()
	if p.Command != pdu.SubmitSMResp || p.Status == pdu.OK || p.Sequence != 9 {
		t.Errorf("a submit_sm that is cut off: %v %v %d", p.Command, p.Status, p.Sequence)
	}
	c.raw(append(header(18, uint32(pdu.QuerySMResp), 10), "ab"...)) // a malformed response has no answer
	c.want(submitPDU("hello"), pdu.OK)
}

// short_message beside message_payload is refused, section 5.3.2.32.
func TestTwoTexts(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	b, err := pdu.Append(nil, submitPDU("harmless"))
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, 0x04, 0x24, 0, 5)
	b = append(b, "other"...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	c.raw(b)
	if p := c.read(); p.Command != pdu.SubmitSMResp || p.Status == pdu.OK {
		t.Errorf("got %v %v", p.Command, p.Status)
	}
	equal(t, "submitted", len(g.taken()), 0)
}

// small is a listener whose connections buffer little of what is written.
type small struct{ net.Listener }

func (s small) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(4096)
	}
	return c, err
}

// A peer that does not read is cut off, holds little, and delays nobody.
func TestPeerThatNeverReads(t *testing.T) {
	g := newFake()
	s := start(t, g, func(c *Config) { c.Limits.Write = 300 * time.Millisecond })
	l := small{listen(t)}
	go func() { _ = s.Serve(l) }()
	c := dial(t, l.Addr().String()).bind(pdu.BindTransceiver)
	_ = c.conn.(*net.TCPConn).SetReadBuffer(4096)
	b, err := pdu.Append(nil, pdu.PDU{Command: pdu.EnquireLink, Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	flood := bytes.Repeat(b, 4096)
	var sent atomic.Int64
	go func() {
		for {
			n, err := c.conn.Write(flood)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	other := dial(t, s.addr).bind(pdu.BindTransceiver)
	eventually(t, "the peer is cut off", func() bool {
		began := time.Now()
		other.want(submitPDU("hello"), pdu.OK)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("another application waited %v", d)
		}
		return s.open() == 1
	})
	if n := sent.Load(); n > 8<<20 { // the kernel's buffers hold some of it
		t.Errorf("%d octets were read from a peer that does not read", n)
	}
}

// Sessions that wait for a bind give way to new ones, the oldest first.
func TestPeersThatNeverBind(t *testing.T) {
	s := start(t, newFake(), func(c *Config) { c.Limits.Unbound = 10 })
	first := dial(t, s.addr)
	var rest []net.Conn
	for range 50 {
		rest = append(rest, dial(t, s.addr).conn)
	}
	first.closed()
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	c.want(submitPDU("hello"), pdu.OK)
	alive := func() (n int) {
		for _, conn := range rest {
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := conn.Read(make([]byte, 1)); isTimeout(err) {
				n++
			}
		}
		return n
	}
	eventually(t, "ten are left at most", func() bool { return alive() <= 10 })
	c.want(submitPDU("hello"), pdu.OK)
}

func TestSessionsAreBounded(t *testing.T) {
	s := start(t, newFake(), func(c *Config) { c.Limits.Sessions = 3; c.Accounts[0].Sessions = 10 })
	for range 3 {
		dial(t, s.addr).bind(pdu.BindTransmitter)
	}
	dial(t, s.addr).closed()
}

func TestConnectionsOfOneAddress(t *testing.T) {
	l := Limits{PerPeer: 2}.withDefaults()
	p := newPeers(l, time.Now)
	stranger := mustAddr("192.0.2.7")
	equal(t, "first three", []bool{p.admit(stranger), p.admit(stranger), p.admit(stranger)}, []bool{true, true, false})
	p.leave(stranger)
	equal(t, "after one has left", p.admit(stranger), true)
}

// A flood of requests that are refused costs answers, and no more.
func TestFlood(t *testing.T) {
	g := newFake()
	s := start(t, g, func(c *Config) { c.Accounts[0].Rate = 1 })
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	other := dial(t, s.addr)
	other.want(bindPDU(pdu.BindTransmitter, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	b, err := pdu.Append(nil, func() pdu.PDU { p := submitPDU("hello"); p.Sequence = 5; return p }())
	if err != nil {
		t.Fatal(err)
	}
	const n = 20000
	go func() { _, _ = c.conn.Write(bytes.Repeat(b, n)) }()
	throttled := 0
	for i := range n {
		if p := c.read(); p.Status == pdu.RTHROTTLED {
			throttled++
		}
		if i%5000 == 0 {
			other.want(submitPDU("hello"), pdu.OK)
		}
	}
	if throttled < n/2 {
		t.Errorf("%d of %d were throttled", throttled, n)
	}
}

// A peer that leaves in the middle of a PDU, or of its window, leaves nothing
// behind (goleak sees to it), and what was begun is done.
func TestPeerThatLeaves(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	c.raw(header(100, uint32(pdu.SubmitSM), 1)[:9])
	c.conn.Close()
	c = dial(t, s.addr).bind(pdu.BindTransceiver)
	for range 50 {
		c.write(submitPDU("hello"))
	}
	c.conn.Close()
	c = dial(t, s.addr).bind(pdu.BindTransceiver)
	for range 50 {
		c.write(submitPDU("hello"))
	}
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil { // still listens: every answer comes
		t.Fatal(err)
	}
	for range 50 {
		equal(t, "status", c.read().Status, pdu.OK)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.in.Read(); err != io.EOF {
		t.Errorf("then %v, want the end", err)
	}
}

func TestLargestPayload(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	p := submitPDU("")
	p.Body.(*pdu.Message).Segment.TLVs = []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 65535)}}
	c.want(p, pdu.OK)
	equal(t, "octets", len(g.taken()[0].segment.Payload()), 65535)
}
