package mailmsg

import (
	"strings"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// fields reads the header of a message. The outermost one (top) says who the
// message is from and what it is about; of those within only what people read
// is taken.
func (r *reader) fields(fields []header.Field, path string, top bool) {
	s := summary{reader: r, path: path, top: top}
	if top {
		r.out.Fields = make([]gateway.Field, 0, len(fields))
	}
	for _, f := range fields {
		s.field(f)
	}
	s.add(gateway.PartMachine, path, s.machine.String())
	if top && s.subjects > 1 {
		r.note(uncertainSubject)
	}
	if top && s.froms > 1 {
		r.note(uncertainFrom)
	}
}

// summary is the reading of one header.
type summary struct {
	*reader
	path     string
	top      bool
	subjects int // different ones
	froms    int
	machine  strings.Builder // what is no prose, a line each
}

// line adds a text of a machine.
func (s *summary) line(text string) {
	if text != "" {
		s.machine.WriteString(text)
		s.machine.WriteByte('\n')
	}
}

func (s *summary) field(f header.Field) {
	t := header.Decode(f.Raw)
	if !t.Known {
		s.note(uncertainCharset)
	}
	if s.top {
		s.out.Fields = append(s.out.Fields, gateway.Field{Name: f.Name, Value: gateway.Sensitive(t.Main)})
	}
	var buf [48]byte
	name := lowerName(f.Name, &buf)
	switch class := classOf(name); {
	case class == subjectField:
		s.subject(t.Main, t.Other)
	case class == addressField:
		s.addresses(string(name), f.Raw)
	case class == proseField:
		s.add(gateway.PartHeader, s.path, t.Main)
		s.add(gateway.PartHeader, s.path, t.Other)
	default:
		s.line(t.Main)
		s.line(t.Other)
	}
	if s.top {
		s.identity(string(name), f.Raw, t.Main)
	}
}

// lowerName is the name in lower case; names too long for any switch stay
// prose.
func lowerName(name string, buf *[48]byte) []byte {
	n := copy(buf[:], name)
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	return buf[:n]
}

func (s *summary) subject(main, other string) {
	kind := gateway.PartHeader
	if s.top {
		kind = gateway.PartSubject
		if s.subjects == 0 {
			s.out.Subject = gateway.Sensitive(main)
			s.subjects++
		} else if s.out.Subject != gateway.Sensitive(main) {
			s.subjects++
		}
		bindTags(&s.out.Tags, main)
	}
	s.add(kind, s.path, main)
	s.add(kind, s.path, other)
}

// addresses reads the people of a field. Their names are no prose: what is
// scanned is only a "name" that no person has.
func (s *summary) addresses(name, raw string) {
	list := header.Mailboxes(raw)
	if name == "from" && s.top {
		s.froms++
	}
	for _, m := range list {
		if unlikeName(m.Name) {
			s.add(gateway.PartHeader, s.path, m.Name)
		} else {
			s.line(m.Name)
		}
		a, err := gateway.ParseAddress(m.Addr)
		if err != nil && strings.IndexByte(m.Addr, ' ') >= 0 { // prose where an address should be
			s.add(gateway.PartHeader, s.path, m.Addr)
		}
		if err != nil || a.IsNull() || !s.top {
			continue
		}
		switch name {
		case "from":
			s.out.From = append(s.out.From, a)
		case "to", "cc":
			s.out.To = append(s.out.To, a)
		}
	}
}

// unlikeName reports whether a display name holds more than names do: four
// digits, many words or great length.
func unlikeName(name string) bool {
	digits := 0
	for i := 0; i < len(name); i++ {
		if name[i] >= '0' && name[i] <= '9' {
			digits++
		}
	}
	return digits >= 4 || utf8.RuneCountInString(name) > 64 || strings.Count(name, " ") >= 6
}

// identity takes what threads and policy need from one field of the outermost
// header.
func (s *summary) identity(name, raw, value string) {
	out := s.out
	switch name {
	case "message-id":
		if ids := header.MessageIDs(raw); len(ids) > 0 && out.MessageID == "" {
			out.MessageID = ids[0]
		}
		s.add(gateway.PartHeader, pathMessageID, idText(raw))
	case "in-reply-to":
		out.InReplyTo = append(out.InReplyTo, header.MessageIDs(raw)...)
	case "references":
		out.References = append(out.References, header.MessageIDs(raw)...)
	case "list-id":
		if ids := header.MessageIDs(raw); len(ids) > 0 && out.ListID == "" {
			out.ListID = ids[0]
		}
	case "auto-submitted":
		v, _, _ := strings.Cut(value, ";")
		out.AutoSubmitted = strings.ToLower(strings.TrimSpace(v))
	case "sensitivity":
		v := strings.ToLower(value)
		if v == "confidential" || v == "company-confidential" {
			out.Tags.Secure = true
		}
	default:
		if strings.HasPrefix(name, "x-gatepost-") {
			bindField(&out.Tags, name[len("x-gatepost-"):], value)
		}
	}
}

// pathMessageID names the part that holds what a Message-ID says. Copies of the
// identifier stand in notices and reports.
const pathMessageID = "Message-ID"

// class says who reads a field.
type class uint8

const (
	machineField class = iota
	proseField
	subjectField
	addressField
)

// classOf tells fields that people write or read from those of machines. What
// is not known counts as prose: applications put people's data into fields of
// their own, and these leave with the mail.
func classOf(name []byte) class {
	switch string(name) {
	case "subject":
		return subjectField
	case "from", "to", "cc", "bcc", "reply-to", "sender", "resent-from", "resent-to", "resent-cc", "resent-sender", "disposition-notification-to", "errors-to", "return-receipt-to", "mail-followup-to":
		return addressField
	case "received", "date", "message-id", "references", "in-reply-to", "mime-version", "return-path", "user-agent", "importance", "priority",
		"precedence", "auto-submitted", "delivered-to", "envelope-to", "feedback-id", "thread-index", "sensitivity", "accept-language",
		"autocrypt", "openpgp", "face", "resent-date", "resent-message-id", "domainkey-signature", "authentication-results", "lines", "status",
		"content-type", "content-transfer-encoding", "content-disposition", "content-id", "content-language", "content-description", "content-location",
		"content-length", "content-md5", "msip_labels", "organization-id":
		return machineField
	}
	for _, p := range machinePrefixes() {
		if len(name) >= len(p) && string(name[:len(p)]) == p {
			return machineField
		}
	}
	return proseField
}

// machinePrefixes name the fields that mail systems add on the way.
func machinePrefixes() []string {
	return []string{
		"list-", "dkim-", "arc-", "received-", "x-received", "x-ms-", "x-microsoft", "x-exchange", "x-forefront", "x-google-", "x-gm-", "x-gmail",
		"x-sg-", "x-ses-", "x-mailgun", "x-mandrill", "x-mc-", "x-pm-", "x-mj-", "x-sfdc", "x-sendgrid", "x-postmark", "x-spam", "x-virus", "x-amavis",
		"x-mailer", "x-mimeole", "x-msmail", "x-originat", "x-proofpoint", "x-mimecast", "x-barracuda", "x-ironport", "x-cisco", "x-sophos", "x-priority",
		"x-gatepost-", "x-auto-response", "x-entity", "x-report", "x-csa-", "x-uid", "x-mozilla", "x-apple", "x-face", "x-campaign", "x-feedback",
		"x-message-id", "x-messageid", "x-smtp", "x-tmn", "x-tm-", "x-antiabuse", "x-authenticat", "x-source", "x-sender", "x-envelope", "x-provags", "x-ui-",
		"x-greylist", "x-scanned", "x-bounce", "x-php-", "x-get-message", "x-loop", "x-cron", "x-rspam", "x-sa-", "x-dspam", "x-hmail", "x-zoho", "x-yahoo",
		"x-ymail", "x-aol", "x-job", "x-account", "x-original", "x-delivered", "x-return", "x-eopatt", "x-client", "x-hashtags", "x-trans", "x-osstrans",
	}
}
