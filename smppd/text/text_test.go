package text

import (
	"strings"
	"testing"

	"gatepost/gateway"
	"pgregory.net/rapid"
)

// TestComposeReadsBack: what is composed is read as the same text, and each
// segment knows its place and its limit.
func TestComposeReadsBack(t *testing.T) {
	alphabet := rapid.RuneFrom([]rune("abc XYZ019@€[]{}~^|\\_$\nàéÇøΩ🙂👩‍⚕️\u0301\u200Dя中\U0010FFFF\x00\x1b\f"))
	text := rapid.OneOf(rapid.StringOf(alphabet), rapid.String(), rapid.StringOfN(alphabet, 100, 2000, -1))
	rapid.Check(t, func(t *rapid.T) {
		want := text.Draw(t, "text")
		segments, err := Texts{}.Compose(want, 0x1234)
		if err != nil {
			t.Fatal(err)
		}
		if n, gsm := (Texts{}).Fits(want); n != len(segments) || gsm != (segments[0].DataCoding == 0) {
			t.Fatalf("Fits says %d, %v of %d segments in coding %d", n, gsm, len(segments), segments[0].DataCoding)
		}
		for i := range segments {
			place, err := Texts{}.Place(&segments[i])
			if err != nil || place.Total != len(segments) || place.Seq != i+1 {
				t.Fatalf("segment %d of %d is at %+v: %v", i+1, len(segments), place, err)
			}
		}
		r := Texts{}.Read(segments)
		if ambiguous(segments) {
			t.Skip("every other septet is 0: octets that nobody can tell from UTF-16")
		}
		if got, want := r.Parts[0].Text.Reveal(), clean(want); got != want {
			t.Fatalf("read %q, want %q", got, want)
		}
		if len(r.Uncertain) > 0 || len(r.Unreadable) > 0 {
			t.Fatalf("uncertain of %q: %v %v", want, r.Uncertain, r.Unreadable)
		}
	})
}

// ambiguous reports whether segments look like UTF-16 that their coding does
// not name.
func ambiguous(segments []gateway.Segment) bool {
	var all []byte
	for i := range segments {
		_, body, _ := userData(&segments[i], segments[i].Short)
		all = append(all, body...)
	}
	u := unitsIn(all)
	return u.likely(1) || segments[0].DataCoding == codingGSM && u.likely(0)
}

// TestReceiptRoundTrip: what is composed is parsed.
func TestReceiptRoundTrip(t *testing.T) {
	r := gateway.Receipt{ID: "a_b@c 7", State: gateway.Undeliverable, Error: "042",
		Source: gateway.Line{Addr: "4242"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15551234567"}}
	s := Texts{}.ComposeReceipt(r)
	if s.Source != r.Dest || s.Dest != r.Source || !strings.Contains(string(s.Short), "stat:UNDELIV err:042") {
		t.Errorf("composed %q", s.Short)
	}
	for _, tlvs := range [][]gateway.TLV{s.TLVs, nil} {
		s.TLVs = tlvs
		got, ok := Texts{}.ParseReceipt(&s)
		if !ok || got.ID != r.ID || got.State != r.State || got.Error != r.Error || got.Source != r.Source || got.Dest != r.Dest {
			t.Errorf("parsed %+v of %+v", got, r)
		}
	}
}
