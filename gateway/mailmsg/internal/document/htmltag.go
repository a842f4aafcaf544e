package document

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// kind says what a tag does to the text around it.
type kind uint8

const (
	inline kind = iota
	block       // begins and ends a line
	brk         // ends a line
	cell        // ends a table cell
	raw         // content is no markup
	void        // has no content
)

func kindOf(name string) kind {
	switch name {
	case "p", "div", "tr", "li", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tbody", "thead",
		"tfoot", "blockquote", "pre", "center", "form", "fieldset", "section", "article", "header", "footer", "main", "nav",
		"aside", "address", "figure", "figcaption", "caption", "body", "html", "head", "select", "option", "button",
		"listing", "details", "summary", "legend", "dir", "menu", "o:p":
		return block
	case "br", "hr":
		return brk
	case "td", "th":
		return cell
	case "script", "style", "xmp", "title", "textarea", "iframe", "noembed", "noframes", "plaintext":
		return raw
	case "img", "input", "meta", "link", "area", "base", "col", "embed", "param", "source", "track", "wbr", "bgsound", "frame", "keygen", "image":
		return void
	}
	return inline
}

// name reads a tag's name in lower case and returns its length.
func tagName(src string) (string, int) {
	n := 0
	for n < len(src) && !isSpace(src[n]) && src[n] != '>' && src[n] != '/' {
		n++
	}
	return lower(src[:n]), n
}

// lower is strings.ToLower for names that mostly are lower case already.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// startTag takes a start tag and, where its content is no markup, that too.
// A tag that never ends is text that some reader shows.
func (p *page) startTag(src string) int {
	name, n := tagName(src[1:])
	k := kindOf(name)
	if k == block || k == cell {
		p.implied(name)
	}
	e := *p.top()
	e.begin(name)
	if p.sheet.tags {
		p.rule(&e, name)
	}
	n, closed := p.attributes(src, n+1, &e)
	if !closed {
		p.aside(src)
		return len(src)
	}
	p.turned = e.turn.resolve() || p.turned
	e.resolve(p)
	if k == block && e.inlined {
		k = inline
	}
	p.inCell(&e, name)
	switch k {
	case block:
		p.newline('\n')
	case brk:
		p.newline('\n')
		return n
	case void:
		return n
	case raw:
		return n + p.rawText(name, src[n:], e.styled || p.within("select"))
	}
	e.pre = e.pre || name == "pre" || name == "listing"
	e.hidden = e.hidden || name == "template" || name == "rp"
	if len(p.stack) < maxOpen {
		p.stack = append(p.stack, e)
		p.added(e.before)
	} else if e.hidden != p.top().hidden || e.odd != p.top().odd || e.shuffled || e.moved {
		p.doubt = true // too deep to follow
	}
	return n
}

// begin takes over what an element inherits.
func (e *element) begin(name string) {
	e.name, e.styled, e.shows, e.lost, e.inlined, e.before, e.after = name, false, false, false, false, "", ""
	e.span = 1
	e.turn.begin(name)
	switch name { // what stands in them is shown by some readers
	case "audio", "video", "canvas", "datalist", "dialog", "noscript", "object":
		e.odd = true
	}
}

// resolve ends the attributes of an element.
func (e *element) resolve(p *page) {
	if e.hidden && e.shows && !e.lost && !p.top().hidden { // the order of the rules decides
		e.hidden, e.odd, e.inexact = false, true, true
	}
	e.moved = e.moved || e.turn.to == 'r' && (e.name == "table" || e.name == "tr")
	if e.before != "" || e.after != "" {
		e.before, e.after = e.addition(e.before, p.attrs), e.addition(e.after, p.attrs)
	}
	e.quoted = e.quoted && !(e.inlined && e.name == "blockquote") || p.top().quoted
	p.attrs = p.attrs[:0]
}

// inCell notes where the text of a cell begins. A table within a cell has lines of
// its own: what stands beside them makes no row with them.
func (p *page) inCell(e *element, name string) {
	switch {
	case kindOf(name) == cell:
		e.cell = len(p.stream(e).text) + 1
	case name == "table":
		e.cell = 0
		for i := len(p.stack) - 1; i > 0 && p.stack[i].cell > 0; i-- {
			p.stack[i].cell = 0
		}
	case e.quoted != p.top().quoted:
		e.cell = 0
	}
}

// implied closes the elements that a start tag ends without saying so, and
// inherits anew.
func (p *page) implied(name string) {
	for ends(p.top().name, name) {
		if kindOf(p.top().name) == cell {
			p.newline('\t')
		}
		p.pop(len(p.stack) - 1)
	}
}

// ends reports whether an element ends where another begins.
func ends(top, name string) bool {
	switch top {
	case "p":
		return true
	case "li", "option", "tr":
		return top == name
	case "td", "th":
		return name == "td" || name == "th" || name == "tr"
	case "dt", "dd":
		return name == "dt" || name == "dd"
	}
	return false
}

func (p *page) pop(to int) {
	if to <= 0 {
		return
	}
	marks, s := p.top().turn.marks, p.shown()
	p.stack = p.stack[:to]
	if p.top().turn.marks != marks {
		s.turn(p.top().turn.marks)
	}
}

func (p *page) endTag(src string) int {
	if len(src) < 3 || !isLetter(src[2]) {
		return p.bogus(src)
	}
	name, n := tagName(src[2:])
	end := strings.IndexByte(src[2+n:], '>')
	if end < 0 {
		p.aside(src)
		return len(src)
	}
	for i := len(p.stack) - 1; i > 0 && i >= len(p.stack)-maxSearch; i-- {
		if p.stack[i].name == name {
			p.close(i, name)
			return n + end + 3
		}
	}
	p.boundary(name)
	return n + end + 3
}

// close ends the line or cell inside the element, then the element.
func (p *page) close(i int, name string) {
	p.added(p.stack[i].after)
	if p.stack[i].inlined && kindOf(name) == block {
		p.pop(i)
		return
	}
	if kindOf(name) == cell {
		if p.shown() != p.stream(&p.stack[i]) {
			p.newline('\n')
		}
		p.pop(i + 1)
		p.newline('\t')
		p.pop(i)
		return
	}
	p.boundary(name)
	p.pop(i)
	p.boundary(name)
}

func (p *page) boundary(name string) {
	switch kindOf(name) {
	case block, brk:
		p.newline('\n')
	case cell:
		p.newline('\t')
	}
}

// hasFold reports whether s begins with the lower-case prefix in any case.
func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// attributes reads the attributes of a tag from src[at:], applies them to e
// and returns where the tag ends.
func (p *page) attributes(src string, at int, e *element) (end int, closed bool) {
	for at < len(src) {
		for at < len(src) && (isSpace(src[at]) || src[at] == '/') {
			at++
		}
		if at >= len(src) {
			break
		}
		if src[at] == '>' {
			return at + 1, true
		}
		start := at
		for at++; at < len(src) && src[at] != '=' && src[at] != '>' && src[at] != '/' && !isSpace(src[at]); at++ {
		}
		name, value := src[start:at], ""
		for at < len(src) && isSpace(src[at]) {
			at++
		}
		if at < len(src) && src[at] == '=' {
			value, at = attrValue(src, at+1)
			if at < 0 {
				return len(src), false
			}
		}
		p.attribute(e, name, value)
		if len(p.sheet.attrs) > 0 {
			p.named(e, lower(name), value)
		}
		if strings.ContainsAny(value, "<>") {
			p.described(value) // a reader that ends the tag within the quotes shows the rest
		}
	}
	return len(src), false
}

// attrValue reads the value that begins at src[at:]; at is negative when its
// quote never ends.
func attrValue(src string, at int) (string, int) {
	for at < len(src) && isSpace(src[at]) {
		at++
	}
	if at < len(src) && (src[at] == '"' || src[at] == '\'') {
		end := strings.IndexByte(src[at+1:], src[at])
		if end < 0 {
			return "", -1
		}
		return src[at+1 : at+1+end], at + end + 2
	}
	start := at
	for at < len(src) && src[at] != '>' && !isSpace(src[at]) {
		at++
	}
	return src[start:at], at
}

// attribute applies one attribute. Names of two octets and more that mean
// nothing here are left early: this runs for each of a newsletter's thousands.
func (p *page) attribute(e *element, name, value string) {
	switch lower(name) {
	case "style":
		e.styled = true
		e.style(html.UnescapeString(value))
	case "class":
		p.class(e, value)
	case "id":
		p.rule(e, "#"+value)
	case "dir":
		e.turn.direct(value)
	case "hidden":
		e.hidden = true
	case "bgcolor":
		e.back = parseColor(value)
	case "background":
		e.back = 0
	case "color":
		e.color = parseColor(value)
	case "type":
		e.quoted = e.quoted || e.name == "blockquote" && strings.EqualFold(value, "cite")
	case "colspan":
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
			e.span = max(1, min(n, maxAbsent))
		}
	case "content":
		if e.name == "meta" && strings.IndexByte(value, ' ') > 0 && !strings.ContainsAny(value, "=;") {
			p.aside(html.UnescapeString(value))
		}
	case "alt":
		if len(value) <= longRun { // a reader without pictures shows it within the line
			p.added(html.UnescapeString(value))
		}
		p.described(value)
	case "title", "summary", "label", "placeholder", "aria-label", "value", "srcdoc", "standby":
		p.described(value)
	case "href", "src":
		p.address(value)
	}
}

// address adds what an address says by itself: the text of a prepared mail, or
// the path of a file on the writer's machine. Those of the web are left out:
// they are full of numbers that name nobody, unless they hide what they say.
func (p *page) address(value string) {
	if !hasFold(value, "data:") {
		p.addresses = append(append(p.addresses, unescapeURL(html.UnescapeString(value))...), '\n')
	}
	p.aside(Unescaped(value))
	if hasFold(value, "mailto:") && strings.IndexByte(value, '?') > 0 || hasFold(value, "file:") {
		p.aside(unescapeURL(html.UnescapeString(value)))
	}
	if hasFold(value, "data:") {
		p.data(html.UnescapeString(value[len("data:"):]))
	}
}

// data reads a document that stands in an address itself (RFC 2397): a page,
// or a drawing with text.
func (p *page) data(value string) {
	media, body, ok := strings.Cut(value, ",")
	if !ok || !hasFold(media, "text/") && !hasFold(media, "image/svg") && !strings.HasPrefix(media, ";") && media != "" {
		return
	}
	if text, err := url.PathUnescape(body); err == nil {
		body = text
	}
	if strings.HasSuffix(lower(media), ";base64") {
		text, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(body, "=")) // as far as it goes
		body = string(text)
	}
	p.comment(strings.ToValidUTF8(body, "\ufffd"))
}

// described adds the text of an attribute.
func (p *page) described(value string) {
	if value == "" {
		return
	}
	if strings.IndexByte(value, '&') >= 0 {
		value = html.UnescapeString(value)
	}
	if strings.IndexByte(value, '<') >= 0 {
		p.comment(value)
		return
	}
	p.aside(value)
}

func (p *page) class(e *element, value string) {
	if kindOf(e.name) != block {
	} else if strings.Contains(value, "gmail_quote") || strings.Contains(value, "moz-cite") || strings.Contains(value, "yahoo_quoted") {
		e.quoted = true
	}
	if p.sheet.empty() {
		return
	}
	for _, c := range strings.Fields(value) {
		p.rule(e, "."+c)
	}
}

// named keeps an attribute that a style sheet names, as its rules or texts want
// it.
func (p *page) named(e *element, name, value string) {
	if !slices.Contains(p.sheet.attrs, name) {
		return
	}
	value = html.UnescapeString(value)
	if len(p.attrs) < maxNested {
		p.attrs = append(p.attrs, attr{name, value})
	}
	p.rule(e, "["+name)
	if strings.HasPrefix(name, "data-") {
		p.described(value)
	}
}

// rule applies what style sheets say of a class or an identifier.
func (p *page) rule(e *element, selector string) {
	r, ok := p.sheet.rules[selector]
	if !ok {
		return
	}
	e.hidden, e.odd, e.inexact = e.hidden || r.hidden, e.odd || r.odd, e.inexact || r.inexact
	e.lost, e.flat = e.lost || r.lost, e.flat || r.flat
	e.inlined = e.inlined || r.inlined
	e.moved, e.shuffled, e.shows = e.moved || r.moved, e.shuffled || r.shuffled, e.shows || r.shows
	if r.before != "" {
		e.before = r.before
	}
	if r.after != "" {
		e.after = r.after
	}
	e.turn.add(r.turn)
}
