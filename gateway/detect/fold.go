package detect

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folds says for each rune below limit what it looks like. It is built once
// per Detector and then only read.
type folds struct {
	// to holds 0 for what goes away, an ASCII octet or a lower-case letter for
	// what is replaced, and manyBase+i for what becomes many[i].
	to        []uint16
	many      []string
	lookalike [0x530 - 0x370]byte
}

const (
	foldLimit = 0x20000
	manyBase  = 0xd800 // surrogates, which no text holds
	manyMax   = 0x800
)

func newFolds() *folds {
	f := &folds{to: make([]uint16, foldLimit)}
	for r := rune(utf8.RuneSelf); r < foldLimit; r++ {
		f.to[r] = f.target(r)
	}
	const capitals, letters = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "abcdefghijklmnopqrstuvwyzBPDTGKJCZFMNLSRVHWXYAEIOU"
	n := 0
	for _, r := range capitals {
		f.to[r] = uint16(letters[n])
		n++
	}
	f.disguises()
	return f
}

// disguises notes the Cyrillic and Greek letters that look like Latin ones, and
// one that looks like a digit.
func (f *folds) disguises() {
	const from = "АВЕЅІЈКМНОРСТУХавеѕіјкмнорстухԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεητικνορυχωЗз"
	const to = "ABESIJKMHOPCTYXabesijkmhopctyxdqwhABEZHIKMNOPTYXaentikvopuxw33"
	n := 0
	for _, r := range from {
		f.lookalike[r-0x370] = to[n]
		n++
	}
}

// target computes one entry of the table.
func (f *folds) target(r rune) uint16 {
	if c, ok := plain(r); ok {
		return uint16(c)
	}
	if d, ok := digitValue(r); ok {
		return uint16('0' + d)
	}
	if unicode.Is(unicode.Me, r) {
		return 0 // circles and signs around the character before
	}
	if unicode.Is(unicode.Hangul, r) {
		return letterOr(r, r)
	}
	base, text := r, ""
	for _, q := range string(norm.NFKD.PropertiesString(string(r)).Decomposition()) {
		if q == r || unicode.Is(unicode.Mn, q) {
			continue
		}
		if c, ok := plain(q); ok {
			q = rune(c)
		}
		base, text = q, text+string(q)
	}
	if utf8.RuneCountInString(text) < 2 {
		return letterOr(base, r)
	}
	if !isASCII(text) || len(text) > 8 || len(f.many) == manyMax {
		return unknownMark
	}
	f.many = append(f.many, text)
	return uint16(manyBase + len(f.many) - 1)
}

// letterOr is what a single rune becomes that was r before decomposition.
func letterOr(q, r rune) uint16 {
	switch {
	case q < utf8.RuneSelf:
		return uint16(q)
	case unicode.IsLetter(q) && unicode.ToLower(q) < manyBase:
		return uint16(unicode.ToLower(q))
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r):
		return 0
	case unicode.IsSpace(r):
		return ' '
	}
	return unknownMark
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// append adds what r looks like to b.
func (f *folds) append(b []byte, r rune) []byte {
	if r >= foldLimit {
		if r >= 0xe0000 {
			return b // tags and variation selectors
		}
		return append(utf8.AppendRune(b, r), breakMark) // ideographs
	}
	c := rune(f.to[r])
	switch {
	case c == 0:
		return b
	case c < utf8.RuneSelf:
		return append(b, byte(c))
	case c >= manyBase && c < manyBase+manyMax:
		return append(b, f.many[c-manyBase]...)
	}
	b = utf8.AppendRune(b, c)
	if c >= 0x2e80 && c < 0xa000 || c >= 0xe00 && c < 0xe80 || c >= 0xf900 && c < 0xfb00 {
		b = append(b, breakMark)
	}
	return b
}

// plain maps runes that have one obvious ASCII counterpart; 0 means that the
// rune is invisible and goes away.
func plain(r rune) (c byte, ok bool) {
	switch {
	case r == 0xa0, r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000, r == 0x1680, r == 0x2800:
		return ' ', true
	case r == 0x85, r == 0x2028, r == 0x2029:
		return '\n', true
	case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r == 0xfeff, r == 0x34f, r == 0x61c, r == 0x180e, r == 0x115f, r == 0x1160, r == 0x3164,
		r >= 0x300 && r <= 0x36f, r >= 0xfe00 && r <= 0xfe0f, r == 0x20e3, r >= 0xe0000 && r <= 0xe01ef:
		return 0, true
	case r >= 0x2010 && r <= 0x2015, r == 0x2043, r == 0x2212, r == 0xfe58, r == 0xfe63, r == 0x2500, r == 0x2501,
		r == 0x2d7, r == 0x2796, r == 0x2e3a, r == 0x2e3b:
		return '-', true
	case r >= 0x2018 && r <= 0x201b, r == 0x2032, r == 0xb4, r == 0x2bc:
		return '\'', true
	case r >= 0x201c && r <= 0x201f, r == 0x2033, r == 0xab, r == 0xbb:
		return '"', true
	case r == 0x2022, r == 0xb7, r == 0x2027, r == 0x3002, r == 0x2219, r == 0x22c5:
		return '.', true
	case r == 0x2044, r == 0x2215:
		return '/', true
	case r == 0x2236, r == 0xa789:
		return ':', true
	case r >= 0xff01 && r <= 0xff5e:
		return byte(r - 0xfee0), true
	case r == 0x301c:
		return '~', true
	case r >= 0xf020 && r <= 0xf07e: // where Symbol fonts have ASCII
		return byte(r - 0xf000), true
	case r >= 0x24f5 && r <= 0x24fd:
		return byte('1' + r - 0x24f5), true
	case r >= 0x2776 && r <= 0x277e:
		return byte('1' + r - 0x2776), true
	case r >= 0x2780 && r <= 0x2788:
		return byte('1' + r - 0x2780), true
	case r >= 0x278a && r <= 0x2792:
		return byte('1' + r - 0x278a), true
	case r == 0x24ff:
		return '0', true
	}
	return latin(r)
}

// latin maps letters that NFKD does not take apart.
func latin(r rune) (byte, bool) {
	switch r {
	case 'ł':
		return 'l', true
	case 'Ł':
		return 'L', true
	case 'ø':
		return 'o', true
	case 'Ø':
		return 'O', true
	case 'đ', 'ð':
		return 'd', true
	case 'Đ', 'Ð':
		return 'D', true
	case 'ı':
		return 'i', true
	case 'æ':
		return 'a', true
	case 'œ':
		return 'o', true
	case 'ß':
		return 's', true
	}
	return 0, false
}

// digitValue is the value of a decimal digit of any script. The digits of a
// script are ten code points in order, and their ranges begin with zero.
func digitValue(r rune) (byte, bool) {
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, g := range unicode.Nd.R16 {
		if rune(g.Lo) <= r && r <= rune(g.Hi) {
			return byte((r - rune(g.Lo)) % 10), true
		}
	}
	for _, g := range unicode.Nd.R32 {
		if rune(g.Lo) <= r && r <= rune(g.Hi) {
			return byte((r - rune(g.Lo)) % 10), true
		}
	}
	return 0, false
}
