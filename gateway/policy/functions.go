package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gatepost/gateway"
)

// function is a function of the vocabulary. Its arguments are constants, so a
// call is resolved when the policy is loaded: the macro expander replaces it
// by a variable of its own, a slot, which is computed once per message.
type function struct {
	name   string
	usage  string
	words  string // what it says, for a reader
	typ    *cel.Type
	member string // receiver, "" for a global function
	least  int    // arguments
	most   int
	slot   func(*call) slot
}

// functions is the vocabulary of functions.
func functions() []function {
	boolean, integer := cel.BoolType, cel.IntType
	return []function{
		{"found", "found([types], LOW|MEDIUM|HIGH)", "any of these types was found, in any part, with at least this confidence", boolean, "", 2, 2, (*call).found},
		{"count", "count([types]) or count([types], LOW|MEDIUM|HIGH)", "how many different values of these types were found; without a level from MEDIUM on; exact up to 99 and as far as any rule compares a count, at most up to 999; what is above counts as more than any rule asks for", integer, "", 1, 2, (*call).count},
		{"topic", "topic(name)", "how much the message speaks of such matters", levelType(), "", 1, 1, (*call).topic},
		{"kind", "kind(name)", "the message is of this kind", boolean, "", 1, 1, (*call).kind},
		{"declared", "declared(kind)", "the sender declares the message as this", boolean, "", 1, 1, (*call).declared},
		{"unreadable", "unreadable([kinds])", "the message has content of one of these kinds, which nobody could read", boolean, "", 1, 1, (*call).unreadable},
		{"header", "header(name)", "the first header field of this name, decoded; empty when absent", cel.StringType, "", 1, 1, (*call).header},
		{"consents", "recipient.consents(name)", "the recipient gave this consent", boolean, "recipient", 1, 1, (*call).consents},
	}
}

// macros makes the expanders that resolve calls into slots of c.
func (c *compiler) macros() []cel.Macro {
	var all []cel.Macro
	for _, f := range functions() {
		expand := func(eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
			return c.expand(f, eh, target, args)
		}
		if f.member != "" {
			all = append(all, cel.ReceiverVarArgMacro(f.name, expand))
		} else {
			all = append(all, cel.GlobalVarArgMacro(f.name, expand))
		}
	}
	return all
}

func (c *compiler) expand(f function, eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if f.member != "" && (target.Kind() != ast.IdentKind || target.AsIdent() != f.member) {
		return nil, nil // not ours: the checker says what is wrong
	}
	if len(args) < f.least || len(args) > f.most {
		return nil, &common.Error{Message: "usage: " + f.usage + ": " + f.words, Location: common.NoLocation}
	}
	x := &call{c: c, eh: eh, args: args}
	s := f.slot(x)
	if x.err != nil {
		return nil, x.err
	}
	s.name, s.typ = f.name, f.typ
	if f.member != "" {
		s.name = f.member + "." + f.name
	}
	s.text = s.name + "(" + strings.Join(x.shown, ", ") + ")"
	return eh.NewIdent(c.intern(s)), nil
}

// call is one call that is being resolved.
type call struct {
	c     *compiler
	eh    cel.MacroExprFactory
	args  []ast.Expr
	shown []string
	err   *common.Error
}

func (x *call) bad(e ast.Expr, format string, args ...any) {
	if x.err == nil {
		x.err = x.eh.NewError(e.ID(), fmt.Sprintf(format, args...))
	}
}

// word reads argument i, a quoted text; known nil allows any.
func (x *call) word(i int, what string, known []string) string {
	s, ok := literal(x.args[i])
	if !ok {
		x.bad(x.args[i], "%s must be written out in quotes", what)
	} else if known != nil && !slices.Contains(known, s) {
		x.bad(x.args[i], "unknown %s %s%s", what, quote(s), suggest(s, known))
	}
	x.shown = append(x.shown, fmt.Sprintf("%q", s))
	return s
}

// words reads argument i, a list of quoted texts.
func (x *call) words(i int, what string, check func(e ast.Expr, s string) string) []string {
	if x.args[i].Kind() != ast.ListKind || x.args[i].AsList().Size() == 0 {
		x.bad(x.args[i], `%ss must be a list that is written out: ["a", "b"]`, what)
		return nil
	}
	var all, shown []string
	for _, e := range x.args[i].AsList().Elements() {
		s, ok := literal(e)
		if !ok {
			x.bad(e, "%s must be written out in quotes", what)
			return nil
		}
		shown = append(shown, fmt.Sprintf("%q", s))
		all = append(all, check(e, s))
	}
	x.shown = append(x.shown, "["+strings.Join(shown, ", ")+"]")
	return all
}

// types reads argument 0, a list of types of findings.
func (x *call) types() []string {
	return x.words(0, "type", func(e ast.Expr, s string) string {
		if !x.c.knownType(s) {
			x.bad(e, "unknown type of finding %s%s", quote(s), suggestType(s, x.c.typeNames()))
		}
		return alias(s)
	})
}

// level reads argument i; absent it is MEDIUM.
func (x *call) level(i int) gateway.Level {
	if i >= len(x.args) {
		return gateway.Medium
	}
	e := x.args[i]
	if e.Kind() != ast.IdentKind || !slices.Contains(levelNames(), e.AsIdent()) {
		x.bad(e, "the level must be LOW, MEDIUM or HIGH%s", levelHint(e))
		return gateway.Medium
	}
	x.shown = append(x.shown, e.AsIdent())
	return levelOf(e.AsIdent())
}

// levelHint says which level was meant by one in quotes or small letters.
func levelHint(e ast.Expr) string {
	word, quoted := literal(e)
	if e.Kind() == ast.IdentKind {
		word = e.AsIdent()
	}
	if word = strings.ToUpper(word); !slices.Contains(levelNames(), word) {
		return ""
	}
	if quoted {
		return "; write " + word + " without quotes"
	}
	return "; did you mean " + word + "?"
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

func (x *call) found() slot {
	set, level := x.types(), x.level(1)
	return slot{
		words: fmt.Sprintf("%s found with at least %s confidence", anyOf(set), level),
		eval:  func(j *Judge) ref.Val { return types.Bool(j.anyFound(set, level)) },
		note:  func(j *Judge) string { return j.found(set, level) },
	}
}

func (x *call) count() slot {
	set, level := x.types(), x.level(1)
	return slot{
		words: fmt.Sprintf("the number of different values of %s with at least %s confidence", strings.Join(set, ", "), level),
		eval:  func(j *Judge) ref.Val { return types.Int(j.count(set, level)) },
	}
}

func (x *call) topic() slot {
	name := x.word(0, "topic", topicNames())
	return slot{words: "how much it speaks of " + name + " matters", eval: func(j *Judge) ref.Val { return types.Int(j.topic(name)) }}
}

func (x *call) kind() slot {
	name := x.word(0, "kind of message", kindNames())
	return slot{words: "it is a " + strings.ReplaceAll(name, "_", " "), eval: func(j *Judge) ref.Val {
		return types.Bool(slices.Contains(j.detections.Kinds, name))
	}}
}

func (x *call) declared() slot {
	name := x.word(0, "declaration", declaredNames())
	return slot{words: "the sender declares it as " + name, eval: func(j *Judge) ref.Val { return types.Bool(j.declared(name)) }}
}

func (x *call) unreadable() slot {
	set := x.words(0, "kind", func(e ast.Expr, s string) string {
		if known := unreadableNames(); !slices.Contains(known, s) {
			x.bad(e, "unknown kind of content %s%s", quote(s), suggest(s, known))
		}
		return s
	})
	return slot{words: "it holds " + anyOf(set), eval: func(j *Judge) ref.Val {
		return types.Bool(slices.ContainsFunc(j.reading.Unreadable, func(u gateway.Unreadable) bool { return slices.Contains(set, u.Kind) }))
	}}
}

func (x *call) header() slot {
	name := x.word(0, "the name of a header field", nil)
	if strings.ContainsAny(name, " :\r\n") || name == "" {
		x.bad(x.args[0], "%s is no name of a header field", quote(name))
	}
	return slot{secret: true, words: "the header field " + name, eval: func(j *Judge) ref.Val { return types.String(header(j.reading, name)) }}
}

func (x *call) consents() slot {
	name := x.word(0, "the consent", nil)
	return slot{recipient: true, words: "the recipient consents to " + name, eval: func(j *Judge) ref.Val {
		return types.Bool(slices.Contains(j.r.Consents, name))
	}}
}

// anyOf is "a", "a or b", "any of a, b, c".
func anyOf(set []string) string {
	if len(set) <= 2 {
		return strings.Join(set, " or ")
	}
	return "any of " + strings.Join(set, ", ")
}
