package detect

import (
	"testing"

	"gatepost/gateway"
)

// TestMachineParts: in fields of machines only own detectors find something.
func TestMachineParts(t *testing.T) {
	parts := []gateway.Part{{Kind: gateway.PartMachine, Text: "SSN: 536-22-8731 biopsy of your breast cancer zebraquartz 3 ab-12345"}}
	d, err := New(Config{Own: []gateway.OwnDetector{{Name: "codeword", Words: []string{"zebraquartz"}}, {Name: "ours", Pattern: `ab-[0-9]{5}`, Literal: "ab-"}}})
	if err != nil {
		t.Fatal(err)
	}
	out := d.Scan(parts)
	var types []string
	for _, f := range out.Findings {
		types = append(types, f.Type)
	}
	if len(types) != 2 || len(out.Topics) > 0 {
		t.Errorf("found %v, topics %v", types, out.Topics)
	}
	if parts[0].Kind = gateway.PartText; len(d.Scan(parts).Findings) < 3 {
		t.Error("the same in a text: too little is found")
	}
	if d, err = New(Config{}); err != nil {
		t.Fatal(err)
	}
	if parts[0].Kind = gateway.PartMachine; len(d.Scan(parts).Findings) > 0 {
		t.Error("without own detectors something is found")
	}
}
