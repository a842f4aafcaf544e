package mailmsg

import (
	"bytes"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// structure walks a multipart. RFC 2045 section 6.4 forbids to encode one, but
// some readers decode it nevertheless.
func (r *reader) structure(e entity) {
	if strings.HasPrefix(e.media.Value, "multipart/signed") {
		r.out.Signed = true
	}
	boundaries := e.media.All("boundary")
	if len(boundaries) == 0 {
		r.lost(e, uncertainNone)
		return
	}
	if len(boundaries) > 1 {
		r.note(uncertainBoundary)
	}
	for _, b := range boundaries[:min(len(boundaries), maxReadings)] {
		r.multipart(e, b)
	}
	if e.encoding == "base64" || e.encoding == "quoted-printable" {
		r.note(uncertainEncoded)
		data, _ := r.decoded(e)
		inner := e
		inner.src, inner.lo, inner.hi = newSource(data), 0, len(data)
		inner.encoding, inner.place = "", e.deeper()
		r.multipart(inner, boundaries[0])
	}
}

// lost reads a multipart that cannot be taken apart as text.
func (r *reader) lost(e entity, phrase string) {
	if len(bytes.TrimSpace(e.raw())) > 0 {
		r.note(phrase)
	}
	e.media = header.Params{Value: "text/plain"}
	r.leaf(e)
}

// maxDelimiters bounds the lines of one boundary: those that end a multipart
// announce no part.
const maxDelimiters = 4 * maxParts

// delimiter is a line of a multipart that separates parts.
type delimiter struct {
	from, to int // the line, its end included
	final    bool
}

// multipart takes raw[lo:hi] apart at boundary. Every octet is read: what
// stands before the first and behind the last part is hidden text, and parts
// behind the closing line are parts (some readers go on there).
func (r *reader) multipart(e entity, boundary string) {
	if !r.spend(256 + 2*len(e.src.within(e.lo, e.hi))) { // each is compared
		return
	}
	list := e.src.delimiters(e.lo, e.hi, strings.TrimRight(boundary, " \t"))
	if len(list) == 0 {
		r.lost(e, uncertainLost)
		return
	}
	if len(list) > maxDelimiters {
		r.note(uncertainParts)
		r.unreadable(gateway.UnreadableLimit, e.path)
	}
	r.between(e, e.lo, list[0].from)
	digest := e.media.Value == "multipart/digest"
	n, closed := 0, false
	for i, d := range list {
		end := e.hi
		if i+1 < len(list) {
			end = lineEnd(e.src.raw, d.to, list[i+1].from)
		}
		if d.final {
			closed = true
			r.between(e, d.to, end)
			continue
		}
		if closed {
			r.note(uncertainClosed)
		}
		if n++; r.parts > maxParts {
			return
		}
		r.part(e.src, d.to, end, child(e.path, n), e.deeper(), digest)
	}
	if n == 0 { // it ends and never began: some readers show what stands before
		r.note(uncertainLost)
	}
}

// lineEnd takes the line end off that belongs to the delimiter behind (RFC
// 2046 section 5.1.1).
func lineEnd(raw []byte, lo, hi int) int {
	if hi > lo && raw[hi-1] == '\n' {
		hi--
	}
	if hi > lo && raw[hi-1] == '\r' {
		hi--
	}
	return hi
}

// between reads a preamble or an epilogue.
func (r *reader) between(e entity, lo, hi int) {
	if len(bytes.TrimSpace(e.src.raw[lo:hi])) == 0 || !r.spend(hi-lo) {
		return
	}
	p := e.deeper()
	p.hidden = true
	r.text8(e.src.raw[lo:hi], "", e.path, p)
	r.salvage(e.src, lo, hi, e.path, p)
}

// delimiters finds the lines of boundary in raw[lo:hi]: white space may follow
// it, nothing else may.
func (s *source) delimiters(lo, hi int, boundary string) []delimiter {
	var list []delimiter
	for _, at := range s.within(lo, hi) {
		if len(list) > maxDelimiters {
			break
		}
		if at+2+len(boundary) > hi || string(s.raw[at+2:at+2+len(boundary)]) != boundary {
			continue
		}
		line, next := s.line(at+2+len(boundary), hi)
		rest := bytes.TrimRight(line, " \t")
		if final := bytes.HasPrefix(rest, []byte("--")); final || len(rest) == 0 {
			list = append(list, delimiter{at, next, final})
		}
	}
	return list
}

// salvage looks for parts where none should be: in texts, preambles and
// epilogues. A line "--x" with a Content- field below it is what a reader with
// another idea of the boundaries takes for the beginning of a part.
func (r *reader) salvage(src *source, lo, hi int, path string, p place) {
	if p.depth >= maxDepth {
		return
	}
	for _, at := range src.within(lo, hi) {
		line, next := src.line(at+2, hi)
		boundary := string(bytes.TrimRight(line, " \t"))
		if len(boundary) == 0 || len(boundary) > 200 || !hasContentField(src.raw[next:hi]) {
			continue
		}
		e := entity{src: src, lo: at, hi: hi, path: path, place: p.deeper()}
		e.media.Value = "multipart/mixed"
		if r.spend(hi - at) {
			r.multipart(e, boundary)
		}
		return
	}
}

func hasContentField(b []byte) bool {
	return len(b) > 8 && strings.EqualFold(string(b[:8]), "content-")
}
