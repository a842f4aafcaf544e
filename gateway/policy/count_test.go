package policy

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/detect"
)

func counting(t *testing.T, condition string) *Policy {
	t.Helper()
	return mustLoad(t, fmt.Sprintf("policy: many\ndefault: pass\nrules:\n  - {id: many, reason: r, when: '%s', then: secure}\n", condition))
}

// TestVeryMany: a rule that asks for more values than detection keeps is met.
func TestVeryMany(t *testing.T) {
	p := counting(t, `count(["ssn"]) >= 5000`)
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

// TestCounts: what detection counts is what the rules tell apart.
func TestCounts(t *testing.T) {
	for condition, want := range map[string]int{
		`found(["ssn"], MEDIUM)`: 100, `count(["ssn"]) >= 10`: 100, `count(["ssn"]) == 99`: 100, `count(["ssn"]) == 100`: 101, `count(["ssn"]) < 250`: 251,
		`count(["ssn"]) >= 10 || size > 5 && !(count(["card"], LOW) > 300)`: 301, `count(["ssn"]) >= 999`: 1000, `count(["ssn"]) >= 5000`: 1000,
		`250 <= count(["ssn"])`: 1000, `count(["ssn"]) + count(["card"]) > 200`: 1000, `count(["ssn"]) > count(["card"])`: 1000, `count(["ssn"]) in [3, 500]`: 1000,
		`(sender.group == "staff" ? count(["ssn"]) : 3) >= 200`: 1000,
	} {
		if got := counting(t, condition).Counts(); got != want {
			t.Errorf("%s: %d, want %d", condition, got, want)
		}
	}
	p := mustLoad(t, "policy: many\ndefault: pass\ndefine:\n  numbers: count([\"ssn\"]) + 1\nrules:\n  - {id: many, reason: r, when: 'numbers >= 400', then: secure}\n")
	if got := p.Counts(); got != 1000 {
		t.Errorf("in a define: %d", got)
	}
}

// TestCountsAreExact: detection keeps what a rule counts, one by one, and what it
// leaves out is said.
func TestCountsAreExact(t *testing.T) {
	for _, c := range []struct {
		condition string
		values    int
		want      gateway.Action
		why       string
	}{
		{`count(["ssn"]) >= 250`, 249, gateway.Pass, "= 249"}, {`count(["ssn"]) >= 250`, 250, gateway.Secure, "= 250"},
		{`count(["ssn"]) >= 250`, 400, gateway.Secure, "= 251 or more"}, {`count(["ssn"]) >= 10`, 99, gateway.Secure, "= 99"}, {`count(["ssn"]) >= 10`, 9, gateway.Pass, "= 9"},
		{`count(["ssn"]) == 100`, 100, gateway.Secure, "= 100"}, {`count(["ssn"]) == 100`, 101, gateway.Pass, "= 101 or more"}, {`count(["ssn"]) <= 120`, 500, gateway.Pass, "= 121 or more"},
	} {
		p := counting(t, c.condition)
		d, err := detect.New(detect.Config{Counts: p.Counts(), Key: [16]byte{1}})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for i := range c.values {
			fmt.Fprintf(&b, "SSN 536-22-%04d, SSN 536-22-%04d\n", 1+i, 1+i/2)
		}
		r := &gateway.Reading{Parts: []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(b.String())}}}
		v := p.Judge(Facts{Message: Message{Reading: r, Detections: d.Scan(r.Parts)}})
		if why := v.Results[0].Why; v.Action != c.want || !strings.HasSuffix(why, c.why+")") {
			t.Errorf("%s of %d values: %v, %s", c.condition, c.values, v.Action, why)
		}
		if full := Full(v.Findings); (len(full) == 1) != (len(v.Findings) >= 100) {
			t.Errorf("%s of %d values: %d findings, full %v", c.condition, c.values, len(v.Findings), full)
		}
	}
}
