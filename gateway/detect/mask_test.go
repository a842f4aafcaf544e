package detect

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// TestMasksHide: what is shown of a value is at most four of its letters and
// digits, and less than half of them; nothing shows a value under any verb.
func TestMasksHide(t *testing.T) {
	d := newTest(t, gateway.OwnDetector{Name: "codeword", Words: []string{"zebraquartz"}})
	check := func(s string) {
		for _, f := range d.Scan(text(s)).Findings {
			value := string([]rune(s)[f.Start:f.End])
			if f.Masked == "" || !utf8.ValidString(f.Masked) {
				t.Errorf("%s: mask %q", f.Type, f.Masked)
			}
			if strings.Contains(fmt.Sprintf("%+v %#v", f, f), value) {
				t.Errorf("%s: %q is shown", f.Type, value)
			}
			if f.Type != "email" && 2*visible(f.Masked) > visible(value)+1 || visible(f.Masked) > 8 {
				t.Errorf("%s: %q masked as %q", f.Type, value, f.Masked)
			}
		}
	}
	check("zebraquartz")
	check("Dear Maria de la Cruz, Dr. Li and Mr Ng")
	check("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----")
	for _, row := range identifiers {
		for _, v := range row.valid {
			check(strings.Replace(row.sentence, "%", v, 1))
		}
	}
}

// visible counts letters and digits.
func visible(s string) (n int) {
	for i := range len(s) {
		if class[s[i]]&(letter|digit) != 0 {
			n++
		}
	}
	return n
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ typ, value, want string }{
		{"ssn", "536-22-8145", "***-**-8145"},
		{"card", "4532 0158 0736 2949", "**** **** **** 2949"},
		{"mrn", "48219", "***19"},
		{"card_security_code", "737", "***"},
		{"name", "Maria de la Cruz", "M. d. l. C."},
		{"email", "ann@clinic.example", "a***@***.example"},
		{"password", "Tr0ub4dor&3x", "****"},
		{"gb.nino", "AB123456C", "*****456*"},
	} {
		if got := string(appendMask(nil, c.typ, []byte(c.value))); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.typ, c.value, got, c.want)
		}
	}
}
