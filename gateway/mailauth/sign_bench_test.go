package mailauth_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailauth"
)

// BenchmarkSign signs a mail as large as a notice with an Ed25519 key, so that
// what is counted is not the exponentiation of an RSA key.
func BenchmarkSign(b *testing.B) {
	s, err := mailauth.NewSigner("clinic.example", "gatepost", edKey(b))
	if err != nil {
		b.Fatal(err)
	}
	raw := []byte(letter + strings.Repeat("<p style=\"margin:0 0 16px;\">\r\nA line of a notice that somebody reads.</p>\r\n", 30))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sign(raw); err != nil {
			b.Fatal(err)
		}
	}
}
