package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// FuzzCarrier lets a carrier say anything behind a bind: the client never
// panics, says only whole PDUs, takes no more than it was given, believes in an
// answer only when one with its sequence_number was there, and ends when the
// carrier does.
func FuzzCarrier(f *testing.F) {
	yes, _ := pdu.Append(nil, pdu.PDU{Command: pdu.SubmitSMResp, Sequence: 2, Body: &pdu.MessageResp{MessageID: "1"}})
	mo, _ := pdu.Append(nil, deliver(1, from("15550000001", "hello")))
	receipt := from("15550000001", "id:1 stat:DELIVRD")
	receipt.ESMClass = 4
	r, _ := pdu.Append(nil, deliver(2, receipt))
	unbind, _ := pdu.Append(nil, pdu.PDU{Command: pdu.Unbind, Sequence: 3})
	nack, _ := pdu.Append(nil, pdu.PDU{Command: pdu.GenericNack, Status: pdu.RINVCMDLEN, Sequence: 2})
	throttled, _ := pdu.Append(nil, pdu.PDU{Command: pdu.SubmitSMResp, Status: pdu.RTHROTTLED, Sequence: 2})
	for _, seed := range [][]byte{yes, mo, r, unbind, nack, throttled, append(mo[:len(mo):len(mo)], yes...), yes[:17], {0xFF, 0xFF, 0xFF, 0xFF}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ours, theirs := net.Pipe()
		dialed := false
		timers := quick()
		timers.Reconnect, timers.MaxReconnect = time.Hour, time.Hour
		timers.Response, timers.EnquireLink = 500*time.Millisecond, time.Hour
		g := &inboundStub{}
		c := New(Config{Timers: timers, SystemID: "gw", ParseReceipt: text.Texts{}.ParseReceipt, Dial: func(context.Context, string, string) (net.Conn, error) {
			if dialed {
				return nil, errors.New("once only")
			}
			dialed = true
			return ours, nil
		}})
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() { _ = c.Run(ctx, g) })
		all.Go(func() { feed(t, theirs, raw) })
		results, o := c.Send(ctx, message("x"), nil, nil)
		if results[0].Sent != (o.Result == gateway.Sent) || results[0].Sent && !accepts(raw) {
			t.Errorf("sent without a yes: %s", result(o))
		}
		cancel()
		all.Wait()
		if n := len(g.texts) + len(g.receipts); n > len(raw)/pdu.HeaderLen {
			t.Errorf("%d deliveries in %d octets", n, len(raw))
		}
	})
}

// feed plays the carrier: it takes the bind and the segment, says raw and goes.
func feed(t *testing.T, conn net.Conn, raw []byte) {
	defer conn.Close()
	r := pdu.NewReader(conn, 0)
	bind, err := r.Read()
	if err != nil {
		t.Errorf("bind: %v", err)
		return
	}
	hello, _ := pdu.Append(nil, bind.Response(pdu.OK, nil))
	_, _ = conn.Write(hello)
	if p, err := r.Read(); err != nil || p.Command != pdu.SubmitSM {
		t.Errorf("segment: %v %v", p.Command, err)
		return
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			_, err := r.Read()
			var malformed *pdu.DecodeError
			var framing *pdu.FramingError
			if errors.As(err, &malformed) || errors.As(err, &framing) {
				t.Errorf("the client says %v", err)
			}
			if err != nil {
				return
			}
		}
	})
	_, _ = conn.Write(raw)
	time.Sleep(time.Millisecond)
	_ = conn.Close()
	reading.Wait()
}

// accepts reports whether a yes to the segment stands in raw as a frame.
func accepts(raw []byte) bool {
	for len(raw) >= pdu.HeaderLen {
		n := binary.BigEndian.Uint32(raw)
		if n < pdu.HeaderLen || uint64(n) > uint64(len(raw)) {
			return false
		}
		command := pdu.Command(binary.BigEndian.Uint32(raw[4:]))
		if (command == pdu.SubmitSMResp || command == pdu.DataSMResp) && binary.BigEndian.Uint32(raw[8:]) == 0 && binary.BigEndian.Uint32(raw[12:]) >= 2 {
			return true
		}
		raw = raw[n:]
	}
	return false
}
