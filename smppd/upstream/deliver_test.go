package upstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// answers collects what the client answers, by sequence_number.
type answers struct {
	mu  sync.Mutex
	all map[uint32]pdu.PDU
}

func (a *answers) handle(_ *session, p pdu.PDU) bool {
	if !p.Command.IsResponse() || p.Command == pdu.UnbindResp {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[uint32]pdu.PDU{}
	}
	a.all[p.Sequence] = p
	return true
}

func (a *answers) get(sequence uint32) (pdu.PDU, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.all[sequence]
	return p, ok
}

func (a *answers) wait(t *testing.T, sequence uint32) pdu.PDU {
	t.Helper()
	eventually(t, fmt.Sprintf("answer %d", sequence), func() bool { _, ok := a.get(sequence); return ok })
	p, _ := a.get(sequence)
	return p
}

func (a *answers) count(status pdu.Status) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.all {
		if p.Status == status {
			n++
		}
	}
	return n
}

// bound starts a client with an smsc that collects its answers.
func bound(t *testing.T, g Gateway, change ...func(*Config)) (*Client, *smsc, *answers) {
	t.Helper()
	a := &answers{}
	m := newSMSC(t, a.handle)
	c := start(t, m, g, append(change, func(c *Config) { c.ParseReceipt = text.Texts{}.ParseReceipt })...)
	eventually(t, "the bind", func() bool { return c.Healthy() == nil })
	return c, m, a
}

func deliver(sequence uint32, s gateway.Segment) pdu.PDU {
	command := pdu.DeliverSM
	if s.Data {
		command = pdu.DataSM
	}
	return pdu.PDU{Command: command, Sequence: sequence, Body: &pdu.Message{Segment: s}}
}

// from is a message of a telephone.
func from(number, text string) gateway.Segment {
	s := segment(text)
	s.Source = gateway.Line{TON: 1, NPI: 1, Addr: number}
	return s
}

// TestDeliveryIsAnsweredAfterTheCommit: not before the Gateway returned, and
// then as its error says.
func TestDeliveryIsAnsweredAfterTheCommit(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := &inboundStub{message: func(s gateway.Segment) error {
		switch string(s.Payload()) {
		case "slow":
			<-release
			return nil
		case "temporary":
			return gateway.NewFault(451, "4.3.0", "later")
		case "full":
			return gateway.FaultStorage
		case "permanent":
			return gateway.NewFault(550, "5.7.1", "never")
		case "own":
			return &gateway.Fault{Code: 550, Status: "5.1.1", SMPP: gateway.StatusInvalidDest}
		case "unclassified":
			return errors.New("disk on fire")
		case "panic":
			panic(s)
		}
		return nil
	}}
	_, m, a := bound(t, g)
	s := m.last()
	s.say(deliver(1, from("15550000001", "slow")))
	want := map[string]pdu.Status{
		"fine": pdu.OK, "temporary": pdu.RX_T_APPN, "full": pdu.RMSGQFUL, "permanent": pdu.RX_P_APPN,
		"own": pdu.RINVDSTADR, "unclassified": pdu.RX_T_APPN, "panic": pdu.RX_T_APPN,
	}
	sequence := uint32(10)
	for text, status := range want {
		sequence++
		mo := from("1555000"+strconv.Itoa(int(sequence)), text)
		if text == "fine" {
			mo.Data, mo.TLVs, mo.Short = true, []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: mo.Short}}, nil
		}
		s.say(deliver(sequence, mo))
		p := a.wait(t, sequence)
		if p.Status != status || text == "fine" && p.Command != pdu.DataSMResp || text != "fine" && p.Command != pdu.DeliverSMResp {
			t.Errorf("%s: %v %v", text, p.Command, p.Status)
		}
	}
	if p, ok := a.get(1); ok {
		t.Errorf("answered %v before the commit", p.Status)
	}
	close(release)
	if p := a.wait(t, 1); p.Status != pdu.OK {
		t.Errorf("slow: %v", p.Status)
	}
}

// TestReceipts: a receipt is one by its type, or by the parameter of message
// centres, never by its words.
func TestReceipts(t *testing.T) {
	t.Parallel()
	words := "id:0123 sub:001 dlvrd:001 submit date:2611220400 done date:2611220401 stat:DELIVRD err:000 text:"
	g := &inboundStub{receipt: func(r gateway.Receipt) error {
		if r.ID == "later" {
			return gateway.FaultInternal
		}
		return nil
	}}
	_, m, a := bound(t, g)
	named := func(class byte, id, words string) gateway.Segment {
		s := from("15550000001", words)
		s.ESMClass = class
		if id != "" {
			s.TLVs = []gateway.TLV{{Tag: gateway.TagReceiptedMessageID, Value: []byte(id + "\x00")}, {Tag: gateway.TagMessageState, Value: []byte{2}}}
		}
		return s
	}
	for i, tc := range []struct {
		s      gateway.Segment
		want   string // of the receipt; "" for a message
		status pdu.Status
	}{
		{named(0x04, "", words), "0123 DELIVRD false", pdu.OK},
		{named(0x04, "abc", ""), "abc DELIVRD false", pdu.OK},
		{named(0x00, "abc", ""), "abc DELIVRD false", pdu.OK},
		{named(0x20, "", "id:7 stat:ENROUTE"), "7 ENROUTE true", pdu.OK},
		{named(0x24, "", "id:7 stat:ENROUTE"), "7 ENROUTE true", pdu.OK},
		{named(0x00, "", words), "", pdu.OK},
		{named(0x08, "", words), "", pdu.OK}, // acknowledged by a telephone: its own words
		{named(0x04, "", "hello"), "none", pdu.RX_P_APPN},
		{named(0x04, "later", ""), "later DELIVRD false", pdu.RX_T_APPN},
	} {
		m.last().say(deliver(uint32(i+1), tc.s))
		if p := a.wait(t, uint32(i+1)); p.Status != tc.status {
			t.Errorf("%d: %v", i, p.Status)
		}
		texts, receipts := g.taken()
		got := ""
		for _, r := range receipts {
			got = fmt.Sprintf("%s %s %v", r.ID.Reveal(), r.State, r.Intermediate)
		}
		if tc.want == "none" {
			tc.want = ""
			if len(texts) > 0 {
				t.Errorf("%d: taken for a message", i)
			}
		} else if (tc.want == "") != (len(texts) == 1) {
			t.Errorf("%d: messages %d", i, len(texts))
		}
		if got != tc.want {
			t.Errorf("%d: got %q, want %q", i, got, tc.want)
		}
	}
}

// TestOrder: what one telephone sends stays in order, and no telephone waits
// for another.
func TestOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string][]string{}
	g := &inboundStub{message: func(s gateway.Segment) error {
		if s.Source.Addr == "15550000000" {
			time.Sleep(time.Millisecond)
		}
		mu.Lock()
		defer mu.Unlock()
		got[s.Source.Addr] = append(got[s.Source.Addr], string(s.Payload()))
		return nil
	}}
	_, m, a := bound(t, g)
	var want []string
	for i := range 30 {
		want = append(want, strconv.Itoa(i))
		for phone := range 5 {
			m.last().say(deliver(uint32(i*5+phone+1), from("1555000000"+strconv.Itoa(phone), want[i])))
		}
	}
	eventually(t, "all answers", func() bool { return a.count(pdu.OK) == 150 })
	mu.Lock()
	defer mu.Unlock()
	for phone, texts := range got {
		if !slices.Equal(texts, want) {
			t.Errorf("%s: %v", phone, texts)
		}
	}
}

// TestSlowGateway: while nothing can be committed segments still go out, what is
// too much is told to come back, and memory is bounded.
func TestSlowGateway(t *testing.T) {
	release := make(chan struct{})
	g := &inboundStub{message: func(gateway.Segment) error { <-release; return nil }}
	c, m, a := bound(t, g)
	big := []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 60_000)}}
	const n = 3000
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		s := from(strconv.Itoa(15550000000+i), "")
		s.Short, s.TLVs = nil, big
		m.last().say(deliver(uint32(i+1), s))
	}
	eventually(t, "refusals", func() bool { return a.count(pdu.RMSGQFUL) >= n-maxInbox/60_000 })
	runtime.GC()
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 2*maxInbox {
		t.Errorf("%d octets held", grown)
	}
	if a.count(pdu.OK) > 0 {
		t.Error("answered without a commit")
	}
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Sent {
		t.Errorf("meanwhile: %s", result(o))
	}
	close(release)
	eventually(t, "all answers", func() bool { return a.count(pdu.OK)+a.count(pdu.RMSGQFUL) == n })
	if a.count(pdu.OK) < 60 {
		t.Errorf("%d taken", a.count(pdu.OK))
	}
}

// TestBusyTelephone: one that floods while its first message takes long is told
// to come back, and nobody else is.
func TestBusyTelephone(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := &inboundStub{message: func(s gateway.Segment) error {
		if s.Source.Addr == "15550000001" {
			<-release
		}
		return nil
	}}
	_, m, a := bound(t, g)
	for i := range 200 {
		m.last().say(deliver(uint32(i+1), from("15550000001", "again")))
	}
	m.last().say(deliver(500, from("15550000002", "hello")))
	if p := a.wait(t, 500); p.Status != pdu.OK {
		t.Errorf("another telephone: %v", p.Status)
	}
	if n := a.count(pdu.RMSGQFUL); n != 200-1-maxLine {
		t.Errorf("%d told to come back", n)
	}
	close(release)
	eventually(t, "the rest", func() bool { return a.count(pdu.OK) == 2+maxLine })
}

// TestLostDelivery: what waits when its link breaks is not handed over: the
// carrier brings it again.
func TestLostDelivery(t *testing.T) {
	t.Parallel()
	release, begun := make(chan struct{}), make(chan struct{}, 1)
	g := &inboundStub{message: func(gateway.Segment) error {
		begun <- struct{}{}
		<-release
		return nil
	}}
	c, m, _ := bound(t, g)
	for i := range 3 {
		m.last().say(deliver(uint32(i+1), from("15550000001", strconv.Itoa(i))))
	}
	<-begun
	m.drop()
	eventually(t, "another link", func() bool { return m.bound() > 1 })
	close(release)
	eventually(t, "the bind", func() bool { return c.Healthy() == nil })
	m.last().say(deliver(9, from("15550000001", "last")))
	<-begun
	if texts, _ := g.taken(); !slices.Equal(texts, []string{"0", "last"}) {
		t.Errorf("handed over %v", texts)
	}
}

// TestOddPDUs: everything that a carrier can say has its answer, and the bind
// survives unless framing is lost.
func TestOddPDUs(t *testing.T) {
	t.Parallel()
	c, m, a := bound(t, &inboundStub{})
	s := m.last()
	raw := func(length, command, status, sequence uint32, body string) {
		frame := binary.BigEndian.AppendUint32(nil, length)
		frame = binary.BigEndian.AppendUint32(frame, command)
		frame = binary.BigEndian.AppendUint32(frame, status)
		frame = binary.BigEndian.AppendUint32(frame, sequence)
		s.raw(append(frame, body...))
	}
	s.say(pdu.PDU{Command: pdu.AlertNotification, Sequence: 1, Body: &pdu.Alert{}})
	s.say(pdu.PDU{Command: pdu.Outbind, Sequence: 2, Body: &pdu.OutbindBody{}})
	s.say(pdu.PDU{Command: pdu.GenericNack, Status: pdu.RINVCMDLEN})
	s.say(pdu.PDU{Command: pdu.SubmitSMResp, Sequence: 5000, Body: &pdu.MessageResp{MessageID: "ghost"}})
	s.say(pdu.PDU{Command: pdu.QuerySMResp, Status: pdu.RQUERYFAIL, Sequence: 3})
	s.say(pdu.PDU{Command: pdu.EnquireLink, Sequence: 4})
	s.say(pdu.PDU{Command: pdu.SubmitSM, Sequence: 5, Body: &pdu.Message{Segment: segment("x")}})
	s.say(pdu.PDU{Command: pdu.QuerySM, Sequence: 6, Body: &pdu.Query{}})
	s.say(pdu.PDU{Command: pdu.BindReceiver, Sequence: 7, Body: &pdu.Bind{}})
	raw(16, 0x00010203, 0, 8, "")
	raw(20, uint32(pdu.DeliverSM), 0, 9, "abcd")
	raw(20, uint32(pdu.QuerySMResp), 0, 10, "abcd")
	s.say(pdu.PDU{Command: pdu.EnquireLink, Sequence: 11})
	a.wait(t, 11)
	want := map[uint32]string{
		4: "enquire_link_resp ESME_ROK", 5: "submit_sm_resp ESME_RINVBNDSTS", 6: "query_sm_resp ESME_RINVBNDSTS",
		7: "bind_receiver_resp ESME_RINVBNDSTS", 8: "generic_nack ESME_RINVCMDID", 11: "enquire_link_resp ESME_ROK",
	}
	a.mu.Lock()
	for sequence, p := range a.all {
		got := p.Command.String() + " " + p.Status.String()
		if sequence == 9 {
			if p.Command != pdu.DeliverSMResp || p.Status == pdu.OK {
				t.Errorf("malformed deliver_sm: %s", got)
			}
			continue
		}
		if got != want[sequence] {
			t.Errorf("%d: got %q, want %q", sequence, got, want[sequence])
		}
		delete(want, sequence)
	}
	a.mu.Unlock()
	if len(want) > 0 {
		t.Errorf("without an answer: %v", want)
	}
	if c.Healthy() != nil || m.links() != 1 {
		t.Fatal("the bind did not survive")
	}
	raw(0xFFFFFFFF, uint32(pdu.DeliverSM), 0, 12, "")
	if p := a.wait(t, 12); p.Command != pdu.GenericNack || p.Status != pdu.RINVCMDLEN {
		t.Errorf("lost framing: %v %v", p.Command, p.Status)
	}
	eventually(t, "another link", func() bool { return m.bound() > 1 })
}

// TestCarrierThatNeverReads asks without end and hears no answer: it is given
// up, with bounded memory, and not heard for ever.
func TestCarrierThatNeverReads(t *testing.T) {
	t.Parallel()
	var first, written atomic.Int64
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if !isBind(p) || first.Add(1) > 1 {
			return false
		}
		s.say(p.Response(pdu.OK, nil))
		var flood []byte
		for i := range 1000 {
			flood, _ = pdu.Append(flood, pdu.PDU{Command: pdu.EnquireLink, Sequence: uint32(i + 1)})
		}
		for s.raw(flood) {
			written.Add(int64(len(flood)))
		}
		return true // and now it reads no more than before
	})
	c := start(t, m, &inboundStub{})
	eventually(t, "another link", func() bool { return m.bound() > 0 })
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Sent {
		t.Errorf("after it: %s", result(o))
	}
	t.Logf("%d octets of questions", written.Load())
}

// TestNothingPrivateIsLogged runs deliveries and segments that fail in every
// way and searches the log.
func TestNothingPrivateIsLogged(t *testing.T) {
	t.Parallel()
	out := &logs{}
	g := &inboundStub{message: func(s gateway.Segment) error {
		if strings.HasPrefix(string(s.Payload()), "panic") {
			panic(s)
		}
		return gateway.FaultInternal
	}}
	c, m, a := bound(t, g, logTo(out))
	m.last().say(deliver(1, from("15557654321", "panic biopsy")))
	m.last().say(deliver(2, from("15557654321", "biopsy")))
	a.wait(t, 1)
	a.wait(t, 2)
	bad := segment("biopsy")
	bad.Dest.Addr = "15557654321-15557654321"
	c.Send(t.Context(), []gateway.Segment{bad}, nil, nil)
	m.drop()
	eventually(t, "the loss in the log", func() bool { return strings.Contains(out.text(), "link ended") })
	for _, secret := range []string{"biopsy", "15557654321", "sesame", "CLINIC"} {
		if strings.Contains(out.text(), secret) {
			t.Errorf("%q is in the log: %s", secret, out.text())
		}
	}
}
