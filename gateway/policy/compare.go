package policy

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// compare evaluates the commonest parts, a name compared with a constant or
// looked up in a list, without starting CEL: `topic("health") >= MEDIUM`,
// `service_type == "OTP"`, `recipient.domain in lists.partners`. It is nil for
// anything else. The checker has made sure of the types.
func (c *compiler) compare(e ast.Expr) func(*Judge) ref.Val {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return nil
	}
	operator, args := e.AsCall().FunctionName(), e.AsCall().Args()
	if args[0].Kind() != ast.IdentKind {
		return nil
	}
	i, ok := c.byIdent[args[0].AsIdent()]
	if !ok {
		return nil
	}
	if operator == operators.In {
		return c.lookUp(i, args[1])
	}
	holds, constant := ordering(operator), constantOf(args[1])
	if holds == nil || constant == nil {
		return nil
	}
	switch want := constant.(type) {
	case types.Int:
		return func(j *Judge) ref.Val { return ordered(j.value(i), want, holds) }
	case types.String:
		return func(j *Judge) ref.Val { return ordered(j.value(i), want, holds) }
	}
	return nil
}

// lookUp is `name in lists.x` or `name in ["a", "b"]`, nil for any other list.
func (c *compiler) lookUp(i int, e ast.Expr) func(*Judge) ref.Val {
	var in func(types.String) ref.Val
	switch e.Kind() {
	case ast.IdentKind:
		list, ok := c.lists[strings.TrimPrefix(e.AsIdent(), "lists.")]
		if !ok || !strings.HasPrefix(e.AsIdent(), "lists.") {
			return nil
		}
		in = func(s types.String) ref.Val { return list.Contains(s) }
	case ast.ListKind:
		var words []string
		for _, item := range e.AsList().Elements() {
			word, ok := literal(item)
			if !ok {
				return nil
			}
			words = append(words, word)
		}
		in = func(s types.String) ref.Val { return types.Bool(slices.Contains(words, string(s))) }
	default:
		return nil
	}
	return func(j *Judge) ref.Val {
		v := j.value(i)
		if s, ok := v.(types.String); ok {
			return in(s)
		}
		return types.MaybeNoSuchOverloadErr(v)
	}
}

// ordered compares got with want; an error stays an error.
func ordered[T interface {
	cmp.Ordered
	ref.Val
}](got ref.Val, want T, holds func(int) bool) ref.Val {
	v, ok := got.(T)
	if !ok {
		return types.MaybeNoSuchOverloadErr(got)
	}
	return types.Bool(holds(cmp.Compare(v, want)))
}

func ordering(operator string) func(int) bool {
	switch operator {
	case operators.Equals:
		return func(c int) bool { return c == 0 }
	case operators.NotEquals:
		return func(c int) bool { return c != 0 }
	case operators.Less:
		return func(c int) bool { return c < 0 }
	case operators.LessEquals:
		return func(c int) bool { return c <= 0 }
	case operators.Greater:
		return func(c int) bool { return c > 0 }
	case operators.GreaterEquals:
		return func(c int) bool { return c >= 0 }
	}
	return nil
}

// constantOf is the value of a literal or of a level, nil for anything else.
func constantOf(e ast.Expr) ref.Val {
	switch e.Kind() {
	case ast.LiteralKind:
		return e.AsLiteral()
	case ast.IdentKind:
		if slices.Contains(levelNames(), e.AsIdent()) {
			return types.Int(levelOf(e.AsIdent()))
		}
	}
	return nil
}
