package document

import (
	"bytes"
	"math"
	"strings"
	"unicode"
)

// matrix is [a b c d e f] of ISO 32000-1 section 8.3.3.
type matrix [6]float64

func (m matrix) mul(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// graphics is the state that q saves.
type graphics struct {
	ctm        matrix
	font       *pdfFont
	size       float64
	char, word float64 // extra space behind each character, each blank
	scale      float64 // horizontal
	leading    float64
}

// canvas interprets a content stream far enough to put its words in order:
// what is drawn close together is one word, what is drawn on another height is
// another line.
type canvas struct {
	p        *pdf
	fonts    pdfDict
	cache    map[string]*pdfFont
	operands []any
	now      graphics
	saved    []graphics
	text     matrix
	line     matrix
	out      strings.Builder
	x, y     float64 // where the last text ended
	drawn    bool
}

const (
	maxOperands = 1000
	maxSaved    = 64
)

// draw runs a content stream (section 9.4).
func (p *pdf) draw(content []byte, res pdfDict) {
	if !bytes.Contains(content, []byte("T")) {
		return
	}
	unit := matrix{1, 0, 0, 1, 0, 0}
	c := canvas{p: p, fonts: p.getDict(res["Font"]), cache: map[string]*pdfFont{}, text: unit, line: unit}
	c.now = graphics{ctm: unit, scale: 1, size: 1}
	l := pdfLexer{b: content}
	for c.out.Len() < maxPDFText {
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
	p.over = p.over || l.over
	p.write(c.out.String())
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
		c.text = matrix{1, 0, 0, 1, 0, 0}
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
	default:
		c.position(op)
	}
}

// position takes the operators that move and show (section 9.4.2, 9.4.3).
func (c *canvas) position(op pdfWord) {
	switch op {
	case "Td":
		c.move(c.number(2), c.number(1))
	case "TD":
		c.now.leading = -c.number(1)
		c.move(c.number(2), c.number(1))
	case "Tm":
		c.text = c.matrix()
		c.line = c.text
	case "T*":
		c.move(0, -c.now.leading)
	case "'", `"`:
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
	}
}

func (c *canvas) move(x, y float64) {
	c.line = matrix{1, 0, 0, 1, x, y}.mul(c.line)
	c.text = c.line
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
	f := c.p.font(c.fonts[name])
	c.cache[name] = f
	return f
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
	width := 0.0
	f.each(s, func(code uint32, text string, known bool) {
		c.p.glyph(text, known)
		c.out.WriteString(text)
		width += (f.width(code)/1000*c.now.size + c.now.char) * c.now.scale
		if code == ' ' && !f.wide {
			width += c.now.word * c.now.scale
		}
	})
	c.advance(width)
	at := c.text.mul(c.now.ctm)
	c.x, c.y, c.drawn = at[4], at[5], true
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
	if !c.drawn {
		return
	}
	at := c.text.mul(c.now.ctm)
	length := math.Hypot(at[0], at[1])
	height := math.Abs(c.now.size) * math.Hypot(at[2], at[3])
	if length == 0 || height == 0 {
		c.out.WriteByte(' ')
		return
	}
	dx, dy := at[4]-c.x, at[5]-c.y
	along := (dx*at[0] + dy*at[1]) / length
	across := math.Abs(dx*at[1]-dy*at[0]) / length
	switch {
	case across > 0.5*height:
		c.out.WriteByte('\n')
	case along > 0.15*height || along < -0.5*height:
		c.out.WriteByte(' ')
	}
}
