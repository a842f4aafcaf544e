package flow

import (
	"testing"

	"gatepost/gateway"
)

// TestNumbers: one telephone is one person, however it is spelled.
func TestNumbers(t *testing.T) {
	for _, k := range []struct {
		country  string
		ton      byte
		addr     string
		want     string
		readable bool
	}{
		{"US", 1, "12125550123", "+12125550123", true},
		{"US", 0, "12125550123", "+12125550123", true},
		{"US", 0, "2125550123", "+12125550123", true},
		{"US", 2, "2125550123", "+12125550123", true},
		{"US", 0, "+12125550123", "+12125550123", true},
		{"US", 0, "0012125550123", "+12125550123", true},
		{"US", 0, "491701234567", "+491701234567", true},
		{"US", 0, "12345", "12345", true},
		{"DE", 0, "01701234567", "+491701234567", true},
		{"DE", 2, "1701234567", "+491701234567", true},
		{"DE", 0, "491701234567", "+491701234567", true},
		{"DE", 1, "12125550123", "+12125550123", true},
		{"GB", 0, "07912345678", "+447912345678", true},
		{"GB", 0, "447912345678", "+447912345678", true},
		{"", 0, "2125550123", "+2125550123", true}, // as carriers read it
		{"US", 5, "CLINIC", "", false},
	} {
		s := &SMSSettings{Country: k.country}
		a, err := s.number(gateway.Line{TON: k.ton, NPI: 1, Addr: k.addr})
		if got := a.Phone().Reveal(); got != k.want || (err == nil) != k.readable {
			t.Errorf("%s %d %s: %q, %v; want %q", k.country, k.ton, k.addr, got, err, k.want)
		}
	}
}

// TestTypedNumbers: what a person types is the telephone that messages know, or
// is refused.
func TestTypedNumbers(t *testing.T) {
	for _, k := range []struct{ country, typed, want string }{
		{"US", "+12025550143", "+12025550143"},
		{"US", "12025550143", "+12025550143"},
		{"US", "2025550144", "+12025550144"},
		{"US", "0012025550145", "+12025550145"},
		{"US", "(202) 555-0146", "+12025550146"},
		{"US", "202.555.0146", "+12025550146"},
		{"US", "15550100203", "+15550100203"},
		{"US", "5550100203", ""}, // nobody's number: not one of Brazil
		{"US", "5550146", ""},
		{"US", "+49.30-901820", "+4930901820"},
		{"US", "12345", "12345"},
		{"DE", "0170 1234567", "+491701234567"},
		{"", "+12025550143", "+12025550143"},
		{"", "0012025550143", "+12025550143"},
		{"", "2025550144", ""},
		{"", "12025550144", ""},
		{"", "12345", "12345"},
		{"US", "CLINIC", ""},
		{"US", "", ""},
	} {
		a, err := (&SMSSettings{Country: k.country}).typed(k.typed)
		if got := a.Phone().Reveal(); got != k.want || (err == nil) != (k.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", k.country, k.typed, got, err, k.want)
		}
	}
}
