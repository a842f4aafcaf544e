package mailauth

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// hostname is a domain name as compared and asked for: ASCII (A-labels, RFC
// 5890), lower case, without final dot; "" when d is no host name. d may be
// UTF-8 (RFC 8616 section 4).
func hostname(d string) string {
	d = strings.TrimSuffix(d, ".")
	for i := range len(d) {
		if d[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(d)
			if err != nil {
				return ""
			}
			d = ascii
			break
		}
	}
	d = strings.ToLower(d)
	if !inDNS(d) || !strings.Contains(d, ".") || strings.Trim(d, "0123456789.") == "" || !nameOctets(d) {
		return ""
	}
	return d
}

// nameOctets reports whether s is of letters, digits, "-", "_" and ".".
func nameOctets(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '_' && s[i] != '.' {
			return false
		}
	}
	return true
}

// organizational is the domain under which d was registered (RFC 7489 section
// 3.2): one label more than its public suffix, which has none and stands for
// itself.
func organizational(d string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(d)
	if err != nil {
		return d
	}
	return org
}

// aligned says whether the authenticated domain d speaks for from (RFC 7489
// section 3.1): the same, or (relaxed) of the same organization.
func aligned(d, from string, strict bool) bool {
	if d == "" || from == "" {
		return false
	}
	return d == from || !strict && organizational(d) == organizational(from)
}
