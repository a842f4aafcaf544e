package smsmsg

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Octets and characters of a segment (3GPP TS 23.038 section 6, 3GPP TS 23.040
// section 9.2.3.24.1): alone, and as one of several.
const (
	oneGSM, partGSM   = 160, 153
	oneUCS2, partUCS2 = 70, 67
)

// fit puts the name before a text and shortens it until both fit one segment,
// or so many where the text needs characters beyond the default alphabet.
// What does not fit without a name is as long as it is.
func (w *words) fit(brand, text string, wide int) string {
	brand = shorten(clean(brand), oneGSM)
	for {
		whole := w.prefix(brand) + text
		if brand == "" || one(whole) || wide > 1 && !isGSM(whole) && utf16Len(whole) <= wide*partUCS2 {
			return whole
		}
		n := utf8.RuneCountInString(brand) - 1
		if brand = shorten(brand, n); n < shortest {
			brand = ""
		}
	}
}

// prefix is how a text begins that a name goes before.
func (w *words) prefix(brand string) string {
	if brand == "" {
		return ""
	}
	return say(w.from, brand)
}

// say fills the one gap of a text.
func say(text, value string) string { return strings.Replace(text, "%s", value, 1) }

// shorten cuts a name to n characters.
func shorten(name string, n int) string {
	if r := []rune(name); len(r) > n {
		name = string(r[:n])
	}
	return strings.TrimRight(name, " ,;:-&/(")
}

// one reports whether a text is one segment.
func one(text string) bool {
	if n, ok := septets(text); ok {
		return n <= oneGSM
	}
	return utf16Len(text) <= oneUCS2
}

func utf16Len(text string) (n int) {
	for _, r := range text {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// basic is the default alphabet of 3GPP TS 23.038 section 6.2.1, extension its
// table of section 6.2.1.1, whose characters take two septets.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

func isGSM(text string) bool { _, ok := septets(text); return ok }

func septets(text string) (n int, ok bool) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			n++
		case strings.ContainsRune(extension, r):
			n += 2
		default:
			return 0, false
		}
	}
	return n, true
}

// clean makes one line of a name and spells it in the default alphabet where
// that leaves it readable: accents that the alphabet lacks, quotes and dashes.
func clean(name string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(name) {
		switch plain, ok := plainer(r); {
		case strings.ContainsRune(basic, r) && r >= ' ', strings.ContainsRune(extension, r) && r >= ' ':
			b.WriteRune(r)
		case unicode.IsSpace(r), unicode.IsControl(r):
			b.WriteByte(' ')
		case !unicode.IsPrint(r): // marks of direction, zero width
		case ok:
			b.WriteString(plain)
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// plainer is a character of the default alphabet that says the same.
func plainer(r rune) (string, bool) {
	const other = "’'‘'‚'‛'“\"”\"„\"«\"»\"‐-‑-‒-–-—-−-•*łlŁLđdĐDıi`'"
	for i, rs := 0, []rune(other); i < len(rs); i += 2 {
		if rs[i] == r {
			return string(rs[i+1]), true
		}
	}
	switch r {
	case 'œ':
		return "oe", true
	case 'Œ':
		return "OE", true
	case '…':
		return "...", true
	}
	first, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r)))
	return string(first), first != r && strings.ContainsRune(basic, first)
}

// digits is the length of the longest run of digits.
func digits(text string) (longest int) {
	n := 0
	for _, r := range text {
		if n++; !unicode.IsDigit(r) {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
