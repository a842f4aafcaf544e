package detect

import (
	"sort"

	"gatepost/gateway"
)

// Distances in octets of normalised text.
const (
	nearLabel = 30
	farLabel  = 300
)

// Weights of context, and what a sum must reach for a level.
const (
	nearWeight  = 4
	farWeight   = 2
	orderWeight = -3
	quietWeight = -3

	lowSum    = 1
	mediumSum = 4
	highSum   = 7
)

func levelOf(sum int) gateway.Level {
	switch {
	case sum >= highSum:
		return gateway.High
	case sum >= mediumSum:
		return gateway.Medium
	case sum >= lowSum:
		return gateway.Low
	}
	return gateway.None
}

// resolve gives each candidate of the view its type and level.
func (s *scan) resolve() {
	for i := range s.cands {
		if c := &s.cands[i]; s.mine(int(c.start)) {
			s.weigh(c)
		}
	}
	ids := s.d.types.ids
	for _, l := range s.labels {
		switch l.typ {
		case ids["password"], ids["token"]:
			s.labelledSecret(l, 1)
		case ids["name"]:
			s.labelledName(l)
		}
	}
}

// weigh judges one candidate by its shape and by the labels around it: the
// nearest label within 30 octets decides; without one, a label of a fitting
// type within 300 octets helps.
func (s *scan) weigh(c *cand) {
	lab, near := s.nearest(c)
	if near {
		info := &s.d.types.info[lab.typ]
		switch {
		case info.lowers:
			s.bare(c, gateway.Step{Name: "order word near", Weight: orderWeight})
			return
		case s.typed(c, lab.typ, gateway.Step{Name: "label near", Weight: nearWeight}):
			return
		case info.accepts(c) && s.directly(lab, c) && !s.isDate(c):
			s.report(lab.typ, c, gateway.Step{Name: "shape", Weight: info.base},
				gateway.Step{Name: "label near", Weight: nearWeight}, s.docket(lab.typ, c))
			return
		}
	}
	for i := s.before(c) - 1; i >= 0 && int(c.start-s.labels[i].end) <= farLabel; i-- {
		if s.typed(c, s.labels[i].typ, gateway.Step{Name: "label far", Weight: farWeight}) {
			return
		}
	}
	s.bare(c, gateway.Step{})
}

// docket is the step for a case number that is written as courts do, with
// letters for the kind of case and a year or a long number.
func (s *scan) docket(typ uint16, c *cand) gateway.Step {
	letters, digits := 0, 0
	for _, ch := range c.value[:c.n] {
		if class[ch] == digit {
			digits++
		} else {
			letters++
		}
	}
	if typ != s.d.types.ids["case_number"] || letters < 2 || digits < 5 {
		return gateway.Step{}
	}
	return gateway.Step{Name: "written as courts do", Weight: 2}
}

// before is the number of labels that end before c.
func (s *scan) before(c *cand) int {
	return sort.Search(len(s.labels), func(i int) bool { return s.labels[i].end > c.start })
}

// nearest is the label nearest to c, and whether it is near. A label that
// follows counts only on the same line and when it does not introduce a value
// of its own; it has to be nearer by half.
func (s *scan) nearest(c *cand) (label, bool) {
	i := s.before(c)
	var best label
	dist := nearLabel + 1
	if i > 0 {
		if d := int(c.start - s.labels[i-1].end); d < dist {
			best, dist = s.labels[i-1], d
		}
	}
	for ; i < len(s.labels) && s.labels[i].start < c.end; i++ {
	}
	if i < len(s.labels) {
		l := s.labels[i]
		if d := 2*int(l.start-c.end) + 4; d < dist && s.follows(c, l) {
			best, dist = l, d
		}
	}
	return best, dist <= nearLabel
}

// follows reports whether l, after c, can be c's label.
func (s *scan) follows(c *cand, l label) bool {
	for _, ch := range s.b[c.end:l.start] {
		if class[ch]&newline != 0 || ch == '.' || ch == ';' || ch == ',' {
			return false
		}
	}
	next := s.b[l.end]
	return next != ':' && next != '#' && next != '='
}

// accepts reports whether a label alone may make c this type.
func (t *typeInfo) accepts(c *cand) bool {
	n := int(c.n)
	if n < t.minLen || n > t.maxLen {
		return false
	}
	digits := 0
	for _, ch := range c.value[:n] {
		if class[ch] == digit {
			digits++
		}
	}
	return digits >= t.minDigits
}

// directly reports whether at most three words and no end of a sentence stand
// between a label and its value.
func (s *scan) directly(l label, c *cand) bool {
	if l.start >= c.end {
		return c.nkinds > 0 || l.start-c.end <= 3
	}
	words, inside := 0, false
	for i := l.end; i < c.start; i++ {
		ch := s.b[i]
		if class[ch]&(letter|digit) == 0 {
			inside = false
			if ch == '?' || ch == '!' || ch == ';' || ch == ',' || ch == '.' && s.b[i+1] == ' ' && words > 0 {
				return false
			}
			continue
		}
		if !inside {
			words++
		}
		inside = true
	}
	return words <= 3
}

// isDate reports whether c is written like a date.
func (s *scan) isDate(c *cand) bool {
	for _, m := range c.kinds[:c.nkinds] {
		if s.d.types.kinds[m.kind].dated {
			return true
		}
	}
	return false
}

// typed reports c as typ if its shape allows that type.
func (s *scan) typed(c *cand, typ uint16, step gateway.Step) bool {
	for _, m := range c.kinds[:c.nkinds] {
		k := &s.d.types.kinds[m.kind]
		if k.id != typ || k.dated && step.Weight != nearWeight {
			continue
		}
		if k.dated {
			m.weight++ // nothing but a label makes a date a birth date
		}
		s.report(typ, c, gateway.Step{Name: k.why, Weight: int(m.weight)}, step)
		return true
	}
	return false
}

// bare reports c as the likeliest of the types that its shape allows.
func (s *scan) bare(c *cand, step gateway.Step) {
	best := -1
	for i, m := range c.kinds[:c.nkinds] {
		if s.d.types.kinds[m.kind].dated {
			continue
		}
		if best < 0 || m.weight > c.kinds[best].weight {
			best = i
		}
	}
	if best < 0 {
		return
	}
	m := c.kinds[best]
	k := &s.d.types.kinds[m.kind]
	s.report(k.id, c, gateway.Step{Name: k.why, Weight: int(m.weight)}, step)
}

// report enters a candidate as a finding.
func (s *scan) report(typ uint16, c *cand, steps ...gateway.Step) {
	if c.quiet {
		steps = append(steps, gateway.Step{Name: "inside a web address", Weight: quietWeight})
	}
	if c.tricked {
		steps = append(steps, gateway.Step{Name: "letters in place of digits", Weight: 0})
	}
	s.find(typ, int(c.start), int(c.end), c.value[:c.n], steps...)
}
