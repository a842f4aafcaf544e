package policy

import (
	"fmt"
	"strings"

	"gatepost/gateway"
)

// Difference is how two policies decide one message differently.
type Difference struct {
	Old      gateway.Action `json:"old"`
	OldRules []string       `json:"old_rules"`
	New      gateway.Action `json:"new"`
	NewRules []string       `json:"new_rules"`

	oldBy, newBy string
}

// Diff compares the verdicts of two policies on the same message. It is false
// when they take the same action, whatever the rules.
func Diff(before, after gateway.Verdict) (Difference, bool) {
	d := Difference{
		Old: before.Action, OldRules: append([]string{}, before.Rules...), oldBy: by(before),
		New: after.Action, NewRules: append([]string{}, after.Rules...), newBy: by(after),
	}
	return d, before.Action != after.Action
}

// String is "pass (default) -> secure (health)".
func (d Difference) String() string {
	return fmt.Sprintf("%s (%s) -> %s (%s)", d.Old, d.oldBy, d.New, d.newBy)
}

// by names what demanded a verdict: rules, the default or on_error.
func by(v gateway.Verdict) string {
	switch {
	case len(v.Rules) > 0:
		return strings.Join(v.Rules, ", ")
	case v.Failed:
		return "on_error"
	}
	return "default"
}
