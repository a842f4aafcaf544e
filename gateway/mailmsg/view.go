package mailmsg

import (
	"fmt"
	"html"
	"io"
	"net/mail"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/charset"
	"gatepost/gateway/mailmsg/internal/document"
	"gatepost/gateway/mailmsg/internal/header"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// maxBody (octets, encoded) is the longest text that is shown in place; a
// longer one is a file.
const maxBody = 2 << 20

// View takes a message apart for a person's eyes, in one decided way: where
// readers differ, the first of duplicate fields counts, and what stands
// outside the parts is not shown. Every part ends up as text or as a file.
// It reads c in pieces and keeps no file in memory; the files read from c when
// they are opened, so c must live as long as they do. Its errors are those of
// c.
func View(c gateway.Content) (*gateway.Mail, error) {
	s, err := scan(c)
	if err != nil {
		return nil, err
	}
	v := &viewing{content: c, mail: &gateway.Mail{}}
	v.header(s.fields)
	if err := v.section(s.root); err != nil {
		return nil, fmt.Errorf("taking a message apart: %w", err)
	}
	v.compose()
	return v.mail, nil
}

// viewing is a message while it is taken apart.
type viewing struct {
	content gateway.Content
	mail    *gateway.Mail
	bodies  []shownBody
}

// shownBody is a text that is shown in place: one of its alternatives at
// least.
type shownBody struct{ text, html string }

func (v *viewing) header(fields []header.Field) {
	first := func(name string) string {
		for _, f := range fields {
			if f.Is(name) {
				return f.Raw
			}
		}
		return ""
	}
	v.mail.Subject = gateway.Sensitive(header.Decode(first("Subject")).Main)
	v.mail.From = people(first("From"))
	v.mail.To = people(first("To"))
	if t, err := mail.ParseDate(header.Unfold(first("Date"))); err == nil {
		v.mail.Date = t
	}
}

// people is an address list for display.
func people(raw string) gateway.Sensitive {
	var list []string
	for _, m := range header.Mailboxes(raw) {
		switch {
		case m.Name == "":
			list = append(list, m.Addr)
		case m.Addr == "":
			list = append(list, m.Name)
		default:
			list = append(list, m.Name+" <"+m.Addr+">")
		}
	}
	return gateway.Sensitive(strings.Join(list, ", "))
}

func (v *viewing) section(s *section) error {
	switch {
	case len(s.children) == 0 && s.multipart():
		s.media = header.Params{Value: "text/plain"} // no boundary was found: the source is all there is
		return v.leaf(s)
	case s.media.Value == "multipart/alternative":
		return v.alternatives(s)
	case s.multipart():
		for _, c := range s.children {
			if err := v.section(c); err != nil {
				return err
			}
		}
		return nil
	}
	return v.leaf(s)
}

// alternatives joins what the alternatives show into one body: the last plain
// text and the last HTML (RFC 2046 section 5.1.4: the last is the best).
func (v *viewing) alternatives(s *section) error {
	outer := v.bodies
	var best shownBody
	for _, c := range s.children {
		v.bodies = nil
		if err := v.section(c); err != nil {
			return err
		}
		for _, b := range v.bodies {
			if b.text != "" {
				best.text = b.text
			}
			if b.html != "" {
				best.html = b.html
			}
		}
	}
	v.bodies = outer
	if best != (shownBody{}) {
		v.bodies = append(v.bodies, best)
	}
	return nil
}

// leaf shows a text in place and makes a file of everything else.
func (v *viewing) leaf(s *section) error {
	text, markup := isPlain(s.media.Value), s.media.Value == "text/html" || s.media.Value == "application/xhtml+xml"
	if s.attached || len(s.names) > 0 || !text && !markup || s.hi-s.lo > maxBody {
		return v.file(s)
	}
	x, err := transfer.NewIndex(v.content, s.lo, s.hi, s.encoding)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(x.Open())
	if err != nil {
		return err
	}
	shown := charset.Decode(s.media.Get("charset"), data).Main
	if s.media.Get("charset") == "" && markup {
		shown = charset.Decode(metaLabel(data), data).Main
	}
	switch {
	case strings.TrimSpace(shown) == "":
	case markup:
		v.bodies = append(v.bodies, shownBody{html: shown})
	default:
		if strings.EqualFold(s.media.Get("format"), "flowed") {
			shown = unflow(shown, strings.EqualFold(s.media.Get("delsp"), "yes"))
		}
		v.bodies = append(v.bodies, shownBody{text: strings.ReplaceAll(shown, "\r\n", "\n")})
	}
	return nil
}

func isPlain(media string) bool { return media == "text/plain" || !strings.Contains(media, "/") }

// unflow joins the lines that format=flowed broke (RFC 3676 section 4). Quoted
// lines stay as they are.
func unflow(text string, delsp bool) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		quoted := strings.HasPrefix(line, ">")
		line = strings.TrimPrefix(line, " ")
		flows := strings.HasSuffix(line, " ") && line != "-- " && !quoted
		if flows && delsp {
			line = line[:len(line)-1]
		}
		b.WriteString(line)
		if !flows {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// file adds a part that can be opened.
func (v *viewing) file(s *section) error {
	x, err := transfer.NewIndex(v.content, s.lo, s.hi, s.encoding)
	if err != nil {
		return err
	}
	f := gateway.File{
		Index: len(v.mail.Files), Type: s.media.Value, ContentID: s.contentID, Size: x.Size(),
		Inline: !s.attached && (s.inline || s.contentID != "" && s.parent != nil && s.parent.media.Value == "multipart/related"),
		Open:   func() (io.ReadSeekCloser, error) { return x.Open(), nil },
	}
	if len(s.names) > 0 {
		f.Name = gateway.Sensitive(s.names[0])
	}
	v.mail.Files = append(v.mail.Files, f)
	return nil
}

// compose joins the bodies. When one of them has HTML, the HTML holds all of
// them, so that whoever is shown it misses nothing; so it is with the text.
func (v *viewing) compose() {
	var text, page strings.Builder
	anyText, anyHTML := false, false
	for _, b := range v.bodies {
		anyText, anyHTML = anyText || b.text != "", anyHTML || b.html != ""
	}
	for i, b := range v.bodies {
		if b.text == "" && anyText {
			b.text = document.HTML(b.html).Visible
		}
		if b.html == "" && anyHTML {
			b.html = `<div style="white-space:pre-wrap">` + html.EscapeString(b.text) + "</div>"
		}
		if i > 0 {
			text.WriteString("\n")
			page.WriteString("<hr>")
		}
		text.WriteString(b.text)
		page.WriteString(b.html)
	}
	if anyText {
		v.mail.Text = gateway.Sensitive(text.String())
	}
	if anyHTML {
		v.mail.HTML = gateway.Sensitive(page.String())
	}
}
