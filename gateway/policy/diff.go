package policy

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/gateway"
)

// Difference is how two policies decide one message differently.
type Difference struct {
	Old      gateway.Action `json:"old"`
	OldRules []string       `json:"old_rules"`
	New      gateway.Action `json:"new"`
	NewRules []string       `json:"new_rules"`
	// Changes are the rules that come to something else, in order of the new
	// file, then those that only the old one has.
	Changes []RuleChange `json:"changes"`
	// OldFound and NewFound are the types of findings, sorted.
	OldFound []string `json:"old_found"`
	NewFound []string `json:"new_found"`
	// OldOptions and NewOptions are nil where the options are the same.
	OldOptions *gateway.Options `json:"old_options,omitempty"`
	NewOptions *gateway.Options `json:"new_options,omitempty"`

	oldBy, newBy string
}

// RuleChange is one rule that two policies judge differently: "absent",
// "not met", "met: secure", "lifted by partner", "failed", the last three also
// "in shadow".
type RuleChange struct {
	ID     string `json:"id"`
	Old    string `json:"old"`
	New    string `json:"new"`
	OldWhy string `json:"old_why"`
	NewWhy string `json:"new_why"`
}

// Diff compares the verdicts of two policies on the same message. It is false
// when they take the same action with the same options, whatever the rules.
func Diff(before, after gateway.Verdict) (Difference, bool) {
	d := Difference{
		Old: before.Action, OldRules: append([]string{}, before.Rules...), oldBy: by(before),
		New: after.Action, NewRules: append([]string{}, after.Rules...), newBy: by(after),
	}
	if before.Options != after.Options {
		d.OldOptions, d.NewOptions = &before.Options, &after.Options
	}
	if before.Action == after.Action && d.OldOptions == nil {
		return d, false
	}
	d.Changes, d.OldFound, d.NewFound = ruleChanges(before.Results, after.Results), foundTypes(before), foundTypes(after)
	return d, true
}

// ruleChanges compares what each rule came to. A rule that never said anything
// is left out.
func ruleChanges(before, after []gateway.RuleResult) []RuleChange {
	changes := []RuleChange{}
	add := func(c RuleChange) {
		silent := func(s string) bool { return s == "absent" || s == "not met" }
		if c.Old != c.New && !(silent(c.Old) && silent(c.New)) {
			changes = append(changes, c)
		}
	}
	old := map[string]gateway.RuleResult{}
	for _, r := range before {
		old[r.ID] = r
	}
	for _, r := range after {
		c := RuleChange{ID: r.ID, Old: "absent", New: cameTo(r), NewWhy: r.Why}
		if o, ok := old[r.ID]; ok {
			c.Old, c.OldWhy = cameTo(o), o.Why
			delete(old, r.ID)
		}
		add(c)
	}
	for _, r := range before {
		if o, ok := old[r.ID]; ok {
			add(RuleChange{ID: r.ID, Old: cameTo(o), New: "absent", OldWhy: o.Why})
		}
	}
	return changes
}

func cameTo(r gateway.RuleResult) string {
	shadow := ""
	if r.Shadow {
		shadow = " in shadow"
	}
	switch {
	case r.Error != "":
		return "failed" + shadow
	case !r.Met:
		return "not met"
	case r.LiftedBy != "":
		return "lifted by " + r.LiftedBy + shadow
	case r.Until != "":
		return fmt.Sprintf("met: %s from %s%s", r.Action, r.Until, shadow)
	}
	return "met: " + r.Action.String() + shadow
}

func foundTypes(v gateway.Verdict) []string {
	types := []string{}
	for _, f := range v.Findings {
		types = append(types, alias(f.Type))
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// String is "pass (default) -> secure (health)".
func (d Difference) String() string {
	return fmt.Sprintf("%s (%s) -> %s (%s)", d.Old, d.oldBy, d.New, d.newBy)
}

// Reasons says in lines for people why the decision changes.
func (d Difference) Reasons() []string {
	var lines []string
	pair := func(indent, old, now string) {
		if old == now {
			lines = append(lines, indent+old)
			return
		}
		lines = append(lines, indent+"was "+old, indent+"now "+now)
	}
	for _, c := range d.Changes {
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", c.ID, c.Old, c.New))
		switch {
		case c.Old == "absent" || c.OldWhy == "":
			lines = append(lines, "  "+c.NewWhy)
		case c.New == "absent" || c.NewWhy == "":
			lines = append(lines, "  "+c.OldWhy)
		default:
			pair("  ", c.OldWhy, c.NewWhy)
		}
	}
	if d.OldOptions != nil {
		pair("options: ", optionNames(*d.OldOptions), optionNames(*d.NewOptions))
	}
	if len(d.OldFound)+len(d.NewFound) > 0 {
		pair("found: ", listed(d.OldFound), listed(d.NewFound))
	}
	return slices.DeleteFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" })
}

func listed(types []string) string {
	if len(types) == 0 {
		return "nothing"
	}
	return strings.Join(types, ", ")
}

func optionNames(o gateway.Options) string {
	var words []string
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+" "+value)
		}
	}
	add("pin", o.PIN)
	if o.Expires > 0 {
		add("expires", spanWords(o.Expires))
	}
	add("staff_copy", o.StaffCopy)
	add("status", o.Status)
	add("reason", o.Reason)
	add("notify", o.Notify)
	if !o.NotBefore.IsZero() {
		add("until", clock(o.NotBefore.Hour()))
	}
	return listed(words)
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
