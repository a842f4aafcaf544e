package document

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf8"
)

// Page is the text of an HTML document.
type Page struct {
	Visible string // what a reader shows, block boundaries as line ends
	Quoted  string // within the quotation of an earlier message
	// Hidden is what some reader may show: elements that styles hide (with the
	// visible text around them, for readers that ignore styles), comments,
	// alternative texts, titles, descriptions; and lines as styles may make them,
	// where only a browser could tell.
	Hidden string
	// Addresses are those that links and pictures name, a line each.
	Addresses string
	Doubt     bool // styles put letters or digits together that nothing here can
}

// HTML takes the text out of a document the way a tolerant browser does. It
// runs nothing, fetches nothing and is linear in the length of src.
func HTML(src string) Page {
	p := newPage()
	p.parse(src)
	p.turnAll()
	p.closeHidden()
	p.endSpare()
	p.endMoved()
	return Page{
		Doubt:   p.doubt || p.sheet.over || p.sheet.speaks || p.sheet.counts && p.sheet.start,
		Visible: trimmed(p.visible.text),
		Quoted:  trimmed(p.quoted.text),
		Hidden:  strings.TrimSpace(string(p.hidden.text)),

		Addresses: string(p.addresses),
	}
}

// trimmed is text without white space around it. Tabs that stand for the first
// cells of a row stay.
func trimmed(text []byte) string {
	return strings.TrimLeft(strings.TrimRight(string(text), " \t\n\r\f\v"), " \n\r\f\v")
}

const (
	maxOpen     = 256 // elements on the stack; deeper ones inherit only
	maxSearch   = 64  // how deep an end tag looks for its element
	context     = 120 // octets of visible text around hidden text
	maxRuns     = 500 // hidden runs that get their surroundings
	maxComments = 4   // comments within comments that are read as markup
)

// stream collects text with white space collapsed as browsers do.
type stream struct {
	text  []byte
	space bool   // white space is due before the next text
	turns string // overrides of direction that are open
}

// write adds a run of character data.
func (s *stream) write(run string) {
	for i := 0; i < len(run); {
		if isSpace(run[i]) {
			s.space = true
			i++
			continue
		}
		j := i + 1
		for j < len(run) && !isSpace(run[j]) {
			j++
		}
		s.gap()
		s.text = append(s.text, run[i:j]...)
		i = j
	}
}

// gap writes the white space that is due.
func (s *stream) gap() {
	if n := len(s.text); s.space && n > 0 && s.text[n-1] != '\n' && s.text[n-1] != '\t' {
		s.text = append(s.text, ' ')
	}
	s.space = false
}

// mark ends a line ('\n') or what is like one ('\t').
func (s *stream) mark(c byte) {
	s.turn("")
	n := len(s.text)
	for n > 0 && (s.text[n-1] == ' ' || s.text[n-1] == '\t' && c == '\n') {
		n--
	}
	s.text, s.space = s.text[:n], false
	if n > 0 && s.text[n-1] != '\n' && (s.text[n-1] != c || c == '\t') {
		s.text = append(s.text, c)
	}
}

// lineIn ends a line within a cell whose text begins at from. Before the first
// word of a cell there is no line: what begins a paragraph there leaves the row one.
func (s *stream) lineIn(from int) {
	s.turn("")
	n := len(s.text)
	for n > from && (s.text[n-1] == ' ' || s.text[n-1] == '\t') {
		n--
	}
	if n != from {
		s.mark('\n')
		return
	}
	s.text, s.space = s.text[:from], false
}

// cellEnds ends a cell that takes span columns and whose text begins at from. The
// end of its last line is the end of the cell.
func (s *stream) cellEnds(from, span int) {
	s.turn("")
	for n := len(s.text); n > from && isSpace(s.text[n-1]); n-- {
		s.text = s.text[:n-1]
	}
	s.space = false
	for range span {
		s.text = append(s.text, '\t')
	}
}

// pre adds text whose white space counts.
func (s *stream) pre(run string) {
	s.gap()
	s.text = append(s.text, run...)
}

// lastLine is the end of the last line, at most context octets of it.
func (s *stream) lastLine() string {
	tail := s.text[max(0, len(s.text)-context):]
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	line := string(tail)
	return line[strings.LastIndexByte(line, '\n')+1:]
}

// before is the end of the last line with text.
func (s *stream) before() string {
	whole := s.text
	s.text = bytes.TrimRight(s.text, " \t\n")
	line := s.lastLine()
	s.text = whole
	return line
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }

// element is an open element and what its text inherits.
type element struct {
	name   string
	hidden bool // display none and kin: nothing within can undo it
	small  bool // font size zero: a size within undoes it
	quoted bool
	pre    bool
	styled bool // has a style of its own

	odd      bool // may be out of sight: its text is given with and without
	inexact  bool // a rule may hide it that may not be for it
	moved    bool // those in it may stand in the other order
	shuffled bool // or in any
	flat     bool // a block that stands in a line with others
	inlined  bool // and is none at all
	shows    bool // a style says that it is in sight
	lost     bool // and another hides it for good
	before   string
	after    string // text that a style adds

	turn  turn
	color color
	back  color

	cell int // one more than where the text of the cell around it begins; 0 when none is
	span int // columns that the cell takes
}

type page struct {
	visible, quoted, hidden stream
	stack                   []element
	sheet                   sheet
	inHidden                bool // the last text was hidden
	following               int  // octets of visible text still to repeat behind hidden text
	runs                    int  // of hidden text that got their surroundings
	comments                int
	noEnd                   bool // no ">" comes any more
	turned                  bool // text may run backwards somewhere

	bare    stream // the line at hand as styles may make it
	sparing bool   // there is such a line
	spared  int    // lines of the kind
	torn    torn
	attrs   []attr // of the tag at hand
	doubt   bool

	addresses []byte
}

func newPage() *page {
	p := &page{stack: make([]element, 1, 32)}
	p.stack[0].back, p.stack[0].color = white, black
	return p
}

func (p *page) top() *element { return &p.stack[len(p.stack)-1] }

// parse reads markup (WHATWG HTML section 13.2.5, without its repairs).
func (p *page) parse(src string) {
	for src != "" {
		i := strings.IndexByte(src, '<')
		if i < 0 {
			p.chars(src)
			return
		}
		if i > 0 {
			p.chars(src[:i])
			src = src[i:]
		}
		n := p.markup(src)
		if n == 0 {
			p.chars("<")
			n = 1
		}
		src = src[n:]
	}
}

// markup takes what begins with "<" and returns its length, 0 when it is text.
func (p *page) markup(src string) int {
	if len(src) < 2 {
		return 0
	}
	switch c := src[1]; {
	case isLetter(c):
		return p.startTag(src)
	case c == '/':
		return p.endTag(src)
	case c == '!':
		return p.declaration(src)
	case c == '?':
		return p.bogus(src)
	}
	return 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// bogus is the length of a construct that ends with the next ">". Where none
// comes any more it is not looked for again: "<?<?<?…" must stay linear.
func (p *page) bogus(src string) int {
	if p.noEnd {
		return 2
	}
	if i := strings.IndexByte(src, '>'); i >= 0 {
		return i + 1
	}
	p.noEnd = true
	return 2
}

// declaration takes comments, doctypes and marked sections. Conditional
// comments hold markup that some readers show, so comments are read as markup
// into the hidden text.
func (p *page) declaration(src string) int {
	if strings.HasPrefix(src, "<![CDATA[") && (p.within("svg") || p.within("math")) {
		text, _, _ := strings.Cut(src[len("<![CDATA["):], "]]>")
		p.literal(text)
		return min(len(src), len("<![CDATA[")+len(text)+len("]]>"))
	}
	if !strings.HasPrefix(src, "<!--") {
		n := p.bogus(src)
		if text := src[2:n]; !hasFold(text, "doctype") && (!strings.HasPrefix(text, "[") || strings.HasPrefix(text, "[CDATA[")) {
			p.aside(strings.TrimSuffix(text, ">"))
		}
		return n
	}
	body, n := src[4:], len(src)
	end := strings.Index(body, "-->")
	if bang := strings.Index(body[:max(end, 0)], "--!>"); bang >= 0 {
		end = bang
	}
	switch {
	case strings.HasPrefix(body, ">"):
		return 5
	case strings.HasPrefix(body, "->"):
		return 6
	case end >= 0:
		n = 4 + end + strings.IndexByte(body[end:], '>') + 1
		body = body[:end]
	}
	p.comment(body)
	return n
}

// comment reads the inside of a comment, deeper ones as plain text, with and
// without their tags.
func (p *page) comment(body string) {
	if strings.TrimSpace(body) == "" {
		return
	}
	if p.comments >= maxComments || strings.IndexByte(body, '<') < 0 {
		p.aside(html.UnescapeString(body))
		if strings.IndexByte(body, '<') >= 0 {
			p.aside(XML(body))
		}
		return
	}
	inner := newPage()
	inner.comments = p.comments + 1
	inner.parse(body)
	inner.turnAll()
	inner.closeHidden()
	inner.endSpare()
	inner.endMoved()
	p.doubt = p.doubt || inner.doubt || inner.sheet.over || inner.sheet.speaks || inner.sheet.counts && inner.sheet.start
	for _, s := range []*stream{&inner.visible, &inner.quoted, &inner.hidden} {
		p.aside(string(s.text))
	}
	p.addresses = append(p.addresses, inner.addresses...)
}

// aside adds text to the hidden ones on a line of its own.
func (p *page) aside(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	p.closeHidden()
	p.hidden.mark('\n')
	p.hidden.write(text)
	p.hidden.mark('\n')
}

// chars adds character data to the stream of the open element.
func (p *page) chars(run string) {
	if strings.IndexByte(run, '&') >= 0 {
		run = html.UnescapeString(run)
	}
	p.literal(run)
}

// literal adds character data without references.
func (p *page) literal(run string) {
	e := p.top()
	if e.hidden || e.small || e.color == e.back && e.color != 0 {
		p.hide(run)
		return
	}
	s := p.shown()
	p.tear(run)
	if e.odd || e.color != e.back && e.color.near(e.back) {
		p.spare(run)
	} else if p.sparing {
		p.bare.write(run)
	}
	if p.following > 0 {
		p.follow(run)
	}
	p.inHidden = p.inHidden && strings.TrimSpace(run) == ""
	if (e.turn.marks != "" || s.turns != "") && !isBlank(run) {
		s.turn(e.turn.marks)
	}
	if e.pre {
		s.pre(run)
		return
	}
	s.write(run)
}

func (p *page) shown() *stream { return p.stream(p.top()) }

// stream is where the text of an element goes.
func (p *page) stream(e *element) *stream {
	if e.quoted {
		return &p.quoted
	}
	return &p.visible
}

// hide adds a hidden run, with the line so far when it begins.
func (p *page) hide(run string) {
	if strings.TrimSpace(run) == "" {
		p.hidden.space = true
		return
	}
	if !p.inHidden && p.following == 0 && p.runs < maxRuns {
		p.hidden.mark('\n')
		s := p.shown()
		p.hidden.write(s.lastLine())
		p.hidden.space = s.space
	}
	p.inHidden = true
	if p.runs++; p.runs < maxRuns {
		p.following = context
	}
	p.hidden.write(run)
}

// follow repeats the visible text that stands behind hidden text.
func (p *page) follow(run string) {
	if len(run) > p.following {
		run = strings.ToValidUTF8(run[:p.following], "")
	}
	p.following -= len(run)
	p.hidden.write(run)
}

func (p *page) closeHidden() {
	if p.inHidden || p.following > 0 {
		p.hidden.mark('\n')
	}
	p.inHidden, p.following = false, 0
}

// newline ends the line, or the cell ('\t'), of the streams that text goes to now.
func (p *page) newline(c byte) {
	switch s, e := p.shown(), p.top(); {
	case e.cell == 0:
		s.mark(c)
	case c == '\t':
		s.cellEnds(e.cell-1, e.span)
	default:
		s.lineIn(e.cell - 1)
	}
	p.torn.inline = pieces{}
	if p.sparing && c == '\t' {
		p.bare.mark(c)
	} else if p.sparing {
		p.endSpare()
	}
	switch {
	case p.following > 0 && !p.inHidden && c == '\n':
		p.closeHidden()
	case p.following > 0 || p.inHidden:
		p.hidden.mark(c)
	}
}
