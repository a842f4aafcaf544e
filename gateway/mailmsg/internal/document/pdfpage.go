package document

import (
	"bytes"
	"strings"
)

// pages draws whatever names contents, with the resources that it names or
// inherits: readers take any child of a page tree for a page, whatever its type.
func (p *pdf) pages() {
	for _, num := range p.order {
		o := p.objects[num]
		p.page(o.dict(), 0)
		kids, _ := o.value.(pdfArray)
		p.pagesOf(kids, 1)
	}
}

func (p *pdf) pagesOf(kids pdfArray, depth int) {
	for _, kid := range kids {
		if d, ok := kid.(pdfDict); ok {
			p.page(d, depth)
		}
	}
}

// page draws one, and those that stand directly in it.
func (p *pdf) page(d pdfDict, depth int) {
	if p.inflate <= 0 {
		return // nothing can be read any more
	}
	on := &layout{pieces: p.pieces[:0], text: p.text[:0]}
	for _, version := range p.contents(d["Contents"]) {
		var content []byte
		for _, c := range version {
			p.reached[c] = true
			if content = append(append(content, p.decode(c)...), '\n'); len(content) > maxPDFInflate {
				p.over = true
				break
			}
		}
		if len(content) > 1 {
			p.sameFonts(d)
			p.drawOn(on, content, p.resources(d), graphics{ctm: unit(), clip: p.paper(d)})
		}
	}
	p.notes(on, d)
	p.finish(on)
	p.pieces, p.text = on.pieces, on.text
	if depth == maxDirect {
		return
	}
	if tree, ok := d["Pages"].(pdfDict); ok {
		p.page(tree, depth+1)
	}
	kids, _ := d["Kids"].(pdfArray)
	p.pagesOf(kids, depth+1)
}

// inherited finds what a page has itself, or from a parent.
func (p *pdf) inherited(d pdfDict, key string) any {
	for range maxPDFDepth {
		if d == nil {
			break
		}
		if p.get(d[key]) != nil {
			return d[key]
		}
		d = p.getDict(d["Parent"])
	}
	return nil
}

func (p *pdf) resources(d pdfDict) pdfDict { return p.getDict(p.inherited(d, "Resources")) }

// paper is what of a page is in sight.
func (p *pdf) paper(d pdfDict) box {
	return p.boxOf(p.inherited(d, "MediaBox")).within(p.boxOf(p.inherited(d, "CropBox")))
}

// contents are the streams of a page, in order, and those that others replaced
// in later versions of the file: which of them a reader draws, it knows from a
// table that is not trusted here.
func (p *pdf) contents(v any) [][]*pdfObject {
	var now []*pdfObject
	var before [][]*pdfObject
	add := func(v any) {
		o := p.streamOf(v)
		if o == nil {
			return
		}
		now = append(now, o)
		ref, _ := v.(pdfRef)
		older := p.older[int(ref)]
		p.missed = p.missed || len(older) > maxPDFVersions
		for _, old := range older[:min(len(older), maxPDFVersions)] {
			if old.has && !p.reached[old] {
				before = append(before, []*pdfObject{old})
			}
		}
	}
	add(v)
	if a, ok := p.get(v).(pdfArray); ok {
		for _, c := range a {
			add(c)
		}
	}
	return append([][]*pdfObject{now}, before...)
}

// streamOf follows references to a stream.
func (p *pdf) streamOf(v any) *pdfObject {
	for range 8 {
		ref, ok := v.(pdfRef)
		if !ok {
			return nil
		}
		o := p.objects[int(ref)]
		if o == nil || o.has {
			return o
		}
		v = o.value
	}
	return nil
}

const replayCost = 64 // octets

// replay is the content of a form, which may be drawn many times: each is
// charged.
func (p *pdf) replay(o *pdfObject) []byte {
	if content, ok := p.forms[o]; ok {
		if p.inflate -= replayCost; len(content) == 0 {
			return nil
		}
		return p.bounded(content)
	}
	content := p.decode(o)
	if !bytes.Contains(content, []byte("T")) && !bytes.Contains(content, []byte("Do")) {
		content = nil // a drawing, which costs nothing
	}
	p.forms[o], p.reached[o] = content, true
	return content
}

// notes draws the looks of notes and fields at their places on a page (section
// 12.5.5). Where one has none, a reader makes it up from the value.
func (p *pdf) notes(on *layout, d pdfDict) {
	list, _ := p.get(d["Annots"]).(pdfArray)
	if p.noted += len(list); p.noted > maxPDFObjects {
		p.over = true
		return
	}
	for _, v := range list {
		note := p.getDict(v)
		at := p.boxOf(note["Rect"])
		look := p.getDict(note["AP"])["N"]
		if states := p.getDict(look); p.streamOf(look) == nil && states != nil {
			state, _ := p.get(note["AS"]).(pdfName)
			look = states[string(state)]
		}
		if o := p.streamOf(look); o != nil {
			p.note(on, o, at)
		} else if s, ok := p.get(note["V"]).(pdfString); ok {
			on.place(pdfText(s), at)
		} else if s, ok := p.get(note["Contents"]).(pdfString); ok && p.get(note["Subtype"]) == pdfName("FreeText") {
			on.place(pdfText(s), at)
		}
	}
}

// note draws the look of one so that its box comes to lie at its place.
func (p *pdf) note(on *layout, o *pdfObject, at box) {
	m := p.matrixOf(o.dict()["Matrix"])
	b := p.boxOf(o.dict()["BBox"])
	var turned box
	for _, corner := range [...][2]float64{{b.left, b.low}, {b.right, b.low}, {b.left, b.high}, {b.right, b.high}} {
		t := matrix{1, 0, 0, 1, corner[0], corner[1]}.mul(m)
		turned = turned.with(t[4], t[5])
	}
	fit := matrix{1, 0, 0, 1, at.left - turned.left, at.low - turned.low}
	if w, h := turned.right-turned.left, turned.high-turned.low; w > 0 && h > 0 && at.right > at.left && at.high > at.low {
		fit[0], fit[3] = (at.right-at.left)/w, (at.high-at.low)/h
		fit[4], fit[5] = at.left-turned.left*fit[0], at.low-turned.low*fit[3]
	}
	c := canvas{p: p, on: on, now: graphics{scale: 1, size: 1}}
	c.form(o, m.mul(fit))
}

// rest draws the streams with content that no page came to, and reads the other
// streams that may hold words.
func (p *pdf) rest() {
	for _, num := range p.order {
		o := p.objects[num]
		if !o.has {
			continue
		}
		d := o.dict()
		kind, _ := p.get(d["Type"]).(pdfName)
		sub, _ := p.get(d["Subtype"]).(pdfName)
		use := p.named[o]
		if kind == "EmbeddedFile" || use&pdfFile != 0 {
			p.parts = append(p.parts, Member{Name: "file", Data: p.decode(o)})
		}
		if use&pdfWords != 0 {
			p.write(pdfWordsOf(p.decode(o)))
		}
		switch {
		case p.reached[o]:
		case sub == "Form", kind == "Pattern", d["PatternType"] != nil, use&pdfGlyphs != 0:
			p.draw(p.decode(o), p.getDict(d["Resources"]))
		case kind == "" && sub == "" && d["Length1"] == nil && d["FunctionType"] == nil && d["N"] == nil && d["ShadingType"] == nil:
			p.data(o)
		}
	}
}

// pdfUse is what objects elsewhere say that a stream is for; a stream need
// not say so itself.
type pdfUse uint8

const (
	pdfXFA    pdfUse = 1 << iota // XML of a form
	pdfFile                      // a file within
	pdfWords                     // the value of a field, or the rich text of a note
	pdfGlyphs                    // a glyph of a Type 3 font
)

// name remembers the streams that d refers to.
func (p *pdf) name(d pdfDict) {
	list, _ := p.once("XFA", d["XFA"]).(pdfArray)
	p.nameAs(pdfXFA, append(list[:len(list):len(list)], d["XFA"])...)
	p.nameAs(pdfWords, d["V"], d["DV"], d["RC"], d["RV"])
	files, _ := p.once("EF", d["EF"]).(pdfDict)
	for _, v := range files {
		p.nameAs(pdfFile, v)
	}
	glyphs, _ := p.once("CharProcs", d["CharProcs"]).(pdfDict)
	for _, v := range glyphs {
		p.nameAs(pdfGlyphs, v)
	}
}

// pdfPlace is a reference under a key.
type pdfPlace struct {
	ref pdfRef
	key string
}

// once follows a reference under a key the first time that it is met: a long list that a
// thousand objects share is gone through once.
func (p *pdf) once(key string, v any) any {
	if ref, ok := v.(pdfRef); ok {
		at := pdfPlace{ref, key}
		if p.met[at] {
			return nil
		}
		p.met[at] = true
	}
	return p.get(v)
}

func (p *pdf) nameAs(use pdfUse, refs ...any) {
	for _, v := range refs {
		ref, ok := v.(pdfRef)
		if o := p.objects[int(ref)]; ok && o != nil && o.has {
			p.named[o] |= use
		}
	}
}

// pdfWordsOf are those of a text string, or of its XML.
func pdfWordsOf(b []byte) string {
	if bytes.HasPrefix(bytes.TrimLeft(b, "\r\n\t "), []byte("<")) {
		return XML(decodeXML(b))
	}
	return pdfText(b)
}

// orphan draws a content stream that no page came to.
func (p *pdf) orphan(o *pdfObject) {
	if content := p.decode(o); bytes.Contains(content, []byte("BT")) {
		p.guessed = true // its fonts are not known, so its glyphs prove nothing
		p.draw(content, nil)
		p.guessed = false
	}
}

// data reads the XML of forms (XFA), which holds what people filled in.
func (p *pdf) data(o *pdfObject) {
	head := bytes.TrimLeft(o.data[:min(len(o.data), 64)], "\r\n\t ")
	if bytes.HasPrefix(head, []byte("<")) || p.named[o]&pdfXFA != 0 {
		p.write(XML(decodeXML(p.decode(o))))
		return
	}
	p.orphan(o)
}

// values reads the strings that objects hold beside what they draw: titles,
// notes, the contents of fields. It also remembers what streams are for.
func (p *pdf) values() {
	p.named, p.met = map[*pdfObject]pdfUse{}, map[pdfPlace]bool{}
	for _, num := range p.order {
		d := p.objects[num].dict()
		p.strings(d, 0)
		list, _ := p.objects[num].value.(pdfArray)
		p.stringsOf(list, 1)
		p.name(d)
	}
}

// strings reads those of one dictionary and of the notes and fields that stand
// in it directly; those of objects of their own come with these.
func (p *pdf) strings(d pdfDict, depth int) {
	for _, key := range [...]string{"Title", "Author", "Subject", "Keywords", "Contents", "V", "DV", "TU", "Alt", "ActualText", "F", "UF"} {
		if s, ok := p.get(d[key]).(pdfString); ok {
			p.write(pdfText(s))
		}
	}
	for _, key := range [...]string{"RC", "RV"} {
		if s, ok := p.get(d[key]).(pdfString); ok {
			p.write(pdfWordsOf([]byte(pdfText(s))))
		}
	}
	options, _ := p.once("Opt", d["Opt"]).(pdfArray)
	p.options(options, depth)
	looks := p.getDict(d["MK"])
	for _, key := range [...]string{"CA", "RC", "AC"} {
		if s, ok := p.get(looks[key]).(pdfString); ok {
			p.write(pdfText(s))
		}
	}
	if depth == maxDirect {
		return
	}
	for _, key := range [...]string{"Annots", "AcroForm", "Fields", "Kids", "Popup"} {
		if inner, ok := d[key].(pdfDict); ok {
			p.strings(inner, depth+1)
		}
		list, _ := d[key].(pdfArray)
		p.stringsOf(list, depth+1)
	}
}

// options are the entries of a choice: texts, or pairs with what is exported.
func (p *pdf) options(list pdfArray, depth int) {
	for _, v := range list {
		switch v := p.once("", v).(type) {
		case pdfString:
			p.write(pdfText(v))
		case pdfArray:
			if depth < maxDirect {
				p.options(v, maxDirect)
			}
		}
	}
}

func (p *pdf) stringsOf(list pdfArray, depth int) {
	for _, v := range list {
		if inner, ok := v.(pdfDict); ok {
			p.strings(inner, depth)
		}
	}
}

const maxDirect = 4 // fields within fields that are no objects of their own

// write adds a text on lines of its own.
func (p *pdf) write(s string) {
	if p.out.Len()+len(s) > maxPDFText {
		p.over = true
		return
	}
	if strings.TrimSpace(s) != "" {
		p.out.WriteString(s)
		p.out.WriteByte('\n')
	}
}
