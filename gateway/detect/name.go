package detect

import (
	"bytes"
	"slices"

	"gatepost/gateway"
)

// flagged handles a word that may begin a name, a date, an address or a
// secret, or that speaks to the reader.
func (s *scan) flagged(flags uint32, start, end int) {
	switch {
	case flags&starts != 0:
		s.begins(start, end)
	case flags&pronoun != 0:
		s.lastPron = s.wordNo
		s.owned(start, s.wordNo)
	case flags&speaker != 0:
		if !s.numeral(start, end) {
			s.tops.part.spoke = s.wordNo
		}
	case flags&aged != 0:
		s.nameBeforeAge(start)
	case flags&asking != 0:
		s.nameBeforeWho(start, end)
		if s.mine(start) {
			s.tops.part.asks++
		}
	case flags&month != 0:
		s.writtenDate(start, end)
	case flags&street != 0:
		s.address(start, end)
	}
	if flags&(provider|patient) != 0 {
		s.turn(flags, start, end)
	}
	if flags&numeral != 0 {
		s.saidDigits(start)
	}
	if flags&(given|title|provider|patient|dear) != 0 && start >= s.nameEnd {
		s.name(flags, start, end)
	}
}

// name looks for a person's name at a word that is a given name or that often
// stands before one.
func (s *scan) name(flags uint32, start, end int) {
	if flags&given != 0 && isUpper(s.b[start]) {
		if to, n := s.nameRun(s.space(end), common|flags&ordinary); n > 0 && s.sameCase(start, end, to) {
			s.nameFound(start, to, "given name and surname", 4)
			return
		}
	}
	at := end
	if s.b[at] == '.' && flags&(title|provider) != 0 {
		at++
	}
	at = s.space(at)
	switch {
	case flags&provider != 0:
		// Who treats is no secret by itself: a low finding, and none of the
		// words after it begins another.
		if to, n := s.nameRun(at, 0); n > 0 {
			s.nameFound(at, to, "name of a professional", 2)
		}
	case flags&title != 0 && isUpper(s.b[start]):
		if to, n := s.nameRun(at, 0); n > 0 {
			s.nameFound(at, to, "title before", 4)
		}
	case flags&patient != 0:
		if s.b[end] == ':' {
			at = s.space(end + 1)
		}
		if to, n := s.nameRun(at, common|ordinary); n > 1 || n == 1 && s.b[at+1] > 'Z' {
			s.nameFound(at, to, "patient or client before", 4)
		}
	case flags&dear != 0:
		if to, n := s.nameRun(at, common|ordinary); n > 0 && s.b[at+1] > 'Z' {
			s.nameFound(at, to, "salutation before", 4)
		}
	}
}

// nameFound reports a name and lets no other begin inside it.
func (s *scan) nameFound(start, end int, why string, weight int) {
	s.nameEnd = end
	s.found(s.d.types.name, start, end, gateway.Step{Name: why, Weight: weight})
}

// nameBeforeAge reports the name of "Qarth Vuzz, 58 years old" and "Qarth Vuzz
// is a 58-year-old": two to four capitalised words before an age whose unit
// begins at start. Only here is a name known by what follows it.
func (s *scan) nameBeforeAge(start int) {
	b, i := s.b, start
	for i > 0 && (b[i-1] == ' ' || b[i-1] == '-') {
		i--
	}
	digits := i
	for i > 0 && class[b[i-1]] == digit {
		i--
	}
	if i == digits || digits-i > 3 {
		return
	}
	for i > 0 && b[i-1] == ' ' {
		i--
	}
	for _, link := range []string{" is a", " is an", ", who is", ", a", ", an", ", aged", ", age", " is", " (", ","} {
		if i > len(link) && string(b[i-len(link):i]) == link {
			s.nameEnding(i-len(link), "age behind")
			return
		}
	}
}

// numeral reports whether the "I" at [start, end) is a number or an initial, as in
// "type I", "I.V." and "I 131".
func (s *scan) numeral(start, end int) bool {
	b := s.b
	if end-start > 1 {
		return false
	}
	if b[end] == '.' || b[end] == ' ' && class[b[end+1]] == digit {
		return true
	}
	if start < 5 || class[b[start-2]] != letter {
		return false
	}
	for _, before := range []string{"type ", "stage ", "class ", "grade ", "phase ", "factor "} {
		if n := len(before); low(b[start-2]) == before[n-2] && start >= n && bytes.EqualFold(b[start-n:start], []byte(before)) {
			return true
		}
	}
	return false
}

// nameBeforeWho reports the name of "Qarth Vuzz, who is allergic".
func (s *scan) nameBeforeWho(start, end int) {
	if b := s.b; end-start == 3 && low(b[start]) == 'w' && low(b[start+2]) == 'o' && start > 2 && b[start-1] == ' ' && b[start-2] == ',' {
		s.nameEnding(start-2, "who behind")
	}
}

// nameEnding reports a name of two to four capitalised words that ends at end,
// unless one was found there already.
func (s *scan) nameEnding(end int, why string) {
	from, n := end, 0
	for i := end; n < 4; n++ {
		j := i
		for j > 0 && (class[s.b[j-1]] == letter || s.b[j-1] == '-' || s.b[j-1] == '\'') {
			j--
		}
		flags := s.words.flags(s.b, j, i)
		if flags&surname != 0 {
			flags &^= ordinary | street
		}
		if j == i || !isUpper(s.b[j]) || flags&(common|ordinary|provider) != 0 {
			break
		}
		if from = j; j == 0 || s.b[j-1] != ' ' {
			n++
			break
		}
		i = j - 1
	}
	if n >= 2 && from >= s.nameEnd {
		s.nameFound(from, end, why, 4)
	}
}

// labelledName reports the name after "Name:".
func (s *scan) labelledName(l label) {
	if i := s.afterColon(l); i > 0 {
		if to, n := s.nameRun(i, 0); n > 0 {
			s.nameFound(i, to, "name label before", 5)
		}
	}
}

// afterColon is where the text after the colon behind l begins, perhaps in
// bold; 0 when there is no colon.
func (s *scan) afterColon(l label) int {
	i := int(l.end)
	for s.b[i] == '*' {
		i++
	}
	if s.b[i] != ':' {
		return 0
	}
	i++
	for n := 0; n < 8 && (s.b[i] == ' ' || s.b[i] == '*' || s.b[i] == '\t'); n++ {
		i++
	}
	return i
}

// labelledAddress reports the line after "Address:" when it begins with a
// capital or a number and holds both letters and digits: an address of the net
// does not.
func (s *scan) labelledAddress(l label) {
	from := s.afterColon(l)
	if from == 0 {
		return
	}
	if s.b[from] == '\n' {
		from++
	}
	to, letters, digits, run := from, 0, 0, 0
	for ; to < s.n && to-from < 100 && class[s.b[to]]&newline == 0; to++ {
		if run++; class[s.b[to]]&(letter|digit) == 0 {
			run = 0
		}
		switch c := s.b[to]; {
		case c == '@', c == ':', c == ';', c == '?', run > 24:
			return
		case class[c] == letter:
			letters++
		case class[c] == digit:
			digits++
		}
	}
	for to > from && (trailing(s.b[to-1]) || s.b[to-1] == ' ') {
		to--
	}
	if letters >= 3 && digits > 0 && digits < letters && (isUpper(s.b[from]) || class[s.b[from]] == digit) {
		s.found(s.d.types.ids["address"], from, to, gateway.Step{Name: "address label before", Weight: 4})
	}
}

// space is the place after one space, or one line break, at i; i when there is
// none and 0 stands for no name.
func (s *scan) space(i int) int {
	if s.b[i] == ' ' {
		return i + 1
	}
	return i
}

// common are the flags of words that are no part of a name.
const common = month | patient | asking | pronoun | dear | street

// nameRun reads one to four words of a name at i: capitalised words, initials
// between them, particles before them. Words with a flag of stop end it, and so
// do everyday words that are no surnames; stop 0 takes every word for a name.
// It returns the end and the number of capitalised words of two letters or more.
func (s *scan) nameRun(i int, stop uint32) (end, n int) {
	end = i
	for words := 0; words < 5 && i < s.n && class[s.b[i]] == letter; words++ {
		j := i
		for class[s.b[j]] == letter || (s.b[j] == '\'' || s.b[j] == '-') && isUpper(s.b[j+1]) {
			j++
		}
		switch flags := s.words.flags(s.b, i, j); {
		case class[s.b[j]] == digit, j-i > 24:
			return end, n
		case j-i == 1 && isUpper(s.b[i]):
			if s.b[j] == '.' {
				j++
			}
		case flags&particle != 0 && n < 3:
		case !isUpper(s.b[i]) && s.b[i] < 0x80, flags&(title|provider) != 0:
			return end, n
		case flags&stop != 0 && (flags&surname == 0 || flags&stop != street), flags&(ordinary|surname) == ordinary && stop != 0:
			return end, n
		default:
			end = j
			n++
		}
		if n == 4 || s.b[j] != ' ' {
			return end, n
		}
		i = j + 1
	}
	return end, n
}

// sameCase reports whether a given name and what follows are written alike:
// both in capitals or both not.
func (s *scan) sameCase(start, end, to int) bool {
	shout := end-start > 1 && isUpper(s.b[start+1])
	last := to - 1
	for last > end && class[s.b[last]] != letter {
		last--
	}
	return shout == isUpper(s.b[last])
}

// writtenDate makes "12 March 1980" and "March 12, 1980" candidates for a
// birth date.
func (s *scan) writtenDate(start, end int) {
	from, to := start, end
	for i := start; i > 0 && start-i < 8 && (class[s.b[i-1]] == digit || s.b[i-1] == ' ' || s.b[i-1] == '.'); i-- {
		if class[s.b[i-1]] == digit {
			from = i - 1
		}
	}
	for i := end; i-end < 10; i++ {
		c := s.b[i]
		if class[c] == digit {
			to = i + 1
		} else if c != ' ' && c != ',' && c != '.' && c != '-' {
			break
		}
	}
	digits := canonical(s.buf[:0], s.b[end:to])
	if len(digits) < 2 || len(digits) > 6 {
		return
	}
	c := s.value(from, to, canonical(s.buf[:0], s.b[from:to]))
	c.kinds[0], c.nkinds = match{kind: s.d.types.date, weight: 1, asks: asksDated}, 1
	s.seq.first = len(s.cands)
}

// address reports "12 Main Street": a number, capitalised words, and the word
// for a street at [start, end).
func (s *scan) address(start, end int) {
	i, words := start, 0
	for i > 0 && start-i < 48 && s.b[i-1] == ' ' {
		j := i - 1
		for j > 0 && class[s.b[j-1]]&(letter|digit) != 0 {
			j--
		}
		if j == i-1 {
			return
		}
		if class[s.b[j]] == digit {
			if words > 0 {
				s.found(s.d.types.address, j, end, gateway.Step{Name: "number and street", Weight: 4})
			}
			return
		}
		if !isUpper(s.b[j]) {
			break
		}
		i = j
		words++
	}
	s.addressAfter(start, end)
}

// addressAfter reports "Calle Mayor, 12".
func (s *scan) addressAfter(start, end int) {
	i := s.numberBehind(end)
	if i == 0 || !slices.ContainsFunc(s.b[end:i], isUpper) {
		return
	}
	for class[s.b[i]] == digit {
		i++
	}
	s.found(s.d.types.address, start, i, gateway.Step{Name: "street and number", Weight: 3})
}

// numberBehind is the first digit in the 48 octets from i on, 0 when there is none
// before the end of a line or of a clause. What it saw it keeps, so that no octet
// is looked at twice.
func (s *scan) numberBehind(i int) int {
	b, to := s.b, min(i+48, s.n)
	if i < s.plainFrom || i > s.plainTo {
		s.plainFrom, s.plainTo = i, i
	}
	for s.plainTo < to && !endsAddress(b[s.plainTo]) {
		s.plainTo++
	}
	if s.plainTo < to && class[b[s.plainTo]] == digit {
		return s.plainTo
	}
	return 0
}

func endsAddress(c byte) bool {
	return class[c] == digit || c == '\n' || c == '.' || c == ';' || c == ':'
}
