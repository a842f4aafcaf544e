package detect

import (
	"testing"

	"gatepost/gateway"
)

// TestExampleNumbersPass: numbers that manuals and advertisements print are
// nobody's, whatever stands before them; deploy/docs/detection.md says so.
func TestExampleNumbersPass(t *testing.T) {
	d := newTest(t)
	for _, c := range []struct{ text, want string }{
		{"SSN 123-45-6789", ""}, {"SSN: 078-05-1120", ""}, {"SSN 219-09-9999", ""}, {"SSN 457-55-5462", ""},
		{"card 4111 1111 1111 1111", ""}, {"SSN 123-45-6788", "ssn"}, {"card 4242 4242 4242 4242", "card"},
	} {
		if got := types(d.Scan(text(c.text)), gateway.Medium); got != c.want {
			t.Errorf("%q: found %q, want %q", c.text, got, c.want)
		}
	}
}
