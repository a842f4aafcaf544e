package upstream

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// Gateway takes what the carrier delivers. nil means that it is committed and
// durable. A *gateway.Fault says how the carrier is answered, any other error
// has it come back later.
type Gateway interface {
	ReceiveSMS(ctx context.Context, s gateway.Segment) error
	ReceiptSMS(ctx context.Context, r gateway.Receipt) error
}

const (
	lanes    = 32      // deliveries handed over at once
	laneSize = 32      // that wait for those before them in one lane
	maxInbox = 4 << 20 // octets of deliveries in memory
)

// inbox hands deliveries to the Gateway. What comes from one telephone, and
// what is about one message, shares a lane and keeps its order: a STOP and the
// START after it must not change places.
type inbox struct {
	client  *Client
	gateway Gateway
	seed    maphash.Seed
	lanes   [lanes]chan delivery
	size    atomic.Int64
	workers sync.WaitGroup
}

// delivery is one deliver_sm or data_sm.
type delivery struct {
	link    *link
	request pdu.PDU // without its body
	segment *gateway.Segment
	receipt *gateway.Receipt // nil for a message
}

func newInbox(ctx context.Context, c *Client, g Gateway) *inbox {
	in := &inbox{client: c, gateway: g, seed: maphash.MakeSeed()}
	for i := range in.lanes {
		lane := make(chan delivery, laneSize)
		in.lanes[i] = lane
		in.workers.Go(func() {
			for d := range lane {
				in.hand(ctx, d)
			}
		})
	}
	return in
}

// close waits for what is under way. Nothing is put in any more.
func (in *inbox) close() {
	for _, lane := range in.lanes {
		close(lane)
	}
	in.workers.Wait()
}

// deliver takes over a request of the carrier, or has it come back later.
func (l *link) deliver(p pdu.PDU) {
	m, ok := p.Body.(*pdu.Message)
	if !ok || !l.role.receives {
		l.stray(p)
		return
	}
	d := delivery{link: l, request: pdu.PDU{Command: p.Command, Sequence: p.Sequence}, segment: &m.Segment}
	kind := "message"
	if asReceipt, ok := receiptIn(m.Segment); ok {
		kind = "receipt"
		r, ok := l.client.config.ParseReceipt(&asReceipt)
		if !ok { // it names no message, so it can be kept with none
			l.client.metrics.received.WithLabelValues(kind, "refused").Inc()
			l.tell(p.Response(pdu.RX_P_APPN, nil))
			return
		}
		d.receipt = &r
	}
	if !l.inbox.put(d) {
		l.client.metrics.received.WithLabelValues(kind, "deferred").Inc()
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
	n := int64(d.segment.Size())
	if in.size.Add(n) > maxInbox {
		in.size.Add(-n)
		return false
	}
	d.link.owe(1)
	key := d.segment.Source.Addr
	if d.receipt != nil {
		key = d.receipt.ID.Reveal()
	}
	select {
	case in.lanes[maphash.String(in.seed, key)%lanes] <- d:
		return true
	default:
		d.link.owe(-1)
		in.size.Add(-n)
		return false
	}
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
	defer in.size.Add(-int64(d.segment.Size()))
	defer d.link.owe(-1)
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
	kind := "message"
	if d.receipt != nil {
		kind = "receipt"
	}
	in.client.metrics.received.WithLabelValues(kind, result).Inc()
	if err != nil {
		in.client.log.Warn("not taken from the carrier", "name", kind, "status", status.String(), "duration", time.Since(began), "error", err)
	}
	d.link.tell(d.request.Response(status, nil))
}

func (in *inbox) call(ctx context.Context, d delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("taking a delivery: %s", panicText(v))
		}
	}()
	if d.receipt != nil {
		return in.gateway.ReceiptSMS(ctx, *d.receipt)
	}
	return in.gateway.ReceiveSMS(ctx, *d.segment)
}

// panicText is what may be logged of a panic: a value of our own types may
// hold a person's words, an error of the runtime does not.
func panicText(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic of type %T", v)
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
