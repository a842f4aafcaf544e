package detect

import (
	"math/bits"
	"unicode/utf8"
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
	findings

	// The view: text and its judged range [lo, hi).
	normal
	lo, hi int
	index  int  // of the part
	alone  bool // only own detectors look at it

	// Phrases of which two words or more were met, oldest first.
	active  [maxPhrase]phrase
	nactive int
	last    lastWord
	recent  [listOwn]recent // by list

	wordNo   int32 // words so far in the view
	lastPron int32 // wordNo of the latest "your", "my"
	quiet    int   // until here words are no language: a URL, an address
	skipped  int   // until here only own terms were looked for
	numbered int   // until here digits belong to something found
	ipTried  int   // until here IPv6 was tried
	nameEnd  int   // end of the latest name
	spoken   int   // end of the latest digits in words
	mixedTo  int   // and of those among which some may stand as such
	wallets  int   // tokens hashed to see whether they are addresses of coins
	// Ends of stretches that need not be walked again.
	runEnd, noEnd, secretEnd int
	plainFrom, plainTo       int // numberBehind saw nothing between

	tables [2]table
	table  *table     // the one at hand; the other is where the next one is made
	hashed [32]hashed // by type
	seq    sequence
	states []groupState          // of the detector's layouts
	valid  []func(v []byte) bool // of its types
	cands  []cand
	labels []label
	passed int // labels that end before the candidate weighed last
	// labelTypes are the bits of the types of each labelGroup labels, so that those of
	// other types are passed over together.
	labelTypes  []uint64
	full        int // candidates that are enough to resolve some
	tops        topics
	ban         *ibans
	explained   explained // whose steps are the set number explainedBy
	explainedBy uint16
	// How much of b, cands and spotValues was in use, for wipe.
	mostText, mostCands, mostValues int
	buf                             [64]byte
}

// phrase is a path in the tree of words.
type phrase struct {
	node  node
	start int32
}

// lastWord is the word before; hash 0 when no phrase goes on from it.
type lastWord struct {
	hash  uint64
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
	used       bool // a number was found that it names
}

// labelGroup is how many labels are passed over together.
const labelGroup = 8

// recent are the latest hits, n of them, kept to drop those inside a longer one.
type recent struct {
	hits [8]hit // a ring
	end  uint8  // behind the latest
	n    int
}

func newScan(d *Detector) *scan {
	s := &scan{d: d, words: d.words, ban: newIBANs()}
	s.table = &s.tables[0]
	s.seq.value = make([]byte, 0, maxValue+8)
	s.folds, s.states, s.valid = d.folds, d.numbers.states, d.types.valid
	s.tops.init(d.words.builtin)
	return s
}

func (s *scan) begin() {
	s.findings.begin(len(s.d.names))
	s.explained = explained{}
	s.tops.begin()
}

// wipe forgets the text. What stays between scans is nobody's.
func (s *scan) wipe() {
	clear(s.b[:s.mostText])
	s.forget()
	s.hashed = [len(s.hashed)]hashed{}
	clear(s.cands[:s.mostCands])
	clear(s.seq.value[:cap(s.seq.value)])
	clear(s.buf[:])
	clear(s.spotValues[:max(s.mostValues, len(s.spotValues))])
	s.mostText, s.mostCands, s.mostValues = 0, 0, 0
}

// part scans one part.
func (s *scan) part(index int, text string) {
	s.index = index
	cp, from := 0, 0
	for lo := 0; lo < len(text); {
		hi := cut(text, lo+viewSize)
		end := runeEdge(text, min(hi+margin, len(text)))
		s.view(text[from:end], lo-from, hi-from, cp)
		if hi == len(text) {
			break
		}
		next := runeEdge(text, max(hi-margin, 0))
		cp = s.cp - s.runes(text[next:end])
		lo, from = hi, next
	}
	if s.alone {
		s.tops.part.clear()
		return
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
		s.lo = s.octet(cp + s.runes(text[:lo]))
	}
	if hi < len(text) {
		s.hi = s.octet(s.cp - s.runes(text[hi:]))
	}
	s.nactive, s.last.hash, s.wordNo, s.lastPron = 0, 0, 0, -100
	for i := range s.recent {
		s.recent[i].n = 0
	}
	s.quiet, s.skipped, s.numbered = 0, 0, 0
	s.cands, s.labels, s.passed, s.full = s.cands[:0], s.labels[:0], 0, manyCands
	s.mostValues = max(s.mostValues, len(s.spotValues))
	s.spots, s.spotValues, s.ipTried, s.nameEnd, s.wallets, s.spoken, s.mixedTo = s.spots[:0], s.spotValues[:0], 0, 0, 0, 0, 0
	s.runEnd, s.noEnd, s.secretEnd, s.plainFrom, s.plainTo = 0, 0, 0, 0, 0
	s.seq.clear()
	s.table.begin(lo == 0)
	s.tokens()
	s.endSequence()
	s.resolve(len(s.cands))
	if s.table.cols > 0 && hi < len(text) {
		s.lines(s.hi)
	}
	later := len(s.spots)
	s.readLabels()
	s.settle(later)
	s.ownPatterns()
	s.mostText = max(s.mostText, len(s.b))
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
	a, b := s.words, s.b
	for i := 0; i < s.n; {
		// Most words follow a single space and are shorter than eight octets.
		start := i + 1
		v := load(b, start)
		ends := wordEnds(v)
		if b[i] != ' ' || ends&0x80 != 0 {
			if start = s.gap(i); start >= s.n {
				return
			}
			v = load(b, start)
			ends = wordEnds(v)
		}
		h, digits := uint64(hashSeed), uint64(0)
		for i = start; ends == 0; ends = wordEnds(v) {
			h, digits = hashMore(h, v), digits|digitOctets(v)
			i += 8
			v = load(b, i)
		}
		n := bits.TrailingZeros64(ends) / 8
		i += n
		v = firstOctets(v, n)
		h, digits = hashLast(h, v, n), digits|digitOctets(v)&(ends&-ends-1)
		s.wordNo++
		if digits != 0 && start >= s.numbered {
			if j := s.piece(start, i); j > i {
				i = s.pass(start, j)
				continue
			}
		}
		if digits != 0 && !a.digits.has(h) {
			s.last, s.nactive = lastWord{h, int32(start)}, 0
			continue
		}
		pair := pairHash(s.last.hash, h)
		if s.nactive == 0 && !a.begins.has(h) && !a.pairs.has(pair) {
			s.last = lastWord{h, int32(start)}
			if i-start >= minStemmed && digits == 0 && a.endings.has(b, i) && (i-start > maxWord || a.lookup(h) == 0) {
				s.stemmed(start, i)
			}
			continue
		}
		s.word(h, pair, start, i, digits != 0)
	}
}

// word handles a word that may do something.
func (s *scan) word(h, pair uint64, start, end int, digits bool) {
	last := s.last
	s.last = lastWord{h, int32(start)}
	if end-start <= maxWord {
		if id := s.words.lookup(h); id != 0 {
			s.known(id, last, pair, start, end)
			return
		}
	}
	s.nactive = 0
	if end-start >= minStemmed && !digits {
		s.stemmed(start, end)
	}
}

// gap is where the next word begins at or after i. It looks at the signs
// between, which may begin something and may end a phrase.
func (s *scan) gap(i int) int {
	b := s.b
	if c := class[b[i]]; c&(letter|digit|hot) == 0 && class[b[i+1]]&(letter|digit) != 0 {
		if c&hard != 0 && b[i] != '.' {
			s.endPhrase(i, i+1)
		}
		return i + 1
	}
	gap, seen := i, uint8(0)
	for i < s.n {
		c := class[b[i]]
		if c&(letter|digit) != 0 {
			break
		}
		if c&hot != 0 {
			if j := s.mark(i); j > i {
				if s.words.own {
					gap, seen = s.skip(gap, j)
				}
				i = j
				continue
			}
		}
		seen |= c
		i++
	}
	if i < s.n && seen&(hard|newline) != 0 && s.breaks(gap, i, seen) {
		s.endPhrase(gap, i)
	}
	return i
}

// endPhrase ends the phrases before the gap [i, j), but for those that cross it.
func (s *scan) endPhrase(i, j int) {
	s.lastPron = -100
	if s.words.crosses && (s.nactive > 0 || s.last.hash != 0) {
		s.cross(i, j)
		return
	}
	s.nactive, s.last.hash = 0, 0
}

// breaks reports whether the gap [i, j) ends a phrase: punctuation, except a
// dot inside or behind an abbreviation ("Soc. Sec. No."), or an empty line.
func (s *scan) breaks(i, j int, seen uint8) bool {
	if seen&hard != 0 {
		return s.b[i] != '.' || j > i+2 || j == i+2 && (s.b[i+1] != ' ' || !s.short(i))
	}
	lines := 0
	for ; i < j; i++ {
		if s.b[i] == '\n' {
			lines++
		}
	}
	return lines > 1
}

// short reports whether the word before i has at most four letters.
func (s *scan) short(i int) bool {
	for j := i - 1; j >= i-5; j-- {
		if j < 0 || class[s.b[j]]&letter == 0 {
			return j < i-1
		}
	}
	return false
}

// known handles a word of the automaton: its flags and its phrases.
func (s *scan) known(id uint32, last lastWord, pair uint64, start, end int) {
	a := s.words
	w := &a.words[id]
	if w.flags&acting != 0 && start >= s.quiet {
		s.flagged(w.flags, start, end)
	}
	s.phrases(id, last, pair, start, end)
}

// phrases handles the phrases that a word continues, ends and begins.
func (s *scan) phrases(id uint32, last lastWord, pair uint64, start, end int) {
	a := s.words
	n := 0
	for _, p := range s.active[:s.nactive] {
		n = s.reach(n, a.next(p.node, id), int(p.start), end)
	}
	if a.pairs.has(pair) {
		first := a.words[a.lookup(last.hash)].first
		n = s.reach(n, a.next(first, id), int(last.start), end)
	}
	s.nactive = n
	if first := a.words[id].first; first&nodeEnds != 0 {
		s.ends(first, start, end)
	}
}

// reach reports the terms that end at node, and makes a phrase that goes on
// the n-th active one. It returns how many there are.
func (s *scan) reach(n int, at node, start, end int) int {
	if at&nodeEnds != 0 {
		s.ends(at, start, end)
	}
	if at&nodeGoesOn != 0 {
		s.active[n] = phrase{at, int32(start)}
		n++
	}
	return n
}

// ends reports the terms that end at node.
func (s *scan) ends(at node, start, end int) {
	a := s.words
	for _, id := range a.endsAt(at) {
		if a.terms[id].list == listOwn {
			s.ownWord(a.terms[id].sub, start, end)
			continue
		}
		if start >= max(s.quiet, s.skipped) {
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
		last := r.hits[(r.end-1)%uint8(len(r.hits))]
		if last.start <= h.start && last.end >= h.end && (last.start != h.start || last.end != h.end) {
			return
		}
		if last.start < h.start || last.start == h.start && last.end == h.end {
			break
		}
		s.drop(last)
		r.n--
		r.end--
	}
	r.hits[r.end%uint8(len(r.hits))] = h
	r.n = min(r.n+1, len(r.hits))
	r.end++
	if t.list == listLabel {
		s.addLabel(label{start: h.start, end: h.end, typ: t.sub})
		return
	}
	if s.mine(int(h.start)) {
		s.tops.part.add(h.term, t, int(h.end), s.wordNo, s.lastPron)
	}
}

// addLabel enters a label behind the others.
func (s *scan) addLabel(l label) {
	s.labels = append(s.labels, l)
	n := len(s.labels)
	if n%labelGroup != 0 {
		return
	}
	types := uint64(0)
	for _, l := range s.labels[n-labelGroup:] {
		types |= typeBit(l.typ)
	}
	s.labelTypes = append(s.labelTypes[:n/labelGroup-1], types)
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
