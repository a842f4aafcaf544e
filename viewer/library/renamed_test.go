package library

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

type held struct{ *bytes.Reader }

func (h held) Size() int64 { return h.Reader.Size() }

// TestRenamed: fields of senders in Gatepost's name have another one, whichever
// piece of the message is read; nothing else changes.
func TestRenamed(t *testing.T) {
	for _, filler := range []int{0, 3000, 5000, 100_000} {
		mail := "X-Gatepost-Status: forged\r\nFrom: a@b\r\nX-Tea: " + strings.Repeat("x", filler) + "\r\nx-gatepost-message: forged\r\n folded: X-Gatepost-No\r\n\r\nX-Gatepost-Body: stays\r\n"
		want := strings.Replace(strings.Replace(mail, "X-Gatepost-Status", "X-Supplied-Status", 1), "x-gatepost-message", "X-Supplied-message", 1)
		got, err := io.ReadAll(io.NewSectionReader(&renamed{Content: held{bytes.NewReader([]byte(mail))}}, 0, int64(len(mail))))
		if err != nil || string(got) != want {
			t.Errorf("%d: %v\n%.300q", filler, err, got)
		}
		for at := 0; at < len(mail); at += 7 {
			p := make([]byte, min(5, len(mail)-at))
			if _, err := (&renamed{Content: held{bytes.NewReader([]byte(mail))}}).ReadAt(p, int64(at)); err != nil || string(p) != want[at:at+len(p)] {
				t.Fatalf("%d: at %d: %v %q", filler, at, err, p)
			}
		}
	}
}
