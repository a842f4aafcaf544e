package smppd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func TestSenders(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	for _, from := range []gateway.Line{{TON: 1, NPI: 1, Addr: "15550001111"}, {Addr: "15550001111"}, {Addr: "0015550001111"}, {TON: 5, Addr: "clinic"}, {}, {TON: 1, NPI: 1}} {
		p := submitPDU("hello")
		p.Body.(*pdu.Message).Segment.Source = from
		c.want(p, pdu.OK)
	}
	for _, from := range []gateway.Line{{TON: 1, NPI: 1, Addr: "15550001112"}, {TON: 5, Addr: "BANK"}, {TON: 5, Addr: "15550001111"}} {
		p := submitPDU("hello")
		p.Body.(*pdu.Message).Segment.Source = from
		c.want(p, pdu.RINVSRCADR)
	}
	got := g.taken()
	if len(got) != 6 {
		t.Fatalf("%d were submitted, want 6", len(got))
	}
	equal(t, "an empty source", got[4].segment.Source.Addr, "15550001111")
	equal(t, "an empty source with a type", got[5].segment.Source, got[4].segment.Source)

	any := dial(t, s.addr)
	any.want(bindPDU(pdu.BindTransmitter, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	any.want(submitFrom("BANK"), pdu.OK)
	any.want(submitFrom(""), pdu.RINVSRCADR) // nothing stands in
}

func TestStatuses(t *testing.T) {
	perm := func(status uint32) *gateway.Fault {
		return &gateway.Fault{Code: 550, Status: "5.7.1", Text: "No", SMPP: status}
	}
	for _, c := range []struct {
		err     error
		command pdu.Command
		want    pdu.Status
	}{
		{errors.New("a bug"), pdu.SubmitSM, pdu.RSYSERR},
		{fmt.Errorf("committing: %w", gateway.FaultStorage), pdu.SubmitSM, pdu.RMSGQFUL},
		{gateway.FaultTooLarge, pdu.SubmitSM, pdu.RINVMSGLEN},
		{gateway.FaultShutdown, pdu.SubmitSM, pdu.RSYSERR},
		{perm(0), pdu.SubmitSM, pdu.RSUBMITFAIL},
		{perm(0), pdu.DataSM, pdu.RSUBMITFAIL},
		{perm(0), pdu.QuerySM, pdu.RQUERYFAIL},
		{perm(0), pdu.CancelSM, pdu.RCANCELFAIL},
		{perm(0), pdu.ReplaceSM, pdu.RREPLACEFAIL},
		{perm(gateway.StatusInvalidDest), pdu.SubmitSM, pdu.RINVDSTADR},
		{perm(0x0400), pdu.SubmitSM, pdu.Status(0x0400)},
		{fmt.Errorf("query: %w", gateway.ErrNoShortMessage), pdu.QuerySM, pdu.RINVMSGID},
		{gateway.ErrSegment, pdu.SubmitSM, pdu.RINVESMCLASS},
		{context.Canceled, pdu.SubmitSM, pdu.RSYSERR},
	} {
		if got := statusOf(c.err, c.command); got != c.want {
			t.Errorf("%v of %v: got %v, want %v", c.err, c.command, got, c.want)
		}
	}
}

func TestFailuresOfTheGateway(t *testing.T) {
	g := newFake()
	calls := 0
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		switch calls++; calls {
		case 1:
			return "", nil, errors.New("a bug")
		case 2:
			panic("a worse bug")
		case 3:
			return "", []gateway.LineFault{{Line: s.to[0], Fault: &gateway.Fault{Code: 550, SMPP: gateway.StatusInvalidDest}}}, nil
		case 4:
			return "an id that is longer than the 64 octets that SMPP v3.4 has for it, by far", nil, nil
		}
		return g.take(s), nil, nil
	}
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	c.want(submitPDU("hello"), pdu.RSYSERR)
	c.want(submitPDU("hello"), pdu.RSYSERR)
	c.want(submitPDU("hello"), pdu.RINVDSTADR)
	c.want(submitPDU("hello"), pdu.RSYSERR)
	c.want(submitPDU("hello"), pdu.OK)
}

// A user data header that contradicts itself, and SAR parameters that do.
func TestPlaceThatIsNone(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	for _, udh := range []string{"\x05\x00\x03\x01\x02\x03hello", "\x05\x00\x03\x01\x02\x00hello", "\xFFhello"} {
		p := submitPDU(udh)
		p.Body.(*pdu.Message).Segment.ESMClass = 0x40
		c.want(p, pdu.RINVESMCLASS)
	}
	p := submitPDU("hello")
	p.Body.(*pdu.Message).Segment.TLVs = sar(7, 2, 3)
	c.want(p, pdu.RINVOPTPARAMVAL)
	p.Sequence, p.Body.(*pdu.Message).Segment.TLVs = 0, sar(7, 2, 2)
	c.want(p, pdu.OK)
	got := g.taken()
	if len(got) != 1 || got[0].place != (gateway.SegmentPlace{Kind: "sar", Ref: 7, Total: 2, Seq: 2}) {
		t.Errorf("submitted: %+v", got)
	}
}

func sar(ref uint16, total, seq byte) []gateway.TLV {
	return []gateway.TLV{{Tag: gateway.TagSARRef, Value: []byte{byte(ref >> 8), byte(ref)}}, {Tag: gateway.TagSARTotal, Value: []byte{total}}, {Tag: gateway.TagSARSeq, Value: []byte{seq}}}
}

func TestSubmitMulti(t *testing.T) {
	g := newFake()
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		var refused []gateway.LineFault
		for _, to := range s.to {
			if to.Addr == "15557650000" {
				refused = append(refused, gateway.LineFault{Line: to, Fault: &gateway.Fault{Code: 550, SMPP: gateway.StatusInvalidDest}})
			}
		}
		return g.take(s), refused, nil
	}
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	multi := func(to ...string) pdu.PDU {
		m := &pdu.Multi{Segment: submitPDU("hello").Body.(*pdu.Message).Segment}
		for _, addr := range to {
			d := pdu.Dest{Line: gateway.Line{TON: 1, NPI: 1, Addr: addr}}
			if addr == "LIST" {
				d = pdu.Dest{List: addr}
			}
			m.Dests = append(m.Dests, d)
		}
		return pdu.PDU{Command: pdu.SubmitMulti, Body: m}
	}
	b := c.want(multi("15557650001", "LIST", "15557650000", "15557650002"), pdu.OK).Body.(*pdu.MultiResp)
	var failed []string
	for _, f := range b.Failed {
		failed = append(failed, f.Line.Addr+" "+f.Status.String())
	}
	equal(t, "failed", failed, []string{"LIST ESME_RINVDLNAME", "15557650000 ESME_RINVDSTADR"})
	if got := g.taken(); len(got) != 1 || len(got[0].to) != 3 || got[0].segment.Dest.Addr != "15557650001" {
		t.Errorf("one submission for three destinations: %d of %d", len(got), len(got[0].to))
	}
	c.want(multi("LIST"), pdu.RINVDLNAME)
	c.want(multi("15557650000"), pdu.RINVDSTADR)
	many := make([]string, 254)
	for i := range many {
		many[i] = fmt.Sprintf("1555765%04d", i+1)
	}
	c.want(multi(many...), pdu.OK)
	got := g.taken()
	equal(t, "destinations", len(got[len(got)-1].to), 254)
}

func TestDataSM(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	c.want(requests()[4], pdu.OK)
	any := dial(t, s.addr)
	any.want(bindPDU(pdu.BindTransmitter, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	long := strings.Repeat("1", maxAddr+1)
	data := func(source, dest string) pdu.PDU {
		p := requests()[4]
		b := *p.Body.(*pdu.Message)
		b.Segment.Source.Addr, b.Segment.Dest.Addr = source, dest
		p.Body = &b
		return p
	}
	any.want(data(long, "15557654321"), pdu.RINVSRCADR)
	any.want(data("15550001111", long), pdu.RINVDSTADR)
	if got := g.taken(); len(got) != 1 || !got[0].segment.Data || string(got[0].segment.Payload()) != "hello" {
		t.Errorf("submitted: %q", got[0].segment.Payload())
	}
}

func TestQueryCancelReplace(t *testing.T) {
	g := newFake()
	line, dest := gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, gateway.Line{TON: 1, NPI: 1, Addr: "15557654321"}
	g.query = func(account, id string, source gateway.Line) (gateway.ShortMessageState, error) {
		equal(t, "query", []any{account, id, source.Addr}, []any{"esme1", "m1", line.Addr})
		return gateway.ShortMessageState{State: gateway.StateSent, Final: time.Date(2026, 11, 22, 4, 5, 6, 0, time.UTC), Error: 3}, nil
	}
	g.cancel = func(account, id, serviceType string, source, to gateway.Line) error {
		equal(t, "cancel", []any{account, id, serviceType, source.Addr, to.Addr}, []any{"esme1", "", "CMT", line.Addr, dest.Addr})
		return nil
	}
	g.replace = func(account, id string, s gateway.Segment) error {
		equal(t, "replace", []any{account, id, s.Source.Addr, string(s.Short)}, []any{"esme1", "m1", line.Addr, "at 4"})
		return nil
	}
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	q := c.want(pdu.PDU{Command: pdu.QuerySM, Body: &pdu.Query{MessageID: "m1", Source: line}}, pdu.OK).Body.(*pdu.QueryResp)
	equal(t, "state", []any{q.MessageID, q.FinalDate, q.State, q.ErrorCode}, []any{"m1", "261122040506000+", byte(2), byte(3)})
	c.want(pdu.PDU{Command: pdu.CancelSM, Body: &pdu.Cancel{ServiceType: "CMT", Source: line, Dest: dest}}, pdu.OK)
	replace := func(from gateway.Line) pdu.PDU {
		return pdu.PDU{Command: pdu.ReplaceSM, Body: &pdu.Replace{MessageID: "m1", Segment: gateway.Segment{Source: from, Short: []byte("at 4")}}}
	}
	c.want(replace(line), pdu.OK)
	c.want(replace(gateway.Line{TON: 5, Addr: "BANK"}), pdu.RINVSRCADR)
	g.replace = func(_, _ string, s gateway.Segment) error {
		equal(t, "a NULL source", s.Source, gateway.Line{})
		return nil
	}
	c.want(replace(gateway.Line{TON: 1, NPI: 1}), pdu.OK)
	for state, want := range map[gateway.ReceiptState]byte{
		gateway.Enroute: 1, gateway.StateSent: 2, gateway.StateExpired: 3, gateway.StateDeleted: 4, gateway.Undeliverable: 5,
		gateway.StateAccepted: 6, gateway.StateUnknown: 7, gateway.StateRejected: 8, "": 7,
	} {
		if got := messageState(state); got != want {
			t.Errorf("%q is %d, want %d", state, got, want)
		}
	}
}

// The answer waits for the Gateway, and later ones do not wait for it.
func TestAnswersOutOfOrder(t *testing.T) {
	g := newFake()
	release := make(chan struct{})
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		id := g.take(s)
		if string(s.segment.Short) == "slow" {
			<-release
		}
		return id, nil, nil
	}
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	slow := c.write(submitPDU("slow"))
	eventually(t, "the slow one is there", func() bool { return len(g.taken()) == 1 })
	fast := c.write(submitPDU("fast"))
	equal(t, "first answer", c.read().Sequence, fast)
	c.want(pdu.PDU{Command: pdu.EnquireLink}, pdu.OK)
	c.silent(50 * time.Millisecond)
	close(release)
	p := c.read()
	equal(t, "last answer", p.Sequence, slow)
	equal(t, "its id", idOf(t, p), "m1")
}

// The window bounds what is under way: what is above it is not even read.
func TestWindow(t *testing.T) {
	g := newFake()
	release := make(chan struct{})
	var now, most atomic.Int32
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		<-release
		return g.take(s), nil, nil
	}
	s := start(t, g, func(c *Config) { c.Accounts[0].Window = 3 })
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	for range 20 {
		c.write(submitPDU("hello"))
	}
	enquiry := c.write(pdu.PDU{Command: pdu.EnquireLink})
	eventually(t, "three under way", func() bool { return now.Load() == 3 })
	c.silent(50 * time.Millisecond) // enquire_link waits behind what is not read
	close(release)
	answers := 0
	for p := c.read(); p.Sequence != enquiry; p = c.read() {
		answers++
	}
	if most.Load() != 3 || answers < 17 {
		t.Errorf("%d were under way at once, and %d answered before the last PDU was read", most.Load(), answers)
	}
}

// Large submissions fill the session's memory before they fill its window.
func TestOctetsInFlight(t *testing.T) {
	g := newFake()
	release := make(chan struct{})
	var now atomic.Int32
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		now.Add(1)
		<-release
		return g.take(s), nil, nil
	}
	s := start(t, g, func(c *Config) { c.Limits.InFlight = 100 << 10 })
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	big := submitPDU("")
	big.Body.(*pdu.Message).Segment.TLVs = []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 40<<10)}}
	go func() {
		for range 5 {
			c.write(big)
		}
	}()
	eventually(t, "two under way", func() bool { return now.Load() == 2 })
	time.Sleep(20 * time.Millisecond)
	equal(t, "under way", now.Load(), int32(2))
	close(release)
	for range 5 {
		equal(t, "status", c.read().Status, pdu.OK)
	}
}

// Submissions enter the Gateway in their order while there is one worker to
// begin them, and all of them enter once.
func TestOrder(t *testing.T) {
	g := newFake()
	s := start(t, g, func(c *Config) { c.Accounts[0].Window = 1 })
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	const n = 200
	for i := range n {
		c.write(submitPDU(fmt.Sprint(i)))
	}
	for range n {
		c.read()
	}
	for i, got := range g.taken() {
		equal(t, "order", string(got.segment.Short), fmt.Sprint(i))
	}
}

func TestRateRefuses(t *testing.T) {
	g := newFake()
	var mu sync.Mutex
	now := time.Unix(1e9, 0)
	s := start(t, g, func(c *Config) {
		c.Accounts[0].Rate = 3
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	for range 3 {
		c.want(submitPDU("hello"), pdu.OK)
	}
	c.want(submitPDU("hello"), pdu.RTHROTTLED)
	mu.Lock()
	now = now.Add(400 * time.Millisecond) // one token, and a fifth
	mu.Unlock()
	part := func(seq byte) pdu.PDU {
		p := submitPDU("part")
		p.Body.(*pdu.Message).Segment.TLVs = sar(9, 4, seq)
		return p
	}
	c.want(part(2), pdu.OK)
	c.want(submitPDU("hello"), pdu.RTHROTTLED)
	c.want(part(1), pdu.OK)
	c.want(part(1), pdu.RTHROTTLED) // once is enough
	c.want(part(4), pdu.OK)
	c.want(part(3), pdu.OK)
	c.want(part(3), pdu.RTHROTTLED) // the text is whole: this is another one
	other := dial(t, s.addr)
	other.want(bindPDU(pdu.BindTransmitter, "esme2", accountsForTests()[1].Password.Reveal()), pdu.OK)
	for range 10 {
		other.want(submitPDU("hello"), pdu.OK) // has no rate
	}
	equal(t, "submitted", len(g.taken()), 17)
}

// A part that the Gateway refused may come again.
func TestRefusedPartComesAgain(t *testing.T) {
	g := newFake()
	fail := true
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		if s.place.Seq == 2 && fail {
			fail = false
			return "", nil, gateway.FaultStorage
		}
		return g.take(s), nil, nil
	}
	now := time.Unix(1e9, 0)
	s := start(t, g, func(c *Config) { c.Accounts[0].Rate = 1; c.Now = func() time.Time { return now } })
	c := dial(t, s.addr).bind(pdu.BindTransmitter)
	for _, step := range []struct {
		seq    byte
		status pdu.Status
	}{{1, pdu.OK}, {2, pdu.RMSGQFUL}, {2, pdu.OK}, {2, pdu.RTHROTTLED}, {3, pdu.OK}} {
		p := submitPDU("part")
		p.Body.(*pdu.Message).Segment.TLVs = sar(9, 3, step.seq)
		c.want(p, step.status)
	}
}

func TestThrottleForgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	th := newThrottle(100, time.Minute, now)
	admitted := 0
	for i := range 2 * maxTexts {
		now = now.Add(10 * time.Millisecond / 3 * 4)
		if th.admitPart(now, textKey{ref: uint16(i), total: i/65536 + 2}, 1) {
			admitted++
		}
	}
	if len(th.texts) > maxTexts || admitted < maxTexts {
		t.Errorf("%d texts are remembered of %d admitted", len(th.texts), admitted)
	}
	now = now.Add(time.Hour)
	th.admitPart(now, textKey{total: 3}, 1)
	equal(t, "texts after an hour", len(th.texts), 1)
	equal(t, "a part that is none", th.admitPart(now, textKey{total: 300}, 300), true)
}
