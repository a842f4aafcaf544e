package document

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
)

// Limits of one PDF file.
const (
	maxPDFObjects = 50_000
	maxPDFInflate = 8 << 20
	maxPDFText    = 8 << 20
	maxPDFStreams = 5_000
	maxPDFValues  = 1_000_000 // of all objects
	maxPDFGlyphs  = 500_000   // entries of the tables of all fonts
	maxPDFRereads = 4         // how often an octet may be read, objects being within others
	maxPDFFilters = 4         // of one stream
	maxPDFComment = 1024      // how far back the beginning of a comment is looked for
	// More unknown glyphs than a fifth mean that a person reads what we cannot.
	maxUnknownShare = 5
	minUnknown      = 20
	maxUnknownRun   = 8 // with no letter or digit among them: a number may have as few
)

// pdfObject is a numbered object; data is the undecoded stream behind its
// dictionary.
type pdfObject struct {
	value any
	data  []byte
	has   bool // it has a stream
}

func (o *pdfObject) dict() pdfDict {
	d, _ := o.value.(pdfDict)
	return d
}

type pdf struct {
	budget  *Budget
	inflate int // octets that may still be inflated
	streams int
	kept    int // values
	entries int // of the tables of fonts
	objects map[int]*pdfObject
	order   []int
	fonts   map[int]*pdfFont
	named   map[*pdfObject]pdfUse
	met     map[pdfPlace]bool
	out     strings.Builder
	parts   []Member
	glyphs  int
	unknown int
	run     int  // unknown glyphs since the last letter or digit that is known
	guessed bool // a stream is drawn without its fonts
	over    bool // a limit was met
	missed  bool // a stream has a filter that is not known here, an object no end, a run of glyphs no text
}

// ReadPDF takes the text out of a PDF file (ISO 32000-1): what pages and forms
// draw, the values of fields, notes, titles, and files within. It does not
// trust the cross-reference table, but looks for the objects themselves, as
// readers do when the table is broken.
func ReadPDF(b []byte, budget *Budget) Result {
	if hasKey(b, "/Encrypt") {
		return Result{Trouble: Encrypted}
	}
	if len(b) > light {
		budget.heavy()
	}
	p := &pdf{budget: budget, inflate: maxPDFInflate, objects: map[int]*pdfObject{}, fonts: map[int]*pdfFont{}}
	p.scan(b)
	p.unpack()
	if len(p.objects) == 0 {
		return Result{Text: Strings(b), Trouble: Damaged}
	}
	p.pages()
	p.values()
	p.forms()
	return p.result()
}

func (p *pdf) result() Result {
	r := Result{Text: strings.TrimSpace(p.out.String()), Parts: p.parts}
	switch {
	case p.over:
		r.Trouble = TooMuch
	case p.missed, p.unknown >= minUnknown && p.unknown*maxUnknownShare > p.glyphs:
		r.Trouble = Damaged
	}
	return r
}

// hasKey reports whether a name stands in b as a key with a value that is no
// name: "/Encrypt 5 0 R", "/Encrypt<<".
func hasKey(b []byte, key string) bool {
	for {
		i := bytes.Index(b, []byte(key))
		if i < 0 {
			return false
		}
		b = b[i+len(key):]
		rest := bytes.TrimLeft(b[:min(len(b), 16)], " \r\n\t")
		if len(rest) > 0 && (rest[0] >= '0' && rest[0] <= '9' && len(rest) < 16 || bytes.HasPrefix(rest, []byte("<<"))) {
			return true
		}
	}
}

// scan finds "12 0 obj" from the beginning to the end, in comments, strings and
// streams too: a cross-reference table may lead a reader into any of them. What
// stands there does not replace an object of the file itself.
func (p *pdf) scan(b []byte) {
	inside := 0 // the end of the last object's octets
	work := maxPDFRereads * len(b)
	for at := 0; len(p.order) < maxPDFObjects; {
		i := bytes.Index(b[at:], []byte("obj"))
		if i < 0 {
			return
		}
		from := at + i
		head := b[max(at, from-24):from]
		at = from + len("obj")
		num, ok := objectNumber(head)
		if !ok {
			continue
		}
		o, end, ok := p.object(b, at)
		if !ok {
			return
		}
		p.put(num, o, from < inside || commented(b[max(0, from-maxPDFComment):from]))
		inside = max(inside, end)
		if o.has && o.dict()["Type"] == pdfName("EmbeddedFile") {
			at = end // a file of its own, and read as one
			continue
		}
		if work -= end - at; work < 0 {
			p.missed, at = true, end // nested so often that it was made to be
		}
	}
	p.over = true
}

// object reads the value at and the stream behind it. One that the end of the
// file cuts off makes the file damaged.
func (p *pdf) object(b []byte, at int) (o *pdfObject, end int, ok bool) {
	l := pdfLexer{b: b, at: at}
	v, ok := l.next(0)
	p.missed = p.missed || !ok || l.cut
	if !p.keep(&l) {
		return nil, 0, false
	}
	o, end = &pdfObject{value: v}, l.at
	if d, isDict := v.(pdfDict); isDict {
		l.skip()
		if bytes.HasPrefix(b[l.at:], []byte("stream")) {
			o.data, end = p.stream(b, l.at+len("stream"), d)
			o.has = true
		}
	}
	return o, end, true
}

// commented reports whether the end of b stands behind a percent sign on its
// line.
func commented(b []byte) bool {
	return bytes.IndexByte(b[bytes.LastIndexAny(b, "\r\n")+1:], '%') >= 0
}

// keep charges the values that l read; false means that there are too many.
func (p *pdf) keep(l *pdfLexer) bool {
	p.kept += l.read
	p.over = p.over || l.over || p.kept > maxPDFValues
	return !p.over
}

// put keeps an object; a later one of the same number replaces an earlier one
// (incremental updates), but the earlier one's stream is still read: it can be
// brought back by anyone. A loose object, within another, replaces none.
func (p *pdf) put(num int, o *pdfObject, loose bool) {
	old, taken := p.objects[num]
	switch shadow := -1 - len(p.order); {
	case taken && loose:
		p.objects[shadow] = o
		p.order = append(p.order, shadow)
		return
	case taken:
		p.objects[shadow] = old
		p.order = append(p.order, shadow)
	default:
		p.order = append(p.order, num)
	}
	p.objects[num] = o
}

// objectNumber reads "12 0 " at the end of b.
func objectNumber(b []byte) (int, bool) {
	f := bytes.Fields(b)
	if len(f) < 2 || len(b) == 0 || !pdfSpace(b[len(b)-1]) || !allDigits(f[len(f)-1]) {
		return 0, false
	}
	num := f[len(f)-2]
	digits := len(num)
	for digits > 0 && num[digits-1] >= '0' && num[digits-1] <= '9' {
		digits--
	}
	num = num[digits:]
	if len(num) == 0 || len(num) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range num {
		n = n*10 + int(c-'0')
	}
	return n, true
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// stream cuts the octets out between "stream" and "endstream". Length is used
// only when it leads to "endstream".
func (p *pdf) stream(b []byte, at int, d pdfDict) (data []byte, next int) {
	if at < len(b) && b[at] == '\r' {
		at++
	}
	if at < len(b) && b[at] == '\n' {
		at++
	}
	if n, ok := d["Length"].(float64); ok && n >= 0 && n <= float64(len(b)-at) {
		end := at + int(n)
		if tail := bytes.TrimLeft(b[end:min(len(b), end+32)], "\r\n "); bytes.HasPrefix(tail, []byte("endstream")) {
			return b[at:end], end
		}
	}
	i := bytes.Index(b[at:], []byte("endstream"))
	if i < 0 {
		p.missed = true
		return b[at:], len(b)
	}
	return b[at : at+i], at + i
}

// unpack reads the objects that stand within object streams (section 7.5.7).
func (p *pdf) unpack() {
	for _, num := range p.order {
		o := p.objects[num]
		d := o.dict()
		if d["Type"] != pdfName("ObjStm") {
			continue
		}
		data := p.decode(o)
		first, _ := d["First"].(float64)
		count, _ := d["N"].(float64)
		l := pdfLexer{b: data}
		last := 0
		for range min(int(count), maxPDFObjects) {
			num, ok1 := l.next(0)
			at, ok2 := l.next(0)
			n, isNum := num.(float64)
			off, isOff := at.(float64)
			from := int(first) + int(off)
			if !ok1 || !ok2 || !isNum || !isOff || from < last || from >= len(data) || len(p.order) >= maxPDFObjects {
				break
			}
			inner := pdfLexer{b: data, at: from}
			v, _ := inner.next(0)
			if !p.keep(&inner) {
				return
			}
			last = inner.at
			p.put(int(n), &pdfObject{value: v}, false)
		}
	}
}

// get follows references.
func (p *pdf) get(v any) any {
	for range 8 {
		ref, ok := v.(pdfRef)
		if !ok {
			return v
		}
		o := p.objects[int(ref)]
		if o == nil {
			return nil
		}
		v = o.value
	}
	return nil
}

func (p *pdf) getDict(v any) pdfDict {
	d, _ := p.get(v).(pdfDict)
	return d
}

// decode undoes the filters of a stream. What cannot be undone gives nil and
// is remembered, unless it is a picture.
func (p *pdf) decode(o *pdfObject) []byte {
	d := o.dict()
	filters, ok := p.get(d["Filter"]).(pdfArray)
	if !ok {
		filters = pdfArray{p.get(d["Filter"])}
	}
	if p.streams++; p.streams > maxPDFStreams {
		p.over = true
		return nil
	}
	data := o.data
	if len(filters) > maxPDFFilters {
		p.missed = true
		return nil
	}
	for _, f := range filters {
		switch name, _ := p.get(f).(pdfName); name {
		case "":
			data = p.bounded(data)
		case "FlateDecode", "Fl":
			data = p.predicted(p.inflated(data), d)
		case "ASCII85Decode", "A85":
			data = p.ascii85(data)
		case "ASCIIHexDecode", "AHx":
			data = asciiHex(data)
		default:
			p.missed = true
			return nil
		}
	}
	return data
}

// inflated undoes zlib; a missing end or checksum is common and forgiven.
func (p *pdf) inflated(b []byte) []byte {
	z, err := zlib.NewReader(bytes.NewReader(bytes.TrimLeft(b, "\r\n")))
	if err != nil {
		p.missed = true
		return nil
	}
	limit := min(int64(p.inflate), p.budget.inflate)
	data, err := p.budget.readUpTo(z, max(0, limit))
	p.over = p.over || errors.Is(err, errMore)
	p.inflate -= len(data)
	p.budget.inflate -= int64(len(data))
	return data
}

// bounded charges octets that needed no inflating: a stream that a thousand
// pages share is drawn a thousand times.
func (p *pdf) bounded(b []byte) []byte {
	if p.inflate -= len(b); p.inflate < 0 {
		p.over, p.inflate = true, 0
		return nil
	}
	return b
}

// predicted undoes the PNG predictors (section 7.4.4.4), which some writers
// use for object streams.
func (p *pdf) predicted(b []byte, d pdfDict) []byte {
	parms := p.getDict(d["DecodeParms"])
	if kind, _ := parms["Predictor"].(float64); kind < 10 {
		return b
	}
	columns, _ := parms["Columns"].(float64)
	width := int(max(1, min(columns, 1<<16)))
	var out []byte
	above := make([]byte, width)
	for len(b) > width {
		row := unfilter(b[0], b[1:1+width], above)
		out = append(out, row...)
		above, b = row, b[1+width:]
	}
	return out
}

func unfilter(kind byte, row, above []byte) []byte {
	out := make([]byte, len(row))
	var left byte
	for i, c := range row {
		switch kind {
		case 1:
			c += left
		case 2:
			c += above[i]
		case 3:
			c += byte((int(left) + int(above[i])) / 2)
		}
		out[i], left = c, c
	}
	return out
}

func (p *pdf) ascii85(b []byte) []byte {
	if i := bytes.Index(b, []byte("~>")); i >= 0 {
		b = b[:i]
	}
	out := make([]byte, len(b)*4+4)
	n, _, _ := ascii85.Decode(out, bytes.TrimPrefix(b, []byte("<~")), true)
	return out[:n]
}

func asciiHex(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte(">"))
	b = bytes.Join(bytes.Fields(b), nil)
	out := make([]byte, len(b)/2)
	n, _ := hex.Decode(out, b[:len(b)/2*2])
	return out[:n]
}

// pdfText decodes a text string (section 7.9.2.2): UTF-16 with a mark, UTF-8
// with a mark, else PDFDocEncoding, which is close to Latin.
func pdfText(s pdfString) string {
	if bytes.HasPrefix(s, []byte{0xfe, 0xff}) || bytes.HasPrefix(s, []byte{0xff, 0xfe}) {
		return charset.Decode("utf-16", s).Main
	}
	if rest, ok := bytes.CutPrefix(s, []byte("\xef\xbb\xbf")); ok {
		return charset.Decode("utf-8", rest).Main
	}
	return charset.Decode("windows-1252", s).Main
}
