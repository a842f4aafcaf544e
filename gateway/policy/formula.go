package policy

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// formula is a condition taken apart at its logical operators, so that each
// part can be computed once and shown with its value. It means what CEL means:
// an error counts only where the other side does not decide.
type formula struct {
	op   operation
	slot int
	is   types.Bool // of constant
	args []*formula
}

// operation is what a formula does with its args.
type operation uint8

const (
	ofSlot operation = iota // the value of the slot
	constant
	and
	or
	not
	choice
)

// operationOf is ofSlot for what is no logical operator.
func operationOf(name string) operation {
	switch name {
	case operators.LogicalAnd:
		return and
	case operators.LogicalOr:
		return or
	case operators.LogicalNot:
		return not
	case operators.Conditional:
		return choice
	}
	return ofSlot
}

// formula takes e apart; e is true or false.
func (c *compiler) formula(x *condition, checked *cel.Ast, e ast.Expr) *formula {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			return &formula{op: constant, is: b}
		}
	case ast.IdentKind:
		if i, ok := c.byIdent[e.AsIdent()]; ok {
			return &formula{slot: i}
		}
	case ast.CallKind:
		if op := operationOf(e.AsCall().FunctionName()); op != ofSlot {
			f := &formula{op: op}
			for _, arg := range e.AsCall().Args() {
				f.args = append(f.args, c.formula(x, checked, arg))
			}
			return f
		}
	}
	return &formula{slot: c.part(x, checked, e)}
}

// eval is true, false or an error.
func (f *formula) eval(j *Judge) ref.Val {
	switch f.op {
	case constant:
		return f.is
	case and:
		return f.decide(j, types.False)
	case or:
		return f.decide(j, types.True)
	case not:
		v := f.args[0].eval(j)
		if b, ok := v.(types.Bool); ok {
			return !b
		}
		return v
	case choice:
		v := f.args[0].eval(j)
		switch v {
		case types.True:
			return f.args[1].eval(j)
		case types.False:
			return f.args[2].eval(j)
		}
		return v
	}
	return j.value(f.slot)
}

// decide is the value that settles the operator if any side has it; else an
// error if any side has one.
func (f *formula) decide(j *Judge, settles types.Bool) ref.Val {
	var failed ref.Val
	for _, arg := range f.args {
		v := arg.eval(j)
		if v == settles {
			return settles
		}
		if _, ok := v.(types.Bool); !ok && failed == nil {
			failed = v
		}
	}
	if failed != nil {
		return failed
	}
	return !settles
}

// slots appends the slots of f in the order in which they are written, once each.
func (f *formula) slots(all []int) []int {
	if f.op == ofSlot {
		for _, i := range all {
			if i == f.slot {
				return all
			}
		}
		return append(all, f.slot)
	}
	for _, arg := range f.args {
		all = arg.slots(all)
	}
	return all
}
