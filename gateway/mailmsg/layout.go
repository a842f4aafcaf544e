package mailmsg

import (
	"bytes"

	"gatepost/gateway"
)

// LayoutWriter makes the layout of a mail while its octets pass. It keeps
// headers and where parts lie, nothing of a body: what it needs does not grow
// with the mail, and each octet is looked at a bounded number of times. It sees
// parts where View sees them.
type LayoutWriter struct {
	size   int64  // octets up to and with the line at hand
	from   int64  // where that line begins
	behind int64  // length of the line end before it
	end    int64  // and of its own
	lines  int64  // that ended before it
	line   []byte // beginning of a line that has no end yet
	length int64  // octets of it
	cr     bool   // its last octet is CR

	root, open *outline
	header     bool   // the line at hand is one of the header of open
	head       []byte // lines of that header
	top        []byte // the outermost header, as it came
	parts      int
	words      int // octets of text that the layout may still take
	out        gateway.Layout
}

// outline is an entity while it is found.
type outline struct {
	gateway.LayoutPart
	mail     bool // the whole mail, or the one in a message/rfc822
	boundary string
	closed   bool  // its last delimiter was seen
	above    int64 // lines before its body
	parent   *outline
	children []*outline
}

// Limits in octets.
const (
	maxLayoutWords = 128 << 10 // all texts of a layout beside its header
	maxDelimiter   = 2 << 10   // a line that may separate parts
	maxFieldText   = 8 << 10   // one text of the layout
)

// NewLayout begins a layout. Writing to it never fails.
func NewLayout() *LayoutWriter {
	w := &LayoutWriter{root: &outline{mail: true}, header: true, words: maxLayoutWords}
	w.open = w.root
	return w
}

// Write implements io.Writer.
func (w *LayoutWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.begun(p)
			break
		}
		piece, end := p[:i+1], ending(p[:i+1])
		if p = p[i+1:]; w.length == 0 {
			w.ended(piece, int64(len(piece)), end)
			continue
		}
		if w.cr && i == 0 {
			end = 2
		}
		w.begun(piece)
		w.ended(w.line, w.length, end)
		w.line, w.length, w.cr = w.line[:0], 0, false
	}
	return n, nil
}

// begun takes a piece of a line of which another piece comes.
func (w *LayoutWriter) begun(piece []byte) {
	room := maxDelimiter
	if w.header {
		room = gateway.MaxLayoutHeader
	}
	w.length += int64(len(piece))
	w.cr = piece[len(piece)-1] == '\r'
	w.line = append(w.line, piece[:min(len(piece), max(0, room-len(w.line)))]...)
}

// ended takes a line of length octets, of which line is at least the beginning.
func (w *LayoutWriter) ended(line []byte, length, end int64) {
	w.from, w.size = w.size, w.size+length
	w.behind, w.end = w.end, end
	whole := int64(len(line)) == length
	if !(whole && w.delimiter(line)) && w.header {
		w.headLine(line, whole)
	}
	if end > 0 {
		w.lines++
	}
}

func (w *LayoutWriter) headLine(line []byte, whole bool) {
	w.keepHeader(line, whole)
	if whole && int64(len(line)) == w.end {
		w.headed(w.size, w.lines+1)
		return
	}
	if whole && len(w.head)+len(line) <= gateway.MaxLayoutHeader {
		w.head = append(w.head, line...)
	}
}

// keepHeader keeps the octets of the outermost header as they are.
func (w *LayoutWriter) keepHeader(line []byte, whole bool) {
	if w.open != w.root || w.out.Cut {
		return
	}
	room := gateway.MaxLayoutHeader - len(w.top)
	w.out.Cut = !whole || len(line) > room
	w.top = append(w.top, line[:min(len(line), room)]...)
}

// headed ends the header of the open entity. Its body begins at body, behind
// so many lines.
func (w *LayoutWriter) headed(body, above int64) {
	o := w.open
	o.Body, o.above, w.header = body, above, false
	w.describe(o, w.head)
	w.head = w.head[:0]
	if o.Type == "message" && isMailType(o.Subtype) && w.room(o) {
		child := &outline{mail: true, parent: o}
		child.Start = body
		o.children = append(o.children, child)
		w.open, w.header = child, true
	}
}

// room reports whether a part of o is taken account of; it then is.
func (w *LayoutWriter) room(o *outline) bool {
	depth := 0
	for p := o; p != nil; p = p.parent {
		depth++
	}
	if depth >= gateway.MaxLayoutDepth || w.parts+1 >= gateway.MaxLayoutParts {
		return false
	}
	w.parts++
	return true
}

// delimiter reports whether a line separates parts of an entity that is open,
// the innermost first, and ends and begins what it announces.
func (w *LayoutWriter) delimiter(line []byte) bool {
	if len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for o := w.open; o != nil; o = o.parent {
		if o.boundary == "" || o.closed || !bytes.HasPrefix(line, []byte(o.boundary)) {
			continue
		}
		rest := string(line[len(o.boundary):])
		if rest != "" && rest != "--" {
			continue
		}
		w.leave(o, w.from-w.behind)
		if o.closed = rest != ""; !o.closed && w.room(o) {
			child := &outline{parent: o}
			child.Start = w.size
			o.children = append(o.children, child)
			w.open, w.header = child, true
		}
		return true
	}
	return false
}

// leave ends what is open within o; nil ends everything. The line end before a
// delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
func (w *LayoutWriter) leave(o *outline, at int64) {
	if w.header && w.open != o {
		body := max(at, w.open.Start)
		w.headed(body, w.above(body))
		if w.header { // a mail within, which has not a single line
			w.headed(body, w.above(body))
		}
	}
	for c := w.open; c != o; c = c.parent {
		at = max(at, c.Body)
		c.End, c.Lines = at, max(0, w.above(at)-c.above)
	}
	w.open, w.header, w.head = o, false, w.head[:0]
}

// above is the number of lines that end before at, which is where the line at
// hand begins or the line end before it.
func (w *LayoutWriter) above(at int64) int64 {
	if at < w.from && w.behind > 0 {
		return w.lines - 1
	}
	return w.lines
}

// Layout ends the mail and returns its layout.
func (w *LayoutWriter) Layout() *gateway.Layout {
	if w.length > 0 {
		w.ended(w.line, w.length, 0)
		w.length = 0
	}
	if w.open != nil {
		w.behind, w.from = 0, w.size
		w.leave(nil, w.size)
		w.out.Header, w.out.Size, w.out.Root = gateway.Sensitive(w.top), w.size, w.root.finished()
	}
	return &w.out
}

// finished is the entity as it was found. A container in which nothing was
// found, or nothing looked for, is a file.
func (o *outline) finished() gateway.LayoutPart {
	p := o.LayoutPart
	for _, c := range o.children {
		p.Parts = append(p.Parts, c.finished())
	}
	if len(p.Parts) == 0 && p.Type == "multipart" {
		p.Type, p.Subtype, p.Params = "text", "plain", nil // the source is all there is
	}
	if len(p.Parts) == 0 && p.Type == "message" && isMailType(p.Subtype) {
		p.Type, p.Subtype = "application", "octet-stream"
	}
	return p
}
