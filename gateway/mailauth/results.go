package mailauth

import (
	"bytes"
	"strings"

	"gatepost/gateway"
)

// Results is the value of an Authentication-Results field (RFC 8601) in which
// host says what a holds. It is one line of printable ASCII without line ends;
// it may be folded at each of its spaces, and has to be when the field shall
// stay within 998 octets (RFC 5322 section 2.1.1).
func Results(host string, a *gateway.Authentication) string {
	var b strings.Builder
	b.WriteString(host)
	for _, s := range a.Signatures {
		writeMethod(&b, "dkim", s.Result, comment(&s), [][2]string{{"header.d", s.Domain}, {"header.s", s.Selector}, {"header.a", s.Algorithm}})
	}
	if len(a.Signatures) == 0 {
		writeMethod(&b, "dkim", gateway.AuthNone, "", nil)
	}
	writeMethod(&b, "spf", a.SPF, "", [][2]string{{"smtp.mailfrom", a.SPFDomain}})
	policy := ""
	if a.Policy != "" {
		policy = "p=" + a.Policy
	}
	writeMethod(&b, "dmarc", a.DMARC, policy, [][2]string{{"header.from", a.Domain}})
	return b.String()
}

// comment is what a reader should know of a signature beside its result.
func comment(s *gateway.Signature) string {
	switch {
	case s.Reason != "":
		return s.Reason
	case s.Partial:
		return "only a part of the body is signed"
	case s.Bits > 0 && s.Bits < minBits:
		return "weak key"
	}
	return ""
}

// writeMethod writes one result. The values of properties are host names,
// selectors and algorithms that Verify let through; anything else is left out.
func writeMethod(b *strings.Builder, method string, result gateway.AuthResult, comment string, properties [][2]string) {
	if result == "" {
		result = gateway.AuthNone
	}
	b.WriteString("; " + method + "=" + string(result))
	if comment != "" {
		b.WriteString(" (" + comment + ")")
	}
	for _, p := range properties {
		if p[1] != "" && nameOctets(p[1]) {
			b.WriteString(" " + p[0] + "=" + p[1])
		}
	}
}

// Stamp are the edits with which raw, a mail from outside, goes on inside: on top
// stands a field in which host says what a holds, and what others say in its
// name goes.
func Stamp(raw []byte, host string, a *gateway.Authentication) []gateway.Edit {
	field := fold("Authentication-Results: " + Results(host, a))
	return append([]gateway.Edit{{Text: gateway.Sensitive(field)}}, ForeignResults(raw, host)...)
}

// fold breaks a field at its spaces into lines of 78 octets (RFC 5322 section
// 2.1.1), where its words allow, and ends it.
func fold(field string) string {
	var b strings.Builder
	used := 0
	for word := range strings.SplitSeq(field, " ") {
		switch {
		case b.Len() == 0:
		case used+1+len(word) > 78:
			b.WriteString("\r\n ")
			used = 1
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String() + "\r\n"
}

// ForeignResults are the edits that take out of raw each
// Authentication-Results field which claims to be from host, whoever wrote it
// (RFC 8601 section 5), and those of which it cannot be told. They are in order
// and do not overlap.
func ForeignResults(raw []byte, host string) []gateway.Edit {
	var edits []gateway.Edit
	end := 0
	for at := 0; at < len(raw) && !bytes.HasPrefix(raw[at:], []byte("\r\n")); at = end {
		end = fieldEnd(raw, at)
		name, value, ok := bytes.Cut(raw[at:end], []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimRight(name, " \t"), []byte("Authentication-Results")) {
			continue
		}
		if id, ok := servID(string(value)); !ok || sameHost(id, host) {
			edits = append(edits, gateway.Edit{Offset: int64(at), Length: int64(end - at)})
		}
	}
	return edits
}

// fieldEnd is where the field that begins at an offset of raw ends, with its
// folding.
func fieldEnd(raw []byte, at int) int {
	for {
		line, _ := nextLine(raw[at:])
		if at += len(line); at == len(raw) || raw[at] != ' ' && raw[at] != '\t' {
			return at
		}
	}
}

func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// servID reads the authserv-id at the beginning of a value (RFC 8601 section
// 2.2): a token or a quoted string behind white space and comments. ok is false
// when there is none to be read with certainty.
func servID(value string) (id string, ok bool) {
	rest, ok := skipComments(value)
	if !ok || rest == "" {
		return "", false
	}
	if rest[0] != '"' {
		n := strings.IndexAny(rest, fws+`;()"`)
		if n < 0 {
			n = len(rest)
		}
		return rest[:n], n > 0 && (n == len(rest) || rest[n] != '"')
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '"':
			return strings.Trim(b.String(), fws), true
		case '\\':
			if i++; i < len(rest) {
				b.WriteByte(rest[i])
			}
		case '\r', '\n': // folding
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// skipComments drops the white space and comments (RFC 5322 section 3.2.2) in
// front of s; ok is false when a comment does not end.
func skipComments(s string) (rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth > 0 && c == '\\':
			i++
		case depth == 0 && !strings.ContainsRune(fws, rune(c)):
			return s[i:], true
		}
	}
	return "", depth == 0
}
