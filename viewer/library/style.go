package library

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// styleRules says which declarations of a style attribute stay. Nothing that
// moves, covers or loads is among them, and nothing that sets text smaller
// than the page does: letters of 9 px are no help to anyone.
type styleRules struct {
	values map[string]*regexp.Regexp // by property
	size   *regexp.Regexp
}

func newStyleRules() *styleRules {
	const (
		number = `[0-9]{1,3}(\.[0-9]{1,2})?`
		length = `(` + number + `(px|pt|em|%)|0)`
		color  = `(#[0-9a-f]{3,8}|[a-z]{3,20}|rgba?\( ?[0-9., %]{1,40}\)|hsla?\( ?[0-9., %]{1,40}\))`
		border = `(` + length + `|` + color + `)( (` + length + `|` + color + `)){0,3}`
	)
	patterns := map[string]string{
		"color": color, "background-color": color, "background": color,
		"font-weight": `(normal|bold|bolder|lighter|[1-9]00)`, "font-style": `(normal|italic|oblique)`,
		"text-decoration": `(none|underline|line-through)`, "text-align": `(left|right|center|justify|start|end)`,
		"vertical-align": `(top|middle|bottom|baseline|sub|super)`, "direction": `(ltr|rtl)`,
		"white-space": `(normal|pre-wrap|pre-line)`, "list-style-type": `[a-z-]{3,25}`,
		"border-collapse": `(collapse|separate)`, "border-radius": length, "display": `(none|block|inline|inline-block)`,
		"text-transform": `(none|uppercase|capitalize)`,
	}
	for _, side := range []string{"", "-top", "-right", "-bottom", "-left"} {
		patterns["padding"+side] = length + `( ` + length + `){0,3}`
		patterns["margin"+side] = `(auto|` + length + `)( (auto|` + length + `)){0,3}`
		patterns["border"+side] = border
	}
	r := &styleRules{values: make(map[string]*regexp.Regexp, len(patterns)), size: regexp.MustCompile(`^(` + number + `)(px|pt|em|rem|%)$`)}
	for property, pattern := range patterns {
		r.values[property] = regexp.MustCompile(`^` + pattern + `$`)
	}
	return r
}

// maxStyle bounds what is looked at of one attribute, in octets.
const maxStyle = 4096

// filter keeps the harmless declarations of a style attribute of element.
func (r *styleRules) filter(style, element string) string {
	if len(style) > maxStyle || strings.ContainsAny(style, `\@{}<>`) || strings.Contains(style, "/*") {
		return ""
	}
	var kept []string
	for declaration := range strings.SplitSeq(strings.ToLower(style), ";") {
		property, value, ok := strings.Cut(declaration, ":")
		if !ok {
			continue
		}
		property = strings.TrimSpace(property)
		value = strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimSpace(value), "!important")), " ")
		if r.keeps(property, value) {
			if property == "background" {
				property = "background-color"
			}
			kept = append(kept, property+":"+value)
		}
	}
	return strings.Join(kept, ";")
}

func (r *styleRules) keeps(property, value string) bool {
	if property == "font-size" {
		return r.readable(value)
	}
	rule, ok := r.values[property]
	return ok && rule.MatchString(value)
}

// readable reports whether a font size is at least that of the page (18 px)
// and no more than a headline's.
func (r *styleRules) readable(value string) bool {
	m := r.size.FindStringSubmatch(value)
	if m == nil {
		return false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return false
	}
	switch m[3] {
	case "px":
	case "pt":
		n = n * 4 / 3
	case "em", "rem":
		n *= 18
	case "%":
		n = n * 18 / 100
	}
	return n >= 18 && n <= 40
}

// sheet collects styles as classes.
type sheet struct {
	classes map[string]string // declarations -> class
	rules   []string
}

func newSheet() *sheet { return &sheet{classes: map[string]string{}} }

// maxClasses bounds a style sheet; later styles of a mail are left out.
const maxClasses = 2000

// class gives the class of declarations, "" for none.
func (s *sheet) class(declarations string) string {
	if declarations == "" {
		return ""
	}
	if class, ok := s.classes[declarations]; ok {
		return class
	}
	if len(s.rules) >= maxClasses {
		return ""
	}
	class := fmt.Sprintf("g%d", len(s.rules))
	s.classes[declarations] = class
	s.rules = append(s.rules, "."+class+"{"+declarations+"}\n")
	return class
}

func (s *sheet) String() string { return strings.Join(s.rules, "") }
