package upstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// Gateway takes what the carrier delivers. nil means that it is committed and
// durable. A *gateway.Fault says how the carrier is answered, any other error
// has it come back later.
type Gateway interface {
	ReceiveSMS(ctx context.Context, s gateway.Segment) error
	// ReceiveAgainSMS is ReceiveSMS for what came soon after a bind. When it is
	// equal to a message that was taken over between the two moments, the answer
	// to that one was lost with its link, and the carrier brings it again.
	ReceiveAgainSMS(ctx context.Context, s gateway.Segment, from, to time.Time) error
	ReceiptSMS(ctx context.Context, r gateway.Receipt) error
}

const (
	workers  = 32      // deliveries handed over at once
	maxInbox = 4 << 20 // octets of deliveries in memory
	maxLine  = 64      // deliveries that wait for those before them of the same telephone

	// answerLost is how long before the end of a link an answer may have been
	// written that the carrier did not read. againTime is how soon after the next
	// bind it then brings the message again. A person who writes the same words in
	// both times is heard once, so neither is longer than it must be.
	answerLost = 30 * time.Second
	againTime  = 5 * time.Minute
)

// inbox hands deliveries to the Gateway. What comes from one telephone, and
// what is about one message, keeps its order: a STOP and the START after it
// must not change places. Nobody waits for another telephone as long as there
// are workers.
type inbox struct {
	client  *Client
	gateway Gateway
	start   func() // starts a worker
	working sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	size    int                   // octets in memory
	lines   map[string][]delivery // by key: what waits behind a delivery under way
	ready   []delivery            // whose key nothing is under way for; waits for a worker
	running int                   // workers
}

// delivery is one deliver_sm or data_sm.
type delivery struct {
	link    *link
	request pdu.PDU // without its body
	segment *gateway.Segment
	receipt *gateway.Receipt // nil for a message
	key     string           // what it must keep its order with
	soon    bool             // it came within againTime of the bind
}

// size is what a delivery occupies, in octets: about.
func (d *delivery) size() int { return d.segment.Size() + 512 }

func (d *delivery) kind() string {
	if d.receipt != nil {
		return "receipt"
	}
	return "message"
}

// newInbox makes an inbox whose work is cut short when ctx ends.
func newInbox(ctx context.Context, c *Client, g Gateway) *inbox {
	in := &inbox{client: c, gateway: g, lines: map[string][]delivery{}}
	in.start = func() { in.working.Go(func() { in.work(ctx) }) }
	return in
}

// deliver takes over a request of the carrier, or has it come back later.
func (l *link) deliver(p pdu.PDU) {
	m, ok := p.Body.(*pdu.Message)
	if !ok || !l.role.receives {
		l.stray(p)
		return
	}
	d := delivery{
		link: l, request: pdu.PDU{Command: p.Command, Sequence: p.Sequence}, segment: &m.Segment,
		key: "from " + m.Segment.Source.Addr, soon: l.client.config.Now().Sub(l.bound) < againTime,
	}
	if asReceipt, ok := receiptIn(m.Segment); ok {
		r, ok := l.client.config.ParseReceipt(&asReceipt)
		if !ok { // it names no message, so it can be kept with none
			l.client.metrics.received.WithLabelValues("receipt", "refused").Inc()
			l.tell(p.Response(pdu.RX_P_APPN, nil))
			return
		}
		d.receipt, d.key = &r, "about "+r.ID.Reveal()
	}
	if !l.inbox.put(d) {
		l.client.metrics.received.WithLabelValues(d.kind(), "deferred").Inc()
		l.tell(p.Response(pdu.RMSGQFUL, nil))
	}
}

// Message types in esm_class (SMPP v3.4 section 5.2.12).
const (
	typeBits     = 0x3C
	typeReceipt  = 0x04
	typeInterim  = 0x20
	typeOrdinary = 0
)

// receiptIn returns s as a receipt if it is one: by its message type, or where
// that says nothing by the parameter that only a message centre can set. The
// words of a receipt can be written by anybody.
func receiptIn(s gateway.Segment) (gateway.Segment, bool) {
	switch s.ESMClass & typeBits {
	case typeReceipt, typeInterim, typeReceipt | typeInterim:
		return s, true
	case typeOrdinary:
		if _, names := s.TLV(gateway.TagReceiptedMessageID); names {
			s.ESMClass |= typeReceipt
			return s, true
		}
	}
	return s, false
}

// put returns false when there is no room.
func (in *inbox) put(d delivery) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	line, busy := in.lines[d.key]
	if in.size+d.size() > maxInbox || len(line) >= maxLine {
		return false
	}
	in.size += d.size()
	d.link.owe(1)
	if busy {
		in.lines[d.key] = append(line, d)
		return true
	}
	in.lines[d.key] = nil
	in.ready = append(in.ready, d)
	if in.running < workers {
		in.running++
		in.start()
	}
	return true
}

// work hands over what is ready, and goes when nothing is.
func (in *inbox) work(ctx context.Context) {
	for {
		in.mu.Lock()
		if len(in.ready) == 0 {
			in.running--
			in.mu.Unlock()
			return
		}
		d := in.ready[0]
		in.ready[0] = delivery{}
		in.ready = in.ready[1:]
		in.mu.Unlock()
		in.hand(ctx, d)
		in.done(&d)
	}
}

// done lets go of a delivery, and makes ready what waited for it.
func (in *inbox) done(d *delivery) {
	d.link.owe(-1)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.size -= d.size()
	line := in.lines[d.key]
	if len(line) == 0 {
		delete(in.lines, d.key)
		return
	}
	in.ready = append(in.ready, line[0])
	in.lines[d.key] = line[1:]
}

// owe counts requests of the carrier that are not answered yet.
func (l *link) owe(n int) {
	l.mu.Lock()
	l.owed += n
	l.quietLocked()
	l.mu.Unlock()
}

// hand gives one delivery to the Gateway and answers the carrier. What came
// over a link that is gone is left: the carrier brings it again.
func (in *inbox) hand(ctx context.Context, d delivery) {
	select {
	case <-d.link.over:
		return
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, in.client.config.Timers.Response)
	defer cancel()
	began := time.Now()
	err := in.call(ctx, d)
	status, result := statusOf(err)
	in.client.metrics.received.WithLabelValues(d.kind(), result).Inc()
	if err != nil {
		in.client.log.Warn("not taken from the carrier", "name", d.kind(), "status", status.String(), "duration", time.Since(began), "error", err)
	}
	d.link.tell(d.request.Response(status, nil))
}

func (in *inbox) call(ctx context.Context, d delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("taking a delivery: %s", gateway.PanicText(v))
		}
	}()
	if d.receipt != nil {
		return in.gateway.ReceiptSMS(ctx, *d.receipt)
	}
	if d.soon {
		return in.gateway.ReceiveAgainSMS(ctx, *d.segment, d.link.before.Add(-answerLost), d.link.bound)
	}
	return in.gateway.ReceiveSMS(ctx, *d.segment)
}

// statusOf is the answer to a delivery: that of the fault where it has one.
func statusOf(err error) (s pdu.Status, result string) {
	f := gateway.FaultOf(err)
	switch {
	case f == nil:
		return pdu.OK, "taken"
	case !f.Temporary():
		s, result = pdu.RX_P_APPN, "refused"
	case f.Code == gateway.FaultStorage.Code:
		s, result = pdu.RMSGQFUL, "deferred"
	default:
		s, result = pdu.RX_T_APPN, "deferred"
	}
	if f.SMPP != gateway.StatusOK {
		s = pdu.Status(f.SMPP)
	}
	return s, result
}
