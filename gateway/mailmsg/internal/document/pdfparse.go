package document

import (
	"bytes"
	"strconv"
	"strings"
)

// A PDF value is one of float64, bool, nil and these.
type (
	pdfName   string
	pdfString []byte
	pdfWord   string // an operator or a keyword
	pdfRef    int    // object number; generations are not told apart
	pdfArray  []any
	pdfDict   map[string]any
)

// pdfLexer reads values (ISO 32000-1 section 7.3). It never goes back, so it
// is linear; it ends at the end of its octets whatever is open.
type pdfLexer struct {
	b    []byte
	at   int
	read int  // values
	over bool // nested too deep or too long, and given up
	cut  bool // the octets ended within a value
}

const (
	maxPDFDepth = 32
	maxPDFList  = 200_000 // values of one array or dictionary
)

// add appends a value to a list. ok is false where the reading ends.
func (l *pdfLexer) add(list pdfArray, v any) (pdfArray, bool) {
	if len(list) >= maxPDFList {
		l.giveUp()
		return list, false
	}
	return fold(append(list, v)), true
}

func (l *pdfLexer) giveUp() { l.at, l.over = len(l.b), true }

func pdfSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func pdfDelimiter(c byte) bool {
	return c == '(' || c == ')' || c == '<' || c == '>' || c == '[' || c == ']' || c == '{' || c == '}' || c == '/' || c == '%'
}

// skip passes white space and comments.
func (l *pdfLexer) skip() {
	for l.at < len(l.b) {
		c := l.b[l.at]
		if c == '%' {
			n := bytes.IndexAny(l.b[l.at:], "\r\n")
			if n < 0 {
				n = len(l.b) - l.at
			}
			l.at += n
		} else if pdfSpace(c) {
			l.at++
		} else {
			return
		}
	}
}

// next reads a value; ok is false at the end.
func (l *pdfLexer) next(depth int) (v any, ok bool) {
	l.skip()
	if depth > maxPDFDepth {
		l.giveUp()
	}
	if l.at >= len(l.b) {
		return nil, false
	}
	l.read++
	switch c := l.b[l.at]; c {
	case '/':
		l.at++
		return l.name(), true
	case '(':
		return l.literal(), true
	case '<':
		if l.at+1 < len(l.b) && l.b[l.at+1] == '<' {
			l.at += 2
			return l.dict(depth + 1), true
		}
		return l.hex(), true
	case '[':
		l.at++
		return l.array(depth + 1), true
	case ')', '>', ']', '{', '}':
		l.at++
		if c == '>' && l.at < len(l.b) && l.b[l.at] == '>' {
			l.at++
			return pdfWord(">>"), true
		}
		return pdfWord(c), true
	}
	return l.word(), true
}

// object reads the value of an object, which may be a reference to another.
func (l *pdfLexer) object() (v any, ok bool) {
	v, ok = l.next(0)
	if _, isNumber := v.(float64); !isNumber {
		return v, ok
	}
	rest := pdfLexer{b: l.b[:min(len(l.b), l.at+32)], at: l.at}
	gen, _ := rest.next(0)
	r, _ := rest.next(0)
	if list := fold(pdfArray{v, gen, r}); len(list) == 1 {
		l.at, v = rest.at, list[0]
	}
	return v, ok
}

func (l *pdfLexer) token() []byte {
	start := l.at
	for l.at < len(l.b) && !pdfSpace(l.b[l.at]) && !pdfDelimiter(l.b[l.at]) {
		l.at++
	}
	return l.b[start:l.at]
}

func (l *pdfLexer) name() pdfName {
	t := l.token()
	if bytes.IndexByte(t, '#') < 0 {
		return pdfName(t)
	}
	var out []byte
	for i := 0; i < len(t); i++ {
		if t[i] == '#' && i+2 < len(t) {
			if v, err := strconv.ParseUint(string(t[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, t[i])
	}
	return pdfName(out)
}

// word reads a number, a keyword or an operator. A reference "12 0 R" is put
// together by its container.
func (l *pdfLexer) word() any {
	t := l.token()
	if c := t[0]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		if v, err := strconv.ParseFloat(string(t), 64); err == nil {
			return v
		}
	}
	switch string(t) {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	if w := commonWords[string(t)]; w != nil {
		return w
	}
	return pdfWord(t)
}

// commonWords are the operators of most pages as values: one that occurs a
// thousand times on a page needs no memory of its own each time.
var commonWords = asValues("q Q cm gs Do BT ET Tf Td TD Tm T* TL Tc Tw Tz Tr Tj TJ re m l c h W n f S g G rg RG k K cs CS scn SCN BMC BDC EMC R")

func asValues(words string) map[string]any {
	values := map[string]any{}
	for _, w := range strings.Fields(words) {
		values[w] = pdfWord(w)
	}
	return values
}

// literal reads "(…)" with its escapes (section 7.3.4.2).
func (l *pdfLexer) literal() pdfString {
	end := bytes.IndexByte(l.b[l.at:], ')')
	out := make(pdfString, 0, max(end, 1)-1) // one without parentheses within is no longer
	depth := 0
	for ; l.at < len(l.b); l.at++ {
		c := l.b[l.at]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				l.at++
				return out
			}
		case '\\':
			l.at++
			out = l.escape(out)
			continue
		}
		out = append(out, c)
	}
	l.at, l.cut = len(l.b), true // not behind it, where a backslash was last
	return out
}

// escape reads what follows a backslash; the caller steps over its last octet.
func (l *pdfLexer) escape(out pdfString) pdfString {
	if l.at >= len(l.b) {
		return out
	}
	switch c := l.b[l.at]; c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b', 'f':
		return append(out, ' ')
	case '\r':
		if l.at+1 < len(l.b) && l.b[l.at+1] == '\n' {
			l.at++
		}
		return out
	case '\n':
		return out
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v := 0
		for n := 0; n < 3 && l.at < len(l.b) && l.b[l.at] >= '0' && l.b[l.at] <= '7'; n++ {
			v = v<<3 | int(l.b[l.at]-'0')
			l.at++
		}
		l.at--
		return append(out, byte(v))
	default:
		return append(out, c)
	}
}

func (l *pdfLexer) hex() pdfString {
	l.at++
	out := pdfString{}
	high := -1
	l.cut = l.cut || bytes.IndexByte(l.b[l.at:], '>') < 0
	for ; l.at < len(l.b); l.at++ {
		c := l.b[l.at]
		if c == '>' {
			l.at++
			break
		}
		v := hexValue(c)
		switch {
		case v < 0:
		case high < 0:
			high = v
		default:
			out = append(out, byte(high<<4|v))
			high = -1
		}
	}
	if high >= 0 {
		out = append(out, byte(high<<4))
	}
	return out
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (l *pdfLexer) array(depth int) pdfArray {
	var list pdfArray
	for {
		v, ok := l.next(depth)
		if !ok || isWord(v, "]") {
			l.cut = l.cut || !ok
			return list
		}
		if list, ok = l.add(list, v); !ok {
			return list
		}
	}
}

func (l *pdfLexer) dict(depth int) pdfDict {
	var list pdfArray
	for {
		v, ok := l.next(depth)
		if !ok || isWord(v, ">>") {
			l.cut = l.cut || !ok
			break
		}
		if w, is := v.(pdfWord); is && (w == "endobj" || w == "stream") {
			l.at -= len(w)
			break
		}
		if list, ok = l.add(list, v); !ok {
			break
		}
	}
	d := pdfDict{}
	for i := 0; i+1 < len(list); i += 2 {
		key, ok := list[i].(pdfName)
		if !ok {
			i-- // resynchronise on the next name
			continue
		}
		if _, taken := d[string(key)]; !taken {
			d[string(key)] = list[i+1]
		}
	}
	return d
}

// fold turns "12 0 R" at the end of a list into a reference.
func fold(list pdfArray) pdfArray {
	n := len(list)
	if n < 3 || !isWord(list[n-1], "R") {
		return list
	}
	num, ok := list[n-3].(float64)
	if _, gen := list[n-2].(float64); !ok || !gen {
		return list
	}
	return append(list[:n-3], pdfRef(int(num)))
}

func isWord(v any, w pdfWord) bool {
	got, ok := v.(pdfWord)
	return ok && got == w
}
