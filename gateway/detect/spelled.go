package detect

import (
	"slices"
	"strings"

	"gatepost/gateway"
)

// code is a form that values of a type have without separators, one octet a
// character: "D" a digit, "L" a letter, "C" either.
type code struct {
	form   string
	kind   uint16
	weight int8
	groups [][]int8 // lengths in which people group digits; none where the form has letters
	only   bool     // all codes of the type are digits
}

// maxSpelled is the longest value that is put together, and one more.
const maxSpelled = ibanMax + 1

// addCode notes a shape of kind i for values that are spelled with other signs.
func (l *layouts) addCode(i uint16, k *kind, s shape) {
	if k.dated || k.typ == "phone" || k.typ == "drivers_licence" {
		return
	}
	c := code{form: s.form, kind: i, weight: max(s.weight, 0)}
	if !strings.ContainsRune(s.form, 'D') {
		var group []int8
		c.form = ""
		for _, f := range strings.Fields(s.form) {
			group = append(group, int8(atoi(f)))
			c.form += strings.Repeat("D", atoi(f))
		}
		c.groups = [][]int8{group}
	}
	all := l.codes[k.id]
	for j := range all {
		if all[j].form == c.form && all[j].kind == c.kind {
			all[j].groups, all[j].weight = append(all[j].groups, c.groups...), min(all[j].weight, c.weight)
			return
		}
	}
	all = append(all, c)
	slices.SortStableFunc(all, func(a, b code) int { return len(b.form) - len(a.form) })
	only := !slices.ContainsFunc(all, func(c code) bool { return c.groups == nil })
	for j := range all {
		all[j].only = only
	}
	l.codes[k.id] = all
}

// gathered are the letters and digits from one place on, whatever stands
// between them.
type gathered struct {
	c   [maxSpelled]byte
	at  [maxSpelled]int32
	gap [maxSpelled]int8 // octets between it and the one before
	n   int
}

// spelled looks behind label number n, which no number was found for, for one of
// its type with other signs between its characters than people use, or with O
// for 0 and l for 1: "5*3*6*2*2*8*1*4*5", "AB-l2-34-56-C". It looks no further
// than the next label.
func (s *scan) spelled(n int) {
	t, l := s.d.types, s.labels[n]
	typ, iban := l.typ, t.kinds[t.iban].id
	switch typ {
	case t.account, t.bankAccount:
		typ = iban
	case t.sortCode:
		typ = t.bankAccount
	}
	codes := s.d.numbers.codes[typ]
	if len(codes) == 0 && typ != iban {
		return
	}
	end := min(s.n, int(l.end)+nearLabel)
	for n++; n < len(s.labels) && s.labels[n].start < l.end; n++ {
	}
	if n < len(s.labels) {
		end = min(end, int(s.labels[n].start)+1)
	}
	var g gathered
	for i, tries := int(l.end), 0; i < end && tries < 6; tries++ {
		for i < end && class[s.b[i]]&(letter|digit) == 0 {
			i++
		}
		if i == end || s.spelledAt(&g, i, typ, codes) {
			return
		}
		for ; i < end && class[s.b[i]]&(letter|digit) != 0; i++ {
			if class[s.b[i]] == digit {
				return // what follows is part of the same number
			}
		}
	}
}

// spelledAt tries the codes, longest first, at i.
func (s *scan) spelledAt(g *gathered, i int, typ uint16, codes []code) bool {
	if typ == s.d.types.kinds[s.d.types.iban].id {
		if s.gather(g, i, 4, false); !s.ban.begins(g) {
			return false
		}
		s.gather(g, i, maxSpelled, false)
		c := s.ban.code(g)
		c.kind = s.d.types.iban
		return s.spelledAs(g, &c, typ)
	}
	g.n = 0
	digits := class[s.b[i]] == digit || disguise(s.b[i]) != 0
	for k := range codes {
		c := &codes[k]
		if c.form[0] == 'D' && !digits || c.form[0] == 'L' && class[s.b[i]] != letter {
			continue
		}
		if g.n == 0 && !s.gather(g, i, len(c.form)+1, c.only) {
			return false
		}
		if s.spelledAs(g, c, typ) {
			return true
		}
	}
	return false
}

// gather fills g with up to n characters from i on, where digits says so only to
// the first one behind digits and what looks like them.
func (s *scan) gather(g *gathered, i, n int, digits bool) bool {
	gap := 0
	for g.n = 0; i < s.n && g.n < n; i++ {
		ch := s.b[i]
		if class[ch]&(letter|digit) == 0 {
			if ch == '\n' {
				i = s.indented(i)
			}
			if ch == '\t' {
				i = s.tabs(i)
			}
			if gap++; gap > 4 || !between(ch) {
				break
			}
			continue
		}
		g.c[g.n], g.at[g.n], g.gap[g.n] = ch, int32(i), int8(gap)
		g.n++
		if digits && class[ch] != digit && disguise(ch) == 0 {
			break
		}
		gap = 0
	}
	return g.n > 0
}

// indented is the last blank with which the line behind the line end at i begins, or i.
func (s *scan) indented(i int) int {
	for n := 0; n < 12 && (s.b[i+1] == ' ' || s.b[i+1] == '\t'); n++ {
		i++
	}
	return i
}

// tabs is the last tab of the run that begins at i: one gap, however wide the cell is.
func (s *scan) tabs(i int) int {
	for n := 1; n < maxColumns && s.b[i+1] == '\t'; n++ {
		i++
	}
	return i
}

// between reports whether c may stand between the characters of a value.
func between(c byte) bool {
	switch c {
	case ' ', '-', '.', '/', '_', ',', '*', ':', '|', '~', '\'', '(', ')', '\r', '\n', '>', '\t', '+',
		'=', ';', '#', '\\', '"', unknownMark:
		return true
	}
	return false
}

// spelledAs reports g's first characters as a value of code c, if they are one.
func (s *scan) spelledAs(g *gathered, c *code, typ uint16) bool {
	n := len(c.form)
	if g.n < n || g.n > n && (g.gap[n] == 0 || class[g.c[n]] == digit && s.goesOnAs(g, n)) {
		return false
	}
	v, k := s.buf[:n], &s.d.types.kinds[c.kind]
	if !g.read(c.form, v, "") {
		return false
	}
	if !k.holds(v) && !(g.smallAmong(c) && (g.read(c.form, v, "ol") && k.holds(v) || g.read(c.form, v, "olOI") && k.holds(v))) || !g.groupedAs(c, n) {
		return false
	}
	s.find(typ, int(g.at[0]), int(g.at[n-1])+1, v, gateway.Step{Name: k.why, Weight: int(c.weight)},
		gateway.Step{Name: "label near", Weight: nearWeight}, gateway.Step{Name: "spelled with other signs", Weight: 0})
	return true
}

// goesOnAs reports whether character n is joined to the one before as the last
// group before n is to its own neighbour.
func (s *scan) goesOnAs(g *gathered, n int) bool {
	for i := n - 1; i > 0; i-- {
		if g.gap[i] > 0 {
			return g.gap[i] == g.gap[n] && s.b[g.at[i]-1] == s.b[g.at[n]-1] && s.b[g.at[i-1]+1] == s.b[g.at[n-1]+1]
		}
	}
	return false
}

// smallAmong reports whether among the characters that code c leaves open some
// are an "o" or an "l" and no other letter is small: digits in disguise.
func (g *gathered) smallAmong(c *code) bool {
	some := false
	for i := range c.form {
		switch ch := g.c[i]; {
		case ch < 'a' || ch > 'z' || c.form[i] == 'D':
		case c.form[i] == 'C' && (ch == 'o' || ch == 'l'):
			some = true
		default:
			return false
		}
	}
	return some
}

// read writes the first characters into v as form wants them; at least half of
// what should be digits must be. Where form leaves it open, the letters of
// disguised are read as digits.
func (g *gathered) read(form string, v []byte, disguised string) bool {
	wanted, real := 0, 0
	for i := range v {
		c := g.c[i]
		switch {
		case form[i] == 'D':
			wanted++
			if class[c] == digit {
				real++
			} else if c = disguise(c); c == 0 {
				return false
			}
		case c >= 0x80 || form[i] == 'L' && class[c] != letter:
			return false
		case form[i] == 'C' && strings.IndexByte(disguised, c) >= 0:
			c = disguise(c)
		}
		v[i] = upper(c)
	}
	return 2*real >= wanted
}

// groupedAs reports whether the first n characters are grouped evenly or as
// code c is; other groupings are those of another number. A code with letters
// may be grouped in any way, but small words are no part of it.
func (g *gathered) groupedAs(c *code, n int) bool {
	var groups [maxSpelled]int8
	k := 0
	for i := 0; i < n; i++ {
		if i > 0 && g.gap[i] > 0 {
			if k++; groups[k-1] > 2 && g.gap[i] == 1 && g.small(i-int(groups[k-1]), i) {
				return false
			}
		}
		groups[k]++
	}
	if c.groups == nil {
		return groups[k] < 2 || !g.small(n-int(groups[k]), n)
	}
	all := groups[:k+1]
	return even(all) || slices.ContainsFunc(c.groups, func(want []int8) bool { return slices.Equal(all, want) })
}

// even reports whether groups have one length, of which the last may be shorter.
func even(groups []int8) bool {
	for _, size := range groups[:len(groups)-1] {
		if size != groups[0] {
			return false
		}
	}
	return groups[len(groups)-1] <= groups[0]
}

// small reports whether characters [i, j) are a word of small letters.
func (g *gathered) small(i, j int) bool {
	for _, c := range g.c[i:j] {
		if class[c] != letter || isUpper(c) {
			return false
		}
	}
	return true
}

// begins reports whether g begins like an IBAN: a country and two digits.
func (t *ibans) begins(g *gathered) bool {
	if g.n < 4 || t.form(g.c[:2], 0) == "" {
		return false
	}
	for _, c := range g.c[2:4] {
		if class[c] != digit && disguise(c) == 0 {
			return false
		}
	}
	return true
}

// code is the form of an IBAN of the country with which g begins.
func (t *ibans) code(g *gathered) code {
	return code{form: ibanCodes[t.form(g.c[:2], 0)], weight: highSum}
}

// ibanCodes are the forms of codes, by those of the registry.
var ibanCodes = func() map[string]string {
	all := map[string]string{}
	for _, form := range newIBANs() {
		all[form] = "LLDD" + strings.NewReplacer("n", "D", "a", "L", "c", "C").Replace(form)
	}
	return all
}()
