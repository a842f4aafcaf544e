package policy

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gatepost/gateway"
)

// Judge judges one message, for one recipient after the other. What does not
// depend on the recipient is computed once. Not safe for concurrent use.
type Judge struct {
	p          *Policy
	m          Message
	reading    *gateway.Reading
	detections *gateway.Detections
	failed     string // constant phrase; what failed before any rule
	r          Recipient
	thread     Thread

	vals      []ref.Val // of slots; nil: not computed
	results   []outcome // of rules
	why       []string  // of rules
	explained []bool    // rules whose why holds for every recipient
	ends      []int     // scratch of explain
	liftedBy  []int     // scratch of lifts
	seen      []seenType
	scratch   []byte // of explain; holds no text of messages
}

// outcome of one rule.
type outcome struct {
	met, failed bool
	done        bool // and does not depend on the recipient
}

// Prepare begins the judgement of a message. Done may end it.
func (p *Policy) Prepare(m Message) *Judge {
	j, ok := p.idle.Get().(*Judge)
	if !ok {
		j = p.newJudge()
	}
	j.begin(m)
	return j
}

// Done lets go of the message, and of j, which must not be used any more.
func (j *Judge) Done() {
	j.clear() // an idle Judge keeps nothing of a message
	j.p.idle.Put(j)
}

// Judge is Prepare, For and Done in one.
func (p *Policy) Judge(f Facts) gateway.Verdict {
	j := p.Prepare(f.Message)
	defer j.Done()
	return j.For(f.Recipient, f.Thread)
}

func (p *Policy) newJudge() *Judge {
	n := len(p.rules)
	ints := make([]int, 2*n)
	return &Judge{
		p: p, vals: make([]ref.Val, len(p.slots)), results: make([]outcome, n),
		why: make([]string, n), explained: make([]bool, n), ends: ints[:n], liftedBy: ints[n:],
	}
}

func (j *Judge) begin(m Message) {
	j.m, j.reading, j.detections, j.failed = m, m.Reading, m.Detections, m.Failed
	j.doubts()
	j.gather()
}

func (j *Judge) clear() {
	clear(j.vals)
	clear(j.results)
	clear(j.why)
	clear(j.explained)
	j.m, j.reading, j.detections, j.r, j.thread = Message{}, nil, nil, Recipient{}, Thread{}
}

// doubts finds what makes the message be judged at its worst.
func (j *Judge) doubts() {
	fail := func(on bool, phrase string) {
		if on && j.failed == "" {
			j.failed = phrase
		}
	}
	fail(j.reading == nil, "the message was not read")
	fail(j.detections == nil, "detection did not run")
	if j.reading == nil {
		j.reading = &gateway.Reading{}
	}
	if j.detections == nil {
		j.detections = &gateway.Detections{}
	}
	fail(len(j.reading.Uncertain) > 0, "the message can be read in two ways")
	fail(j.detections.Truncated, "the message was not scanned to its end")
}

// For judges the message for one recipient. It never panics: what goes wrong
// inside is judged at on_error.
func (j *Judge) For(r Recipient, t Thread) (v gateway.Verdict) {
	defer func() {
		if recover() != nil {
			v = gateway.Verdict{Action: j.p.onError, Failed: true}
			v.Policy, v.Digest, v.Words, v.Shadow, v.Error = j.p.name, j.p.digest, j.p.words, j.p.onError, "judging failed"
		}
	}()
	j.r, j.thread = r, t
	for i := range j.p.slots {
		if j.p.slots[i].recipient {
			j.vals[i] = nil
		}
	}
	failed := j.failed
	for i := range j.p.rules {
		if o := &j.results[i]; !o.done {
			o.met, o.failed = j.rule(i)
			o.done = !j.p.rules[i].recipient
		}
		if j.results[i].failed && !j.p.rules[i].shadow && failed == "" {
			failed = "a rule could not be judged"
		}
	}
	return j.verdict(failed)
}

// rule evaluates the condition of rule i; a panic is a failed rule.
func (j *Judge) rule(i int) (met, failed bool) {
	defer func() {
		if recover() != nil {
			met, failed = false, true
		}
	}()
	b, ok := j.p.rules[i].met.eval(j).(types.Bool)
	return ok && bool(b), !ok
}

// verdict weighs the outcomes of all rules.
func (j *Judge) verdict(failed string) gateway.Verdict {
	v := gateway.Verdict{Failed: failed != ""}
	v.Shadow = j.strictest(j.lifts(true), true, v.Failed || j.anyFailed())
	liftedBy := j.lifts(false)
	v.Action = j.strictest(liftedBy, false, v.Failed)
	v.Policy, v.Digest, v.Words, v.Error = j.p.name, j.p.digest, j.p.words, failed
	v.Findings, v.Topics, v.Kinds = j.detections.Findings, j.detections.Topics, j.detections.Kinds
	v.Rules = j.demanding(v.Action, liftedBy)
	v.Results = slices.Clone(j.p.blank)
	for i := range j.p.rules {
		r, o, res := &j.p.rules[i], j.results[i], &v.Results[i]
		if o.failed {
			res.Error = "the condition could not be evaluated"
		}
		if !o.met {
			continue
		}
		res.Met = true
		if liftedBy[i] >= 0 {
			res.LiftedBy = j.p.rules[liftedBy[i]].id
		}
		if r.shadow {
			continue
		}
		if liftedBy[i] < 0 && r.until != nil {
			merge(&v.Options, gateway.Options{NotBefore: nextHour(j.m.Now, *r.until)})
		}
		if liftedBy[i] < 0 || j.p.rules[liftedBy[i]].action == gateway.TLS {
			// Without verified TLS the message is secured after all, and then
			// as the rules demand that TLS would have satisfied.
			merge(&v.Options, r.options)
		}
	}
	j.senderOptions(&v.Options)
	j.explain(v.Results)
	return v
}

// demands reports whether rule i acts and asks for this action.
func (j *Judge) demands(i int, action gateway.Action, liftedBy []int) bool {
	r := &j.p.rules[i]
	return j.results[i].met && !r.shadow && !r.waits && liftedBy[i] < 0 && r.action == action
}

// demanding lists the rules that demand an action, in order of the file.
func (j *Judge) demanding(action gateway.Action, liftedBy []int) []string {
	n := 0
	for i := range j.p.rules {
		if j.demands(i, action, liftedBy) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	ids := make([]string, 0, n)
	for i := range j.p.rules {
		if j.demands(i, action, liftedBy) {
			ids = append(ids, j.p.rules[i].id)
		}
	}
	return ids
}

// lifts says for each rule which rule lifts it, the strictest of several, -1
// for none. A rule lifts only while it acts: met, enforced (or counted), not
// lifted itself.
func (j *Judge) lifts(shadow bool) []int {
	by := j.liftedBy
	for i := range by {
		by[i] = -1
	}
	for _, i := range j.p.order {
		r := &j.p.rules[i]
		if len(r.lifts) == 0 || !j.results[i].met || r.shadow && !shadow || by[i] >= 0 {
			continue
		}
		for _, k := range r.lifts {
			if by[k] < 0 || r.action.StricterThan(j.p.rules[by[k]].action) {
				by[k] = i
			}
		}
	}
	return by
}

// strictest is the action of the rules that act, the default when none does,
// and on_error at least after a failure.
func (j *Judge) strictest(liftedBy []int, shadow, failed bool) gateway.Action {
	action, claimed := j.p.otherwise, false
	for i := range j.p.rules {
		r := &j.p.rules[i]
		if !j.results[i].met || r.shadow && !shadow || liftedBy[i] >= 0 || r.waits {
			continue
		}
		if !claimed || r.action.StricterThan(action) {
			action = r.action
		}
		claimed = true
	}
	if failed && j.p.onError.StricterThan(action) {
		action = j.p.onError
	}
	return action
}

func (j *Judge) anyFailed() bool {
	return slices.ContainsFunc(j.results, func(o outcome) bool { return o.failed })
}

// merge keeps the stricter of each option, and the later time.
func merge(into *gateway.Options, o gateway.Options) {
	if o.Expires > 0 && (into.Expires == 0 || o.Expires < into.Expires) {
		into.Expires = o.Expires
	}
	if slices.Index(pinNames(), o.PIN) > slices.Index(pinNames(), into.PIN) {
		into.PIN = o.PIN
	}
	if o.StaffCopy == "none" {
		into.StaffCopy = "none"
	}
	if o.Status == "opened" {
		into.Status = "opened"
	}
	if o.Reason == "required" {
		into.Reason = "required"
	}
	if o.Notify == "sender" {
		into.Notify = "sender"
	}
	if o.NotBefore.After(into.NotBefore) {
		into.NotBefore = o.NotBefore
	}
}

// nextHour is the next time after now when that hour begins, in the zone of
// now.
func nextHour(now time.Time, hour int) time.Time {
	year, month, day := now.Date()
	t := time.Date(year, month, day, hour, 0, 0, 0, now.Location())
	if !t.After(now) {
		t = time.Date(year, month, day+1, hour, 0, 0, 0, now.Location())
	}
	return t
}

func clock(hour int) string { return fmt.Sprintf("%02d:00", hour) }

// senderOptions adds what the sender asked for this one message.
func (j *Judge) senderOptions(into *gateway.Options) {
	if !j.m.TagsBind {
		return
	}
	tags := j.reading.Tags
	asked := gateway.Options{Expires: time.Duration(tags.Expires) * 24 * time.Hour}
	if tags.PIN != "" {
		asked.PIN = "sender"
	}
	merge(into, asked)
}

// value of slot i, computed once.
func (j *Judge) value(i int) ref.Val {
	if j.vals[i] == nil {
		j.vals[i] = j.p.slots[i].eval(j)
	}
	return j.vals[i]
}

// run evaluates a part that CEL decides.
func (j *Judge) run(prog cel.Program) ref.Val {
	v, _, err := prog.Eval(j)
	if err != nil {
		return types.NewErr("evaluation failed") // the text of err may hold values
	}
	return v
}

// ResolveName implements cel.Activation.
func (j *Judge) ResolveName(name string) (any, bool) {
	i, ok := j.p.byIdent[name]
	if !ok {
		return nil, false
	}
	return j.value(i), true
}

// Parent implements cel.Activation.
func (j *Judge) Parent() cel.Activation { return nil }

// seenType is a type of finding with the highest level it was found at.
type seenType struct {
	name  string
	level gateway.Level
}

// gather sums the findings up by type, so that rules cost the same however
// many findings there are.
func (j *Judge) gather() {
	j.seen = j.seen[:0]
next:
	for i := range j.detections.Findings {
		f := &j.detections.Findings[i]
		for k := range j.seen {
			if j.seen[k].name == f.Type {
				j.seen[k].level = max(j.seen[k].level, f.Level)
				continue next
			}
		}
		j.seen = append(j.seen, seenType{f.Type, f.Level})
	}
}

// anyFound reports whether a type of set was found with at least this level.
func (j *Judge) anyFound(set []string, level gateway.Level) bool {
	for i := range j.seen {
		if j.seen[i].level < level {
			continue
		}
		for _, typ := range set {
			if is(j.seen[i].name, typ) {
				return true
			}
		}
	}
	return false
}

// found lists the types of set that were found with at least this level, in
// the order of set. national_id stands for all its class.
func (j *Judge) found(set []string, level gateway.Level) string {
	var hits []string
	for k := range set {
		if j.anyFound(set[k:k+1], level) {
			hits = append(hits, set[k])
		}
	}
	return strings.Join(hits, ", ")
}

// is reports whether a finding of type found counts as typ of a rule.
func is(found, typ string) bool {
	if found == typ {
		return true
	}
	if len(found) < 4 || found[2] != '.' && found[3] != '.' {
		return false
	}
	a := alias(found)
	return a == typ || a == found && typ == nationalID
}

// count is how many different values were found.
func (j *Judge) count(set []string, level gateway.Level) int {
	if !j.anyFound(set, level) {
		return 0
	}
	values := make([]uint64, 0, len(j.detections.Findings))
	last, counts := "", false
	for i := range j.detections.Findings {
		f := &j.detections.Findings[i]
		if f.Level < level {
			continue
		}
		if f.Type != last {
			last, counts = f.Type, slices.ContainsFunc(set, func(typ string) bool { return is(f.Type, typ) })
		}
		if counts {
			values = append(values, f.Value)
		}
	}
	if n := different(values); n < j.p.counts {
		return n
	}
	return veryMany
}

// Full returns the first finding of each type and level of which so many are listed
// that further ones may have been left out.
func Full(all []gateway.Finding) (full []gateway.Finding) {
	type kind struct {
		name  string
		level gateway.Level
	}
	n := map[kind]int{}
	for _, f := range all {
		n[kind{f.Type, f.Level}]++
	}
	for _, f := range all {
		if k := (kind{f.Type, f.Level}); n[k] >= countsFrom {
			n[k], full = 0, append(full, f)
		}
	}
	return full
}

// different is how many different values there are. Values are hashes, so that
// their lowest bits are spread evenly.
func different(values []uint64) (n int) {
	seen, zero := make([]uint64, 2<<bits.Len(uint(len(values)))), false
	mask := uint64(len(seen) - 1)
	for _, v := range values {
		if v == 0 {
			zero = true
			continue
		}
		i := v & mask
		for seen[i] != 0 && seen[i] != v {
			i = (i + 1) & mask
		}
		if seen[i] == 0 {
			seen[i] = v
			n++
		}
	}
	if zero {
		n++
	}
	return n
}

// Of one type, detection keeps Policy.Counts values. What reaches that counts as more
// than a rule can ask for, so that none waits for what was not kept.
const (
	countsFrom = 100
	countsTo   = 1000
	veryMany   = 1 << 30
)

func (j *Judge) topic(name string) gateway.Level {
	level := gateway.None
	for _, t := range j.detections.Topics {
		if t.Name == name {
			level = max(level, t.Level)
		}
	}
	return level
}
