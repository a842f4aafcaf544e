package flow

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/thread"
)

// metrics of the journeys. Labels come from closed sets.
type metrics struct {
	*ruleMetrics
	messages  *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	places    *prometheus.CounterVec
	damaged   *prometheus.GaugeVec
	accepting prometheus.Histogram
	judging   prometheus.Histogram
	delays    prometheus.Histogram
	bytes     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	seconds := []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10, 30}
	m := &metrics{
		ruleMetrics: newRuleMetrics(r),

		messages:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_messages_total", Help: "Messages accepted."}, []string{"listener"}),
		refusals:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_refusals_total", Help: "Messages not accepted."}, []string{"class"}),
		attempts:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_attempts_total", Help: "Settled attempts by the state they led to and whether TLS was verified."}, []string{"state", "tls"}),
		places:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_flow_answers_total", Help: "Mails to conversations by where they were placed."}, []string{"place"}),
		damaged:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gatepost_flow_damaged_records", Help: "Records that could not be read when the table was last looked through."}, []string{"table"}),
		accepting: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gatepost_flow_accept_duration_seconds", Help: "From the first octet of a message to its commit.", Buckets: seconds}),
		judging:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gatepost_flow_judge_duration_seconds", Help: "Reading, detection and policy for one message.", Buckets: seconds}),
		delays:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gatepost_flow_delivery_delay_seconds", Help: "From acceptance, or from the time for which a message was scheduled, to delivery; by envelope.", Buckets: []float64{.01, .1, 1, 10, 60, 600, 3600, 14400, 86400, 432000}}),
		bytes:     prometheus.NewCounter(prometheus.CounterOpts{Name: "gatepost_flow_accepted_bytes_total", Help: "Octets of accepted messages."}),
	}
	r.MustRegister(m.messages, m.refusals, m.attempts, m.places, m.damaged, m.accepting, m.judging, m.delays, m.bytes)
	return m
}

func (m *metrics) accepted(listener string, size int64, took time.Duration) {
	m.messages.WithLabelValues(listener).Inc()
	m.bytes.Add(float64(size))
	m.accepting.Observe(took.Seconds())
}

func (m *metrics) refused(f *gateway.Fault) {
	class := "permanent"
	if f.Temporary() {
		class = "temporary"
	}
	m.refusals.WithLabelValues(class).Inc()
}

func (m *metrics) placed(p thread.Place) { m.places.WithLabelValues(p.String()).Inc() }

func (m *metrics) settled(s gateway.State, o gateway.Outcome, delay time.Duration) {
	tls := "none"
	if o.TLS.Version != "" {
		tls = "unverified"
	}
	if o.TLS.Verified {
		tls = "verified"
	}
	m.attempts.WithLabelValues(string(s), tls).Inc()
	if s == gateway.Delivered {
		m.delays.Observe(delay.Seconds())
	}
}
