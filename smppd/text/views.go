package text

import (
	"bytes"
	"unicode/utf8"
)

// view is a way to read octets.
type view uint8

const (
	asGSM   view = iota
	asPlain      // GSM without the national tables that a header names
	asLatin
	asUTF8
	asBig
	asLittle
	asPacked
	asCharset
	asWords
	asShown   // the text that data_coding declares, without control characters
	asNothing // what no view makes a text of
)

// reading of octets: every view that makes sense, in the order of likelihood.
type reading struct {
	view view
	text string
}

// run is the octets of consecutive segments of one coding.
type run struct {
	coding   byte
	tongue   tongue
	pieces   []piece
	octets   []byte // of all pieces
	scratch  []byte
	traits   traits
	units    units
	readings []reading
	doubts   doubts

	onePiece   [1]piece // what almost every text needs, without allocations
	oneReading [1]reading
}

// piece is what one segment brings: its octets, and the bits that packed
// septets leave free after its header.
type piece struct {
	octets []byte
	fill   int
}

// read fills readings and doubts.
func (r *run) read() {
	kind := alphabetOf(r.coding)
	r.readings = r.oneReading[:0]
	r.traits = traitsIn(r.octets)
	if r.tongue != plainTongue {
		r.traits |= differs
	}
	if r.traits&(high|differs|small) == 0 && (kind == gsm || kind == latin) {
		r.readings = append(r.readings, reading{asGSM, string(r.octets)})
		return
	}
	if r.traits&small != 0 || kind == ucs2 {
		r.units = unitsIn(r.octets)
	}
	for _, v := range r.order(kind) {
		r.add(v)
	}
}

// order is the views of an alphabet, the likely one first. A view that is not
// plausible for these octets is left out by add.
func (r *run) order(kind alphabet) []view {
	switch kind {
	case ucs2:
		return r.orderUCS2()
	case foreign:
		return []view{asCharset, asShown, asUTF8, asLatin, asBig, asLittle, asPacked}
	case compressed:
		r.doubts |= doubtCompressed | unreadable
		return orderBinary[:]
	case unknown:
		r.doubts |= doubtCoding
	}
	first := r.likely(kind)
	if first == asNothing {
		return orderBinary[:]
	}
	return []view{first, asShown, asUTF8, asLatin, asGSM, asPlain, asBig, asLittle, asPacked}
}

// orderBinary is for what is no text: whatever words are in it.
var orderBinary = [...]view{asNothing, asWords, asGSM, asBig, asLittle, asPacked}

func (r *run) orderUCS2() []view {
	switch {
	case bytes.HasPrefix(r.octets, []byte{0xFF, 0xFE}), r.units.likely(1):
		return []view{asLittle, asShown, asBig, asUTF8, asWords}
	case len(r.octets)%2 != 0 && utf8.Valid(r.octets) && r.traits&control == 0:
		return []view{asUTF8, asShown, asBig, asLittle, asWords}
	}
	return []view{asBig, asShown, asLittle, asUTF8, asWords}
}

// likely is the view that a person meant, of octets without UCS-2 in their
// coding.
func (r *run) likely(kind alphabet) view {
	switch {
	case r.units.likely(0):
		return asBig
	case r.units.likely(1):
		return asLittle
	case kind == octets:
		return r.likelyOctets()
	case r.traits&high == 0 && (kind != latin || r.traits&control != 0):
		return asGSM
	case r.traits&high == 0:
		return asLatin
	case utf8.Valid(r.octets):
		return asUTF8
	case isText(appendLatin(nil, r.octets)):
		return asLatin
	case isProse(r.unpacked()):
		return asPacked
	}
	r.doubts |= doubtOctets
	if kind == latin {
		return asLatin
	}
	return asGSM
}

// likelyOctets: 8-bit data are a text only if nothing speaks against it.
func (r *run) likelyOctets() view {
	r.octets = bytes.TrimSuffix(r.octets, []byte{0})
	switch {
	case len(r.octets) == 0, utf8.Valid(r.octets) && isText(r.octets):
		return asUTF8
	case isProse(r.octets) && isText(appendLatin(nil, r.octets)):
		return asLatin
	}
	r.doubts |= unreadable
	return asNothing
}

// add appends the reading of a view, if these octets can be read so and no
// earlier view reads the same.
func (r *run) add(v view) {
	if len(r.readings) > 0 && !r.suits(v) {
		return
	}
	text := r.decode(v)
	if len(text) == 0 && len(r.readings) > 0 {
		return
	}
	for _, other := range r.readings {
		if other.text == string(text) {
			return
		}
	}
	r.readings = append(r.readings, reading{v, string(text)})
}

// suits reports whether somebody may read the octets by a view that is not the
// likely one.
func (r *run) suits(v view) bool {
	switch v {
	case asUTF8:
		return r.traits&high != 0 && utf8.RuneCount(r.octets) < len(r.octets) &&
			(alphabetOf(r.coding) != ucs2 || utf8.Valid(r.octets))
	case asPlain:
		return r.tongue != plainTongue
	case asBig:
		return alphabetOf(r.coding) == ucs2 || r.units.plausible(0)
	case asLittle:
		return r.units.plausible(1)
	case asShown:
		return alphabetOf(r.coding) != gsm && hasControl(r.declared())
	case asPacked, asGSM:
		return r.traits&high != 0 || v == asGSM && r.readings[0].view != asNothing
	}
	return true
}

// decode reads the octets by a view; the result holds until the next call.
func (r *run) decode(v view) []byte {
	dst := r.scratch[:0]
	switch v {
	case asGSM:
		dst = r.tongue.appendGSM(dst, r.octets)
	case asPlain:
		dst = plainTongue.appendGSM(dst, r.octets)
	case asLatin:
		dst = appendLatin(dst, r.octets)
	case asUTF8:
		return bytes.ToValidUTF8(r.octets, []byte("\uFFFD"))
	case asBig, asLittle:
		whole := false
		dst, whole = appendFromUTF16(dst, r.octets, v == asLittle)
		if !whole && v == asBig && alphabetOf(r.coding) == ucs2 {
			r.doubts |= doubtUTF16
		}
	case asPacked:
		return r.unpacked()
	case asCharset:
		return r.decodeCharset()
	case asWords:
		dst = appendWords(dst, r.octets)
	case asShown:
		dst = appendShown(dst, r.declared())
	case asNothing:
	}
	r.scratch = dst
	return dst
}

// declared is the text by the letter of data_coding, for asShown.
func (r *run) declared() string {
	if alphabetOf(r.coding) == latin {
		return string(appendLatin(nil, r.octets))
	}
	return r.readings[0].text
}

func (r *run) decodeCharset() []byte {
	text, err := charsetOf(r.coding, r.octets).NewDecoder().Bytes(r.octets)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		r.doubts |= doubtCharset
	}
	return text
}

// unpacked reads the octets as packed septets, segment by segment.
func (r *run) unpacked() []byte {
	var text []byte
	for _, p := range r.pieces {
		text = r.tongue.appendGSM(text, unpack(p.octets, p.fill))
	}
	return text
}
