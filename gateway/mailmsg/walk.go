package mailmsg

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// message reads a whole message: the outermost one (top) or one within.
func (r *reader) message(src *source, path string, p place, top bool) {
	hi := len(src.raw)
	b := header.Split(src.raw)
	if len(b.Fields) == 0 && b.Body > 0 && b.Body < hi && looksMessage(src.raw[b.Body:]) {
		// Blank lines before the header: some readers skip them.
		r.note(uncertainNoHeaders)
		if p.depth < maxDepth {
			r.message(newSource(bytes.TrimLeft(src.raw, "\r\n")), path, p.deeper(), top)
		}
	}
	r.fields(b.Fields, path, top)
	r.content(src, 0, hi, b, path, p, true)
}

// part reads a MIME part, raw[lo:hi]. digest makes message/rfc822 the default
// type (RFC 2046 section 5.1.5).
func (r *reader) part(src *source, lo, hi int, path string, p place, digest bool) {
	if r.parts++; r.parts > maxParts {
		r.note(uncertainParts)
		r.unreadable(gateway.UnreadableLimit, path)
		return
	}
	b := header.Split(src.raw[lo:hi])
	if digest && !slices.ContainsFunc(b.Fields, func(f header.Field) bool { return f.Is("Content-Type") }) {
		b.Fields = append(b.Fields, header.Field{Name: "Content-Type", Raw: "message/rfc822"})
	}
	r.content(src, lo, hi, b, path, p, false)
}

// content reads the body below a header in each way that the header allows.
// root says that the entity is a message's own, not a part of a multipart.
func (r *reader) content(src *source, lo, hi int, b header.Block, path string, p place, root bool) {
	for _, phrase := range b.Odd {
		r.note(phrase)
	}
	d := r.describe(b.Fields, path)
	body := lo + b.Body
	for _, other := range b.Others {
		if r.spend(hi - lo - other) {
			at := p
			at.hidden = true
			r.text8(src.raw[lo+other:hi], "", path, at)
			r.salvage(src, lo+other, hi, path, at)
		}
	}
	p.attached = p.attached || d.attachment
	for _, t := range d.types {
		for _, e := range d.encodings {
			r.body(entity{src: src, lo: body, hi: hi, path: path, place: p, root: root, description: d, media: t, encoding: e})
		}
	}
}

// description is what a header says of the body below it. Each list has at
// least one entry; more than one means that readers may differ.
type description struct {
	types      []header.Params
	encodings  []string
	names      []string
	attachment bool
}

const maxReadings = 4 // of one duplicated field

func (r *reader) describe(fields []header.Field, path string) description {
	var d description
	for _, f := range fields {
		switch {
		case len(f.Name) < 10 || !strings.EqualFold(f.Name[:8], "content-"):
		case f.Is("Content-Type"):
			d.addType(header.ParseParams(f.Raw))
		case f.Is("Content-Transfer-Encoding"):
			d.addEncoding(f.Raw)
		case f.Is("Content-Disposition"):
			q := header.ParseParams(f.Raw)
			d.attachment = d.attachment || q.Value == "attachment"
			d.addNames(q.All("filename"))
		case f.Is("Content-Description"):
			r.add(gateway.PartHeader, path, header.Decode(f.Raw).Main)
		}
	}
	if len(d.types) > 1 {
		r.note(uncertainType)
	}
	if len(d.encodings) > 1 {
		r.note(uncertainEncoding)
	}
	if len(d.types) == 0 {
		d.types = []header.Params{{Value: "text/plain"}}
	}
	if len(d.encodings) == 0 {
		d.encodings = []string{""}
	}
	d.attachment = d.attachment || len(d.names) > 0
	for _, name := range d.names {
		r.add(gateway.PartFileName, path, name)
	}
	return d
}

func (d *description) addType(t header.Params) {
	d.addNames(t.All("name"))
	same := func(o header.Params) bool {
		return o.Value == t.Value && o.Get("boundary") == t.Get("boundary") && strings.EqualFold(o.Get("charset"), t.Get("charset"))
	}
	if len(d.types) < maxReadings && !slices.ContainsFunc(d.types, same) {
		d.types = append(d.types, t)
	}
}

func (d *description) addEncoding(raw string) {
	e := transferName(raw)
	if len(d.encodings) < maxReadings && !slices.Contains(d.encodings, e) {
		d.encodings = append(d.encodings, e)
	}
}

func (d *description) addNames(names []string) {
	for _, n := range names {
		if len(d.names) < 8 && !slices.Contains(d.names, n) {
			d.names = append(d.names, n)
		}
	}
}

// transferName reduces a Content-Transfer-Encoding to its token: comments,
// quotes and parameters go, as tolerant readers do; 7bit, 8bit and binary are
// all "".
func transferName(raw string) string {
	v := strings.Trim(header.ParseParams(raw).Value, `"' `)
	switch v {
	case "7bit", "8bit", "binary", "7-bit", "8-bit", "none":
		return ""
	case "quoted-printable", "quotedprintable", "quoted_printable":
		return "quoted-printable"
	}
	return v
}

// entity is a body to be read in one way.
type entity struct {
	description
	place
	src      *source
	lo, hi   int
	path     string
	root     bool
	media    header.Params
	encoding string
}

func (e entity) raw() []byte { return e.src.raw[e.lo:e.hi] }

// leaf is the path of a body that is no multipart: a message's only part is
// its first.
func (e entity) leaf() string {
	if e.root {
		return child(e.path, 1)
	}
	return e.path
}

func child(path string, n int) string {
	if path == "" {
		return strconv.Itoa(n)
	}
	return path + "." + strconv.Itoa(n)
}

// body reads an entity by its declared type. Structures are walked; all else
// is a leaf.
func (r *reader) body(e entity) {
	if e.depth > maxDepth {
		r.note(uncertainDepth)
		r.unreadable(gateway.UnreadableLimit, e.path)
		return
	}
	switch media := e.media.Value; {
	case strings.HasPrefix(media, "multipart/"):
		r.structure(e)
	case media == "message/rfc822", media == "message/global", media == "message/news":
		r.enclosed(e)
	case media == "message/partial":
		r.note(uncertainPartial)
		r.leaf(e)
	case media == "message/external-body":
		for _, q := range e.media.List {
			r.add(gateway.PartHidden, e.path, q.Value)
		}
		r.enclosed(e)
	default:
		r.leaf(e)
	}
}

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

// enclosed reads a message within a message.
func (r *reader) enclosed(e entity) {
	data, ok := r.decoded(e)
	if !ok || !r.spend(len(data)) {
		return
	}
	p := e.deeper()
	p.attached = true
	r.message(newSource(data), e.leaf(), p, false)
}

// delimiter is a line of a multipart that separates parts.
type delimiter struct {
	from, to int // the line, its end included
	final    bool
}

// multipart takes raw[lo:hi] apart at boundary. Every octet is read: what
// stands before the first and behind the last part is hidden text, and parts
// behind the closing line are parts (some readers go on there).
func (r *reader) multipart(e entity, boundary string) {
	if !r.spend(256) {
		return
	}
	list := e.src.delimiters(e.lo, e.hi, strings.TrimRight(boundary, " \t"))
	if len(list) == 0 {
		r.lost(e, uncertainLost)
		return
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

// decoded undoes the transfer encoding. ok is false when the walk is over.
func (r *reader) decoded(e entity) (data []byte, ok bool) {
	raw := e.raw()
	if !r.spend(len(raw)) {
		return nil, false
	}
	switch {
	case e.encoding == "":
		return raw, true
	case e.encoding == "quoted-printable":
		return transfer.QuotedPrintable(raw), true
	case strings.Contains(e.encoding, "base64"):
		d := transfer.DecodeBase64(raw)
		r.around(e, d)
		return d.Data, true
	case strings.Contains(e.encoding, "quoted"):
		r.note(uncertainTransfer)
		return transfer.QuotedPrintable(raw), true
	}
	if !strings.Contains(e.encoding, "uu") && !strings.Contains(e.encoding, "yenc") {
		r.note(uncertainTransfer)
	}
	return raw, true // uuencode and yEnc are found by their frames
}

// around reads what stands beside base64: a footer behind the padding, or
// text where base64 was promised.
func (r *reader) around(e entity, d transfer.Base64) {
	p := e.place
	p.hidden = true
	switch raw := e.raw(); {
	case d.Tail >= 0 && !bytes.ContainsAny(bytes.TrimSpace(raw[d.Tail:]), " .,:;_-"):
		r.note(uncertainPadding)
	case d.Tail >= 0:
		r.text8(raw[d.Tail:], "", e.path, p)
	case d.Junk:
		r.text8(raw, "", e.path, p)
	}
}
