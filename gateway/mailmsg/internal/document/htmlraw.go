package document

import (
	"html"
	"strings"
)

// rawText takes the content of an element in which tags mean nothing, up to
// its end tag (WHATWG HTML section 13.2.5, the RCDATA, RAWTEXT, script data and
// PLAINTEXT states). Where the content holds a "<", it is read as markup too:
// within drawings, choices and pages of XML these elements are like all others,
// and what looks like their content there is what a reader shows. shows says
// that the element itself may be in sight.
func (p *page) rawText(name, src string, shows bool) int {
	end, n := len(src), len(src)
	if name != "plaintext" {
		end, n = p.rawEnd(name, src)
	}
	body, closed := src[:end], end < len(src)
	if name == "style" {
		p.styleText(body, shows || !closed)
		return n
	}
	switch name {
	case "xmp", "plaintext":
		p.rawShown(body)
	case "textarea":
		p.rawShown(html.UnescapeString(body))
	case "title":
		p.aside(html.UnescapeString(body))
	default:
		p.aside(body)
	}
	if strings.IndexByte(body, '<') >= 0 {
		p.comment(body)
	}
	return n
}

// rawEnd finds where the content of a raw element ends and where its end tag
// does, both the length of src when there is no end tag.
func (p *page) rawEnd(name, src string) (end, after int) {
	for at := 0; ; at += 2 {
		i := strings.Index(src[at:], "</")
		if i < 0 {
			return len(src), len(src)
		}
		at += i
		if rest := src[at+2:]; hasFold(rest, name) && (len(rest) == len(name) || isSpace(rest[len(name)]) || strings.IndexByte("/>", rest[len(name)]) >= 0) {
			return at, at + p.bogus(src[at:])
		}
	}
}

// rawShown adds text that is shown as it stands, on lines of its own.
func (p *page) rawShown(text string) {
	p.newline('\n')
	p.shown().pre(text)
	p.newline('\n')
}

// styleText reads a style sheet, and as a text whatever is none: text hides in
// what a reader takes for style and another does not.
func (p *page) styleText(body string, shows bool) {
	p.sheet.add(body)
	p.turned = p.turned || strings.Contains(lower(cleanCSS(body)), "-override")
	p.aside(strings.Join(p.sheet.contents(body), "\n"))
	rest := strings.NewReplacer("<!--", "", "-->", "").Replace(body) // allowed around a sheet (CSS Syntax section 4.3)
	if shows || strings.IndexByte(rest, '<') >= 0 || !strings.ContainsAny(rest, "{@") {
		p.comment(rest)
	}
}

// within reports whether an element of the name is open.
func (p *page) within(name string) bool {
	for i := len(p.stack) - 1; i > 0 && i >= len(p.stack)-maxSearch; i-- {
		if p.stack[i].name == name {
			return true
		}
	}
	return false
}
