package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestSend: the segments of a message arrive in order, octet by octet, and the
// ids that the carrier gave come back; what was sent before is left out.
func TestSend(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	c := start(t, m, &inboundStub{})
	done := []gateway.SegmentResult{{}, {Sent: true, ID: "old"}}
	results, o := c.Send(t.Context(), message("a", "b", "c"), done, nil)
	if o.Result != gateway.Sent || o.Code != 250 || o.Host != m.addr() || !o.TLS.Loopback || len(o.Segments) != 3 {
		t.Fatalf("outcome %s", result(o))
	}
	if got := m.order(); got != "a c" {
		t.Errorf("arrived: %s", got)
	}
	for i, id := range []gateway.Sensitive{"1", "old", "2"} {
		if !results[i].Sent || results[i].ID != id || results[i].Unknown {
			t.Errorf("segment %d: sent %v, id %s", i, results[i].Sent, results[i].ID.Reveal())
		}
	}
	if done[0].Sent {
		t.Error("done was changed")
	}
}

// together calls Send once for each text, all at the same time.
func together(t *testing.T, c *Client, texts ...string) (results []gateway.SegmentResult, outcomes []gateway.Outcome) {
	t.Helper()
	results, outcomes = make([]gateway.SegmentResult, len(texts)), make([]gateway.Outcome, len(texts))
	var all sync.WaitGroup
	for i, text := range texts {
		all.Go(func() {
			r, o := c.Send(t.Context(), message(text), nil, nil)
			results[i], outcomes[i] = r[0], o
		})
	}
	all.Wait()
	return results, outcomes
}

func numbers(n int) (texts []string) {
	for i := range n {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

// TestAnswersOutOfOrder: each answer finds its own segment.
func TestAnswersOutOfOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var held []pdu.PDU
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if held = append(held, p); len(held) < 10 {
			return true
		}
		for _, q := range slices.Backward(held) {
			s.say(q.Response(pdu.OK, &pdu.MessageResp{MessageID: "id-" + textOf(q)}))
		}
		return true
	})
	c := start(t, m, &inboundStub{})
	texts := numbers(10)
	results, outcomes := together(t, c, texts...)
	for i, text := range texts {
		if outcomes[i].Result != gateway.Sent || results[i].ID.Reveal() != "id-"+text {
			t.Errorf("%s: %s, id %s", text, result(outcomes[i]), results[i].ID.Reveal())
		}
	}
}

// TestLateAnswer: an answer that takes three response times is no loss.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command == pdu.SubmitSM {
			time.AfterFunc(3*quick().Response, func() { s.yesTo(p) })
			return true
		}
		return false
	})
	c := start(t, m, &inboundStub{})
	results, o := c.Send(t.Context(), message("late"), nil, nil)
	if o.Result != gateway.Sent || !results[0].Sent || m.times("late") != 1 || m.links() != 1 {
		t.Errorf("%s, arrived %d times over %d links", result(o), m.times("late"), m.links())
	}
}

// TestUnanswered: one segment without an answer costs one segment; when none is
// answered the link is given up although enquire_link is.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(_ *session, p pdu.PDU) bool { return textOf(p) == "hole" })
	c := start(t, m, &inboundStub{})
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(quick().Response):
				if _, o := c.Send(t.Context(), message("other"), nil, nil); o.Result != gateway.Sent {
					t.Errorf("other: %s", result(o))
				}
			}
		}
	})
	began := time.Now()
	results, o := c.Send(t.Context(), message("hole"), nil, nil)
	close(stop)
	others.Wait()
	if o.Result != gateway.Deferred || !o.Unknown || !results[0].Unknown || results[0].Sent || o.Code != 0 {
		t.Errorf("outcome %s", result(o))
	}
	if took := time.Since(began); took < responses*quick().Response {
		t.Errorf("given up after %v", took)
	}
	if m.links() != 1 {
		t.Errorf("%d links", m.links())
	}
	if _, o = c.Send(t.Context(), message("hole"), nil, nil); !o.Unknown {
		t.Errorf("alone: %s", result(o))
	}
	eventually(t, "a new link", func() bool { return m.links() == 2 })
}

// TestStatuses: what each kind of answer comes to.
func TestStatuses(t *testing.T) {
	t.Parallel()
	var answer atomic.Value
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		a := answer.Load().(pdu.PDU)
		a.Sequence = p.Sequence
		return s.say(a)
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Permanent = []uint32{0x410, 0, uint32(pdu.RSYSERR)} })
	for _, tc := range []struct {
		command pdu.Command
		status  pdu.Status
		want    string
	}{
		{pdu.SubmitSMResp, pdu.OK, `1 250 2.0.0 submit unknown=false "ESME_ROK"`},
		{pdu.DataSMResp, pdu.OK, `1 250 2.0.0 submit unknown=false "ESME_ROK"`}, // of a carrier that mixes them up
		{pdu.SubmitSMResp, pdu.RINVDSTADR, `2 550 5.1.1 submit unknown=false "ESME_RINVDSTADR"`},
		{pdu.SubmitSMResp, pdu.RINVSRCADR, `2 550 5.1.7 submit unknown=false "ESME_RINVSRCADR"`},
		{pdu.SubmitSMResp, pdu.RSUBMITFAIL, `2 550 5.0.0 submit unknown=false "ESME_RSUBMITFAIL"`},
		{pdu.SubmitSMResp, pdu.RX_T_APPN, `0 451 4.3.0 submit unknown=false "ESME_RX_T_APPN"`},
		{pdu.SubmitSMResp, pdu.RUNKNOWNERR, `0 451 4.3.0 submit unknown=false "ESME_RUNKNOWNERR"`},
		{pdu.SubmitSMResp, 0x401, `0 451 4.3.0 submit unknown=false "0x401"`},
		{pdu.SubmitSMResp, 0x410, `2 550 5.0.0 submit unknown=false "0x410"`},
		{pdu.SubmitSMResp, pdu.RSYSERR, `2 550 5.0.0 submit unknown=false "ESME_RSYSERR"`},
		{pdu.GenericNack, pdu.RINVCMDLEN, `2 550 5.5.2 submit unknown=false "ESME_RINVCMDLEN"`},
		{pdu.GenericNack, pdu.RINVCMDID, `0 451 4.3.0 submit unknown=false "ESME_RINVCMDID"`},
		{pdu.GenericNack, pdu.OK, `0 451 4.3.0 submit unknown=false "ESME_RUNKNOWNERR"`},
	} {
		answer.Store(pdu.PDU{Command: tc.command, Status: tc.status})
		results, o := c.Send(t.Context(), message("x"), nil, nil)
		if got := result(o); got != tc.want {
			t.Errorf("%v %v:\n got %s\nwant %s", tc.command, tc.status, got, tc.want)
		}
		if r := results[0]; r.Sent != (o.Result == gateway.Sent) || r.Unknown || r.Sent && r.Status != 0 || !r.Sent && r.Status == 0 || r.At.IsZero() {
			t.Errorf("%v %v: %+v", tc.command, tc.status, r)
		}
	}
	if m.links() != 1 {
		t.Errorf("%d links", m.links())
	}
}

// TestUnreadableYes: a yes whose body makes no sense is a yes, and is answered
// by nothing.
func TestUnreadableYes(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		frame := binary.BigEndian.AppendUint32(nil, 18)
		frame = binary.BigEndian.AppendUint32(frame, uint32(pdu.SubmitSMResp))
		frame = binary.BigEndian.AppendUint32(frame, 0)
		frame = binary.BigEndian.AppendUint32(frame, p.Sequence)
		return s.raw(append(frame, "ab"...)) // no NUL
	})
	c := start(t, m, &inboundStub{})
	results, o := c.Send(t.Context(), message("x"), nil, nil)
	if o.Result != gateway.Sent || !results[0].Sent || results[0].ID != "" {
		t.Errorf("%s", result(o))
	}
}

// TestDataSM: a data_sm leaves as one, and as submit_sm where the carrier does
// not know it, with the same user data.
func TestDataSM(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{true, false} {
		var mu sync.Mutex
		var came []string
		m := newSMSC(t, func(s *session, p pdu.PDU) bool {
			if body, ok := p.Body.(*pdu.Message); ok {
				mu.Lock()
				came = append(came, fmt.Sprintf("%v %d %d", p.Command, len(body.Segment.Short), len(body.Segment.TLVs)))
				mu.Unlock()
			}
			return !knows && p.Command == pdu.DataSM && s.say(pdu.PDU{Command: pdu.GenericNack, Status: pdu.RINVCMDID, Sequence: p.Sequence})
		})
		c := start(t, m, &inboundStub{})
		data := func(n int) gateway.Segment {
			s := segment("")
			s.Data, s.Short = true, nil
			s.TLVs = []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, n)}, {Tag: 0x1400, Value: []byte{1}}}
			return s
		}
		segments := []gateway.Segment{data(100), data(300)}
		if _, o := c.Send(t.Context(), segments, nil, nil); o.Result != gateway.Sent {
			t.Errorf("%s", result(o))
		}
		want := "[data_sm 0 2 data_sm 0 2]"
		if !knows {
			want = "[data_sm 0 2 submit_sm 100 1 submit_sm 0 2]"
		}
		mu.Lock()
		if got := fmt.Sprint(came); got != want {
			t.Errorf("came %s, want %s", got, want)
		}
		mu.Unlock()
		if !segments[0].Data || len(segments[0].TLVs) != 2 {
			t.Error("the caller's segment was changed")
		}
	}
}

// TestRefusedPart: what follows a part that was refused is not sent, and the
// parts before it stay sent.
func TestRefusedPart(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return textOf(p) == "b" && s.say(p.Response(pdu.RINVDSTADR, nil))
	})
	c := start(t, m, &inboundStub{})
	results, o := c.Send(t.Context(), message("a", "b", "c"), nil, nil)
	if o.Result != gateway.Failed || m.order() != "a b" || !results[0].Sent || results[1].Sent || results[2].Sent {
		t.Errorf("%s after %s", result(o), m.order())
	}
	if results[1].Status != uint32(pdu.RINVDSTADR) || results[2].Status != 0 || results[2].Unknown {
		t.Errorf("results %+v", results)
	}
}

// TestDropMidWindow: what was answered before the link broke is sent, the rest
// is Unknown, and sending the rest again touches nothing that was answered.
func TestDropMidWindow(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		switch k := n.Add(1); {
		case k <= 5:
			s.yesTo(p)
		case k == 10:
			_ = s.conn.Close()
		case k > 10:
			return false
		}
		return true
	})
	c := start(t, m, &inboundStub{})
	texts := numbers(10)
	results, outcomes := together(t, c, texts...)
	sent := 0
	for i := range texts {
		if results[i].Sent {
			sent++
		} else if o := outcomes[i]; !results[i].Unknown || !o.Unknown || o.Result != gateway.Deferred {
			t.Errorf("unanswered: %s", result(o))
		}
	}
	if sent != 5 {
		t.Errorf("%d sent", sent)
	}
	for i, text := range texts {
		r, o := c.Send(t.Context(), message(text), results[i:i+1], nil)
		if o.Result != gateway.Sent || r[0].Unknown {
			t.Errorf("again: %s", result(o))
		}
		if want := 2; results[i].Sent {
			if want = 1; m.times(text) != want {
				t.Errorf("%s arrived %d times", text, m.times(text))
			}
		}
	}
}

// TestSilence: a carrier that neither closes nor answers is found out.
func TestSilence(t *testing.T) {
	t.Parallel()
	var deaf atomic.Bool
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return deaf.Load() && p.Command != pdu.BindTransceiver
	})
	c := start(t, m, &inboundStub{})
	if _, o := c.Send(t.Context(), message("a"), nil, nil); o.Result != gateway.Sent {
		t.Fatal(result(o))
	}
	deaf.Store(true)
	began := time.Now()
	results, o := c.Send(t.Context(), message("b"), nil, nil)
	if !results[0].Unknown || !o.Unknown || o.Status != "4.4.2" {
		t.Errorf("%s", result(o))
	}
	if took := time.Since(began); took > 10*quick().Response {
		t.Errorf("found out after %v", took)
	}
	deaf.Store(false)
	if _, o = c.Send(t.Context(), message("b"), results, nil); o.Result != gateway.Sent {
		t.Errorf("again: %s", result(o))
	}
}

// TestIdleSilence: the same without a segment on the way.
func TestIdleSilence(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool { return p.Command == pdu.EnquireLink })
	start(t, m, &inboundStub{})
	eventually(t, "a second link", func() bool { return m.links() > 1 })
}

// stall is a connection whose writes block until released, and then fail.
type stall struct {
	net.Conn
	armed   *atomic.Bool
	release chan struct{}
}

func (s *stall) Write(p []byte) (int, error) {
	if s.armed.Load() {
		<-s.release
		return 0, errors.New("stalled")
	}
	return s.Conn.Write(p)
}

// TestNeverLeft: what never left for the socket is sent over the next link by
// the same call; what may have left is Unknown.
func TestNeverLeft(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	var armed atomic.Bool
	release := make(chan struct{})
	var c *Client
	c = start(t, m, &inboundStub{}, func(config *Config) {
		config.Timers.EnquireLink = time.Minute
		config.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &stall{conn, &armed, release}, nil
		}
	})
	if _, o := c.Send(t.Context(), message("first"), nil, nil); o.Result != gateway.Sent {
		t.Fatal(result(o))
	}
	armed.Store(true)
	var all sync.WaitGroup
	send := func(text string, check func(gateway.SegmentResult, gateway.Outcome)) {
		all.Go(func() {
			r, o := c.Send(t.Context(), message(text), nil, nil)
			check(r[0], o)
		})
		eventually(t, text+" is pending", func() bool {
			c.mu.Lock()
			l := c.sender
			c.mu.Unlock()
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.pending) > 0 && (text == "left") == (l.appended == l.offered)
		})
	}
	send("left", func(r gateway.SegmentResult, o gateway.Outcome) {
		if !r.Unknown || !o.Unknown {
			t.Errorf("left: %s", result(o))
		}
	})
	send("stayed", func(r gateway.SegmentResult, o gateway.Outcome) {
		if o.Result != gateway.Sent || r.Unknown {
			t.Errorf("stayed: %s", result(o))
		}
	})
	armed.Store(false)
	close(release)
	all.Wait()
	if m.times("left") != 0 || m.times("stayed") != 1 {
		t.Errorf("arrived: %s", m.order())
	}
}

// TestNotBound: without a bind the outcome is of the kind by which the queue
// pauses the carrier, and comes within a response time.
func TestNotBound(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	m.close()
	c := start(t, m, &inboundStub{})
	began := time.Now()
	results, o := c.Send(t.Context(), message("x"), nil, nil)
	if got := result(o); got != `0 0 4.4.1 connect unknown=false "Not bound to the carrier"` {
		t.Error(got)
	}
	if results[0] != (gateway.SegmentResult{}) {
		t.Errorf("%+v", results[0])
	}
	if took := time.Since(began); took < quick().Response || took > 10*quick().Response {
		t.Errorf("took %v", took)
	}
}

// TestEndOfContext: Send returns with its context, and its place in the window
// is free again only when the carrier has answered.
func TestEndOfContext(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if textOf(p) != "slow" {
			return false
		}
		s.all.Go(func() { <-answer; s.yesTo(p) })
		return true
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Window = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	results, o := c.Send(ctx, message("slow"), nil, nil)
	if !results[0].Unknown || !o.Unknown || o.Result != gateway.Deferred {
		t.Errorf("%s", result(o))
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, o = c.Send(ctx, message("next"), nil, nil); o.Result != gateway.Deferred || o.Unknown || m.times("next") != 0 {
		t.Errorf("beside an unanswered one: %s", result(o))
	}
	close(answer)
	if _, o = c.Send(t.Context(), message("next"), nil, nil); o.Result != gateway.Sent {
		t.Errorf("after it: %s", result(o))
	}
}

// TestBegin: what is not wanted any more when its turn comes is not written,
// and takes no place in the window; what has begun is not asked for again.
func TestBegin(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Window = 1 })
	for range 3 {
		results, o := c.Send(t.Context(), message("unwanted"), nil, func() bool { return false })
		if o.Result != gateway.Deferred || o.Unknown || o.Code != 0 || results[0] != (gateway.SegmentResult{}) || m.times("unwanted") != 0 {
			t.Fatalf("%s, %+v", result(o), results[0])
		}
	}
	asked := 0
	if _, o := c.Send(t.Context(), message("a", "b", "c"), nil, func() bool { asked++; return asked == 1 }); o.Result != gateway.Sent || asked != 1 {
		t.Errorf("%s, asked %d times", result(o), asked)
	}
	m.close()
	gone := newSMSC(t, nil)
	gone.close()
	c = start(t, gone, &inboundStub{})
	if _, o := c.Send(t.Context(), message("x"), nil, func() bool { t.Error("begun without a bind"); return true }); o.Phase != phaseConnect {
		t.Error(result(o))
	}
}

// TestWindowAndRate: never more unanswered than the window, never more in a
// time than the rate.
func TestWindowAndRate(t *testing.T) {
	var open, most atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.AfterFunc(2*time.Millisecond, func() { open.Add(-1); s.yesTo(p) })
		return true
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Window, c.Rate = 3, 200 })
	began := time.Now()
	together(t, c, numbers(60)...)
	if took := time.Since(began); took < 280*time.Millisecond {
		t.Errorf("60 segments at 200 a second took %v", took)
	}
	if n := most.Load(); n > 3 || n < 1 {
		t.Errorf("%d unanswered at once", n)
	}
}

// TestUnwritable: a segment that fits no PDU leaves nothing behind.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Window = 1 })
	bad := segment("x")
	bad.Dest.Addr = strings.Repeat("1", 30)
	for range 3 {
		r, o := c.Send(t.Context(), []gateway.Segment{bad}, nil, nil)
		if o.Result != gateway.Failed || o.Code != 550 || o.Status != "5.6.0" || o.Phase != "prepare" || o.Unknown || r[0].Status != uint32(pdu.RINVDSTADR) {
			t.Errorf("%s", result(o))
		}
	}
	if _, o := c.Send(t.Context(), nil, nil, nil); o.Result != gateway.Deferred {
		t.Errorf("nothing: %s", result(o))
	}
	if _, o := c.Send(t.Context(), message("good"), nil, nil); o.Result != gateway.Sent {
		t.Errorf("after it: %s", result(o))
	}
}
