package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	yamlast "github.com/goccy/go-yaml/ast"
)

// slot is one thing that conditions ask for: a variable, a call, a define, or
// a part of a condition that only CEL can decide. Its value is computed at
// most once per message, or per recipient where it depends on one.
type slot struct {
	name      string // of the variable, function or define; "" for a part
	ident     string // under which CEL asks for it
	text      string // as it stands in a condition
	typ       *cel.Type
	recipient bool
	secret    bool // its value is text of people
	constant  bool // nothing to explain
	words     string
	stands    string // in words, what the name of a define stands for
	eval      func(*Judge) ref.Val
	note      func(*Judge) string // what made it true
	define    *formula            // of a define that is true or false
	inner     []int               // slots inside, whose values explain this one
	level     bool                // typ is the type of levels
	spelled   [2]string           // text with the values false and true
}

// condition is a CEL expression of the file.
type condition struct {
	what   string // "rule health", "define person"
	text   string
	node   yamlast.Node
	parsed *cel.Ast
}

// compiler turns conditions into slots and formulas over them.
type compiler struct {
	*reader
	env     *cel.Env
	slots   []slot
	byText  map[string]int
	byIdent map[string]int
	lists   map[string]wordList
	spots   map[string]spots
	looked  map[string]bool // which lists were checked for which name
	types   []string        // built in and own
	defined []string        // names that the file defines
	counts  int             // of Policy
}

// maxCost bounds one condition, in CEL's units of about 20 ns: at load by an
// estimate, and when it runs, where more is a failed rule.
const maxCost = 1_000_000

// maxCondition bounds the length of one condition, in code points.
const maxCondition = 20_000

func newCompiler(d *document, known []string) (*compiler, error) {
	lists := d.lists
	c := &compiler{
		reader: d.reader, byText: map[string]int{}, byIdent: map[string]int{}, lists: lists, spots: d.spots, looked: map[string]bool{}, types: known, counts: countsFrom,
	}
	opts := []cel.EnvOption{
		cel.EnableMacroCallTracking(),
		cel.ParserRecursionLimit(60),
		cel.ParserExpressionSizeLimit(maxCondition),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(2)),
		cel.Macros(c.macros()...),
	}
	for _, name := range levelNames() {
		opts = append(opts, cel.Constant(name, levelType(), types.Int(levelOf(name))))
	}
	for _, op := range []string{"_<_", "_<=_", "_>_", "_>=_"} {
		opts = append(opts, cel.Function(op, cel.Overload("level"+op, []*cel.Type{levelType(), levelType()}, cel.BoolType)))
	}
	for _, v := range variables() {
		opts = append(opts, cel.Variable(v.name, v.typ))
		c.intern(slot{name: v.name, ident: v.name, text: v.name, typ: v.typ, recipient: v.recipient, secret: v.secret, words: v.phrase(), eval: v.value})
	}
	for _, name := range sortedKeys(lists) {
		full, list := "lists."+name, lists[name]
		opts = append(opts, cel.Variable(full, cel.ListType(cel.StringType)))
		c.intern(slot{name: full, ident: full, text: full, constant: true, words: full, eval: func(*Judge) ref.Val { return list }})
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	c.env = env
	return c, nil
}

// intern returns the name under which CEL asks for s; equal texts share a slot.
func (c *compiler) intern(s slot) string {
	if i, ok := c.byText[s.text]; ok {
		return c.slots[i].ident
	}
	if s.ident == "" {
		s.ident = fmt.Sprintf("#%d", len(c.slots)) // no condition can spell this
	}
	c.byText[s.text] = len(c.slots)
	c.byIdent[s.ident] = len(c.slots)
	c.slots = append(c.slots, s)
	return s.ident
}

func (c *compiler) knownType(s string) bool {
	return s == nationalID || slices.Contains(c.types, alias(s))
}

func (c *compiler) typeNames() []string { return append([]string{nationalID}, c.types...) }

// parse reads a condition; calls become slots. Problems leave parsed nil.
func (c *compiler) parse(x *condition) {
	parsed, issues := c.env.Parse(x.text)
	if issues.Err() != nil {
		c.report(x, issues)
		c.reportNames(x)
		return
	}
	x.parsed = parsed
}

// declareSlots tells the checker of the slots that parsing made.
func (c *compiler) declareSlots() error {
	var opts []cel.EnvOption
	for _, s := range c.slots {
		if strings.HasPrefix(s.ident, "#") && s.name != "" {
			opts = append(opts, cel.Variable(s.ident, s.typ))
		}
	}
	return c.extend(opts...)
}

func (c *compiler) extend(opts ...cel.EnvOption) error {
	env, err := c.env.Extend(opts...)
	if err != nil {
		return fmt.Errorf("extending the CEL environment: %w", err)
	}
	c.env = env
	return nil
}

// check types a parsed condition; nil after a problem.
func (c *compiler) check(x *condition) *cel.Ast {
	checked, issues := c.env.Check(x.parsed)
	if issues.Err() != nil {
		c.report(x, issues)
		return nil
	}
	c.sane(x, checked)
	return checked
}

// define gives a checked condition a name that later conditions can use.
func (c *compiler) define(name string, x *condition, checked *cel.Ast) error {
	root := checked.NativeRep().Expr()
	s := slot{name: name, ident: name, text: name, typ: checked.OutputType(), words: name, stands: c.inWords(root, x.text)}
	s.inner = c.inside(root)
	s.recipient = c.anyRecipient(s.inner)
	if s.typ.IsExactType(cel.BoolType) {
		f := c.formula(x, checked, root)
		s.define, s.inner = f, nil
		s.recipient = c.anyRecipient(f.slots(nil))
		s.eval = func(j *Judge) ref.Val { return f.eval(j) }
	} else if prog := c.program(x, checked); prog != nil {
		if c.counting(s.inner) {
			c.counts = countsTo
		}
		s.secret = s.typ.IsExactType(cel.StringType) || c.anySecret(s.inner)
		s.eval = func(j *Judge) ref.Val { return j.run(prog) }
	}
	c.intern(s)
	return c.extend(cel.Variable(name, s.typ))
}

// program plans a checked expression and bounds its cost.
func (c *compiler) program(x *condition, checked *cel.Ast) cel.Program {
	estimate, err := c.env.EstimateCost(checked, sizes{c})
	if err != nil || estimate.Max > maxCost {
		c.add(c.locate(x.node, x.text, 0), "%s: may take too long: fewer nested loops, shorter lists", x.what)
		return nil
	}
	// A message can hold longer texts than the estimate reckons with.
	prog, err := c.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		c.add(c.locate(x.node, x.text, 0), "%s: %s", x.what, firstLine(err.Error()))
		return nil
	}
	return prog
}

// part makes the slot of a sub-expression that is true or false but neither a
// name nor a logical operator.
func (c *compiler) part(x *condition, checked *cel.Ast, e ast.Expr) int {
	text, err := cel.ExprToString(e, checked.NativeRep().SourceInfo())
	if err != nil {
		c.add(c.locate(x.node, x.text, 0), "%s: cannot be read back", x.what)
		return 0
	}
	if i, ok := c.byText[text]; ok {
		return i
	}
	inner := c.inside(e)
	if c.counting(inner) {
		c.counts = max(c.counts, c.asked(e))
	}
	s := slot{text: text, typ: cel.BoolType, recipient: c.anyRecipient(inner), inner: inner, words: c.inWords(e, text)}
	if s.eval = c.compare(e); s.eval != nil {
		return c.byIdent[c.intern(s)]
	}
	sub, issues := c.env.Compile(text)
	if issues.Err() != nil {
		c.report(x, issues)
		return 0
	}
	if prog := c.program(x, sub); prog != nil {
		s.eval = func(j *Judge) ref.Val { return j.run(prog) }
	}
	return c.byIdent[c.intern(s)]
}

// inside lists the slots that an expression asks for, in order, once each.
func (c *compiler) inside(e ast.Expr) []int {
	var all []int
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(n ast.Expr) {
		if n.Kind() != ast.IdentKind {
			return
		}
		if i, ok := c.byIdent[n.AsIdent()]; ok && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}))
	return all
}

// counting reports whether some slot is how many values were found.
func (c *compiler) counting(all []int) bool {
	return slices.ContainsFunc(all, func(i int) bool { return c.slots[i].name == "count" })
}

// asked is how many values a part with a count tells from more: one more than the
// number that the count is compared with, the most where that is not written out.
func (c *compiler) asked(e ast.Expr) int {
	if e.Kind() == ast.CallKind && len(e.AsCall().Args()) == 2 && ordering(e.AsCall().FunctionName()) != nil {
		args := e.AsCall().Args()
		if n, ok := constantOf(args[1]).(types.Int); ok && args[0].Kind() == ast.IdentKind {
			return int(max(0, min(n, countsTo-1))) + 1
		}
	}
	return countsTo
}

func (c *compiler) anyRecipient(all []int) bool {
	return slices.ContainsFunc(all, func(i int) bool { return c.slots[i].recipient })
}

func (c *compiler) anySecret(all []int) bool {
	return slices.ContainsFunc(all, func(i int) bool { return c.slots[i].secret })
}
