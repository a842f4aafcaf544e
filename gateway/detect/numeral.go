package detect

// digitWords are the digits in words, as normalised text has them.
var digitWords = [10]string{
	" zero oh cero null nul nula ", " one uno un eins een um jeden ", " two dos deux zwei zwo due twee dois duas dwa ", " three tres trois drei tre drie trzy ",
	" four cuatro quatre vier quattro quatro cztery ", " five cinco cinq funf fuenf cinque vijf piec ", " six seis sechs sei zes szesc ", " seven siete sept sieben sette zeven sete siedem ",
	" eight ocho huit acht otto oito osiem ", " nine nueve neuf neun nove negen dziewiec ",
}

// saidDigit is the digit that the word b[i:j] names, 0 when it names none.
func (a *automaton) saidDigit(b []byte, i, j int) byte {
	if flags := a.flags(b, i, j); flags&numeral != 0 {
		return '0' + byte(flags>>digitBits)
	}
	return 0
}

// saidDigits makes digits in words a candidate: "five three six, two two, eight
// one four five", and those among which some stand as such: "5 three six, 2 two".
// Three or more, up to nineteen; start is where a word of them begins. Neither
// reading takes the place of the other or of the digits as they stand: a digit
// behind a number in words may make some other number of it all.
func (s *scan) saidDigits(start int) {
	if start < s.spoken {
		return
	}
	if start >= s.mixedTo {
		from := s.digitsBefore(start)
		v, words, to := s.said(from, true)
		if s.mixedTo = to; words > 1 && words < len(v) {
			s.saidNumber(from, to, v, true)
		}
	}
	v, _, to := s.said(start, false)
	if s.spoken = to; len(v) > 2 {
		s.saidNumber(start, to, v, false)
	}
}

// said reads digits in words from i on, and single ones as such where mixed says
// so. words is how many are words, to where the last one ends.
func (s *scan) said(i int, mixed bool) (v []byte, words, to int) {
	b := s.b
	for v, to = s.buf[:0], i; len(v) < 19; {
		j, d := i+1, b[i]
		if !mixed || class[d] != digit || class[b[j]]&(letter|digit) != 0 {
			for j = i; class[b[j]] == letter && j-i <= 8; j++ {
			}
			if d = s.words.saidDigit(b, i, j); d == 0 || class[b[j]] == digit {
				break
			}
			words++
		}
		v, to = append(v, d), j
		for i = j; i-j < 4 && divides(b[i]); i++ {
		}
		if i == j {
			break
		}
	}
	return v, words, to
}

// digitsBefore is where the single digits begin that stand before start.
func (s *scan) digitsBefore(start int) int {
	for range 18 {
		j := start
		for start-j < 4 && j > 0 && divides(s.b[j-1]) {
			j--
		}
		if j == start || j <= max(s.spoken, s.mixedTo) || class[s.b[j-1]] != digit || j > 1 && class[s.b[j-2]]&(letter|digit) != 0 {
			break
		}
		start = j - 1
	}
	return start
}

// divides reports whether c stands between digits in words.
func divides(c byte) bool {
	switch c {
	case ' ', ',', '-', '.', '\n', '\r':
		return true
	}
	return false
}

// saidNumber makes [start, to) a candidate with the digits v; where need says so,
// only if they are some number.
func (s *scan) saidNumber(start, to int, v []byte, need bool) {
	var kinds [len(cand{}.kinds)]match
	n := 0
	for _, m := range s.d.numbers.total[len(v)] {
		if kd := &s.d.types.kinds[m.kind]; !kd.dated && n < len(kinds) && kd.holds(v) {
			m.weight = max(m.weight-2, min(m.weight, 0))
			kinds[n] = m
			n++
		}
	}
	if need && n == 0 {
		return
	}
	var digits [19]byte // of v, whose place others use
	v = digits[:copy(digits[:], v)]
	s.endSequence()
	s.seq.first = len(s.cands)
	c := s.value(start, to, v)
	c.kinds, c.nkinds = kinds, uint8(n)
	s.seq.first = len(s.cands)
}
