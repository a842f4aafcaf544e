package mailmsg

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// section is an entity of a message as one decided reader sees it: where it
// lies, and what its header says. Of duplicate fields the first counts.
type section struct {
	lo, hi    int64 // octets of its body
	media     header.Params
	encoding  string // "base64", "quoted-printable" or ""
	names     []string
	attached  bool
	inline    bool
	contentID string
	parent    *section
	children  []*section
	closed    bool // hi is final; of a multipart: no parts follow
}

// describe fills in what the header says; standard is the type without one.
func (s *section) describe(fields []header.Field, standard string) {
	for _, f := range fields {
		switch {
		case f.Is("Content-Type") && s.media.Value == "":
			s.media = header.ParseParams(f.Raw)
			s.names = append(s.names, s.media.All("name")...)
		case f.Is("Content-Transfer-Encoding") && s.encoding == "":
			s.encoding = transferName(f.Raw)
		case f.Is("Content-Disposition"):
			q := header.ParseParams(f.Raw)
			s.attached, s.inline = q.Value == "attachment", q.Value == "inline"
			s.names = append(q.All("filename"), s.names...)
		case f.Is("Content-ID"):
			if ids := header.MessageIDs(f.Raw); len(ids) > 0 {
				s.contentID = ids[0]
			}
		}
	}
	if s.media.Value == "" {
		s.media.Value = standard
	}
}

func (s *section) multipart() bool { return strings.HasPrefix(s.media.Value, "multipart/") }

// boundary is the line that separates the parts of s, "" when s has no parts.
func (s *section) boundary() string {
	if b := s.media.Get("boundary"); s.multipart() && b != "" {
		return "--" + strings.TrimRight(b, " \t")
	}
	return ""
}

func (s *section) depth() int {
	n := 0
	for p := s.parent; p != nil; p = p.parent {
		n++
	}
	return n
}

// scanner walks once over the octets of a message, in pieces, and finds its
// sections. What it keeps is bounded by the number of parts and the sizes of
// headers, not by the size of the message.
type scanner struct {
	in     *bufio.Reader
	from   int64         // where the line at hand begins
	to     int64         // and where it ends, line end included
	end    int64         // length of its line end
	behind int64         // length of the line end before it
	open   *section      // that the line belongs to
	head   *bytes.Buffer // header of open, nil once it is complete
	parts  int

	root   *section
	fields []header.Field // of the message
}

// scan finds the sections of c.
func scan(c gateway.Content) (*scanner, error) {
	s := &scanner{in: bufio.NewReaderSize(io.NewSectionReader(c, 0, c.Size()), 64<<10)}
	s.root = &section{}
	s.open, s.head = s.root, new(bytes.Buffer)
	for {
		line, err := s.line()
		if errors.Is(err, io.EOF) {
			s.finish()
			s.root.close(s.to)
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("taking a message apart: %w", err)
		}
		if !s.delimiter(line) && s.head != nil {
			s.headLine(line)
		}
	}
}

// line reads the next line with its end; of one that is longer than any
// boundary and any sane field only the beginning is returned.
func (s *scanner) line() ([]byte, error) {
	s.behind = s.end
	line, err := s.in.ReadSlice('\n')
	s.from, s.to = s.to, s.to+int64(len(line))
	s.end = ending(line)
	head := line
	if errors.Is(err, bufio.ErrBufferFull) {
		head = bytes.Clone(line)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		cut := bytes.HasSuffix(line, []byte("\r"))
		line, err = s.in.ReadSlice('\n')
		s.to += int64(len(line))
		if s.end = ending(line); cut && string(line) == "\n" {
			s.end = 2
		}
	}
	if errors.Is(err, io.EOF) && len(head) > 0 {
		err = nil
	}
	return head, err
}

// headLine takes a line of a header.
func (s *scanner) headLine(line []byte) {
	if int64(len(line)) == s.end {
		s.finish()
		return
	}
	if s.head.Len()+len(line) <= header.MaxOctets {
		s.head.Write(line)
	}
}

func ending(line []byte) int64 {
	switch {
	case bytes.HasSuffix(line, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(line, []byte("\n")):
		return 1
	}
	return 0
}

// finish ends the header of the section at hand; its body begins behind the
// line at hand.
func (s *scanner) finish() {
	if s.head == nil {
		return
	}
	fields := header.Split(s.head.Bytes()).Fields
	standard := "text/plain" // RFC 2045 section 5.2
	if p := s.open.parent; p != nil && p.media.Value == "multipart/digest" {
		standard = "message/rfc822" // RFC 2046 section 5.1.5
	}
	s.open.describe(fields, standard)
	s.open.lo, s.open.hi = s.to, s.to
	if s.open == s.root {
		s.fields = fields
	}
	s.head = nil
}

// delimiter reports whether a line separates parts of an open section, the
// innermost first, and begins or ends what it announces.
func (s *scanner) delimiter(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for p := s.open; p != nil; p = p.parent {
		b := p.boundary()
		if b == "" || p.closed || !bytes.HasPrefix(line, []byte(b)) {
			continue
		}
		rest := string(line[len(b):])
		if rest != "" && rest != "--" {
			continue
		}
		s.leave(p, s.from-s.behind)
		if rest == "" {
			s.begin(p)
		} else {
			p.closed = true
			p.hi = s.from - s.behind
		}
		return true
	}
	return false
}

// leave ends what is open within p at at.
func (s *scanner) leave(p *section, at int64) {
	if s.head != nil && s.open != p {
		to := s.to
		s.to = s.from // the body of a part without one begins where it ends
		s.finish()
		s.to = to
	}
	if n := len(p.children); n > 0 {
		p.children[n-1].close(at) // earlier ones ended when it began
	}
	s.open = p
}

// begin begins the next part of p. Beyond the limits the rest of the message
// is nobody's.
func (s *scanner) begin(p *section) {
	if s.parts++; s.parts > maxParts || p.depth() >= maxDepth {
		return
	}
	child := &section{parent: p}
	p.children = append(p.children, child)
	s.open, s.head = child, new(bytes.Buffer)
}

// close ends a section and what is open within.
func (s *section) close(at int64) {
	if !s.closed {
		s.hi, s.closed = max(at, s.lo), true
	}
	if n := len(s.children); n > 0 {
		s.children[n-1].close(at)
	}
}
