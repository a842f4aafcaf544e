package document

import (
	"math"
	"slices"
	"strings"
)

// A page says by place alone what stands below what. Lines whose words stand apart
// in the same columns are given once more as rows, a tab between their cells, so
// that a heading or a label above a value names it.

const (
	cellGap    = 1.0 // of the size of a letter: between words of one cell it is less
	setGap     = 0.6 // and where the place was set
	sameEdge   = 0.5 // of a point: how far off a column's left edge a cell may begin
	maxPageCol = 64  // columns of one table
	minRows    = 2   // lines of two cells or more that make a table
)

// pageCell is what stands together in a line.
type pageCell struct {
	pieces   []piece // of the line itself, as long as nothing hidden stands between them
	from, to float64
	column   int // in the order in which they were met
}

// pageTable are lines below each other whose cells stand in columns.
type pageTable struct {
	lines   [][]pageCell
	rows    int       // that have two cells or more
	columns []float64 // where each begins and ends
	edges   []float64 // where the first cell of each begins
	turn    uint8
}

// tables is the text of the tables among lines.
func (on *layout) tables(lines []line) string {
	var out strings.Builder
	var t pageTable
	for _, l := range lines {
		cells := t.cellsOf(l.pieces)
		if len(cells) == 0 {
			continue
		}
		if len(cells) > 1 && t.rows == 0 {
			t = pageTable{turn: l.pieces[0].turn} // what stands above it is no part of a table
		}
		if turn := l.pieces[0].turn; turn != t.turn || !t.fits(cells) {
			on.writeTable(&out, &t)
			t = pageTable{turn: turn}
			t.fits(cells)
		}
	}
	on.writeTable(&out, &t)
	return out.String()
}

// cellsOf cuts a line where nothing stands for longer than between words, and
// where a column has its left edge: numbers that stand to the right come close.
func (t *pageTable) cellsOf(pieces []piece) (cells []pageCell) {
	begin := 0 // of the last cell, when all of it stands together in the line
	for i := range pieces {
		p := &pieces[i]
		if p.hidden {
			begin = -1
			continue
		}
		if n := len(cells); n == 0 || t.apart(p, p.along-cells[n-1].to) {
			begin = i
			cells = append(cells, pageCell{pieces: pieces[i : i+1 : i+1], from: p.along, to: math.Max(p.end, p.along)})
			continue
		}
		c := &cells[len(cells)-1]
		if c.to = math.Max(c.to, p.end); begin >= 0 {
			c.pieces = pieces[begin : i+1 : i+1]
		} else {
			c.pieces = append(c.pieces, *p)
		}
	}
	return cells
}

// apart reports whether p, so far behind what stands before it, begins a cell.
func (t *pageTable) apart(p *piece, gap float64) bool {
	if gap > cellGap*p.size || p.set && gap > setGap*p.size {
		return true
	}
	return p.set && gap > 0 && slices.ContainsFunc(t.edges, func(edge float64) bool { return math.Abs(edge-p.along) < sameEdge })
}

// fits adds a line to the table, unless one of its cells stands below several
// columns or several below one.
func (t *pageTable) fits(cells []pageCell) bool {
	if len(t.columns)/2+len(cells) > maxPageCol {
		return false
	}
	for i := range cells {
		c := &cells[i]
		c.column = -1
		for k := 0; k < len(t.columns); k += 2 {
			if c.from >= t.columns[k+1] || c.to <= t.columns[k] {
				continue
			}
			if c.column >= 0 || i > 0 && cells[i-1].column == k/2 {
				return false
			}
			c.column = k / 2
		}
	}
	for i := range cells {
		c := &cells[i]
		if c.column < 0 {
			c.column = len(t.columns) / 2
			t.columns, t.edges = append(t.columns, c.from, c.to), append(t.edges, c.from)
		}
		k := 2 * c.column
		t.columns[k], t.columns[k+1] = math.Min(t.columns[k], c.from), math.Max(t.columns[k+1], c.to)
	}
	t.lines = append(t.lines, cells)
	if len(cells) > 1 {
		t.rows++
	}
	return true
}

// writeTable writes a table, if it is one.
func (on *layout) writeTable(out *strings.Builder, t *pageTable) {
	if t.rows < minRows {
		return
	}
	order := make([]int, len(t.columns)/2)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if t.columns[2*a] < t.columns[2*b] {
			return -1
		}
		return 1
	})
	place := make([]int, len(order))
	for i, column := range order {
		place[column] = i
	}
	for _, cells := range t.lines {
		at := 0
		for _, c := range cells {
			for ; at < place[c.column]; at++ {
				out.WriteByte('\t')
			}
			on.writeCell(out, c.pieces)
		}
		out.WriteByte('\n')
	}
}

// writeCell writes the words of a cell.
func (on *layout) writeCell(out *strings.Builder, pieces []piece) {
	var line strings.Builder
	on.writeLine(&line, pieces, false)
	out.WriteString(strings.TrimSuffix(line.String(), "\n"))
}
