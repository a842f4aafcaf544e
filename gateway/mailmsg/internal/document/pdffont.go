package document

import (
	"bytes"
	"html"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"gatepost/gateway/mailmsg/internal/charset"
)

// pdfFont turns the codes of shown strings into text (section 9.10.2).
type pdfFont struct {
	wide    bool              // codes have two octets
	unicode map[uint32]string // ToUnicode
	names   map[uint32]string // Differences, as text
	mac     bool
	set     string // character set of a predefined CMap
	blind   bool   // codes are glyph numbers that nothing explains
	widths  map[uint32]float64
	missing float64
}

const (
	maxMappings = 70_000
	maxWidths   = 70_000
)

// entry charges an entry of a font's tables: one line of a table can announce
// 65,536 of them, and be repeated.
func (p *pdf) entry() bool {
	p.entries++
	p.over = p.over || p.entries > maxPDFGlyphs
	return p.entries <= maxPDFGlyphs
}

// font reads a font dictionary; without one the text is taken as Latin.
func (p *pdf) font(v any) *pdfFont {
	ref, isRef := v.(pdfRef)
	if v == nil {
		ref, isRef = math.MinInt, true // the font of text without one
	}
	if f := p.fonts[int(ref)]; isRef && f != nil {
		return f
	}
	f := &pdfFont{missing: 500}
	d := p.getDict(v)
	if d["Subtype"] == pdfName("Type0") {
		p.compositeFont(f, d)
	} else {
		p.simpleFont(f, d)
	}
	if o := p.streamOf(d["ToUnicode"]); o != nil {
		p.reached[o] = true
		f.readCMap(p, p.decode(o))
	}
	for _, v := range [...]any{v, d["ToUnicode"], d["Encoding"], d["DescendantFonts"]} {
		ref, _ := v.(pdfRef)
		p.missed = p.missed || p.unsure[int(ref)] // which of them shows the glyphs?
	}
	if isRef {
		p.fonts[int(ref)] = f
	}
	return f
}

// resource is what a name stands for. Where a later version of the file
// replaced the list of names, it must stand for the same in all of them.
func (p *pdf) resource(res pdfDict, kind, name string) any {
	v := p.getDict(res[kind])[name]
	for _, old := range p.versions(res[kind]) {
		other, ok := old[name]
		p.missed = p.missed || ok && !reflect.DeepEqual(other, v)
	}
	return v
}

// versions are the earlier ones of a dictionary that was replaced by another.
func (p *pdf) versions(v any) []pdfDict {
	ref, _ := v.(pdfRef)
	if !p.unsure[int(ref)] {
		return nil
	}
	older := p.older[int(ref)]
	p.missed = p.missed || len(older) > maxPDFVersions
	var list []pdfDict
	for _, o := range older[:min(len(older), maxPDFVersions)] {
		list = append(list, o.dict())
	}
	return list
}

// sameFonts wants names of fonts to stand for the same in all versions of the
// resources of a page.
func (p *pdf) sameFonts(page pdfDict) {
	res := p.inherited(page, "Resources")
	for _, old := range p.versions(res) {
		before := p.getDict(old["Font"])
		for name, v := range p.getDict(p.getDict(res)["Font"]) {
			other, ok := before[name]
			p.missed = p.missed || ok && !reflect.DeepEqual(other, v)
		}
	}
}

// compositeFont reads a Type0 font (section 9.7).
func (p *pdf) compositeFont(f *pdfFont, d pdfDict) {
	f.wide, f.missing = true, 1000
	name, _ := p.get(d["Encoding"]).(pdfName)
	switch {
	case strings.Contains(string(name), "UCS2"), strings.Contains(string(name), "UTF16"):
		f.set = "utf-16be"
	case strings.Contains(string(name), "RKSJ"):
		f.set = "shift_jis"
	case strings.HasPrefix(string(name), "GB"):
		f.set = "gbk"
	case strings.Contains(string(name), "B5"):
		f.set = "big5"
	case strings.HasPrefix(string(name), "KSC"):
		f.set = "euc-kr"
	default:
		f.blind = true
	}
	kids, _ := p.get(d["DescendantFonts"]).(pdfArray)
	if len(kids) == 0 {
		return
	}
	kid := p.getDict(kids[0])
	if w, ok := kid["DW"].(float64); ok {
		f.missing = w
	}
	list, _ := p.get(kid["W"]).(pdfArray)
	f.cidWidths(p, list)
}

// cidWidths reads "c [w1 w2 …]" and "from to w" (section 9.7.4.3).
func (f *pdfFont) cidWidths(p *pdf, list pdfArray) {
	for i := 0; i+1 < len(list); {
		first, _ := list[i].(float64)
		if run, ok := p.get(list[i+1]).(pdfArray); ok {
			for k, w := range run {
				f.setWidth(uint32(first)+uint32(k), w)
			}
			i += 2
			continue
		}
		last, _ := list[i+1].(float64)
		if i+2 >= len(list) {
			return
		}
		for c := first; c <= last && len(f.widths) < maxWidths && p.entry(); c++ {
			f.setWidth(uint32(c), list[i+2])
		}
		i += 3
	}
}

func (f *pdfFont) setWidth(code uint32, w any) {
	if f.widths == nil {
		f.widths = map[uint32]float64{}
	}
	if v, ok := w.(float64); ok && len(f.widths) < maxWidths {
		f.widths[code] = v
	}
}

// simpleFont reads a font of one-octet codes (section 9.6).
func (p *pdf) simpleFont(f *pdfFont, d pdfDict) {
	first, _ := p.get(d["FirstChar"]).(float64)
	list, _ := p.get(d["Widths"]).(pdfArray)
	f.missing = commonWidth(p.get(d["BaseFont"]))
	scale := 1.0
	if d["Subtype"] == pdfName("Type3") {
		scale = 0 // its widths are in a space of its own
	}
	for i, w := range list[:min(len(list), 256)] {
		if v, ok := p.get(w).(float64); ok && scale > 0 {
			f.setWidth(uint32(first)+uint32(i), v)
		}
	}
	base := p.get(d["Encoding"])
	if enc, ok := base.(pdfDict); ok {
		base = enc["BaseEncoding"]
		f.differences(p.get(enc["Differences"]))
	}
	f.mac = base == pdfName("MacRomanEncoding")
}

// commonWidth is the width of a digit of the fonts that every reader has.
func commonWidth(font any) float64 {
	name, _ := font.(pdfName)
	switch {
	case strings.HasPrefix(string(name), "Courier"):
		return 600
	case strings.HasPrefix(string(name), "Helvetica"), strings.HasPrefix(string(name), "Arial"):
		return 556
	}
	return 500
}

func (f *pdfFont) differences(v any) {
	list, _ := v.(pdfArray)
	f.names = map[uint32]string{}
	code := uint32(0)
	for _, item := range list[:min(len(list), 1024)] {
		switch item := item.(type) {
		case float64:
			code = uint32(item)
		case pdfName:
			f.names[code] = glyphText(string(item))
			code++
		}
	}
}

func (f *pdfFont) width(code uint32) float64 {
	if w, ok := f.widths[code]; ok {
		return w
	}
	return f.missing
}

// each calls show for each code of s with the text that it stands for.
func (f *pdfFont) each(s pdfString, show func(code uint32, text string, known bool)) {
	if f.set != "" && len(f.unicode) == 0 {
		f.predefined(s, show)
		return
	}
	for len(s) > 0 {
		code, n := uint32(s[0]), 1
		if f.wide && len(s) > 1 {
			code, n = code<<8|uint32(s[1]), 2
		}
		s = s[n:]
		text, known := f.lookup(code)
		show(code, text, known)
	}
}

func (f *pdfFont) predefined(s pdfString, show func(code uint32, text string, known bool)) {
	for _, c := range charset.Decode(f.set, s).Main {
		show(uint32(c), string(c), c != utf8.RuneError)
	}
}

func (f *pdfFont) lookup(code uint32) (text string, known bool) {
	if t, ok := f.unicode[code]; ok {
		return t, true
	}
	if f.blind {
		return "\ufffd", false
	}
	if t, ok := f.names[code]; ok {
		return t, t != ""
	}
	switch {
	case code < ' ':
		return " ", code == '\t' || code == '\n' || code == '\r'
	case code < 0x7f:
		return latin[code-' ' : code-' '+1], true
	case f.mac:
		return string(charmap.Macintosh.DecodeByte(byte(code))), true
	}
	return string(charmap.Windows1252.DecodeByte(byte(code))), true
}

// latin are the characters of ASCII from the blank on.
const latin = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// readCMap reads the mappings of a ToUnicode CMap (section 9.10.3).
func (f *pdfFont) readCMap(p *pdf, b []byte) {
	f.unicode = map[uint32]string{}
	l := pdfLexer{b: b}
	var args pdfArray
	for len(f.unicode) < maxMappings {
		v, ok := l.next(0)
		if !ok {
			return
		}
		switch w, _ := v.(pdfWord); w {
		case "":
			if args = append(args, v); len(args) > maxMappings {
				return
			}
			continue
		case "endcodespacerange":
			if n := len(args); n > 0 {
				to, _ := args[n-1].(pdfString)
				f.wide = f.wide && len(to) >= 2 // codes of simple fonts have one octet, whatever the map says
			}
		case "endbfchar":
			for i := 0; i+1 < len(args); i += 2 {
				f.mapRange(p, args[i], args[i], args[i+1])
			}
		case "endbfrange":
			for i := 0; i+2 < len(args); i += 3 {
				f.mapRange(p, args[i], args[i+1], args[i+2])
			}
		}
		args = args[:0]
	}
}

// mapRange maps the codes from lo to hi to dst and its successors, or to the
// entries of a list.
func (f *pdfFont) mapRange(p *pdf, lo, hi, dst any) {
	from, ok1 := codeOf(lo)
	to, ok2 := codeOf(hi)
	if !ok1 || !ok2 {
		return
	}
	list, isList := dst.(pdfArray)
	first, _ := dst.(pdfString)
	units := utf16Units(first)
	for c := from; c <= to && len(f.unicode) < maxMappings && p.entry(); c++ {
		if isList {
			if int(c-from) >= len(list) {
				return
			}
			s, _ := list[c-from].(pdfString)
			f.unicode[c] = string(utf16.Decode(utf16Units(s)))
			continue
		}
		f.unicode[c] = string(utf16.Decode(units))
		if n := len(units); n > 0 {
			units[n-1]++
		}
	}
}

func codeOf(v any) (uint32, bool) {
	s, ok := v.(pdfString)
	if !ok || len(s) == 0 || len(s) > 2 {
		return 0, false
	}
	n := uint32(0)
	for _, c := range s {
		n = n<<8 | uint32(c)
	}
	return n, true
}

func utf16Units(s pdfString) []uint16 {
	if len(s) == 1 {
		return []uint16{uint16(s[0])}
	}
	units := make([]uint16, 0, min(len(s)/2, 32))
	for i := 0; i+1 < len(s) && len(units) < 32; i += 2 {
		units = append(units, uint16(s[i])<<8|uint16(s[i+1]))
	}
	return units
}

// glyphText is the text of a glyph name (Adobe Glyph List), "" when it is not
// known here.
func glyphText(name string) string {
	base, _, _ := strings.Cut(name, ".")
	if utf8.RuneCountInString(base) == 1 {
		return base
	}
	for _, prefix := range [...]string{"uni", "u"} {
		if hex, ok := strings.CutPrefix(base, prefix); ok && len(hex) >= 4 {
			if v, err := strconv.ParseUint(hex[:min(len(hex), 6-len(prefix)/3*2)], 16, 32); err == nil {
				return string(rune(v))
			}
		}
	}
	const ascii = "space exclam quotedbl numbersign dollar percent ampersand quotesingle parenleft parenright asterisk plus comma hyphen period slash " +
		"zero one two three four five six seven eight nine colon semicolon less equal greater question at"
	for i, n := range strings.Fields(ascii) {
		if n == base {
			return string(rune(' ' + i))
		}
	}
	switch base {
	case "underscore":
		return "_"
	case "bracketleft":
		return "["
	case "bracketright":
		return "]"
	case "minus", "endash", "emdash", "sfthyphen":
		return "-"
	case "quoteright", "quoteleft":
		return "'"
	case "quotedblleft", "quotedblright":
		return `"`
	case "fi", "fl", "ff", "ffi", "ffl":
		return base
	}
	if text := html.UnescapeString("&" + base + ";"); !bytes.HasPrefix([]byte(text), []byte("&")) {
		return text
	}
	return ""
}
