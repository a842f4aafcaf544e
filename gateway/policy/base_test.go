package policy

import (
	"reflect"
	"testing"

	"gatepost/gateway"
)

// TestPackedVerdicts: what is left out of a verdict comes back, whatever the
// message, and most of it is left out.
func TestPackedVerdicts(t *testing.T) {
	p := Default()
	base := p.Base()
	if len(base) == 0 || !reflect.DeepEqual(base, Default().Base()) {
		t.Fatal("one policy has two bases")
	}
	for name, m := range map[string]Message{
		"empty":      {Reading: &gateway.Reading{}, Detections: &gateway.Detections{}},
		"unread":     {},
		"found":      {Reading: &gateway.Reading{}, Detections: &gateway.Detections{Findings: []gateway.Finding{{Type: "ssn", Level: gateway.High}}, Kinds: []string{"reminder"}}},
		"short":      {Reading: &gateway.Reading{Channel: gateway.SMS}, Detections: &gateway.Detections{}},
		"unreadable": {Reading: &gateway.Reading{Unreadable: []gateway.Unreadable{{Kind: "limit"}}}, Detections: &gateway.Detections{}},
	} {
		v := p.Judge(Facts{Message: m})
		packed := Pack(v, base, "x")
		if packed.Like != "x" || len(packed.Results) >= len(v.Results) {
			t.Errorf("%s: %d of %d results are kept", name, len(packed.Results), len(v.Results))
		}
		if got := Unpack(packed, base); !reflect.DeepEqual(got, v) {
			t.Errorf("%s: unpacked\n%+v\nwant\n%+v", name, got, v)
		}
	}
	other := mustLoad(t, "policy: other\nrules:\n  - {id: only, reason: r, when: \"true\", then: secure}\n").Judge(Facts{})
	if got := Pack(other, base, "x"); !reflect.DeepEqual(got, other) {
		t.Error("a verdict of another policy was packed")
	}
}
