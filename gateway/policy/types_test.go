package policy_test

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// TestTypesAreThoseOfDetection: a rule can name every national number that is
// looked for, and no other.
func TestTypesAreThoseOfDetection(t *testing.T) {
	var found []string
	for _, typ := range detect.Types() {
		if strings.Contains(typ, ".") {
			found = append(found, typ)
		} else if !slices.Contains(policy.BuiltinTypes(), typ) {
			t.Errorf("no rule can name %s", typ)
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, policy.NationalTypes()) {
		t.Errorf("detection knows %v", found)
	}
}

// TestMisspelledNational: a type that nothing finds is no rule that never acts.
func TestMisspelledNational(t *testing.T) {
	for typ, want := range map[string]string{
		"us.snn": "", "us.ssn": "ok", "gb.nhs": "ok", "gb.nino": "ok", "xx.foo": "", "gb.nin": `; did you mean "gb.nino"?`, "pl.pesl": `; did you mean "pl.pesel"?`,
	} {
		_, err := policy.Load("p.yaml", []byte("policy: p\nrules:\n  - {id: r, reason: R, when: 'found([\""+typ+"\"], LOW)', then: hold}\n"))
		if want == "ok" {
			if err != nil {
				t.Error(err)
			}
		} else if err == nil || !strings.Contains(err.Error(), `unknown type of finding "`+typ+`"`+want) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestConditionThatIsATag: the hint does not turn the rule around.
func TestConditionThatIsATag(t *testing.T) {
	_, err := policy.Load("p.yaml", []byte("policy: p\nrules:\n  - id: r\n    reason: R\n    when: !tag.secure\n    then: hold\n"))
	if err == nil || !strings.Contains(err.Error(), "stands in quotes: '!tag.secure'") || strings.Contains(err.Error(), "leave it out") {
		t.Error(err)
	}
}
