package text

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestNothingHidesInPieces: a text that is cut into elements of a header or into
// parameters is found, and what only calls itself a port is in doubt.
func TestNothingHidesInPieces(t *testing.T) {
	const secret = "your HIV result is positive"
	element := func(id byte, data string) []byte { return append([]byte{id, byte(len(data))}, data...) }
	with := func(header []byte) gateway.Segment {
		return gateway.Segment{ESMClass: 0x40, Short: append(append([]byte{byte(len(header))}, header...), "hi"...)}
	}
	var chunks []byte
	var tlvs []gateway.TLV
	for i := 0; i < len(secret); i += 2 {
		piece := secret[i:min(i+2, len(secret))]
		chunks = append(chunks, element(0x70, piece)...)
		tlvs = append(tlvs, gateway.TLV{Tag: 0x1401, Value: []byte(piece)})
	}
	twice := append(element(0x05, "your"), element(0x05, " HIV")...)
	for name, c := range map[string]struct {
		segment gateway.Segment
		secret  string
		doubt   bool
	}{
		"long ports":         {with(element(0x05, secret)), secret, true},
		"long ports of 8":    {with(element(0x04, secret)), secret, true},
		"ports twice":        {with(twice), " HIV", true},
		"pieces of elements": {with(chunks), secret, false},
		"pieces of TLVs":     {gateway.Segment{Short: []byte("hi"), TLVs: tlvs}, secret, false},
		"ports":              {with(element(0x05, "\x0b\x84\x23\xf0")), "hi", false},
	} {
		r := Texts{}.Read([]gateway.Segment{c.segment})
		found := false
		for _, p := range r.Parts {
			found = found || strings.Contains(p.Text.Reveal(), c.secret)
		}
		if !found || (len(r.Uncertain) > 0) != c.doubt {
			t.Errorf("%s: found %t, uncertain %v", name, found, r.Uncertain)
		}
	}
}
