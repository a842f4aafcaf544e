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
	case "snow", "ivory", "ghostwhite", "mintcream", "azure", "floralwhite", "seashell", "whitesmoke", "aliceblue", "honeydew", "lavenderblush":
		return white - 0x010101 // as good as white
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

// styling is what several declarations of one element say together.
type styling struct {
	empty, clipped   bool // no room, and what does not fit is cut off
	relative, pushed bool // moved from where it would stand
}

// style applies the declarations of a style attribute.
func (e *element) style(decls string) {
	var s styling
	decls = cleanCSS(decls)
	for decls != "" {
		var d string
		d, decls, _ = strings.Cut(decls, ";")
		s.declare(e, d)
	}
	s.end(e)
}

// declare applies one declaration.
func (s *styling) declare(e *element, d string) {
	name, value, ok := strings.Cut(d, ":")
	if !ok {
		return
	}
	name, value = lower(strings.Trim(name, " \t\r\n\f")), strings.Trim(value, " \t\r\n\f")
	s.empty = s.empty || (name == "width" || name == "height") && isZero(value)
	s.clipped = s.clipped || strings.HasPrefix(name, "overflow") && (hasFold(value, "hidden") || hasFold(value, "clip"))
	s.relative = s.relative || name == "position" && (hasFold(value, "relative") || hasFold(value, "sticky"))
	s.pushed = s.pushed || (name == "left" || name == "right" || name == "top" || name == "bottom") && !isZero(value) && !hasFold(value, "auto")
	e.declare(name, value)
}

func (s *styling) end(e *element) {
	e.lost = e.lost || s.empty && s.clipped
	e.hidden = e.hidden || e.lost
	e.shuffled = e.shuffled || s.relative && s.pushed
}

func (e *element) declare(name, value string) {
	e.doubts(name, value)
	switch name {
	case "color":
		value, _, _ = strings.Cut(value, "!")
		if hasFold(value, "transparent") {
			e.hidden, e.lost = true, true
		}
		e.color = parseColor(value)
	case "background-color":
		e.back = parseColor(value)
	case "background", "background-image":
		e.back = parseColor(value)
	case "font-size":
		e.small = isZero(value)
	case "font":
		e.font(value)
	case "direction":
		e.turn.direct(value)
	case "unicode-bidi":
		e.turn.override(value)
	default:
		if hides(name, value) {
			e.hidden, e.lost = true, e.lost || name != "display" && name != "visibility"
		}
	}
}

// font reads the size in the shorthand of a font: the length before a "/", or
// the only number with a unit.
func (e *element) font(value string) {
	for _, w := range strings.Fields(value) {
		size, _, line := strings.Cut(w, "/")
		switch {
		case size == "" || strings.IndexByte("0123456789.", size[0]) < 0:
		case isZero(size):
			e.small = true
			return
		case line || strings.ContainsAny(size, "abcdefghijklmnopqrstuvwxyz%"):
			e.small = false
		}
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

// contents returns the strings that "content:" declarations would show.
// A sheet with comments or escapes is read with and without them, as a string
// may have been taken for one.
func (s *sheet) contents(css string) []string {
	texts := contentStrings(css)
	if clean := cleanCSS(css); clean != css {
		texts = append(texts, contentStrings(clean)...)
	}
	s.over = s.over || len(texts) >= maxContent
	return texts
}

func contentStrings(css string) []string {
	var texts []string
	low := lowerASCII(css)
	for len(texts) < maxContent {
		i := strings.Index(low, "content")
		if i < 0 {
			return texts
		}
		value := strings.TrimLeft(css[i+len("content"):], " \t\r\n\f")
		rest := value
		var text strings.Builder
		for strings.HasPrefix(value, ":") && rest != "" && rest[0] != ';' && rest[0] != '}' {
			var part string
			part, rest = cssString(rest)
			text.WriteString(part)
		}
		if text.Len() > 0 {
			texts = append(texts, text.String())
		}
		css, low = rest, low[len(low)-len(rest):]
	}
	return texts
}

// lowerASCII keeps the places of all octets.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// cssString takes the string that css begins with, or the octet that begins none.
func cssString(css string) (text, rest string) {
	if css[0] != '"' && css[0] != '\'' {
		return "", css[1:]
	}
	text, rest, _ = strings.Cut(css[1:], css[:1])
	return text, rest
}

// cleanCSS takes out comments and undoes escapes (CSS Syntax sections 4.3.2 and
// 4.3.7). An escaped quote or backslash goes, lest it end a string.
func cleanCSS(css string) string {
	if !strings.Contains(css, "/*") && strings.IndexByte(css, '\\') < 0 {
		return css
	}
	var b strings.Builder
	quote := byte(0)
	for css != "" {
		i := strings.IndexAny(css, "\\/\"'\n")
		if i < 0 {
			break
		}
		b.WriteString(css[:i])
		css = css[i:]
		n, text := 1, css[:1]
		switch c := css[0]; {
		case c == '\\':
			n, text = cssEscape(css)
		case c == '/' && quote == 0 && strings.HasPrefix(css, "/*"):
			_, css, _ = strings.Cut(css[2:], "*/")
			continue
		case c == quote || c == '\n':
			quote = 0
		case c != '/' && quote == 0:
			quote = c
		}
		b.WriteString(text)
		css = css[n:]
	}
	b.WriteString(css)
	return b.String()
}

// cssEscape reads the escape that css begins with: up to six hexadecimal digits
// and a space, or any character but a line end.
func cssEscape(css string) (n int, text string) {
	for n = 1; n < len(css) && n < 7 && strings.IndexByte("0123456789abcdefABCDEF", css[n]) >= 0; n++ {
	}
	if n == 1 {
		return min(2, len(css)), strings.Trim(css[1:min(2, len(css))], "\n\"'\\")
	}
	v, _ := strconv.ParseUint(css[1:n], 16, 32) // at most six digits
	if n < len(css) && isSpace(css[n]) {
		n++
	}
	return n, strings.Trim(string(rune(v)), "\n\"'\\;{}")
}

func unescapeURL(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
