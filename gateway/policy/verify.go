package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// Deviation is one thing in which a verdict that is made again differs from the
// one that was kept.
type Deviation struct {
	What string `json:"what"` // policy, words, rule, finding, topic, kinds, error, lifted, action, rules, options or shadow
	Name string `json:"name,omitempty"`
	Kept string `json:"kept"` // "absent" where only the other one has it
	Now  string `json:"now"`
	// Unknown says that it may come from what was known of the recipient at that
	// time and is not known any more: no proof of a difference.
	Unknown bool `json:"unknown,omitempty"`
}

// String is for people.
func (d Deviation) String() string {
	head := d.What
	if d.Name != "" {
		head += " " + d.Name
	}
	if d.Unknown {
		head += " (not known again)"
	}
	return fmt.Sprintf("%s: kept %s; now %s", head, d.Kept, d.Now)
}

// Comparison is what Verify found.
type Comparison struct {
	Rules      int // that come to the same, for the same reasons
	Findings   int // that are the same
	Deviations []Deviation
}

// Verify compares a verdict of this policy with the one that was kept, all but
// the hashes of values, which are those of a process. A rule that differs and
// asks for one of the words in unsure differs without proof; so does what
// follows from the rules as a whole, then.
func (p *Policy) Verify(kept, now gateway.Verdict, unsure []string) Comparison {
	var c Comparison
	c.rules(p, kept, now, unsure)
	follows := slices.ContainsFunc(c.Deviations, func(d Deviation) bool { return d.Unknown })
	c.findings(kept.Findings, now.Findings)
	c.topics(kept.Topics, now.Topics)
	c.add("policy", "", kept.Digest, now.Digest, false)
	c.add("words", "", orNone(kept.Words), orNone(now.Words), false)
	c.add("kinds", "", listed(kept.Kinds), listed(now.Kinds), false)
	c.add("error", "", orNone(kept.Error), orNone(now.Error), false)
	for i := range min(len(kept.Results), len(now.Results)) {
		k, n := kept.Results[i], now.Results[i]
		c.add("lifted", k.ID, orNone(k.LiftedBy), orNone(n.LiftedBy), follows)
	}
	c.add("action", "", kept.Action.String(), now.Action.String(), follows)
	c.add("rules", "", listed(kept.Rules), listed(now.Rules), follows)
	c.add("options", "", exactOptions(kept.Options), exactOptions(now.Options), follows)
	c.add("shadow", "", kept.Shadow.String(), now.Shadow.String(), follows)
	return c
}

func (c *Comparison) add(what, name, kept, now string, unknown bool) {
	if kept != now {
		c.Deviations = append(c.Deviations, Deviation{what, name, kept, now, unknown})
	}
}

const absent = "absent"

func (c *Comparison) rules(p *Policy, kept, now gateway.Verdict, unsure []string) {
	most := mostCounted(kept.Findings, now.Findings)
	for i := range max(len(kept.Results), len(now.Results)) {
		id, was := spellRule(kept.Results, i)
		again, is := spellRule(now.Results, i)
		if id == "" {
			id = again
		} else if again != id {
			is = absent
		}
		if sameCounts(was, is, most) {
			c.Rules++
			continue
		}
		c.add("rule", id, was, is, p.restsOn(id, unsure))
	}
}

// counted is a number in an explanation, exact or not.
var counted = regexp.MustCompile(` = (\d+)( or more)?`)

// mostCounted is how many values a rule can have counted for the verdict that was kept:
// those of what is listed now, and one more for each finding that was listed besides.
func mostCounted(kept, now []gateway.Finding) int {
	values := make([]uint64, len(now))
	for i := range now {
		values[i] = now[i].Value
	}
	return different(values) + max(0, len(kept)-len(now))
}

// sameCounts reports whether two explanations of a rule are the same, but for counts
// of which the newer says "or more" and the older one at least as many, up to most:
// versions differ in how far they count what no rule tells apart. What was more than
// the older ones counted they spelled as veryMany.
func sameCounts(kept, now string, most int) bool {
	if kept == now {
		return true
	}
	was, is := counted.FindAllStringSubmatch(kept, -1), counted.FindAllStringSubmatch(now, -1)
	if len(was) != len(is) || counted.ReplaceAllString(kept, "") != counted.ReplaceAllString(now, "") {
		return false
	}
	for i := range is {
		n, err1 := strconv.Atoi(was[i][1])
		least, err2 := strconv.Atoi(is[i][1])
		if n == veryMany {
			n = countsTo
		}
		if was[i][0] != is[i][0] && (is[i][2] == "" || n < least || n > most || err1 != nil || err2 != nil) {
			return false
		}
	}
	return true
}

func spellRule(all []gateway.RuleResult, i int) (id, text string) {
	if i >= len(all) {
		return "", absent
	}
	r := all[i]
	text = "not met"
	if r.Met {
		text = "met"
	}
	if r.Error != "" {
		text = "failed"
	}
	if r.Why != "" {
		text += " (" + r.Why + ")"
	}
	return r.ID, text
}

// restsOn reports whether the condition of a rule asks for one of the words of
// the vocabulary, also through a define.
func (p *Policy) restsOn(id string, words []string) bool {
	i := slices.IndexFunc(p.rules, func(r rule) bool { return r.id == id })
	if i < 0 {
		return false
	}
	slots := p.rules[i].met.slots(nil)
	return slices.ContainsFunc(words, func(word string) bool { return p.reach(slots, word) })
}

// findings matches the findings of two verdicts, each with one like it. Where as many
// are listed now as are kept of a type and level, and all of them were kept, further
// ones that were kept are no difference: another version listed more.
func (c *Comparison) findings(kept, now []gateway.Finding) {
	type spelled struct{ typ, text string }
	type kind struct {
		typ   string
		level gateway.Level
	}
	left := map[spelled]int{}
	for i := range now {
		left[spelled{now[i].Type, spellFinding(&now[i])}]++
	}
	var gone []gateway.Finding
	for i := range kept {
		f := spelled{kept[i].Type, spellFinding(&kept[i])}
		if left[f] > 0 {
			left[f]--
			c.Findings++
			continue
		}
		gone = append(gone, kept[i])
	}
	cut := map[kind]int{}
	for _, f := range Full(now) {
		cut[kind{f.Type, f.Level}] = 1
	}
	for i := range now {
		if f := (spelled{now[i].Type, spellFinding(&now[i])}); left[f] > 0 {
			left[f]--
			delete(cut, kind{now[i].Type, now[i].Level})
			c.add("finding", f.typ, absent, f.text, false)
		}
	}
	for i := range gone {
		k := kind{gone[i].Type, gone[i].Level}
		if cut[k] > 0 {
			cut[k]++
			continue
		}
		c.add("finding", k.typ, spellFinding(&gone[i]), absent, false)
	}
	for _, f := range Full(now) {
		if n := cut[kind{f.Type, f.Level}] - 1; n > 0 {
			c.add("finding", f.Type, fmt.Sprintf("%d more, %s", n, f.Level), "not listed, there are so many", true)
		}
	}
}

// spellFinding is all of a finding but its type and its value's hash.
func spellFinding(f *gateway.Finding) string {
	steps := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		steps[i] = fmt.Sprintf("%s %+d", s.Name, s.Weight)
	}
	return fmt.Sprintf("%s %q in %s %s (part %d) at %d-%d: %s", f.Level, f.Masked, f.Kind, f.Path, f.Part, f.Start, f.End, strings.Join(steps, "; "))
}

func (c *Comparison) topics(kept, now []gateway.TopicScore) {
	spell := func(all []gateway.TopicScore, name string) string {
		i := slices.IndexFunc(all, func(t gateway.TopicScore) bool { return t.Name == name })
		if i < 0 {
			return absent
		}
		return fmt.Sprintf("%s, score %d (%s)", all[i].Level, all[i].Score, listed(all[i].Terms))
	}
	for _, name := range topicNames() {
		c.add("topic", name, spell(kept, name), spell(now, name), false)
	}
}

// exactOptions is optionNames with the whole time, in no zone of anybody's.
func exactOptions(o gateway.Options) string {
	at := o.NotBefore.UTC()
	o.NotBefore = time.Time{}
	if at.IsZero() {
		return optionNames(o)
	}
	return optionNames(o) + ", not before " + at.Format(time.RFC3339)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
