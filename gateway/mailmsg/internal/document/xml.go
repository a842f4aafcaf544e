package document

import (
	"html"
	"strconv"
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
func sheetText(src string, shared []string, budget *Budget) (text string, whole bool) {
	x := xmlText{shared: shared, repeats: &budget.again}
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
			x.write(text)
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
	repeats *int64 // octets of shared strings that may still be written
	number  bool   // the cell's value is a number of a shared string
	value   bool   // within the value of such a cell
	amount  string // that a cell of a sheet holds, whatever its format shows of it
	cell    int    // where the text of the cell begins

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
	x.out.WriteString(text)
	if x.hidden {
		x.split = true
		return
	}
	x.shown.WriteString(text)
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

func (x *xmlText) chars(run string) {
	if x.value && x.number {
		if n, err := strconv.Atoi(strings.TrimSpace(run)); err == nil && n >= 0 && n < len(x.shared) {
			x.repeat(x.shared[n])
		}
		return
	}
	if strings.IndexByte(run, '&') >= 0 {
		run = html.UnescapeString(run)
	}
	if x.value {
		run = inFull(run)
	}
	// Indentation between elements is no text.
	if strings.Trim(run, "\r\n\t ") != "" || strings.Trim(run, " ") == "" {
		x.write(run)
	}
}

// tag applies a start, end or empty tag by its name without prefix.
func (x *xmlText) tag(tag string) {
	end := strings.HasPrefix(tag, "/")
	empty := strings.HasSuffix(tag, "/")
	name := strings.Trim(tag, "/")
	if i := strings.IndexAny(name, " \t\r\n/"); i >= 0 {
		name = name[:i]
	}
	name = name[strings.IndexByte(name, ':')+1:]
	if !end {
		x.attributes(name, tag)
	}
	switch name {
	case "p", "h", "row", "tr", "si", "table-row", "comment", "title", "subject", "creator", "description", "keywords", "text":
		if end {
			x.out.WriteByte('\n')
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
	case "c":
		if !end {
			x.number = strings.Contains(tag, `t="s"`) || strings.Contains(tag, `t='s'`)
		}
		if end || empty {
			x.write("\t")
		}
	case "v":
		x.value = !end && !empty
	case "table-cell":
		x.tableCell(end, empty, tag)
	case "span":
		x.span(end, empty, tag)
	case "tc":
		if end || empty {
			x.write("\t")
		}
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
	for len(list) < 1<<20 {
		i := strings.Index(src, "<si")
		if i < 0 {
			break
		}
		item, rest, _ := strings.Cut(src[i:], "</si>")
		list = append(list, strings.TrimSpace(XML(item)))
		src = rest
	}
	return list
}
