package detect

import (
	"bytes"
	"unicode/utf8"
)

// appendMask appends to dst what people may see of a value: of numbers the last
// two digits (four of nine or more), of names the initials, of addresses of the
// net the ends, of secrets nothing.
func appendMask(dst []byte, typ string, v []byte) []byte {
	switch typ {
	case "password", "token", "private_key", "address", "url":
		return append(dst, noMask...)
	case "name":
		return appendInitials(dst, v)
	case "email":
		return appendEmail(dst, v)
	}
	return appendNumber(dst, v)
}

func appendNumber(dst, v []byte) []byte {
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
	for _, c := range v {
		if class[c]&(letter|digit) == 0 {
			dst = append(dst, max(c, ' '))
			continue
		}
		if n > keep || class[c] != digit {
			c = '*'
		}
		dst = append(dst, c)
		n--
	}
	return dst
}

// appendInitials appends "J. S." for "John Smith".
func appendInitials(dst, v []byte) []byte {
	first := len(dst)
	for i, c := range v {
		if class[c]&letter == 0 || i > 0 && class[v[i-1]]&letter != 0 {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ' ')
		}
		r, _ := utf8.DecodeRune(v[i:])
		dst = append(utf8.AppendRune(dst, r), '.')
	}
	return dst
}

// appendEmail keeps the first letter of the local part and the top-level domain.
func appendEmail(dst, v []byte) []byte {
	at, dot := bytes.LastIndexByte(v, '@'), bytes.LastIndexByte(v, '.')
	if at < 1 || dot < at {
		return append(dst, noMask...)
	}
	return append(append(append(dst, v[0]), "***@***"...), v[dot:]...)
}
