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
	moreNames  bool // than maxNames
}

const maxNames = 8 // of one part

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
		default:
			r.add(gateway.PartMachine, path, header.Decode(f.Raw).Main)
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
	if d.moreNames {
		r.unreadable(gateway.UnreadableLimit, path)
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
		switch {
		case slices.Contains(d.names, n):
		case len(d.names) < maxNames:
			d.names = append(d.names, n)
		default:
			d.moreNames = true
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
		r.unreadable(gateway.UnreadableContainer, e.leaf()) // what the reader fetches is not here
		r.enclosed(e)
	default:
		r.leaf(e)
	}
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
	if !framed(e.encoding) {
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

// framed reports whether an encoding is uuencode or yEnc, as mail programs
// call them.
func framed(encoding string) bool {
	return strings.Contains(encoding, "uu") || strings.Contains(encoding, "yenc")
}
