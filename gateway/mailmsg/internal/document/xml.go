package document

import (
	"html"
	"strconv"
	"strings"
)

// XML takes the character data out of an XML document. Elements that end a
// paragraph, a row or a cell in the office formats end a line or leave a tab;
// all others join, because office programs split words at will. shared are
// the strings that cells of a sheet name by number.
func XML(src string, shared []string) string {
	x := xmlText{shared: shared}
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
			x.out.WriteString(text)
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
	out    strings.Builder
	shared []string
	number bool // the cell's value is a number of a shared string
	value  bool // within the value of such a cell
}

func (x *xmlText) chars(run string) {
	if x.value && x.number {
		if n, err := strconv.Atoi(strings.TrimSpace(run)); err == nil && n >= 0 && n < len(x.shared) && x.out.Len() < maxInflate {
			x.out.WriteString(x.shared[n])
		}
		return
	}
	if strings.IndexByte(run, '&') >= 0 {
		run = html.UnescapeString(run)
	}
	// Indentation between elements is no text.
	if strings.Trim(run, "\r\n\t ") != "" || strings.Trim(run, " ") == "" {
		x.out.WriteString(run)
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
	switch name {
	case "p", "h", "row", "tr", "si", "table-row", "comment", "title", "subject", "creator", "description", "keywords", "text":
		if end {
			x.out.WriteByte('\n')
		}
	case "br", "cr", "line-break":
		x.out.WriteByte('\n')
	case "c":
		if !end {
			x.number = strings.Contains(tag, `t="s"`) || strings.Contains(tag, `t='s'`)
		}
		if end || empty {
			x.out.WriteByte('\t')
		}
	case "v":
		x.value = !end && !empty
	case "tc", "table-cell":
		if end || empty {
			x.out.WriteByte('\t')
		}
	case "tab":
		x.out.WriteByte('\t')
	case "s":
		x.out.WriteByte(' ')
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
		list = append(list, strings.TrimSpace(XML(item, nil)))
		src = rest
	}
	return list
}
