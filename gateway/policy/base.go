package policy

import (
	"slices"

	"gatepost/gateway"
)

// Base is what the rules come to for a message with nothing in it, by mail. The
// same policy has the same Base. Most messages meet few rules, so a verdict is
// kept as what differs from it: see Pack.
func (p *Policy) Base() []gateway.RuleResult {
	return p.Judge(Facts{Message: Message{Reading: &gateway.Reading{}, Detections: &gateway.Detections{}}}).Results
}

// Pack leaves out of v the results that are those of base. like, which is not
// empty, names base for Unpack.
func Pack(v gateway.Verdict, base []gateway.RuleResult, like string) gateway.Verdict {
	if len(v.Results) != len(base) || v.Like != "" {
		return v
	}
	var differ []gateway.RuleResult
	for i, r := range v.Results {
		if r.ID != base[i].ID {
			return v
		}
		if r != base[i] {
			differ = append(differ, r)
		}
	}
	v.Like, v.Results = like, differ
	return v
}

// Unpack is the inverse of Pack.
func Unpack(v gateway.Verdict, base []gateway.RuleResult) gateway.Verdict {
	results := slices.Clone(base)
	for i := range results {
		if k := slices.IndexFunc(v.Results, func(r gateway.RuleResult) bool { return r.ID == results[i].ID }); k >= 0 {
			results[i] = v.Results[k]
		}
	}
	v.Like, v.Results = "", results
	return v
}
