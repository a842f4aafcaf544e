package gateway

import (
	"fmt"
	"testing"
)

func TestPhoneAddress(t *testing.T) {
	for text, ok := range map[string]bool{
		"+15551234567": true, "12345": true, "+123456": false, "+0123456789": false, "+1234567890123456": false,
		"": false, "+": false, "12a": false, "123456789012345678901": false, "12345678901234567890": true, "١٢٣٤٥٦٧": false,
	} {
		a, err := PhoneAddress(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && (a.Phone().Reveal() != text || !a.IsPhone() || a.Domain() != PhoneDomain) {
			t.Errorf("%q is %q", text, a.Phone().Reveal())
		}
		if back, err2 := ParseAddress(a.Wire()); err == nil && (err2 != nil || back != a) {
			t.Errorf("%q does not come back: %v", text, err2)
		}
	}
	if MustAddress("+15551234567@clinic.example").Phone() != "" {
		t.Error("a mailbox is taken for a telephone")
	}
}

func TestLineNumber(t *testing.T) {
	for _, k := range []struct {
		line Line
		want string
	}{
		{Line{1, 1, "15551234567"}, "+15551234567"},
		{Line{1, 1, "+15551234567"}, "+15551234567"},
		{Line{0, 1, "+15551234567"}, "+15551234567"},
		{Line{0, 0, "15551234567"}, "+15551234567"},
		{Line{0, 0, "0015551234567"}, "+15551234567"},
		{Line{2, 1, "5551234567"}, "5551234567"},
		{Line{0, 0, "0555123456"}, "0555123456"},
		{Line{0, 1, "12345"}, "12345"},
		{Line{1, 1, "12345"}, "12345"}, // too short for E.164: still one telephone
		{Line{5, 0, "CLINIC"}, ""},
		{Line{0, 0, "CLINIC"}, ""},
		{Line{0, 0, ""}, ""},
	} {
		a, err := k.line.Number()
		if got := a.Phone().Reveal(); got != k.want || (err == nil) != (k.want != "") {
			t.Errorf("%d %d %q: %q, %v; want %q", k.line.TON, k.line.NPI, k.line.Addr, got, err, k.want)
		}
		if s := fmt.Sprintf("%v %+v %s", k.line, k.line, k.line); k.line.Addr != "" && s != "[line] [line] [line]" {
			t.Errorf("a line shows itself: %s", s)
		}
	}
	for _, k := range []struct {
		a, b Line
		same bool
	}{
		{Line{1, 1, "15551234567"}, Line{0, 0, "15551234567"}, true},
		{Line{5, 0, "Clinic"}, Line{0, 0, "CLINIC"}, true},
		{Line{5, 0, "15551234567"}, Line{1, 1, "15551234567"}, false},
		{Line{0, 1, "12345"}, Line{0, 1, "12346"}, false},
	} {
		if k.a.Same(k.b) != k.same || k.b.Same(k.a) != k.same {
			t.Errorf("%q and %q: %t", k.a.Addr, k.b.Addr, !k.same)
		}
	}
}

func TestParseLine(t *testing.T) {
	for text, want := range map[string]Line{
		"+15551234567": {1, 1, "15551234567"}, "15550001111": {0, 1, "15550001111"}, "CLINIC": {5, 0, "CLINIC"},
		"": {}, "A name too long": {}, "Zürich": {},
	} {
		if got, err := ParseLine(text); got != want || (err == nil) == want.IsZero() {
			t.Errorf("%q: %d %d %q, %v", text, got.TON, got.NPI, got.Addr, err)
		}
	}
}
