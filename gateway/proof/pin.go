package proof

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxTyped bounds what is looked at of a PIN field, in octets.
const maxTyped = 128

// Length of a PIN, in digits. Those of a sender may be longer than those that
// people choose.
const (
	minPIN = 6
	maxPIN = 32
)

// plainDigits reads a code or PIN as people type it; false for what is not 6
// to 32 digits.
func plainDigits(typed string) (string, bool) {
	s, ok := Digits(typed)
	return s, ok && len(s) >= minPIN && len(s) <= maxPIN
}

// Digits reads digits as people type them: blanks, hyphens and dots between
// them, full-width digits, the digits of other scripts. It reports false for
// what holds anything else.
func Digits(typed string) (string, bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	var b strings.Builder
	for _, r := range norm.NFKC.String(typed) {
		switch {
		case unicode.IsDigit(r):
			b.WriteByte('0' + digitValue(r))
		case unicode.IsSpace(r) || unicode.In(r, unicode.Cf) || strings.ContainsRune("-\u2010\u2011\u2012\u2013.", r):
		default:
			return "", false
		}
	}
	return b.String(), true
}

// digitValue is the value of a decimal digit of any script. Unicode lays the
// ten digits of a script (category Nd) side by side, beginning with zero, and
// lays scripts that adjoin in whole tens.
func digitValue(r rune) byte {
	for _, span := range unicode.Nd.R16 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10)
		}
	}
	for _, span := range unicode.Nd.R32 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10)
		}
	}
	return 0
}
