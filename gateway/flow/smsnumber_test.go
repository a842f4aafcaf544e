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
