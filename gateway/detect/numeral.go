package detect

// digitWords are the digits in words, as normalised text has them.
var digitWords = [10]string{
	" zero oh cero null nul nula ", " one uno un eins een um jeden ", " two dos deux zwei zwo due twee dois duas dwa ", " three tres trois drei tre drie trzy ",
	" four cuatro quatre vier quattro quatro cztery ", " five cinco cinq funf fuenf cinque vijf piec ", " six seis sechs sei zes szesc ", " seven siete sept sieben sette zeven sete siedem ",
	" eight ocho huit acht otto oito osiem ", " nine nueve neuf neun nove negen dziewiec ",
}

// numerals is the digit of each word in digitWords.
type numerals map[string]byte

func newNumerals() numerals {
	m := numerals{}
	for d, words := range digitWords {
		for i, from := 1, 1; i < len(words); i++ {
			if words[i] == ' ' {
				m[words[from:i]] = '0' + byte(d)
				from = i + 1
			}
		}
	}
	return m
}

// digit is the digit that the word b[i:j] names, 0 when it names none.
func (m numerals) digit(b []byte, i, j int) byte {
	var w [8]byte
	if j <= i || j-i > len(w) {
		return 0
	}
	for k, c := range b[i:j] {
		w[k] = low(c)
	}
	return m[string(w[:j-i])]
}

// saidDigits makes digits in words a candidate: "five three six, two two, eight
// one four five". Three words or more, up to nineteen.
func (s *scan) saidDigits(start int) {
	if start < s.spoken {
		return
	}
	b, v, to := s.b, s.buf[:0], start
	for i := start; len(v) < 19; {
		j := i
		for class[b[j]] == letter && j-i <= 8 {
			j++
		}
		d := s.d.numerals.digit(b, i, j)
		if d == 0 || class[b[j]] == digit {
			break
		}
		v, to = append(v, d), j
		for i = j; i-j < 4 && (b[i] == ' ' || b[i] == ',' || b[i] == '-' || b[i] == '.' || b[i] == '\n' || b[i] == '\r'); i++ {
		}
		if i == j {
			break
		}
	}
	if s.spoken = to; len(v) < 3 {
		return
	}
	s.endSequence()
	s.seq.first = len(s.cands)
	c := s.value(start, to, v)
	for _, m := range s.d.numbers.total[len(v)] {
		if kd := &s.d.types.kinds[m.kind]; !kd.dated && int(c.nkinds) < len(c.kinds) && kd.holds(v) {
			m.weight = max(m.weight-2, min(m.weight, 0))
			c.kinds[c.nkinds] = m
			c.nkinds++
		}
	}
	s.seq.first = len(s.cands)
}
