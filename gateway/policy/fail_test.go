package policy

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"cel.dev/cel-go/common/types/ref"

	"gatepost/gateway"
)

const failing = `policy: p
default: pass
on_error: %ON
rules:
  - {id: broken, reason: B, when: '%WHEN', then: %THEN}
  - {id: tagged, reason: T, when: tag.secure, then: secure}
  - {id: excused, reason: E, when: tag.urgent, then: {action: pass, exempts: [tagged]}}
`

func failingPolicy(t *testing.T, on, when, then string) *Policy {
	t.Helper()
	return mustLoad(t, strings.NewReplacer("%ON", on, "%WHEN", when, "%THEN", then).Replace(failing))
}

// TestRuleThatFailsIsOnError: whatever breaks a condition, the message never
// comes off better than on_error, and what stricter rules demand stays.
func TestRuleThatFailsIsOnError(t *testing.T) {
	for name, condition := range map[string]string{
		"index":           `["a"][size] == "b"`,
		"division":        `1 / (size - 1000) > 0`,
		"overflow":        `size * 9223372036854775807 > 0`,
		"pattern":         `subject.matches(header("X-Pattern"))`,
		"takes too long":  `header("X-Long").matches("` + strings.Repeat("z", 300) + `")`,
		"negated":         `!(["a"][size] == "b")`,
		"undecided":       `tag.pin || ["a"][size] == "b"`,
		"in the question": `["a"][size] == "b" ? true : false`,
	} {
		for _, on := range []gateway.Action{gateway.Secure, gateway.Hold, gateway.Reject} {
			p := failingPolicy(t, on.String(), condition, "secure")
			f := quiet()
			f.Reading.Fields = append(field("X-Pattern", "("), field("X-Long", strings.Repeat("x", 200<<10))...)
			v := p.Judge(f)
			if v.Action != on || !v.Failed || v.Error == "" || v.Results[0].Error == "" || v.Results[0].Met || len(v.Rules) > 0 {
				t.Errorf("%s: %s failed %v %q %+v", name, v.Action, v.Failed, v.Error, v.Results[0])
			}
			f.Reading.Tags.Urgent, f.Reading.Tags.Secure = true, true
			if v := p.Judge(f); v.Action != on {
				t.Errorf("%s: an exemption weakens on_error to %s", name, v.Action)
			}
		}
	}
}

// TestErrorThatDecidesNothing: as in CEL, a side that settles the operator
// settles it whatever the other side is.
func TestErrorThatDecidesNothing(t *testing.T) {
	for _, condition := range []string{`["a"][size] == "b" || tag.secure`, `tag.secure || ["a"][size] == "b"`, `!(["a"][size] == "b" && !tag.secure)`} {
		p := failingPolicy(t, "hold", condition, "secure")
		f := quiet()
		f.Reading.Tags.Secure = true
		if v := p.Judge(f); v.Failed || v.Action != gateway.Secure || !slices.Contains(v.Rules, "broken") {
			t.Errorf("%s: %s failed %v by %v", condition, v.Action, v.Failed, v.Rules)
		}
	}
}

// TestPanicIsOnError breaks the evaluation itself: of one word, of a note and
// of the whole judgement.
func TestPanicIsOnError(t *testing.T) {
	boom := func(*Judge) ref.Val { panic("secret of a patient") }
	p := failingPolicy(t, "reject", "weekend", "pass")
	p.slots[p.byIdent["weekend"]].eval = boom
	f := quiet()
	v := p.Judge(f)
	if v.Action != gateway.Reject || !v.Failed || !strings.Contains(v.Results[0].Why, "weekend = failed") {
		t.Errorf("a word: %s %+v", v.Action, v)
	}
	if v = p.Judge(f); v.Action != gateway.Reject {
		t.Errorf("the second message after a panic: %s", v.Action)
	}
	p.slots[p.byIdent["tag.secure"]].note = func(*Judge) string { panic("secret of a patient") }
	f.Reading.Tags.Secure = true
	if v = p.Judge(f); v.Action != gateway.Reject || !v.Failed || v.Error != "judging failed" || v.Shadow != gateway.Reject || v.Digest == "" {
		t.Errorf("a note: %+v", v)
	}
	p.rules[0].met = nil
	j := p.Prepare(f.Message)
	for range 2 {
		if v = j.For(f.Recipient, f.Thread); v.Action != gateway.Reject || !v.Failed {
			t.Errorf("a rule: %+v", v)
		}
	}
}

// TestFailuresBeforeTheJudge: a message that was not read, not scanned, not
// read for certain, or whose caller says so.
func TestFailuresBeforeTheJudge(t *testing.T) {
	p := failingPolicy(t, "hold", "true", "pass")
	for name, damage := range map[string]func(*Facts){
		"not read":      func(f *Facts) { f.Reading = nil },
		"not scanned":   func(f *Facts) { f.Detections = nil },
		"neither":       func(f *Facts) { f.Reading, f.Detections = nil, nil },
		"uncertain":     func(f *Facts) { f.Reading.Uncertain = []string{"two boundaries"} },
		"cut short":     func(f *Facts) { f.Detections.Truncated = true },
		"caller failed": func(f *Facts) { f.Failed = "the detector failed" },
	} {
		f := quiet()
		damage(&f)
		if v := p.Judge(f); v.Action != gateway.Hold || !v.Failed || v.Error == "" || v.Shadow != gateway.Hold {
			t.Errorf("%s: %s %+v", name, v.Action, v)
		}
	}
	if v := p.Judge(Facts{}); v.Action != gateway.Hold || !v.Failed {
		t.Errorf("zero facts: %s", v.Action)
	}
	var zero gateway.Verdict
	if zero.Action != gateway.Secure {
		t.Error("the zero verdict does not protect")
	}
}

// TestShadowRules are judged and recorded; they neither act, nor lift, nor fail.
func TestShadowRules(t *testing.T) {
	p := mustLoad(t, `policy: p
default: pass
rules:
  - {id: real, reason: R, when: tag.secure, then: secure}
  - {id: shy, reason: S, mode: shadow, when: size > 0, then: reject}
  - {id: excuse, reason: E, mode: shadow, when: tag.urgent, then: {action: pass, exempts: [real, shy]}}
  - {id: broken, reason: B, mode: shadow, when: '["a"][size] == "b" && tag.pin', then: hold}
`)
	f := quiet()
	v := p.Judge(f)
	if v.Action != gateway.Pass || v.Shadow != gateway.Reject || v.Failed || !v.Results[1].Met || !v.Results[1].Shadow {
		t.Errorf("%s, shadow %s: %+v", v.Action, v.Shadow, v.Results)
	}
	f.Reading.Tags = gateway.Tags{Secure: true, Urgent: true}
	if v = p.Judge(f); v.Action != gateway.Secure || v.Shadow != gateway.Pass || v.Results[0].LiftedBy != "" {
		t.Errorf("%s, shadow %s: %+v", v.Action, v.Shadow, v.Results)
	}
	f.Reading.Tags = gateway.Tags{PIN: "123456"}
	if v = p.Judge(f); v.Action != gateway.Pass || v.Failed || v.Results[3].Error == "" || v.Shadow != gateway.Reject {
		t.Errorf("%s, shadow %s failed %v: %+v", v.Action, v.Shadow, v.Failed, v.Results)
	}
}

// TestPerRecipient: one message, five recipients, and nothing of one verdict
// in the next.
func TestPerRecipient(t *testing.T) {
	p := mustLoad(t, strings.Replace(string(DefaultSource()), "tls_partners: []", "tls_partners: [lab.example]", 1))
	f := quiet()
	f.Detections.Topics = topic("health", gateway.Medium)
	f.Reading.Fields = field("X-Gatepost-Campaign", "spring")
	j := p.Prepare(f.Message)
	to := func(address string) Recipient {
		return Recipient{Address: gateway.MustAddress(address), Consents: []string{"marketing"}}
	}
	patient := to("pat@out.example")
	patient.Patient = true
	unwilling := to("sue@out.example")
	unwilling.Consents = nil
	for range 2 {
		for _, x := range []struct {
			r    Recipient
			t    Thread
			want gateway.Action
		}{
			{to("joe@out.example"), Thread{}, gateway.Pass},
			{patient, Thread{}, gateway.Secure},
			{to("x@lab.example"), Thread{}, gateway.TLS},
			{unwilling, Thread{}, gateway.Reject},
			{to("joe@out.example"), Thread{Secured: true}, gateway.Secure},
		} {
			got := j.For(x.r, x.t)
			if got.Action != x.want {
				t.Errorf("%s: got %s by %v", x.r.Address.Wire(), got.Action, got.Rules)
			}
			f.Recipient, f.Thread = x.r, x.t
			if alone := p.Judge(f); alone.Action != got.Action || alone.Results[6].Why != got.Results[6].Why {
				t.Errorf("%s: judged alone %s: %q, among others %q", x.r.Address.Wire(), alone.Action, alone.Results[6].Why, got.Results[6].Why)
			}
		}
	}
}

// TestSatisfiedRulesKeepTheirDemands: where verified TLS cannot be had the
// message is secured as the satisfied rule demands. What a pass exempts
// demands nothing any more.
func TestSatisfiedRulesKeepTheirDemands(t *testing.T) {
	src := `policy: p
default: pass
rules:
  - {id: number, reason: N, when: size > 0, then: {action: secure, pin: other_channel, staff_copy: none}}
  - {id: partner, reason: P, when: tag.urgent, then: {action: %s, %s: [number]}}
`
	f := quiet()
	f.Reading.Tags.Urgent = true
	for _, x := range []struct{ action, lifts, pin string }{{"tls", "satisfies", "other_channel"}, {"pass", "exempts", ""}, {"secure", "satisfies", ""}} {
		v := mustLoad(t, strings.Replace(strings.Replace(src, "%s", x.action, 1), "%s", x.lifts, 1)).Judge(f)
		if v.Action.String() != x.action || v.Options.PIN != x.pin || (v.Options.StaffCopy == "none") != (x.pin != "") || v.Results[0].LiftedBy != "partner" {
			t.Errorf("%s: got %s %+v", x.action, v.Action, v.Options)
		}
	}
}

// TestConcurrentJudgements share a policy and nothing else: no verdict holds
// anything of another message.
func TestConcurrentJudgements(t *testing.T) {
	p := mustLoad(t, story)
	want := [2]string{proof(p.Judge(storyFacts())), proof(p.Judge(quiet()))}
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := range 200 {
				f := quiet()
				if (i+n)%2 == 0 {
					f = storyFacts()
				}
				if got := proof(p.Judge(f)); got != want[(i+n)%2] {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	group.Wait()
	j, ok := p.idle.Get().(*Judge)
	if ok && (j.reading != nil || j.detections != nil || j.m.Reading != nil || !j.r.Address.IsNull()) {
		t.Error("an idle judge remembers a message")
	}
}
