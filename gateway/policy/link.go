package policy

import (
	"cmp"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// compile resolves every condition and every name of a rule.
func (p *Policy) compile(d *document) error {
	known := slices.Clone(d.builtin)
	for _, own := range d.detectors {
		known = append(known, own.Name)
	}
	c, err := newCompiler(d, known)
	if err != nil {
		return err
	}
	for i := range p.defines {
		c.defined = append(c.defined, p.defines[i].name)
		c.freeName(p.defines[i])
		c.parse(&p.defines[i].cond)
	}
	for i := range p.rules {
		c.parse(&p.rules[i].cond)
	}
	if err := c.declareSlots(); err != nil {
		return err
	}
	if err := c.compileDefines(p.defines); err != nil {
		return err
	}
	for i := range p.rules {
		c.compileRule(&p.rules[i])
	}
	p.link(c, d.mentions)
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
		return c.problems
	}
	p.slots, p.byIdent, p.counts = c.slots, c.byIdent, c.counts
	p.explainRules()
	return nil
}

// freeName refuses a define that would hide a word of the vocabulary.
func (c *compiler) freeName(d definition) {
	taken := append(c.names(), families()...)
	if slices.Contains(taken, d.name) {
		c.add(d.at, "define %s: the vocabulary has this name already", d.name)
	}
}

// compileDefines checks the defines, each after those that it uses.
func (c *compiler) compileDefines(defines []definition) error {
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(defines))
	var visit func(i int) error
	visit = func(i int) error {
		d := &defines[i]
		state[i] = open
		for _, j := range uses(d.cond.parsed, defines) {
			if state[j] == open {
				c.add(d.at, "define %s: goes in a circle through %s", d.name, defines[j].name)
				d.cond.parsed = nil
				break
			}
			if state[j] == unseen {
				if err := visit(j); err != nil {
					return err
				}
			}
		}
		state[i] = done
		return c.compileDefine(d)
	}
	for i := range defines {
		if state[i] == unseen {
			if err := visit(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compiler) compileDefine(d *definition) error {
	if d.cond.parsed != nil {
		if checked := c.check(&d.cond); checked != nil {
			return c.define(d.name, &d.cond, checked)
		}
	}
	// The define is broken and reported; its users are not reported for it.
	if _, taken := c.byIdent[d.name]; taken {
		return nil
	}
	return c.extend(cel.Variable(d.name, cel.DynType))
}

// uses lists the defines that a parsed condition names.
func uses(parsed *cel.Ast, defines []definition) []int {
	var all []int
	if parsed == nil {
		return nil
	}
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		if i := slices.IndexFunc(defines, func(d definition) bool { return d.name == e.AsIdent() }); i >= 0 {
			all = append(all, i)
		}
	}))
	return all
}

func (c *compiler) compileRule(r *rule) {
	if r.cond.parsed == nil {
		return
	}
	checked := c.check(&r.cond)
	if checked == nil {
		return
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		if len(c.problems) == 0 || !t.IsExactType(cel.DynType) {
			c.add(c.locate(r.cond.node, r.cond.text, 0), "%s: when must be true or false, not %s", r.cond.what, t)
		}
		return
	}
	r.met = c.formula(&r.cond, checked, checked.NativeRep().Expr())
	r.recipient = c.anyRecipient(r.met.slots(nil))
}

// link resolves the names of rules and orders lifting.
func (p *Policy) link(c *compiler, mentions []reference) {
	index := map[string]int{}
	var ids []string
	for i := range p.rules {
		index[p.rules[i].id] = i
		ids = append(ids, p.rules[i].id)
	}
	find := func(ref reference) (int, bool) {
		i, ok := index[ref.id]
		if !ok {
			c.add(ref.at, "unknown rule %s%s", quote(ref.id), suggest(ref.id, ids))
		}
		return i, ok
	}
	for _, ref := range mentions {
		find(ref)
	}
	for i := range p.rules {
		r := &p.rules[i]
		for _, ref := range slices.Concat(r.satisfies, r.exempts) {
			if j, ok := find(ref); ok {
				r.lifts = append(r.lifts, j)
			}
		}
	}
	p.orderLifts(c)
}

// orderLifts puts every rule before those that it lifts, so that a rule which
// was itself lifted lifts nothing. A circle would have no answer.
func (p *Policy) orderLifts(c *compiler) {
	state := make([]int, len(p.rules)) // 0 unseen, 1 open, 2 done
	var visit func(i int)
	visit = func(i int) {
		state[i] = 1
		for _, j := range p.rules[i].lifts {
			switch state[j] {
			case 0:
				visit(j)
			case 1:
				if i == j {
					c.add(p.rules[i].at, "rule %s lifts itself", p.rules[i].id)
					continue
				}
				c.add(p.rules[i].at, "rules %s and %s lift each other", p.rules[i].id, p.rules[j].id)
			}
		}
		state[i] = 2
		p.order = append(p.order, i)
	}
	for i := range p.rules {
		if state[i] == 0 {
			visit(i)
		}
	}
	slices.Reverse(p.order)
}
