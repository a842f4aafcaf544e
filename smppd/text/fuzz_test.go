package text

import (
	"errors"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// FuzzSegments reads arbitrary octets as one segment and as two, which must
// give a text in bounds, and places that make sense.
func FuzzSegments(f *testing.F) {
	for _, s := range []string{"", "Hello", "\x05\x00\x03\x01\x02\x01text", "\xFF\x00\x03", "\x06\x08\x04\xAB\xCD\x02\x01x", "\x00H\x00i\x00!\x00!",
		"caf\xE9 \x1B", "\xC8\x32\x9B\xFD\x06", "für 🙂", "\x03\x25\x01\x06\x15\x5F", "\xD8\x3D\xDE\x42\xD8"} {
		for _, coding := range []byte{0x00, 0x03, 0x04, 0x05, 0x08, 0x20, 0xF5} {
			f.Add([]byte(s), byte(udhi), coding, uint8(2))
			f.Add([]byte(s), byte(0), coding, uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, octets []byte, esm, coding byte, cut uint8) {
		at := min(int(cut), len(octets))
		a := gateway.Segment{ESMClass: esm, DataCoding: coding, Short: octets}
		p := gateway.Segment{ESMClass: esm, DataCoding: coding, TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: octets[at:]}, {Tag: 0x1400, Value: octets[:at]}}}
		for _, s := range []*gateway.Segment{&a, &p} {
			place, err := Texts{}.Place(s)
			if err != nil && !errors.Is(err, gateway.ErrSegment) || err == nil && (place.Seq < 1 || place.Seq > place.Total || place.Total > 255) {
				t.Fatalf("%+v, %v", place, err)
			}
		}
		checkReading(t, len(octets), Texts{}.Read([]gateway.Segment{a}))
		checkReading(t, 2*len(octets), Texts{}.Read([]gateway.Segment{a, p}))
	})
}

// checkReading: the first part is the text, all are UTF-8, and together they
// are no more than a fixed number of readings of the octets.
func checkReading(t *testing.T, octets int, r *gateway.Reading) {
	t.Helper()
	if len(r.Parts) == 0 || r.Parts[0].Kind != gateway.PartText || r.Channel != gateway.SMS {
		t.Fatalf("no text first: %d parts", len(r.Parts))
	}
	size := 0
	for i, p := range r.Parts {
		text := p.Text.Reveal()
		size += len(text)
		if !utf8.ValidString(text) || i > 0 && (p.Kind != gateway.PartHidden || text == "") {
			t.Fatalf("part %d is %s %q", i, p.Kind, text)
		}
	}
	if size > 40*octets+64 {
		t.Fatalf("%d octets were read as %d", octets, size)
	}
}

// FuzzCompose: any text survives.
func FuzzCompose(f *testing.F) {
	for _, s := range []string{"", "Hello", "a\r\nb", "[€]", "🙂👩‍⚕️", "\xFF", "\uFFFE", "\u0301\u200D"} {
		f.Add(s, 0)
		f.Add(s, 200)
	}
	f.Fuzz(func(t *testing.T, text string, times int) {
		for range min(max(times, 0), 300) {
			if len(text) < 10000 {
				text += text[:min(len(text), 40)] + "x"
			}
		}
		segments, err := Texts{}.Compose(text, 0xABCD)
		n, gsm := Texts{}.Fits(text)
		if errors.Is(err, ErrTooLong) && n > 255 {
			return
		}
		if err != nil || n != len(segments) {
			t.Fatalf("%d of %d segments: %v", len(segments), n, err)
		}
		for _, s := range segments {
			checkSize(t, s, n, gsm)
		}
		if got := (Texts{}).Read(segments).Parts[0].Text.Reveal(); got != clean(text) && !ambiguous(segments) {
			t.Fatalf("%q is read as %q", text, got)
		}
	})
}

// FuzzReceipt: what is parsed names a message, and is written and parsed again
// to the same.
func FuzzReceipt(f *testing.F) {
	for _, s := range []string{"id:1 sub:001 dlvrd:001 submit date:1410160036 done date:141016003700 stat:DELIVRD err:000 text:Hello", "STAT:x id: a b", "id:",
		"submit_date:20141016003600 id:9"} {
		f.Add([]byte(s), []byte("1\x00"), byte(esmReceipt), byte(2))
		f.Add([]byte(s), []byte(nil), byte(esmIntermediate), byte(9))
	}
	f.Fuzz(func(t *testing.T, short, id []byte, esm, state byte) {
		s := gateway.Segment{ESMClass: esm, Short: short, TLVs: []gateway.TLV{{Tag: gateway.TagReceiptedMessageID, Value: id},
			{Tag: gateway.TagMessageState, Value: []byte{state}}}}
		r, ok := Texts{}.ParseReceipt(&s)
		if !ok {
			return
		}
		if r.ID == "" || r.State == "" || !utf8.ValidString(r.ID.Reveal()) || len(r.Error) > maxReceiptError {
			t.Fatalf("%q: %s", short, shown(r))
		}
		again := Texts{}.ComposeReceipt(r)
		if got, ok := (Texts{}).ParseReceipt(&again); !ok || got.ID != r.ID || got.State != r.State || got.Intermediate != r.Intermediate {
			t.Fatalf("%q: %s then %s", short, shown(r), shown(got))
		}
	})
}
