package document

import (
	"html"
	"strconv"
	"strings"
)

// attribute is the value of an attribute in the inside of a tag, by its name
// without prefix; "" when there is none.
func attribute(tag, name string) string {
	for at := 0; ; {
		i := strings.Index(tag[at:], name)
		if i < 0 {
			return ""
		}
		i += at
		at = i + len(name)
		value, ok := strings.CutPrefix(strings.TrimLeft(tag[at:], " \t\r\n"), "=")
		if !ok || i == 0 || strings.IndexByte(" :\t\r\n", tag[i-1]) < 0 {
			continue
		}
		if value = strings.TrimLeft(value, " \t\r\n"); value != "" && (value[0] == '"' || value[0] == '\'') {
			inside, _, _ := strings.Cut(value[1:], value[:1])
			return html.UnescapeString(inside)
		}
	}
}

// spoken names the attributes of an element that a person sees: what stands for
// a picture, names of sheets, help beside a cell, links.
func spoken(element string) []string {
	switch element {
	case "docPr", "cNvPr":
		return []string{"descr", "title"}
	case "sheet", "table":
		return []string{"name"}
	case "dataValidation":
		return []string{"promptTitle", "prompt", "errorTitle", "error"}
	case "hyperlink":
		return []string{"tooltip"}
	case "a":
		return []string{"href", "title"}
	case "Worksheet":
		return []string{"Name"}
	case "textpath":
		return []string{"string"}
	case "listItem":
		return []string{"displayText"}
	case "default", "result": // of a field of a form
		return []string{"val"}
	case "comment", "Comment":
		return []string{"author", "Author"}
	case "text", "textarea", "formatted-text", "combobox", "listbox", "item", "option":
		return []string{"current-value", "value", "label"}
	}
	return nil
}

// symbol is the character that Word names by its place in a font (ECMA-376
// part 1 section 17.3.3.30); fonts of symbols lie at F000 and show digits and
// signs at their own places.
func symbol(code string) string {
	n, err := strconv.ParseUint(code, 16, 16)
	if err != nil {
		return ""
	}
	if n >= 0xf020 && n < 0xf07f {
		n -= 0xf000
	}
	return string(rune(n))
}

// attributes reads what a tag says itself, and which styles of OpenDocument hide
// their runs.
func (x *xmlText) attributes(element, tag string) {
	for _, name := range spoken(element) {
		if v := attribute(tag, name); v != "" && (!strings.HasSuffix(name, "uthor") || strings.ContainsAny(v, "0123456789")) {
			x.aside.WriteString(v + "\n")
		}
	}
	switch {
	case element == "Style":
		x.style = attribute(tag, "ID")
	case element == "NumberFormat" && x.style != "" && len(x.named) < maxFormats:
		if x.named == nil {
			x.named = map[string]string{}
		}
		x.named[x.style] = attribute(tag, "Format")
	case element == "style":
		x.style = attribute(tag, "name")
	case element == "text-properties" && attribute(tag, "display") == "none" && x.style != "":
		if x.styles == nil {
			x.styles = map[string]bool{}
		}
		x.styles[x.style] = true
	}
}

// span begins or ends a run of OpenDocument.
func (x *xmlText) span(end, empty bool, tag string) {
	switch n := len(x.spans); {
	case empty, x.styles == nil:
	case end && n > 0:
		x.hidden, x.spans = x.spans[n-1], x.spans[:n-1]
	case !end && n < maxSpans:
		x.spans = append(x.spans, x.hidden)
		x.hidden = x.hidden || x.styles[attribute(tag, "style-name")]
	}
}

const maxSpans = 64

// minAmount is how many digits make an amount worth reading beside what its cell
// shows of it: rounded, in thousands, or a row of hashes.
const minAmount = 8

// tableCell begins or ends a cell of OpenDocument.
func (x *xmlText) tableCell(end, empty bool, tag string) {
	if !end {
		if x.amount = attribute(tag, "value"); x.amount == "" {
			x.amount = attribute(tag, "string-value")
		}
		if empty && x.amount == "" {
			x.absentCells(tag)
			return
		}
		if x.absent <= maxAbsent {
			x.write(strings.Repeat("\t", x.absent))
		}
		x.absent, x.cell = 0, x.out.Len()
	}
	x.tableBorder(end, empty)
	if !end && !empty {
		return
	}
	if full := inFull(x.amount); len(full) >= minAmount && !strings.Contains(x.out.String()[x.cell:], full) {
		x.write(" " + full)
	}
	x.amount = ""
	x.write("\t")
}

// inFull writes a whole number without an exponent, as people write it.
func inFull(s string) string {
	if strings.IndexAny(s, "eE") < 0 || len(s) > 32 {
		return s
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || v < 0 || v >= 1e19 || v != float64(uint64(v)) {
		return s
	}
	return strconv.FormatUint(uint64(v), 10)
}
