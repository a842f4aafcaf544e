package text

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"gatepost/gateway"
)

const (
	codingGSM  = 0x00
	codingUCS2 = 0x08

	maxParts = 255
	// What 140 octets of user data hold (3GPP TS 23.040 section 9.2.3.24.1),
	// in septets and UTF-16 units: whole, and beside the six octets of a
	// header with an 8-bit reference.
	wholeGSM, partGSM   = 160, 153
	wholeUCS2, partUCS2 = 70, 67
)

// Compose writes text as the segments that carry it, with ESMClass,
// DataCoding and Short filled: in the GSM 7-bit default alphabet with its
// extension if that has all characters (the national tables are read, never
// written), else in UCS-2 with surrogate pairs (UTF-16, which telephones
// understand). Line ends become LF. More than one segment means a user data
// header with an 8-bit reference, the low octet of ref. A cut falls between
// two characters as a person sees them, unless a single one fills a segment.
// ErrTooLong above 255 segments.
func (Texts) Compose(text string, ref uint16) ([]gateway.Segment, error) {
	pieces, gsm := split(clean(text))
	if len(pieces) > maxParts {
		return nil, ErrTooLong
	}
	segments := make([]gateway.Segment, len(pieces))
	for i, piece := range pieces {
		s := &segments[i]
		if len(pieces) > 1 {
			s.ESMClass = udhi
			s.Short = []byte{5, ieConcat8, 3, byte(ref), byte(len(pieces)), byte(i + 1)}
		}
		if gsm {
			s.DataCoding = codingGSM
			s.Short = appendSeptets(s.Short, piece)
		} else {
			s.DataCoding = codingUCS2
			s.Short = appendUTF16(s.Short, piece)
		}
	}
	return segments, nil
}

// Fits says how many segments Compose makes of text, and whether in the GSM
// 7-bit default alphabet. More than 255 cannot be composed.
func (Texts) Fits(text string) (segments int, gsm bool) {
	pieces, gsm := split(clean(text))
	return len(pieces), gsm
}

// clean makes text what can be written: valid UTF-8 with LF at line ends, for
// a CR alone takes a telephone back over what it has just shown, and without
// U+FFFE, which is no character but turns the order of octets around.
func clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	text = strings.ReplaceAll(text, "\uFFFE", "\uFFFD")
	if !strings.Contains(text, "\r") {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// split cuts text into what one segment each carries.
func split(text string) (pieces []string, gsm bool) {
	gsm = isGSM(text)
	cost, whole, part := unitsOf, wholeUCS2, partUCS2
	if gsm {
		cost, whole, part = septetsFor, wholeGSM, partGSM
	}
	if costs(text, cost) <= whole {
		return []string{text}, gsm
	}
	start, end, used := 0, 0, 0
	for end < len(text) {
		n := cluster(text[end:])
		c := costs(text[end:end+n], cost)
		if c > part { // one character that no segment holds: as much as fits
			_, n = utf8.DecodeRuneInString(text[end:])
			c = costs(text[end:end+n], cost)
		}
		if used+c > part {
			pieces = append(pieces, text[start:end])
			start, used = end, 0
		}
		used += c
		end += n
	}
	return append(pieces, text[start:]), gsm
}

func isGSM(text string) bool {
	for _, r := range text {
		if _, ok := septets[r]; !ok {
			return false
		}
	}
	return true
}

func costs(text string, of func(rune) int) int {
	n := 0
	for _, r := range text {
		n += of(r)
	}
	return n
}

func septetsFor(r rune) int {
	if septets[r]>>8 != 0 {
		return 2
	}
	return 1
}

func unitsOf(r rune) int { return utf16.RuneLen(r) }

func appendSeptets(dst []byte, text string) []byte {
	for _, r := range text {
		v := septets[r]
		if v>>8 != 0 {
			dst = append(dst, escape)
		}
		dst = append(dst, byte(v))
	}
	return dst
}

func appendUTF16(dst []byte, text string) []byte {
	for _, r := range text {
		if a, b := utf16.EncodeRune(r); a != utf8.RuneError {
			dst = append(dst, byte(a>>8), byte(a), byte(b>>8), byte(b))
		} else {
			dst = append(dst, byte(r>>8), byte(r))
		}
	}
	return dst
}
