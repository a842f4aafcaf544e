package detect

import (
	"bytes"
	"math/bits"

	"gatepost/gateway"
)

// A table's heading names what stands below it, however far below: "Name, SSN"
// and then lines with as many cells. Lines are walked once and only forward, up
// to the numbers that fill a cell.

// Bounds of a table.
const (
	maxColumns = 64
	maxHeads   = 2    // labels of one heading
	maxHeading = 40   // octets of a heading, and of a line in a list under one
	maxHead    = 1000 // octets of the line of headings
	maxStrange = 2    // lines in a row that are no rows
)

// table is the table that the lines walked so far end with.
type table struct {
	at    int // where the line begins that is looked at next
	label int // labels that end before it

	cols    int  // 0: there is no table
	sep     byte // 0: of one column; ' ': columns are told by where they stand
	strange int  // lines since the last row
	heads   [maxColumns][maxHeads]uint16
	spans   [maxColumns]span // of headings, where sep is ' '
	list    [maxHeads]uint16 // where sep is ' ' and the headings may be the name of a list, its labels
	from    int              // the labels of its headings before its first row, where they are in this view
	to      int

	// The line of headings and its labels [first, to), where it is in this view.
	headStart, headEnd int // headEnd is 0 where it is not
	first              int

	// The row that was walked last, and how far into it.
	rowStart  int
	rowEnd    int // 0: the line is no row
	cell, col int // col is that of a cell or, where sep is ' ', that of a character
	quoted    bool
}

// span are the characters [from, to) of a line.
type span struct{ from, to int16 }

// begin goes on with a view. Only a view that is not the first of its part
// begins inside a table.
func (t *table) begin(first bool) {
	if first {
		t.cols, t.sep, t.strange = 0, 0, 0
	}
	t.at, t.label, t.from, t.to, t.rowEnd, t.headEnd = 0, 0, 0, 0, 0, 0
}

// headed judges c by the heading of its column.
func (s *scan) headed(c *cand) bool {
	fills, apart := s.fillsCell(c)
	if !apart {
		return false
	}
	s.lines(int(c.start))
	t := s.table
	if t.cols == 0 || t.rowEnd < int(c.end) || int(c.start) < t.cell || !fills && t.sep != ' ' || s.besideLabel(c) {
		return false
	}
	for ; t.cell < int(c.start); t.cell++ {
		t.col += t.cut(s.b[t.cell])
	}
	if t.sep == ' ' {
		return s.below(c, fills)
	}
	return t.col < t.cols && (!t.quoted || s.b[c.end] == '"') && s.underAny(c, &t.heads[t.col])
}

// below judges c by the headings that it stands below, the one that most of it does
// first; where the line of headings may be the name of a list too, by that. None of
// them lowers what c is without a table: it may stand a little aside.
func (s *scan) below(c *cand, fills bool) bool {
	t := s.table
	x := span{int16(t.col), int16(t.col + int(c.end-c.start))}
	first := t.over(x)
	if first == maxColumns || s.underAny(c, &t.heads[first]) {
		return first < maxColumns || s.inList(c, fills)
	}
	for i := range t.cols {
		if i != first && t.spans[i].common(x) > 0 && s.underAny(c, &t.heads[i]) {
			return true
		}
	}
	return s.inList(c, fills)
}

// inList judges c as one of a list, if the line of headings may be its name.
func (s *scan) inList(c *cand, fills bool) bool {
	t := s.table
	return fills && t.list != [maxHeads]uint16{} && t.rowEnd-t.rowStart <= maxHeading && s.underAny(c, &t.list)
}

// underAny judges c by the first of heads that fits.
func (s *scan) underAny(c *cand, heads *[maxHeads]uint16) bool {
	for _, head := range heads {
		if head == 0 || s.table.sep == ' ' && s.d.types.info[head-1].lowers {
			continue
		}
		if s.underHeading(c, head-1) {
			s.useLabels()
			return true
		}
	}
	return false
}

// fillsCell reports whether nothing else stands beside c in its cell, and apart
// whether it stands at least two blanks apart from what does.
func (s *scan) fillsCell(c *cand) (fills, apart bool) {
	i, j := int(c.start)-1, int(c.end)
	for n := 0; n < 4 && i >= 0 && (s.b[i] == ' ' || s.b[i] == '"'); n++ {
		i--
	}
	for n := 0; n < 4 && (s.b[j] == ' ' || s.b[j] == '"' || s.b[j] == '\r'); n++ {
		j++
	}
	before, behind := i < 0 || ends(s.b[i]), j >= s.n || ends(s.b[j])
	apart = (before || int(c.start)-i > 2) && (behind || j-int(c.end) > 1)
	return before && behind, apart
}

// over is the column of the heading above most of the characters x; maxColumns when
// there is none.
func (t *table) over(x span) int {
	found, most := maxColumns, int16(0)
	for i, h := range t.spans[:t.cols] {
		if n := h.common(x); n > most {
			found, most = i, n
		}
	}
	return found
}

// common is how many characters stand in both; not above 0 when none do.
func (x span) common(y span) int16 { return min(x.to, y.to) - max(x.from, y.from) }

// besideLabel reports whether the cell before that of c holds a label and
// nothing else: that names it better than a heading above.
func (s *scan) besideLabel(c *cand) bool {
	i := s.before(c) - 1
	if i < 0 {
		return false
	}
	l := &s.labels[i]
	cut := 0
	for _, x := range s.b[l.end:c.start] {
		switch {
		case x == s.table.sep && s.table.sep != 0:
			cut++
		case x != ' ' && x != '"' && x != ':':
			return false
		}
	}
	start := int(l.start) - 1
	for start >= 0 && (s.b[start] == ' ' || s.b[start] == '"') {
		start--
	}
	return cut > 0 && (start < 0 || ends(s.b[start]))
}

// ends reports whether c stands between cells or lines.
func ends(c byte) bool {
	return c == '\n' || c == '\t' || c == ',' || c == ';' || c == '|'
}

// underHeading reports c as typ, if it can be that.
func (s *scan) underHeading(c *cand, typ uint16) bool {
	t, info := s.d.types, &s.d.types.info[typ]
	if info.lowers && typ != t.sortCode {
		s.bare(c, gateway.Step{Name: "heading of another kind of number", Weight: orderWeight})
		return true
	}
	step := gateway.Step{Name: "heading of its column", Weight: nearWeight}
	if s.typed(c, typ, step) {
		return true
	}
	if s.certain(c) || !info.accepts(c) || s.isDate(c) {
		return false
	}
	s.report(typ, c, gateway.Step{Name: "shape", Weight: info.base}, step, s.docket(typ, c))
	return true
}

// useLabels notes that the headings name what stands below them, and not what
// stands behind them.
func (s *scan) useLabels() {
	t := s.table
	for ; t.from < min(t.to, len(s.labels)); t.from++ {
		s.labels[t.from].used = true
	}
}

// lines walks on to the line that holds octet to.
func (s *scan) lines(to int) {
	for at := s.table.at; at <= to && at < s.n; at = s.table.at {
		end := s.lineEnd(at)
		s.line(at, end)
		s.table.at = end + 1
	}
}

// lineEnd is where the line that at is in ends. Lines of lists are short.
func (s *scan) lineEnd(at int) int {
	for i := at; i < min(at+32, s.n); i += 8 {
		x := load(s.b, i) ^ '\n'*octets
		if found := (x - octets) &^ x & (0x80 * octets); found != 0 {
			return min(i+bits.TrailingZeros64(found)/8, s.n)
		}
	}
	if n := bytes.IndexByte(s.b[at:s.n], '\n'); n >= 0 {
		return at + n
	}
	return s.n
}

// line is a row of the table, the headings of another, or neither.
func (s *scan) line(start, end int) {
	t := s.table
	from := min(t.label, len(s.labels))
	t.label = from
	for t.label < len(s.labels) && int(s.labels[t.label].end) <= end {
		t.label++
	}
	for from < t.label && int(s.labels[from].start) < start {
		from++
	}
	t.rowEnd = 0
	for end > start && (s.b[end-1] == ' ' || s.b[end-1] == '\r') {
		end--
	}
	line := s.b[start:end]
	if len(line) == 0 {
		return
	}
	if t.cols > 0 {
		if t.isRow(line) {
			t.rowStart, t.rowEnd, t.cell, t.col, t.quoted, t.strange = start, end, start, 0, false, 0
			if t.sep != 0 && t.sep != ' ' {
				s.useLabels()
			}
			return
		}
		if t.strange++; t.strange > maxStrange {
			t.cols = 0
		}
	}
	if from < t.label && len(line) <= maxHead && !holdsDigit(line) && !s.sameHeadings(start, line, from, t.label) {
		s.headings(start, line, from, t.label)
	}
}

// sameHeadings reports whether a line with labels [from, to) is the table's line of
// headings said again. The table begins anew with it.
func (s *scan) sameHeadings(start int, line []byte, from, to int) bool {
	t := s.table
	if t.cols == 0 || t.headEnd == 0 || t.to > len(s.labels) || to-from != t.to-t.first || !bytes.Equal(line, s.b[t.headStart:t.headEnd]) {
		return false
	}
	for i, l := range s.labels[from:to] {
		was := &s.labels[t.first+i]
		if l.typ != was.typ || int(l.start)-start != int(was.start)-t.headStart || l.end-l.start != was.end-was.start {
			return false
		}
	}
	t.from, t.to, t.first, t.headStart, t.headEnd, t.strange = from, to, from, start, start+len(line), 0
	return true
}

// headings begins a table with a line of headings, if each is short enough and
// labels [from, to) are some of them.
func (s *scan) headings(start int, line []byte, from, to int) {
	next := s.other()
	next.from, next.to, next.sep = from, to, separator(line)
	next.first, next.headStart, next.headEnd = from, start, start+len(line)
	if next.sep == ' ' {
		s.standing(next, start, line)
		return
	}
	next.column()
	cell, label := 0, from
	for i := 0; i <= len(line); i++ {
		if i < len(line) && next.cut(line[i]) == 0 {
			continue
		}
		if i-cell > maxHeading {
			return
		}
		for ; label < to && int(s.labels[label].end) <= start+i; label++ {
			next.name(next.cols-1, s.labels[label].typ)
		}
		if cell = i + 1; i < len(line) && next.cols < maxColumns {
			next.column()
		} else if i < len(line) {
			return
		}
	}
	if next.sep == 0 && !s.namesList(from, line) {
		return
	}
	s.table = next
}

// namesList reports whether a line whose first label is that may be the name of a
// list; else it is one of a text.
func (s *scan) namesList(first int, line []byte) bool {
	l := &s.labels[first]
	return len(line) <= maxHeading && 2*int(l.end-l.start) >= len(line)
}

// other is where the next table is made, without columns.
func (s *scan) other() *table {
	t := &s.tables[0]
	if t == s.table {
		t = &s.tables[1]
	}
	t.at, t.label, t.cols, t.strange, t.rowEnd, t.quoted = s.table.at, s.table.label, 0, 0, 0, false
	return t
}

// column begins one.
func (t *table) column() {
	t.heads[t.cols] = [maxHeads]uint16{}
	t.cols++
}

// standing begins a table whose columns stand below each other, if each label is
// most of a heading: two words of a text may stand apart too.
func (s *scan) standing(next *table, start int, line []byte) {
	label, col := next.from, 0
	next.list = [maxHeads]uint16{}
	if s.namesList(label, line) {
		for i := range min(maxHeads, next.to-label) {
			next.list[i] = s.labels[label+i].typ + 1
		}
	}
	for i := 0; i < len(line); {
		if line[i] == ' ' {
			i, col = i+1, col+1
			continue
		}
		cell, from := i, col
		for i < len(line) && (line[i] != ' ' || line[i+1] != ' ') {
			col += characters(line[i])
			i++
		}
		if i-cell > maxHeading || next.cols == maxColumns {
			return
		}
		next.spans[next.cols] = span{int16(from), int16(col)}
		next.column()
		for ; label < next.to && int(s.labels[label].end) <= start+i; label++ {
			if l := &s.labels[label]; 2*int(l.end-l.start) >= i-cell {
				next.name(next.cols-1, l.typ)
			}
		}
	}
	s.table = next
}

// characters is how many characters begin with octet c: none within one.
func characters(c byte) int {
	if c&0xc0 == 0x80 {
		return 0
	}
	return 1
}

func (t *table) name(col int, typ uint16) {
	for i := range t.heads[col] {
		if t.heads[col][i] == 0 {
			t.heads[col][i] = typ + 1
			return
		}
	}
}

// separator is what divides the cells of a line; 0 when nothing does.
func separator(line []byte) byte {
	best, sep, begun := 0, byte(0), false
	for i, c := range line {
		rank := 0
		switch c {
		case '\t':
			return c
		case '|':
			rank = 4
		case ';':
			rank = 3
		case ',':
			rank = 2
		case ' ':
			if begun && line[i+1] == ' ' {
				rank = 1
			}
		}
		begun = begun || c != ' '
		if rank > best {
			best, sep = rank, c
		}
	}
	return sep
}

// isRow reports whether a line has the cells of the table. What makes lines of
// cells by tabs or blanks leaves out empty ones at the end.
func (t *table) isRow(line []byte) bool {
	switch t.sep {
	case 0:
		return len(line) <= maxHeading && holdsDigit(line)
	case ' ':
		return len(line) <= maxHead && bytes.Contains(line, []byte("  ")) || t.isCell(line)
	}
	cuts, was := 0, t.quoted
	t.quoted = false
	for _, c := range line {
		cuts += t.cut(c)
	}
	t.quoted = was
	return cuts == t.cols-1 || t.sep == '\t' && cuts > 0 && cuts < t.cols
}

// isCell reports whether a line is a single cell below some heading.
func (t *table) isCell(line []byte) bool {
	cell := bytes.TrimLeft(line, " ")
	from := len(line) - len(cell)
	return len(line) <= maxHead && len(cell) <= maxHeading && holdsDigit(cell) && t.over(span{int16(from), int16(from + len(cell))}) < maxColumns
}

// cut is 1 where c ends a cell or, where sep is ' ', begins a character, else 0.
// Quotes keep a comma or a semicolon inside (RFC 4180 section 2).
func (t *table) cut(c byte) int {
	switch {
	case t.sep == ' ':
		return characters(c)
	case c == '"' && t.sep != '\t' && t.sep != '|':
		t.quoted = !t.quoted
	case c == t.sep && !t.quoted && t.sep != 0:
		return 1
	}
	return 0
}

// holdsDigit reports whether line, a piece of normalised text, holds a digit.
func holdsDigit(line []byte) bool {
	for i := 0; i < len(line); i += 8 {
		found := anyDigits(load(line, i))
		if n := len(line) - i; n < 8 {
			found = firstOctets(found, n)
		}
		if found != 0 {
			return true
		}
	}
	return false
}
