package detect

import "bytes"

// stems are endings that make a long word a term although no list holds the
// word: medicine forms its words by rule ("-ectomy"), and the names of medicines
// by the stems of the WHO's list of nonproprietary names ("-sartan"). They stand
// in the lexicons with a "~" before them.
type stems struct {
	byLast [128][]stem // by the last octet
}

type stem struct {
	text []byte
	term uint32
}

// minStemmed is the shortest word that is looked at, in octets.
const minStemmed = 8

func (t *stems) add(text string, term uint32) {
	last := text[len(text)-1] & 0x7f
	t.byLast[last] = append(t.byLast[last], stem{bytes.ToLower([]byte(text)), term})
}

// find is the term of the longest ending that the word b[i:j] has, 0 when it
// has none. Three letters at least stand before the ending.
func (t *stems) find(b []byte, i, j int) uint32 {
	last := low(b[j-1])
	if last >= 0x80 {
		return 0
	}
	best, term := 0, uint32(0)
	for k := range t.byLast[last] {
		s := &t.byLast[last][k]
		n := len(s.text)
		if n > best && j-i >= n+3 && low(b[j-2]) == s.text[n-2] && bytes.EqualFold(b[j-n:j], s.text) {
			best, term = n, s.term
		}
	}
	return term
}

// stemmed enters the term of the ending of the word [start, end), which no
// list holds.
func (s *scan) stemmed(start, end int) {
	if start < s.quiet || !s.mine(start) {
		return
	}
	if id := s.words.stems.find(s.b, start, end); id != 0 {
		s.tops.part.add(id, &s.words.terms[id], end, s.wordNo, s.lastPron)
	}
}
