package detect

import (
	"math/bits"
	"slices"
)

// automaton knows every word and phrase of the lexicons, of the labels and of
// the organization's own lists. A word is looked up by hash; phrases are paths
// in a tree of words. Phrases begin and end at word borders.
type automaton struct {
	filter []uint64 // one bit per word hash: most words of a text stop here
	fmask  uint64
	slots  []slot // word hash -> word, open addressing
	smask  uint64
	words  []word   // by word id; 0 is no word
	edges  []edge   // (node, word) -> node, open addressing
	emask  uint64   //
	ends   []uint32 // by node: index of the first of its terms in refs; one more than nodes
	refs   []uint32 // terms, grouped by node
	terms  []term
	own    []string // names of own detectors that have words
	stems  stems
	// builtin is how many terms are ours; the organization's follow.
	builtin int
}

type slot struct {
	hash uint64
	word uint32
}

type edge struct {
	key  uint64 // node<<32 | word; never 0
	node uint32
}

// word is what is known about a single word.
type word struct {
	first uint32 // node of the phrases that begin with it, 0 when none
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
)

// term is one entry of a list.
type term struct {
	text   string
	list   uint8 // one of the list… constants
	sub    uint16
	weight int8
}

// Lists that a term may belong to.
const (
	listTopic = iota // sub: topic
	listKind         // sub: kind of message
	listLabel        // sub: type of identifier
	listLink         // sub: what ties a topic to one person
	listOwn          // sub: own detector
)

// maxWord is the longest word that is looked up, in octets.
const maxWord = 64

// hashWord hashes b[i:j] without regard to the case of ASCII letters.
func hashWord(b []byte, i, j int) uint64 {
	const k0, k1 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := uint64(j-i) * k0
	for ; j-i > 8; i += 8 {
		h = mix(h^lowered(load(b, i)), k1)
	}
	v := load(b, i) & (^uint64(0) >> (64 - 8*uint(j-i)))
	return mix(h^lowered(v), k0)
}

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
	f := h & a.fmask
	if a.filter[f>>6]&(1<<(f&63)) == 0 {
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

// next is the node after word w at node n, 0 when there is none.
func (a *automaton) next(n, w uint32) uint32 {
	key := uint64(n)<<32 | uint64(w)
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
	folds *folds
	types *typeTable
	ids   map[uint64]uint32 // word hash -> word
	hash  []uint64          // by word
	words []word
	edges map[uint64]uint32
	ends  [][]uint32 // by node: terms
	terms []term
	own   []string
	stems stems

	builtin int
}

func newBuilder(t *typeTable, f *folds) *builder {
	return &builder{
		folds: f, types: t,
		ids: map[uint64]uint32{}, hash: []uint64{0}, words: []word{{}},
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
		*first = m.node()
	}
	node := *first
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
	node := m.words[ids[0]].first
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
	a := &automaton{words: m.words, terms: m.terms, own: m.own, stems: m.stems, builtin: m.builtin}
	n := 1 << bits.Len(uint(len(m.words))*2)
	a.slots, a.smask = make([]slot, n), uint64(n-1)
	a.filter, a.fmask = make([]uint64, n*16/64+1), uint64(n*16-1)
	for id := 1; id < len(m.words); id++ {
		h := m.hash[id]
		a.filter[(h&a.fmask)>>6] |= 1 << (h & a.fmask & 63)
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
		a.edges[i] = edge{key, node}
	}
	for _, terms := range m.ends {
		a.ends = append(a.ends, uint32(len(a.refs)))
		a.refs = append(a.refs, terms...)
	}
	a.ends = append(a.ends, uint32(len(a.refs)))
	return a
}
