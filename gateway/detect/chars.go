package detect

// Classes of octets in normalised text. Everything from 0x80 on is part of a
// letter: what is not was replaced by normalisation.
const (
	letter = 1 << iota
	digit
	hard    // ends a sentence or a phrase
	newline // CR, LF
	hot     // may begin something: an address, a URL, an amount, a question
)

var class = classTable()

func classTable() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
			t[c] = letter
		case c >= '0' && c <= '9':
			t[c] = digit
		}
	}
	for _, c := range ".,;!?()[]{}<|\x1f" {
		t[c] = hard
	}
	t['\n'], t['\r'] = newline, newline
	t['@'], t[':'], t['?'], t['$'] = hot|hard, hot|hard, hot|hard, hot
	return t
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// low is c in lower case when it is an ASCII letter.
func low(c byte) byte {
	if isUpper(c) {
		return c | 0x20
	}
	return c
}
