package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

// drawn is a rule of a random policy. Rules lift only those with a higher
// number, so that they never go in a circle.
type drawn struct {
	n      int
	action gateway.Action
	shadow bool
	lifts  []int
	pin    string
}

func (d drawn) yaml() string {
	word, mode := "satisfies", "enforce"
	if d.action == gateway.Pass {
		word = "exempts"
	}
	if d.shadow {
		mode = "shadow"
	}
	then := fmt.Sprintf("action: %s, %s: [", d.action, word)
	for i, k := range d.lifts {
		then += strings.Repeat(", ", min(i, 1)) + fmt.Sprintf("r%d", k)
	}
	then += "]"
	if d.pin != "" {
		then += ", pin: " + d.pin
	}
	return fmt.Sprintf("  - {id: r%d, reason: R, mode: %s, when: 'header(\"X-%d\") == \"met\"', then: {%s}}\n", d.n, mode, d.n, then)
}

func drawAction(t *rapid.T) gateway.Action {
	return rapid.SampledFrom([]gateway.Action{gateway.Pass, gateway.TLS, gateway.Secure, gateway.Hold, gateway.Reject}).Draw(t, "action")
}

func drawRule(t *rapid.T, n, of int) drawn {
	d := drawn{n: n, action: drawAction(t), shadow: rapid.IntRange(0, 4).Draw(t, "shadow") == 0}
	d.pin = rapid.SampledFrom([]string{"", "standing", "other_channel"}).Draw(t, "pin")
	for k := n + 1; k < of; k++ {
		if rapid.IntRange(0, 3).Draw(t, "lifts") == 0 {
			d.lifts = append(d.lifts, k)
		}
	}
	return d
}

func drawRules(t *rapid.T) []drawn {
	rules := make([]drawn, rapid.IntRange(0, 7).Draw(t, "rules"))
	for i := range rules {
		rules[i] = drawRule(t, i, len(rules))
	}
	return rules
}

func policyOf(t *rapid.T, otherwise, onError gateway.Action, rules []drawn) *Policy {
	src := fmt.Sprintf("policy: p\ndefault: %s\non_error: %s\nrules:\n", otherwise, onError)
	if len(rules) == 0 {
		src = strings.Replace(src, "rules:\n", "rules: []\n", 1)
	}
	for _, d := range rules {
		src += d.yaml()
	}
	p, err := Load("p.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p
}

// drawFacts makes some of the rules met.
func drawFacts(t *rapid.T, n int) (f Facts, met []bool) {
	f, met = quiet(), make([]bool, n)
	for i := range met {
		if met[i] = rapid.Bool().Draw(t, "met"); met[i] {
			f.Reading.Fields = append(f.Reading.Fields, field(fmt.Sprintf("X-%d", i), "met")...)
		}
	}
	return f, met
}

// expected says what the documentation says, as plainly as can be.
func expected(rules []drawn, met []bool, otherwise gateway.Action) (gateway.Action, []string) {
	var acts func(i int) bool
	acts = func(i int) bool {
		if !met[i] || rules[i].shadow {
			return false
		}
		for k := range rules {
			if slices.Contains(rules[k].lifts, i) && acts(k) {
				return false
			}
		}
		return true
	}
	action, by := otherwise, []string(nil)
	for _, want := range []gateway.Action{gateway.Reject, gateway.Hold, gateway.Secure, gateway.TLS, gateway.Pass} {
		for i := range rules {
			if acts(i) && rules[i].action == want {
				action, by = want, append(by, fmt.Sprintf("r%d", i))
			}
		}
		if by != nil {
			break
		}
	}
	return action, by
}

func TestStrictestWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, otherwise := drawRules(t), drawAction(t)
		p := policyOf(t, otherwise, gateway.Hold, rules)
		f, met := drawFacts(t, len(rules))
		action, by := expected(rules, met, otherwise)
		if v := p.Judge(f); v.Action != action || !slices.Equal(v.Rules, by) {
			t.Fatalf("got %s by %v, want %s by %v", v.Action, v.Rules, action, by)
		}
	})
}

// TestOrderNeverMatters: the same rules in any order take the same action, by
// the same rules, with the same options and the same proof of each.
func TestOrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, otherwise := drawRules(t), drawAction(t)
		f, _ := drawFacts(t, len(rules))
		one := policyOf(t, otherwise, gateway.Hold, rules).Judge(f)
		other := policyOf(t, otherwise, gateway.Hold, rapid.Permutation(rules).Draw(t, "order")).Judge(f)
		slices.Sort(one.Rules)
		slices.Sort(other.Rules)
		if one.Action != other.Action || one.Shadow != other.Shadow || one.Options != other.Options || !slices.Equal(one.Rules, other.Rules) {
			t.Fatalf("%+v\n%+v", one, other)
		}
		for _, r := range one.Results {
			i := slices.IndexFunc(other.Results, func(o gateway.RuleResult) bool { return o.ID == r.ID })
			// Several rules may lift one; which of equals is named follows the file.
			if o := other.Results[i]; o.Met != r.Met || o.Why != r.Why || (o.LiftedBy == "") != (r.LiftedBy == "") {
				t.Fatalf("%+v\n%+v", r, o)
			}
		}
	})
}

// TestAddingARuleNeverWeakens: a rule that lifts nothing can only make a
// message stricter. The default is what no rule claims, so a weaker default
// is the one thing that it is measured against where nothing claimed before.
func TestAddingARuleNeverWeakens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := drawRules(t)
		onError := rapid.SampledFrom([]gateway.Action{gateway.Secure, gateway.Hold, gateway.Reject}).Draw(t, "on_error")
		f, met := drawFacts(t, len(rules)+1)
		if rapid.Bool().Draw(t, "fails") {
			f.Failed = "the detector failed"
		}
		before := policyOf(t, gateway.Pass, onError, rules).Judge(f)
		added := drawRule(t, len(rules), 0)
		after := policyOf(t, gateway.Pass, onError, append(slices.Clone(rules), added)).Judge(f)
		if before.Action.StricterThan(after.Action) || before.Shadow.StricterThan(after.Shadow) {
			t.Fatalf("%s became %s", before.Action, after.Action)
		}
		if met[len(rules)] && !added.shadow && added.action.StricterThan(after.Action) {
			t.Fatalf("a rule that demands %s got %s", added.action, after.Action)
		}
		if f.Failed != "" && onError.StricterThan(after.Action) {
			t.Fatalf("a failure came off with %s", after.Action)
		}
	})
}

// TestLiftingStopsAtTheProtected: whatever passes are added, what the sender
// asked for, a secured thread and identifiers stay secured.
func TestLiftingStopsAtTheProtected(t *testing.T) {
	for _, id := range []string{"pin", "tag", "thread", "ids"} {
		src := rulesOf("{id: "+id+", reason: R, when: 'true', then: secure}", "{id: x, reason: X, when: 'true', then: {action: pass, exempts: ["+id+"]}}")
		var problems Problems
		if _, err := Load("p.yaml", []byte(src)); !errors.As(err, &problems) || problems[0].Line != 6 {
			t.Errorf("%s: got %v", id, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(defaultSource)
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := LoadWith("p.yaml", src, Options{ReadFile: func(string) ([]byte, error) { return []byte("a\nb\n"), nil }})
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("no problem in %v", err)
			}
			lines := 1 + strings.Count(string(src), "\n") + strings.Count(string(src), "\r")
			for _, p := range problems {
				if p.Text == "" || p.Line < 0 || p.Line > lines+1 || p.Line > 0 && p.Column < 1 {
					t.Fatalf("a problem of no place: %+v", p)
				}
			}
			return
		}
		if p.OnError() == gateway.Pass || p.OnError() == gateway.TLS {
			t.Fatal("on_error is weak")
		}
		v := p.Judge(busy())
		if again := p.Judge(busy()); fmt.Sprint(v) != fmt.Sprint(again) {
			t.Fatalf("judged twice:\n%v\n%v", v, again)
		}
		if v.Failed && p.OnError().StricterThan(v.Action) {
			t.Fatalf("failed and got %s", v.Action)
		}
		if err := p.Words(&strings.Builder{}); err != nil {
			t.Fatal(err)
		}
	})
}
