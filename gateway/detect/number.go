package detect

import (
	"slices"
	"strings"
)

// kind is one way in which a number is written, with its validator.
type kind struct {
	typ string
	id  uint16
	// shapes are the ways to write it. "3 2 4" are lengths of digit groups;
	// "LLDDDDDDL" are letters and digits, however grouped.
	shapes []shape
	// valid judges the value without separators, letters in upper case.
	valid func(v []byte) bool
	why   string // name of the step that validating is
	loose bool   // other numbers may follow directly: an expiry date after a card
	slow  bool   // valid takes longer than a look at what stands beside the number
	luhn  bool   // valid demands the Luhn formula: of several kinds that do, it is tried once
	// dated demands that groups be joined by "/", "-" or ".".
	dated bool
}

// holds reports whether v is a value of kind k.
func (k *kind) holds(v []byte) bool { return (!k.luhn || luhn(v)) && k.valid(v) }

// shape is a layout and what it weighs without any label: 4 is enough for
// MEDIUM; 0 or less means that a label is needed.
type shape struct {
	form   string
	weight int8
}

// layouts finds the shapes that end at a piece. Digit groups are followed by
// their lengths through states, of which each knows all layouts that end there;
// forms with letters are looked up by length and letter mask.
type layouts struct {
	states []groupState         // 0 is that of no group
	forms  [1 << 9]formSlot     // by a hash of the key, or the next free one
	tails  [1 << 13 / 64]uint64 // filter for their ends of any length
	total  [20][]match          // by number of digits, however grouped
	codes  [][]code             // by type: forms without separators, longest first
}

// groupState is what the lengths of the last groups may be part of.
type groupState struct {
	next [20]uint16 // by length of the group that follows
	ends []layout   // shortest first
}

// layout is a number of groups and what they may be, asks what any of that asks.
type layout struct {
	groups int
	match  []match
	asks   asks
	nine   bool // match is nineKinds, which nineDigits judges together
}

type match struct {
	kind   uint16
	weight int8
	asks   asks
}

// asks is what a kind demands besides being valid, kept where it is looked at
// for each number.
type asks uint8

const (
	asksDated asks = 1 << iota
	asksApart      // no other number may follow directly
	asksWhole      // kind.loose: it may, unless both look like one
	asksLuhn
	asksSigns // blanks between its groups say little
	asksSlow  // kind.slow

	asksMore = asksDated | asksWhole | asksLuhn | asksSlow // what is looked at before whether it is valid
)

func (k *kind) asks() (a asks) {
	if k.dated {
		a |= asksDated
	}
	if a |= asksApart; k.loose {
		a ^= asksApart | asksWhole
	}
	if k.luhn {
		a |= asksLuhn
	}
	if k.slow {
		a |= asksSlow
	}
	if k.typ == "ssn" {
		a |= asksSigns
	}
	return a
}

// formMin and formMax are the lengths of the shortest and of the longest form with letters.
const (
	formMin = 9
	formMax = 16
)

func newLayouts(t *typeTable) *layouts {
	l := &layouts{states: make([]groupState, 1), codes: make([][]code, len(t.names))}
	for i, k := range t.kinds {
		for _, s := range k.shapes {
			m := match{uint16(i), s.weight, k.asks()}
			l.addCode(uint16(i), &k, s)
			if strings.ContainsRune(s.form, 'D') {
				f := l.form(formKey(s.form))
				f.key, f.match = formKey(s.form), append(f.match, m)
				l.addTails(s.form)
			} else {
				l.groups(s.form, m)
			}
		}
	}
	for i := range l.states {
		for k := range l.states[i].ends {
			e := &l.states[i].ends[k]
			e.nine = e.groups == 1 && isNine(t, e.match)
		}
	}
	l.join()
	return l
}

// groups enters a layout such as "3 2 4".
func (l *layouts) groups(form string, m match) {
	fields := strings.Fields(form)
	at := uint16(0)
	for _, f := range fields {
		n := atoi(f)
		if l.states[at].next[n] == 0 {
			l.states = append(l.states, groupState{})
			l.states[at].next[n] = uint16(len(l.states) - 1)
		}
		at = l.states[at].next[n]
	}
	if st := &l.states[at]; len(st.ends) == 0 {
		st.ends = []layout{{groups: len(fields), match: []match{m}, asks: m.asks}}
	} else {
		st.ends[0].match = append(st.ends[0].match, m)
		st.ends[0].asks |= m.asks
	}
	if len(fields) == 1 {
		n := atoi(form)
		l.total[n] = append(l.total[n], m)
	}
}

// join makes a state go on, where its own groups do not, as the groups behind its
// first ones do (Aho and Corasick, 1975): so each group is looked at once.
func (l *layouts) join() {
	queue, shorter := []uint16{0}, make([]uint16, len(l.states))
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		st := &l.states[at]
		for n, to := range st.next {
			rest := uint16(0)
			if at != 0 {
				rest = l.states[shorter[at]].next[n]
			}
			if to == 0 {
				st.next[n] = rest
				continue
			}
			shorter[to] = rest
			l.states[to].ends = append(slices.Clip(l.states[rest].ends), l.states[to].ends...)
			queue = append(queue, to)
		}
	}
}

func atoi(s string) (n int) {
	for i := 0; i < len(s); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// formKey is length and letter mask of a form.
func formKey(form string) uint32 {
	mask := uint32(0)
	for i := 0; i < len(form); i++ {
		if form[i] == 'L' {
			mask |= 1 << i
		}
	}
	return formOf(len(form), mask)
}

// formOf is the key of a value of n octets whose letters are those of mask.
func formOf(n int, mask uint32) uint32 { return uint32(n)<<20 | mask }

// formSlot is what values of one form may be.
type formSlot struct {
	key   uint32 // 0: free
	match []match
}

// form is the slot of a key, or a free one.
func (l *layouts) form(key uint32) *formSlot {
	for i := key * 0x9e3779b1 >> 23; ; i++ {
		if f := &l.forms[i%uint32(len(l.forms))]; f.key == key || f.key == 0 {
			return f
		}
	}
}

// addTails enters how the ends of a form look.
func (l *layouts) addTails(form string) {
	for i := range form {
		k := tailBit(formKey(form[i:]))
		l.tails[k>>6] |= 1 << (k & 63)
	}
}

// tailBit is the place of a key in the filter of ends.
func tailBit(key uint32) uint32 { return key * 0x9e3779b1 >> 19 }

// mayEnd reports whether there may be a form whose last n octets have letters at mask.
func (l *layouts) mayEnd(n int, mask uint32) bool {
	k := tailBit(formOf(n, mask))
	return l.tails[k>>6]>>(k&63)&1 != 0
}

// Helpers of validators. v holds digits and upper-case letters.

// weights are those of eight digits, at most 100 each: of every other one, the
// first one highest.
type weights struct{ even, odd uint64 }

func weighing(w ...uint64) weights {
	return weights{w[0]<<48 | w[2]<<32 | w[4]<<16 | w[6], w[1]<<48 | w[3]<<32 | w[5]<<16 | w[7]}
}

// of is the sum of the first eight digits of v times their weights: the highest
// sixteen bits of a product of four digits and four weights, to which the lower
// ones carry nothing.
func (w *weights) of(v []byte) int {
	const lanes = 0x00ff00ff00ff00ff
	x := load(v, 0) - '0'*octets
	return int(x&lanes*w.even>>48 + x>>8&lanes*w.odd>>48)
}

// luhn reports whether the digits of v satisfy the Luhn formula. From the right,
// it takes eight at a time.
func luhn(v []byte) bool {
	const lanes, doubled = 0x00ff00ff00ff00ff, "0246813579"
	sum := 0
	for ; len(v) >= 8; v = v[:len(v)-8] {
		x := load(v, len(v)-8) - '0'*octets
		twice := x & lanes
		nine := (twice + (0x80-5)*(lanes/0xff)) >> 7 & (lanes / 0xff) // 1 where doubling makes two digits
		all := x>>8&lanes + 2*twice - 9*nine
		sum += int(all * (lanes / 0xff) >> 48)
	}
	i := len(v) - 1
	for ; i > 0; i -= 2 {
		sum += int(v[i]-'0') + int(doubled[v[i-1]-'0']-'0')
	}
	if i == 0 {
		sum += int(v[0] - '0')
	}
	return sum%10 == 0
}

// same reports whether all octets of v are equal.
func same(v []byte) bool {
	for _, c := range v {
		if c != v[0] {
			return false
		}
	}
	return true
}

// num is the value of v's digits; v has at most 18.
func num(v []byte) (n int) {
	for _, c := range v {
		n = n*10 + int(c-'0')
	}
	return n
}

// day reports whether d and m can be a day and a month.
func day(d, m int) bool { return d >= 1 && d <= 31 && m >= 1 && m <= 12 }
