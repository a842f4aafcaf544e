package detect

import "encoding/binary"

// sequence is a run of pieces of a number: groups of digits, perhaps with
// letters, each joined to the one before by a separator, a line break or tabs.
type sequence struct {
	pieces [maxPieces]piece
	n      int
	value  []byte // all pieces without separators, upper case
	mixed  int    // pieces so far that hold letters
	cut    bool   // longer than the arrays: its head was dropped
	taken  bool   // some window of it became a candidate
	first  int    // candidates before its pieces
	won    int    // the piece after the latest window that became a candidate

	cell     int  // the first piece behind the last tab
	cellHead bool // that piece was dropped
	cellWon  bool // some window behind the last tab became a candidate
}

// maxPieces and maxValue are the sizes of a sequence; a piece has at most 20
// octets, and eight may be written at its end.
const (
	maxPieces = 24
	maxValue  = 224
)

// piece is one group.
type piece struct {
	start, end int32
	from       int16  // index into value
	state      uint16 // of the digit groups so far, in layouts
	letters    uint32 // which octets of it are letters
	sep        byte   // what joins it to the one before: one of " -./", 'n' for a line break, 't' for tabs; 0 first
	digits     bool
	word       bool // letters beside the number, which may belong to it
}

func (q *sequence) clear() {
	q.n, q.value, q.mixed, q.cut, q.taken, q.won = 0, q.value[:0], 0, false, false, 0
	q.cell, q.cellHead, q.cellWon = 0, false, false
}

// piece takes the token [start, end) that holds a digit. It returns where to
// go on when more than the token was used, else 0.
func (s *scan) piece(start, end int) int {
	if len(s.cands) >= s.full {
		s.resolveRead(start)
	}
	if q := &s.seq; q.n > 0 && start-int(q.pieces[q.n-1].end) <= maxGap && s.next(start, end) {
		return 0
	}
	if end-start > maxWord {
		s.endSequence()
		return s.token(start, end)
	}
	b := s.b
	letters := false
	if end-start < 8 {
		letters = !areDigits(load(b, start), end-start)
	} else {
		letters = !digitsOnly(b, start, end)
	}
	if letters {
		if j := s.token(start, end); j > 0 {
			return j
		}
	}
	if end-start == 8 && b[end] == '-' {
		if j := uuid(b, start, end); j > 0 {
			s.endSequence()
			s.numbered = j
			return j
		}
	}
	if letters || start >= 3 && class[b[start-2]] == letter {
		if j := s.iban(start, end); j > 0 {
			return j
		}
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
	if sep == 0 && !letters && end-start < 3 && (!mayJoin(b[end]) || wordBehind(b, end)) {
		return 0 // with letters before it too short for anything, and nothing is joined to it
	}
	if sep == 0 && start >= 2 && (b[start-1] == ' ' || b[start-1] == '-') {
		s.prefixes(start, end)
		sep = s.join(start)
	}
	s.push(start, end, !letters, sep)
	if tricked {
		s.windows() // as it stands, before its letters are read as digits
		s.disguised(start, end)
	}
	if class[b[end+1]] == letter {
		s.suffix(end)
	}
	s.windows()
	return 0
}

// next takes [start, end), close behind the last piece, where it is one more
// group of at most 16 digits of the number at hand: what most of a long number and of a
// column of figures is. It does what piece does, with less to ask.
func (s *scan) next(start, end int) bool {
	q, b := &s.seq, s.b
	last, size := &q.pieces[q.n-1], end-start
	if q.n == maxPieces || len(q.value) > maxValue-24 || !last.digits {
		return false
	}
	if size < 8 && !areDigits(load(b, start), size) || size >= 8 && (size > 16 || size == 8 && b[end] == '-' || !digitsOnly(b, start, end)) {
		return false
	}
	sep := joints[b[start-1]]
	if int(last.end) != start-1 {
		sep = s.joint(start)
	}
	if sep == 0 {
		return false
	}
	if sep == 't' {
		s.endCell()
	}
	p, n := &q.pieces[q.n], len(q.value)
	p.start, p.end, p.from, p.sep = int32(start), int32(end), int16(n), sep
	p.state, p.letters, p.digits, p.word = s.states[last.state].next[size], 0, true, false
	*(*[16]byte)(q.value[n : n+16]) = [16]byte(b[start : start+16])
	q.value = q.value[:n+size]
	q.n++
	if class[b[end+1]] == letter {
		s.suffix(end)
	}
	if q.mixed > 0 || len(s.states[p.state].ends) > 0 {
		s.windows()
	}
	return true
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
		d := digits[c]
		if d == 0 {
			return false
		}
		if d != c {
			letters++
		}
	}
	return letters*2 < j-i
}

// digits are the digits as which octets are read, also those that only look like
// them; 0 for all others.
var digits = func() (t [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	t['O'], t['o'], t['I'], t['l'] = '0', '0', '1', '1'
	return t
}()

// disguise is the digit that a letter looks like, else 0.
func disguise(c byte) byte {
	if d := digits[c]; d != c {
		return d
	}
	return 0
}

// disguised rewrites the value of the newest piece, which is the token [start, end).
func (s *scan) disguised(start, end int) {
	p := &s.seq.pieces[s.seq.n-1]
	p.digits, p.letters = true, 0
	s.group(p)
	s.seq.mixed--
	v := s.seq.value[p.from:]
	for i, c := range s.b[start:end] {
		v[i] = digits[c]
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

// joints are the separators that a single octet between two pieces is; 0 for
// what joins nothing.
var joints = [256]byte{' ': ' ', '-': '-', '.': '.', '/': '/', '\n': 'n', '\t': 't', '(': ' ', ')': ' ', '_': ' ', '\'': ' '}

// maxGap is how many octets may stand between two pieces, a run of tabs counted as one.
const maxGap = 6

// mayJoin reports whether c may stand behind a piece that another one follows.
func mayJoin(c byte) bool { return joints[c] != 0 || c == '\r' || c == '>' }

// wordBehind reports whether a space and a word of two letters or more, without
// digits, stand at i: no number goes on there.
func wordBehind(b []byte, i int) bool {
	if b[i] != ' ' || class[b[i+1]] != letter || class[b[i+2]] != letter {
		return false
	}
	for i += 3; class[b[i]] == letter; i++ {
	}
	return class[b[i]] != digit
}

// joint is the separator between the last piece and start, 0 when they do not
// belong together.
func (s *scan) joint(start int) byte {
	end := int(s.seq.pieces[s.seq.n-1].end)
	switch start - end {
	case 1:
		return joints[s.b[end]]
	case 0:
		return 0
	}
	sep, n := byte(' '), 0
	for i, c := range s.b[end:start] {
		if n++; n > maxGap {
			return 0
		}
		switch c {
		case '\t':
			sep = 't'
			if i > 0 && s.b[end+i-1] == '\t' {
				n-- // cells that are wide or empty
			}
		case '\n':
			if sep != 't' {
				sep = 'n'
			}
		case '-', '.', '/':
			if sep == ' ' {
				sep = c
			}
			if s.b[end+i+1] == ' ' && (i == 0) == (c == '.') {
				sep = 'n' // as between sentences, and with a dash between two things
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
	if q.n == maxPieces || len(q.value) > maxValue-24 {
		s.slide()
	}
	if q.n == 0 {
		q.first = len(s.cands)
	}
	if sep == 't' {
		s.endCell()
	}
	p := &q.pieces[q.n]
	p.start, p.end, p.from, p.sep = int32(start), int32(end), int16(len(q.value)), sep
	p.state, p.letters, p.digits, p.word = 0, 0, digits, false
	q.n++
	if digits {
		s.group(p)
		if n := len(q.value); end-start <= 8 {
			binary.LittleEndian.PutUint64(q.value[n:n+8], load(s.b, start))
			q.value = q.value[:n+end-start]
		} else {
			q.value = append(q.value, s.b[start:end]...)
		}
		return
	}
	q.mixed++
	for i := 0; i < end-start; i += 8 {
		v, n := load(s.b, start+i), len(q.value)
		signs := v | v<<1 // letters have one of the two highest bits
		p.letters |= uint32((signs>>7&octets)*0x0102040810204080>>56) << i
		binary.LittleEndian.PutUint64(q.value[n:n+8], uppered(v))
		q.value = q.value[:n+8]
	}
	size := end - start
	p.letters &= 1<<size - 1
	q.value = q.value[:int(p.from)+size]
}

// group enters the newest piece p, of digits, into the state of the groups.
func (s *scan) group(p *piece) {
	q, state := &s.seq, uint16(0)
	if q.n > 1 {
		state = q.pieces[q.n-2].state
	}
	p.state = 0
	if size := p.end - p.start; size < 20 {
		p.state = s.states[state].next[size]
	}
}

// slide drops the older half of the pieces, and forgets the candidates among them.
func (s *scan) slide() {
	q := &s.seq
	k := q.n / 2
	from := q.pieces[k].from
	q.value = append(q.value[:0], q.value[from:]...)
	q.n = copy(q.pieces[:], q.pieces[k:q.n])
	for i := range q.pieces[:q.n] {
		q.pieces[i].from -= from
	}
	q.cut, q.won = true, max(q.won-k, 0)
	q.cell, q.cellHead = max(q.cell-k, 0), q.cell < k && (q.cellHead || q.cell-k < 0)
	for q.first < len(s.cands) && s.cands[q.first].end <= q.pieces[0].start {
		q.first++
	}
}
