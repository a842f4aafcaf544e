package detect

import "math/bits"

// window is a stretch of pieces that may be a value.
type window struct {
	first, last int
	inner       byte // what joins its last two pieces, line breaks left out
	outer       byte // what joins its first two
	changes     int8 // how often that changes between
	free        bool // the next change does not count
	// Whether it stands apart from its neighbours, and has the checksum of Luhn:
	// 'y', 'n', or 0 for not asked yet.
	bounded, luhn byte
}

// grow takes in the piece before the first one, p. Where p is a letter behind the
// number, a change of separator just before it says nothing.
func (w *window) grow(p *piece) {
	w.first--
	w.bounded, w.luhn = 0, 0
	switch {
	case breaks(p.sep):
	case w.inner == 0:
		w.inner, w.outer = p.sep, p.sep
		w.free = p.word && w.first+1 == w.last
	default:
		if p.sep != w.outer && !w.free {
			w.changes++
		}
		w.outer, w.free = p.sep, false
	}
}

// windows looks for shapes that end with the newest piece: layouts of digit
// groups, and forms with letters.
func (s *scan) windows() {
	q := &s.seq
	w := window{first: q.n - 1, last: q.n - 1}
	ends := s.states[q.pieces[q.n-1].state].ends
	for i := range ends {
		e := &ends[i]
		for w.last-w.first+1 < e.groups {
			w.grow(&q.pieces[w.first])
		}
		if e.nine {
			s.nine(&w, e.match)
			continue
		}
		s.matches(&w, e.match, e.asks)
	}
	if q.mixed > 0 {
		s.forms()
	}
}

// forms looks for forms with letters that end with the newest piece.
func (s *scan) forms() {
	q, l := &s.seq, s.d.numbers
	if len(q.value)-int(q.pieces[0].from) < formMin {
		return
	}
	letters := uint32(0)
	for k := q.n - 1; k >= 0; k-- {
		p := &q.pieces[k]
		total := len(q.value) - int(p.from)
		if total > formMax {
			return
		}
		letters = letters<<(uint(p.end-p.start)&31) | p.letters
		if !l.mayEnd(total, letters) {
			return
		}
		if letters == 0 || total < formMin {
			continue
		}
		if all := l.form(formOf(total, letters)).match; len(all) > 0 {
			w := window{first: q.n - 1, last: q.n - 1}
			for w.first > k {
				w.grow(&q.pieces[w.first])
			}
			s.matches(&w, all, all[0].asks) // those of one form ask the same
		}
	}
}

// matches makes the window a candidate for each kind that it is valid for and
// well bounded; some is what any of them asks. The neighbours are looked at last:
// of numbers that are no value, which are most, they need not be known.
func (s *scan) matches(w *window, all []match, some asks) {
	q := &s.seq
	v := q.value[q.pieces[w.first].from:]
	if len(v) > 19 {
		return
	}
	start := int(q.pieces[w.first].start)
	if s.clock(start) {
		return
	}
	denied := asks(0)
	if some&asksMore != 0 {
		denied = s.denied(w, some)
	}
	for _, m := range all {
		if m.asks&asksMore != 0 && (m.asks&denied != 0 || m.asks&asksLuhn != 0 && !w.checks(v) || m.asks&asksSlow != 0 && !s.bounded(w)) ||
			!s.valid[m.kind](v) || m.asks&asksApart != 0 && !s.bounded(w) {
			continue
		}
		m.weight -= w.changes
		if w.inner == ' ' && m.asks&asksSigns != 0 {
			m.weight -= 2 // lists of numbers look like that
		}
		s.candidate(start, int(q.pieces[w.last].end), v, m)
		q.taken, q.won = true, w.last+1
		q.cellWon = q.cellWon || w.first >= q.cell
	}
}

// denied is what of some the window does not fulfil, of dates and of what may be longer.
func (s *scan) denied(w *window, some asks) (no asks) {
	if w.inner == ' ' || w.inner == 0 || w.outer == ' ' {
		no |= asksDated
	}
	if some&asksWhole != 0 && s.seq.longer(w.first, w.inner) {
		no |= asksWhole
	}
	return no
}

// nine is matches for nineKinds.
func (s *scan) nine(w *window, all []match) {
	q := &s.seq
	first := &q.pieces[w.first]
	v := q.value[first.from:]
	if s.clock(int(first.start)) {
		return
	}
	kinds := nineDigits(v)
	if kinds == 0 || !s.bounded(w) {
		return
	}
	for ; kinds != 0; kinds &= kinds - 1 {
		s.candidate(int(first.start), int(q.pieces[w.last].end), v, all[bits.TrailingZeros8(kinds)])
	}
	q.taken, q.won = true, w.last+1
	q.cellWon = q.cellWon || w.first >= q.cell
}

// checks reports whether v, the digits of w, satisfy the Luhn formula.
func (w *window) checks(v []byte) bool {
	if w.luhn == 0 {
		w.luhn = 'n'
		if luhn(v) {
			w.luhn = 'y'
		}
	}
	return w.luhn == 'y'
}

// bounded reports whether w is no part of a longer number.
func (s *scan) bounded(w *window) bool {
	if w.bounded == 0 {
		s.bound(w)
	}
	return w.bounded == 'y'
}

func (s *scan) bound(w *window) {
	w.bounded = 'n'
	if s.apart(w) {
		w.bounded = 'y'
	}
}

func (s *scan) apart(w *window) bool {
	p := s.seq.pieces[:]
	first := &p[w.first]
	if glued(s.after(int(p[w.last].end)), w.inner) && !s.listed(w.first, w.last, 1) {
		return false
	}
	return first.sep == 0 || p[w.first-1].word && first.sep == ' ' || !glued(first.sep, w.inner) || s.listed(w.first, w.last, -1)
}

// longer reports whether the group before piece k looks like one more of the
// same number: the same length and separator, and no other number ends there.
func (q *sequence) longer(k int, inner byte) bool {
	if k == 0 || q.won == k || inner == 0 || q.pieces[k].sep != inner {
		return false
	}
	before, first := &q.pieces[k-1], &q.pieces[k]
	return before.digits && before.end-before.start == first.end-first.start
}

// clock reports whether the hours and minutes of a time stand before i.
func (s *scan) clock(i int) bool {
	return i > 2 && s.b[i-1] == ':' && class[s.b[i-2]] == digit && class[s.b[i-3]] == digit
}

// listed reports whether, one space or slash behind (1) or before (-1) pieces k to last,
// digits stand in the same groups again: a list of such numbers. The groups must
// differ in length, or any column of figures would be one.
func (s *scan) listed(k, last, side int) bool {
	p, b := s.seq.pieces[k:last+1], s.b
	from, to := int(p[0].start), int(p[len(p)-1].end)
	at := from + side*(to-from+1)
	if at < 0 || at+to-from > s.n {
		return false
	}
	if sep := b[max(from, at)-1]; sep != ' ' && sep != '/' || sameSizes(p) {
		return false
	}
	if at > 0 && class[b[at-1]]&(letter|digit) != 0 || class[b[at+to-from]]&(letter|digit) != 0 {
		return false
	}
	for i := from; i < to; i += 8 {
		x, y := load(b, i), load(b, at+i-from)
		mine := ^uint64(0)
		if to-i < 8 {
			mine = firstOctets(mine, to-i)
		}
		digits := anyDigits(x)
		if (digits^anyDigits(y)|(x^y)&^(digits>>7*0xff))&mine != 0 {
			return false
		}
	}
	return true
}

// sameSizes reports whether all of p are of one length.
func sameSizes(p []piece) bool {
	for _, g := range p[1:] {
		if g.end-g.start != p[0].end-p[0].start {
			return false
		}
	}
	return true
}

// breaks reports whether pieces that sep joins stand in two lines or cells.
func breaks(sep byte) bool { return sep == 'n' || sep == 't' }

// glued reports whether a neighbouring group, joined by sep, would be part of
// the same number.
func glued(sep, inner byte) bool {
	if sep == 0 || breaks(sep) {
		return false
	}
	return sep != ' ' || inner == ' '
}

// after is the separator between end and a directly following digit, else 0.
func (s *scan) after(end int) byte {
	switch c := s.b[end]; c {
	case ' ', '-', '.', '/':
		if class[s.b[end+1]] == digit {
			return c
		}
	}
	return 0
}
