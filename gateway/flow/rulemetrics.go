package flow

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// ruleMetrics count what rules come to, so that whoever tries a rule out sees
// what it would do. The ids of rules are a closed set: those of the policy in
// force.
type ruleMetrics struct {
	verdicts *prometheus.CounterVec
	rules    *prometheus.CounterVec
	changes  *prometheus.CounterVec

	mu    sync.Mutex
	known []string // ids that have series
}

func newRuleMetrics(r prometheus.Registerer) *ruleMetrics {
	m := &ruleMetrics{
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_verdicts_total", Help: "What policy decided, by envelope; under mode observe it did not act."}, []string{"action", "mode"}),
		rules:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_rules_total", Help: "Rules that were met, lifted by another or failed, by envelope; those of mode observe and shadow did not act."}, []string{"rule", "mode", "result"}),
		changes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_shadow_changes_total", Help: "Envelopes whose action would be another one if shadow rules were enforced."}, []string{"from", "to"}),
	}
	r.MustRegister(m.verdicts, m.rules, m.changes)
	return m
}

// judged counts a verdict.
func (m *ruleMetrics) judged(v gateway.Verdict, mode gateway.Mode) {
	m.verdicts.WithLabelValues(v.Action.String(), mode.String()).Inc()
	if v.Shadow != v.Action {
		m.changes.WithLabelValues(v.Action.String(), v.Shadow.String()).Inc()
	}
	for i := range v.Results {
		r := &v.Results[i]
		if result := resultOf(r); result != "" {
			m.rules.WithLabelValues(r.ID, modeOf(r.Shadow, mode), result).Inc()
		}
	}
}

// resultOf is "" for a rule that had nothing to say.
func resultOf(r *gateway.RuleResult) string {
	switch {
	case r.Error != "":
		return "failed"
	case r.Met && r.LiftedBy != "":
		return "lifted"
	case r.Met:
		return "met"
	}
	return ""
}

// modeOf says whether a rule acts: enforce, observe or shadow.
func modeOf(shadow bool, mode gateway.Mode) string {
	if shadow {
		return "shadow"
	}
	return mode.String()
}

// watch takes the rules of a policy that comes into force. Each has a series
// from the start, so that a rule that is never met shows as zero; series of
// rules that are gone are dropped.
func (m *ruleMetrics) watch(rules []gateway.RuleResult, mode gateway.Mode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := map[string]bool{}
	for _, id := range m.known {
		gone[id] = true
	}
	m.known = m.known[:0]
	for _, r := range rules {
		m.rules.WithLabelValues(r.ID, modeOf(r.Shadow, mode), "met")
		m.known = append(m.known, r.ID)
		delete(gone, r.ID)
	}
	for id := range gone {
		m.rules.DeletePartialMatch(prometheus.Labels{"rule": id})
	}
}
