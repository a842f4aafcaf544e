package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"gatepost/gateway"
)

// swallow is a next hop as fast as can be: it looks for the end of data only.
func swallow(b *testing.B, ehlo string) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { swallowOne(c, ehlo) })
		}
	})
	b.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func swallowOne(c net.Conn, ehlo string) {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	say := func(s string) {
		_, _ = w.WriteString(s)
		if r.Buffered() == 0 {
			_ = w.Flush()
		}
	}
	say("220 sink\r\n")
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("EHLO")):
			say(ehlo)
		case bytes.HasPrefix(line, []byte("DATA")):
			say("354 go\r\n")
			for string(line) != ".\r\n" {
				if line, err = r.ReadSlice('\n'); err != nil {
					return
				}
			}
			say("250 2.0.0 ok\r\n")
		case bytes.HasPrefix(line, []byte("QUIT")):
			say("221 bye\r\n")
			return
		default:
			say("250 2.0.0 ok\r\n")
		}
	}
}

// BenchmarkDeliver is mail after mail to one next hop, the next hop included,
// 8 at once over kept connections.
func BenchmarkDeliver(b *testing.B) {
	for _, size := range []int{5_000, 100_000} {
		for name, ehlo := range map[string]string{"pipelining": "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n", "plain": "250-sink\r\n250 8BITMIME\r\n"} {
			b.Run(fmt.Sprintf("%dkB/%s", size/1000, name), func(b *testing.B) {
				r := Route{Host: swallow(b, ehlo), TLS: None}
				c := New(Config{Idle: Idle{Messages: 1 << 30}})
				defer c.Close()
				body := strings.Repeat("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456\r\n", size/75)
				tx := mail("pat@out.example")
				tx.Size, tx.Open = int64(len(body)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
				b.SetBytes(int64(len(body)))
				b.SetParallelism(4)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if o := c.Deliver(b.Context(), r, Any, give(tx))[0]; o.Result != gateway.Sent {
							b.Errorf("%v %s %s", o.Result, o.Phase, o.Status)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}
