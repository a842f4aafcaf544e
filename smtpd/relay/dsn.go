package relay

import (
	"fmt"
	"strings"

	"gatepost/gateway"
)

// mailDSN is RET and ENVID of RFC 3461 section 4.3 and 4.4.
func mailDSN(tx *Transaction) string {
	s := ""
	if ret := strings.ToUpper(tx.Return); ret == "FULL" || ret == "HDRS" {
		s = " RET=" + ret
	}
	if id := tx.EnvID.Reveal(); id != "" {
		s += " ENVID=" + xtext(id)
	}
	return s
}

// rcptLine is RCPT with NOTIFY and ORCPT of RFC 3461 section 4.1 and 4.2.
// Parameters that are not well-formed are left out: they came from a stranger
// and must not become commands.
func rcptLine(r gateway.Recipient, dsn bool) string {
	line := "RCPT TO:<" + r.Address.Wire() + ">"
	if dsn && r.Notify != "" && isParameter(r.Notify) {
		line += " NOTIFY=" + strings.ToUpper(r.Notify)
	}
	if dsn && r.Original != "" && isParameter(r.Original) {
		line += " ORCPT=" + r.Original
	}
	return line + "\r\n"
}

// isParameter checks esmtp-value of RFC 5321 section 4.1.2, with its "=" as
// ORCPT needs it.
func isParameter(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) <= 500
}

// xtext encodes as in RFC 3461 section 4.
func xtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
