package mailmsg

import (
	"bytes"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/charset"
	"gatepost/gateway/mailmsg/internal/document"
	"gatepost/gateway/mailmsg/internal/header"
)

// kind is what a text at this place is called, shown being the kind of a text
// that the message itself shows.
func (p place) kind(shown gateway.PartKind) gateway.PartKind {
	switch {
	case p.hidden:
		return gateway.PartHidden
	case p.attached:
		return gateway.PartAttachment
	}
	return shown
}

// text8 reads octets as plain text in the declared character set and in what
// else they smell of.
func (r *reader) text8(b []byte, label, path string, p place) {
	t := charset.Decode(label, b)
	if !t.Known {
		r.note(uncertainCharset)
	}
	r.lines([]byte(t.Main), path, p, fixed)
	if t.Other != "" {
		r.lines([]byte(t.Other), path, p, fixed)
	}
}

// flow says how the lines of a text are joined (RFC 3676 section 4).
type flow uint8

const (
	fixed flow = iota
	flowed
	flowedDelSp // the space that marks a soft break goes
)

func flowOf(media header.Params) flow {
	switch {
	case !strings.EqualFold(media.Get("format"), "flowed"):
		return fixed
	case strings.EqualFold(media.Get("delsp"), "yes"):
		return flowedDelSp
	}
	return flowed
}

// lines adds a plain text with LF line ends; lines quoted with ">" become a
// part of their own. text is copied.
func (r *reader) lines(text []byte, path string, p place, how flow) {
	var main, quoted strings.Builder
	main.Grow(len(text))
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		to := &main
		if len(line) > 0 && line[0] == '>' {
			to = &quoted
			line = bytes.TrimLeft(line, "> ")
		}
		soft := how != fixed && bytes.HasSuffix(line, []byte(" ")) && string(line) != "-- "
		if soft && how == flowedDelSp {
			line = line[:len(line)-1]
		}
		to.Write(line)
		if !soft {
			to.WriteByte('\n')
		}
	}
	r.shown(p.kind(gateway.PartText), path, main.String())
	if quoted.Len() > 0 {
		r.add(gateway.PartQuoted, path, quoted.String())
	}
}

// shown adds a text and remembers whether the message has one of its own.
func (r *reader) shown(kind gateway.PartKind, path, text string) {
	if (kind == gateway.PartText || kind == gateway.PartHTML) && !isBlank(text) {
		r.own = true
	}
	r.add(kind, path, text)
}

// html adds the texts of an HTML document.
func (r *reader) html(src, path string, p place) {
	page := document.HTML(src)
	if page.Doubt {
		r.note(uncertainStyle)
	}
	r.shown(p.kind(gateway.PartHTML), path, page.Visible)
	r.add(gateway.PartQuoted, path, page.Quoted)
	r.add(gateway.PartHidden, path, page.Hidden)
	r.add(gateway.PartMachine, path, page.Addresses)
}

// texts reads a leaf that is text, in every character set that its type
// declares.
func (r *reader) texts(e entity, data []byte, markup bool) {
	labels := e.media.All("charset")
	if len(labels) == 0 {
		labels = []string{""}
	}
	if markup {
		labels = r.metaCharset(labels, data)
	}
	if len(labels) > 1 && !charset.Plain(data) {
		r.note(uncertainCharsets)
	}
	if len(labels) == 1 && !markup && justLines(e, data) && charset.Itself(labels[0], data) {
		r.flowing(e, data)
		return
	}
	seen := map[string]bool{}
	for _, label := range labels[:min(len(labels), maxReadings)] {
		t := charset.Decode(label, data)
		if !t.Known {
			r.note(uncertainCharset)
		}
		for _, text := range [...]string{t.Main, t.Other} {
			if len(labels) == 1 && t.Other == "" && text != "" {
				r.oneText(e, text, markup)
			} else if text != "" && !seen[text] {
				seen[text] = true
				r.oneText(e, text, markup)
			}
		}
	}
}

// justLines reports whether oneText would read data, were it decoded, as lines
// and as nothing else.
func justLines(e entity, data []byte) bool {
	head := data[:min(len(data), 512)]
	return bytes.IndexByte(head, '<') < 0 && !isRecords(string(head)) &&
		e.media.Value != "text/enriched" && e.media.Value != "text/richtext" && !e.markdown()
}

// markdown: readers show such a text without its marks.
func (e entity) markdown() bool {
	return e.media.Value == "text/markdown" || e.named(".md", ".markdown")
}

// flowing adds the lines of a text, joined as its type says.
func (r *reader) flowing(e entity, text []byte) {
	how := flowOf(e.media)
	r.lines(text, e.leaf(), e.place, how)
	if how == flowedDelSp { // a reader that does not know DelSp sees other words
		r.lines(text, e.leaf(), e.place, fixed)
	}
}

// metaCharset adds the character set that an HTML document declares itself,
// where the header declares none or another and it matters.
func (r *reader) metaCharset(labels []string, data []byte) []string {
	if charset.Plain(data) && !bytes.Contains(data, []byte("+A")) {
		return labels
	}
	rest := metaLabel(data)
	if rest == "" {
		return labels
	}
	for _, l := range labels {
		if charset.Clean(l) == charset.Clean(rest) {
			return labels
		}
	}
	if labels[0] == "" {
		return []string{rest}
	}
	text := charset.Decode(rest, data)
	r.html(text.Main, "", place{hidden: true})
	return labels
}

// metaLabel is the character set that an HTML document declares itself, "" when
// it declares none.
func metaLabel(data []byte) string {
	head := string(bytes.ToLower(data[:min(len(data), 2048)]))
	_, rest, _ := strings.Cut(head, "charset=")
	rest = strings.TrimLeft(rest, `"' `)
	if i := strings.IndexAny(rest, "\"' ;/>"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// oneText reads one decoding of a text.
func (r *reader) oneText(e entity, text string, markup bool) {
	path := e.leaf()
	switch {
	case markup:
		r.html(text, path, e.place)
		return
	case isRecords(text):
		r.out.Calendar = r.out.Calendar || hasFold(strings.TrimLeft(text, "\r\n\ufeff "), "BEGIN:VCALENDAR")
		r.records(e, text)
		return
	case e.media.Value == "text/enriched", e.media.Value == "text/richtext":
		// A reader that does not know the type shows its source.
		p := e.place
		p.hidden = true
		r.lines([]byte(text), path, p, fixed)
		r.html(text, path, e.place)
		return
	case strings.IndexByte(text[:min(len(text), 512)], '<') >= 0 && r.xml(e, text):
		return
	}
	r.flowing(e, []byte(text))
	if e.markdown() {
		r.add(gateway.PartHidden, path, strings.NewReplacer("*", "", "_", "", "`", "", "~~", "", "\\", "").Replace(text))
	}
	if strings.IndexByte(text[:min(len(text), 512)], '<') >= 0 && document.LooksHTML([]byte(text[:min(len(text), 512)])) {
		// A reader that sniffs shows it as HTML.
		p := e.place
		p.hidden = true
		r.html(text, path, p)
	}
}

// xml reads a document that is XML: a page, an office document in one file, or
// any other, of which the source is what programs show. It reports whether it
// is all read.
func (r *reader) xml(e entity, text string) bool {
	root, declared := document.XMLRoot(text)
	declared = declared || strings.HasSuffix(e.media.Value, "/xml") || strings.HasSuffix(e.media.Value, "+xml")
	plain := e.media.Value == "text/plain" && !e.attached || e.named(".txt")
	p := e.place
	p.hidden = p.hidden || plain
	switch {
	case root == "":
		return false
	case root == "html" && declared, root == "svg":
		r.html(text, e.leaf(), p)
	case document.IsFlat(root):
		d := document.ReadFlat(text)
		r.shown(p.kind(gateway.PartText), e.leaf(), d.Text)
		r.documentTrouble(d.Trouble, e.leaf())
		for i, m := range d.Parts {
			r.member(e, i+1, m)
		}
	case declared:
		r.add(gateway.PartHidden, e.leaf(), document.XML(text))
		plain = true
	default:
		return false
	}
	if document.Entities(text) {
		r.note(uncertainEntities)
	}
	return !plain
}

// looksMessage reports whether octets begin like the header of a message.
func looksMessage(b []byte) bool {
	known := 0
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for _, f := range header.Split(b[:min(len(b), 4096)]).Fields {
		switch strings.ToLower(f.Name) {
		case "from", "to", "subject", "date", "received", "mime-version", "content-type", "message-id", "return-path", "cc", "reply-to", "in-reply-to",
			"content-transfer-encoding", "x-mozilla-status", "delivered-to":
			known++
		}
	}
	return known >= 2
}
