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
