package policy

import "gatepost/gateway"

// Constructs lists what may stand in a policy file besides conditions: every
// key by its section, every action, mode and proof.
func Constructs() []string {
	var all []string
	for _, section := range []struct {
		name string
		keys []string
	}{
		{"", policyKeys()}, {"lists.", listKeys()}, {"detectors.", detectorKeys()}, {"rules.", ruleKeys()}, {"then.", thenKeys()}, {"tests.", caseKeys()},
		{"mode: ", []string{"shadow", "enforce"}}, {"pin: ", pinNames()},
	} {
		for _, key := range section.keys {
			all = append(all, section.name+key)
		}
	}
	for a := gateway.Secure; a <= gateway.Reject; a++ {
		all = append(all, "action: "+a.String())
	}
	return all
}
