package flow

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"gatepost/gateway"
)

// headRecipients bounds the recipients of whom a listed message tells.
const headRecipients = 20

// rfc5322Date is how RFC 5322 section 3.3 writes a time.
const rfc5322Date = "02 Jan 2006 15:04:05 -0700"

func messageLine(id gateway.MessageID) string { return "X-Gatepost-Message: " + id.String() + "\r\n" }

// sentHead is what stands before a secured message: how it stands with each
// recipient. Words after a time are like those of RFC 8601: name=value.
func (f *Flow) sentHead(m *gateway.Message, all []fate) string {
	var b, references strings.Builder
	b.WriteString("X-Gatepost-Status: " + strings.ToLower(strings.TrimPrefix(stateFolder(all).String(), "Secured/")))
	for i := range all[:min(len(all), headRecipients)] {
		x := &all[i]
		b.WriteString(";\r\n " + headAddress(x.envelope.Recipient) + " " + x.state)
		if !x.at.IsZero() {
			b.WriteString(" " + x.at.In(f.set().zone()).Format(rfc5322Date))
		}
		if x.state == fateOpened || x.state == fateAnswered {
			b.WriteString(readBy(x.envelope))
		}
		if x.reference == "" {
			continue
		}
		if references.Len() > 0 {
			references.WriteString(",\r\n ")
		}
		references.WriteString(x.reference)
	}
	if more := len(all) - headRecipients; more > 0 {
		fmt.Fprintf(&b, ";\r\n and %d more", more)
	}
	b.WriteString("\r\n")
	if references.Len() > 0 {
		b.WriteString("X-Gatepost-Reference: " + references.String() + "\r\n")
	}
	return b.String() + messageLine(m.ID) + f.shortHead(m, all[0].envelope)
}

// shortHead is what the body of a short message lacks of a mail.
func (f *Flow) shortHead(m *gateway.Message, e *gateway.Envelope) string {
	if m.Channel != gateway.SMS {
		return ""
	}
	set, to := f.set(), ""
	if e.Recipient.IsPhone() && set.SMS != nil {
		to = "To: <" + e.Recipient.Local() + "@" + set.SMS.Domain + ">\r\n"
	}
	return "From: " + headMailbox(m.From) + "\r\n" + to + "Subject: SMS\r\nMessage-ID: <" + strings.ToLower(m.ID.String()) + "@" + set.ReplyDomain + ">\r\n"
}

// readBy says how the first reader had proven themselves, and what they seemed
// to read with.
func readBy(e *gateway.Envelope) string {
	if e.Opened.IsZero() {
		return "" // answered by mail or SMS
	}
	reader := "person"
	if e.OpenedByMachine {
		reader = "program"
	}
	how := ""
	if e.OpenedBy != "" {
		how = " proof=" + string(e.OpenedBy)
	}
	return how + " reader=" + reader
}

// heldHead is what stands before a held message: what waits, and why.
func (f *Flow) heldHead(s *subject) string {
	var b strings.Builder
	b.WriteString("X-Gatepost-Status: held")
	n := 0
	for i := range s.copies {
		e := &s.copies[i]
		if !reviewable(*e) {
			continue
		}
		if n++; n > headRecipients {
			continue
		}
		b.WriteString(";\r\n " + headAddress(e.Recipient) + " envelope=" + e.ID.String() + "\r\n  hold=" + e.Hold)
		for _, r := range e.Rules {
			b.WriteString("\r\n  rule=" + headWord(r))
		}
		if wantsReason(s.message, e) {
			b.WriteString("\r\n  reason=required")
		}
	}
	if n > headRecipients {
		fmt.Fprintf(&b, ";\r\n and %d more", n-headRecipients)
	}
	if a := s.asked; a != nil {
		b.WriteString(";\r\n waits for the reason of " + headAddress(a.By) + "\r\n  asked " + a.At.In(f.set().zone()).Format(rfc5322Date))
	}
	return b.String() + "\r\n" + messageLine(s.message.ID) + f.shortHead(s.message, &s.copies[0])
}

// headAddress is an address as it can stand in a header that has only ASCII.
func headAddress(a gateway.Address) string {
	if a.IsNull() {
		return "<erased>"
	}
	text := shownTo(a)
	if a.IsASCII() {
		return "<" + text + ">"
	}
	return mime.QEncoding.Encode("utf-8", text)
}

func headWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == ';' {
			return '_'
		}
		return r
	}, s[:min(len(s), 64)])
}

// stub is what stands in place of a message that is gone: what it was, and to
// whom, and nothing that it said.
func (f *Flow) stub(o folderOwner, m *gateway.Message, folder gateway.Folder) gateway.Sensitive {
	zone := f.set().zone()
	what, why := "This message", "The time for which it was to be kept is over."
	switch o.kind {
	case ownSent:
		what = "A message that you sent secured"
	case ownAnswer:
		what = "An answer to you"
	}
	if folder == gateway.FolderRecalled {
		why = "It was taken back from everybody."
	} else if f.Now().Before(m.Retain) {
		why = "It was erased."
	}
	from, to := o.address, ""
	if o.kind == ownAnswer {
		from, to = f.set().notices(), "To: "+headMailbox(o.address)+"\r\n"
	}
	return gateway.Sensitive("From: " + headMailbox(from) + "\r\n" + to + "Date: " + m.Accepted.In(zone).Format(time.RFC1123Z) + "\r\n" +
		"Subject: (gone)\r\nMessage-ID: <gone." + strings.ToLower(m.ID.String()) + "@" + f.set().ReplyDomain + ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" +
		what + " on " + m.Accepted.In(zone).Format("2 January 2006, 15:04") + ",\r\nis gone. " + why + "\r\n\r\nIts number in the records is " + m.ID.String() + ".\r\n")
}

// headMailbox is an address for From and To. What is not ASCII stands as a name.
func headMailbox(a gateway.Address) string {
	if a.IsASCII() {
		return "<" + a.Wire() + ">"
	}
	return mime.QEncoding.Encode("utf-8", a.Wire()) + " <unknown@invalid>"
}

// withdrawn stands in place of a message while its recall can be undone: what
// list it belongs to in a mail client, and what to do.
func (f *Flow) withdrawn(s *subject) gateway.Sensitive {
	m, zone := s.message, f.set().zone()
	var to []string
	for i := range s.copies[:min(len(s.copies), headRecipients)] {
		if r := s.copies[i].Recipient; !r.IsPhone() {
			to = append(to, headMailbox(r))
		}
	}
	if len(to) == 0 {
		to = []string{"undisclosed-recipients:;"}
	}
	title := strings.ReplaceAll(mime.QEncoding.Encode("utf-8", strings.Join(strings.Fields(m.Subject.Reveal()), " ")), "?= =?", "?=\r\n =?")
	until := m.Recalled.Add(f.set().RecallGrace).In(zone)
	return gateway.Sensitive("From: " + headMailbox(m.From) + "\r\nTo: " + strings.Join(to, ",\r\n ") + "\r\nDate: " + m.Accepted.In(zone).Format(time.RFC1123Z) +
		"\r\nSubject: " + title + "\r\nMessage-ID: <back." + strings.ToLower(m.ID.String()) + "@" + f.set().ReplyDomain + ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" +
		"You took this message back on " + m.Recalled.In(zone).Format("2 January 2006, 15:04:05") + ".\r\nNobody can open it.\r\n\r\nTo undo that, move it out of the folder Recall\r\nbefore " +
		until.Format("15:04:05") + ". After that it is destroyed for good.\r\n\r\nIts number in the records is " + m.ID.String() + ".\r\n")
}
