package mailmsg

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
)

// The actions of a delivery report (RFC 3464 section 2.3.3) that Gatepost
// composes or acts on.
const (
	ActionFailed    = "failed"
	ActionDelayed   = "delayed"
	ActionDelivered = "delivered"
	ActionRelayed   = "relayed"
	ActionExpanded  = "expanded"
)

// ReportData is everything that a delivery report says. There is no place in
// it for subject or text of the original: the sender knows them, and the way
// back may be less safe than the way out was meant to be.
type ReportData struct {
	From     gateway.Address // of the header; the envelope's sender is null
	To       gateway.Address // who sent the original
	Host     string          // the reporting MTA
	Action   string          // ActionFailed or ActionDelayed
	Language string          // BCP 47; "" is English
	Original string          // Message-ID of the original without "<>"; "" when it has none
	EnvID    gateway.Sensitive
	Arrived  time.Time
	// Application and ID are the system_id of the application that sent the
	// original as a short message, and the id that it knows it by; "" for mail.
	Application, ID string
	Recipients      []ReportedRecipient
	Now             time.Time
	Random          io.Reader
}

// ReportedRecipient is what became of one recipient.
type ReportedRecipient struct {
	Address   gateway.Address
	Requested gateway.Sensitive // ORCPT as sent: "rfc822;pat@out.example"; "" when there was none
	Outcome   gateway.Outcome   // of the last attempt; the zero value when there was none
	Until     time.Time         // delayed: when we give up; zero when not known
}

// Report composes a delivery report (RFC 3464 in the multipart/report of RFC
// 6522). Of the original it holds the Message-ID only.
func Report(d ReportData) ([]byte, error) {
	id, err := HeaderID(d.From.Domain(), d.Random)
	if err != nil {
		return nil, err
	}
	boundary, err := letters(d.Random)
	if err != nil {
		return nil, err
	}
	w := wordsFor(d.Language)
	subject := w.report.failedSubject
	if d.Action == ActionDelayed {
		subject = w.report.delayedSubject
	}
	var l letter
	l.field("From", mailbox("Mail Delivery System", d.From))
	l.field("To", mailbox("", d.To))
	l.field("Subject", encoded(subject))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", "<"+id+">")
	if original := d.original(); original != "" {
		l.field("In-Reply-To", original)
		l.field("References", original)
	}
	l.field("Auto-Submitted", "auto-replied") // RFC 3834 section 5.1
	l.field("MIME-Version", "1.0")
	l.field("Content-Type", `multipart/report; report-type=delivery-status; boundary="`+boundary+`"`)
	l.WriteString("\r\n--" + boundary + "\r\n")
	l.text("text/plain", d.prose(w))
	l.WriteString("\r\n--" + boundary + "\r\nContent-Type: message/delivery-status\r\n\r\n")
	d.status(&l)
	if original := d.original(); original != "" {
		l.WriteString("\r\n--" + boundary + "\r\nContent-Type: text/rfc822-headers\r\n\r\n")
		l.field("Message-ID", original)
	}
	l.WriteString("\r\n--" + boundary + "--\r\n")
	return l.Bytes(), nil
}

// original is the Message-ID of the original with "<>", "" when it cannot
// stand in a header.
func (d *ReportData) original() string {
	id := strings.Trim(d.Original, "<>")
	if id == "" || strings.ContainsAny(id, " \t\r\n<>") || !isSevenBit(id) {
		return ""
	}
	return "<" + id + ">"
}

// prose says it for people.
func (d *ReportData) prose(w words) string {
	var b strings.Builder
	intro := w.report.failed
	if d.Action == ActionDelayed {
		intro = w.report.delayed
	}
	b.WriteString(wrap(w.sayDay(intro, d.Arrived)) + "\n")
	if d.Application != "" {
		at := d.Arrived.Format(time.RFC3339)
		b.WriteString("\n" + wrap(fmt.Sprintf(w.report.application, w.apart(visible(d.Application)), w.apart(d.ID), w.apart(at))) + "\n")
	}
	for _, r := range d.Recipients {
		b.WriteString("\n" + r.Address.Wire() + "\n")
		switch text := visible(r.Outcome.Text.Reveal()); {
		case text != "" && r.Outcome.Host != "":
			b.WriteString(wrap("    "+fmt.Sprintf(w.report.said, w.apart(hostName(r.Outcome.Host)), w.apart(text))) + "\n")
		case text != "":
			b.WriteString(wrap("    "+w.apart(text)) + "\n")
		}
		if !r.Until.IsZero() {
			b.WriteString("    " + w.sayDay(w.report.until, r.Until) + "\n")
		}
	}
	return b.String()
}

// status writes the fields of RFC 3464 section 2.
func (d *ReportData) status(l *letter) {
	if d.EnvID != "" {
		l.field("Original-Envelope-Id", visible(d.EnvID.Reveal()))
	}
	l.field("Reporting-MTA", "dns; "+hostName(d.Host))
	l.field("Arrival-Date", formatDate(d.Arrived))
	for _, r := range d.Recipients {
		l.WriteString("\r\n")
		if kind, address, ok := strings.Cut(visible(r.Requested.Reveal()), ";"); ok {
			l.field("Original-Recipient", kind+"; "+address)
		}
		l.field("Final-Recipient", typed(r.Address))
		l.field("Action", d.Action)
		l.field("Status", statusOf(r.Outcome, d.Action))
		switch smpp := smppStatus(r.Outcome.Segments); {
		case smpp != "": // a type of our own, RFC 3464 section 2.1.2
			l.field("Diagnostic-Code", "x-smpp; "+smpp)
		case r.Outcome.Host != "" && r.Outcome.Code != 0:
			l.field("Remote-MTA", "dns; "+hostName(r.Outcome.Host))
			l.field("Diagnostic-Code", diagnostic(r.Outcome))
		}
		if !r.Outcome.At.IsZero() {
			l.field("Last-Attempt-Date", formatDate(r.Outcome.At))
		}
		if d.Action == ActionDelayed && !r.Until.IsZero() {
			l.field("Will-Retry-Until", formatDate(r.Until))
		}
	}
}

// smppStatus is what the carrier said of a short message: the state of a
// receipt, else the command_status of a refusal; "" for what was no short
// message, or was not refused by the carrier.
func smppStatus(segments []gateway.SegmentResult) string {
	for _, s := range segments {
		if s.State.Final() && s.State != gateway.StateSent {
			return strings.TrimRight(visible(string(s.State)+" "+s.Error), " ")
		}
		if !s.Sent && s.Status != 0 {
			return fmt.Sprintf("0x%08X", s.Status)
		}
	}
	return ""
}

// typed is an address with its type (RFC 6533 section 3: an address that is
// not ASCII is written in ASCII all the same).
func typed(a gateway.Address) string {
	if a.IsASCII() {
		return "rfc822; " + a.Wire()
	}
	var b strings.Builder
	b.WriteString("utf-8; ")
	for _, c := range a.Wire() {
		if c > '~' || c < '!' || c == '\\' || c == '+' || c == '=' {
			fmt.Fprintf(&b, `\x{%X}`, c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// statusOf is the enhanced status; one that contradicts the action, or is
// none, becomes the general one of the action's class.
func statusOf(o gateway.Outcome, action string) string {
	class := "5"
	if action == ActionDelayed {
		class = "4"
	}
	if !isStatus(o.Status) || o.Status[:1] != class {
		return class + ".0.0"
	}
	return o.Status
}

// isStatus reports whether s has the form of RFC 3463 section 2.
func isStatus(s string) bool {
	digits := strings.Split(s, ".")
	if len(digits) != 3 || len(digits[0]) != 1 || strings.Trim(digits[0], "245") != "" {
		return false
	}
	for _, d := range digits[1:] {
		if len(d) < 1 || len(d) > 3 || strings.Trim(d, "0123456789") != "" {
			return false
		}
	}
	return true
}

// diagnostic is the reply of the next hop as a client saw it: code, status,
// text.
func diagnostic(o gateway.Outcome) string {
	text := visible(o.Text.Reveal())
	code := fmt.Sprintf("%d", o.Code)
	if strings.HasPrefix(text, code) {
		return "smtp; " + text
	}
	return strings.TrimRight("smtp; "+code+" "+text, " ")
}

// visible makes printable ASCII of a foreign line; what is not becomes "?".
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, oneLine(s))
}
