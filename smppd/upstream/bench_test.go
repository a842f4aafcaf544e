package upstream

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// instant is a message centre as fast as can be: it looks at headers only and
// says yes to everything.
func instant(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { agree(conn) })
		}
	})
	b.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func agree(conn net.Conn) {
	defer conn.Close()
	r, w := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriterSize(conn, 64<<10)
	var head [pdu.HeaderLen]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		if _, err := r.Discard(int(binary.BigEndian.Uint32(head[:])) - len(head)); err != nil {
			return
		}
		head[4] |= 0x80
		binary.BigEndian.PutUint32(head[:], pdu.HeaderLen+2)
		_, _ = w.Write(head[:])
		_, _ = w.WriteString("1\x00")
		if r.Buffered() < pdu.HeaderLen && w.Flush() != nil {
			return
		}
	}
}

// BenchmarkSend is segments of 140 octets to one message centre in the same
// process, that included, with as many callers as Limit allows.
func BenchmarkSend(b *testing.B) {
	for _, window := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(window), func(b *testing.B) {
			c := New(Config{Addr: instant(b), Window: window})
			run(b, c, &inboundStub{})
			s := message(string(make([]byte, 140)))
			if _, o := c.Send(b.Context(), s, nil, nil); o.Result != gateway.Sent {
				b.Fatal(result(o))
			}
			work := make(chan struct{}, c.Limit())
			var all sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range c.Limit() {
				all.Go(func() {
					for range work {
						if _, o := c.Send(b.Context(), s, nil, nil); o.Result != gateway.Sent {
							b.Error(result(o))
						}
					}
				})
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "segments/s")
		})
	}
}
