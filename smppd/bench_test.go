package smppd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// instant is a Gateway that takes everything: what is measured is the server.
type instant struct {
	*fake
	wait time.Duration
}

func (i instant) SubmitSMS(context.Context, gateway.Peer, gateway.Segment, gateway.SegmentPlace, []gateway.Line) (string, []gateway.LineFault, error) {
	if i.wait > 0 {
		time.Sleep(i.wait)
	}
	return "0abcdefghijklmnopqrstuv012", nil, nil
}

// BenchmarkSubmit: submissions a second at a window, with a Gateway that
// answers at once and with one that takes 2 ms, as a durable commit may.
func BenchmarkSubmit(b *testing.B) {
	for _, wait := range []time.Duration{0, 2 * time.Millisecond} {
		for _, window := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("commit=%v/window=%d", wait, window), func(b *testing.B) {
				s := start(b, instant{newFake(), wait}, nil)
				c := dial(b, s.addr).bind(pdu.BindTransmitter)
				b.ReportAllocs()
				b.ResetTimer()
				submitMany(b, c.conn, window)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submits/s")
			})
		}
	}
}

// submitMany submits b.N times with at most window answers outstanding.
func submitMany(b *testing.B, conn net.Conn, window int) {
	frame, err := pdu.Append(nil, func() pdu.PDU {
		p := submitPDU("Your visit to the clinic is at 3 on Monday. Answer C to cancel.")
		p.Sequence = 7
		return p
	}())
	if err != nil {
		b.Fatal(err)
	}
	slots := make(chan struct{}, window)
	go func() {
		out := bufio.NewWriter(conn)
		for range b.N {
			select {
			case slots <- struct{}{}:
			default:
				_ = out.Flush()
				slots <- struct{}{}
			}
			_, _ = out.Write(frame)
		}
		_ = out.Flush()
	}()
	in := pdu.NewReader(conn, 0)
	for range b.N {
		p, err := in.Read()
		if err != nil || p.Status != pdu.OK {
			b.Fatalf("%v %v", p.Status, err)
		}
		<-slots
	}
}
