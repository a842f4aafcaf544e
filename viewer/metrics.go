package viewer

import "github.com/prometheus/client_golang/prometheus"

// metrics of the viewer. Labels are routes and outcomes, never a link.
type metrics struct {
	requests *prometheus.CounterVec
	proofs   *prometheus.CounterVec
	codes    *prometheus.CounterVec
	answers  *prometheus.CounterVec
	staff    *prometheus.CounterVec
	refused  prometheus.Counter
	panics   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "gatepost", Subsystem: "viewer", Name: name, Help: help}
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(counter("requests_total", "Requests by kind of page and class of the answer."), []string{"page", "status"}),
		proofs:   prometheus.NewCounterVec(counter("proofs_total", "PIN tries by outcome."), []string{"result"}),
		codes:    prometheus.NewCounterVec(counter("codes_total", "Codes asked for by outcome."), []string{"result"}),
		answers:  prometheus.NewCounterVec(counter("answers_total", "Answers of correspondents by outcome."), []string{"result"}),
		staff:    prometheus.NewCounterVec(counter("staff_logins_total", "Logins of staff by outcome."), []string{"result"}),
		refused:  prometheus.NewCounter(counter("forms_refused_total", "Forms that did not come from a page of ours.")),
		panics:   prometheus.NewCounter(counter("panics_total", "Requests that ended in a panic.")),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.proofs, m.codes, m.answers, m.staff, m.refused, m.panics} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
