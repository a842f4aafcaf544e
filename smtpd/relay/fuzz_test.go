package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// FuzzReply reads what a next hop may say. Whatever it is: no panic, bounded
// lines, a text that is harmless to print, and the same result however the
// octets arrive.
func FuzzReply(f *testing.F) {
	f.Add([]byte("250-a\r\n250 2.0.0 b\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole := bufio.NewReaderSize(bytes.NewReader(raw), 4096)
		drip := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(raw)), 4096)
		for range 100 {
			r, err := readReply(whole)
			s, err2 := readReply(drip)
			if (err == nil) != (err2 == nil) || r.code != s.code || r.text() != s.text() {
				t.Fatalf("%q: %v %v", raw, err, err2)
			}
			if err != nil {
				if !errors.Is(err, errBroken) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("error %v", err)
				}
				return
			}
			checkReply(t, r)
		}
	})
}

func checkReply(t *testing.T, r reply) {
	if r.code < 200 || r.code > 599 || len(r.lines) == 0 || len(r.lines) > maxReplyLines {
		t.Fatalf("code %d in %d lines", r.code, len(r.lines))
	}
	text := r.text().Reveal()
	if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00\x1b\u0085\u2028") {
		t.Fatalf("text %q", text)
	}
	s := r.status()
	if r.class() != 3 && int(s[0]-'0') != r.class() {
		t.Fatalf("status %q of code %d", s, r.code)
	}
	parseExtensions(r.lines[1:])
}

// FuzzStuffing writes a body in pieces of every size and reads it as the
// strictest and as the laxest next hop does: neither may find the end of the
// message inside, and the strict one must read the very octets.
func FuzzStuffing(f *testing.F) {
	f.Add([]byte(".\r\n..\r\n.x\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		var out bytes.Buffer
		s := &stuffer{to: func(pieces [][]byte) error {
			for _, p := range pieces {
				out.Write(p)
			}
			return nil
		}}
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if err := s.write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		s.end()
		if err := s.flush(); err != nil {
			t.Fatal(err)
		}
		sent := out.String()
		body, ok := strings.CutSuffix(sent, ".\r\n")
		if !ok {
			t.Fatalf("%q does not end", sent)
		}
		lead := "\n" + body
		for _, end := range []string{"\n.\n", "\n.\r\n", "\n.\r"} {
			if strings.Contains(lead, end) {
				t.Fatalf("%q ends in the middle of %q", raw, sent)
			}
		}
		got := strings.ReplaceAll(lead, "\n.", "\n")[1:]
		want := string(raw)
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
