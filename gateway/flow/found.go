package flow

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/policy"
)

// What evidence says of the reasons of a verdict: types, levels, counts and
// places, and never a value, not even masked. Of a message that is refused
// nothing else is kept.

// maxReason bounds what one detail of evidence tells; octets.
const maxReason = 2000

// foundIn names what was found in a message: each type with its level and how
// many different values, topics and kinds. Of counts values further ones were not
// kept (policy.Policy.Counts): then it says "or more", as explanations do.
func foundIn(v *gateway.Verdict, counts int) string {
	type found struct {
		typ   string
		level gateway.Level
	}
	var order []found
	values := map[found]map[uint64]bool{}
	for i := range v.Findings {
		f := found{v.Findings[i].Type, v.Findings[i].Level}
		if values[f] == nil {
			values[f] = map[uint64]bool{}
			order = append(order, f)
		}
		values[f][v.Findings[i].Value] = true
	}
	var words []string
	for _, f := range order {
		word := fmt.Sprintf("%s %s %d", f.typ, f.level, len(values[f]))
		if len(values[f]) >= counts {
			word += " or more"
		}
		words = append(words, word)
	}
	for _, t := range v.Topics {
		if t.Level > gateway.None {
			words = append(words, "topic "+t.Name+" "+t.Level.String())
		}
	}
	for _, k := range v.Kinds {
		words = append(words, "kind "+k)
	}
	return joined(words, ", ")
}

// placesIn lists findings with the parts they are in and the code points they
// take there, so that who has the message sees what was meant. Evidence is kept
// for years: the last digits of a number and the initials of a name would tell
// somebody from others.
func placesIn(v *gateway.Verdict) string {
	more := "and %d more"
	if len(policy.Full(v.Findings)) > 0 {
		more = "and at least %d more"
	}
	return listed(len(v.Findings), ", ", more, func(i int) string {
		f := &v.Findings[i]
		return fmt.Sprintf("%s %s in %s %s at %d-%d", f.Type, f.Level, f.Kind, f.Path, f.Start, f.End)
	})
}

// whyOf says of each rule in ids why it was met.
func whyOf(v *gateway.Verdict, ids []string) string {
	var words []string
	for _, r := range v.Results {
		if slices.Contains(ids, r.ID) && r.Why != "" {
			words = append(words, r.ID+": "+r.Why)
		}
	}
	return joined(words, "; ")
}

// shadowMet lists the rules in shadow that were met.
func shadowMet(v *gateway.Verdict) string {
	var ids []string
	for _, r := range v.Results {
		if r.Shadow && r.Met {
			ids = append(ids, r.ID)
		}
	}
	return strings.Join(ids, " ")
}

// joined lists words as far as there is room.
func joined(words []string, between string) string {
	return listed(len(words), between, "and %d more", func(i int) string { return words[i] })
}

// listed lists n words as far as there is room; more says how many are left.
func listed(n int, between, more string, word func(i int) string) string {
	var b strings.Builder
	for i := range n {
		w := word(i)
		if b.Len()+len(w) > maxReason {
			fmt.Fprintf(&b, between+more, n-i)
			break
		}
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(w)
	}
	return b.String()
}

// put sets a detail that says something.
func put(d map[string]string, key, value string) {
	if value != "" {
		d[key] = value
	}
}
