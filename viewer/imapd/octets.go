package imapd

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// octets are those of an entry: its head, and behind it what the message has
// or what stands in its place.
type octets struct {
	head   string
	rest   io.ReaderAt
	size   int64
	closer io.Closer
	sizes  map[int]int64
}

// open opens what the sections of an item need, and learns before the answer
// begins what BINARY will be.
func (f *fetch) open(ctx context.Context, it *item) (*octets, error) {
	o, err := f.s.octetsOf(ctx, &it.row.entry, it.grant)
	if err != nil {
		return nil, err
	}
	o.sizes = make(map[int]int64)
	for n, s := range f.sections {
		p := it.pieces[n]
		if s.body != nil || p.missing || p.part == nil {
			continue
		}
		r, err := decoder(o, p.part)
		if err == nil {
			o.sizes[n], err = io.Copy(io.Discard, r)
		}
		if err != nil {
			_ = o.Close()
			return nil, no("UNKNOWN-CTE", "This part cannot be decoded")
		}
	}
	return o, nil
}

// sealed reports whether the octets behind the head of an entry are those of a
// message, which takes a grant.
func sealed(e *gateway.MailEntry) bool { return e.Inline == "" && !e.Message.IsZero() }

// octetsOf opens the octets of an entry. The caller closes.
func (s *session) octetsOf(ctx context.Context, e *gateway.MailEntry, g gateway.Grant) (*octets, error) {
	head := e.Head.Reveal()
	if !sealed(e) {
		inline := e.Inline.Reveal()
		return &octets{head: head, rest: stringAt(inline), size: int64(len(head) + len(inline))}, nil
	}
	content, closer, err := s.srv.bodies.Octets(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("opening a message for a mail client: %w", err)
	}
	return &octets{head: head, rest: content, size: int64(len(head)) + content.Size(), closer: closer}, nil
}

// Close releases the message.
func (o *octets) Close() error {
	if o.closer == nil {
		return nil
	}
	return o.closer.Close()
}

// ReadAt implements io.ReaderAt.
func (o *octets) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	if at < int64(len(o.head)) {
		if n = copy(p, o.head[at:]); n == len(p) {
			return n, nil
		}
	}
	m, err := o.rest.ReadAt(p[n:], at+int64(n)-int64(len(o.head)))
	return n + m, err
}

// stringAt reads a string.
type stringAt string

// ReadAt implements io.ReaderAt.
func (s stringAt) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(s)) {
		return 0, io.EOF
	}
	n := copy(p, s[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// section writes section n of an item behind its name.
func (f *fetch) section(o *octets, it *item, n int) error {
	s, p := f.sections[n], it.pieces[n]
	switch {
	case p.missing && s.size != nil:
		f.out = append(f.out, '0')
		return nil
	case p.missing:
		f.out = append(f.out, "NIL"...)
		return nil
	case p.known:
		from, to := clip(int64(len(p.text)), s.body.Partial)
		f.out = literalOf(f.out, p.text[from:to])
		return nil
	case s.size != nil && p.part == nil:
		f.out = strconv.AppendInt(f.out, p.to-p.from, 10)
		return nil
	case s.size != nil:
		f.out = strconv.AppendInt(f.out, o.sizes[n], 10)
		return nil
	case s.binary != nil && p.part != nil:
		return f.binary(o, p.part, o.sizes[n], s.binary.Partial)
	}
	partial := (*imap.SectionPartial)(nil)
	if s.body != nil {
		if len(s.body.HeaderFields)+len(s.body.HeaderFieldsNot) > 0 {
			return f.nested(o, p, s.body)
		}
		partial = s.body.Partial
	} else {
		partial = s.binary.Partial
		f.out = append(f.out, '~')
	}
	from, to := clip(p.to-p.from, partial)
	return f.stream(io.NewSectionReader(o, p.from+from, to-from), to-from)
}

// nested writes fields of the header of a mail within.
func (f *fetch) nested(o *octets, p piece, s *imap.FetchItemBodySection) error {
	header := make([]byte, min(p.to-p.from, gateway.MaxLayoutHeader))
	if _, err := io.ReadFull(io.NewSectionReader(o, p.from, int64(len(header))), header); err != nil {
		return f.broken(err)
	}
	picked := nested(header, s)
	from, to := clip(int64(len(picked)), s.Partial)
	f.out = literalOf(f.out, picked[from:to])
	return nil
}

// literalOf appends a string as a literal: what came from a message has any
// octets.
func literalOf(b []byte, s string) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, "}\r\n"...)
	return append(b, s...)
}

// stream sends size octets of r as a literal. It is complete, or the
// connection ends.
func (f *fetch) stream(r io.Reader, size int64) error {
	f.out = append(f.out, '{')
	f.out = strconv.AppendInt(f.out, size, 10)
	f.out = append(f.out, "}\r\n"...)
	f.s.srv.metrics.octets.Add(float64(size))
	f.out = slices.Grow(f.out, int(min(size, 2*outBuffer)))
	for size > 0 {
		room := f.out[len(f.out):cap(f.out)]
		if len(room) == 0 {
			if err := f.send(); err != nil {
				return err
			}
			continue
		}
		n, err := io.ReadFull(r, room[:min(int64(len(room)), size)])
		f.out = f.out[:len(f.out)+n]
		if size -= int64(n); err != nil {
			return f.broken(err)
		}
	}
	return nil
}

// broken ends the connection in the middle of an answer that cannot be
// finished.
func (f *fetch) broken(err error) error {
	f.s.c.log.Error("a message could not be read to its end", "error", err)
	return f.s.c.cut()
}

// binary sends a part decoded.
func (f *fetch) binary(o *octets, p *gateway.LayoutPart, size int64, partial *imap.SectionPartial) error {
	from, to := clip(size, partial)
	r, err := decoder(o, p)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, from)
	}
	if err != nil {
		return f.broken(err)
	}
	f.out = append(f.out, '~')
	return f.stream(r, to-from)
}

// findBinary finds a part whose content is to be decoded (RFC 3516).
func findBinary(l *gateway.Layout, part []int) piece {
	if len(part) == 0 {
		return piece{to: l.Size}
	}
	p, _ := locate(&l.Root, part)
	if p == nil || p.Type == "multipart" {
		return piece{missing: true}
	}
	return piece{from: p.Body, to: p.End, part: p}
}

// decoder reads the content of a part.
func decoder(o io.ReaderAt, p *gateway.LayoutPart) (io.Reader, error) {
	raw := io.NewSectionReader(o, p.Body, p.End-p.Body)
	switch encodingOf(p) {
	case "7bit", "8bit", "binary":
		return raw, nil
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, raw), nil
	case "quoted-printable":
		return quotedprintable.NewReader(raw), nil
	}
	return nil, fmt.Errorf("unknown transfer encoding")
}
