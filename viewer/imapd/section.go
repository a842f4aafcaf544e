package imapd

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// piece is what a section of a message stands for: text that is known
// already, or octets [from, to) of the message.
type piece struct {
	known    bool
	text     string
	from, to int64
	part     *gateway.LayoutPart // of BINARY
	missing  bool                // there is no such part
}

// find finds a section of RFC 9051 section 6.4.5 in l.
func find(l *gateway.Layout, s *imap.FetchItemBodySection) piece {
	if len(s.Part) == 0 {
		switch s.Specifier {
		case imap.PartSpecifierNone:
			return piece{to: l.Size}
		case imap.PartSpecifierText:
			return piece{from: l.Root.Body, to: l.Size}
		case imap.PartSpecifierHeader:
			return topHeader(l, s)
		}
		return piece{missing: true}
	}
	p, mail := locate(&l.Root, s.Part)
	if p == nil {
		return piece{missing: true}
	}
	switch s.Specifier {
	case imap.PartSpecifierNone:
		return piece{from: p.Body, to: p.End}
	case imap.PartSpecifierMIME:
		if p.Start == 0 {
			return topHeader(l, &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader})
		}
		return piece{from: p.Start, to: p.Body}
	}
	if mail == nil {
		return piece{missing: true}
	}
	if s.Specifier == imap.PartSpecifierText {
		return piece{from: mail.Body, to: mail.End}
	}
	return piece{from: mail.Start, to: mail.Body}
}

// topHeader is the header of the message, or some of its fields, which the
// layout has: it takes no key. Of one that the layout does not hold to its end
// the octets are read.
func topHeader(l *gateway.Layout, s *imap.FetchItemBodySection) piece {
	if l.Cut && len(s.HeaderFields) == 0 {
		return piece{to: l.Root.Body}
	}
	return piece{known: true, text: fields(l.Header.Reveal(), s)}
}

// locate finds the part with a number, and the mail in it if it is one.
func locate(root *gateway.LayoutPart, number []int) (part, mail *gateway.LayoutPart) {
	list := inside(root)
	for _, n := range number {
		if n < 1 || n > len(list) {
			return nil, nil
		}
		part = &list[n-1]
		switch {
		case part.Type == "multipart":
			list = part.Parts
		case isMail(part):
			list = inside(&part.Parts[0])
		default:
			list = nil
		}
	}
	if part != nil && isMail(part) {
		mail = &part.Parts[0]
	}
	return part, mail
}

// inside are the numbered parts of a mail: one that is not in parts is its own
// part 1 (RFC 9051 section 6.4.5.1).
func inside(mail *gateway.LayoutPart) []gateway.LayoutPart {
	if mail.Type == "multipart" {
		return mail.Parts
	}
	return []gateway.LayoutPart{*mail}
}

// fields is a header, or what HEADER.FIELDS or HEADER.FIELDS.NOT picks of it:
// with the line that ends it.
func fields(header string, s *imap.FetchItemBodySection) string {
	if len(s.HeaderFields) == 0 && len(s.HeaderFieldsNot) == 0 {
		return header
	}
	var b strings.Builder
	take := false
	for line := range strings.SplitAfterSeq(header, "\n") {
		if strings.TrimRight(line, "\r\n") == "" {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := strings.Cut(line, ":")
			take = picked(strings.TrimRight(name, " \t"), s)
		}
		if take {
			b.WriteString(line)
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

func picked(name string, s *imap.FetchItemBodySection) bool {
	is := func(other string) bool { return strings.EqualFold(name, other) }
	if len(s.HeaderFields) > 0 {
		return slices.ContainsFunc(s.HeaderFields, is)
	}
	return !slices.ContainsFunc(s.HeaderFieldsNot, is)
}

// nested picks fields of the header of a mail within, whose octets were read.
func nested(header []byte, s *imap.FetchItemBodySection) string {
	return fields(string(bytes.ToValidUTF8(header, []byte("?"))), s)
}

// clip is the range that a partial fetch asks for (RFC 9051 section 6.4.5).
func clip(size int64, p *imap.SectionPartial) (from, to int64) {
	if p == nil {
		return 0, size
	}
	from = min(max(p.Offset, 0), size)
	return from, from + min(max(p.Size, 0), size-from)
}
