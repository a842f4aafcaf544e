package detect

import "strings"

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

// layouts finds the shapes that end at a piece. Digit groups are followed
// backwards through a tree of lengths; forms with letters are looked up by
// length and letter mask.
type layouts struct {
	nodes []layoutNode
	forms map[uint32][]match
	some  [1 << 10 / 64]uint64 // filter for forms
	total [20][]match          // by number of digits, however grouped
	codes map[uint16][]code    // by type: forms without separators, longest first
}

type layoutNode struct {
	next  [20]uint16 // by length of the group before
	match []match
}

type match struct {
	kind   uint16
	weight int8
}

// formMax is the longest form with letters.
const formMax = 16

func newLayouts(t *typeTable) *layouts {
	l := &layouts{nodes: make([]layoutNode, 1), forms: map[uint32][]match{}, codes: map[uint16][]code{}}
	for i, k := range t.kinds {
		for _, s := range k.shapes {
			m := match{uint16(i), s.weight}
			l.addCode(uint16(i), &k, s)
			if strings.ContainsRune(s.form, 'D') {
				key := formKey(s.form)
				l.forms[key] = append(l.forms[key], m)
				l.some[formBit(key)>>6] |= 1 << (formBit(key) & 63)
			} else {
				l.groups(s.form, m)
			}
		}
	}
	return l
}

// groups enters a layout such as "3 2 4".
func (l *layouts) groups(form string, m match) {
	fields := strings.Fields(form)
	node := uint16(0)
	for i := len(fields) - 1; i >= 0; i-- {
		n := atoi(fields[i])
		if l.nodes[node].next[n] == 0 {
			l.nodes = append(l.nodes, layoutNode{})
			l.nodes[node].next[n] = uint16(len(l.nodes) - 1)
		}
		node = l.nodes[node].next[n]
	}
	l.nodes[node].match = append(l.nodes[node].match, m)
	if len(fields) == 1 {
		n := atoi(form)
		l.total[n] = append(l.total[n], m)
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

// formBit is the place of a key in the filter.
func formBit(key uint32) uint32 { return key * 0x9e3779b1 >> 22 }

// maybe reports whether there may be a form of n octets with letters at mask.
func (l *layouts) maybe(n int, mask uint32) bool {
	k := formBit(formOf(n, mask))
	return l.some[k>>6]>>(k&63)&1 != 0
}

// Helpers of validators. v holds digits and upper-case letters.

// dot is the sum of the digits of v times their weights.
func dot(v []byte, weights ...int) (sum int) {
	for i, w := range weights {
		sum += int(v[i]-'0') * w
	}
	return sum
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
