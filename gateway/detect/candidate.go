package detect

// cand is a value that may be an identifier.
type cand struct {
	start, end int32
	value      [ibanMax]byte
	n          uint8
	kinds      [6]match // what it is by its shape; kind indexes the registry
	nkinds     uint8
	quiet      bool // inside a URL or an address
}

// candidate notes that [start, end) may be of kind m.
func (s *scan) candidate(start, end int, v []byte, m match) {
	if n := len(s.cands); n > s.seq.first {
		if c := &s.cands[n-1]; int(c.start) == start && int(c.end) == end {
			if int(c.nkinds) < len(c.kinds) {
				c.kinds[c.nkinds] = m
				c.nkinds++
			}
			return
		}
	}
	c := s.value(start, end, v)
	c.kinds[0], c.nkinds = m, 1
}

// value appends a candidate without a kind.
func (s *scan) value(start, end int, v []byte) *cand {
	if len(s.cands) == cap(s.cands) {
		s.cands = grown(s.cands, max(1, len(s.cands)))
	}
	s.cands = s.cands[:len(s.cands)+1]
	c := &s.cands[len(s.cands)-1]
	c.start, c.end, c.quiet, c.nkinds = int32(start), int32(end), start < s.quiet, 0
	if len(v) <= 16 && cap(v) >= 16 {
		*(*[16]byte)(c.value[:]) = [16]byte(v[:16]) // quicker than as many as there are
		c.n = uint8(len(v))
		return c
	}
	c.n = uint8(copy(c.value[:], v))
	return c
}

// endSequence judges what cells make together, if there are more than one and none
// of them is a number of its own, and the last cell.
func (s *scan) endSequence() {
	q := &s.seq
	if q.n == 0 {
		return
	}
	if len(q.value) < 3 {
		q.clear() // too short for anything
		return
	}
	cells := q.cell > 0
	s.endCell()
	if cells && !q.cut && !q.taken {
		from, to := q.within(0)
		if v := q.span(from, to); len(v) >= 3 && len(v) < 20 && q.digits(v) {
			s.odd(from, to, v)
		}
	}
	q.clear()
}

// endCell judges what stands behind the last tab, or all, as a whole: as a number
// that somebody grouped oddly, as an international telephone number, and as a value
// whose type only a label can tell. What cells make together is judged beside that,
// never in place of it.
func (s *scan) endCell() {
	q := &s.seq
	if q.n > q.cell {
		from, to := q.within(q.cell)
		if v := q.span(from, to); !q.cellHead && len(v) >= 3 && len(v) < 20 && q.digits(v) {
			if !q.cellWon && to-from > 1 {
				s.odd(from, to, v)
			}
			if len(v) >= 7 {
				s.phone(from, to, v)
			}
			if to-from >= 4 {
				s.ipv4(from, to)
			}
		}
		s.labelled(from, to)
	}
	q.cell, q.cellHead, q.cellWon = q.n, false, false
}

// within is the number in the pieces from k on, without words at its ends.
func (q *sequence) within(k int) (from, to int) {
	from, to = k, q.n
	if q.pieces[k].word && q.n-k > 1 {
		from++
	}
	if q.pieces[q.n-1].word {
		to--
	}
	return from, to
}

// digits reports whether v, some of its value, are digits.
func (q *sequence) digits(v []byte) bool { return q.mixed == 0 || digitsOnly(v, 0, len(v)) }

// span is the value of pieces [k, j).
func (q *sequence) span(k, j int) []byte {
	if k >= j {
		return nil
	}
	to := len(q.value)
	if j < q.n {
		to = int(q.pieces[j].from)
	}
	return q.value[q.pieces[k].from:to]
}

// odd tries every kind with as many digits as pieces [k, j) have. Digits in
// equal groups need no more than a label beside them; other groupings are those
// of another number.
func (s *scan) odd(k, j int, v []byte) {
	least := int8(-128)
	if s.seq.even(k, j) {
		least = 0
	}
	for _, m := range s.d.numbers.total[len(v)] {
		if kd := &s.d.types.kinds[m.kind]; !kd.dated && kd.typ != "phone" && kd.holds(v) {
			m.weight = max(m.weight-2, min(m.weight, least))
			s.candidate(int(s.seq.pieces[k].start), int(s.seq.pieces[j-1].end), v, m)
		}
	}
}

// even reports whether pieces [k, j) are groups of one length, of which the last
// may be shorter.
func (q *sequence) even(k, j int) bool {
	size := q.pieces[k].end - q.pieces[k].start
	for _, p := range q.pieces[k+1 : j-1] {
		if p.end-p.start != size {
			return false
		}
	}
	last := q.pieces[j-1]
	return last.end-last.start <= size
}

// labelled appends what a label alone may give a type: each stretch of pieces
// that is joined without spaces, and a short sequence as a whole.
func (s *scan) labelled(from, to int) {
	q, known := &s.seq, s.seq.first
	for k := from; k < to; {
		j := k + 1
		for j < to && q.pieces[j].sep != ' ' && !breaks(q.pieces[j].sep) {
			j++
		}
		end := q.pieces[j-1].end
		for known < len(s.cands) && s.cands[known].end < end {
			known++
		}
		s.plainValue(k, j, known)
		if k == from && j < to && to-from <= 4 {
			s.plainValue(from, to, known)
		}
		k = j
	}
}

// plainValue appends pieces [k, j) as a value without a kind, with what hyphens
// join to its front ("MRN-458619"), unless it is among the candidates from known on.
func (s *scan) plainValue(k, j, known int) {
	q := &s.seq
	start, end := int(q.pieces[k].start), int(q.pieces[j-1].end)
	v := q.span(k, j)
	if len(v) < 3 || len(v) > 20 {
		return
	}
	for i := known; i < len(s.cands); i++ {
		if int(s.cands[i].start) == start && int(s.cands[i].end) == end {
			return
		}
	}
	if i := s.letters(start); i < start && (k == 0 || q.pieces[k-1].word) {
		v, start = append(canonical(s.buf[:0], s.b[i:start-1]), v...), i
	}
	s.value(start, end, v)
}

// letters finds what hyphens join before start: up to six letters, and a short
// number before them ("24-CV-" of "24-CV-01934").
func (s *scan) letters(start int) int {
	i := s.joined(start, letter)
	if i < start {
		return s.joined(i, digit)
	}
	return start
}

// joined is where the run of up to six octets of a class begins that a hyphen
// joins to start; start when there is none.
func (s *scan) joined(start int, of uint8) int {
	i := start - 1
	if i < 1 || s.b[i] != '-' {
		return start
	}
	for i > 0 && start-i < 7 && class[s.b[i-1]] == of {
		i--
	}
	if i == start-1 || i > 0 && class[s.b[i-1]]&(letter|digit) != 0 {
		return start
	}
	return i
}

// digitsOnly reports whether the letters and digits b[i:j] are all digits.
func digitsOnly(b []byte, i, j int) bool {
	for ; j-i >= 8; i += 8 {
		if digitOctets(load(b, i)) != 0x80*octets {
			return false
		}
	}
	return areDigits(load(b, i), j-i)
}

// areDigits reports whether the first n of the letters and digits v, at most seven, are
// all digits.
func areDigits(v uint64, n int) bool {
	all := firstOctets(0x80*octets, n)
	return digitOctets(v)&all == all
}

func allDigits(v []byte) bool {
	for _, c := range v {
		if class[c] != digit {
			return false
		}
	}
	return true
}
