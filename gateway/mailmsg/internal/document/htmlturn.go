package document

import (
	"slices"
	"strings"
)

// Marks of direction (UAX #9 section 2). Text that styles or <bdo> turn around
// is given with them, as a plain text would have it; apart keeps two runs that
// are turned each by itself from being taken for one.
const (
	leftOverride  = "\u202d"
	rightOverride = "\u202e"
	popDirection  = "\u202c"
	apart         = "\u200b"
	maxTurns      = 3 // overrides of changing direction within each other
)

// turn is what an element does to the direction of its text.
type turn struct {
	marks string // of all overrides around the text, outermost first
	// Declared: direct is 'l' or 'r', inherited; kind, of this element only, is
	// 'b' for an override, 'i' for one that stands by itself.
	to   byte
	kind byte
}

// begin takes over what an element inherits.
func (t *turn) begin(name string) {
	t.kind = 0
	if name == "bdo" {
		t.kind = 'i'
	}
}

// direct reads a direction, of an attribute or a style.
func (t *turn) direct(value string) {
	switch {
	case hasFold(value, "rtl"):
		t.to = 'r'
	case hasFold(value, "ltr"):
		t.to = 'l'
	}
}

// override reads unicode-bidi.
func (t *turn) override(value string) {
	switch {
	case hasFold(value, "bidi-override"):
		t.kind = 'b'
	case hasFold(value, "isolate-override"):
		t.kind = 'i'
	}
}

// add applies what a rule declares.
func (t *turn) add(rule turn) {
	if rule.to != 0 {
		t.to = rule.to
	}
	if rule.kind != 0 {
		t.kind = rule.kind
	}
}

// resolve adds the mark of an element whose attributes were read. It reports
// whether the element overrides the direction.
func (t *turn) resolve() bool {
	if t.kind == 0 {
		return false
	}
	mark := leftOverride
	if t.to == 'r' {
		mark = rightOverride
	}
	now := leftOverride
	if n := len(t.marks); n > 0 {
		now = t.marks[n-len(now):]
	}
	if mark != now && turnsOf(t.marks) < maxTurns {
		if t.kind == 'i' {
			t.marks += apart
		}
		t.marks += mark
	}
	return mark != now
}

func turnsOf(marks string) int {
	return strings.Count(marks, leftOverride) + strings.Count(marks, rightOverride)
}

// turn closes and opens overrides so that marks are the open ones.
func (s *stream) turn(marks string) {
	if s.turns == marks {
		return
	}
	kept := 0
	if strings.HasPrefix(marks, s.turns) {
		kept = len(s.turns)
	} else if strings.HasPrefix(s.turns, marks) {
		kept = len(marks)
	}
	s.text = append(s.text, strings.Repeat(popDirection, turnsOf(s.turns[kept:]))...)
	if kept < len(marks) {
		s.gap()
		s.text = append(s.text, marks[kept:]...)
	}
	s.turns = marks
}

// turnAll adds the visible lines backwards to the hidden text, where a style
// turns what only a browser could tell.
func (p *page) turnAll() {
	p.visible.turn("")
	p.quoted.turn("")
	if !p.turned {
		return
	}
	for _, s := range []*stream{&p.visible, &p.quoted} {
		for line := range strings.Lines(string(s.text)) {
			runes := []rune(line)
			slices.Reverse(runes)
			p.aside(string(runes))
		}
	}
}

func isBlank(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isSpace(s[i]) {
			return false
		}
	}
	return true
}
