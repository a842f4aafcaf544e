package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

const verifyPolicy = `policy: proofs
default: pass
define:
  stranger: '!recipient.known'
rules:
  - {id: ids, reason: a number, when: 'found(["ssn"], MEDIUM)', then: secure}
  - {id: known, reason: who, when: 'stranger && recipient.domain == "out.example"', then: hold}
  - {id: partner, reason: where, when: 'recipient.domain == "lab.example"', then: {action: tls, satisfies: [ids]}}
`

// TestVerify: each thing that a verdict holds is compared, but for the hash of
// a value; what the words named as unsure decide is no proof of a difference.
func TestVerify(t *testing.T) {
	p, err := Load("p.yaml", []byte(verifyPolicy))
	if err != nil {
		t.Fatal(err)
	}
	kept := func() gateway.Verdict {
		return p.Judge(Facts{
			Message: Message{
				Reading: &gateway.Reading{},
				Detections: &gateway.Detections{
					Findings: []gateway.Finding{{Type: "ssn", Level: gateway.High, Masked: "1", Value: 1, Steps: []gateway.Step{{Name: "checksum", Weight: 4}}}, {Type: "ssn", Level: gateway.High, Masked: "1", Value: 1}},
					Topics:   []gateway.TopicScore{{Name: "health", Level: gateway.High, Score: 9, Terms: []string{"biopsy"}}},
					Kinds:    []string{"reminder"},
				},
			},
			Recipient: Recipient{Address: gateway.MustAddress("a@out.example")},
		})
	}
	unsure := []string{"recipient.known"}
	same := kept()
	same.Findings[0].Value = 77
	slices.Reverse(same.Findings)
	if c := p.Verify(kept(), same, unsure); len(c.Deviations) > 0 || c.Rules != 3 || c.Findings != 2 {
		t.Errorf("the same verdict: %+v", c)
	}
	for what, change := range map[string]func(*gateway.Verdict){
		"policy":  func(v *gateway.Verdict) { v.Digest = "x" },
		"words":   func(v *gateway.Verdict) { v.Words = "x" },
		"rule":    func(v *gateway.Verdict) { v.Results[0].Met = false },
		"kinds":   func(v *gateway.Verdict) { v.Kinds = nil },
		"error":   func(v *gateway.Verdict) { v.Error = "judging failed" },
		"lifted":  func(v *gateway.Verdict) { v.Results[0].LiftedBy = "partner" },
		"action":  func(v *gateway.Verdict) { v.Action = gateway.Pass },
		"rules":   func(v *gateway.Verdict) { v.Rules = nil },
		"shadow":  func(v *gateway.Verdict) { v.Shadow = gateway.Reject },
		"topic":   func(v *gateway.Verdict) { v.Topics[0].Terms = []string{"lymphoma"} },
		"options": func(v *gateway.Verdict) { v.Options.NotBefore = time.Unix(1e9, 0) },
	} {
		now := kept()
		change(&now)
		for _, c := range []Comparison{p.Verify(kept(), now, unsure), p.Verify(now, kept(), unsure)} {
			if len(c.Deviations) != 1 || c.Deviations[0].What != what || c.Deviations[0].Unknown {
				t.Errorf("%s: %v", what, c.Deviations)
			}
		}
	}
	for _, change := range []func(*gateway.Finding){
		func(f *gateway.Finding) { f.Type = "card" },
		func(f *gateway.Finding) { f.Part = 1 },
		func(f *gateway.Finding) { f.Kind = gateway.PartHidden },
		func(f *gateway.Finding) { f.Path = "2" },
		func(f *gateway.Finding) { f.Start = 3 },
		func(f *gateway.Finding) { f.End = 3 },
		func(f *gateway.Finding) { f.Level = gateway.Medium },
		func(f *gateway.Finding) { f.Masked = "2" },
		func(f *gateway.Finding) { f.Steps[0].Weight = 3 },
	} {
		now := kept()
		change(&now.Findings[0])
		if c := p.Verify(kept(), now, unsure); c.Findings != 1 || len(c.Deviations) != 2 || c.Deviations[0].What != "finding" {
			t.Errorf("%v: %d equal, %v", now.Findings[0], c.Findings, c.Deviations)
		}
	}
	now := kept()
	now.Results[1].Met, now.Action, now.Rules = false, gateway.Secure, []string{"ids"}
	for _, d := range p.Verify(kept(), now, unsure).Deviations {
		if !d.Unknown {
			t.Errorf("a rule that asks who the recipient is: %v", d)
		}
	}
	if d := p.Verify(kept(), now, nil).Deviations; len(d) != 3 || d[0].Unknown || d[0].Name != "known" {
		t.Errorf("nothing is unsure: %v", d)
	}
	now = kept()
	now.Results[2].Met = true
	if d := p.Verify(kept(), now, unsure).Deviations; len(d) != 1 || d[0].Unknown {
		t.Errorf("a domain does not change: %v", d)
	}
}

// TestOldVerdictsThatListMore: an older version kept more findings of a type and
// counted further. Such a verdict still verifies; a finding that was added to it among
// those that are listed, or a count that is less, does not.
func TestOldVerdictsThatListMore(t *testing.T) {
	p := mustLoad(t, "policy: x\ndefault: pass\nrules: [{id: many, reason: r, when: 'count([\"ssn\"]) >= 10', then: hold}]\n")
	verdict := func(n, from int) gateway.Verdict {
		d := &gateway.Detections{}
		for i := range n {
			d.Findings = append(d.Findings, gateway.Finding{Type: "ssn", Level: gateway.High, Start: from + i, Value: uint64(i)})
		}
		return p.Judge(Facts{Message: Message{Reading: &gateway.Reading{}, Detections: d}})
	}
	old := verdict(300, 0)
	old.Results[0].Why = strings.ReplaceAll(old.Results[0].Why, "100 or more", "300")
	c := p.Verify(old, verdict(100, 0), nil)
	if c.Rules != 1 || c.Findings != 100 || len(c.Deviations) != 1 || !c.Deviations[0].Unknown || c.Deviations[0].Kept != "200 more, high" {
		t.Errorf("an old verdict: %+v", c)
	}
	veryOld := verdict(1000, 0)
	veryOld.Results[0].Why = strings.ReplaceAll(veryOld.Results[0].Why, "100 or more", "1073741824") // it counted no further
	if c := p.Verify(veryOld, verdict(100, 0), nil); c.Rules != 1 || len(c.Deviations) != 1 || !c.Deviations[0].Unknown {
		t.Errorf("an old verdict with very many: %+v", c)
	}
	inflated := func(listed int, count string) gateway.Verdict {
		v := verdict(listed, 0)
		v.Results[0].Why = strings.ReplaceAll(v.Results[0].Why, "100 or more", count)
		return v
	}
	fewer := verdict(300, 0)
	fewer.Results[0].Why = strings.ReplaceAll(fewer.Results[0].Why, "100 or more", "99")
	other := verdict(300, 0)
	other.Results[0].Why = strings.ReplaceAll(other.Results[0].Why, "true", "false")
	for name, kept := range map[string]gateway.Verdict{
		"other places": verdict(300, 1), "few findings": verdict(99, 0), "a smaller count": fewer, "another outcome": other,
		"more counted than listed": inflated(100, "101"), "more counted than listed then": inflated(300, "301"), "very many of few": inflated(300, "1073741824"),
	} {
		if c := p.Verify(kept, verdict(100, 0), nil); !slices.ContainsFunc(c.Deviations, func(d Deviation) bool { return !d.Unknown }) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := p.Verify(verdict(99, 0), verdict(98, 0), nil); len(c.Deviations) != 2 || c.Deviations[0].Unknown || c.Deviations[1].Unknown {
		t.Errorf("one finding less, of few: %+v", c)
	}
}
