package document

import (
	"bytes"
	"reflect"
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
)

// Limits of one PDF file.
const (
	maxPDFObjects  = 50_000
	maxPDFInflate  = 8 << 20
	maxPDFText     = 8 << 20
	maxPDFStreams  = 5_000
	maxPDFValues   = 1_000_000 // of all objects
	maxPDFGlyphs   = 500_000   // entries of the tables of all fonts
	maxPDFRereads  = 4         // how often an octet may be read, objects being within others
	maxPDFFilters  = 4         // of one stream
	maxPDFVersions = 16        // of one object that are compared
	maxPDFComment  = 1024      // how far back the beginning of a comment is looked for
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
	older   map[int][]*pdfObject // that a later object of the same number replaced
	unsure  map[int]bool         // numbers of objects that differ
	reached map[*pdfObject]bool  // streams whose use is known
	forms   map[*pdfObject][]byte
	noted   int     // notes and fields that were drawn
	pieces  []piece // of the latest page, for the next one
	text    []byte
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
	p.older, p.unsure, p.reached = map[int][]*pdfObject{}, map[int]bool{}, map[*pdfObject]bool{}
	p.forms = map[*pdfObject][]byte{}
	p.scan(b)
	p.unpack()
	if len(p.objects) == 0 {
		return Result{Text: Strings(b), Trouble: Damaged}
	}
	p.pages()
	p.values()
	p.rest()
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
	v, ok := l.object()
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
	if !taken {
		p.objects[num] = o
		p.order = append(p.order, num)
		return
	}
	p.unsure[num] = p.unsure[num] || len(p.older[num]) >= maxPDFVersions || !reflect.DeepEqual(old.value, o.value) || !bytes.Equal(old.data, o.data)
	shadow := -1 - len(p.order)
	if p.order = append(p.order, shadow); loose {
		old, o = o, old
	}
	p.objects[num], p.objects[shadow] = o, old
	p.older[num] = append(p.older[num], old)
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
// Readers come to these by the cross-reference table, so the stream need not
// say what it is.
func (p *pdf) unpack() {
	for _, num := range p.order {
		o := p.objects[num]
		d := o.dict()
		first, ok1 := p.get(d["First"]).(float64)
		count, ok2 := p.get(d["N"]).(float64)
		if !o.has || p.get(d["Type"]) != pdfName("ObjStm") && !(ok1 && ok2) {
			continue
		}
		p.reached[o] = true
		if p.unpackOne(p.decode(o), int(min(max(first, 0), 1<<30)), int(min(count, maxPDFObjects))); p.over {
			return
		}
	}
}

// unpackOne reads the objects of one stream, which may stand in any order, and
// over each other: how much is read is charged.
func (p *pdf) unpackOne(data []byte, first, count int) {
	l := pdfLexer{b: data[:min(first, len(data))]}
	work := maxPDFRereads * len(data)
	for range count {
		num, ok1 := l.next(0)
		at, ok2 := l.next(0)
		n, isNum := num.(float64)
		off, isOff := at.(float64)
		from := first + int(off)
		if !ok1 || !ok2 || !isNum || !isOff || n < 0 || n > 1<<30 || from < first || from >= len(data) || work < 0 {
			p.missed = true
			return
		}
		if len(p.order) >= maxPDFObjects {
			p.over = true
			return
		}
		inner := pdfLexer{b: data, at: from}
		v, _ := inner.object()
		if !p.keep(&inner) {
			return
		}
		work -= inner.at - from
		p.put(int(n), &pdfObject{value: v}, false)
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
