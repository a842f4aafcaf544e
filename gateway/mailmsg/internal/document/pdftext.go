package document

import (
	"bytes"
	"math"
	"strings"
	"unicode"
)

// graphics is the state that q saves.
type graphics struct {
	ctm        matrix
	font       *pdfFont
	size       float64
	char, word float64 // extra space behind each character, each blank
	scale      float64 // horizontal
	leading    float64
	clip       box
	unseen     bool // a rendering mode that paints nothing
	clear      bool // transparent
	white      bool // filled with white
}

// canvas interprets a content stream far enough to put its words in order:
// what is drawn close together is one word, what is drawn on another height is
// another line.
type canvas struct {
	p        *pdf
	on       *layout
	res      pdfDict
	cache    map[string]*pdfFont
	operands []any
	now      graphics
	saved    []graphics
	text     matrix
	line     matrix
	path     box
	clips    bool // the path becomes the clip
	marks    int  // sequences of marked content that are open
	layer    int  // the outermost of them that a reader can switch off, 0 when there is none
	depth    int  // forms within forms
}

const (
	maxOperands = 1000
	maxSaved    = 64
	maxForms    = 8 // within each other
)

// draw runs a content stream by itself (section 9.4).
func (p *pdf) draw(content []byte, res pdfDict) {
	on := new(layout)
	p.drawOn(on, content, res, graphics{ctm: unit()})
	p.finish(on)
}

func (p *pdf) drawOn(on *layout, content []byte, res pdfDict, now graphics) {
	now.scale, now.size = 1, 1
	c := canvas{p: p, on: on, res: res, now: now}
	c.run(content)
}

// finish writes what a page says: as it was drawn, and as it lies where that
// is another order.
func (p *pdf) finish(on *layout) {
	p.write(on.out.String())
	p.write(on.ordered())
}

// run draws a content stream.
func (c *canvas) run(content []byte) {
	if !bytes.Contains(content, []byte("T")) && !bytes.Contains(content, []byte("Do")) {
		return
	}
	c.on.begin(len(content))
	c.cache, c.text, c.line = map[string]*pdfFont{}, unit(), unit()
	l := pdfLexer{b: content}
	for c.on.out.Len() < maxPDFText {
		v, ok := l.next(0)
		if !ok {
			break
		}
		w, isOp := v.(pdfWord)
		switch {
		case isOp && w == "ID":
			skipImage(&l)
			c.operands = c.operands[:0]
		case isOp:
			c.operator(w)
			c.operands = c.operands[:0]
		case len(c.operands) < maxOperands:
			c.operands = append(c.operands, v)
		}
	}
	c.p.over = c.p.over || l.over
}

// skipImage steps over the octets of an inline image (section 8.9.7).
func skipImage(l *pdfLexer) {
	if i := bytes.Index(l.b[l.at:], []byte("EI")); i >= 0 {
		l.at += i + 2
		return
	}
	l.at = len(l.b)
}

// number is the n-th operand, counted from the end.
func (c *canvas) number(fromEnd int) float64 {
	if i := len(c.operands) - fromEnd; i >= 0 {
		if v, ok := c.operands[i].(float64); ok && !math.IsInf(v, 0) && math.Abs(v) < 1e9 {
			return v
		}
	}
	return 0
}

func (c *canvas) last() any {
	if n := len(c.operands); n > 0 {
		return c.operands[n-1]
	}
	return nil
}

func (c *canvas) matrix() matrix {
	return matrix{c.number(6), c.number(5), c.number(4), c.number(3), c.number(2), c.number(1)}
}

func (c *canvas) operator(op pdfWord) {
	switch op {
	case "q":
		if len(c.saved) < maxSaved {
			c.saved = append(c.saved, c.now)
		}
	case "Q":
		if n := len(c.saved); n > 0 {
			c.now, c.saved = c.saved[n-1], c.saved[:n-1]
		}
	case "cm":
		c.now.ctm = c.matrix().mul(c.now.ctm)
	case "BT":
		c.text = unit()
		c.line = c.text
	case "Tf":
		c.setFont()
	case "Tc":
		c.now.char = c.number(1)
	case "Tw":
		c.now.word = c.number(1)
	case "Tz":
		c.now.scale = c.number(1) / 100
	case "TL":
		c.now.leading = c.number(1)
	case "Do":
		c.object()
	default:
		if !c.position(op) {
			c.sight(op)
		}
	}
}

// position takes the operators that move and show (section 9.4.2, 9.4.3).
func (c *canvas) position(op pdfWord) bool {
	switch op {
	case "Td":
		c.move(c.number(2), c.number(1))
	case "TD":
		c.now.leading = -c.number(1)
		c.move(c.number(2), c.number(1))
	case "Tm":
		c.text = c.matrix()
		c.line, c.on.jumped = c.text, true
	case "T*":
		c.move(0, -c.now.leading)
	case `"`:
		c.now.word, c.now.char = c.number(3), c.number(2)
		fallthrough
	case "'":
		c.move(0, -c.now.leading)
		c.show(c.last())
	case "Tj":
		c.show(c.last())
	case "TJ":
		list, _ := c.last().(pdfArray)
		for _, v := range list {
			if n, ok := v.(float64); ok {
				c.advance(-n / 1000 * c.now.size * c.now.scale)
			} else {
				c.show(v)
			}
		}
	default:
		return false
	}
	return true
}

func (c *canvas) move(x, y float64) {
	c.line = matrix{1, 0, 0, 1, x, y}.mul(c.line)
	c.text, c.on.jumped = c.line, true
}

func (c *canvas) advance(w float64) { c.text = matrix{1, 0, 0, 1, w, 0}.mul(c.text) }

func (c *canvas) setFont() {
	c.now.size = c.number(1)
	c.now.font = nil
	if n := len(c.operands); n >= 2 {
		name, _ := c.operands[n-2].(pdfName)
		c.now.font = c.fontNamed(string(name))
	}
}

func (c *canvas) fontNamed(name string) *pdfFont {
	if f, ok := c.cache[name]; ok {
		return f
	}
	f := c.p.font(c.p.resource(c.res, "Font", name))
	c.cache[name] = f
	return f
}

// object draws a form (section 8.10) where it is placed.
func (c *canvas) object() {
	name, _ := c.last().(pdfName)
	o := c.p.streamOf(c.p.getDict(c.res["XObject"])[string(name)])
	if o == nil || c.depth >= maxForms || c.p.get(o.dict()["Subtype"]) == pdfName("Image") {
		return
	}
	c.form(o, c.p.matrixOf(o.dict()["Matrix"]).mul(c.now.ctm))
}

func (c *canvas) form(o *pdfObject, ctm matrix) {
	content := c.p.replay(o)
	if len(content) == 0 {
		return
	}
	inner := canvas{p: c.p, on: c.on, res: c.p.getDict(o.dict()["Resources"]), now: c.now, depth: c.depth + 1, marks: min(c.layer, 1), layer: min(c.layer, 1)}
	if inner.res == nil {
		inner.res = c.res
	}
	inner.now.ctm = ctm
	inner.run(content)
}

// show draws a string at the current place.
func (c *canvas) show(v any) {
	s, ok := v.(pdfString)
	if !ok || len(s) == 0 {
		return
	}
	f := c.now.font
	if f == nil {
		f = c.p.font(nil)
	}
	c.separate()
	width, from := 0.0, 0.0 // of the string, of the word at hand
	begin, m := len(c.on.text), c.text.mul(c.now.ctm)
	f.each(s, func(code uint32, text string, known bool) {
		c.p.glyph(text, known)
		c.on.out.WriteString(text)
		step := f.width(code) / 1000 * c.now.size
		extra := c.now.char
		if code == ' ' && !f.wide {
			extra += c.now.word
		}
		if isBlank(text) {
			c.word(m, begin, from, width)
			c.on.spaced = true
			width += (step + extra) * c.now.scale
			begin, from = len(c.on.text), width
			return
		}
		c.on.text = append(c.on.text, text...)
		end := width + step*c.now.scale
		width = end + extra*c.now.scale
		if math.Abs(extra) > wideGap*math.Abs(c.now.size) || step <= 0 {
			c.word(m, begin, from, end)
			begin, from = len(c.on.text), width
		}
	})
	c.word(m, begin, from, width)
	c.advance(width)
	c.on.x, c.on.y, c.on.drawn = m[4]+width*m[0], m[5]+width*m[1], true
	c.p.over = c.p.over || len(c.on.pieces) >= maxPieces
}

// word adds a piece of the string at hand, from and to being widths; m is where
// the string begins.
func (c *canvas) word(m matrix, begin int, from, to float64) {
	if begin == len(c.on.text) {
		return
	}
	w := c.now.size * 0.3 // about the middle of the letters
	size := math.Abs(c.now.size) * math.Hypot(m[2], m[3])
	hidden := c.now.unseen || c.now.white || c.now.clear || c.layer > 0 || size < 1 ||
		c.now.clip.set && !c.now.clip.holds((from+to)/2*m[0]+w*m[2]+m[4], (from+to)/2*m[1]+w*m[3]+m[5])
	c.on.add(begin, m, from, to, size, hidden)
}

// glyph counts one. A run of unknown ones may be a number in a text that is
// known for the rest, whatever blanks and signs stand in it.
func (p *pdf) glyph(text string, known bool) {
	if p.guessed {
		return
	}
	p.glyphs++
	switch {
	case !known:
		p.unknown++
		p.run++
		p.missed = p.missed || p.run >= maxUnknownRun
	case strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0:
		p.run = 0
	}
}

// separate writes what lies between the last text and the next one: nothing, a
// blank, or a line end.
func (c *canvas) separate() {
	if !c.on.drawn {
		return
	}
	at := c.text.mul(c.now.ctm)
	length := math.Hypot(at[0], at[1])
	height := math.Abs(c.now.size) * math.Hypot(at[2], at[3])
	if length == 0 || height == 0 {
		c.on.out.WriteByte(' ')
		return
	}
	dx, dy := at[4]-c.on.x, at[5]-c.on.y
	along := (dx*at[0] + dy*at[1]) / length
	across := math.Abs(dx*at[1]-dy*at[0]) / length
	switch {
	case across > 0.5*height:
		c.on.out.WriteByte('\n')
	case along > 0.15*height || along < -0.5*height:
		c.on.out.WriteByte(' ')
	}
}
