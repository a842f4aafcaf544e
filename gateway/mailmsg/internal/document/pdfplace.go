package document

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// layout is where the text of a page lies.
type layout struct {
	out    strings.Builder // as it was drawn
	text   []byte          // of the pieces
	pieces []piece
	x, y   float64 // where the last text ended
	drawn  bool
	spaced bool // a blank was drawn since the last piece
	jumped bool // the place was set since then
}

const (
	maxPieces = 200_000 // of one page
	wideGap   = 0.2     // of the size of a letter: between letters of one word it is less
	sameLine  = 0.45    // of the size: how far two pieces of a line may be off each other
)

// piece is a word or a part of one, in the direction that it is read: along the
// line, and how high the line is.
type piece struct {
	from, to   int // in the text
	along, end float64
	high, size float64
	drawn      int
	turn       uint8 // which quarter the line is turned by
	spaced     bool  // a blank stands before it
	set        bool  // its place was set
	hidden     bool  // a reader may not see it
}

// begin makes ready for a content stream of n octets.
func (on *layout) begin(n int) {
	on.jumped = true
	if n = min(n, smallPage); on.out.Len() == 0 {
		on.out.Grow(n) // a page says about what its stream is long
	}
	if on.text == nil {
		on.text = make([]byte, 0, n)
	}
}

// smallPage is how many octets of text are made room for at once.
const smallPage = 8 << 10

// add adds the text from begin on, which is drawn along m from head to end.
func (on *layout) add(begin int, m matrix, head, end, size float64, hidden bool) {
	if len(on.pieces) >= maxPieces {
		return
	}
	p := piece{from: begin, to: len(on.text), size: size, drawn: len(on.pieces), spaced: on.spaced, set: on.jumped, hidden: hidden}
	ux, uy := 1.0, 0.0
	switch a, b := m[0], m[1]; {
	case math.Abs(a) >= math.Abs(b) && a < 0:
		p.turn, ux, uy = 2, -1, 0
	case math.Abs(a) >= math.Abs(b):
	case b > 0:
		p.turn, ux, uy = 1, 0, 1
	default:
		p.turn, ux, uy = 3, 0, -1
	}
	step := m[0]*ux + m[1]*uy
	p.along = m[4]*ux + m[5]*uy + head*step
	p.end = p.along + (end-head)*step
	p.high = m[5]*ux - m[4]*uy + head*(m[1]*ux-m[0]*uy)
	if m[3]*ux-m[2]*uy < 0 { // upside down
		p.high = -p.high
	}
	near := !on.jumped
	on.spaced, on.jumped = false, false
	if n := len(on.pieces); near && n > 0 && on.pieces[n-1].continues(p) {
		on.pieces[n-1].to, on.pieces[n-1].end = p.to, p.end
		return
	}
	on.pieces = append(on.pieces, p)
}

// continues reports whether q is drawn right behind p.
func (p piece) continues(q piece) bool {
	return p.turn == q.turn && p.hidden == q.hidden && !q.spaced && p.to == q.from && math.Abs(p.high-q.high) < 0.1*p.size && math.Abs(q.along-p.end) < 0.1*p.size
}

// line is a run of pieces on one height.
type line struct {
	pieces []piece // from left to right
	moved  bool    // they were not drawn in this order, or something else between them
	hidden bool    // one of them is
}

// ordered is the text of the lines that were drawn in another order than they
// are read, and without what is hidden of the lines that have such; then that of
// tables.
func (on *layout) ordered() string {
	lines := on.lines()
	for i := 1; i < len(lines); i++ {
		above, below := &lines[i-1], &lines[i]
		a, b := above.pieces[0], below.pieces[0]
		if b.drawn < a.drawn && a.turn == b.turn && a.high-b.high < 3*math.Max(a.size, b.size) {
			above.moved, below.moved = true, true
		}
	}
	var out strings.Builder
	for _, hide := range [...]bool{false, true} {
		for _, l := range lines {
			if hide && l.hidden || !hide && l.moved {
				on.writeLine(&out, l.pieces, hide)
			}
		}
	}
	out.WriteString(on.tables(lines))
	return out.String()
}

// lines sorts the pieces by where they lie.
func (on *layout) lines() []line {
	if len(on.pieces) < 2 {
		return nil
	}
	slices.SortFunc(on.pieces, func(p, q piece) int {
		switch {
		case p.turn != q.turn:
			return int(p.turn) - int(q.turn)
		case p.high != q.high:
			return cmp.Compare(q.high, p.high)
		}
		return p.drawn - q.drawn
	})
	var lines []line
	for from := 0; from < len(on.pieces); {
		to := from + 1
		for to < len(on.pieces) && on.pieces[to-1].besides(on.pieces[to], on.pieces[from]) {
			to++
		}
		lines = append(lines, on.line(on.pieces[from:to]))
		from = to
	}
	return lines
}

// besides reports whether q, which is not higher than p, is of its line, which
// begins with first.
func (p piece) besides(q, first piece) bool {
	size := math.Max(p.size, q.size)
	return p.turn == q.turn && p.high-q.high < sameLine*size && first.high-q.high < size
}

func (on *layout) line(pieces []piece) line {
	slices.SortFunc(pieces, func(p, q piece) int {
		if p.along != q.along {
			return cmp.Compare(p.along, q.along)
		}
		return p.drawn - q.drawn
	})
	l := line{pieces: pieces, hidden: pieces[0].hidden}
	for i := 1; i < len(pieces); i++ {
		p, q := pieces[i-1], pieces[i]
		l.hidden = l.hidden || q.hidden
		l.moved = l.moved || q.drawn != p.drawn+1 || on.again(p, q)
	}
	return l
}

// again reports whether q is p drawn once more, as some do for bold.
func (on *layout) again(p, q piece) bool {
	return math.Abs(q.along-p.along) < 0.2*p.size && string(on.text[p.from:p.to]) == string(on.text[q.from:q.to])
}

// writeLine writes a line, hide without what is hidden of it.
func (on *layout) writeLine(out *strings.Builder, pieces []piece, hide bool) {
	var last *piece
	for i := range pieces {
		q := &pieces[i]
		if hide && q.hidden || last != nil && on.again(*last, *q) {
			continue
		}
		if last != nil && (q.spaced && q.drawn == last.drawn+1 || q.along-last.end > 0.15*q.size) {
			out.WriteByte(' ')
		}
		out.Write(on.text[q.from:q.to])
		last = q
	}
	if last != nil {
		out.WriteByte('\n')
	}
}

// place adds a text that a reader writes into a box itself.
func (on *layout) place(text string, at box) {
	size := math.Max(1, math.Min(12, at.high-at.low))
	for _, word := range strings.Fields(text) {
		begin := len(on.text)
		on.text = append(on.text, word...)
		width := size / 2 * float64(len(word))
		on.add(begin, matrix{1, 0, 0, 1, at.left, at.low}, 0, width, size, false)
		on.spaced, at.left = true, at.left+width+size/3
	}
}
