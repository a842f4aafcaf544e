package detect

import (
	"math/bits"
	"slices"
)

// automaton knows every word and phrase of the lexicons, of the labels and of
// the organization's own lists. A word is looked up by hash; phrases are paths
// in a tree of words. Phrases begin and end at word borders.
type automaton struct {
	begins filter // words that do something by themselves: most words of a text do nothing
	pairs  filter // the first two words of phrases, by pairHash
	digits filter // words that hold a digit: a number in a text is seldom one
	filter filter // all words
	slots  []slot // word hash -> word, open addressing
	smask  uint64
	words  []word   // by word id; 0 is no word
	edges  []edge   // (node, word) -> node, open addressing
	emask  uint64   //
	ends   []uint32 // by node: index of the first of its terms in refs; one more than nodes
	refs   []uint32 // terms, grouped by node
	terms  []term
	stems  stems
	// endings are the last two letters of stems.
	endings endings
	// builtin is how many terms are ours; the organization's follow.
	builtin int
	// own says that there are terms of the organization's, crosses that some of
	// them cross signs that end a phrase; signs are those as words.
	own, crosses bool
	signs        [256]uint32
}

type slot struct {
	hash uint64
	word uint32
}

type edge struct {
	key  uint64 // number of the node<<32 | word; never 0
	node node
}

// node is a place in the tree of words: its number, and what there is at it.
// 0 is no place.
type node uint32

const (
	nodeEnds   node = 1 << iota // terms end here
	nodeGoesOn                  // longer terms go on
	nodeBits   = iota
)

// filter holds one bit per hash of a word, so that most of those that are not
// in it are told by one look at a small table.
type filter struct {
	bits []uint64
	mask uint64
}

// newFilter makes a filter for n words.
func newFilter(n int) filter {
	size := 16 << bits.Len(uint(n+3))
	return filter{make([]uint64, size/64), uint64(size - 1)}
}

func filterOf(hashes []uint64) filter {
	f := newFilter(len(hashes))
	for _, h := range hashes {
		f.add(h)
	}
	return f
}

func (f *filter) add(h uint64) { f.bits[h&f.mask>>6] |= 1 << (h & 63) }

func (f *filter) has(h uint64) bool { return f.bits[h&f.mask>>6]>>(h&63)&1 != 0 }

// endings is a filter for the last two octets of words.
type endings [1 << 10 / 64]uint64

func endingBit(last, before byte) uint { return uint(last&31)<<5 | uint(before&31) }

// has reports whether the word that ends before i may end like one of ours.
func (e *endings) has(b []byte, i int) bool {
	k := endingBit(b[i-1], b[i-2])
	return e[k>>6]>>(k&63)&1 != 0
}

// word is what is known about a single word.
type word struct {
	first node // of the phrases that begin with it, 0 when none
	flags uint32
}

// Flags of words, from the lists of names and from words that start something.
const (
	given    = 1 << iota // a given name
	ordinary             // an everyday word: no surname by itself
	surname              // an everyday word that is a surname after a given name
	title                // Mr, Mrs, Herr ...
	provider             // Dr, Prof
	patient              // patient, client: a name may follow
	dear                 // Dear, Hi: a name may follow
	pronoun              // your, my ...
	month                // January ...
	starts               // begins a token, a key or a web address
	street               // Street, Avenue ...
	asking               // what, how, which
	particle             // de, van: part of a surname
	speaker              // I: what follows may be the writer's own
	aged                 // years: a name may stand before the age
	numeral              // a digit in words; which one stands from digitBits on

	// acting are those that make flagged do something.
	acting = given | title | provider | patient | dear | pronoun | month | starts | street | asking | speaker | aged | numeral
)

// digitBits is where in the flags of a numeral its digit stands.
const digitBits = 28

// term is one entry of a list.
type term struct {
	text   string
	list   uint8 // one of the list… constants
	sub    uint16
	weight int8
}

// Lists that a term may belong to.
const (
	listTopic   = iota // sub: topic
	listKind           // sub: kind of message
	listLabel          // sub: type of identifier
	listLink           // sub: what ties a topic to one person
	listTelling        // sub: telling; a list of its own, for a longer term of another tells no less
	listOwn            // sub: name of the own detector
)

// maxWord is the longest word that is looked up, in octets.
const maxWord = 64

// The hash of a word takes eight octets at a time, without regard to the case
// of ASCII letters.
const (
	hashSeed = 0x9e3779b97f4a7c15
	hashKey  = 0xd6e8feb86659fd93
)

// hashMore adds eight octets of a word.
func hashMore(h, v uint64) uint64 { return mix(h^lowered(v), hashKey) }

// hashLast adds the last n octets of a word, at most seven, which v holds. It
// is never 0.
func hashLast(h, v uint64, n int) uint64 {
	return mix(h^lowered(v), hashKey+uint64(n)<<56) | 1<<63
}

// hashWord hashes b[i:j].
func hashWord(b []byte, i, j int) uint64 {
	h := uint64(hashSeed)
	for ; j-i >= 8; i += 8 {
		h = hashMore(h, load(b, i))
	}
	return hashLast(h, firstOctets(load(b, i), j-i), j-i)
}

// pairHash is the hash of two words, one behind the other.
func pairHash(first, second uint64) uint64 { return bits.RotateLeft64(first, 23)*hashKey ^ second }

// lowered sets the case bit of each octet that is ASCII. Words hold letters
// and digits only, and digits have that bit already.
func lowered(v uint64) uint64 {
	const hi = 0x8080808080808080
	return v | (0x2020202020202020 &^ ((v & hi) >> 2))
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// lookup returns the word with this hash, 0 when there is none.
func (a *automaton) lookup(h uint64) uint32 {
	if !a.filter.has(h) {
		return 0
	}
	for i := (h >> 20) & a.smask; ; i = (i + 1) & a.smask {
		s := &a.slots[i]
		if s.hash == h {
			return s.word
		}
		if s.word == 0 {
			return 0
		}
	}
}

// endsAt are the terms that end at n.
func (a *automaton) endsAt(n node) []uint32 {
	n >>= nodeBits
	return a.refs[a.ends[n]:a.ends[n+1]]
}

// next is the node after word w at node n, 0 when there is none.
func (a *automaton) next(n node, w uint32) node {
	key := uint64(n>>nodeBits)<<32 | uint64(w)
	for i := edgeHash(key) & a.emask; ; i = (i + 1) & a.emask {
		e := &a.edges[i]
		if e.key == key {
			return e.node
		}
		if e.key == 0 {
			return 0
		}
	}
}

func edgeHash(key uint64) uint64 { return mix(key, 0x9e3779b97f4a7c15) }

// flags of the word b[i:j], 0 when it is in no list.
func (a *automaton) flags(b []byte, i, j int) uint32 {
	if j <= i || j-i > maxWord {
		return 0
	}
	return a.words[a.lookup(hashWord(b, i, j))].flags
}

// builder gathers words and terms.
type builder struct {
	folds  *folds
	types  *typeTable
	ids    map[uint64]uint32 // word hash -> word
	hash   []uint64          // by word
	digits []bool            // by word: it holds one
	words  []word            // first is a number until build
	edges  map[uint64]uint32
	ends   [][]uint32 // by number of the node: terms
	terms  []term
	stems  stems
	twins  map[uint32]uint32 // node -> the one behind the same words with signs between
	signs  [256]uint32       // sign that ends a phrase -> word

	builtin int
}

func newBuilder(t *typeTable, f *folds) *builder {
	return &builder{
		folds: f, types: t,
		ids: map[uint64]uint32{}, hash: []uint64{0}, digits: []bool{false}, words: []word{{}}, twins: map[uint32]uint32{},
		edges: map[uint64]uint32{}, ends: [][]uint32{nil},
		terms: []term{{list: listOwn}}, // 0 is no term
	}
}

// word returns the id of the word b[i:j] and makes it known.
func (m *builder) word(b []byte, i, j int) uint32 {
	h := hashWord(b, i, j)
	id, ok := m.ids[h]
	if !ok {
		id = uint32(len(m.words))
		m.ids[h] = id
		m.words = append(m.words, word{})
		m.hash = append(m.hash, h)
		m.digits = append(m.digits, holdsDigit(b[i:j]))
	}
	return id
}

// flag marks every word of text.
func (m *builder) flag(text string, flags uint32) {
	for _, id := range m.split(text) {
		m.words[id].flags |= flags
	}
}

// split cuts text into words as the scanner does.
func (m *builder) split(text string) (ids []uint32) {
	t := normal{folds: m.folds}
	t.read(text, 0)
	for i := 0; i < t.n; {
		j := i
		for class[t.b[j]]&(letter|digit) != 0 {
			j++
		}
		if j > i && j-i <= maxWord {
			ids = append(ids, m.word(t.b, i, j))
		}
		i = j + 1
	}
	return ids
}

// maxPhrase is how many words a term may have.
const maxPhrase = 16

// add enters a term and returns its number.
func (m *builder) add(t term) uint32 {
	m.terms = append(m.terms, t)
	return uint32(len(m.terms) - 1)
}

// spell makes text a spelling of term id; it reports whether text has between
// 1 and maxPhrase words.
func (m *builder) spell(text string, id uint32) bool {
	ids := m.split(text)
	if len(ids) == 0 || len(ids) > maxPhrase {
		return false
	}
	first := &m.words[ids[0]].first
	if *first == 0 {
		*first = node(m.node())
	}
	node := uint32(*first)
	for _, w := range ids[1:] {
		key := uint64(node)<<32 | uint64(w)
		if m.edges[key] == 0 {
			m.edges[key] = m.node()
		}
		node = m.edges[key]
	}
	if !slices.Contains(m.ends[node], id) {
		m.ends[node] = append(m.ends[node], id)
	}
	return true
}

// spelled reports whether text ends a term of this list already.
func (m *builder) spelled(text string, list uint8, sub uint16) bool {
	ids := m.split(text)
	if len(ids) == 0 {
		return false
	}
	node := uint32(m.words[ids[0]].first)
	for _, w := range ids[1:] {
		node = m.edges[uint64(node)<<32|uint64(w)]
	}
	return node != 0 && slices.ContainsFunc(m.ends[node], func(id uint32) bool {
		return m.terms[id].list == list && m.terms[id].sub == sub
	})
}

func (m *builder) node() uint32 {
	m.ends = append(m.ends, nil)
	return uint32(len(m.ends) - 1)
}

// build freezes the tables.
func (m *builder) build() *automaton {
	a := &automaton{words: m.words, terms: m.terms, stems: m.stems, builtin: m.builtin, signs: m.signs, crosses: len(m.twins) > 0}
	a.own = slices.ContainsFunc(m.terms[1:], func(t term) bool { return t.list == listOwn })
	places := m.places()
	n := 1 << bits.Len(uint(len(m.words))*2)
	a.slots, a.smask = make([]slot, n), uint64(n-1)
	a.filter = newFilter(len(m.words))
	var begins, digits []uint64
	for id := 1; id < len(m.words); id++ {
		h, w := m.hash[id], &m.words[id]
		w.first = places[w.first]
		a.filter.add(h)
		if w.first&nodeEnds != 0 || w.flags&acting != 0 {
			begins = append(begins, h)
		}
		if m.digits[id] {
			digits = append(digits, h)
		}
		i := (h >> 20) & a.smask
		for a.slots[i].word != 0 {
			i = (i + 1) & a.smask
		}
		a.slots[i] = slot{h, uint32(id)}
	}
	n = 1 << bits.Len(uint(len(m.edges))*2+1)
	a.edges, a.emask = make([]edge, n), uint64(n-1)
	for key, node := range m.edges {
		i := edgeHash(key) & a.emask
		for a.edges[i].key != 0 {
			i = (i + 1) & a.emask
		}
		a.edges[i] = edge{key, places[node]}
	}
	a.begins, a.digits, a.pairs = filterOf(begins), filterOf(digits), filterOf(m.pairs())
	for _, terms := range m.ends {
		a.ends = append(a.ends, uint32(len(a.refs)))
		a.refs = append(a.refs, terms...)
	}
	a.ends = append(a.ends, uint32(len(a.refs)))
	a.endings = m.stems.endings()
	return a
}

// pairs are the hashes of the first two words of each phrase.
func (m *builder) pairs() (all []uint64) {
	begin := map[uint32]uint64{} // node of a first word -> hash
	for id := range m.words {
		begin[uint32(m.words[id].first>>nodeBits)] = m.hash[id]
	}
	delete(begin, 0)
	for key := range m.edges {
		if h, ok := begin[uint32(key>>32)]; ok {
			all = append(all, pairHash(h, m.hash[uint32(key)]))
		}
	}
	return all
}

// places are the nodes by number.
func (m *builder) places() []node {
	all := make([]node, len(m.ends))
	for i := range all {
		all[i] = node(i) << nodeBits
		if len(m.ends[i]) > 0 {
			all[i] |= nodeEnds
		}
	}
	for key := range m.edges {
		all[key>>32] |= nodeGoesOn
	}
	return all
}

func (t *stems) endings() (e endings) {
	for _, all := range t.byLast {
		for _, s := range all {
			n := len(s.text)
			k := endingBit(s.text[n-1], s.text[n-2])
			e[k>>6] |= 1 << (k & 63)
		}
	}
	return e
}
