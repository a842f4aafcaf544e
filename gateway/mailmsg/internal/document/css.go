package document

import (
	"net/url"
	"strconv"
	"strings"
)

// color is 0x1RRGGBB; zero is unknown, which equals nothing.
type color uint32

const (
	black color = 0x1000000
	white color = 0x1ffffff
)

// parseColor reads the notations that mail uses; what it does not know is 0.
func parseColor(s string) color {
	s = strings.Trim(s, " \t\r\n")
	if hasFold(s, "rgb(") {
		return rgb(s[4:])
	}
	switch lower(s) {
	case "white":
		return white
	case "black":
		return black
	}
	s = strings.TrimPrefix(s, "#")
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 6 {
		return 0
	}
	return black | color(v)
}

func rgb(s string) color {
	s, _, _ = strings.Cut(s, ")")
	c := black
	parts := strings.Split(s, ",")
	for i, p := range parts {
		v, err := strconv.ParseUint(strings.TrimSpace(p), 10, 8)
		if err != nil || len(parts) != 3 {
			return 0
		}
		c |= color(v) << (16 - 8*i)
	}
	return c
}

// style applies the declarations of a style attribute.
func (e *element) style(decls string) {
	for decls != "" {
		var d string
		d, decls, _ = strings.Cut(decls, ";")
		name, value, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		e.declare(lower(strings.Trim(name, " \t\r\n")), strings.Trim(value, " \t\r\n"))
	}
}

func (e *element) declare(name, value string) {
	switch name {
	case "color":
		value, _, _ = strings.Cut(value, "!")
		if hasFold(value, "transparent") {
			e.hidden = true
		}
		e.color = parseColor(value)
	case "background-color":
		e.back = parseColor(value)
	case "background", "background-image":
		e.back = parseColor(value)
	case "font-size":
		e.small = isZero(value)
	default:
		e.hidden = e.hidden || hides(name, value)
	}
}

// hides reports whether one declaration takes an element out of sight.
func hides(name, value string) bool {
	switch name {
	case "display":
		return hasFold(value, "none")
	case "visibility":
		return hasFold(value, "hidden") || hasFold(value, "collapse")
	case "mso-hide":
		return hasFold(value, "all")
	case "opacity", "max-height", "max-width":
		return isZero(value)
	case "text-indent", "left", "top", "margin-left":
		return strings.HasPrefix(value, "-") && len(value) > 4 && value[1] == '9'
	case "clip":
		return strings.Contains(value, "rect(0")
	}
	return false
}

// isZero reports whether a length or number is zero, or one point and less.
func isZero(v string) bool {
	n := 0
	for n < len(v) && (v[n] == '0' || v[n] == '.') {
		n++
	}
	if n == 0 {
		return strings.HasPrefix(v, "1p") && len(v) < 5
	}
	return n == len(v) || v[n] < '0' || v[n] > '9'
}

const (
	maxRules   = 2000
	maxContent = 200
)

// sheet holds the selectors that the style sheets of a document hide: ".class"
// and "#id", also within longer selectors. Rules of @media are left out, as
// they depend on the screen.
type sheet struct{ hidden map[string]bool }

func (s *sheet) empty() bool                { return len(s.hidden) == 0 }
func (s *sheet) hides(selector string) bool { return s.hidden[selector] }

// add reads the rules of one style element.
func (s *sheet) add(css string) {
	for n := 0; n < maxRules; n++ {
		selectors, rest, ok := strings.Cut(css, "{")
		if !ok {
			return
		}
		if at := strings.TrimSpace(selectors); strings.HasPrefix(at, "@") && !hasFold(at, "@font") && !hasFold(at, "@page") {
			css = rest[nested(rest):]
			continue
		}
		var decls string
		decls, css, _ = strings.Cut(rest, "}")
		if hidden := new(element); s.hiding(hidden, decls) {
			s.note(selectors)
		}
	}
}

func (s *sheet) hiding(e *element, decls string) bool {
	e.style(decls)
	return e.hidden || e.small
}

// nested is where the block that was opened before css ends.
func nested(css string) int {
	depth := 1
	for i := 0; i < len(css); i++ {
		switch css[i] {
		case '{':
			depth++
		case '}':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(css)
}

func (s *sheet) note(selectors string) {
	for _, sel := range strings.Split(selectors, ",") {
		sel = strings.TrimSpace(sel)
		i := strings.LastIndexAny(sel, ".#")
		if i < 0 || strings.ContainsAny(sel[i:], " :>[") {
			continue
		}
		if s.hidden == nil {
			s.hidden = map[string]bool{}
		}
		s.hidden[sel[i:]] = true
	}
}

// contents returns the strings that "content:" declarations would show.
func (s *sheet) contents(css string) []string {
	var texts []string
	for len(texts) < maxContent {
		_, rest, ok := strings.Cut(css, "content:")
		if !ok {
			return texts
		}
		css = rest
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			text, _, _ := strings.Cut(rest[1:], rest[:1])
			texts = append(texts, text)
		}
	}
	return texts
}

func unescapeURL(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
