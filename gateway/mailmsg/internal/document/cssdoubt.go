package document

import (
	"strconv"
	"strings"
	"unicode"
)

// doubts applies what a declaration may do to the sight or the place of its
// text, where only a browser could tell: such a text is given with and without
// it, or in the other order.
func (e *element) doubts(name, value string) {
	switch name {
	case "font-size", "max-height", "max-width", "height", "width", "line-height", "zoom":
		e.odd = e.odd || tinyLength(value) && (name == "font-size" || !strings.Contains(value, "%"))
	case "opacity":
		v, err := strconv.ParseFloat(value, 64)
		e.odd = e.odd || err == nil && v <= 0.2
	case "left", "right", "top", "bottom", "inset", "text-indent", "margin", "margin-left", "margin-right", "margin-top", "margin-bottom", "letter-spacing", "z-index":
		e.odd = e.odd || farAway(value) || name == "z-index" && strings.HasPrefix(value, "-")
	case "clip", "clip-path", "-webkit-clip-path", "filter", "-webkit-filter", "mask", "-webkit-mask", "mask-image", "-webkit-mask-image", "mix-blend-mode",
		"content-visibility", "-webkit-text-security", "-webkit-text-fill-color":
		e.odd = e.odd || !hasFold(value, "none") && !hasFold(value, "auto") && !hasFold(value, "normal")
	case "transform", "-webkit-transform", "-ms-transform", "translate", "scale", "rotate":
		e.odd = e.odd || !hasFold(value, "none")
		e.shuffled = e.shuffled || strings.ContainsAny(value, "123456789")
	case "color":
		e.odd = e.odd || oddColor(lower(value))
	case "display":
		e.odd = e.odd || hasFold(value, "table-column")
		e.shows = e.shows || !hasFold(value, "none")
		e.flat = e.flat || hasFold(value, "inline") || hasFold(value, "contents") || hasFold(value, "flex")
		e.inlined = hasFold(value, "inline") && !hasFold(value, "inline-") || hasFold(value, "contents")
		e.moved = e.moved || e.turn.to == 'r' && (hasFold(value, "inline-") || hasFold(value, "flex"))
	case "visibility":
		e.shows = e.shows || hasFold(value, "visible")
	case "position":
		if hasFold(value, "absolute") || hasFold(value, "fixed") {
			e.odd, e.shuffled = true, true
		}
	case "float":
		e.moved = e.moved || hasFold(value, "right")
		e.flat = e.flat || hasFold(value, "left")
	case "flex-direction", "flex-flow", "flex-wrap":
		e.moved = e.moved || strings.Contains(lower(value), "reverse")
	case "writing-mode":
		e.moved = e.moved || hasFold(value, "vertical")
	case "order":
		e.shuffled = e.shuffled || !isZero(value)
	case "grid-area", "grid-row", "grid-column", "grid-row-start", "grid-column-start", "grid-template-areas", "grid-auto-flow":
		e.shuffled = true
	}
	e.odd = e.odd || strings.Contains(value, "var(")
}

// tinyLength reports whether a length is too small to be read.
func tinyLength(v string) bool {
	n := 0
	for n < len(v) && (v[n] >= '0' && v[n] <= '9' || v[n] == '.') {
		n++
	}
	size, err := strconv.ParseFloat(v[:n], 64)
	if err != nil {
		return false
	}
	switch unit := lower(v[n:]); {
	case hasFold(unit, "px"), hasFold(unit, "pt"):
		return size <= 2
	case hasFold(unit, "%"):
		return size <= 10
	}
	return size <= 0.15
}

// farAway reports whether a length is below minus 100.
func farAway(v string) bool {
	for {
		_, after, found := strings.Cut(v, "-")
		if !found {
			return false
		}
		n := 0
		for n < len(after) && after[n] >= '0' && after[n] <= '9' {
			n++
		}
		if n >= 3 {
			return true
		}
		v = after
	}
}

// oddColor reports whether a colour is written in a way that is not followed, or
// hardly there.
func oddColor(v string) bool {
	alpha, ok := strings.CutPrefix(v, "rgba(")
	if !ok && strings.IndexByte(v, '/') >= 0 {
		alpha, ok = strings.CutPrefix(v, "rgb(")
	}
	if ok {
		alpha, _, _ = strings.Cut(alpha, ")")
		a, err := strconv.ParseFloat(strings.TrimSpace(alpha[strings.LastIndexAny(alpha, ",/ ")+1:]), 64)
		return err != nil || a <= 0.2
	}
	return strings.IndexByte(v, '(') >= 0 && !strings.HasPrefix(v, "rgb(") || len(v) == 9 && v[0] == '#' && v[7] == '0' || len(v) == 5 && v[0] == '#' && v[4] == '0'
}

// near reports whether nobody tells one colour from another.
func (c color) near(o color) bool {
	if c == 0 || o == 0 {
		return false
	}
	for shift := 0; shift < 24; shift += 8 {
		if distance(int(c>>shift&0xff), int(o>>shift&0xff)) > 20 {
			return false
		}
	}
	return true
}

func digitsOf(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// cssStrings are the strings of a value.
func cssStrings(value string) []string {
	var list []string
	for value != "" && len(list) < maxContent {
		text, rest := cssString(value)
		if text != "" {
			list = append(list, text)
		}
		value = rest
	}
	return list
}

// attrsOf are the attributes whose values a content shows.
func attrsOf(content string) []string {
	var list []string
	for len(list) < 8 {
		_, after, found := strings.Cut(lower(content), "attr(")
		if !found {
			break
		}
		name, rest, _ := strings.Cut(after, ")")
		name, _, _ = strings.Cut(strings.TrimSpace(name), ",")
		if name, _, _ = strings.Cut(name, " "); name != "" {
			list = append(list, name)
		}
		content = rest
	}
	return list
}
