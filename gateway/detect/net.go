package detect

import (
	"bytes"
	"net/netip"

	"gatepost/gateway"
)

// Longest parts of an address, in octets (RFC 5321 section 4.5.3.1), and the
// longest URL that is followed.
const (
	maxLocal  = 64
	maxDomain = 255
	maxURL    = 2048
)

// mark looks at a sign that may begin something. It returns where to go on
// when it used more than the sign, else 0.
func (s *scan) mark(i int) int {
	switch s.b[i] {
	case '@':
		return s.email(i)
	case ':':
		if s.b[i+1] == '/' && s.b[i+2] == '/' {
			s.url(i)
			return 0
		}
		return s.ipv6(i)
	case '?':
		if s.mine(i) && i >= s.quiet {
			s.tops.part.questions++
			s.tops.part.lastAsked = s.tops.part.words + int(s.wordNo)
		}
	case '$':
		if class[s.b[i+1]] == digit && s.mine(i) {
			s.tops.part.amounts++
		}
	}
	return 0
}

// email reads the address around the "@" at i.
func (s *scan) email(i int) int {
	b := s.b
	from := i
	for from > 0 && i-from < maxLocal && localOctet(b[from-1]) {
		from--
	}
	for from < i && (b[from] == '.' || b[from] == '\'') {
		from++
	}
	to, dot := domainEnd(b, i+1)
	if from == i || dot <= i+1 || to-dot < 3 || class[b[dot+1]]&letter == 0 {
		return 0
	}
	s.mostCands = max(s.mostCands, len(s.cands))
	for len(s.cands) > 0 && int(s.cands[len(s.cands)-1].start) >= from {
		s.cands = s.cands[:len(s.cands)-1]
	}
	s.seq.clear()
	s.quiet, s.numbered = to, to
	s.found(s.d.types.email, from, to, gateway.Step{Name: "address form", Weight: 5})
	return to
}

// found enters a finding whose value is the text itself.
func (s *scan) found(typ uint16, from, to int, steps ...gateway.Step) {
	s.find(typ, from, to, canonical(s.buf[:0], s.b[from:to]), steps...)
}

func localOctet(c byte) bool {
	switch c {
	case '.', '_', '%', '+', '-', '\'', '&', '=', '/', '!', '#', '$', '*', '^', '~':
		return true
	}
	return class[c]&(letter|digit) != 0
}

// domainEnd is the end of the domain at i and its last dot.
func domainEnd(b []byte, i int) (to, dot int) {
	for to = i; to-i < maxDomain; to++ {
		c := b[to]
		if c == '.' && class[b[to+1]]&(letter|digit) != 0 && to > i {
			dot = to
			continue
		}
		if class[c]&(letter|digit) == 0 && (c != '-' || class[b[to+1]]&(letter|digit) == 0 && b[to+1] != '-') {
			break
		}
	}
	return to, dot
}

// url reads the URL whose "://" stands at i.
func (s *scan) url(i int) {
	from := i
	if i < s.quiet {
		return
	}
	for from > 0 && i-from < 16 && class[s.b[from-1]]&(letter|digit) != 0 {
		from--
	}
	if from < i {
		s.web(from, i+3)
	}
}

// web reports the URL from from on, whose host begins before to, and keeps its
// words from counting as language.
func (s *scan) web(from, to int) {
	start := to
	for to < s.n && to-from < maxURL && urlOctet(s.b[to]) {
		to++
	}
	for to > start && trailing(s.b[to-1]) {
		to--
	}
	if to-start < 3 {
		return
	}
	s.quiet = max(s.quiet, to)
	s.found(s.d.types.url, from, to, gateway.Step{Name: "address form", Weight: 4})
}

func urlOctet(c byte) bool {
	switch c {
	case '<', '>', '"', '{', '}', '|', '\\', '^', '`', unknownMark:
		return false
	}
	return c > ' '
}

func trailing(c byte) bool {
	switch c {
	case '.', ',', ';', ':', '!', '?', ')', '\'', ']', '*':
		return true
	}
	return false
}

// ipv6 reads an IPv6 address around the colon at i, its first one. It returns
// the end of the address, else 0.
func (s *scan) ipv6(i int) int {
	if i < s.ipTried || !s.twoColons(i) {
		return 0
	}
	from, to, colons, double := i, i, 0, false
	for from > s.ipTried && i-from < 45 && (isHex(s.b[from-1]) || s.b[from-1] == ':') {
		from--
	}
	for to-from < 46 && (isHex(s.b[to]) || s.b[to] == ':' || s.b[to] == '.' && isHex(s.b[to+1])) {
		if s.b[to] == ':' {
			colons++
			double = double || s.b[to+1] == ':'
		}
		to++
	}
	s.ipTried = to
	if colons < 2 || colons > 8 || !double && colons < 6 || class[s.b[to]]&(letter|digit) != 0 || s.b[to] == ':' {
		return 0
	}
	if before := s.octetBefore(from); class[before]&(letter|digit) != 0 || before == ':' {
		return 0
	}
	if !validIPv6(s.b[from:to]) {
		return 0
	}
	if q := &s.seq; q.n > 0 && int(q.pieces[0].start) >= from {
		q.clear() // its first group
	}
	s.quiet, s.numbered = max(s.quiet, to), to
	s.found(s.d.types.ipTyp, from, to, gateway.Step{Name: "address form", Weight: 5})
	return to
}

// twoColons reports whether the colon at i is followed by another, with at most
// four hexadecimal digits between: no address has fewer.
func (s *scan) twoColons(i int) bool {
	j := i + 1
	for j < i+5 && isHex(s.b[j]) {
		j++
	}
	return s.b[j] == ':'
}

// validIPv6 reports whether v, of which the caller counted the colons, is an address
// of RFC 4291 section 2.2 other than the unspecified one.
func validIPv6(v []byte) bool {
	if bytes.IndexByte(v, '.') >= 0 {
		a, err := netip.ParseAddr(string(v))
		return err == nil && a.Is6()
	}
	groups, size, doubles, some := 0, 0, 0, false
	for i, c := range v {
		if c != ':' {
			if size++; size > 4 {
				return false
			}
			some = some || c != '0'
			continue
		}
		if size > 0 {
			groups, size = groups+1, 0
		} else if i == 0 && v[1] != ':' {
			return false
		} else if i > 0 {
			doubles++
		}
	}
	if size > 0 {
		groups++
	} else if v[len(v)-2] != ':' {
		return false
	}
	return some && (doubles == 0 && groups == 8 || doubles == 1 && groups < 8)
}

func isHex(c byte) bool { return hexDigits[c] }

var hexDigits = func() (t [256]bool) {
	for _, c := range "0123456789abcdefABCDEF" {
		t[c] = true
	}
	return t
}()

// ipv4 reports pieces [from, to) when they are four octets joined by dots, perhaps
// with the length of a prefix ("/24").
func (s *scan) ipv4(from, to int) {
	q := &s.seq
	if to-from != 4 && (to-from != 5 || q.pieces[from+4].sep != '/') {
		return
	}
	for i, p := range q.pieces[from : from+4] {
		v := q.span(from+i, from+i+1)
		if !p.digits || len(v) > 3 || i > 0 && p.sep != '.' || num(v) > 255 || len(v) > 1 && v[0] == '0' {
			return
		}
	}
	start, end := int(q.pieces[from].start), int(q.pieces[from+3].end)
	if end-start < 4+3 {
		return
	}
	s.candidate(start, end, q.span(from, from+4), match{kind: s.d.types.ip, weight: 4})
}

// phone makes pieces [k, j) a telephone number: international with "+" or 00,
// with an area code in brackets, or by its length alone when a label says so.
func (s *scan) phone(k, j int, v []byte) {
	q := &s.seq
	if len(v) < 7 || len(v) > 15 {
		return
	}
	start, weight := int(q.pieces[k].start), int8(0)
	switch before := s.octetBefore(start); {
	case before == '+':
		start, weight = start-1, 5
	case before == '(' && (start > 1 && s.b[start-2] == '+' || j-k > 1 && len(v) >= 9 && len(v) <= 11 && s.bracketed(k, j)):
		start, weight = start-1, 4
	case len(v) >= 11 && v[0] == '0' && v[1] == '0' && v[2] != '0':
		weight = 4
	}
	s.candidate(start, int(q.pieces[j-1].end), v, match{kind: s.d.types.phone, weight: weight})
}

// bracketed reports whether a bracket closes between pieces k and j.
func (s *scan) bracketed(k, j int) bool {
	q := &s.seq
	return bytes.IndexByte(s.b[q.pieces[k].end:q.pieces[j-1].start], ')') >= 0
}

func (s *scan) octetBefore(i int) byte {
	if i == 0 {
		return 0
	}
	return s.b[i-1]
}

// iban reads an IBAN at the token [start, end), or one whose country stands
// alone before it.
func (s *scan) iban(start, end int) int {
	from := start
	switch {
	case end-start >= 4 && class[s.b[start]] == letter && class[s.b[start+2]] == digit && class[s.b[start+3]] == digit:
	case start >= 3 && class[s.b[start]] == digit && (s.b[start-1] == ' ' || s.b[start-1] == '-') && end-start >= 2:
		from = start - 3
	default:
		return 0
	}
	if from > 0 && class[s.b[from-1]]&(letter|digit) != 0 || s.ban.form(s.b, from) == "" {
		return 0
	}
	var value [ibanMax]byte // not s.buf, which endSequence uses
	to, v := s.ban.read(s.b, s.n, from, value[:0])
	if to == 0 {
		return 0
	}
	s.endSequence()
	c := s.value(from, to, v)
	c.kinds[0], c.nkinds = match{kind: s.d.types.iban, weight: 7}, 1
	s.numbered = to
	return to
}
