package text

import (
	"slices"

	"gatepost/gateway"
)

const (
	shortMost = 254 // octets of short_message, SMPP v3.4 section 4.6.1
	airMost   = 140 // octets of user data that the air takes, 3GPP TS 23.040 section 9.2.3.24
)

// Older writes the segments of a text for a peer that knows no optional
// parameters (SMPP v3.4 section 3.3). User data of message_payload go into
// short_message; what the SAR parameters say goes into a user data header. Other
// parameters are left out. Segments that have none are returned as they are.
//
// User data that short_message does not hold, or that contradict themselves,
// make all segments be cut and numbered anew under the low octet of ref; the
// octets stay the same and in order, and a header is repeated in each part.
// ErrTooLong above 255 parts, gateway.ErrSegment for a header that leaves no
// room for a word. It changes nothing that it was given.
func (Texts) Older(segments []gateway.Segment, ref uint16) ([]gateway.Segment, error) {
	out := make([]gateway.Segment, len(segments))
	for i, s := range segments {
		ok := true
		if len(s.TLVs) > 0 {
			s, ok = untagged(s)
		}
		if !ok || len(s.Short) > shortMost {
			return cutAnew(segments, byte(ref))
		}
		out[i] = s
	}
	return out, nil
}

// untagged says the same without parameters, or reports that this cannot be
// done with the one segment.
func untagged(s gateway.Segment) (gateway.Segment, bool) {
	if onePayload(&s) != nil {
		return s, false
	}
	data := s.Payload()
	place, err := sarPlace(&s)
	s.TLVs, s.Short = nil, data
	if err != nil || place.Total < 2 { // parameters that make no sense number nothing
		return s, true
	}
	h, _, err := userData(&s, data)
	if err != nil {
		return s, false
	}
	if own, err := headerPlace(h); err != nil || own.Kind != "" {
		return s, err == nil
	}
	e := element{ieConcat8, []byte{byte(place.Ref), byte(place.Total), byte(place.Seq)}}
	if place.Ref > 0xFF {
		e = element{ieConcat16, []byte{byte(place.Ref >> 8), byte(place.Ref), byte(place.Total), byte(place.Seq)}}
	}
	header := appendHeader(nil, append([]element{e}, h.elements...))
	s.ESMClass |= udhi
	s.Short = append(header, data[h.size:]...)
	return s, len(header) <= shortMost
}

// appendHeader writes a user data header; none without elements.
func appendHeader(dst []byte, elements []element) []byte {
	if len(elements) == 0 {
		return dst
	}
	at := len(dst)
	dst = append(dst, 0)
	for _, e := range elements {
		dst = append(append(dst, e.id, byte(len(e.data))), e.data...)
	}
	dst[at] = byte(len(dst) - at - 1)
	return dst
}

// stretch is user data that are cut, and what their header says beside the
// place.
type stretch struct {
	segment  gateway.Segment // without user data
	elements []element
	data     []byte
}

// cutAnew cuts all user data into parts that the air takes, or where these are
// too many, into those that short_message holds.
func cutAnew(segments []gateway.Segment, ref byte) ([]gateway.Segment, error) {
	var all []stretch
	for _, s := range segments {
		all = appendStretches(all, s)
	}
	for _, most := range []int{airMost, shortMost} {
		parts, err := cutInto(all, most)
		if err != nil {
			return nil, err
		}
		if len(parts) <= maxParts {
			return number(parts, ref), nil
		}
	}
	return nil, ErrTooLong
}

// appendStretches adds the user data of a segment, wherever they stand.
func appendStretches(all []stretch, s gateway.Segment) []stretch {
	var list [][]byte
	if len(s.Short) > 0 {
		list = append(list, s.Short)
	}
	for _, t := range s.TLVs {
		if t.Tag == gateway.TagMessagePayload {
			list = append(list, t.Value)
		}
	}
	bare := s
	bare.Short, bare.TLVs, bare.ESMClass = nil, nil, s.ESMClass&^udhi
	for _, data := range list {
		h, rest, err := userData(&s, data)
		if err != nil { // no header that anybody could read: it goes as it is
			h, rest = header{}, data
		}
		h.elements = slices.DeleteFunc(h.elements, func(e element) bool { return e.id == ieConcat8 || e.id == ieConcat16 })
		all = append(all, stretch{bare, h.elements, rest})
	}
	if len(list) == 0 {
		all = append(all, stretch{segment: bare})
	}
	return all
}

// cutInto cuts stretches into parts of at most that many octets, the header
// included; most parts of GSM text have more, as it travels unpacked.
func cutInto(all []stretch, most int) (parts []stretch, err error) {
	for _, s := range all {
		size := len(appendHeader(nil, append([]element{{ieConcat8, make([]byte, 3)}}, s.elements...)))
		room := most - size
		if most == airMost {
			room = max(room, airMost/4) // beside a large header: what short_message holds
			if alphabetOf(s.segment.DataCoding) == gsm {
				room = room * 8 / 7
			}
		}
		if room = min(room, shortMost-size); room < 4 {
			return nil, gateway.ErrSegment
		}
		for rest := s.data; ; {
			n := cutAt(rest, room, alphabetOf(s.segment.DataCoding))
			s.data, rest = rest[:n], rest[n:]
			parts = append(parts, s)
			if len(rest) == 0 {
				break
			}
		}
	}
	return parts, nil
}

// cutAt is where to cut data, so that no escape and no surrogate pair is torn.
func cutAt(data []byte, room int, a alphabet) int {
	if len(data) <= room {
		return len(data)
	}
	switch n := room &^ 1; {
	case a == ucs2 && data[n-2]&0xFC == 0xD8:
		return n - 2
	case a == ucs2:
		return n
	case a == gsm && data[room-1] == escape:
		return room - 1
	}
	return room
}

// number makes segments of the parts of one text.
func number(parts []stretch, ref byte) []gateway.Segment {
	out := make([]gateway.Segment, len(parts))
	for i, p := range parts {
		elements := p.elements
		if len(parts) > 1 {
			elements = append([]element{{ieConcat8, []byte{ref, byte(len(parts)), byte(i + 1)}}}, elements...)
		}
		out[i] = p.segment
		out[i].Short = append(appendHeader(nil, elements), p.data...)
		if len(elements) > 0 {
			out[i].ESMClass |= udhi
		}
	}
	return out
}
