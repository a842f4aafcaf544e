package text

import (
	"unicode/utf16"
	"unicode/utf8"
)

// appendFromUTF16 decodes UTF-16; whole is false for half a surrogate pair and
// for an odd octet at the end, which is read as the half that tells letters
// apart.
func appendFromUTF16(dst, src []byte, little bool) (out []byte, whole bool) {
	high := 0
	if little {
		high = 1
	}
	whole = len(src)%2 == 0
	for i := 0; i+1 < len(src); i += 2 {
		r := rune(src[i+high])<<8 | rune(src[i+1-high])
		if utf16.IsSurrogate(r) {
			next := rune(0)
			if i+3 < len(src) {
				next = rune(src[i+2+high])<<8 | rune(src[i+3-high])
			}
			if r = utf16.DecodeRune(r, next); r == utf8.RuneError {
				whole = false
			} else {
				i += 2
			}
		}
		dst = appendChar(dst, r)
	}
	if len(src)%2 != 0 {
		dst = appendChar(dst, rune(src[len(src)-1]))
	}
	return dst, whole
}

// units says how much octets look like UTF-16 of an alphabet, which has a
// small number in every other octet.
type units struct {
	pairs int
	fit   [2]int // pairs with the small octet first (big endian), and last
	run   [2]int // the longest run of those
}

func unitsIn(b []byte) units {
	u := units{pairs: len(b) / 2}
	var run [2]int
	for i := 0; i+1 < len(b); i += 2 {
		u.count(&run, 0, unit(b[i], b[i+1]))
		u.count(&run, 1, unit(b[i+1], b[i]))
	}
	return u
}

func (u *units) count(run *[2]int, order int, fits bool) {
	if !fits {
		run[order] = 0
		return
	}
	run[order]++
	u.fit[order]++
	u.run[order] = max(u.run[order], run[order])
}

// unit reports whether two octets are a character below U+0F00 that is no
// control: the alphabets of Europe, the Near East and India.
func unit(high, low byte) bool {
	return high == 0 && (low >= ' ' || low == '\n' || low == '\r') || high > 0 && high <= 0x0E && low > 0x0F
}

// plausible reports whether some reader may take the octets for UTF-16 of
// that order (0 big, 1 little endian); likely, whether that is what was meant.
func (u units) plausible(order int) bool {
	return u.run[order] >= 3 || u.fit[order] >= 2 && u.fit[order]*4 >= u.pairs
}

func (u units) likely(order int) bool {
	return u.fit[order] >= 4 && u.fit[order]*4 >= u.pairs*3 && u.fit[order] > u.fit[1-order]
}
