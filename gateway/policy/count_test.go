package policy

import (
	"testing"

	"gatepost/gateway"
)

// TestVeryMany: a rule that asks for more values than detection keeps is met.
func TestVeryMany(t *testing.T) {
	p := mustLoad(t, "policy: many\ndefault: pass\nrules:\n  - {id: many, reason: r, when: 'count([\"ssn\"]) >= 5000', then: secure}\n")
	for n, want := range map[int]gateway.Action{999: gateway.Pass, 1000: gateway.Secure} {
		d := &gateway.Detections{}
		for i := range n {
			d.Findings = append(d.Findings, gateway.Finding{Type: "ssn", Level: gateway.High, Value: uint64(i)})
		}
		if v := p.Judge(Facts{Message: Message{Reading: &gateway.Reading{}, Detections: d}}); v.Action != want {
			t.Errorf("%d values: %v, want %v", n, v.Action, want)
		}
	}
}
