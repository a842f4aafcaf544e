package text

import (
	"bytes"
	"encoding/binary"

	"gatepost/gateway"
)

// Kinds of gateway.SegmentPlace.
const (
	kindUDH8  = "udh8"
	kindUDH16 = "udh16"
	kindSAR   = "sar"
)

// Place says which part of a long text s is: by its user data header (3GPP TS
// 23.040 sections 9.2.3.24.1 and 9.2.3.24.8) or by the SAR parameters (SMPP
// v3.4 sections 5.3.2.22 to 5.3.2.24). Where the standards let a receiver
// ignore what makes no sense, two receivers would put together two different
// texts; therefore it is gateway.ErrSegment here: a header that does not fit
// its data, a part 0 or above its total, a total of 0, SAR parameters of which
// one is missing, two places that are not the same, and short_message beside
// message_payload.
func (Texts) Place(s *gateway.Segment) (gateway.SegmentPlace, error) {
	if err := onePayload(s); err != nil {
		return gateway.SegmentPlace{}, err
	}
	h, _, err := userData(s, s.Payload())
	if err != nil {
		return gateway.SegmentPlace{}, err
	}
	place, err := headerPlace(h)
	if err != nil {
		return gateway.SegmentPlace{}, err
	}
	sar, err := sarPlace(s)
	if err != nil {
		return gateway.SegmentPlace{}, err
	}
	return agreed(place, sar)
}

// onePayload checks that the user data stand in one place only (SMPP v3.4
// section 5.3.2.32).
func onePayload(s *gateway.Segment) error {
	n := 0
	for _, t := range s.TLVs {
		if t.Tag == gateway.TagMessagePayload {
			n++
		}
	}
	if n > 1 || n == 1 && len(s.Short) > 0 {
		return gateway.ErrSegment
	}
	return nil
}

// headerPlace is the place in the header; the zero place without one.
func headerPlace(h header) (gateway.SegmentPlace, error) {
	var place gateway.SegmentPlace
	for _, e := range h.elements {
		var p gateway.SegmentPlace
		switch d := e.data; {
		case e.id == ieConcat8 && len(d) == 3:
			p = gateway.SegmentPlace{Kind: kindUDH8, Ref: uint16(d[0]), Total: int(d[1]), Seq: int(d[2])}
		case e.id == ieConcat16 && len(d) == 4:
			p = gateway.SegmentPlace{Kind: kindUDH16, Ref: binary.BigEndian.Uint16(d), Total: int(d[2]), Seq: int(d[3])}
		case e.id == ieConcat8, e.id == ieConcat16:
			return place, gateway.ErrSegment
		default:
			continue
		}
		var err error
		if place, err = agreed(place, p); err != nil {
			return place, err
		}
		if err := possible(p); err != nil {
			return place, err
		}
	}
	return place, nil
}

// sarPlace is the place in the SAR parameters; the zero place without any.
func sarPlace(s *gateway.Segment) (gateway.SegmentPlace, error) {
	var ref, total, seq []byte
	for _, t := range s.TLVs {
		var first *[]byte
		switch t.Tag {
		case gateway.TagSARRef:
			first = &ref
		case gateway.TagSARTotal:
			first = &total
		case gateway.TagSARSeq:
			first = &seq
		default:
			continue
		}
		if len(t.Value) == 0 || *first != nil && !bytes.Equal(*first, t.Value) {
			return gateway.SegmentPlace{}, gateway.ErrSegment // empty, or twice and not the same
		}
		*first = t.Value
	}
	if ref == nil && total == nil && seq == nil {
		return gateway.SegmentPlace{}, nil
	}
	if len(ref) != 2 || len(total) != 1 || len(seq) != 1 {
		return gateway.SegmentPlace{}, gateway.ErrSegment
	}
	p := gateway.SegmentPlace{Kind: kindSAR, Ref: binary.BigEndian.Uint16(ref), Total: int(total[0]), Seq: int(seq[0])}
	return p, possible(p)
}

func possible(p gateway.SegmentPlace) error {
	if p.Total < 1 || p.Seq < 1 || p.Seq > p.Total {
		return gateway.ErrSegment
	}
	return nil
}

// agreed is the place that both say, a if both are given; the place of a whole
// message if neither is. References of different width agree in the low octet.
func agreed(a, b gateway.SegmentPlace) (gateway.SegmentPlace, error) {
	switch {
	case a.Kind == "" && b.Kind == "":
		return gateway.SegmentPlace{Total: 1, Seq: 1}, nil
	case a.Kind == "":
		return b, nil
	case b.Kind == "":
		return a, nil
	}
	narrow := a.Kind != b.Kind && (a.Kind == kindUDH8 || b.Kind == kindUDH8)
	same := a.Ref == b.Ref || narrow && byte(a.Ref) == byte(b.Ref)
	if !same || a.Total != b.Total || a.Seq != b.Seq {
		return a, gateway.ErrSegment
	}
	return a, nil
}
