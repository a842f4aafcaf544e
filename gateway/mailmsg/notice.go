package mailmsg

import (
	"errors"
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
	Kind     gateway.NoticeKind
	HeaderID string // Message-ID without "<>", from HeaderID
	From     gateway.Address
	// FromName is the display name: the organization or the sender. One that holds
	// more than names do is left out, because senders write anything there.
	FromName     gateway.Sensitive
	To           gateway.Address
	ReplyTo      gateway.Address // the capability; null: no Reply-To
	Organization string
	Help         string        // whom to ask; "" says nothing
	Color        gateway.Color // of the button, dark enough for white letters; none: ours
	Language     string        // BCP 47 of the recipient; "" is English
	Reference    string
	// URL is the link. NoticeReminder and NoticeExpiring may go without: they
	// point at the first notice then, which Sent dates.
	URL           gateway.Sensitive
	Expires       time.Time // shown in the zone that it carries
	Original      string    // Message-ID of the original without "<>"; "" when it has none
	First         string    // Message-ID of the first notice, or of the answer that arrived, without "<>"; "" when there is none
	Sent          time.Time // when the first notice left
	AutoSubmitted string    // of the original, lower case; "" when absent; only a first notice repeats it
	Hops          int       // of the original, as Hops counts them, and this one
	Now           time.Time
	Random        io.Reader
}

// ErrNoLink is returned for a notice that neither holds a link nor can say
// where one is.
var ErrNoLink = errors.New("notice without link")

// Notice composes what leaves instead of a secured message, and what follows
// it: fixed text in the recipient's language and at most one link, as text and
// as HTML. It holds nothing that people wrote but the sender's name, loads
// nothing from the network and is 7-bit, unless an address itself is not ASCII.
func Notice(d NoticeData) ([]byte, error) {
	if d.URL == "" && (d.Kind == gateway.NoticeFirst || d.Sent.IsZero()) {
		return nil, ErrNoLink
	}
	boundary, err := letters(d.Random)
	if err != nil {
		return nil, err
	}
	w := wordsFor(d.Language)
	var l letter
	l.Grow(noticeSize)
	d.header(&l, w)
	l.field("Content-Language", w.language)
	l.field("MIME-Version", "1.0")
	l.field("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	says := d.says(w)
	l.WriteString("\r\n--" + boundary + "\r\n")
	l.text("text/plain", d.plain(w, says))
	l.WriteString("\r\n--" + boundary + "\r\n")
	l.text("text/html", d.html(w, says))
	l.WriteString("\r\n--" + boundary + "--\r\n")
	return l.Bytes(), nil
}

// noticeSize is what most notices need, in octets.
const noticeSize = 4 << 10

// header writes the fields that do not describe the body.
func (d *NoticeData) header(l *letter, w words) {
	name := d.FromName.Reveal()
	if unlikeName(name) {
		name = ""
	}
	l.field("From", mailbox(name, d.From))
	l.field("To", mailbox("", d.To))
	if !d.ReplyTo.IsNull() {
		l.field("Reply-To", mailbox("", d.ReplyTo))
	}
	l.field("Subject", encoded(d.subject(w)))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", "<"+d.HeaderID+">")
	l.thread(d.First, []string{d.Original})
	switch {
	case d.Kind != gateway.NoticeFirst:
		l.field("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	case isToken(d.AutoSubmitted):
		l.field("Auto-Submitted", d.AutoSubmitted)
	}
	if d.Hops > 0 {
		l.field(hopsField, strconv.Itoa(d.Hops))
	}
}

func (d *NoticeData) subject(w words) string {
	switch d.Kind {
	case gateway.NoticeReminder:
		return w.say(w.reminderSubject, d.Organization)
	case gateway.NoticeExpiring:
		return w.say(w.expiringSubject, d.Organization)
	}
	return w.say(w.subject, d.Organization)
}

// isToken reports whether s can stand as the value of Auto-Submitted (RFC 3834
// section 5) without its parameters.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// sentences are the parts of a notice besides the link; what is "" is not said.
type sentences struct {
	intro, elsewhere, proof, mark, expires, doubt, help string
}

// says fills in the sentences of the notice's kind.
func (d *NoticeData) says(w words) sentences {
	s := sentences{mark: w.say(w.mark, d.Reference), doubt: w.doubt}
	if d.Help != "" {
		s.help = w.say(w.help, d.Help)
	}
	switch d.Kind {
	case gateway.NoticeReminder:
		s.intro = w.say(w.reminderIntro, d.Organization)
	case gateway.NoticeExpiring:
		s.intro = w.say(w.expiringIntro, d.Organization)
	default:
		s.intro = w.say(w.intro, d.Organization)
	}
	s.proof, s.expires = w.proof, w.sayDay(w.expires, d.Expires)
	if d.URL == "" {
		s.elsewhere = w.sayDay(w.elsewhere, d.Sent)
	}
	return s
}

func (d *NoticeData) plain(w words, s sentences) string {
	lead := ""
	if d.URL != "" {
		lead = w.lead + "\n" + oneLine(d.URL.Reveal())
	}
	return wrap(strings.Join(nonEmpty(s.intro, lead, s.elsewhere, s.proof, strings.TrimSpace(s.mark+"\n"+s.expires), s.doubt, s.help), "\n\n")) + "\n"
}

// html needs no picture, no style sheet and no script; its one link is a
// button that also works where styles do not. Each paragraph names its
// direction, because some readers drop what stands around it.
func (d *NoticeData) html(w words, s sentences) string {
	var b strings.Builder
	direction := ""
	if w.rtl {
		direction = ` dir="rtl"`
	}
	p := func(style, inner string) {
		if inner != "" {
			b.WriteString("<p" + direction + ` style="margin:0 0 16px;` + style + `">` + "\n" + inner + "</p>\n")
		}
	}
	const small = "color:#555555;font-size:14px"
	b.WriteString("<!DOCTYPE html>\n" + `<html lang="` + w.language + `"` + direction + `><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		"\n<title>" + escape(oneLine(d.subject(w))) + "</title></head>\n" +
		"<body" + direction + ` style="margin:0;padding:24px;font:16px/1.5 sans-serif;max-width:36em">` + "\n")
	p("", escape(s.intro))
	if d.URL != "" {
		p("", `<a href="`+escape(oneLine(d.URL.Reveal()))+`" style="display:inline-block;padding:12px 20px;border-radius:6px;background:`+d.color()+`;color:#ffffff;text-decoration:none">`+"\n"+escape(w.button)+"</a>")
	}
	p("", escape(s.elsewhere))
	p("", escape(s.proof))
	p("", strings.Join(nonEmpty(escape(s.mark), escape(s.expires)), "<br>\n"))
	p(small, escape(s.doubt))
	p(small, escape(s.help))
	b.WriteString("</body></html>\n")
	return b.String()
}

// color of the button. One that is too pale for its letters is not used,
// wherever it comes from.
func (d *NoticeData) color() string {
	if d.Color.Set {
		if _, _, readable := d.Color.Shades(); readable {
			return d.Color.String()
		}
	}
	return "#1a5276"
}

// escape makes ASCII of a text for HTML, so that no encoding is needed. The
// isolates of a text become elements, which every reader of HTML knows.
func escape(s string) string {
	s = html.EscapeString(s)
	if !strings.ContainsFunc(s, func(c rune) bool { return c >= 0x7f }) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case string(c) == isolateOpen:
			b.WriteString("<bdi>")
		case string(c) == isolateClose:
			b.WriteString("</bdi>")
		case c < 0x7f:
			b.WriteRune(c)
		default:
			b.WriteString("&#" + strconv.Itoa(int(c)) + ";")
		}
	}
	return b.String()
}
