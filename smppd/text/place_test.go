package text

import (
	"errors"
	"testing"

	"gatepost/gateway"
)

func sar(ref, total, seq string) []gateway.TLV {
	return []gateway.TLV{{Tag: gateway.TagSARRef, Value: []byte(ref)}, {Tag: gateway.TagSARTotal, Value: []byte(total)},
		{Tag: gateway.TagSARSeq, Value: []byte(seq)}}
}

// TestPlace: where a segment belongs.
func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		segment gateway.Segment
		want    gateway.SegmentPlace
	}{
		"whole":                {gateway.Segment{Short: []byte("\x05\x00\x03\x01\x02\x01")}, gateway.SegmentPlace{Total: 1, Seq: 1}},
		"empty":                {gateway.Segment{}, gateway.SegmentPlace{Total: 1, Seq: 1}},
		"8 bit":                {gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\xFE\x03\x02x")}, gateway.SegmentPlace{Kind: "udh8", Ref: 0xFE, Total: 3, Seq: 2}},
		"16 bit":               {gateway.Segment{ESMClass: 0x43, Short: []byte("\x06\x08\x04\xAB\xCD\xFF\xFFx")}, gateway.SegmentPlace{Kind: "udh16", Ref: 0xABCD, Total: 255, Seq: 255}},
		"one of one":           {gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x07\x01\x01")}, gateway.SegmentPlace{Kind: "udh8", Ref: 7, Total: 1, Seq: 1}},
		"empty header":         {gateway.Segment{ESMClass: 0x40, Short: []byte("\x00text")}, gateway.SegmentPlace{Total: 1, Seq: 1}},
		"ports only":           {gateway.Segment{ESMClass: 0x40, Short: []byte("\x06\x05\x04\x0B\x84\x23\xF0x")}, gateway.SegmentPlace{Total: 1, Seq: 1}},
		"after others":         {gateway.Segment{ESMClass: 0x40, Short: []byte("\x0E\x05\x04\x0B\x84\x23\xF0\x24\x01\x01\x00\x03\x09\x02\x02x")}, gateway.SegmentPlace{Kind: "udh8", Ref: 9, Total: 2, Seq: 2}},
		"said twice":           {gateway.Segment{ESMClass: 0x40, Short: []byte("\x0B\x08\x04\x01\x09\x02\x01\x00\x03\x09\x02\x01x")}, gateway.SegmentPlace{Kind: "udh16", Ref: 0x109, Total: 2, Seq: 1}},
		"in the payload":       {gateway.Segment{ESMClass: 0x40, TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("\x05\x00\x03\x01\x02\x01x")}}}, gateway.SegmentPlace{Kind: "udh8", Ref: 1, Total: 2, Seq: 1}},
		"sar":                  {gateway.Segment{TLVs: sar("\x12\x34", "\x04", "\x03")}, gateway.SegmentPlace{Kind: "sar", Ref: 0x1234, Total: 4, Seq: 3}},
		"sar twice":            {gateway.Segment{TLVs: append(sar("\x12\x34", "\x04", "\x03"), sar("\x12\x34", "\x04", "\x03")...)}, gateway.SegmentPlace{Kind: "sar", Ref: 0x1234, Total: 4, Seq: 3}},
		"sar and header agree": {gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x34\x04\x03x"), TLVs: sar("\x12\x34", "\x04", "\x03")}, gateway.SegmentPlace{Kind: "udh8", Ref: 0x34, Total: 4, Seq: 3}},
		"header of 255 octets": {gateway.Segment{ESMClass: 0x40, TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: append([]byte("\xFF\x70\xFD"), make([]byte, 300)...)}}}, gateway.SegmentPlace{Total: 1, Seq: 1}},
		"other esm_class bits": {gateway.Segment{ESMClass: 0x3F | 0x80, Short: []byte("\xFF")}, gateway.SegmentPlace{Total: 1, Seq: 1}},
	} {
		got, err := Texts{}.Place(&c.segment)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// TestHostilePlaces: what two receivers could put together in two ways.
func TestHostilePlaces(t *testing.T) {
	both := []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("b")}}
	header := func(s string) gateway.Segment { return gateway.Segment{ESMClass: udhi, Short: []byte(s)} }
	for name, s := range map[string]gateway.Segment{
		"no octet":              header(""),
		"length 255":            header("\xFF\x00\x03\x01\x02\x01"),
		"length one too long":   header("\x06\x00\x03\x01\x02\x01"),
		"element beyond":        header("\x05\x00\x04\x01\x02\x01x"),
		"element of one octet":  header("\x01\x00x"),
		"element length 255":    header("\x05\x70\xFF\x01\x02\x01x"),
		"part 0":                header("\x05\x00\x03\x01\x02\x00x"),
		"part above":            header("\x05\x00\x03\x01\x02\x03x"),
		"total 0":               header("\x05\x00\x03\x01\x00\x01x"),
		"all 0":                 header("\x05\x00\x03\x00\x00\x00x"),
		"16 bit part 0":         header("\x06\x08\x04\x00\x01\x02\x00x"),
		"8 bit of 2 octets":     header("\x04\x00\x02\x01\x02x"),
		"8 bit of 4 octets":     header("\x06\x00\x04\x01\x02\x02\x02x"),
		"16 bit of 3 octets":    header("\x05\x08\x03\x01\x02\x02x"),
		"two places":            header("\x0A\x00\x03\x01\x02\x01\x00\x03\x01\x02\x02x"),
		"two references":        header("\x0A\x00\x03\x01\x02\x01\x00\x03\x02\x02\x01x"),
		"8 and 16 bit differ":   header("\x0B\x00\x03\x01\x02\x01\x08\x04\x00\x02\x02\x01x"),
		"impossible then good":  header("\x0A\x00\x03\x01\x02\x00\x00\x03\x01\x02\x02x"),
		"good then impossible":  header("\x0A\x00\x03\x01\x02\x01\x00\x03\x01\x02\x00x"),
		"sar part 0":            {TLVs: sar("\x00\x01", "\x02", "\x00")},
		"sar part above":        {TLVs: sar("\x00\x01", "\x02", "\x03")},
		"sar total 0":           {TLVs: sar("\x00\x01", "\x00", "\x00")},
		"sar without part":      {TLVs: sar("\x00\x01", "\x02", "\x01")[:2]},
		"sar without reference": {TLVs: sar("\x00\x01", "\x02", "\x01")[1:]},
		"sar reference of 1":    {TLVs: sar("\x01", "\x02", "\x01")},
		"sar total of 2 octets": {TLVs: sar("\x00\x01", "\x00\x02", "\x01")},
		"sar empty":             {TLVs: sar("\x00\x01", "\x02", "")},
		"sar twice":             {TLVs: append(sar("\x00\x01", "\x02", "\x01"), sar("\x00\x01", "\x02", "\x02")...)},
		"sar against header":    {ESMClass: udhi, Short: []byte("\x05\x00\x03\x01\x02\x01x"), TLVs: sar("\x00\x01", "\x02", "\x02")},
		"sar of another text":   {ESMClass: udhi, Short: []byte("\x05\x00\x03\x01\x02\x01x"), TLVs: sar("\x00\x02", "\x02", "\x01")},
		"sar of another 16 bit": {ESMClass: udhi, Short: []byte("\x06\x08\x04\x01\x01\x02\x01x"), TLVs: sar("\x02\x01", "\x02", "\x01")},
		"two bodies":            {Short: []byte("a"), TLVs: both},
		"two payloads":          {TLVs: append(both, both...)},
	} {
		if got, err := (Texts{}).Place(&s); !errors.Is(err, gateway.ErrSegment) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if r := (Texts{}).Read([]gateway.Segment{s}); len(r.Parts) == 0 || r.Parts[0].Kind != gateway.PartText {
			t.Errorf("%s: not read at all", name)
		}
	}
}
