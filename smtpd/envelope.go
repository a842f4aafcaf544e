package smtpd

import (
	"strings"

	"gatepost/gateway"
)

// What MAIL and RCPT can be refused for before the Backend is asked.
var (
	faultMailSyntax = gateway.NewFault(501, "5.5.4", "Syntax: MAIL FROM:<address>")
	faultRcptSyntax = gateway.NewFault(501, "5.5.4", "Syntax: RCPT TO:<address>")
	faultSender     = gateway.NewFault(501, "5.1.7", "Bad sender address syntax")
	faultRecipient  = gateway.NewFault(501, "5.1.3", "Bad recipient address syntax")
	faultNeedUTF8   = gateway.NewFault(553, "5.6.7", "Address needs SMTPUTF8, which was not asked for")
	faultParameter  = gateway.NewFault(501, "5.5.4", "Malformed parameter")
	faultUnknown    = gateway.NewFault(555, "5.5.4", "Unsupported parameter")
	faultTwice      = gateway.NewFault(501, "5.5.4", "Parameter given twice")
)

// parseMail reads what follows the verb of MAIL, RFC 5321 section 4.1.1.2. A
// declared SIZE above maxSize is refused with FaultTooLarge.
func parseMail(arg string, maxSize int64) (gateway.Submission, *gateway.Fault) {
	var sub gateway.Submission
	path, rest, ok := cutPath(arg, "FROM:")
	if !ok {
		return sub, faultMailSyntax
	}
	params, fault := parseParams(rest)
	if fault != nil {
		return sub, fault
	}
	for _, p := range params {
		if fault := mailParam(&sub, p, maxSize); fault != nil {
			return sub, fault
		}
	}
	from, err := parsePath(path)
	if err != nil {
		return sub, faultSender
	}
	if !from.IsASCII() && !sub.UTF8 {
		return sub, faultNeedUTF8
	}
	sub.From = from
	return sub, nil
}

// parseRcpt reads what follows the verb of RCPT, RFC 5321 section 4.1.1.3.
// "postmaster" alone is the postmaster of domain (section 4.5.1).
func parseRcpt(arg, domain string, utf8 bool) (gateway.Recipient, *gateway.Fault) {
	var r gateway.Recipient
	path, rest, ok := cutPath(arg, "TO:")
	if !ok {
		return r, faultRcptSyntax
	}
	if strings.EqualFold(path, "postmaster") {
		path += "@" + domain
	}
	to, err := parsePath(path)
	if err != nil || to.IsNull() {
		return r, faultRecipient
	}
	if !to.IsASCII() && !utf8 {
		return r, faultNeedUTF8
	}
	params, fault := parseParams(rest)
	if fault != nil {
		return r, fault
	}
	for _, p := range params {
		if fault := rcptParam(&r, p, utf8); fault != nil {
			return r, fault
		}
	}
	r.Address = to
	return r, nil
}

// cutPath splits "FROM:<path> parameters" behind its keyword. Blanks before
// the path and a path without brackets are accepted: old devices send them
// and there is one way to read them.
func cutPath(arg, keyword string) (path, rest string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", false
	}
	s := strings.TrimLeft(arg[len(keyword):], " ")
	bracket := strings.HasPrefix(s, "<")
	end := pathEnd(s, bracket)
	if end <= 0 {
		return "", "", false
	}
	if !bracket {
		return s[:end], s[end:], true
	}
	path, rest = s[1:end], s[end+1:]
	return path, rest, rest == "" || rest[0] == ' '
}

// pathEnd finds the ">" that ends s, or without brackets the blank; neither
// counts inside a quoted string (RFC 5321 section 4.1.2). It returns -1 when
// there is no end.
func pathEnd(s string, bracket bool) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case bracket && c == '>', !bracket && c == ' ':
			return i
		}
	}
	if quoted || bracket {
		return -1
	}
	return len(s)
}

// parsePath reads a path. The source route of RFC 5321 appendix C,
// "@a,@b:user@c", is checked and left out, as section 3.3 asks.
func parsePath(path string) (gateway.Address, error) {
	if strings.HasPrefix(path, "@") {
		route, mailbox, _ := strings.Cut(path, ":")
		for _, hop := range strings.Split(route, ",") {
			if _, err := gateway.ParseAddress("x" + hop); err != nil || hop[:1] != "@" {
				return gateway.Address{}, gateway.ErrBadAddress
			}
		}
		if path = mailbox; path == "" {
			return gateway.Address{}, gateway.ErrBadAddress
		}
	}
	return gateway.ParseAddress(path)
}
