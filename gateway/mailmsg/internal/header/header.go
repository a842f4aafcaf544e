// Package header reads the header of messages and of MIME parts: fields (RFC
// 5322 section 2.2), encoded words (RFC 2047), parameters (RFC 2231) and
// addresses (RFC 5322 section 3.4). It is tolerant, and names the places where
// tolerant readers disagree. It composes nothing.
//
// Invariants: linear time, bounded numbers of fields and parameters, no panic.
package header

import (
	"bytes"
	"slices"
	"strings"
)

// Limits of one header.
const (
	MaxOctets = 256 << 10
	MaxFields = 1000
)

// Field is one field of a header.
type Field struct {
	Name  string // as spelled, without white space before the colon
	Raw   string // what follows the colon, folding included, without the last line end
	Start int    // octets of the header that the field takes,
	End   int    // line end included
	Value int    // where Raw begins
}

// Is reports whether f has the name, in any case.
func (f Field) Is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Block is a header taken apart.
type Block struct {
	Fields []Field
	Body   int // where the body begins
	// Others are places where another reader would let the body begin.
	Others []int
	// Odd are constant phrases for what readers see differently.
	Odd []string
}

// The phrases of Block.Odd.
const (
	OddLine   = "line without colon in the header"
	OddBlank  = "line of white space in the header"
	OddFold   = "continuation before the first field"
	OddColon  = "white space before a colon in the header"
	OddReturn = "CR without LF in the header"
	OddLarge  = "header too large"
	OddFields = "too many header fields"
)

const maxOthers = 4

// Split takes the header at the beginning of raw apart. Lines end with LF or
// CRLF.
func Split(raw []byte) Block {
	s := splitter{raw: raw}
	at := 0
	for at < len(raw) && !s.done {
		end := len(raw)
		if n := bytes.IndexByte(raw[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		s.line(at, end)
		at = end
	}
	if !s.done {
		s.Body = len(raw)
	}
	s.close(s.Body)
	s.cutOut()
	return s.Block
}

type splitter struct {
	Block
	raw  []byte
	open bool // the last field may be continued
	done bool
}

// line takes raw[at:end], which ends with its line end.
func (s *splitter) line(at, end int) {
	line := bytes.TrimRight(s.raw[at:end], "\r\n")
	if bytes.IndexByte(line, '\r') >= 0 {
		s.odd(OddReturn, -1)
	}
	switch {
	case len(line) == 0:
		s.close(at)
		s.Body, s.done = end, true
	case at >= MaxOctets:
		s.cutOff(OddLarge, at)
	case line[0] == ' ' || line[0] == '\t':
		s.folded(at, line)
	case len(s.Fields) >= MaxFields:
		s.cutOff(OddFields, at)
	default:
		s.begin(at, line)
	}
}

// cutOff ends the header at a limit; the rest is body, so that it is read.
func (s *splitter) cutOff(phrase string, at int) {
	s.close(at)
	s.odd(phrase, -1)
	s.Body, s.done = at, true
}

func (s *splitter) folded(at int, line []byte) {
	text := bytes.TrimLeft(line, " \t")
	switch {
	case len(text) == 0:
		s.odd(OddBlank, at)
	case !s.open:
		s.odd(OddFold, at)
		s.begin(at+len(line)-len(text), text)
	}
}

func (s *splitter) begin(at int, line []byte) {
	s.close(at)
	colon := bytes.IndexByte(line, ':')
	name := bytes.TrimRight(line[:max(colon, 0)], " \t")
	if !isName(name) {
		s.stray(at, line)
		return
	}
	if len(name) != colon {
		s.odd(OddColon, -1)
	}
	s.Fields = append(s.Fields, Field{Start: at, Value: at + colon + 1})
	s.open = true
}

// stray takes a line that is no field. "From " of mail folders is known.
func (s *splitter) stray(at int, line []byte) {
	mbox := bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
	if !mbox || at > 0 {
		s.odd(OddLine, at)
	}
}

func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}

func (s *splitter) close(at int) {
	if s.open {
		s.Fields[len(s.Fields)-1].End = at
	}
	s.open = false
}

// cutOut fills in the texts: one copy of the header that all fields share.
func (s *splitter) cutOut() {
	text := string(s.raw[:s.Body])
	for i := range s.Fields {
		f := &s.Fields[i]
		f.Name = strings.TrimRight(text[f.Start:f.Value-1], " \t")
		f.Raw = strings.TrimRight(text[f.Value:f.End], "\r\n")
	}
}

// odd notes a phrase once, and where another reader would begin the body.
func (s *splitter) odd(phrase string, body int) {
	if !slices.Contains(s.Odd, phrase) {
		s.Odd = append(s.Odd, phrase)
	}
	if body >= 0 && len(s.Others) < maxOthers {
		s.Others = append(s.Others, body)
	}
}
