package detect

import (
	"encoding/binary"
	"html"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// pad is how many zero octets follow a normalised text, so that words can be
// loaded eight octets at a time and loops need no length check.
const pad = 16

// Marks in normalised text that no sender's octet can produce.
const (
	unknownMark = 0x1f // a rune that says nothing here
	breakMark   = 0x1e // between characters of scripts that write no spaces
)

// normal is normalised text with a map back to code points of the original.
// Letters keep their case when they are ASCII, so that names can be told.
type normal struct {
	b    []byte // text, then pad zero octets
	n    int    // length of the text
	segs []seg
	cp   int // code points read so far

	// beyond says that the input has octets beyond ASCII.
	beyond bool

	folds *folds
	// mixed says whether the word that ends before mixedEnd of the input has
	// Latin letters or digits besides lookalikes of them.
	mixed    bool
	mixedEnd int

	references [16]reference // those met lately, by a hash of their names
	referred   bool          // some are
}

// reference is an HTML character reference between "&" and ";", at most eight octets,
// and the text that it stands for, "" where it is none.
type reference struct {
	name uint64
	n    int // octets of name; 0: free
	text string
}

// seg maps octets of b from n on, up to the next seg. With wide 0 each octet
// is one code point from cp on; else all of them came from the wide code
// points at cp.
type seg struct{ n, cp, wide int32 }

// read replaces t by the normalised form of s, whose first code point has
// number cp.
func (t *normal) read(s string, cp int) {
	t.b, t.segs, t.cp, t.mixedEnd, t.beyond = grown(t.b[:0], len(s)+pad), t.segs[:0], cp, 0, false
	held := t.b
	for i := 0; i < len(s); {
		j := plainEnd(s, i)
		if j > i {
			t.run(j - i)
			if j == i+1 {
				t.b = append(t.b, s[i]) // without a call
			} else {
				t.b = append(t.b, s[i:j]...)
			}
			i = j
		}
		if i < len(s) {
			i = t.special(s, i)
		}
		if cap(t.b) != cap(held) { // some signs stand for many letters
			clear(held[:cap(held)])
			held = t.b
		}
	}
	t.n = len(t.b)
	t.b = append(grown(t.b, pad), zeros[:]...)
}

// grown is s with room for n more. Where that moves it, what it held is wiped: it is
// text.
func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	more := slices.Grow(s, n)
	clear(s[:cap(s)])
	return more
}

var zeros [pad]byte

// runes is the number of code points of s, a piece of the input.
func (t *normal) runes(s string) int {
	if !t.beyond {
		return len(s)
	}
	return utf8.RuneCountInString(s)
}

// plainEnd is the end of the stretch of s from i on that needs no work: ASCII
// without "&" and without "=" (which may be a left-over soft line break).
func plainEnd(s string, i int) int {
	const hi, lo = 0x8080808080808080, 0x0101010101010101
	for ; i+8 <= len(s); i += 8 {
		v := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// Below the first octet that is not plain, nothing borrows.
		if found := (v | (v ^ lo*'&' - lo) | (v ^ lo*'=' - lo) | (v ^ lo*breakMark - lo)) & hi; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] < utf8.RuneSelf && s[i] != '&' && s[i] != '=' && s[i] != breakMark {
		i++
	}
	return i
}

// run notes that n octets of one code point each follow.
func (t *normal) run(n int) {
	at := int32(len(t.b))
	if k := len(t.segs); k == 0 || t.segs[k-1].wide != 0 || t.segs[k-1].cp-t.segs[k-1].n != int32(t.cp)-at {
		t.segs = append(t.segs, seg{n: at, cp: int32(t.cp)})
	}
	t.cp += n
}

// special reads one rune, entity or soft line break at i and returns what
// follows it.
func (t *normal) special(s string, i int) int {
	switch s[i] {
	case '&':
		if j, text := t.entity(s[i:]); j > 0 {
			at := len(t.b)
			for _, r := range text {
				t.fold(r, "", 0)
			}
			t.wide(at, utf8.RuneCountInString(s[i:i+j]))
			return i + j
		}
		t.one('&')
		return i + 1
	case '=':
		if j := softBreak(s[i:]); j > 0 {
			t.cp += j
			return i + j
		}
		t.one('=')
		return i + 1
	case breakMark:
		t.one(unknownMark)
		return i + 1
	}
	t.beyond = true
	r, size := decode(s, i)
	if r == utf8.RuneError && size == 1 {
		t.one(unknownMark)
		return i + 1
	}
	if (r < 0x370 || r >= 0x530) && r != 'Ʒ' && r < foldLimit {
		switch c := t.folds.to[r]; {
		case c == 0:
			t.cp++
			return i + size
		case c < utf8.RuneSelf:
			t.one(byte(c))
			return i + size
		}
	}
	at := len(t.b)
	t.fold(r, s, i)
	t.wide(at, 1)
	return i + size
}

// decode is utf8.DecodeRuneInString of s[i:], quicker for two and three octets.
func decode(s string, i int) (r rune, size int) {
	if i+2 < len(s) {
		a, b, c := rune(s[i]), rune(s[i+1])^0x80, rune(s[i+2])^0x80
		if a >= 0xc2 && a < 0xe0 && b < 0x40 {
			return a&0x1f<<6 | b, 2
		}
		if r = a&0xf<<12 | b<<6 | c; a>>4 == 0xe && b|c < 0x40 && r >= 0x800 && r>>11 != 0xd800>>11 {
			return r, 3
		}
	}
	return utf8.DecodeRuneInString(s[i:])
}

// one appends an octet that is one code point.
func (t *normal) one(c byte) {
	t.run(1)
	t.b = append(t.b, c)
}

// wide notes that the octets from at on came from n code points.
func (t *normal) wide(at, n int) {
	if len(t.b) == at {
		t.cp += n // removed
		return
	}
	if n == 1 && len(t.b) == at+1 {
		c := t.b[at]
		t.b = t.b[:at]
		t.one(c)
		return
	}
	t.segs = append(t.segs, seg{int32(at), int32(t.cp), int32(n)})
	t.cp += n
}

// entity reads an HTML character reference that survived extraction. It
// returns its length and text, or 0.
func (t *normal) entity(s string) (int, string) {
	if len(s) < 2 || s[1] != '#' && (class[s[1]] != letter || s[1] >= utf8.RuneSelf) {
		return 0, ""
	}
	for j := 2; j < len(s) && j < 10 && s[j] != '&'; j++ {
		if s[j] == ';' {
			if text := t.reference(s[:j+1]); text != "" {
				return j + 1, text
			}
			return 0, ""
		}
	}
	return 0, ""
}

// reference is the text that an HTML character reference stands for, "" where it is
// none. The same few are met again and again.
func (t *normal) reference(whole string) string {
	name, n := uint64(0), len(whole)-2
	for _, c := range []byte(whole[1 : n+1]) {
		name = name<<8 | uint64(c)
	}
	r := &t.references[name*hashKey>>60]
	if r.name == name && r.n == n {
		return r.text
	}
	text := html.UnescapeString(whole)
	if text == whole {
		text = ""
	}
	*r, t.referred = reference{name, n, text}, true
	return text
}

// forget clears what is kept of references.
func (t *normal) forget() {
	if t.referred {
		t.references, t.referred = [len(t.references)]reference{}, false
	}
}

// softBreak is the length of a quoted-printable soft line break at the start
// of s that nobody decoded, else 0.
func softBreak(s string) int {
	if len(s) > 1 && s[1] == '\n' {
		return 2
	}
	if len(s) > 2 && s[1] == '\r' && s[2] == '\n' {
		return 3
	}
	return 0
}

// fold appends what r looks like to a reader: nothing for what is invisible,
// ASCII where there is a plain counterpart, else the lower-case letter. s and
// i say where r stands, for letters that fool the eye only among Latin ones.
func (t *normal) fold(r rune, s string, i int) {
	if r < utf8.RuneSelf {
		t.b = append(t.b, byte(r))
		return
	}
	if r >= 0x370 && r < 0x530 {
		if c := t.folds.lookalike[r-0x370]; c != 0 && (c == '3' && t.besideDigit(r, s, i) || c != '3' && t.amongLatin(s, i)) {
			t.b = append(t.b, c)
			return
		}
	}
	if r == 'Ʒ' && t.besideDigit(r, s, i) {
		t.b = append(t.b, '3')
		return
	}
	t.b = t.folds.append(t.b, r)
}

// besideDigit reports whether a digit stands right before or behind r, at
// s[i:], or behind at most eight of the same.
func (t *normal) besideDigit(r rune, s string, i int) bool {
	if n := len(t.b); n > 0 && class[t.b[n-1]] == digit {
		return true
	}
	for n := 0; n < 8 && i < len(s); n++ {
		q, size := utf8.DecodeRuneInString(s[i:])
		if q != r {
			return class[s[i]] == digit
		}
		i += size
	}
	return false
}

// amongLatin reports whether the rune at s[i:] stands in a word with ASCII
// letters or digits. The answer is kept for the word, at most 32 runes of it.
func (t *normal) amongLatin(s string, i int) bool {
	if i < t.mixedEnd {
		return t.mixed
	}
	t.mixed = i > 0 && class[s[i-1]]&(letter|digit) != 0 && s[i-1] < utf8.RuneSelf ||
		i > 1 && joins(s[i-1]) && class[s[i-2]] == digit
	j := i
	for n := 0; n < 32 && j < len(s); n++ {
		r, size := utf8.DecodeRuneInString(s[j:])
		if r < utf8.RuneSelf {
			if class[r]&(letter|digit) == 0 {
				t.mixed = t.mixed || n <= 4 && joins(s[j]) && j+1 < len(s) && class[s[j+1]] == digit
				break
			}
			t.mixed = true
		}
		j += size
	}
	t.mixedEnd = j
	return t.mixed
}

// joins reports whether c stands between the letters and digits of a number.
func joins(c byte) bool { return c == ' ' || c == '-' || c == '.' }

// start is the code point of octet i.
func (t *normal) start(i int) int {
	g := t.seg(i)
	if g.wide != 0 {
		return int(g.cp)
	}
	return int(g.cp) + i - int(g.n)
}

// end is the code point after octet i-1.
func (t *normal) end(i int) int {
	g := t.seg(i - 1)
	if g.wide != 0 {
		return int(g.cp + g.wide)
	}
	return int(g.cp) + i - int(g.n)
}

// seg is the one that octet i belongs to.
func (t *normal) seg(i int) seg {
	lo, hi := 0, len(t.segs)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; int(t.segs[mid].n) <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	return t.segs[lo]
}

// load reads eight octets at i; pad makes that safe.
func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// text is the normalised form of s, for lexicons.
func (f *folds) text(s string) string {
	t := normal{folds: f}
	t.read(s, 0)
	return string(t.b[:t.n])
}
