package policy

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

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

// explainRules lays out the explanation of each rule, and what of it is the
// same for every message.
func (p *Policy) explainRules() {
	for i := range p.slots {
		s := &p.slots[i]
		s.level = s.typ.IsExactType(levelType())
		s.spelled = [2]string{s.text + " = false", s.text + " = true"}
	}
	shown := map[int]bool{}
	for i := range p.rules {
		r := &p.rules[i]
		r.why = p.atoms(r.met.slots(nil), shown)
		r.few = p.few(r.why)
		blank := gateway.RuleResult{ID: r.id, Reason: r.reason, Action: r.action, Shadow: r.shadow}
		if r.until != nil {
			blank.Until = clock(*r.until)
		}
		p.blank = append(p.blank, blank)
	}
	p.said = make([]saying, len(p.rules))
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

// saying is what a rule said of the last messages for which it was not met and
// met. Truth values, levels and counts come to the same few words again and
// again.
type saying [2]atomic.Pointer[string]

// words is text, made only where it is not what was said last.
func (s *saying) words(met bool, text []byte) string {
	at := &s[0]
	if met {
		at = &s[1]
	}
	if last := at.Load(); last != nil && *last == string(text) {
		return *last
	}
	words := string(text)
	at.Store(&words)
	return words
}

// few reports whether atoms show nothing that is different for every message,
// such as its size and what is reckoned with it.
func (p *Policy) few(atoms []atom) bool {
	return !slices.ContainsFunc(atoms, func(a atom) bool {
		s := &p.slots[a.slot]
		reckoned := len(s.inner) > 0 && !s.typ.IsExactType(cel.BoolType)
		return s.name == "size" || reckoned || !p.few(a.parts)
	})
}

// explain fills in the Why of each result: the atoms of its rule with their
// values. It never shows text of the message: a text that is compared is only
// part of the condition. What is composed for this message shares one string.
func (j *Judge) explain(results []gateway.RuleResult) {
	out := j.scratch[:0]
	for i := range results {
		if !j.explained[i] && !j.fixed(i) {
			from := len(out)
			out = j.atoms(out, j.p.rules[i].why, "; ")
			if j.p.rules[i].few {
				j.why[i] = j.p.said[i].words(results[i].Met, out[from:])
				out = out[:from]
			}
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
		switch v {
		case types.False:
			out = append(out, s.spelled[0]...)
		case types.True:
			out = append(out, s.spelled[1]...)
		default:
			out = append(append(out, s.text...), " = "...)
			out = j.appendValue(out, s, v)
		}
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

func (j *Judge) appendValue(out []byte, s *slot, v ref.Val) []byte {
	switch v := v.(type) {
	case types.Int:
		if v == veryMany && s.name == "count" {
			return append(strconv.AppendInt(out, int64(j.p.counts), 10), " or more"...)
		}
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
	case constant:
		if f.is {
			return "always"
		}
		return "never"
	case ofSlot:
		return p.slots[f.slot].words
	}
	parts := make([]string, len(f.args))
	for i, arg := range f.args {
		parts[i] = p.spell(arg)
		if arg.op != ofSlot && arg.op != constant && arg.op != f.op && len(arg.args) > 1 {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	switch f.op {
	case and:
		return strings.Join(parts, " and ")
	case or:
		return strings.Join(parts, " or ")
	case not:
		return "not: " + parts[0]
	}
	return "if " + parts[0] + " then " + parts[1] + " else " + parts[2]
}
