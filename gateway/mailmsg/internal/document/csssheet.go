package document

import (
	"slices"
	"strings"
)

const (
	maxRules    = 20_000
	maxContent  = 5_000
	maxNested   = 16   // blocks within blocks
	maxSelector = 1024 // octets of one
)

// sheet holds what the style sheets of a document hide, move, turn or add, by
// the last simple selector of each rule: ".class", "#id", "[attribute", "tag".
type sheet struct {
	rules  map[string]rule
	attrs  []string // that selectors or contents name
	tags   bool     // there are rules for tags
	count  int      // of blocks
	over   bool     // there are more than are read
	wild   bool     // a rule that hides or moves may be for any element
	counts bool     // numbers are shown that are counted
	start  bool     // counting begins with a number
	speaks bool     // strings are shown beside the text by other means than content
}

// rule is what a style sheet says of an element.
type rule struct {
	hidden, odd, moved, shuffled, shows, lost, flat, inlined bool

	inexact       bool // the selector wants more than is looked at
	before, after string
	turn          turn
}

func (s *sheet) empty() bool { return len(s.rules) == 0 }

// cssBlock is a block that is open: its selectors, what was declared in it, and
// whether these hold only on some screens, or within others.
type cssBlock struct {
	selectors string
	e         element
	styling   styling
	content   string
	depends   bool
	frames    bool // steps of an animation
}

// add reads the rules of one style element.
func (s *sheet) add(css string) {
	css = strings.NewReplacer("<!--", "", "-->", "").Replace(cleanCSS(css))
	var open []cssBlock
	for {
		n := cssDelimiter(css)
		if n < 0 {
			break
		}
		text, c := strings.TrimSpace(css[:n]), css[n]
		css = css[n+1:]
		switch {
		case c == '{' && len(open) < maxNested:
			open = append(open, s.open(open, text))
		case c == '{':
			s.over = true
			return
		case len(open) > 0:
			open[len(open)-1].declare(s, text)
			if c == '}' {
				s.close(&open[len(open)-1])
				open = open[:len(open)-1]
			}
		}
		if s.count > maxRules {
			s.over = true
			return
		}
	}
	for i := range open { // what never ends is ended by the sheet
		if i == len(open)-1 {
			open[i].declare(s, css)
		}
		s.close(&open[i])
	}
}

// cssDelimiter is where the next brace or semicolon stands that is not within a
// string or, a semicolon, within brackets; -1 when there is none.
func cssDelimiter(css string) int {
	quote, depth := byte(0), 0
	for i := 0; i < len(css); i++ {
		switch c := css[i]; {
		case quote != 0:
			if c == quote || c == '\n' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case c == '{' || c == '}' || c == ';' && depth == 0:
			return i
		}
	}
	return -1
}

// open begins a block within others.
func (s *sheet) open(within []cssBlock, selectors string) cssBlock {
	s.count++
	b := cssBlock{selectors: selectors}
	if n := len(within); n > 0 {
		b.depends, b.frames = true, within[n-1].frames
	}
	if strings.HasPrefix(selectors, "@") {
		b.frames = b.frames || strings.Contains(lower(selectors), "keyframes")
		b.selectors = ""
	}
	return b
}

// declare takes one declaration.
func (b *cssBlock) declare(s *sheet, text string) {
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return
	}
	switch name = lower(strings.TrimSpace(name)); name {
	case "content":
		b.content = value
		s.counts = s.counts || strings.Contains(lower(value), "counter")
	case "counter-reset", "counter-set", "counter-increment":
		s.start = s.start || digitsOf(value) >= 2
	case "quotes", "list-style", "list-style-type", "symbols", "additive-symbols", "prefix", "suffix", "pad", "text-overflow", "hyphenate-character":
		s.speaks = s.speaks || strings.ContainsFunc(strings.Join(cssStrings(value), ""), isWordRune)
	}
	b.styling.declare(&b.e, text)
}

// close notes what a block says of the elements that it is for.
func (s *sheet) close(b *cssBlock) {
	b.styling.end(&b.e)
	if b.selectors == "" || b.frames {
		return
	}
	r := rule{hidden: b.e.hidden || b.e.small, odd: b.e.odd, moved: b.e.moved, shuffled: b.e.shuffled, shows: b.e.shows, flat: b.e.flat, inlined: b.e.inlined, lost: b.e.lost || b.e.small, turn: b.e.turn}
	back := b.e.back
	if back == 0 {
		back = white
	}
	r.odd = r.odd || b.e.color.near(back)
	for _, sel := range strings.Split(unwrapped(b.selectors), ",") {
		s.note(sel, b.content, b.depends, r)
	}
}

// unwrapped takes the lists that stand for one of several selectors out of
// their brackets, and leaves out what the brackets of others say.
func unwrapped(selectors string) string {
	if strings.IndexByte(selectors, '(') < 0 {
		return selectors
	}
	selectors = strings.NewReplacer(":is(", "(", ":where(", "(", ":matches(", "(", ":-webkit-any(", "(", ":-moz-any(", "(").Replace(lower(selectors))
	var b strings.Builder
	depth := 0
	for i := 0; i < len(selectors); i++ {
		switch c := selectors[i]; {
		case c == '(' && depth == 0 && (i == 0 || strings.IndexByte(" ,>+~(", selectors[i-1]) >= 0):
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// note keeps a rule under the last simple selector of sel.
func (s *sheet) note(sel, content string, depends bool, r rule) {
	if len(sel) > maxSelector {
		s.over = true
		return
	}
	key, exact, place := lastSelector(strings.TrimSpace(sel))
	if place != "" { // a pseudo-element: it has a text, and no more
		r = rule{}
		if place == "before" || place == "marker" {
			r.before = content
		} else {
			r.after = content
		}
	} else if r.inexact = depends || !exact; r.inexact {
		r.odd = r.odd || r.hidden
		r.hidden, r.lost, r.inlined = false, false, false
	}
	if r.inexact = r.inexact && (r.odd || r.moved || r.shuffled); r == (rule{}) {
		return
	}
	if key == "" {
		s.wild = s.wild || r.odd || r.moved || r.shuffled
		return
	}
	if s.rules == nil {
		s.rules = map[string]rule{}
	}
	s.tags = s.tags || isLetter(key[0])
	if name, ok := strings.CutPrefix(key, "["); ok {
		s.watch(name)
	}
	for _, name := range attrsOf(content) {
		s.watch(name)
	}
	s.rules[key] = s.rules[key].and(r)
}

// watch remembers an attribute whose values are wanted.
func (s *sheet) watch(name string) {
	if name != "" && !slices.Contains(s.attrs, name) {
		if s.attrs = append(s.attrs, name); len(s.attrs) > 64 {
			s.attrs, s.over = s.attrs[:64], true
		}
	}
}

// and is what two rules say of the same element.
func (r rule) and(o rule) rule {
	o.hidden, o.odd, o.moved = o.hidden || r.hidden, o.odd || r.odd, o.moved || r.moved
	o.shuffled, o.shows, o.inexact = o.shuffled || r.shuffled, o.shows || r.shows, o.inexact || r.inexact
	o.lost, o.flat = o.lost || r.lost, o.flat || r.flat
	o.inlined = o.inlined || r.inlined
	if o.before == "" {
		o.before = r.before
	}
	if o.after == "" {
		o.after = r.after
	}
	turn := r.turn
	turn.add(o.turn)
	o.turn = turn
	return o
}

// lastSelector finds the simple selector that tells most of the element that a
// selector is for. exact says that it tells all; place is the pseudo-element.
func lastSelector(sel string) (key string, exact bool, place string) {
	tail := sel[strings.LastIndexAny(sel, " \t\r\n>+~")+1:]
	exact = tail == sel
	best, parts := -1, 0
	for tail != "" {
		n := 1
		for n < len(tail) && strings.IndexByte(".#[:", tail[n]) < 0 {
			n++
		}
		if tail[0] == '[' {
			n = max(1, strings.IndexByte(tail, ']')+1)
		}
		part := tail[:n]
		tail = tail[n:]
		rank := 0
		switch c := part[0]; {
		case c == ':':
			switch name := lower(strings.Trim(part, ":")); name {
			case "before", "after", "marker", "first-letter", "first-line":
				place = name
			case "":
			default:
				exact = false
			}
			continue
		case c == '#':
			rank = 3
		case c == '.':
			rank = 2
		case c == '[':
			part, rank, exact = "["+attrName(part), 1, false
		case c == '*' || c == '&':
			continue
		default:
			part = lower(part)
		}
		if parts++; rank > best {
			best, key = rank, part
		}
	}
	return key, exact && parts == 1, place
}

// attrName is the name in an attribute selector.
func attrName(part string) string {
	name := strings.TrimSpace(part[1:])
	if i := strings.IndexAny(name, "=~|^$*] "); i >= 0 {
		name = name[:i]
	}
	return lower(name)
}
