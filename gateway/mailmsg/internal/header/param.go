package header

import (
	"slices"
	"strconv"
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
)

const maxParams = 64

// Param is one parameter of a structured field, its name in lower case.
type Param struct {
	Name  string
	Value string
	// Other is the value as another reader decodes it, "" when none does.
	Other string
}

// Params is a field with parameters, such as Content-Type.
type Params struct {
	Value string // before the first ";", lower case: "text/plain"
	List  []Param
}

// All returns every distinct value that name has.
func (p Params) All(name string) []string {
	var values []string
	for _, q := range p.List {
		for _, v := range [...]string{q.Value, q.Other} {
			if q.Name == name && v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
	}
	return values
}

// Get is the first value of name, "" when there is none.
func (p Params) Get(name string) string {
	for _, q := range p.List {
		if q.Name == name {
			return q.Value
		}
	}
	return ""
}

// ParseParams reads a field such as Content-Type or Content-Disposition. It
// joins and decodes what RFC 2231 splits and encodes; encoded words in values
// are decoded too, as many writers use them against RFC 2047.
func ParseParams(raw string) Params {
	s := scanner{rest: Unfold(raw)}
	p := Params{Value: strings.ToLower(strings.Join(strings.Fields(s.until(";")), ""))}
	var pieces []piece
	for s.rest != "" && len(p.List)+len(pieces) < maxParams {
		s.rest = strings.TrimLeft(s.rest, "; \t")
		name := strings.ToLower(strings.Trim(s.until("=;"), " \t"))
		if !strings.HasPrefix(s.rest, "=") {
			continue
		}
		s.rest = s.rest[1:]
		value := s.value()
		if base, q, ok := parsePiece(name, value); ok {
			pieces = append(pieces, piece{base, q})
			continue
		}
		p.List = append(p.List, decodeParam(name, value))
	}
	p.List = append(p.List, join(pieces)...)
	return p
}

func decodeParam(name, value string) Param {
	t := Decode(value)
	q := Param{Name: name, Value: t.Main, Other: t.Other}
	if t.Main != value {
		q.Other = value
	}
	return q
}

// scanner walks over a field; comments are skipped, quoted strings are kept
// together.
type scanner struct {
	rest string
	bare bool // a comment did not end: "(" is an ordinary octet from here on
}

// until takes the text before any octet of stops, without comments.
func (s *scanner) until(stops string) string {
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case strings.IndexByte(stops, c) >= 0:
			s.rest = s.rest[i:]
			return b.String()
		case c == '(' && !s.bare:
			n := commentLength(s.rest[i:])
			s.bare = n == 1
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	s.rest = ""
	return b.String()
}

// commentLength is the length of the comment that s begins with (RFC 5322
// section 3.2.2); one that never ends is taken as the one octet "(".
func commentLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return 1
}

// value takes a quoted string or the text up to the next ";".
func (s *scanner) value() string {
	s.rest = strings.TrimLeft(s.rest, " \t")
	if !strings.HasPrefix(s.rest, `"`) {
		end := strings.IndexByte(s.rest, ';')
		if end < 0 {
			end = len(s.rest)
		}
		v := strings.Trim(s.rest[:end], " \t")
		s.rest = s.rest[end:]
		return v
	}
	v, n := quoted(s.rest)
	s.rest = s.rest[n:]
	if i := strings.IndexByte(s.rest, ';'); i >= 0 {
		s.rest = s.rest[i:]
	} else {
		s.rest = ""
	}
	return v
}

// quoted reads the quoted string that s begins with and returns its length;
// one that never ends ends with s.
func quoted(s string) (string, int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i + 1
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), len(s)
}

// section is one piece of a value that RFC 2231 section 3 splits.
type section struct {
	number  int
	encoded bool
	value   string
}

type piece struct {
	name string
	section
}

// parsePiece reads a name of RFC 2231: "name*", "name*0" or "name*0*".
func parsePiece(name, value string) (base string, s section, ok bool) {
	base, rest, ok := strings.Cut(name, "*")
	if !ok {
		return "", s, false
	}
	s.value = value
	rest, s.encoded = strings.CutSuffix(rest, "*")
	if rest == "" {
		s.encoded = true
		return base, s, true
	}
	n, err := strconv.ParseUint(rest, 10, 16)
	s.number = int(n)
	return base, s, err == nil
}

// join puts the pieces of each parameter together, in order of their numbers.
func join(pieces []piece) []Param {
	slices.SortStableFunc(pieces, func(a, b piece) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return a.number - b.number
	})
	var list []Param
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].name == pieces[0].name {
			n++
		}
		list = append(list, joinOne(pieces[:n]))
		pieces = pieces[n:]
	}
	return list
}

func joinOne(pieces []piece) Param {
	label := ""
	var b strings.Builder
	for i, p := range pieces {
		v := p.value
		if i == 0 && p.encoded {
			if set, rest, ok := strings.Cut(v, "'"); ok {
				label = set
				_, v, _ = strings.Cut(rest, "'")
			}
		}
		if p.encoded {
			v = percent(v)
		}
		b.WriteString(v)
	}
	t := charset.Decode(label, []byte(b.String()))
	return Param{Name: pieces[0].name, Value: t.Main, Other: t.Other}
}

// percent decodes %XX; what is malformed stays.
func percent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
