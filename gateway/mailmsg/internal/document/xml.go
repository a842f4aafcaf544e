package document

import (
	"html"
	"strings"
)

// XML takes the character data out of an XML document. Elements that end a
// paragraph, a row or a cell in the office formats end a line or leave a tab;
// all others join, because office programs split words at will.
func XML(src string) string {
	var x xmlText
	return x.read(src)
}

// sheetText is XML for a sheet whose cells name strings by number. A string may
// stand in a million cells, so these are charged; whole is false when there
// were more.
func sheetText(src string, shared, formats []string, budget *Budget) (text string, whole bool) {
	x := xmlText{shared: shared, formats: formats, repeats: &budget.again}
	text = x.read(src)
	return text, budget.again >= 0
}

func (x *xmlText) read(src string) string {
	for src != "" {
		i := strings.IndexByte(src, '<')
		if i < 0 {
			x.chars(src)
			break
		}
		x.chars(src[:i])
		src = src[i+1:]
		if rest, ok := strings.CutPrefix(src, "![CDATA["); ok {
			text, after, _ := strings.Cut(rest, "]]>")
			x.data(text)
			src = after
			continue
		}
		if strings.HasPrefix(src, "!--") {
			_, src, _ = strings.Cut(src, "-->")
			continue
		}
		var tag string
		tag, src = cutTag(src)
		x.tag(tag)
	}
	x.valueEnds()
	x.paragraph()
	for _, more := range [...]string{x.again.String(), x.aside.String()} {
		if more != "" {
			x.out.WriteString("\n" + more)
		}
	}
	return x.out.String()
}

// cutTag takes the inside of a tag; a ">" within quotes does not end it.
func cutTag(src string) (tag, rest string) {
	var quote byte
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return src[:i], src[i+1:]
		}
	}
	return src, ""
}

type xmlText struct {
	out     strings.Builder
	shared  []string
	repeats *int64            // octets of shared strings that may still be written
	number  bool              // the cell's value is a number of a shared string
	value   bool              // within the value of a cell
	format  string            // of the cell
	formula bool              // within the formula of a cell
	formats []string          // of cells, by the number of their style
	named   map[string]string // of cells, by the name of their style (Office 2003)

	pending []byte // of the value or formula

	files  [][]byte // within the document, in base64
	packed bool     // within such a file
	keep   bool     // files are wanted
	amount string   // that a cell of a sheet holds, whatever its format shows of it
	cell   int      // where the text of the cell begins
	column int      // of its row that a cell begins next, from 0
	inside int      // cells of tables that are open, one within the other
	due    bool     // a paragraph ended in the cell at hand: what follows it there begins a line
	absent int      // cells without content since the latest one with some (OpenDocument)

	aside  strings.Builder // texts of attributes, a line each
	styles map[string]bool // of runs that are not shown (OpenDocument)
	style  string          // being defined
	spans  []bool          // runs within runs, whether each is hidden

	hidden bool            // within a run that is not shown
	split  bool            // the paragraph has such a run
	shown  strings.Builder // the paragraph without them
	again  strings.Builder
}

// write adds text of the run at hand.
func (x *xmlText) write(text string) {
	if text == "" {
		return
	}
	x.endDue()
	x.out.WriteString(text)
	if x.hidden {
		x.split = true
		return
	}
	x.shown.WriteString(text)
}

// endDue ends the line of a paragraph within a cell, behind which more follows.
func (x *xmlText) endDue() {
	if x.due {
		x.due = false
		x.out.WriteByte('\n')
	}
}

// repeat writes a string that may stand in other cells, too.
func (x *xmlText) repeat(s string) {
	if *x.repeats >= 0 {
		*x.repeats -= int64(len(s))
	}
	if *x.repeats >= 0 {
		x.write(s)
	}
}

// paragraph ends a paragraph.
func (x *xmlText) paragraph() {
	if x.split {
		x.again.WriteString(x.shown.String() + "\n")
	}
	x.split = false
	x.shown.Reset()
}

// chars takes character data; indentation between elements is no text.
func (x *xmlText) chars(run string) {
	if strings.IndexByte(run, '&') >= 0 {
		run = html.UnescapeString(run)
	}
	if x.inCell() || strings.Trim(run, "\r\n\t ") != "" || strings.Trim(run, " ") == "" {
		x.data(run)
	}
}

// data takes text without references.
func (x *xmlText) data(run string) {
	switch {
	case x.packed:
		if n := len(x.files); x.keep && n > 0 {
			x.files[n-1] = append(x.files[n-1], run...)
		}
	case x.inCell():
		x.pending = append(x.pending, run...)
	default:
		x.write(run)
	}
}

// tag applies a start, end or empty tag by its name without prefix.
func (x *xmlText) tag(tag string) {
	end := strings.HasPrefix(tag, "/")
	empty := strings.HasSuffix(tag, "/")
	name := localName(tag)
	if !end {
		x.attributes(name, tag)
	}
	switch name {
	case "p", "h", "row", "tr", "si", "table-row", "comment", "title", "subject", "creator", "description", "keywords", "text", "Row":
		x.rowTag(name)
		if end {
			if x.due = x.inside > 0 && (name == "p" || name == "h"); !x.due {
				x.out.WriteByte('\n')
			}
			x.paragraph()
		}
	case "r":
		x.hidden = false
	case "vanish", "webHidden":
		x.hidden = !strings.Contains(tag, `"0"`) && !strings.Contains(tag, `"false"`)
	case "delText", "instrText", "rPh":
		x.hidden = !end && !empty
	case "br", "cr", "line-break":
		x.write("\n")
	case "c", "v", "f", "Cell", "Data", "table-cell", "covered-table-cell", "tc":
		x.cellTag(name, tag, end, empty)
	case "binary-data", "binaryData", "binData":
		if x.packed = !end && !empty; x.packed && x.keep && len(x.files) <= maxFlat {
			x.files = append(x.files, nil)
		}
	case "span":
		x.span(end, empty, tag)
	case "tab":
		x.write("\t")
	case "s":
		x.write(" ")
	case "noBreakHyphen":
		if !end {
			x.write("-")
		}
	case "sym":
		x.write(symbol(attribute(tag, "char")))
	}
}

// sharedStrings reads the table that the cells of a sheet refer to.
func sharedStrings(src string) []string {
	var list []string
	from := -1
	for rest := src; len(list) < 1<<20; {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		begin := len(src) - len(rest) + i
		var tag string
		tag, rest = cutTag(rest[i+1:])
		switch {
		case localName(tag) != "si":
		case strings.HasSuffix(tag, "/"):
			list = append(list, "")
		case !strings.HasPrefix(tag, "/"):
			from = begin
		case from >= 0:
			list = append(list, strings.TrimSpace(XML(src[from:begin])))
			from = -1
		}
	}
	return list
}
