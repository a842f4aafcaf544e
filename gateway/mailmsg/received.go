package mailmsg

import (
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// dateTime is the date-time of RFC 5322 section 3.3.
const dateTime = "Mon, 02 Jan 2006 15:04:05 -0700"

// Received is the trace field (RFC 5321 section 4.4) that a message gets when
// it leaves, with its line end. host is this gateway; comment may be "". It
// names no recipient, because a message may have several.
func Received(m *gateway.Message, host, comment string) string {
	var b strings.Builder
	b.WriteString("Received: from ")
	b.WriteString(hostName(m.Peer.Helo))
	if a := m.Peer.Addr.Addr().Unmap(); a.Is6() {
		b.WriteString(" ([IPv6:" + a.WithZone("").String() + "])")
	} else if a.IsValid() {
		b.WriteString(" ([" + a.String() + "])")
	}
	b.WriteString("\r\n\tby " + hostName(host) + " (Gatepost) with " + protocol(m) + "\r\n\tid " + m.ID.String())
	if comment = commentText(comment); comment != "" {
		b.WriteString(" (" + comment + ")")
	}
	b.WriteString(";\r\n\t" + m.Accepted.UTC().Format(dateTime) + "\r\n")
	return b.String()
}

// protocol is the "with" of RFC 3848 and RFC 6531 section 4.3.
func protocol(m *gateway.Message) string {
	p := "ESMTP"
	if m.UTF8 {
		p = "UTF8SMTP"
	}
	if m.Peer.TLS != "" {
		p += "S"
	}
	if m.Peer.Account != "" {
		p += "A"
	}
	return p
}

// hostName keeps what a foreign name may hold: it cannot end the field nor
// open a comment.
func hostName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._:[]", c) {
			return c
		}
		return -1
	}, s)
	if s == "" {
		return "unknown"
	}
	return s[:min(len(s), 255)]
}

func commentText(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || strings.ContainsRune(`()\;`, c) {
			return -1
		}
		return c
	}, s)
}

// CountReceived counts the trace fields of a message: how many hops it took.
func CountReceived(raw []byte) int {
	n := 0
	for _, f := range header.Split(raw).Fields {
		if f.Is("Received") {
			n++
		}
	}
	return n
}

// hopsField counts, in a notice, the hops of the message for which it stands: a
// notice is a new message, and without it two gateways that hand everything to
// each other would secure each other's notices for ever.
const hopsField = "Gatepost-Hops"

// Hops is how many hops a message took, with those of what it stands for. A
// count that is none is taken for 0.
func Hops(r *gateway.Reading) int {
	n := 0
	for _, f := range r.Fields {
		switch {
		case strings.EqualFold(f.Name, "Received"):
			n++
		case strings.EqualFold(f.Name, hopsField):
			count, err := strconv.ParseUint(strings.TrimSpace(f.Value.Reveal()), 10, 16)
			if err == nil {
				n += int(count)
			}
		}
	}
	return n
}

// formatDate is a time as the Date field holds it.
func formatDate(t time.Time) string { return t.Format(dateTime) }
