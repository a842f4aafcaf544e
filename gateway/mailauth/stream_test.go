package mailauth_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"gatepost/gateway/mailauth"
)

// bigMail writes a mail of so many octets of attachment, without holding it.
func bigMail(w io.Writer, octets int, between func()) error {
	if _, err := io.WriteString(w, letter); err != nil {
		return err
	}
	lines := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 1<<10)
	for ; octets > 0; octets -= len(lines) {
		if _, err := io.WriteString(w, lines); err != nil {
			return err
		}
		between()
	}
	return nil
}

// TestSigningHoldsNothing: what is held while signing does not grow with the
// mail.
func TestSigningHoldsNothing(t *testing.T) {
	const size, most = 32 << 20, 12 << 20
	k := edKey(t)
	s, err := mailauth.NewSigner("clinic.example", "gatepost", k)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, peak := heap(), uint64(0)
	field, err := s.Signature(func(w io.Writer) error {
		n := 0
		return bigMail(w, size, func() {
			if n++; n%32 == 0 {
				peak = max(peak, heap())
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if grown := int64(peak) - int64(before); grown > most {
		t.Errorf("the heap grew by %d octets", grown)
	}
	if !strings.HasPrefix(field, "DKIM-Signature:") {
		t.Errorf("%q", field)
	}
}
