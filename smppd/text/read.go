package text

import (
	"slices"
	"strings"

	"gatepost/gateway"
)

// Paths of the parts of a reading.
const (
	pathText   = "1"
	pathHeader = "header" // elements of user data headers that are no text
	pathTLV    = "tlv"    // optional parameters
)

// Read says what a text in segments may be read as, given in order of their
// places. Octets are joined before they are decoded, so that an escape or a
// character cut in two by the sender is whole again. Parts[0] is always the
// text that was most likely meant, "" for binary content; PartHidden is what
// somebody else may read: in other alphabets, in elements of headers and in
// optional parameters.
func (Texts) Read(segments []gateway.Segment) *gateway.Reading {
	r := reader{out: &gateway.Reading{Channel: gateway.SMS}}
	r.runs = r.one[:0]
	for i := range segments {
		r.segment(&segments[i])
	}
	r.text()
	r.aside(pathHeader, &r.header)
	r.aside(pathTLV, &r.tlvs)
	r.doubts.report(r.out)
	return r.out
}

// maxSetting is how many octets of a header element that is not about the text
// are taken for a setting; more may be a picture.
const maxSetting = 16

type reader struct {
	out    *gateway.Reading
	one    [1]run // the run of almost every text
	runs   []run
	header asides // of elements that say nothing of the text
	tlvs   asides
	doubts doubts
}

// segment sorts what one segment holds.
func (r *reader) segment(s *gateway.Segment) {
	if s.DefaultID != 0 {
		r.doubts |= doubtCanned
	}
	payload := s.Payload()
	if onePayload(s) != nil {
		r.doubts |= doubtPayload
		r.tlvs.add(s.Short)
	}
	h, body, err := userData(s, payload)
	if err != nil {
		r.doubts |= doubtHeader
		r.header.add(payload)
	}
	t := r.elements(h)
	for i, tlv := range s.TLVs {
		if tlv.Tag != gateway.TagMessagePayload || r.doubts&doubtPayload != 0 {
			r.tlvs.add(s.TLVs[i].Value)
		}
	}
	r.join(s.DataCoding, t, piece{octets: body, fill: (7 - h.size*8%7) % 7})
}

// elements reads the national tables out of a header, and keeps the data of
// elements that are not about the text.
func (r *reader) elements(h header) tongue {
	t := plainTongue
	ports := false
	for _, e := range h.elements {
		switch e.id {
		case ieConcat8, ieConcat16:
		case iePorts8, iePorts16:
			if ports || len(e.data) != portOctets(e.id) { // no ports: octets that say something else
				r.doubts |= doubtHeader
				r.header.add(e.data)
			}
			ports = true
		case ieSingle, ieLocking:
			if !t.use(e) {
				r.doubts |= doubtTongue
			}
		default:
			if len(e.data) > maxSetting && !isText(appendOctets(nil, e.data)) {
				r.doubts |= unreadableHeader
			}
			r.header.add(e.data)
		}
	}
	return t
}

// portOctets is how long an element with two ports is, 3GPP TS 23.040 sections
// 9.2.3.24.3 and 9.2.3.24.4.
func portOctets(id byte) int {
	if id == iePorts8 {
		return 2
	}
	return 4
}

// asides are octets beside the text, in the pieces that they came in.
type asides struct {
	apart    []byte // each piece behind a NUL of its own
	together []byte
	pieces   int
}

func (a *asides) add(octets []byte) {
	a.apart = append(append(a.apart, octets...), 0)
	a.together = append(a.together, octets...)
	a.pieces++
}

// join adds octets to the last run, if they are of its kind.
func (r *reader) join(coding byte, t tongue, p piece) {
	if n := len(r.runs); n > 0 && r.runs[n-1].coding == coding && r.runs[n-1].tongue == t {
		last := &r.runs[n-1]
		if len(last.pieces) == 1 {
			last.octets = slices.Clone(last.octets)
		}
		last.octets = append(last.octets, p.octets...)
		last.pieces = append(last.pieces, p)
		return
	}
	r.runs = append(r.runs, run{coding: coding, tongue: t, octets: p.octets})
	last := &r.runs[len(r.runs)-1]
	last.pieces = append(last.onePiece[:0], p)
}

// text reads the runs. Where there are several, each view is taken through all
// of them: a run that cannot be read so stands there as it is likely.
func (r *reader) text() {
	if len(r.runs) == 0 {
		r.put(gateway.PartText, pathText, "")
		return
	}
	var views []view
	mixed := false
	for i := range r.runs {
		run := &r.runs[i]
		run.read()
		r.doubts |= run.doubts
		mixed = mixed || run.coding != r.runs[0].coding
		for _, one := range run.readings[1:] {
			if !slices.Contains(views, one.view) {
				views = append(views, one.view)
			}
		}
	}
	r.put(gateway.PartText, pathText, r.through(asNothing))
	if mixed && len(views) > 0 {
		r.doubts |= doubtMixed
	}
	for _, v := range views {
		r.put(gateway.PartHidden, pathText, r.through(v))
	}
}

func (r *reader) through(v view) string {
	if len(r.runs) == 1 {
		return r.runs[0].as(v)
	}
	var text strings.Builder
	for i := range r.runs {
		text.WriteString(r.runs[i].as(v))
	}
	return text.String()
}

func (r *run) as(v view) string {
	for _, one := range r.readings[1:] {
		if one.view == v {
			return one.text
		}
	}
	return r.readings[0].text
}

// aside reads octets that are no text by their nature.
func (r *reader) aside(path string, a *asides) {
	r.octetsAside(path, a.apart)
	if a.pieces > 1 { // a text may be cut into them
		r.octetsAside(path, a.together)
	}
}

func (r *reader) octetsAside(path string, octets []byte) {
	if len(octets) == 0 {
		return
	}
	u := unitsIn(octets)
	r.put(gateway.PartHidden, path, string(appendWords(nil, octets)))
	for order := range 2 {
		if u.plausible(order) {
			text, _ := appendFromUTF16(nil, octets, order == 1)
			r.put(gateway.PartHidden, path, string(text))
		}
	}
}

func (r *reader) put(kind gateway.PartKind, path, text string) {
	if text == "" && kind != gateway.PartText {
		return
	}
	r.out.Parts = append(r.out.Parts, gateway.Part{Kind: kind, Path: path, Text: gateway.Sensitive(text)})
}
