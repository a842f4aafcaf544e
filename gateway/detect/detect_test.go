package detect

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// newTest is a Detector under a fixed key.
func newTest(t testing.TB, own ...gateway.OwnDetector) *Detector {
	t.Helper()
	d, err := New(Config{Own: own, Key: [16]byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func text(s string) []gateway.Part {
	return []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(s)}}
}

// types lists what was found with at least level, in order.
func types(out *gateway.Detections, level gateway.Level) string {
	var found []string
	for _, f := range out.Findings {
		if f.Level >= level {
			found = append(found, f.Type)
		}
	}
	return strings.Join(found, " ")
}

func TestFindsIdentifierNameAndTopic(t *testing.T) {
	d := newTest(t)
	out := d.Scan(text("Dear Mary Miller, your biopsy result is back. SSN: 536-22-8145."))
	if got := types(out, gateway.Medium); got != "name ssn" {
		t.Errorf("found %q", got)
	}
	if len(out.Topics) != 1 || out.Topics[0].Name != "health" || !out.AddressedToReader {
		t.Errorf("topics %+v, addressed %v", out.Topics, out.AddressedToReader)
	}
}
