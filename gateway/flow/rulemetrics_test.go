package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// tryout has one rule in shadow, one that another lifts and one that fails for
// whoever has no domain.
const tryout = `policy: tryout
default: pass
rules:
  - {id: numbers, reason: N, mode: shadow, when: 'found(["ssn"], LOW)', then: hold}
  - {id: never, reason: N, mode: shadow, when: tag.pin, then: reject}
  - {id: patients, reason: P, when: recipient.domain == "secure.example" || recipient.domain == "tls.example", then: secure}
  - {id: partner, reason: P, when: recipient.domain == "tls.example", then: {action: tls, satisfies: [patients]}}
  - {id: broken, reason: B, mode: shadow, when: '["a"][size] == "b"', then: hold}
`

// ruleCounts is each series of the rules' metrics, "name{labels} value".
func ruleCounts(t *testing.T, f *Flow) []string {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(f.metrics.verdicts, f.metrics.rules, f.metrics.changes)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all = append(all, fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(family.GetName(), "gatepost_flow_"), strings.Join(labels, ","), m.GetCounter().GetValue()))
		}
	}
	return all
}

func judgeOf(t *testing.T, src string) *Judge {
	t.Helper()
	p, err := policy.Load("tryout.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{Own: p.Detectors()})
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(p, d)
}

// TestRulesAreCounted: what each rule came to, also of those in shadow and
// under observe, and nothing of rules that are gone.
func TestRulesAreCounted(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		w.mode = mode
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			set, _ := f.inForce()
			f.Configure(*set, judgeOf(t, tryout))
			mail := strings.Replace(testMail, "\r\n\r\n", "\r\n\r\nHer social security number is 536-22-8145.\r\n", 1)
			if _, err := accept(ctx, f, submissionTo("a@out.example", "b@secure.example", "c@tls.example"), mail); err != nil {
				return err
			}
			want := []string{
				"rules_total{mode=MODE,result=lifted,rule=patients} 1", "rules_total{mode=MODE,result=met,rule=partner} 1",
				"rules_total{mode=MODE,result=met,rule=patients} 1", "rules_total{mode=shadow,result=failed,rule=broken} 3",
				"rules_total{mode=shadow,result=met,rule=broken} 0", "rules_total{mode=shadow,result=met,rule=never} 0",
				"rules_total{mode=shadow,result=met,rule=numbers} 3",
				"shadow_changes_total{from=pass,to=hold} 1", "shadow_changes_total{from=secure,to=hold} 1", "shadow_changes_total{from=tls,to=hold} 1",
				"verdicts_total{action=pass,mode=MODE} 1", "verdicts_total{action=secure,mode=MODE} 1", "verdicts_total{action=tls,mode=MODE} 1",
			}
			for i := range want {
				want[i] = strings.Replace(want[i], "MODE", mode.String(), 1)
			}
			slices.Sort(want)
			got := ruleCounts(t, f)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got\n%s\nwant\n%s", mode, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			f.Configure(*set, judgeOf(t, strings.Replace(tryout, "id: never", "id: newer", 1)))
			got = ruleCounts(t, f)
			if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "never") }) || !slices.Contains(got, "rules_total{mode=shadow,result=met,rule=newer} 0") {
				t.Errorf("after a reload: %s", strings.Join(got, "\n"))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
