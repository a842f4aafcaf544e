package text

import (
	"unicode"
	"unicode/utf8"
)

const joiner = '\u200D'

// maxCluster bounds what is kept together, in octets of UTF-8; a longer
// sequence is no character that anybody writes.
const maxCluster = 128

// cluster is the length in octets of the character at the beginning of text as
// a person sees it: a rune with its marks, variation selectors and skin tones,
// those joined to it, and pairs of regional indicators. It is the part of UAX
// #29 that matters for messages.
func cluster(text string) int {
	r, n := utf8.DecodeRuneInString(text)
	if n == len(text) || text[n] < utf8.RuneSelf {
		return n
	}
	flag := isRegional(r)
	joined := r == joiner
	for n < len(text) && n < maxCluster {
		next, size := utf8.DecodeRuneInString(text[n:])
		switch {
		case flag && isRegional(next):
			flag = false
		case joined && !unicode.IsSpace(next), extends(next):
		default:
			return n
		}
		joined = next == joiner
		n += size
	}
	return n
}

func isRegional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func extends(r rune) bool {
	switch {
	case r < 0x300:
		return false
	case r == joiner, r >= 0x1F3FB && r <= 0x1F3FF, r >= 0xE0020 && r <= 0xE007F:
		return true
	}
	return unicode.Is(unicode.M, r)
}
