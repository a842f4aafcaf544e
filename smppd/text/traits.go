package text

import (
	"unicode/utf8"
)

// traits of octets, one bit each.
type traits uint8

const (
	high    traits = 1 << iota // above 0x7F
	differs                    // a character of its own in GSM, ASCII has another
	control                    // no character in ASCII
	small                      // may be the high octet of UTF-16
	wordy                      // a letter or digit of ASCII
	visible                    // prints in ASCII, on one line
)

var traitsOf = func() (t [256]traits) {
	for i := range t {
		c := byte(i)
		if c > 0x7F {
			t[i] |= high
			continue
		}
		if defaultPage[c] != rune(c) || c == escape {
			t[i] |= differs
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F {
			t[i] |= control
		}
		if c <= 0x0E && c != '\n' && c != '\r' {
			t[i] |= small
		}
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			t[i] |= wordy
		}
		if c >= ' ' && c <= '~' {
			t[i] |= visible
		}
	}
	return t
}()

func traitsIn(b []byte) (t traits) {
	for _, c := range b {
		t |= traitsOf[c]
	}
	return t
}

// isText reports whether a decoded text is one that a person may have
// written: no control characters, nothing undecodable.
func isText(s []byte) bool {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r < utf8.RuneSelf && traitsOf[r]&control != 0 && r != '\f' || r >= 0x7F && r <= 0x9F || r == utf8.RuneError {
			return false
		}
		s = s[n:]
	}
	return true
}

// hasControl reports whether a text has control characters, which most
// telephones do not show.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < utf8.RuneSelf && traitsOf[s[i]]&control != 0 {
			return true
		}
	}
	return false
}

// appendShown leaves the control characters out.
func appendShown(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || traitsOf[s[i]]&control == 0 {
			dst = append(dst, s[i])
		}
	}
	return dst
}

// isProse reports whether most of a text are letters, digits and spaces of
// ASCII, as chance does not make them.
func isProse(s []byte) bool {
	n := 0
	for _, c := range s {
		if traitsOf[c]&wordy != 0 || c == ' ' {
			n++
		}
	}
	return n*4 >= len(s)*3
}

// appendWords takes the runs that may be words out of octets of any kind, a
// line each: printable octets of ASCII, Latin-1 or UTF-8 with at least three
// letters or digits of ASCII.
func appendWords(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		start, letters := i, 0
		for ; i < len(src) && (traitsOf[src[i]]&visible != 0 || src[i] >= 0xA0 || isTail(src, i)); i++ {
			if traitsOf[src[i]]&wordy != 0 {
				letters++
			}
		}
		if letters < 3 {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, '\n')
		}
		dst = appendOctets(dst, src[start:i])
	}
	return dst
}

// isTail reports whether src[i] is within a character of UTF-8.
func isTail(src []byte, i int) bool {
	for back := 1; back <= 3 && back <= i; back++ {
		if !utf8.RuneStart(src[i-back]) {
			continue
		}
		_, n := utf8.DecodeRune(src[i-back:])
		return n > back
	}
	return false
}

// appendOctets decodes octets as UTF-8 where they are, else as Latin-1.
func appendOctets(dst, src []byte) []byte {
	if utf8.Valid(src) {
		return append(dst, src...)
	}
	return appendLatin(dst, src)
}
