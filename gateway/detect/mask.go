package detect

import (
	"strings"
	"unicode/utf8"
)

// mask hides a value from people: of numbers the last two digits stay (four
// of nine or more), of names the initials, of addresses of the net the ends,
// of secrets nothing.
func mask(typ string, v []byte) string {
	switch typ {
	case "password", "token", "private_key", "address":
		return "****"
	case "name":
		return initials(string(v))
	case "email":
		return maskEmail(string(v))
	case "url":
		return "****"
	}
	return maskNumber(v)
}

func maskNumber(v []byte) string {
	n := 0
	for _, c := range v {
		if class[c]&(letter|digit) != 0 {
			n++
		}
	}
	keep := 2
	switch {
	case n >= 9:
		keep = 4
	case n <= 4:
		keep = 0
	}
	var b strings.Builder
	for _, c := range v {
		switch {
		case class[c]&(letter|digit) == 0:
			if c < ' ' {
				c = ' '
			}
			b.WriteByte(c)
			continue
		case n <= keep && class[c] == digit:
			b.WriteByte(c)
		default:
			b.WriteByte('*')
		}
		n--
	}
	return b.String()
}

// initials is "J. S." of "John Smith".
func initials(s string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r < utf8.RuneSelf && class[byte(r)]&letter == 0 }) {
		r, _ := utf8.DecodeRuneInString(word)
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		b.WriteByte('.')
	}
	return b.String()
}

// maskEmail keeps the first letter of the local part and the top-level domain.
func maskEmail(s string) string {
	at := strings.LastIndexByte(s, '@')
	dot := strings.LastIndexByte(s, '.')
	if at < 1 || dot < at {
		return "****"
	}
	return s[:1] + "***@***" + s[dot:]
}
