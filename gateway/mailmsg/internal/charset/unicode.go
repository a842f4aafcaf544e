package charset

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }
func hasESC(b []byte) bool { return bytes.IndexByte(b, 0x1b) >= 0 }

func noNUL(b []byte) string {
	return undeclared(bytes.ReplaceAll(b, []byte{0}, nil)).Main
}

// smellsUTF16 looks for a byte order mark, or for a quarter of the first
// octets being NUL on one side only.
func smellsUTF16(b []byte) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return true
	}
	even, odd := nulSides(b)
	n := min(len(b), 512)
	return len(b) >= 4 && (even*4 >= n && odd*16 <= n || odd*4 >= n && even*16 <= n)
}

func nulSides(b []byte) (even, odd int) {
	for i, c := range b[:min(len(b), 512)] {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	return even, odd
}

func fromUTF16(b []byte, label string) string {
	even, odd := nulSides(b)
	order := unicode.BigEndian
	if odd > even || odd == even && strings.HasSuffix(label, "le") {
		order = unicode.LittleEndian
	}
	out, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(b)
	if err != nil {
		return undeclared(b).Main
	}
	return string(out)
}

// smell7 also reads text as UTF-7 when it holds a run that decodes to ASCII:
// such a run begins with "+A" and a letter from A to H, because the upper
// octet of an ASCII character is zero.
func smell7(s string) Text {
	for at := 0; ; {
		i := strings.Index(s[at:], "+A")
		if i < 0 || at+i+2 >= len(s) {
			return Text{Main: s, Known: true}
		}
		at += i + 2
		if s[at] < 'A' || s[at] > 'H' {
			continue
		}
		end := at
		for end < len(s) && is64(s[end]) {
			end++
		}
		if text, ok := run7(s[at-1 : end]); ok && text != "" && isPrintable(text) {
			return differ(s, decode7(s))
		}
		at = end // a "+" within the run is part of it
	}
}

func isPrintable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\n' && s[i] != '\r' && s[i] != '\t' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func is64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// decode7 reads UTF-7 (RFC 2152); what is malformed stays as it is.
func decode7(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '+')
		if i < 0 {
			b.WriteString(s)
			return strings.ToValidUTF8(b.String(), string(utf8.RuneError))
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		end := 0
		for end < len(s) && is64(s[end]) {
			end++
		}
		text, ok := run7(s[:end])
		switch {
		case strings.HasPrefix(s, "-"):
			text, ok = "+", true
		case !ok:
			text = "+" + s[:end]
		}
		b.WriteString(text)
		s = s[end:]
		if ok {
			s = strings.TrimPrefix(s, "-")
		}
	}
}

// run7 decodes one run of modified base64: UTF-16, big endian, spare bits
// dropped.
func run7(s string) (string, bool) {
	raw, err := base64.RawStdEncoding.DecodeString(s[:len(s)/4*4])
	if err != nil {
		return "", false
	}
	if rest := s[len(s)/4*4:]; len(rest) > 1 {
		tail, err := base64.RawStdEncoding.DecodeString(rest)
		if err != nil {
			return "", false
		}
		raw = append(raw, tail...)
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(units)), len(units) > 0
}
