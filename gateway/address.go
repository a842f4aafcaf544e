package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of RFC 5321 section 4.5.3.1, in octets.
const (
	maxLocal  = 64
	maxDomain = 255
)

// Address is a mailbox of RFC 5321 section 4.1.2. The local part is kept
// without quoting, the domain in lower case. The zero value is the null
// sender "<>". It redacts itself; Wire reveals it.
type Address struct {
	local  string
	domain string
}

// ErrBadAddress is returned for text that is no mailbox.
var ErrBadAddress = errors.New("malformed address")

// ParseAddress reads a mailbox as it stands between "<" and ">" in MAIL FROM
// and RCPT TO, without source route. The empty string is the null sender.
// Octets above 127 are accepted (SMTPUTF8, RFC 6531) when they are valid
// UTF-8; IsASCII tells them apart. "postmaster" alone is accepted for RCPT by
// callers, not here.
func ParseAddress(s string) (Address, error) {
	if s == "" {
		return Address{}, nil
	}
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
		return Address{}, ErrBadAddress
	}
	local, rest, err := parseLocal(s)
	if err != nil {
		return Address{}, err
	}
	domain, ok := strings.CutPrefix(rest, "@")
	if !ok || len(local) > maxLocal || len(domain) > maxDomain {
		return Address{}, ErrBadAddress
	}
	domain = fold(domain)
	if !validDomain(domain) {
		return Address{}, ErrBadAddress
	}
	return Address{local: local, domain: domain}, nil
}

// MustAddress is ParseAddress for constants and tests; it panics.
func MustAddress(s string) Address {
	a, err := ParseAddress(s)
	if err != nil {
		panic("gateway: constant is no address")
	}
	return a
}

// parseLocal splits off the local part, unquoted, and returns what follows it.
func parseLocal(s string) (local, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.LastIndexByte(s, '@')
		if i <= 0 || !validDotAtom(s[:i]) {
			return "", "", ErrBadAddress
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b.Len() == 0 {
				return "", "", ErrBadAddress
			}
			return b.String(), s[i+1:], nil
		case c == '\\':
			i++
			if i == len(s) || s[i] < ' ' || s[i] == 0x7f {
				return "", "", ErrBadAddress
			}
			b.WriteByte(s[i])
		case c < ' ' || c == 0x7f:
			return "", "", ErrBadAddress
		default:
			b.WriteByte(c)
		}
	}
	return "", "", ErrBadAddress
}

func validDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := 0; i < len(atom); i++ {
			if c := atom[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
				return false
			}
		}
	}
	return true
}

func validDomain(d string) bool {
	if inner, ok := strings.CutPrefix(d, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		inner = strings.TrimPrefix(inner, "ipv6:")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if c < 0x80 && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// IsNull reports whether a is the null sender.
func (a Address) IsNull() bool { return a == Address{} }

// Local is the local part without quoting.
func (a Address) Local() string { return a.local }

// Domain is the domain in lower case, "" for the null sender.
func (a Address) Domain() string { return a.domain }

// IsASCII reports whether a can be sent without SMTPUTF8.
func (a Address) IsASCII() bool {
	for _, s := range [...]string{a.local, a.domain} {
		for i := 0; i < len(s); i++ {
			if s[i] >= 0x80 {
				return false
			}
		}
	}
	return true
}

// Wire is the address as it stands between "<" and ">", quoted where needed;
// "" for the null sender.
func (a Address) Wire() string {
	if a.IsNull() {
		return ""
	}
	if validDotAtom(a.local) {
		return a.local + "@" + a.domain
	}
	q := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.local)
	return `"` + q + `"@` + a.domain
}

// Key is the form under which two spellings of a mailbox are the same person:
// the local part folded to lower case. (RFC 5321 lets hosts tell case apart;
// none that people use does, and a PIN must not be dodged by a capital.)
func (a Address) Key() string { return fold(a.local) + "@" + a.domain }

// fold is lower case, but for the few characters beyond ASCII whose lower case
// is a letter of ASCII, such as the Kelvin sign and the dotted capital I: who
// writes another name with one of them names somebody else.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
			return l
		}
		return r
	}, s)
}

// In reports whether the domain of a is one of domains, which are lower case.
func (a Address) In(domains []string) bool {
	for _, d := range domains {
		if a.domain == d {
			return true
		}
	}
	return false
}

// Format implements fmt.Formatter: no verb shows an address.
func (a Address) Format(f fmt.State, _ rune) { redact(f, a.IsNull(), "[address]") }

// LogValue implements slog.LogValuer.
func (a Address) LogValue() slog.Value { return slog.StringValue("[address]") }

// MarshalText implements encoding.TextMarshaler, for sealed records.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.Wire()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAddress(string(b))
	return err
}
