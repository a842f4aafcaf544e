package text

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"gatepost/gateway"
)

func payloadTLV(data string) gateway.TLV {
	return gateway.TLV{Tag: gateway.TagMessagePayload, Value: []byte(data)}
}

// TestOlder: what one segment can say without parameters it says.
func TestOlder(t *testing.T) {
	long := strings.Repeat("x", 254)
	for name, c := range map[string]struct{ in, want gateway.Segment }{
		"nothing to do":        {gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x07\x02\x01x")}, gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x07\x02\x01x")}},
		"others":               {gateway.Segment{Short: []byte("x"), TLVs: []gateway.TLV{{Tag: gateway.TagUserReference, Value: []byte{0, 7}}}}, gateway.Segment{Short: []byte("x")}},
		"payload":              {gateway.Segment{DataCoding: 3, TLVs: []gateway.TLV{payloadTLV(long)}}, gateway.Segment{DataCoding: 3, Short: []byte(long)}},
		"payload with header":  {gateway.Segment{ESMClass: 0x40, TLVs: []gateway.TLV{payloadTLV("\x05\x00\x03\x07\x02\x01x")}}, gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x07\x02\x01x")}},
		"sar":                  {gateway.Segment{ESMClass: 0x03, Short: []byte("x"), TLVs: sar("\x00\x34", "\x04", "\x03")}, gateway.Segment{ESMClass: 0x43, Short: []byte("\x05\x00\x03\x34\x04\x03x")}},
		"sar, wide":            {gateway.Segment{TLVs: append(sar("\x12\x34", "\x04", "\x03"), payloadTLV("x"))}, gateway.Segment{ESMClass: 0x40, Short: []byte("\x06\x08\x04\x12\x34\x04\x03x")}},
		"sar, one of one":      {gateway.Segment{Short: []byte("x"), TLVs: sar("\x00\x34", "\x01", "\x01")}, gateway.Segment{Short: []byte("x")}},
		"sar beside a header":  {gateway.Segment{ESMClass: 0x40, Short: []byte("\x03\x25\x01\x06x"), TLVs: sar("\x00\x34", "\x04", "\x03")}, gateway.Segment{ESMClass: 0x40, Short: []byte("\x08\x00\x03\x34\x04\x03\x25\x01\x06x")}},
		"sar and header agree": {gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x34\x04\x03x"), TLVs: sar("\x12\x34", "\x04", "\x03")}, gateway.Segment{ESMClass: 0x40, Short: []byte("\x05\x00\x03\x34\x04\x03x")}},
		"sar without sense":    {gateway.Segment{Short: []byte("x"), TLVs: sar("\x12\x34", "\x04", "\x05")}, gateway.Segment{Short: []byte("x")}},
	} {
		before := gateway.Segment{Short: bytes.Clone(c.in.Short)}
		got, err := Texts{}.Older([]gateway.Segment{c.in}, 9)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s: %q %#x, %v, want %q %#x", name, got[0].Short, got[0].ESMClass, err, c.want.Short, c.want.ESMClass)
		}
		if !bytes.Equal(before.Short, c.in.Short) {
			t.Errorf("%s: what was given is changed", name)
		}
	}
}

// TestOlderCuts: what short_message does not hold is cut, and the parts say
// what the whole did.
func TestOlderCuts(t *testing.T) {
	utf16 := func(text string) string { return string(appendUTF16(nil, text)) }
	gsm := func(text string) string { return string(appendSeptets(nil, text)) }
	words, faces := gsm("x"+strings.Repeat("€", 500)), utf16("x"+strings.Repeat("🙂", 200))
	for name, c := range map[string]struct {
		in    []gateway.Segment
		parts int
		text  string // "": not asked
	}{
		"gsm":      {[]gateway.Segment{{TLVs: []gateway.TLV{payloadTLV(words)}}}, 7, "x" + strings.Repeat("€", 500)},
		"utf-16":   {[]gateway.Segment{{DataCoding: 8, TLVs: []gateway.TLV{payloadTLV(faces)}}}, 7, "x" + strings.Repeat("🙂", 200)},
		"octets":   {[]gateway.Segment{{DataCoding: 4, TLVs: []gateway.TLV{payloadTLV(strings.Repeat("\x80\x00", 134))}}}, 2, ""},
		"a header": {[]gateway.Segment{{ESMClass: 0x40, TLVs: []gateway.TLV{payloadTLV("\x03\x25\x01\x06" + strings.Repeat("a", 260))}}}, 2, strings.Repeat("a", 260)},
		"sar": {[]gateway.Segment{
			{Short: []byte("begin "), TLVs: sar("\x00\x34", "\x02", "\x01")},
			{TLVs: append(sar("\x00\x34", "\x02", "\x02"), payloadTLV(strings.Repeat("b", 300)))},
		}, 3, "begin " + strings.Repeat("b", 300)},
		"short_message and payload": {[]gateway.Segment{{Short: []byte("one "), TLVs: []gateway.TLV{payloadTLV("two")}}}, 2, "one two"},
		"64 KiB":                    {[]gateway.Segment{{TLVs: []gateway.TLV{payloadTLV(strings.Repeat("a", 60_000))}}}, 242, strings.Repeat("a", 60_000)},
	} {
		got, err := Texts{}.Older(c.in, 0x1209)
		if err != nil || len(got) != c.parts {
			t.Errorf("%s: %d parts, %v, want %d", name, len(got), err, c.parts)
			continue
		}
		if again, _ := (Texts{}).Older(c.in, 0x1209); !reflect.DeepEqual(got, again) {
			t.Errorf("%s: another time it is something else", name)
		}
		for i := range got {
			place, err := Texts{}.Place(&got[i])
			if want := (gateway.SegmentPlace{Kind: kindUDH8, Ref: 9, Total: c.parts, Seq: i + 1}); err != nil || place != want || len(got[i].Short) > 254 || len(got[i].TLVs) > 0 {
				t.Errorf("%s: part %d is %+v, %v, %d octets, %d parameters", name, i+1, place, err, len(got[i].Short), len(got[i].TLVs))
			}
			if r := (Texts{}).Read(got[i : i+1]); c.text != "" && len(r.Uncertain) > 0 {
				t.Errorf("%s: part %d is %v: it was torn", name, i+1, r.Uncertain)
			}
		}
		if r := (Texts{}).Read(got); c.text != "" && r.Parts[0].Text.Reveal() != c.text {
			t.Errorf("%s: reads %q", name, r.Parts[0].Text.Reveal())
		}
	}
}

// TestOlderCannot: what cannot be said is an error and never half a text.
func TestOlderCannot(t *testing.T) {
	tooLong := []gateway.Segment{{DataCoding: 4, TLVs: []gateway.TLV{payloadTLV(strings.Repeat("\x80", 65_535))}}}
	if got, err := (Texts{}).Older(tooLong, 1); !errors.Is(err, ErrTooLong) || got != nil {
		t.Errorf("%d parts, %v", len(got), err)
	}
	header := []gateway.Segment{{ESMClass: 0x40, TLVs: []gateway.TLV{payloadTLV("\xFF\x70\xFD" + strings.Repeat("h", 253) + "words")}}}
	if got, err := (Texts{}).Older(header, 1); !errors.Is(err, gateway.ErrSegment) || got != nil {
		t.Errorf("%d parts, %v", len(got), err)
	}
}

// FuzzOlder: whatever the octets, they are all there, in order and in bounds.
func FuzzOlder(f *testing.F) {
	for _, s := range []string{"", "Hello", "\x05\x00\x03\x01\x02\x01text", "\xFF\x00\x03", "\x06\x08\x04\xAB\xCD\x02\x01x", strings.Repeat("\x1B", 300), strings.Repeat("\xD8\x3D\xDE\x42", 90)} {
		for _, coding := range []byte{0x00, 0x04, 0x08} {
			f.Add([]byte(s), []byte(nil), byte(udhi), coding, byte(2), byte(1))
			f.Add([]byte(nil), []byte(s), byte(0), coding, byte(0), byte(0))
			f.Add([]byte(s), []byte(s), byte(udhi), coding, byte(3), byte(3))
		}
	}
	f.Fuzz(func(t *testing.T, short, payload []byte, esm, coding, total, seq byte) {
		s := gateway.Segment{ESMClass: esm, DataCoding: coding, Short: short[:min(len(short), 254)], TLVs: sar("\x01\x02", string([]byte{total}), string([]byte{seq}))}
		if len(payload) > 0 {
			s.TLVs = append(s.TLVs, payloadTLV(string(payload)))
		}
		got, err := Texts{}.Older([]gateway.Segment{s, {Short: []byte("end")}}, 7)
		if err != nil {
			if got != nil || !errors.Is(err, ErrTooLong) && !errors.Is(err, gateway.ErrSegment) {
				t.Fatalf("%d parts, %v", len(got), err)
			}
			return
		}
		var said []byte
		for i := range got {
			if len(got[i].TLVs) > 0 || len(got[i].Short) > 254 {
				t.Fatalf("part %d: %d parameters, %d octets", i, len(got[i].TLVs), len(got[i].Short))
			}
			_, rest, err := userData(&got[i], got[i].Short)
			if err != nil {
				rest = got[i].Short
			}
			said = append(said, rest...)
		}
		var want []byte
		for _, data := range [][]byte{s.Short, payload, []byte("end")} {
			_, rest, err := userData(&s, data)
			if err != nil || bytes.Equal(data, []byte("end")) {
				rest = data
			}
			want = append(want, rest...)
		}
		if !bytes.Equal(said, want) {
			t.Fatalf("says %q, want %q", said, want)
		}
	})
}
