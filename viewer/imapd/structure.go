package imapd

import (
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/gateway"
)

// Forms of a time (RFC 5322 section 3.3, RFC 9051 section 9 date-time).
const (
	mailDate     = "Mon, 02 Jan 2006 15:04:05 -0700"
	internalDate = "_2-Jan-2006 15:04:05 -0700"
)

// text appends a string: quoted where it can be, else a literal (RFC 9051
// section 4.3).
func text[S ~string](b []byte, s S) []byte {
	if !quotable(string(s)) {
		b = append(b, '{')
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, "}\r\n"...)
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

func quotable(s string) bool {
	if len(s) > 4096 {
		return false
	}
	for i := range len(s) {
		if s[i] == 0 || s[i] == '\r' || s[i] == '\n' || s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// orNil is text, with NIL for nothing.
func orNil[S ~string](b []byte, s S) []byte {
	if s == "" {
		return append(b, "NIL"...)
	}
	return text(b, s)
}

// words is orNil of a text of people, in encoded words where it needs them
// (RFC 2047): that is what a client expects of a header.
func words(b []byte, s gateway.Sensitive) []byte {
	plain := s.Reveal()
	if quotable(plain) {
		return orNil(b, plain)
	}
	encoder := mime.QEncoding
	if utf8.RuneCountInString(plain)*3 < len(plain)*2 { // most letters are not Latin
		encoder = mime.BEncoding
	}
	return text(b, encoder.Encode("utf-8", strings.ToValidUTF8(plain, "\ufffd")))
}

// appendEnvelope appends an ENVELOPE (RFC 9051 section 7.5.2).
func appendEnvelope(b []byte, e *gateway.MailEnvelope) []byte {
	if e == nil {
		e = new(gateway.MailEnvelope)
	}
	b = append(b, '(')
	if e.Date.IsZero() {
		b = append(b, "NIL"...)
	} else {
		b = append(e.Date.AppendFormat(append(b, '"'), mailDate), '"')
	}
	b = words(append(b, ' '), e.Subject)
	sender, replyTo := e.Sender, e.ReplyTo
	if len(sender) == 0 {
		sender = e.From
	}
	if len(replyTo) == 0 {
		replyTo = e.From
	}
	for _, list := range [...][]gateway.MailAddress{e.From, sender, replyTo, e.To, e.Cc, e.Bcc} {
		b = appendAddresses(append(b, ' '), list)
	}
	b = append(b, ' ')
	if len(e.InReplyTo) == 0 {
		b = append(b, "NIL"...)
	} else {
		b = text(b, "<"+strings.Join(e.InReplyTo, "> <")+">")
	}
	b = append(b, ' ')
	if e.MessageID == "" {
		return append(b, "NIL)"...)
	}
	return append(text(b, "<"+e.MessageID+">"), ')')
}

func appendAddresses(b []byte, list []gateway.MailAddress) []byte {
	if len(list) == 0 {
		return append(b, "NIL"...)
	}
	b = append(b, '(')
	for _, a := range list {
		b = words(append(b, '('), a.Name)
		b = append(b, " NIL "...)
		b = orNil(b, a.Mailbox)
		b = orNil(append(b, ' '), a.Host)
		b = append(b, ')')
	}
	return append(b, ')')
}

// appendStructure appends a BODY, or with full a BODYSTRUCTURE (RFC 9051
// section 7.5.2). A layout is never deeper than gateway.MaxLayoutDepth.
func appendStructure(b []byte, p *gateway.LayoutPart, full bool) []byte {
	if p.Type == "multipart" && len(p.Parts) > 0 {
		return appendMultipart(b, p, full)
	}
	b = append(b, '(')
	b = text(b, p.Type)
	b = text(append(b, ' '), p.Subtype)
	b = appendParams(append(b, ' '), p.Params)
	b = orNil(append(b, ' '), p.ID)
	b = words(append(b, ' '), gateway.Sensitive(p.Description))
	b = text(append(b, ' '), encodingOf(p))
	b = strconv.AppendInt(append(b, ' '), p.End-p.Body, 10)
	switch {
	case isMail(p):
		b = appendEnvelope(append(b, ' '), p.Parts[0].Envelope)
		b = appendStructure(append(b, ' '), &p.Parts[0], full)
		b = strconv.AppendInt(append(b, ' '), p.Lines, 10)
	case p.Type == "text":
		b = strconv.AppendInt(append(b, ' '), p.Lines, 10)
	}
	if full {
		b = append(b, " NIL"...) // MD5
		b = appendRest(b, p)
	}
	return append(b, ')')
}

func appendMultipart(b []byte, p *gateway.LayoutPart, full bool) []byte {
	b = append(b, '(')
	for i := range p.Parts {
		b = appendStructure(b, &p.Parts[i], full)
	}
	b = text(append(b, ' '), p.Subtype)
	if full {
		b = appendParams(append(b, ' '), p.Params)
		b = appendRest(b, p)
	}
	return append(b, ')')
}

// appendRest appends disposition, language and location.
func appendRest(b []byte, p *gateway.LayoutPart) []byte {
	b = append(b, ' ')
	if p.Disposition == "" {
		b = append(b, "NIL"...)
	} else {
		b = text(append(b, '('), p.Disposition)
		b = append(appendParams(append(b, ' '), p.DispositionParam), ')')
	}
	b = append(b, ' ')
	if len(p.Language) == 0 {
		b = append(b, "NIL"...)
	} else {
		b = append(b, '(')
		for i, l := range p.Language {
			if i > 0 {
				b = append(b, ' ')
			}
			b = text(b, l)
		}
		b = append(b, ')')
	}
	return orNil(append(b, ' '), p.Location)
}

// appendParams appends parameters, in order of their names. One that is not
// ASCII goes out as a header would have it (RFC 2231 section 4).
func appendParams(b []byte, params map[string]string) []byte {
	if len(params) == 0 {
		return append(b, "NIL"...)
	}
	b = append(b, '(')
	for i, name := range slices.Sorted(maps.Keys(params)) {
		if i > 0 {
			b = append(b, ' ')
		}
		value := params[name]
		if !quotable(value) {
			name, value = name+"*", "utf-8''"+percent(value)
		}
		b = text(b, name)
		b = text(append(b, ' '), value)
	}
	return append(b, ')')
}

// percent encodes what is no attribute-char of RFC 2231 section 7.
func percent(s string) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-._~!#$&+^`|", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		out.WriteByte('%')
		out.WriteByte(hex[c>>4])
		out.WriteByte(hex[c&15])
	}
	return out.String()
}

// encodingOf is the transfer encoding of p.
func encodingOf(p *gateway.LayoutPart) string {
	if p.Encoding == "" {
		return "7bit"
	}
	return strings.ToLower(p.Encoding)
}

// isMail reports whether p is a mail within a mail that was looked into.
func isMail(p *gateway.LayoutPart) bool { return p.Type == "message" && len(p.Parts) == 1 }

// appendTime appends an INTERNALDATE.
func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), internalDate), '"')
}
