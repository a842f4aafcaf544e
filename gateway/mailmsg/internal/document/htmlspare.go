package document

import (
	"slices"
	"strings"
)

const maxSpared = 5000 // lines that are given as styles may make them

// spare leaves a run out of the line at hand, as a browser may: the line is
// given once more without it.
func (p *page) spare(run string) {
	if isBlank(run) {
		p.bare.space = true
		return
	}
	p.beginSpare()
}

func (p *page) beginSpare() {
	if p.sparing {
		return
	}
	if p.spared++; p.spared > maxSpared {
		p.doubt = true
		return
	}
	s := p.shown()
	p.bare = stream{text: append(p.bare.text[:0], s.lastLine()...), space: s.space}
	p.sparing = true
}

// endSpare ends the line.
func (p *page) endSpare() {
	if !p.sparing {
		return
	}
	p.sparing = false
	p.aside(string(p.bare.text))
}

// added takes a text that a style adds to an element.
func (p *page) added(text string) {
	if text == "" || p.top().hidden {
		return
	}
	if p.beginSpare(); p.sparing {
		p.bare.pre(text)
	}
}

// addition is the text of a content property.
func (e *element) addition(content string, attrs []attr) string {
	var b strings.Builder
	for content != "" {
		if name, ok := strings.CutPrefix(content, "attr("); ok {
			name, content, _ = strings.Cut(name, ")")
			for _, a := range attrs {
				if a.name == lower(strings.TrimSpace(name)) {
					b.WriteString(a.value)
				}
			}
			continue
		}
		var text string
		text, content = cssString(content)
		b.WriteString(text)
	}
	return b.String()
}

// attr is an attribute that a style sheet names.
type attr struct{ name, value string }

// torn counts short runs of text, of which a browser may make a number or a
// word that stands nowhere in the page.
type torn struct {
	inline pieces   // that follow on each other, some maybe hidden
	free   pieces   // that may stand in any order
	moved  []string // that may stand in a line, in this order or the other
	line   string   // before them
}

// pieces are short runs.
type pieces struct {
	runs, digits, letters int
	flagged               bool
}

const (
	shortRun   = 4  // characters
	longRun    = 12 // that end what shorter ones make
	manyRuns   = 4
	manyDigits = 5
	maxMoved   = 64
)

func (c *pieces) add(run string, flagged bool) bool {
	c.runs++
	c.digits += digitsOf(run)
	if isLetter(run[0]) {
		c.letters++
	}
	c.flagged = c.flagged || flagged
	return c.flagged && c.runs >= manyRuns && (c.digits >= manyDigits || c.letters >= manyDigits)
}

// tear looks at a run in sight.
func (p *page) tear(run string) {
	e := p.top()
	text := strings.Trim(run, " \n\t\r\f")
	if text == "" {
		p.torn.inline = pieces{}
		return
	}
	short := len(text) <= shortRun && strings.IndexByte(text, ' ') < 0
	if isSpace(run[0]) || !short {
		p.torn.inline = pieces{}
	}
	if short {
		p.doubt = p.torn.inline.add(text, e.odd && e.inexact || p.sheet.wild) || p.doubt
	}
	if isSpace(run[len(run)-1]) {
		p.torn.inline = pieces{}
	}
	switch free := e.shuffled || p.sheet.wild; {
	case free && short:
		p.doubt = p.torn.free.add(text, true) || p.doubt
	case len(text) > longRun || short:
		p.torn.free = pieces{}
	}
	switch {
	case (e.moved || e.flat) && len(text) <= longRun && len(p.torn.moved) < maxMoved:
		if len(p.torn.moved) == 0 {
			p.torn.line = p.shown().before()
		}
		p.torn.moved = append(p.torn.moved, text)
	case len(p.torn.moved) > 0:
		p.endMoved()
	}
}

// endMoved gives the runs that styles may put in one line: in both orders.
func (p *page) endMoved() {
	list := p.torn.moved
	p.torn.moved = nil
	if len(list) < 2 {
		return
	}
	if p.spared++; p.spared > maxSpared {
		p.doubt = true
		return
	}
	p.aside(p.torn.line + " " + strings.Join(list, ""))
	slices.Reverse(list)
	p.aside(p.torn.line + " " + strings.Join(list, ""))
}
