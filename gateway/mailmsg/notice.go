package mailmsg

import (
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// NoticeData is everything that a notice says. There is no place in it for
// subject or text of the original.
type NoticeData struct {
	HeaderID string // Message-ID without "<>", from HeaderID
	From     gateway.Address
	// FromName is the display name: the organization or the sender. One that holds
	// more than names do is left out, because senders write anything there.
	FromName      gateway.Sensitive
	To            gateway.Address
	ReplyTo       gateway.Address // the capability; null: no Reply-To
	Organization  string
	Help          string // whom to ask; "" says nothing
	Language      string // BCP 47 of the recipient; "" is English
	Reference     string
	URL           gateway.Sensitive // of the link
	Expires       time.Time         // shown in the zone that it carries
	Original      string            // Message-ID of the original without "<>"; "" when it has none
	AutoSubmitted string            // of the original, lower case; "" when absent
	Now           time.Time
	Random        io.Reader
}

// Notice composes what leaves instead of a secured message: fixed text in the
// recipient's language and one link, as text and as HTML. It holds nothing
// that people wrote but the sender's name, loads nothing from the network and
// is 7-bit, unless an address itself is not ASCII.
func Notice(d NoticeData) ([]byte, error) {
	boundary, err := letters(d.Random)
	if err != nil {
		return nil, err
	}
	w := wordsFor(d.Language)
	var l letter
	name := d.FromName.Reveal()
	if unlikeName(name) {
		name = ""
	}
	l.field("From", mailbox(name, d.From))
	l.field("To", mailbox("", d.To))
	if !d.ReplyTo.IsNull() {
		l.field("Reply-To", mailbox("", d.ReplyTo))
	}
	l.field("Subject", encoded(fmt.Sprintf(w.subject, d.Organization)))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", "<"+d.HeaderID+">")
	if d.Original != "" {
		l.field("References", "<"+strings.Trim(d.Original, "<>")+">")
	}
	if isToken(d.AutoSubmitted) {
		l.field("Auto-Submitted", d.AutoSubmitted)
	}
	l.field("Content-Language", w.language)
	l.field("MIME-Version", "1.0")
	l.field("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	l.WriteString("\r\n--" + boundary + "\r\n")
	l.text("text/plain", d.plain(w))
	l.WriteString("\r\n--" + boundary + "\r\n")
	l.text("text/html", d.html(w))
	l.WriteString("\r\n--" + boundary + "--\r\n")
	return l.Bytes(), nil
}

// isToken reports whether s can stand as the value of Auto-Submitted (RFC 3834
// section 5) without its parameters.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// sentences are the parts of the text besides the link.
func (d *NoticeData) sentences(w words) (intro, mark, expires, help string) {
	intro = fmt.Sprintf(w.intro, oneLine(d.Organization))
	mark = fmt.Sprintf(w.mark, d.Reference)
	expires = fmt.Sprintf(w.expires, w.day(d.Expires))
	if d.Help != "" {
		help = fmt.Sprintf(w.help, oneLine(d.Help))
	}
	return intro, mark, expires, help
}

func (d *NoticeData) plain(w words) string {
	intro, mark, expires, help := d.sentences(w)
	paragraphs := []string{intro, w.lead + "\n" + d.URL.Reveal(), w.proof, mark + "\n" + expires, w.doubt}
	if help != "" {
		paragraphs = append(paragraphs, help)
	}
	return wrap(strings.Join(paragraphs, "\n\n")) + "\n"
}

// wrap breaks the lines of a text at 76 octets where it can.
func wrap(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(foldAfter(0, line), "\r\n ", "\n")
	}
	return strings.Join(lines, "\n")
}

// html needs no picture, no style sheet and no script; its one link is a
// button that also works where styles do not.
func (d *NoticeData) html(w words) string {
	intro, mark, expires, help := d.sentences(w)
	var b strings.Builder
	p := func(style, inner string) {
		b.WriteString(`<p style="margin:0 0 16px;` + style + `">` + "\n" + inner + "</p>\n")
	}
	b.WriteString("<!DOCTYPE html>\n" + `<html lang="` + w.language + `"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		"\n<title>" + escape(fmt.Sprintf(w.subject, d.Organization)) + "</title></head>\n" +
		`<body style="margin:0;padding:24px;font:16px/1.5 sans-serif;max-width:36em">` + "\n")
	p("", escape(intro))
	p("", `<a href="`+escape(d.URL.Reveal())+`" style="display:inline-block;padding:12px 20px;border-radius:6px;background:#1a5276;color:#ffffff;text-decoration:none">`+"\n"+escape(w.button)+"</a>")
	p("", escape(w.proof))
	p("", escape(mark)+"<br>\n"+escape(expires))
	p("color:#555555;font-size:14px", escape(w.doubt))
	if help != "" {
		p("color:#555555;font-size:14px", escape(help))
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

// escape makes ASCII of a text for HTML, so that no encoding is needed.
func escape(s string) string {
	s = html.EscapeString(oneLine(s))
	var b strings.Builder
	for _, c := range s {
		if c < 0x7f {
			b.WriteRune(c)
			continue
		}
		b.WriteString("&#" + strconv.Itoa(int(c)) + ";")
	}
	return b.String()
}
