package detect

import (
	"bytes"
	"slices"
)

// A phrase of the lexicons never crosses a sign that ends a phrase. A term of
// the organization's own may have such signs between its words ("Yahoo! Mail"):
// it is found with just these signs there, in their order, and without them.
// In the tree of words it has a second path for that, on which the signs are
// words too. Own terms of the same words share it ("Alpha! Beta", "Alpha: Beta"): where
// one stands, the others are found too, as all are where the words stand without signs.

// gapped is a word of a term with the signs that end a phrase before it.
type gapped struct {
	word  uint32
	signs []byte
	lines int // line ends before it
}

// gapped cuts text into words as the scanner does.
func (m *builder) gapped(text string) (all []gapped) {
	t := normal{folds: m.folds}
	t.read(text, 0)
	var w gapped
	for i := 0; i < t.n; i++ {
		j := i
		for class[t.b[j]]&(letter|digit) != 0 {
			j++
		}
		if j > i {
			if j-i <= maxWord {
				w.word = m.word(t.b, i, j)
			}
			all, w = append(all, w), gapped{}
			if i = j; i == t.n {
				break
			}
		}
		if c := t.b[i]; class[c]&hard != 0 {
			w.signs = append(w.signs, c)
		} else if c == '\n' {
			w.lines++
		}
	}
	return all
}

// spellOwn makes text a spelling of term id, which is the organization's own,
// with its signs and without. It reports whether it can be found.
func (m *builder) spellOwn(text string, id uint32) bool {
	words := m.gapped(text)
	if slices.ContainsFunc(words, func(w gapped) bool { return w.word == 0 }) || !m.spell(text, id) {
		return false
	}
	node, other := uint32(m.words[words[0].word].first), uint32(0) // on the path without signs, and on that with them
	for _, w := range words[1:] {
		if w.lines > 1 {
			return false
		}
		before := node
		node = m.edges[uint64(node)<<32|uint64(w.word)]
		if other == 0 && len(w.signs) == 0 {
			continue
		}
		twin := m.twin(node)
		if other != 0 {
			m.edges[uint64(other)<<32|uint64(w.word)] = twin
		}
		if len(w.signs) > 0 {
			m.cross(before, w, twin)
			if other != 0 {
				m.cross(other, w, twin)
			}
		}
		other = twin
	}
	if other != 0 && !slices.Contains(m.ends[other], id) {
		m.ends[other] = append(m.ends[other], id)
	}
	return true
}

// twin is the node behind the same words as those of node, some of them with
// signs between.
func (m *builder) twin(node uint32) uint32 {
	if m.twins[node] == 0 {
		m.twins[node] = m.node()
	}
	return m.twins[node]
}

// cross leads from one node over the signs before w and w itself to another.
func (m *builder) cross(from uint32, w gapped, to uint32) {
	for _, c := range w.signs {
		if m.signs[c] == 0 {
			m.signs[c] = uint32(len(m.words))
			m.words = append(m.words, word{})
			m.hash = append(m.hash, mix(uint64(c)+1, hashKey)|1<<63)
			m.digits = append(m.digits, false)
		}
		key := uint64(from)<<32 | uint64(m.signs[c])
		if m.edges[key] == 0 {
			m.edges[key] = m.node()
		}
		from = m.edges[key]
	}
	m.edges[uint64(from)<<32|uint64(w.word)] = to
}

// cross keeps the phrases that go on over the signs of the gap [i, j).
func (s *scan) cross(i, j int) {
	a, n := s.words, 0
	for _, p := range s.active[:s.nactive] {
		if at := s.over(p.node, i, j); at != 0 {
			s.active[n] = phrase{at, p.start}
			n++
		}
	}
	if s.last.hash != 0 {
		if at := s.over(a.words[a.lookup(s.last.hash)].first, i, j); at != 0 {
			s.active[n] = phrase{at, s.last.start}
			n++
		}
	}
	s.nactive, s.last.hash = n, 0
}

// over is the node behind the signs of the gap [i, j), 0 when there is none.
// An empty line ends every phrase.
func (s *scan) over(at node, i, j int) node {
	from, lines := at, 0
	for ; i < j && at != 0; i++ {
		c := s.b[i]
		if c == '\n' {
			lines++
		}
		if class[c]&hard == 0 {
			continue
		}
		if s.words.signs[c] == 0 {
			return 0
		}
		at = s.words.next(at, s.words.signs[c])
	}
	if lines > 1 || at == from {
		return 0
	}
	return at
}

// pass passes over [from, to), a number or a secret, and returns where to go on:
// at the signs behind its last word.
func (s *scan) pass(from, to int) int {
	end, _ := s.skip(from, to)
	if end <= to {
		return end
	}
	// The word goes on. Its rest is one for the lexicons, and for own terms
	// the whole is.
	active, nactive, last := s.active, s.nactive, s.last
	s.nactive, s.last.hash = 0, 0
	s.wordNo++
	digits, next := bytes.ContainsAny(s.b[to:end], "0123456789"), 0
	if digits && to >= s.numbered {
		next = s.piece(to, end)
	}
	if next <= end {
		s.word(hashWord(s.b, to, end), 0, to, end, digits)
	}
	s.active, s.nactive, s.last = active, nactive, last
	if next > end {
		return s.pass(end, next)
	}
	return end
}

// skip passes over [from, to), which belongs to something found and is no
// language. Only terms of the organization's own are looked for in it: an
// address or an account may be one, or may be part of one. The gap behind the
// last word in it, and what classes of signs are there, are returned.
func (s *scan) skip(from, to int) (gap int, seen uint8) {
	if !s.words.own {
		s.nactive, s.last.hash = 0, 0
		return to, 0
	}
	s.skipped, gap = to, from
	for i := from; i < to; {
		c := class[s.b[i]]
		if c&(letter|digit) == 0 {
			seen |= c
			i++
			continue
		}
		start := i
		for class[s.b[i]]&(letter|digit) != 0 {
			i++
		}
		if seen&(hard|newline) != 0 && s.breaks(gap, start, seen) {
			s.endPhrase(gap, start)
		}
		s.skippedWord(start, i)
		gap, seen = i, 0
	}
	return gap, seen
}

// skippedWord handles a word of what is passed over.
func (s *scan) skippedWord(start, end int) {
	last, h := s.last, hashWord(s.b, start, end)
	s.last = lastWord{h, int32(start)}
	if end-start <= maxWord {
		if id := s.words.lookup(h); id != 0 {
			s.phrases(id, last, pairHash(last.hash, h), start, end)
			return
		}
	}
	s.nactive = 0
}
