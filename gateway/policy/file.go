package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yamlast "github.com/goccy/go-yaml/ast"

	"gatepost/gateway"
)

// document is a policy file as written, before its conditions are compiled.
type document struct {
	*reader
	readFile func(string) ([]byte, error)
	builtin  []string

	title     string
	otherwise gateway.Action // default
	onError   gateway.Action
	own       []string
	lists     map[string]wordList
	spots     map[string]spots // of the words of lists
	detectors []gateway.OwnDetector
	defines   []definition
	rules     []rule
	cases     []Case
	files     []File
	mentions  []reference // of rules in tests
}

type definition struct {
	name string
	at   place
	cond condition
}

// rule is one rule of the file.
type rule struct {
	id, reason string
	at         place
	shadow     bool
	action     gateway.Action
	options    gateway.Options
	until      *int // hour until which the message waits
	waits      bool // and nothing else: it demands no action
	satisfies  []reference
	exempts    []reference

	cond condition
	met  *formula
	why  []atom
	few  bool // the why has few different values
	// recipient says that the condition differs between recipients.
	recipient bool
	lifts     []int // indexes of the rules that it satisfies or exempts
}

// reference names another rule.
type reference struct {
	id string
	at place
}

func (d *document) read(root yamlast.Node) {
	for _, e := range d.mapping(root, wholePolicy, policyKeys()) {
		switch e.key {
		case "policy":
			d.title = strings.TrimSpace(d.text(e.value, "policy"))
		case "default":
			d.otherwise = d.action(e.value, "default")
		case "on_error":
			d.onError = d.strictAction(e.value)
		case "own_identifiers":
			d.own = d.texts(e.value, "own_identifiers")
		case "lists":
			d.readLists(e.value)
		case "detectors":
			d.readDetectors(e.value)
		case "define":
			d.readDefines(e.value)
		case "rules":
			d.readRules(e.value)
		case "tests":
			for _, n := range d.list(e.value, "tests") {
				d.readCase(n)
			}
		}
	}
	if d.title == "" && len(d.problems) == 0 {
		d.add(place{}, "needs a name: policy: clinic")
	}
}

func (d *document) action(n yamlast.Node, what string) gateway.Action {
	text := d.text(n, what)
	a, err := gateway.ParseAction(text)
	if err != nil && text != "" {
		d.add(where(n), "%s: unknown action %s%s", what, quote(text), suggest(text, []string{"pass", "tls", "secure", "hold", "reject"}))
	}
	return a
}

// strictAction reads on_error: what fails never leaves as it is.
func (d *document) strictAction(n yamlast.Node) gateway.Action {
	a := d.action(n, "on_error")
	if a == gateway.Pass || a == gateway.TLS {
		d.add(where(n), "on_error must be secure, hold or reject: what failed must not leave as it is")
		return gateway.Hold
	}
	return a
}

func (d *document) readDefines(n yamlast.Node) {
	for _, e := range d.mapping(n, "define", nil) {
		if !d.name(e.at, "define", e.key) {
			continue
		}
		d.defines = append(d.defines, definition{e.key, e.at, d.condition("define "+e.key, e.value)})
	}
}

func (d *document) condition(what string, n yamlast.Node) condition {
	text := ""
	if b, ok := n.(*yamlast.BoolNode); ok {
		text = b.Token.Value // `when: true` is a condition too
	} else {
		before := len(d.problems)
		text = d.text(n, what)
		if strings.TrimSpace(text) == "" && len(d.problems) == before {
			d.add(where(n), "%s is empty", what)
		}
	}
	return condition{what: what, text: text, node: n}
}

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func (d *document) readRules(n yamlast.Node) {
	before := len(d.problems)
	all := d.list(n, "rules")
	if len(all) == 0 && len(d.problems) == before {
		d.warn(where(n), "rules is empty: default alone decides")
	}
	for _, n := range all {
		d.readRule(n)
	}
}

func (d *document) readRule(n yamlast.Node) {
	r := rule{at: where(n)}
	known := ruleKeys()
	for _, e := range d.mapping(n, "a rule", known) {
		switch e.key {
		case "id":
			r.id = d.ruleID(e.value)
		case "reason":
			r.reason = strings.TrimSpace(d.text(e.value, "reason"))
		case "mode":
			r.shadow = d.shadow(e.value)
		case "when":
			r.cond = d.condition("when", e.value)
		case "then":
			d.then(e.value, &r)
		}
	}
	there := meant(n, known)
	for _, key := range []string{"id", "reason", "when", "then"} {
		if there != nil && !there[key] {
			d.add(r.at, "rule %s has no %s", quote(r.id), key)
		}
	}
	r.cond.what = "rule " + r.id
	d.rules = append(d.rules, r)
}

func (d *document) ruleID(n yamlast.Node) string {
	id := d.text(n, "id")
	if !idForm.MatchString(id) {
		d.add(where(n), "rule %s: an id is made of a to z, 0 to 9, _ and -, and begins with a letter", quote(id))
	} else if i := slices.IndexFunc(d.rules, func(r rule) bool { return r.id == id }); i >= 0 {
		d.add(where(n), "rule %s is there already, at line %d", id, d.rules[i].at.line)
	}
	return id
}

func (d *document) shadow(n yamlast.Node) bool {
	switch mode := d.text(n, "mode"); mode {
	case "shadow":
		return true
	case "enforce":
	default:
		d.add(where(n), "mode: unknown word %s%s", quote(mode), suggest(mode, []string{"shadow", "enforce"}))
	}
	return false
}

// then reads an action, or a mapping with its options.
func (d *document) then(n yamlast.Node, r *rule) {
	if _, ok := n.(*yamlast.MappingNode); !ok {
		r.action = d.action(n, "then")
		return
	}
	known := thenKeys()
	var liftAt, reasonAt, notifyAt place
	for _, e := range d.mapping(n, "then", known) {
		switch e.key {
		case "action":
			r.action = d.action(e.value, "action")
		case "pin":
			r.options.PIN = d.oneOf(e.value, "pin", pinNames())
		case "expires":
			r.options.Expires = d.expires(e.value)
		case "staff_copy":
			r.options.StaffCopy = d.oneOf(e.value, "staff_copy", []string{"none", "keep"})
		case "status":
			if r.options.Status = d.oneOf(e.value, "status", []string{"opened", "none"}); r.options.Status == "none" {
				r.options.Status = ""
			}
		case "reason":
			if r.options.Reason = d.oneOf(e.value, "reason", []string{"required", "optional"}); r.options.Reason != "required" {
				r.options.Reason = ""
			}
			reasonAt = e.at
		case "notify":
			if r.options.Notify = d.oneOf(e.value, "notify", []string{"sender", "none"}); r.options.Notify != "sender" {
				r.options.Notify = ""
			}
			notifyAt = e.at
		case "until":
			r.until = d.hour(e.value, "until")
		case "satisfies":
			r.satisfies, liftAt = d.references(e.value, "satisfies"), e.at
		case "exempts":
			r.exempts, liftAt = d.references(e.value, "exempts"), e.at
		}
	}
	switch there := meant(n, known); {
	case there["action"]:
	case there["until"] && len(there) == 1:
		r.action, r.waits = gateway.Pass, true
	default:
		d.add(where(n), "then has no action")
	}
	if r.options.Reason != "" && r.action != gateway.Hold {
		d.add(reasonAt, "reason: required goes with action: hold: nobody reviews what %s does", r.action)
	}
	if r.options.Notify != "" && r.action != gateway.Hold {
		d.add(notifyAt, "notify: sender goes with action: hold: what %s does, senders are told or see", r.action)
	}
	d.checkLifts(r, liftAt)
}

// checkLifts keeps the two ways in which a rule may weaken others apart.
func (d *document) checkLifts(r *rule, at place) {
	if len(r.satisfies) > 0 && r.action == gateway.Pass {
		d.add(at, "satisfies needs a channel that protects (tls, secure); a pass exempts")
	}
	if len(r.exempts) > 0 && r.action != gateway.Pass {
		d.add(at, "only a pass exempts; %s satisfies", r.action)
	}
	for _, ref := range r.exempts {
		if protected(ref.id) {
			d.add(ref.at, "rule %s cannot be exempted: nothing lifts pin, tag, thread and ids", ref.id)
		}
	}
}

// protected reports whether no pass lifts the rule with this id.
func protected(id string) bool { return slices.Contains([]string{"pin", "tag", "thread", "ids"}, id) }

func (d *document) references(n yamlast.Node, what string) []reference {
	var all []reference
	for _, item := range d.list(n, what) {
		all = append(all, reference{d.text(item, what), where(item)})
	}
	return all
}

func (d *document) oneOf(n yamlast.Node, what string, known []string) string {
	word := d.text(n, what)
	if !slices.Contains(known, word) {
		d.add(where(n), "%s: unknown word %s%s", what, quote(word), suggest(word, known))
	}
	return word
}

// expires reads days (30d), hours (12h) or minutes (90m), at most 730 days.
func (d *document) expires(n yamlast.Node) time.Duration {
	const longest = 730 * 24 * time.Hour
	text := d.text(n, "expires")
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
	if len(text) > 1 {
		count, err := strconv.ParseUint(text[:len(text)-1], 10, 20)
		unit := units[text[len(text)-1]]
		if total := time.Duration(count) * unit; err == nil && total > 0 && total <= longest {
			return total
		}
	}
	d.add(where(n), "expires: %s is no duration from 1m to 730d (write 30d, 12h or 90m)", quote(text))
	return 0
}

// hour reads an hour of the day, 0 to 23.
func (d *document) hour(n yamlast.Node, what string) *int {
	h, ok := d.number(n, what)
	if ok && h > 23 {
		d.add(where(n), "%s must be an hour from 0 to 23", what)
	}
	return &h
}

// number reads digits; ok is false after a problem.
func (d *document) number(n yamlast.Node, what string) (i int, ok bool) {
	before := len(d.problems)
	text := d.text(n, what)
	u, err := strconv.ParseUint(text, 10, 31)
	if err != nil && len(d.problems) == before {
		d.add(where(n), "%s: %s is no number", what, quote(text))
	}
	return int(u), err == nil
}

// pinNames lists the proofs a rule may ask for, weakest first: a code over the
// channel of the link, something the reader knows, a code over another
// channel, a PIN that the sender chose for this message.
func pinNames() []string {
	return []string{"same_channel", "contact", "standing", "other_channel", "sender"}
}
