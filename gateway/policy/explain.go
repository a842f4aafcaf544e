package policy

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gatepost/gateway"
)

// atom is one part of a condition in an explanation. The parts of a define are
// shown where it is first met in the file; later rules show its value only.
type atom struct {
	slot  int
	parts []atom
}

// explainRules lays out the explanation of each rule.
func (p *Policy) explainRules() {
	for i := range p.slots {
		s := &p.slots[i]
		s.level = s.typ.IsExactType(levelType())
		s.spelled = [2]string{s.text + " = false", s.text + " = true"}
	}
	shown := map[int]bool{}
	for i := range p.rules {
		p.rules[i].why = p.atoms(p.rules[i].met.slots(nil), shown)
	}
}

func (p *Policy) atoms(slots []int, shown map[int]bool) []atom {
	var all []atom
	for _, i := range slots {
		s := &p.slots[i]
		if s.constant {
			continue
		}
		a := atom{slot: i}
		switch {
		case s.define != nil && !shown[i]:
			shown[i] = true
			a.parts = p.atoms(s.define.slots(nil), shown)
		case s.define == nil && (s.name == "" || !shown[i] && len(s.inner) > 0):
			shown[i] = true
			a.parts = p.atoms(slices.DeleteFunc(slices.Clone(s.inner), func(k int) bool { return p.slots[k].secret }), shown)
		}
		all = append(all, a)
	}
	return all
}

// explain fills in the Why of each result: the atoms of its rule with their
// values. It never shows text of the message: a text that is compared is only
// part of the condition. What is composed shares one string.
func (j *Judge) explain(results []gateway.RuleResult) {
	out := j.scratch[:0]
	for i := range results {
		if !j.explained[i] && !j.fixed(i) {
			out = j.atoms(out, j.p.rules[i].why, "; ")
		}
		j.ends[i] = len(out)
	}
	text, start := string(out), 0
	for i := range results {
		if !j.explained[i] {
			if end := j.ends[i]; end > start {
				j.why[i], start = text[start:end], end
			}
			j.explained[i] = !j.p.rules[i].recipient
		}
		results[i].Why = j.why[i]
	}
	j.scratch = out
}

// fixed explains a rule whose only atom is true or false and says no more.
func (j *Judge) fixed(i int) bool {
	r := &j.p.rules[i]
	if len(r.why) == 0 {
		return true
	}
	s := &j.p.slots[r.why[0].slot]
	b, ok := j.safeValue(r.why[0].slot).(types.Bool)
	if len(r.why) > 1 || len(r.why[0].parts) > 0 || !ok || bool(b) && s.note != nil {
		return false
	}
	j.why[i] = s.spelled[0]
	if b {
		j.why[i] = s.spelled[1]
	}
	return true
}

func (j *Judge) atoms(out []byte, atoms []atom, between string) []byte {
	for k, a := range atoms {
		if k > 0 {
			out = append(out, between...)
		}
		s := &j.p.slots[a.slot]
		v := j.safeValue(a.slot)
		out = append(append(out, s.text...), " = "...)
		out = appendValue(out, s, v)
		switch {
		case len(a.parts) > 0:
			out = append(j.atoms(append(out, " ("...), a.parts, ", "), ')')
		case s.note != nil && v == types.True:
			out = append(append(append(out, " ("...), s.note(j)...), ')')
		}
	}
	return out
}

// safeValue is value, where a panic is an error: the rule has failed already
// and its explanation must still be written.
func (j *Judge) safeValue(i int) (v ref.Val) {
	if j.vals[i] != nil {
		return j.vals[i]
	}
	defer func() {
		if recover() != nil {
			v = types.NewErr("panic")
			j.vals[i] = v
		}
	}()
	return j.value(i)
}

func appendValue(out []byte, s *slot, v ref.Val) []byte {
	switch v := v.(type) {
	case types.Bool:
		return strconv.AppendBool(out, bool(v))
	case types.Int:
		if s.level {
			return append(out, gateway.Level(v).String()...)
		}
		return strconv.AppendInt(out, int64(v), 10)
	case types.String:
		if !s.secret {
			return strconv.AppendQuote(out, string(v))
		}
	case *types.Err:
		return append(out, "failed"...)
	}
	return append(out, "(text)"...)
}

var _ cel.Activation = (*Judge)(nil)

// condition of a rule or define in words: used by Words.
func (p *Policy) spell(f *formula) string {
	switch f.op {
	case "const":
		if f.is {
			return "always"
		}
		return "never"
	case "":
		return p.slots[f.slot].words
	}
	parts := make([]string, len(f.args))
	for i, arg := range f.args {
		parts[i] = p.spell(arg)
		if arg.op != "" && arg.op != "const" && arg.op != f.op && len(arg.args) > 1 {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	switch f.op {
	case "_&&_":
		return strings.Join(parts, " and ")
	case "_||_":
		return strings.Join(parts, " or ")
	case "!_":
		return "not: " + parts[0]
	}
	return "if " + parts[0] + " then " + parts[1] + " else " + parts[2]
}
