package policy

import (
	"fmt"
	"math/bits"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// A comparison that no message can ever meet is a mistake: a rule that never
// acts looks like one that found nothing.

// sane refuses the comparisons of a checked condition that are never true.
func (c *compiler) sane(x *condition, checked *cel.Ast) {
	s := sanity{c: c, x: x, info: checked.NativeRep().SourceInfo(), inner: map[int64]bool{}}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(s.visit))
}

type sanity struct {
	c     *compiler
	x     *condition
	info  *ast.SourceInfo
	inner map[int64]bool // what stands in an && that was looked at whole
}

func (s *sanity) bad(e ast.Expr, format string, args ...any) {
	s.c.add(s.at(e), "%s: %s", s.x.what, fmt.Sprintf(format, args...))
}

// at is where e stands in the file.
func (s *sanity) at(e ast.Expr) place {
	offset := 0
	if at := s.info.GetStartLocation(e.ID()); at.Line() > 0 {
		offset = offsetOf(s.x.text, at.Line(), max(0, at.Column()))
	}
	return s.c.locate(s.x.node, s.x.text, offset)
}

func (s *sanity) visit(e ast.Expr) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	switch name := call.FunctionName(); {
	case name == operators.LogicalAnd:
		if !s.inner[e.ID()] {
			s.together(e)
		}
	case call.IsMemberFunction() && slices.Contains([]string{"startsWith", "endsWith", "contains"}, name) && len(call.Args()) == 1:
		s.text(s.named(call.Target()), call.Args()[0], pieceProblem)
	case name == operators.In:
		s.membership(s.named(call.Args()[0]), call.Args()[1])
	default:
		s.comparison(e)
	}
}

// named is the name of the vocabulary that e is, "" for anything else.
func (s *sanity) named(e ast.Expr) string {
	if e.Kind() != ast.IdentKind {
		return ""
	}
	if i, ok := s.c.byIdent[e.AsIdent()]; ok {
		return s.c.slots[i].name
	}
	return ""
}

// text checks a text that a name is compared with.
func (s *sanity) text(name string, e ast.Expr, problem func(name, text string) string) {
	if text, ok := literal(e); ok && name != "" {
		if p := problem(name, text); p != "" && odd(name) {
			s.c.warn(s.at(e), "%s: %s", s.x.what, p)
		} else if p != "" {
			s.bad(e, "%s", p)
		}
	}
}

// membership checks what a name is looked up in.
func (s *sanity) membership(name string, e ast.Expr) {
	if e.Kind() == ast.ListKind {
		for _, item := range e.AsList().Elements() {
			s.text(name, item, textProblem)
			if want, ok := constantOf(item).(types.Int); ok && name == "local_time" && hours(operators.Equals, int64(want)) == 0 {
				s.bad(item, "local_time is an hour, 0 to 23: %d never is", want)
			}
		}
	}
	if e.Kind() == ast.IdentKind && name != "" {
		s.c.checkList(name, e.AsIdent())
	}
}

// comparison checks `name == constant` and its kin.
func (s *sanity) comparison(e ast.Expr) {
	ident, operator, constant := s.compared(e)
	if constant == nil {
		return
	}
	if name := s.named(ident); operator == operators.Equals || operator == operators.NotEquals {
		s.text(name, constant, textProblem)
	}
	domain, is := s.values(ident, operator, constant)
	switch {
	case !is || domain != 0:
	case s.named(ident) == "local_time":
		s.bad(e, "local_time is an hour, 0 to 23: this is never met")
	default:
		s.bad(e, "no level is above HIGH: write >= HIGH")
	}
}

// compared takes `name op constant` apart, also with the constant in front.
// constant is nil for anything else.
func (s *sanity) compared(e ast.Expr) (ident ast.Expr, operator string, constant ast.Expr) {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return nil, "", nil
	}
	operator, args := e.AsCall().FunctionName(), e.AsCall().Args()
	if ordering(operator) == nil {
		return nil, "", nil
	}
	if s.named(args[0]) != "" && constantOf(args[1]) != nil {
		return args[0], operator, args[1]
	}
	if s.named(args[1]) != "" && constantOf(args[0]) != nil {
		return args[1], mirrored(operator), args[0]
	}
	return nil, "", nil
}

// mirrored is the operator that says the same with the sides exchanged.
func mirrored(operator string) string {
	switch operator {
	case operators.Less:
		return operators.Greater
	case operators.LessEquals:
		return operators.GreaterEquals
	case operators.Greater:
		return operators.Less
	case operators.GreaterEquals:
		return operators.LessEquals
	}
	return operator
}

// values is the set, a bit each, of the hours or levels for which a comparison
// holds; is is false for names that have neither.
func (s *sanity) values(ident ast.Expr, operator string, constant ast.Expr) (set uint32, is bool) {
	want, ok := constantOf(constant).(types.Int)
	if !ok {
		return 0, false
	}
	slot := &s.c.slots[s.c.byIdent[ident.AsIdent()]]
	switch {
	case slot.name == "local_time":
		return hours(operator, int64(want)), true
	case slot.typ.IsExactType(levelType()):
		return held(operator, int64(want), 1+len(levelNames())), true // with none at all
	}
	return 0, false
}

func hours(operator string, want int64) uint32 { return held(operator, want, 24) }

// held is the set of the numbers below n for which a comparison holds.
func held(operator string, want int64, n int) (set uint32) {
	holds := ordering(operator)
	for v := range int64(n) {
		if holds(int(v - min(max(want, -1), 1<<20))) {
			set |= 1 << v
		}
	}
	return set
}

// together finds what is never met because two sides of an && exclude each
// other: `local_time >= 22 && local_time < 6`.
func (s *sanity) together(e ast.Expr) {
	sets, texts := map[string]uint32{}, map[string]string{}
	for _, part := range s.conjuncts(e, nil) {
		ident, operator, constant := s.compared(part)
		if constant == nil {
			continue
		}
		name := s.c.slots[s.c.byIdent[ident.AsIdent()]].text
		if set, is := s.values(ident, operator, constant); is && set != 0 {
			before, there := sets[name]
			if sets[name] = set; there {
				sets[name] = set & before
			}
			if bits.OnesCount32(sets[name]) == 0 {
				s.bad(part, "%s cannot meet this and what stands before it at once: is || meant?", name)
				return
			}
		}
		if text, ok := literal(constant); ok && operator == operators.Equals {
			if before, there := texts[name]; there && before != text {
				s.bad(part, "%s cannot be %s and %s at once: is || meant?", name, quote(before), quote(text))
				return
			}
			texts[name] = text
		}
	}
}

// conjuncts lists what an && joins, also through further ones.
func (s *sanity) conjuncts(e ast.Expr, all []ast.Expr) []ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		return append(all, e)
	}
	s.inner[e.ID()] = true
	for _, arg := range e.AsCall().Args() {
		all = s.conjuncts(arg, all)
	}
	return all
}
