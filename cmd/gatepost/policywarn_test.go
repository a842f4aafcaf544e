package main

import (
	"strings"
	"testing"
)

// TestWarnsOfPolicy: what is odd in a policy is in the log at the start and at a
// reload, by its place and without its words, and doctor shows it whole.
func TestWarnsOfPolicy(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.policy = strings.Replace(testRules, "rules:\n", "rules:\n  - {id: odd, reason: None has it, when: 'sender.group == \"quillwort\"', then: secure}\n", 1)
	r.write()
	r.start()
	said := func() int { return strings.Count(r.log.String(), "the policy has warnings") }
	if said() != 1 || !strings.Contains(r.log.String(), "policy.yaml:") || strings.Contains(r.log.String(), "quillwort") {
		t.Errorf("at the start:\n%s", r.log)
	}
	r.hup(taken)
	if said() != 2 {
		t.Errorf("at a reload:\n%s", r.log)
	}
	if states, out, _ := r.diagnosis(); states["policy"] != stateWarn || !strings.Contains(out, "quillwort") {
		t.Errorf("doctor:\n%s", out)
	}
	r.policy = testRules
	r.write()
	r.hup(taken)
	if states, out, _ := r.diagnosis(); said() != 2 || states["policy"] != stateOK {
		t.Errorf("without a warning:\n%s\n%s", out, r.log)
	}
}
