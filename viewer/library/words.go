package library

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// maxLine bounds a subject or a name on a page, in octets.
const maxLine = 2000

// line makes one harmless line of a header: no control characters, and none
// that turn the direction of what follows.
func line(s gateway.Sensitive) gateway.Sensitive {
	raw := cut(s.Reveal(), maxLine)
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || turns(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, raw)
	return gateway.Sensitive(strings.Join(strings.Fields(clean), " "))
}

// text makes plain text of at most maxText octets with LF line ends.
func text(s gateway.Sensitive) (gateway.Sensitive, bool) {
	raw := s.Reveal()
	kept := cut(raw, maxText)
	clean := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(kept, "\ufffd"))
	clean = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, clean)
	return gateway.Sensitive(strings.Trim(clean, "\n")), len(kept) < len(raw)
}

// turns reports whether r overrides or embeds a direction of writing: with
// these a name ends in "fdp.exe" and reads "exe.pdf" (Unicode TR36 2.7).
func turns(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// cut shortens s to at most n octets at a code point.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
