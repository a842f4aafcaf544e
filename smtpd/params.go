package smtpd

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"gatepost/gateway"
)

// param is one parameter of MAIL or RCPT: its keyword in upper case.
type param struct{ key, value string }

// parseParams reads " KEY=value KEY …", RFC 5321 section 4.1.2.
func parseParams(s string) ([]param, *gateway.Fault) {
	var params []param
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) {
		key, value, given := strings.Cut(word, "=")
		key = strings.ToUpper(key)
		if !isKeyword(key) || given && !isValue(value) {
			return nil, faultParameter
		}
		for _, p := range params {
			if p.key == key {
				return nil, faultTwice
			}
		}
		params = append(params, param{key, value})
	}
	return params, nil
}

func isKeyword(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && (c != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}

// isValue checks an esmtp-value; RFC 6531 section 3.3 adds UTF-8 to it.
func isValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == '=' || s[i] == 0x7f {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// mailParam takes one parameter of MAIL into sub.
func mailParam(sub *gateway.Submission, p param, maxSize int64) *gateway.Fault {
	switch p.key {
	case "SIZE": // RFC 1870
		return checkSize(p.value, maxSize)
	case "BODY": // RFC 6152
		sub.EightBit = strings.EqualFold(p.value, "8BITMIME")
		if !sub.EightBit && !strings.EqualFold(p.value, "7BIT") {
			return faultUnknown
		}
	case "SMTPUTF8": // RFC 6531
		sub.UTF8 = true
		return refuseIf(p.value != "")
	case "RET": // RFC 3461 section 4.3
		sub.Return = strings.ToUpper(p.value)
		return refuseIf(sub.Return != "FULL" && sub.Return != "HDRS")
	case "ENVID": // RFC 3461 section 4.4
		id, ok := decodeXtext(p.value)
		sub.EnvID = gateway.Sensitive(id)
		return refuseIf(!ok || id == "" || len(p.value) > 100)
	case "AUTH": // RFC 4954 section 5: we trust nobody to speak for others
		_, ok := decodeXtext(p.value)
		return refuseIf(!ok || p.value == "")
	default:
		return faultUnknown
	}
	return nil
}

func refuseIf(bad bool) *gateway.Fault {
	if bad {
		return faultParameter
	}
	return nil
}

// checkSize reads SIZE, RFC 1870 section 4: up to 20 digits, 0 for unknown.
func checkSize(value string, maxSize int64) *gateway.Fault {
	n, ok := parseOctets(value)
	if !ok {
		return faultParameter
	}
	if n > maxSize {
		return gateway.FaultTooLarge
	}
	return nil
}

// parseOctets reads 1 to 20 digits. What an int64 cannot hold is its largest
// value, which is above every limit.
func parseOctets(s string) (int64, bool) {
	if s == "" || len(s) > 20 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// rcptParam takes one parameter of RCPT into r.
func rcptParam(r *gateway.Recipient, p param, utf8 bool) *gateway.Fault {
	switch p.key {
	case "NOTIFY": // RFC 3461 section 4.1
		r.Notify = strings.ToUpper(p.value)
		return refuseIf(!isNotify(r.Notify))
	case "ORCPT": // RFC 3461 section 4.2
		r.Original = p.value
		return refuseIf(!isOriginal(p.value, utf8))
	default:
		return faultUnknown
	}
}

// isNotify checks NEVER, or a list of the others without repetition.
func isNotify(s string) bool {
	if s == "NEVER" {
		return true
	}
	seen := ""
	for _, word := range strings.Split(s, ",") {
		if word != "SUCCESS" && word != "FAILURE" && word != "DELAY" || strings.Contains(seen, word) {
			return false
		}
		seen += word
	}
	return true
}

// isOriginal checks ORCPT: an address type and an address in xtext, or for
// the type utf-8 in the forms of RFC 6533 section 3. What it hides behind
// its encoding must be printable too, since it will stand in a report.
func isOriginal(s string, utf8 bool) bool {
	kind, addr, ok := strings.Cut(s, ";")
	if !ok || !isKeyword(strings.ToUpper(kind)) || addr == "" || len(s) > 500 {
		return false
	}
	if !strings.EqualFold(kind, "utf-8") {
		_, ok := decodeXtext(addr)
		return ok
	}
	return isUTF8Xtext(addr, utf8)
}

// decodeXtext decodes xtext, RFC 3461 section 4, and refuses what decodes to
// anything but printable ASCII: a line break here would be a header line in
// the report that quotes it.
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			c = byte(hi<<4 | lo)
			i += 2
		}
		if c < ' ' || c > '~' {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// isUTF8Xtext checks utf-8-addr-xtext, and with raw also utf-8-addr-unitext:
// printable characters, others as \x{HEX}.
func isUTF8Xtext(s string, raw bool) bool {
	for s != "" {
		if rest, ok := strings.CutPrefix(s, `\x{`); ok {
			hex, tail, ok := strings.Cut(rest, "}")
			n, err := strconv.ParseUint(hex, 16, 32)
			if !ok || err != nil || len(hex) > 6 || !printable(rune(n)) {
				return false
			}
			s = tail
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError || r == '\\' || r == '+' || !printable(r) || r > '~' && !raw {
			return false
		}
		s = s[size:]
	}
	return true
}

func printable(r rune) bool {
	return r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) && r != '\u2028' && r != '\u2029' && utf8.ValidRune(r)
}
