package detect

import (
	"unicode/utf8"

	"gatepost/gateway"
)

// A part is read in views: viewSize octets that are judged, with a margin on
// both sides so that labels and phrases across the border are seen.
const (
	viewSize = 128 << 10
	margin   = 1 << 10
)

// scan is the state of one Scan. It is pooled; begin resets it.
type scan struct {
	d     *Detector
	words *automaton
	out   *gateway.Detections

	// The view: text and its judged range [lo, hi).
	normal
	lo, hi int
	kind   gateway.PartKind
	path   string
	index  int // of the part

	// Phrases that have begun, oldest first.
	active  [maxPhrase]phrase
	nactive int
	recent  [listOwn]recent // by list

	wordNo   int32 // words so far in the view
	lastPron int32 // wordNo of the latest "your", "my"
	prevEnd  int   // end of the word before
	quiet    int   // until here words are no language: a URL, an address
	numbered int   // until here digits belong to something found
	ipTried  int   // until here IPv6 was tried
	nameEnd  int   // end of the latest name
	wallets  int   // tokens hashed to see whether they are addresses of coins
	// Ends of stretches that need not be walked again.
	runEnd, noEnd, secretEnd int

	seq    sequence
	cands  []cand
	labels []label
	spots  []spot // findings of the view, before overlaps are settled
	tops   topics
	limits map[limitKey]int
	ban    *ibans
	buf    [64]byte
}

// phrase is a path in the tree of words.
type phrase struct {
	node  uint32
	start int32
}

// hit is a term that was met.
type hit struct {
	start, end int32
	term       uint32
}

// label is a word that names a type of identifier.
type label struct {
	start, end int32
	typ        uint16
}

// recent are the latest hits, kept to drop those inside a longer one.
type recent struct {
	hits [8]hit
	n    int
}

func newScan(d *Detector) *scan {
	s := &scan{d: d, words: d.words, limits: map[limitKey]int{}, ban: newIBANs()}
	s.folds = d.folds
	s.tops.init(d.words.builtin)
	return s
}

func (s *scan) begin() {
	s.out = &gateway.Detections{}
	clear(s.limits)
	s.tops.begin()
}

// part scans one part.
func (s *scan) part(index int, p gateway.Part, text string) {
	s.index, s.kind, s.path = index, p.Kind, p.Path
	cp, from := 0, 0
	for lo := 0; lo < len(text); {
		hi := cut(text, lo+viewSize)
		end := runeEdge(text, min(hi+margin, len(text)))
		s.view(text[from:end], lo-from, hi-from, cp)
		next := runeEdge(text, max(hi-margin, 0))
		cp += utf8.RuneCountInString(text[from:next])
		lo, from = hi, next
	}
	s.tops.endPart(s.words.terms)
}

// cut moves i, a place in text, back to the last space before it, if there is
// one near.
func cut(text string, i int) int {
	if i >= len(text) {
		return len(text)
	}
	for j := i; j > i-4096; j-- {
		if c := text[j]; c == ' ' || c == '\n' {
			return j
		}
	}
	return runeEdge(text, i)
}

func runeEdge(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}

// view scans text, whose octets from lo to hi are this view's own and whose
// first code point has number cp.
func (s *scan) view(text string, lo, hi, cp int) {
	s.read(text, cp)
	s.lo, s.hi = 0, s.n
	if lo > 0 {
		s.lo = s.octet(cp + utf8.RuneCountInString(text[:lo]))
	}
	if hi < len(text) {
		s.hi = s.octet(cp + utf8.RuneCountInString(text[:hi]))
	}
	s.nactive, s.wordNo, s.lastPron = 0, 0, -100
	for i := range s.recent {
		s.recent[i].n = 0
	}
	s.prevEnd, s.quiet, s.numbered = 0, 0, 0
	s.cands, s.labels = s.cands[:0], s.labels[:0]
	s.spots, s.ipTried, s.nameEnd, s.wallets = s.spots[:0], 0, 0, 0
	s.runEnd, s.noEnd, s.secretEnd = 0, 0, 0
	s.seq.clear()
	s.tokens()
	s.endSequence()
	s.resolve()
	s.settle()
	s.ownPatterns()
	s.tops.part.words += int(s.wordNo)
}

// octet is the first octet of the view that came from code point cp or later.
func (t *normal) octet(cp int) int {
	lo, hi := 0, t.n
	for lo < hi {
		if mid := (lo + hi) / 2; t.start(mid) < cp {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// mine reports whether what begins at i is judged in this view and not in a
// neighbour.
func (s *scan) mine(i int) bool { return i >= s.lo && i < s.hi }

// tokens cuts the view into words and numbers.
func (s *scan) tokens() {
	b, n := s.b, s.n
	for i := 0; i < n; {
		gap, seen := i, uint8(0)
		c := class[b[i]]
		for c&(letter|digit) == 0 && i < n {
			if c&hot != 0 {
				if j := s.mark(i); j > i {
					i = j
					c = class[b[i]]
					continue
				}
			}
			seen |= c
			i++
			c = class[b[i]]
		}
		if i >= n {
			return
		}
		if seen&(hard|newline) != 0 && s.breaks(gap, i, seen) {
			s.nactive = 0
			s.lastPron = -100
		}
		start, kinds := i, uint8(0)
		for c&(letter|digit) != 0 {
			kinds |= c
			i++
			c = class[b[i]]
		}
		s.wordNo++
		if kinds&digit != 0 && start >= s.numbered {
			if j := s.piece(start, i, kinds); j > i {
				i, s.nactive = j, 0
				continue
			}
		}
		if i-start <= maxWord {
			if id := s.words.lookup(hashWord(b, start, i)); id != 0 {
				s.known(id, start, i)
				s.prevEnd = i
				continue
			}
		}
		s.nactive = 0
		s.prevEnd = i
		if i-start >= minStemmed && kinds&digit == 0 {
			s.stemmed(start, i)
		}
	}
}

// breaks reports whether the gap [i, j) ends a phrase: punctuation, except a
// dot inside an abbreviation, or an empty line.
func (s *scan) breaks(i, j int, seen uint8) bool {
	if seen&hard != 0 {
		return !(j == i+1 && s.b[i] == '.')
	}
	lines := 0
	for ; i < j; i++ {
		if s.b[i] == '\n' {
			lines++
		}
	}
	return lines > 1
}

// known handles a word of the automaton: its flags, and the phrases that it
// continues, ends and begins.
func (s *scan) known(id uint32, start, end int) {
	w := &s.words.words[id]
	if w.flags&^(ordinary|particle) != 0 && start >= s.quiet {
		s.flagged(w.flags, start, end)
	}
	n := 0
	for _, p := range s.active[:s.nactive] {
		if node := s.words.next(p.node, id); node != 0 {
			s.active[n] = phrase{node, p.start}
			n++
			s.ends(node, int(p.start), end)
		}
	}
	if w.first != 0 {
		if n == maxPhrase {
			copy(s.active[:], s.active[1:])
			n--
		}
		s.active[n] = phrase{w.first, int32(start)}
		n++
		s.ends(w.first, start, end)
	}
	s.nactive = n
}

// ends reports the terms that end at node.
func (s *scan) ends(node uint32, start, end int) {
	a := s.words
	for _, id := range a.refs[a.ends[node]:a.ends[node+1]] {
		if a.terms[id].list == listOwn {
			s.ownWord(int(a.terms[id].sub), start, end)
			continue
		}
		if start >= s.quiet {
			s.hit(hit{int32(start), int32(end), id})
		}
	}
}

// hit enters a term, unless it lies inside one that was met; terms inside the
// new one are taken back. Terms of different lists do not hide each other: "in
// case" says little of law, but a case's number may follow.
func (s *scan) hit(h hit) {
	t := &s.words.terms[h.term]
	r := &s.recent[t.list]
	for r.n > 0 {
		last := r.hits[r.n-1]
		if last.start <= h.start && last.end >= h.end && (last.start != h.start || last.end != h.end) {
			return
		}
		if last.start < h.start || last.start == h.start && last.end == h.end {
			break
		}
		s.drop(last)
		r.n--
	}
	if r.n == len(r.hits) {
		copy(r.hits[:], r.hits[1:])
		r.n--
	}
	r.hits[r.n] = h
	r.n++
	if t.list == listLabel {
		s.labels = append(s.labels, label{h.start, h.end, t.sub})
		return
	}
	if s.mine(int(h.start)) {
		s.tops.part.add(h.term, t, s.wordNo-s.lastPron)
	}
}

// drop takes a hit back.
func (s *scan) drop(h hit) {
	t := &s.words.terms[h.term]
	if t.list == listLabel {
		s.labels = s.labels[:len(s.labels)-1]
		return
	}
	if s.mine(int(h.start)) {
		s.tops.part.remove(h.term)
	}
}
