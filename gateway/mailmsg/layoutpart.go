package mailmsg

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// describe fills in what the header of an entity says. Of duplicate fields the
// first counts.
func (w *LayoutWriter) describe(o *outline, head []byte) {
	fields := header.Split(head).Fields
	seen := make(map[string]bool, 8)
	var encoding string
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if !strings.HasPrefix(name, "content-") || seen[name] {
			continue
		}
		seen[name] = true
		switch name {
		case "content-type":
			w.typed(o, header.ParseParams(f.Raw))
		case "content-transfer-encoding":
			if encoding = transferName(f.Raw); encoding == "" {
				encoding = strings.Trim(header.ParseParams(f.Raw).Value, `"' `)
			}
		case "content-disposition":
			q := header.ParseParams(f.Raw)
			if isMIMEToken(q.Value) {
				o.Disposition, o.DispositionParam = w.take(q.Value), w.params(q)
			}
		case "content-id":
			o.ID = w.take(header.Unfold(f.Raw))
		case "content-description":
			o.Description = w.take(header.Decode(f.Raw).Main)
		case "content-location":
			o.Location = w.take(header.Unfold(f.Raw))
		case "content-language":
			o.Language = w.languages(f.Raw)
		}
	}
	w.standard(o, encoding)
	if o.mail {
		o.Envelope = w.envelope(fields)
	}
}

func (w *LayoutWriter) typed(o *outline, media header.Params) {
	kind, sub, ok := strings.Cut(media.Value, "/")
	if !ok || !isMIMEToken(kind) || !isMIMEToken(sub) || len(media.Value) > 120 {
		return // RFC 2045 section 5.2: what is no type is text
	}
	o.Type, o.Subtype, o.Params = kind, sub, w.params(media)
	if b := media.Get("boundary"); kind == "multipart" && b != "" {
		o.boundary = "--" + strings.TrimRight(b, " \t")
	}
}

// standard sets what holds where the header says nothing. A mail within is
// looked into unless it is encoded (RFC 2046 section 5.2.1 forbids that).
func (w *LayoutWriter) standard(o *outline, encoding string) {
	if o.Type == "" {
		o.Type, o.Subtype, o.Params = "text", "plain", map[string]string{"charset": "us-ascii"}
		if p := o.parent; p != nil && p.Type == "multipart" && p.Subtype == "digest" {
			o.Type, o.Subtype, o.Params = "message", "rfc822", nil // RFC 2046 section 5.1.5
		}
	}
	plain := encoding == "" || encoding == "7bit" || encoding == "8bit" || encoding == "binary"
	if o.Type == "message" && isMailType(o.Subtype) && !plain {
		o.Type, o.Subtype = "application", "octet-stream"
	}
	if encoding != "7bit" && isMIMEToken(encoding) {
		o.Encoding = w.take(encoding)
	}
}

// isMailType reports whether message/sub is a mail.
func isMailType(sub string) bool { return sub == "rfc822" || sub == "global" }

func isMIMEToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func (w *LayoutWriter) params(p header.Params) map[string]string {
	out := make(map[string]string, len(p.List))
	for _, q := range p.List {
		if _, twice := out[q.Name]; !twice && isMIMEToken(q.Name) {
			out[w.take(q.Name)] = w.take(q.Value)
		}
	}
	if delete(out, ""); len(out) == 0 {
		return nil
	}
	return out
}

func (w *LayoutWriter) languages(raw string) (list []string) {
	for tag := range strings.SplitSeq(header.Unfold(raw), ",") {
		if tag = strings.TrimSpace(tag); isMIMEToken(tag) && len(list) < 20 {
			list = append(list, w.take(tag))
		}
	}
	return list
}

// take returns a text for the layout, without what could not stand in a line;
// "" when the layout has no room for it.
func (w *LayoutWriter) take(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	for len(s) > maxFieldText {
		s = s[:maxFieldText]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	if w.words -= len(s) + 16; w.words < 0 {
		w.words = 0
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// envelope is what a list shows of a mail. Sender and Reply-To are From where
// they are absent (RFC 9051 section 7.5.2).
func (w *LayoutWriter) envelope(fields []header.Field) *gateway.MailEnvelope {
	first := func(name string) string {
		for _, f := range fields {
			if f.Is(name) {
				return f.Raw
			}
		}
		return ""
	}
	e := &gateway.MailEnvelope{Subject: gateway.Sensitive(w.take(header.Decode(first("Subject")).Main))}
	if t, err := mail.ParseDate(header.Unfold(first("Date"))); err == nil && t.Year() >= 0 && t.Year() < 10000 {
		e.Date = t
	}
	if ids := header.MessageIDs(first("Message-ID")); len(ids) > 0 {
		e.MessageID = w.take(ids[0])
	}
	for _, id := range header.MessageIDs(first("In-Reply-To")) {
		if id = w.take(id); id != "" {
			e.InReplyTo = append(e.InReplyTo, id)
		}
	}
	e.From, e.Sender, e.ReplyTo = w.addresses(first("From")), w.addresses(first("Sender")), w.addresses(first("Reply-To"))
	e.To, e.Cc, e.Bcc = w.addresses(first("To")), w.addresses(first("Cc")), w.addresses(first("Bcc"))
	if len(e.Sender) == 0 {
		e.Sender = e.From
	}
	if len(e.ReplyTo) == 0 {
		e.ReplyTo = e.From
	}
	return e
}

func (w *LayoutWriter) addresses(raw string) (list []gateway.MailAddress) {
	for _, m := range header.Mailboxes(raw) {
		at := strings.LastIndexByte(m.Addr, '@')
		if at <= 0 {
			continue
		}
		a := gateway.MailAddress{Name: gateway.Sensitive(w.take(m.Name)), Mailbox: gateway.Sensitive(w.take(m.Addr[:at])), Host: gateway.Sensitive(w.take(m.Addr[at+1:]))}
		if w.words == 0 {
			break
		}
		list = append(list, a)
	}
	return list
}
