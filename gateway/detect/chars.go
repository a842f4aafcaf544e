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

// octets repeats an octet eight times.
const octets = 0x0101010101010101

// wordEnds marks, by their highest bits, which of the eight octets of v are
// neither letters nor digits.
func wordEnds(v uint64) uint64 {
	low := v & (0x7f * octets)
	x := low | 0x20*octets
	digits := (low + (0x80-'0')*octets) &^ (low + (0x7f-'9')*octets)
	letters := (x + (0x80-'a')*octets) &^ (x + (0x7f-'z')*octets)
	return ^(digits | letters | v) & (0x80 * octets)
}

// digitOctets marks, by their highest bits, the digits among octets of words.
func digitOctets(v uint64) uint64 { return ^(v | v<<1) & (0x80 * octets) }

// uppered clears the case bit of the ASCII letters among octets of words.
func uppered(v uint64) uint64 {
	return v &^ (v >> 1 & ^(v >> 2) & (0x20 * octets))
}

// anyDigits is digitOctets of octets of any kind.
func anyDigits(v uint64) uint64 {
	low := v & (0x7f * octets)
	return (low + (0x80-'0')*octets) &^ (low + (0x7f-'9')*octets) &^ v & (0x80 * octets)
}

// firstOctets are the first n octets of v, at most seven; the others are 0.
func firstOctets(v uint64, n int) uint64 { return v & (1<<(8*uint(n)&63) - 1) }
