package document

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

const (
	minSpaced  = 4  // letters that make a word
	minWord    = 4  // characters of a disguised word
	maxWord    = 24 // longer ones are no words
	wordBefore = 32 // octets that are given before a word
	maxRespelt = 256 << 10
)

// Respelled returns the words of text that are written as c4nc3r, c*ncer or
// c a n c e r, or go on behind a hyphen on the next line, one a line with a little of what stands before it; "" when there
// are none. Whether they are words at all, detection knows: what is none finds
// nothing. whole is false where there are more than are given.
func Respelled(text string) (words string, whole bool) {
	var b strings.Builder
	for at := 0; at < len(text); {
		if b.Len() > maxRespelt {
			return b.String(), false
		}
		if signs[text[at]]&(signLetter|signDigit) == 0 {
			at++
			continue
		}
		n, seen := wordLength(text[at:])
		switch {
		case n == 1:
			if spaced, end := joinedLetters(text[at:]); end > 0 {
				respell(&b, text[:at], spaced)
				n = end
			}
		case n >= minWord && n <= maxWord && seen != signLetter:
			undisguise(&b, text[:at], text[at:at+n])
		}
		if at+n < len(text) && text[at+n] == '-' {
			if rest := hyphenated(text[at+n:]); rest != "" && n > 1 && n+len(rest) <= maxWord {
				respell(&b, text[:at], text[at:at+n]+rest)
			}
		}
		at += n
	}
	return b.String(), true
}

// Kinds of characters that words consist of.
const (
	signLetter = 1 << iota
	signDigit
	signOther // that may stand for a letter, or is no ASCII
)

var signs = signTable()

func signTable() (t [256]uint8) {
	for c := range t {
		switch {
		case isLetter(byte(c)):
			t[c] = signLetter
		case c >= '0' && c <= '9':
			t[c] = signDigit
		case c >= utf8.RuneSelf || strings.IndexByte("*@$!#", byte(c)) >= 0:
			t[c] = signOther
		}
	}
	return t
}

// wordish reports whether a character may stand for a letter within a word.
func wordish(c byte) bool { return signs[c] != 0 }

// wordLength is the length of the word that text begins with, and of which
// characters it consists. Letters, which most are, are read eight at a time.
func wordLength(text string) (n int, seen uint8) {
	for {
		if letters := lettersAt(text, n); letters > n {
			n, seen = letters, seen|signLetter
		}
		if n == len(text) || signs[text[n]] == 0 {
			return n, seen
		}
		seen |= signs[text[n]]
		n++
	}
}

// lettersAt is the end of the letters of text from n on, or a place among the
// last eight octets of text.
func lettersAt(text string, n int) int {
	for ; n+8 <= len(text); n += 8 {
		s := text[n : n+8]
		if ends := notLetters(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56); ends != 0 {
			return n + bits.TrailingZeros64(ends)/8
		}
	}
	return n
}

// notLetters marks, by their highest bits, which of the eight octets of v are
// no letters of ASCII.
func notLetters(v uint64) uint64 {
	const octets = 0x0101010101010101
	x := v&(0x7f*octets) | 0x20*octets
	return ^((x + (0x80-'a')*octets) &^ (x + (0x7f-'z')*octets) &^ v) & (0x80 * octets)
}

func respell(b *strings.Builder, before, word string) {
	before = before[max(0, len(before)-wordBefore):]
	before = before[strings.LastIndexAny(before, "\n.!?;")+1:]
	if i := strings.IndexByte(before, ' '); i >= 0 && len(before) == wordBefore {
		before = before[i:] // not from within a word
	}
	b.WriteString(strings.ToValidUTF8(before, "") + word + "\n")
}

// joinedLetters joins single letters that all have the same signs between them.
func joinedLetters(text string) (word string, end int) {
	if len(text) < 2*minSpaced-1 || !isLetter(text[0]) || strings.IndexByte(" \t\n.-_*/|~", text[1]) < 0 {
		return "", 0
	}
	n := 2
	for n < 4 && text[n] == text[1] {
		n++
	}
	between, letters := text[1:n], []byte{text[0]}
	for at := 1; ; at += n {
		rest, ok := strings.CutPrefix(text[at:], between)
		if !ok || rest == "" || !isLetter(rest[0]) || len(rest) > 1 && wordish(rest[1]) || len(letters) >= 2*maxWord {
			break
		}
		letters, end = append(letters, rest[0]), at+n
	}
	if len(letters) < minSpaced {
		return "", 0
	}
	return string(letters), end
}

// hyphenated is the other half of a word whose first half text follows, "" when
// it does not go on on the next line.
func hyphenated(text string) string {
	rest, ok := strings.CutPrefix(text, "-\n")
	if !ok {
		return ""
	}
	n := 0
	for n < len(rest) && n <= maxWord && isLetter(rest[n]) {
		n++
	}
	return rest[:n]
}

// undisguise writes what a word of letters and a few other signs may mean.
func undisguise(b *strings.Builder, before, word string) {
	letters, signs, stars := 0, 0, 0
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case isLetter(c):
			letters++
		case c >= utf8.RuneSelf:
			return
		case i == 0 || i == len(word)-1 || !isLetter(word[i-1]) && !isLetter(word[i+1]) || disguised(c) == 0 && c != '*' && c != '#':
			return
		case c == '*' || c == '#':
			stars++
		default:
			signs++
		}
	}
	if letters <= signs+stars || stars > 1 || signs+stars == 0 {
		return
	}
	plain := strings.Map(func(r rune) rune {
		if c := disguised(byte(r)); c != 0 {
			return c
		}
		return r
	}, word)
	if stars == 0 {
		respell(b, before, plain)
		return
	}
	for _, vowel := range [...]string{"a", "e", "i", "o", "u"} {
		respell(b, before, strings.NewReplacer("*", vowel, "#", vowel).Replace(plain))
	}
}

// disguised is the letter that a sign stands for, 0 for none.
func disguised(c byte) rune {
	switch c {
	case '0':
		return 'o'
	case '1', '!':
		return 'i'
	case '3':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7':
		return 't'
	}
	return 0
}
