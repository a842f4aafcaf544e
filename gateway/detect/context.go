package detect

import (
	"bytes"

	"gatepost/gateway"
)

// Distances in octets of normalised text.
const (
	nearLabel   = 30
	besideLabel = 60
	farLabel    = 300
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

// A candidate waits for the labels behind it, which are read within settled
// octets. Where manyCands wait, those that wait for nothing are resolved, so that
// a table of thousands of numbers stays in the cache.
const (
	settled   = 512
	manyCands = 256
)

// resolveRead resolves the candidates for which nothing that follows the place
// at matters, where a word begins.
func (s *scan) resolveRead(at int) {
	if s.last.hash != 0 {
		at = min(at, int(s.last.start))
	}
	for _, p := range s.active[:s.nactive] {
		at = min(at, int(p.start))
	}
	n, most := 0, len(s.cands)
	if s.seq.n > 0 {
		most = s.seq.first
	}
	for n < most && int(s.cands[n].end)+settled < at {
		n++
	}
	if n > 0 {
		s.resolve(n)
		s.seq.first = max(s.seq.first-n, 0)
	}
	s.full = max(manyCands, 2*len(s.cands))
}

// resolve gives the first n candidates their type and level, and drops them.
func (s *scan) resolve(n int) {
	s.mostCands = max(s.mostCands, len(s.cands))
	for i := range s.cands[:n] {
		if c := &s.cands[i]; s.mine(int(c.start)) {
			s.weigh(c)
		}
	}
	s.cands = s.cands[:copy(s.cands, s.cands[n:])]
}

// readLabels looks for what labels alone make something.
func (s *scan) readLabels() {
	t := s.d.types
	for i, l := range s.labels {
		switch l.typ {
		case t.password, t.token:
			s.labelledSecret(l, 1)
		case t.name:
			s.labelledName(l)
		case t.bic:
			s.labelledBIC(l)
		case t.address:
			s.labelledAddress(l)
		default:
			if !l.used {
				s.spelled(i)
			}
		}
	}
}

// weigh judges one candidate by its shape and by the labels around it: the
// nearest label within 30 octets decides; without one, a label of a fitting
// type within 300 octets helps.
func (s *scan) weigh(c *cand) {
	if len(s.labels) > 0 || s.table.cols > 0 {
		if s.headed(c) || s.named(c, s.nearest(c)) || c.nkinds == 0 || s.farNamed(c) {
			return
		}
	}
	s.bare(c, gateway.Step{})
}

// farNamed judges c by the nearest label of a fitting type within 300 octets. It
// reports whether there is one.
func (s *scan) farNamed(c *cand) bool {
	i, types := s.before(c)-1, uint64(0)
	for ; i >= 0 && int(c.start-s.labels[i].end) <= farLabel; i-- {
		if types == 0 {
			types = s.typesOf(c)
		}
		if i%labelGroup == labelGroup-1 && s.labelTypes[i/labelGroup]&types == 0 {
			i -= labelGroup - 1
			continue
		}
		typ := s.labels[i].typ
		if types&typeBit(typ) != 0 && s.typed(c, typ, gateway.Step{Name: "label far", Weight: farWeight}) {
			return true
		}
	}
	return false
}

// typesOf are the bits of the types that c's shape allows.
func (s *scan) typesOf(c *cand) (bits uint64) {
	for i := range c.kinds[:c.nkinds] {
		bits |= s.d.types.bits[c.kinds[i].kind]
	}
	return bits
}

// named judges c by the labels that stand at one place near it: a word may name
// the numbers of several countries. It reports whether they settle what c is.
func (s *scan) named(c *cand, labels []label) bool {
	t := s.d.types
	for i, l := range labels {
		if l.typ == t.sortCode && s.typed(c, t.bankAccount, gateway.Step{Name: "label near", Weight: nearWeight}) {
			return true
		}
		if t.info[l.typ].lowers {
			s.bare(c, gateway.Step{Name: "label of another kind of number near", Weight: orderWeight})
			return true
		}
		if s.typed(c, l.typ, gateway.Step{Name: "label near", Weight: nearWeight}) {
			labels[i].used = true
			return true
		}
	}
	if s.certain(c) {
		return false
	}
	for _, l := range labels {
		info := &t.info[l.typ]
		if !info.accepts(c) || !s.directly(l, c) || s.isDate(c) {
			continue
		}
		typ, beside := l.typ, gateway.Step{}
		if typ == t.account && s.bankBeside(c) {
			typ, beside = t.bankAccount, gateway.Step{Name: "sort code or routing number beside", Weight: 1}
		}
		s.report(typ, c, gateway.Step{Name: "shape", Weight: info.base},
			gateway.Step{Name: "label near", Weight: nearWeight}, s.docket(typ, c), beside)
		return true
	}
	return false
}

// certain reports whether c's shape and checksum alone tell its type.
func (s *scan) certain(c *cand) bool {
	for _, m := range c.kinds[:c.nkinds] {
		if m.weight >= highSum {
			return true
		}
	}
	return false
}

// bankBeside reports whether a sort code or a routing number is named close to c.
func (s *scan) bankBeside(c *cand) bool {
	isBank := func(l label) bool { return l.typ == s.d.types.sortCode || l.typ == s.d.types.aba }
	k := s.before(c)
	for i := k - 1; i >= 0 && int(c.start-s.labels[i].end) <= besideLabel; i-- {
		if isBank(s.labels[i]) {
			return true
		}
	}
	for i := k; i < len(s.labels) && int(s.labels[i].start-c.end) <= besideLabel; i++ {
		if isBank(s.labels[i]) {
			return true
		}
	}
	return false
}

// docket is the step for a case number that is written as courts do, with
// letters for the kind of case and a year or a long number.
func (s *scan) docket(typ uint16, c *cand) gateway.Step {
	if typ != s.d.types.caseNumber {
		return gateway.Step{}
	}
	letters, digits := 0, 0
	for _, ch := range c.value[:c.n] {
		if class[ch] == digit {
			digits++
		} else {
			letters++
		}
	}
	if i := int(c.start) - 1; i > 1 && s.b[i] == '-' && class[s.b[i-1]]&letter != 0 && class[s.b[i-2]]&letter != 0 {
		letters += 2 // "CV-2024-5072": the letters are no part of the number
	}
	if letters < 2 || digits < 5 {
		return gateway.Step{}
	}
	return gateway.Step{Name: "written as courts do", Weight: 2}
}

// before is the number of labels that end before c. Candidates come nearly in
// order, so the last answer is near.
func (s *scan) before(c *cand) int {
	n := min(s.passed, len(s.labels))
	for n > 0 && s.labels[n-1].end > c.start {
		n--
	}
	for n < len(s.labels) && s.labels[n].end <= c.start {
		n++
	}
	s.passed = n
	return n
}

// nearest are the labels at the place nearest to c, with those that overlap
// there ("Medicare card" and "card number"), none when there is none near. A label that follows counts only on the same line and when it does not
// introduce a value of its own; it has to be nearer by half.
func (s *scan) nearest(c *cand) []label {
	i := s.before(c)
	best, dist := -1, nearLabel+1
	for k := i - 1; k >= 0; k-- {
		d := int(c.start - s.labels[k].end)
		if d < dist && s.d.types.info[s.labels[k].typ].words {
			continue // "SSN (name, address): 536228145"
		}
		if d < dist {
			best, dist = k, d
		}
		break
	}
	for ; i < len(s.labels) && s.labels[i].start < c.end; i++ {
	}
	if i < len(s.labels) {
		l := s.labels[i]
		if d := 2*int(l.start-c.end) + 4; d < dist && s.follows(c, l) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	from, to := best, best+1
	for from > 0 && s.labels[from-1].end > s.labels[best].start {
		from--
	}
	for to < len(s.labels) && s.labels[to].start < s.labels[best].end {
		to++
	}
	return s.labels[from:to]
}

// follows reports whether l, after c, can be c's label.
func (s *scan) follows(c *cand, l label) bool {
	for _, ch := range s.b[c.end:l.start] {
		if class[ch]&newline != 0 || ch == '.' || ch == ';' || ch == ',' {
			return false
		}
	}
	next := s.b[l.end]
	if next == '#' {
		return class[s.b[l.end+1]] != digit && class[s.b[l.end+2]] != digit
	}
	return next != ':' && next != '='
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
		return c.nkinds > 0 || l.start-c.end <= 3 || s.stated(int(c.end), int(l.start))
	}
	words, length := 0, 0
	for i := l.end; i < c.start; i++ {
		switch ch := s.b[i]; {
		case class[ch]&(letter|digit) != 0:
			if length++; length == 1 {
				words++
			}
			continue
		case ch == '?', ch == '!', ch == '.' && s.b[i+1] == ' ' && length > 3:
			return false
		case (ch == ';' || ch == ',') && !(words == 0 && s.b[i+1] != ' ') && !s.goesOn(int(i)+1):
			return false
		}
		length = 0
	}
	return words <= 3
}

// goesOn reports whether a clause at i still speaks of what was named before it:
// "my passport number; it is 482193765".
func (s *scan) goesOn(i int) bool {
	rest := s.b[i:min(i+7, s.n)]
	return bytes.HasPrefix(rest, []byte(" it ")) || bytes.HasPrefix(rest, []byte(" which "))
}

// stated reports whether b[i:j] says that what stands before is what follows:
// " is my ", " es mi número de ".
func (s *scan) stated(i, j int) bool {
	if s.b[i] != ' ' || j-i > 20 {
		return false
	}
	n := announces(s.b, i+1)
	return n > 0 && s.b[i+1+n] == ' '
}

// isDate reports whether c is written like a date, or like the month and year
// in which a card expires.
func (s *scan) isDate(c *cand) bool {
	if c.end-c.start == 5 && c.n == 4 && s.b[c.start+2] == '/' {
		return true
	}
	for _, m := range c.kinds[:c.nkinds] {
		if m.asks&asksDated != 0 {
			return true
		}
	}
	return false
}

// typed reports c as typ if its shape allows that type.
func (s *scan) typed(c *cand, typ uint16, step gateway.Step) bool {
	for _, m := range c.kinds[:c.nkinds] {
		if s.d.types.bits[m.kind] != typeBit(typ) {
			continue
		}
		k := &s.d.types.kinds[m.kind]
		if k.id != typ || k.dated && step.Weight != nearWeight {
			continue
		}
		if k.dated {
			m.weight++ // nothing but a label makes a date a birth date
		}
		s.shaped(c, k, m.weight, step)
		return true
	}
	return false
}

// bare reports c as the likeliest of the types that its shape allows.
func (s *scan) bare(c *cand, step gateway.Step) {
	best := -1
	for i, m := range c.kinds[:c.nkinds] {
		if m.asks&asksDated != 0 {
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
	s.shaped(c, k, m.weight, step)
}

// shaped reports c as one of kind k, for its shape and one more step.
func (s *scan) shaped(c *cand, k *kind, weight int8, step gateway.Step) {
	p := s.entered(k.id, c, int(weight)+step.Weight)
	if p == nil {
		return
	}
	now := explained{k, weight, step, c.quiet}
	if s.explained == now {
		p.steps = s.explainedBy
		return
	}
	s.explain(p, c, gateway.Step{Name: k.why, Weight: int(weight)}, step)
	s.explained, s.explainedBy = now, p.steps
}

// explained is what shaped noted the steps of last.
type explained struct {
	k      *kind
	weight int8
	step   gateway.Step
	quiet  bool
}

// report enters a candidate as a finding.
func (s *scan) report(typ uint16, c *cand, steps ...gateway.Step) {
	if p := s.entered(typ, c, sumOf(steps)); p != nil {
		s.explain(p, c, steps...)
	}
}

// entered enters a candidate with the sum of its steps. It returns the finding where
// its steps are to be noted.
func (s *scan) entered(typ uint16, c *cand, sum int) *spot {
	if c.quiet {
		sum += quietWeight
	}
	return s.enter(typ, int(c.start), int(c.end), c.value[:c.n], sum)
}

// explain notes the steps of a finding.
func (s *scan) explain(p *spot, c *cand, steps ...gateway.Step) {
	if c.quiet {
		steps = append(steps, gateway.Step{Name: "inside a web address", Weight: quietWeight})
	}
	p.steps = s.steps.of(steps)
}
