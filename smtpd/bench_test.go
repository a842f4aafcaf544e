package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/gateway"
)

// discard is a Backend that keeps nothing.
type discard struct{ recorder }

func (d *discard) Accept(_ context.Context, _ gateway.Submission, body io.Reader) (gateway.MessageID, error) {
	_, err := io.Copy(io.Discard, body)
	return gateway.MessageID{}, err
}

// BenchmarkAccept is the path of a mail through the server without what the
// gateway does with it, client included, over 8 connections.
func BenchmarkAccept(b *testing.B) {
	for _, size := range []int{5_000, 100_000, 2_000_000} {
		b.Run(fmt.Sprintf("%dkB", size/1000), func(b *testing.B) {
			s := begin(b, &discard{})
			mail := []byte(strings.Repeat("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456\r\n", size/75) + ".\r\n")
			b.SetBytes(int64(len(mail)))
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for range 8 {
				all.Go(func() { submit(b, s.addr, mail, &left) })
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// submit sends mail after mail, with commands in one piece.
func submit(b *testing.B, addr string, mail []byte, left *atomic.Int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	expect := func(n int, code string) bool {
		for ; n > 0; n-- {
			line, err := r.ReadSlice('\n')
			for err == nil && len(line) > 3 && line[3] == '-' {
				line, err = r.ReadSlice('\n')
			}
			if err != nil || !strings.HasPrefix(string(line), code) {
				b.Errorf("got %q, %v", line, err)
				return false
			}
		}
		return true
	}
	_, _ = io.WriteString(conn, "EHLO c\r\n")
	if !expect(1, "220") || !expect(1, "250") {
		return
	}
	for left.Add(-1) >= 0 {
		_, _ = io.WriteString(conn, "MAIL FROM:<ann@clinic.example>\r\nRCPT TO:<pat@out.example>\r\nDATA\r\n")
		if !expect(2, "250") || !expect(1, "354") {
			return
		}
		_, _ = conn.Write(mail)
		if !expect(1, "250") {
			return
		}
	}
}

// BenchmarkIdleSession reports what one session that waits holds.
func BenchmarkIdleSession(b *testing.B) {
	per := 0
	for b.Loop() {
		per = idleSessions(b, 1000)
	}
	b.ReportMetric(float64(per), "B/session")
}

// BenchmarkScanner is the strict grammar alone.
func BenchmarkScanner(b *testing.B) {
	win := []byte(strings.Repeat("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456\r\n", 800))
	b.SetBytes(int64(len(win)))
	for b.Loop() {
		s := scanner{dots: true, limit: 1000}
		if _, _, err := s.next(win); err != nil {
			b.Fatal(err)
		}
	}
}
