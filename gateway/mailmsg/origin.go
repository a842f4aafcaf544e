package mailmsg

import (
	"net/mail"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// Origin is what the header of a mail from outside says of who wrote it, when,
// and to whom, field by field: what a signature must cover.
type Origin struct {
	Froms   int // From fields
	Authors int // what stands in them as a mailbox, good or not
	// Repeated says that two readers may see two different values: Date,
	// Subject, Message-ID, To or Cc stands there twice, or what says how to read
	// the body (one field put on top of a signed one turns the body into
	// another), or the header as a whole can be read in two ways.
	Repeated bool
	Date     time.Time // zero when absent or no date (RFC 5322 section 3.3)
	To, Cc   []gateway.Address
}

// ReadOrigin reads the outermost header of raw.
func ReadOrigin(raw []byte) Origin {
	var o Origin
	block := header.Split(raw)
	o.Repeated = len(block.Odd) > 0
	seen := make(map[string]bool)
	for _, f := range block.Fields {
		name := strings.ToLower(f.Name)
		switch name {
		case "from":
			o.Froms++
			o.Authors += len(header.Mailboxes(f.Raw))
		case "to", "cc", "date", "subject", "message-id", "mime-version", "content-type", "content-transfer-encoding", "content-disposition":
			o.Repeated = o.Repeated || seen[name]
			seen[name] = true
		}
		switch name {
		case "to":
			o.To = append(o.To, mailAddresses(f.Raw)...)
		case "cc":
			o.Cc = append(o.Cc, mailAddresses(f.Raw)...)
		case "date":
			if t, err := mail.ParseDate(strings.TrimSpace(header.Unfold(f.Raw))); err == nil {
				o.Date = t
			}
		}
	}
	return o
}

// mailAddresses are the addresses of a list that are any.
func mailAddresses(raw string) []gateway.Address {
	var list []gateway.Address
	for _, m := range header.Mailboxes(raw) {
		if a, err := gateway.ParseAddress(m.Addr); err == nil && !a.IsNull() {
			list = append(list, a)
		}
	}
	return list
}

// ForeignResults says what changes when a mail from outside goes on inside: the
// Authentication-Results that claim to be ours go (RFC 8601 section 5), and
// results, a value of ours, stands on top; "" adds none. host is our
// authserv-id.
func ForeignResults(raw []byte, host, results string) []gateway.Edit {
	var edits []gateway.Edit
	if results != "" {
		edits = append(edits, gateway.Edit{Text: gateway.Sensitive("Authentication-Results: " + foldAfter(len("Authentication-Results: "), results) + "\r\n")})
	}
	for _, f := range header.Split(raw).Fields {
		if f.Is("Authentication-Results") && claims(f.Raw, host) {
			edits = append(edits, gateway.Edit{Offset: int64(f.Start), Length: int64(f.End - f.Start)})
		}
	}
	return edits
}

// claims reports whether the authserv-id of a field (RFC 8601 section 2.2) is
// host. Where it cannot be told it is: what nobody can read says nothing.
func claims(raw, host string) bool {
	s := strings.TrimLeft(header.Unfold(raw), " \t")
	for strings.HasPrefix(s, "(") { // comments may stand in front
		n := commentEnd(s)
		if n < 0 {
			return true
		}
		s = strings.TrimLeft(s[n:], " \t")
	}
	id := s
	if strings.HasPrefix(s, `"`) {
		inner, _, closed := strings.Cut(s[1:], `"`)
		if !closed || strings.Contains(inner, `\`) {
			return true
		}
		id = inner
	} else if n := strings.IndexAny(s, " \t;("); n >= 0 {
		id = s[:n]
	}
	trim := func(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }
	return trim(id) == "" || strings.EqualFold(trim(id), trim(host))
}

// commentEnd is the length of the comment that s begins with, -1 when it has
// no end.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
