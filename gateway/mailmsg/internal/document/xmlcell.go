package document

import (
	"strconv"
	"strings"
)

// cellTag applies a tag of a cell of a table: of Excel ("c" with its value and
// formula), of Office 2003 ("Cell", "Data"), of OpenDocument, of Word.
func (x *xmlText) cellTag(name, tag string, end, empty bool) {
	switch name {
	case "c":
		if !end {
			x.begins(columnOf(attribute(tag, "r")))
			x.number = attribute(tag, "t") == "s"
			x.format = ""
			if n, err := strconv.Atoi(attribute(tag, "s")); err == nil && n >= 0 && n < len(x.formats) {
				x.format = x.formats[n]
			}
		}
		if end || empty {
			x.write("\t")
		}
	case "Cell":
		if !end {
			index, _ := strconv.Atoi(attribute(tag, "Index"))
			x.begins(index - 1)
			x.format = x.named[attribute(tag, "StyleID")]
		}
		if end || empty {
			x.write("\t")
		}
	case "Data":
		x.valueEnds()
		x.value = !end && !empty && attribute(tag, "Type") == "Number"
	case "v":
		x.valueEnds()
		x.value = !end && !empty
	case "f":
		x.valueEnds()
		x.formula = !end && !empty
	case "table-cell", "covered-table-cell":
		x.tableCell(end, empty, tag)
	default:
		x.tableBorder(end, empty)
		if end || empty {
			x.write("\t")
		}
	}
}

// tableBorder is the beginning or the end of a cell that holds paragraphs. The end
// of its last one is the end of the cell and no line: a row stays one.
func (x *xmlText) tableBorder(end, empty bool) {
	switch {
	case empty:
	case end:
		x.inside, x.due = max(x.inside-1, 0), false
	default:
		x.endDue()
		x.inside++
	}
}

// maxAbsent is how many cells without content stand before one: a table of more
// columns has none that a heading names.
const maxAbsent = 64

// rowTag begins or ends a row.
func (x *xmlText) rowTag(name string) {
	switch name {
	case "row", "Row", "table-row":
		x.column, x.absent = 0, 0
	}
}

// begins is the beginning of a cell in a column, -1 for the next one. Cells
// without content need not be written: tabs stand for them, so that what follows
// stays below its heading.
func (x *xmlText) begins(column int) {
	if n := column - x.column; n > 0 {
		if n <= maxAbsent {
			x.write(strings.Repeat("\t", n))
		}
		x.column = column
	}
	x.column++
}

// columnOf is the column of a cell such as "AB12", from 0; -1 when it has none.
func columnOf(cell string) int {
	n := 0
	for i := 0; i < len(cell) && i < 3 && cell[i] >= 'A' && cell[i] <= 'Z'; i++ {
		n = 26*n + int(cell[i]-'A') + 1
	}
	return n - 1
}

// absentCells notes cells of OpenDocument without content, of which one element
// may be many.
func (x *xmlText) absentCells(tag string) {
	n, err := strconv.Atoi(attribute(tag, "number-columns-repeated"))
	if err != nil {
		n = 1
	}
	x.absent = min(x.absent+max(min(n, maxAbsent), 1), maxAbsent+1)
}

func (x *xmlText) inCell() bool { return x.value || x.formula }

// valueEnds writes the value of a cell, which markup may have stood in.
func (x *xmlText) valueEnds() {
	run := strings.TrimSpace(string(x.pending))
	x.pending = x.pending[:0]
	switch {
	case run == "":
	case x.formula:
		x.aside.WriteString(joinedStrings(run) + "\n")
	case !x.number:
		x.write(x.amountShown(run))
	default:
		if n, err := strconv.Atoi(run); err == nil && n >= 0 && n < len(x.shared) {
			x.repeat(x.shared[n])
		}
	}
	x.value, x.formula = false, false
}

// amountShown is the number of a cell as the sheet shows it. Where that is
// another, what the cell holds is given beside.
func (x *xmlText) amountShown(run string) string {
	full := inFull(run)
	shown := formatted(x.format, full)
	if shown != full && len(full) >= minAmount {
		x.aside.WriteString(full + "\n")
	}
	return shown
}

// joinedStrings is a formula whose strings are put together where it joins
// them: a program that opens the sheet shows the result.
func joinedStrings(formula string) string {
	var b strings.Builder
	for formula != "" {
		text, rest, more := strings.Cut(formula, `"`)
		if strings.TrimSpace(text) != "&" {
			b.WriteString(text)
		}
		if !more {
			break
		}
		text, formula, _ = strings.Cut(rest, `"`)
		b.WriteString(text)
	}
	return b.String()
}
