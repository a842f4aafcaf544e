package text

import "unicode/utf8"

const escape = 0x1B

// page is a table of 128 characters, by septet. In a single shift table 0
// means that the table has no character there.
type page [128]rune

// defaultText is the GSM 7-bit default alphabet (3GPP TS 23.038 section
// 6.2.1), 16 characters a line.
const defaultText = "@£$¥èéùìòÇ\nØø\rÅå" +
	"Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
	" !\"#¤%&'()*+,-./" +
	"0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNO" +
	"PQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmno" +
	"pqrstuvwxyzäöñüà"

var (
	defaultPage   = lockingPage(defaultText)
	extensionPage = shiftPage("\x0A\f\x14^\x28{\x29}\x2F\\\x3C[\x3D~\x3E]\x40|\x65€")
	septets       = septetsOf(defaultPage, extensionPage)
)

// lockingPage reads 128 characters in the order of their septets.
func lockingPage(text string) *page {
	var p page
	i := 0
	for _, r := range text {
		p[i] = r
		i++
	}
	if i != len(p) {
		panic("text: a locking table does not have 128 characters")
	}
	return &p
}

// shiftPage reads pairs of a septet and its character.
func shiftPage(pairs string) *page {
	var p page
	for rest := pairs; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest[1:])
		p[rest[0]] = r
		rest = rest[1+n:]
	}
	return &p
}

// septetsOf inverts the two tables: the low octet is the septet, escaped ones
// have the escape above it.
func septetsOf(locking, shift *page) map[rune]uint16 {
	m := make(map[rune]uint16, 140)
	for i, r := range shift {
		if r != 0 {
			m[r] = escape<<8 | uint16(i)
		}
	}
	for i, r := range locking {
		if i != escape {
			m[r] = uint16(i)
		}
	}
	return m
}

// tongue is the pair of tables that a text is read with.
type tongue struct{ locking, shift *page }

var plainTongue = tongue{locking: defaultPage, shift: extensionPage}

// appendGSM decodes septets, one in the low seven bits of each octet. An
// escaped septet that has no character of its own stands for the one of the
// locking table, a second escape and one at the end for a space (section
// 6.2.1.1).
func (t tongue) appendGSM(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		c := src[i] & 0x7F
		if c != escape {
			dst = appendChar(dst, t.locking[c])
			continue
		}
		i++
		if i == len(src) || src[i]&0x7F == escape {
			dst = append(dst, ' ')
			continue
		}
		r := t.shift[src[i]&0x7F]
		if r == 0 {
			r = t.locking[src[i]&0x7F]
		}
		dst = appendChar(dst, r)
	}
	return dst
}

func appendChar(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(dst, byte(r))
	}
	return utf8.AppendRune(dst, r)
}

// unpack takes the septets out of packed octets, after fill bits (section
// 6.1.2.1), one per octet of the result.
func unpack(src []byte, fill int) []byte {
	n := (len(src)*8 - fill) / 7
	if n <= 0 {
		return nil
	}
	out := make([]byte, n)
	for i := range out {
		bit := fill + 7*i
		v := uint16(src[bit/8])
		if bit/8+1 < len(src) {
			v |= uint16(src[bit/8+1]) << 8
		}
		out[i] = byte(v>>(bit%8)) & 0x7F
	}
	return out
}
