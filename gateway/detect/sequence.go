package detect

// sequence is a run of pieces of a number: groups of digits, perhaps with
// letters, each joined to the one before by a separator or a line break.
type sequence struct {
	pieces [maxPieces]piece
	n      int
	value  []byte // all pieces without separators, upper case
	mixed  int    // pieces so far that hold letters
	cut    bool   // longer than the arrays: its head was dropped
	taken  bool   // some window of it became a candidate
	first  int    // candidates before it
	won    int    // the piece after the latest window that became a candidate
}

const maxPieces = 24

// piece is one group.
type piece struct {
	start, end int32
	from       int16  // index into value
	letters    uint32 // which octets of it are letters
	sep        byte   // what joins it to the one before: one of " -./" or 'n' for a line break; 0 first
	digits     bool
	word       bool // letters beside the number, which may belong to it
}

func (q *sequence) clear() {
	q.n, q.value, q.mixed, q.cut, q.taken, q.won = 0, q.value[:0], 0, false, false, 0
}

// piece takes the token [start, end) that holds a digit. It returns where to
// go on when more than the token was used, else 0.
func (s *scan) piece(start, end int) int {
	b := s.b
	letters := !allDigits(b[start:end])
	if end-start > maxWord {
		s.endSequence()
		return s.token(start, end)
	}
	if letters {
		if j := s.token(start, end); j > 0 {
			return j
		}
	}
	if j := uuid(b, start, end); j > 0 {
		s.endSequence()
		s.numbered = j
		return j
	}
	if j := s.iban(start, end); j > 0 {
		return j
	}
	if end-start > 20 {
		s.endSequence()
		return 0
	}
	tricked := false
	if letters {
		if x := extension(b, start, end); x > 0 {
			s.push(start, x, true, s.join(start))
			return end
		}
		tricked = digitsInDisguise(b, start, end)
	}
	sep := s.join(start)
	if sep == 0 {
		s.prefixes(start, end)
		sep = s.join(start)
	}
	s.push(start, end, !letters, sep)
	if tricked {
		s.windows() // as it stands, before its letters are read as digits
		s.disguised(start, end)
	}
	s.suffix(end)
	s.windows()
	return 0
}

// join is what joins start to the sequence at hand; when nothing does, that one
// ends and join is 0.
func (s *scan) join(start int) byte {
	if s.seq.n == 0 {
		return 0
	}
	sep := s.joint(start)
	if sep == 0 {
		s.endSequence()
	}
	return sep
}

// uuid is the end of a UUID (RFC 9562) that begins with the token [start, end),
// else 0.
func uuid(b []byte, start, end int) int {
	if end-start != 8 || b[end] != '-' || len(b) < end+28+1 || b[end+5] != '-' || b[end+10] != '-' || b[end+15] != '-' {
		return 0
	}
	for i, c := range b[start : end+28] {
		if !isHex(c) && (i != 8 && i != 13 && i != 18 && i != 23) {
			return 0
		}
	}
	return end + 28
}

// extension finds the "x" of "5551234x89": where the number before it ends.
func extension(b []byte, i, j int) int {
	for k := i; k < j; k++ {
		if c := low(b[k]); c == 'x' && k-i >= 4 && j-k > 1 {
			for m := k + 1; m < j; m++ {
				if class[b[m]] != digit {
					return 0
				}
			}
			return k
		} else if class[c] != digit {
			return 0
		}
	}
	return 0
}

// digitsInDisguise reports whether a token is made of digits and of letters
// that look like them, mostly digits.
func digitsInDisguise(b []byte, i, j int) bool {
	letters := 0
	for _, c := range b[i:j] {
		if class[c] == digit {
			continue
		}
		if letters++; disguise(c) == 0 {
			return false
		}
	}
	return letters*2 < j-i
}

func disguise(c byte) byte {
	switch c {
	case 'O', 'o':
		return '0'
	case 'I', 'l':
		return '1'
	}
	return 0
}

// disguised rewrites the value of the newest piece.
func (s *scan) disguised(start, end int) {
	p := &s.seq.pieces[s.seq.n-1]
	from := p.from
	p.digits, p.letters = true, 0
	s.seq.mixed--
	for i := range s.b[start:end] {
		if c := disguise(s.b[start+i]); c != 0 {
			s.seq.value[int(from)+i] = c
		}
	}
}

// prefixes pushes the letters before the token [start, end), and before "85T10"
// the two words of three letters with which an Italian code begins.
func (s *scan) prefixes(start, end int) {
	p := s.prefix(start)
	if p == start {
		return
	}
	if end-start == 5 && p+4 == start && class[s.b[start+2]] == letter {
		if q := s.prefix(p); q+4 == p {
			s.beside(q, p-1)
		}
	}
	s.beside(p, start-1)
}

// beside pushes letters beside a number.
func (s *scan) beside(start, end int) {
	s.push(start, end, false, s.join(start))
	s.seq.pieces[s.seq.n-1].word = true
}

// prefix finds one to four letters before start that may belong to the
// number ("AB 12 34 56 C", "X-1234567-L"); it returns start when there are none.
func (s *scan) prefix(start int) int {
	b := s.b
	if start < 2 || b[start-1] != ' ' && b[start-1] != '-' {
		return start
	}
	i := start - 1
	for i > 0 && start-i <= 4 && class[b[i-1]] == letter && b[i-1] < 0x80 {
		i--
	}
	if i == start-1 || i > 0 && class[b[i-1]]&(letter|digit) != 0 {
		return start
	}
	return i
}

// suffix pushes a single letter after end ("12345678-Z").
func (s *scan) suffix(end int) {
	b, i := s.b, end
	if b[i] == ' ' || b[i] == '-' {
		i++
	}
	if i > end && class[b[i]] == letter && b[i] < 0x80 && class[b[i+1]]&(letter|digit) == 0 {
		s.windows()
		s.beside(i, i+1)
	}
}

// joint is the separator between the last piece and start, 0 when they do not
// belong together.
func (s *scan) joint(start int) byte {
	end := int(s.seq.pieces[s.seq.n-1].end)
	gap := s.b[end:start]
	switch {
	case len(gap) == 1:
		switch c := gap[0]; c {
		case ' ', '-', '.', '/':
			return c
		case '\n':
			return 'n'
		case '(', ')', '_', '\'':
			return ' '
		}
		return 0
	case len(gap) == 0 || len(gap) > 6:
		return 0
	}
	sep := byte(' ')
	for _, c := range gap {
		switch c {
		case '\n':
			sep = 'n'
		case '-', '.', '/':
			if sep == ' ' {
				sep = c
			}
		case ' ', '(', ')', '\r', '>':
		default:
			return 0
		}
	}
	return sep
}

// push appends a piece that sep joins to the one before, 0 for the first.
func (s *scan) push(start, end int, digits bool, sep byte) {
	q := &s.seq
	if q.n == maxPieces || len(q.value) > 200 {
		q.slide()
	}
	if q.n == 0 {
		q.first = len(s.cands)
	}
	p := &q.pieces[q.n]
	p.start, p.end, p.from, p.sep = int32(start), int32(end), int16(len(q.value)), sep
	p.letters, p.digits, p.word = 0, digits, false
	q.n++
	if digits {
		q.value = append(q.value, s.b[start:end]...)
		return
	}
	q.mixed++
	for i, c := range s.b[start:end] {
		if c >= 'A' {
			p.letters |= 1 << i
		}
		q.value = append(q.value, upper(c))
	}
}

// slide drops the older half of the pieces.
func (q *sequence) slide() {
	k := q.n / 2
	from := q.pieces[k].from
	q.value = append(q.value[:0], q.value[from:]...)
	q.n = copy(q.pieces[:], q.pieces[k:q.n])
	for i := range q.pieces[:q.n] {
		q.pieces[i].from -= from
	}
	q.cut, q.won = true, max(q.won-k, 0)
}

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

// grow takes in the piece before the first one, which sep joins to it. word
// says that the first one is a letter behind the number: a change of separator
// just before it says nothing.
func (w *window) grow(sep byte, word bool) {
	w.first--
	w.bounded, w.luhn = 0, 0
	switch {
	case sep == 'n':
	case w.inner == 0:
		w.inner, w.outer = sep, sep
		w.free = word && w.first+1 == w.last
	default:
		if sep != w.outer && !w.free {
			w.changes++
		}
		w.outer, w.free = sep, false
	}
}

// windows looks for shapes that end with the newest piece: layouts of digit
// groups for as long as one fits, forms with letters up to the longest.
func (s *scan) windows() {
	q, l := &s.seq, s.d.numbers
	w := window{first: q.n - 1, last: q.n - 1}
	node, digits, fits, letters := uint16(0), true, true, uint32(0)
	for {
		p := &q.pieces[w.first]
		size, total := int(p.end-p.start), len(q.value)-int(p.from)
		digits = digits && p.digits
		if fits = fits && digits && size < 20; fits {
			node = l.nodes[node].next[size]
			fits = node != 0
		}
		if fits {
			if all := l.nodes[node].match; len(all) > 0 {
				s.matches(&w, all)
			}
		} else if total > formMax || q.mixed == 0 {
			return
		}
		letters = letters<<size | p.letters
		if !digits && total <= formMax && letters != 0 && l.maybe(total, letters) {
			s.matches(&w, l.forms[formOf(total, letters)])
		}
		if w.first == 0 {
			return
		}
		w.grow(p.sep, p.word)
	}
}

// matches makes the window a candidate for each kind that it is valid for and
// well bounded.
func (s *scan) matches(w *window, all []match) {
	q := &s.seq
	v := q.value[q.pieces[w.first].from:]
	if len(v) > 19 {
		return
	}
	start := int(q.pieces[w.first].start)
	if s.clock(start) {
		return
	}
	for _, m := range all {
		kd := &s.d.types.kinds[m.kind]
		switch {
		case kd.dated && (w.inner == ' ' || w.inner == 0), kd.loose && q.longer(w.first, w.inner), !kd.loose && !s.bounded(w),
			kd.luhn && !w.checks(v), !kd.valid(v):
			continue
		}
		m.weight -= w.changes
		if w.inner == ' ' && kd.typ == "ssn" {
			m.weight -= 2 // lists of numbers look like that
		}
		s.candidate(start, int(q.pieces[w.last].end), v, m)
		q.taken, q.won = true, w.last+1
	}
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
		w.bounded = 'n'
		if s.apart(w) {
			w.bounded = 'y'
		}
	}
	return w.bounded == 'y'
}

func (s *scan) apart(w *window) bool {
	p := s.seq.pieces[:]
	first := &p[w.first]
	if first.sep != 0 && !(p[w.first-1].word && first.sep == ' ') && glued(first.sep, w.inner) && !s.listed(w.first, w.last, -1) {
		return false
	}
	return !glued(s.after(int(p[w.last].end)), w.inner) || s.listed(w.first, w.last, 1)
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
	p := s.seq.pieces[k : last+1]
	uneven := false
	for _, g := range p[1:] {
		uneven = uneven || g.end-g.start != p[0].end-p[0].start
	}
	from, to := int(p[0].start), int(p[len(p)-1].end)
	at := from + side*(to-from+1)
	if !uneven || at < 0 || at+to-from > s.n || at > 0 && class[s.b[at-1]]&(letter|digit) != 0 || class[s.b[at+to-from]]&(letter|digit) != 0 {
		return false
	}
	for i := from; i < to; i++ {
		a, b := s.b[i], s.b[at+i-from]
		if class[a] != class[b] || class[a] != digit && a != b {
			return false
		}
	}
	sep := s.b[max(from, at)-1]
	return sep == ' ' || sep == '/'
}

// glued reports whether a neighbouring group, joined by sep, would be part of
// the same number.
func glued(sep, inner byte) bool {
	if sep == 0 || sep == 'n' {
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
