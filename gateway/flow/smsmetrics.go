package flow

import "github.com/prometheus/client_golang/prometheus"

// receiptMetrics are of what carriers bring: what they say about messages, and
// what telephones write.
type receiptMetrics struct {
	receipts *prometheus.CounterVec
	late     prometheus.Counter
}

func newReceiptMetrics(r prometheus.Registerer) *receiptMetrics {
	m := &receiptMetrics{receipts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatepost_flow_receipts_total",
		Help: "Receipts from the carrier by what was done with them: matched; repeated; early, kept until its message is known; ambiguous, of several messages; unknown, of none of ours; nameless, without an id; refused, because too many wait.",
	}, []string{"result"})}
	m.late = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatepost_flow_new_numbers_refused_total",
		Help: "Short messages that the carrier was told to bring later, because too many unknown numbers wrote.",
	})
	r.MustRegister(m.receipts, m.late)
	return m
}

func (m *receiptMetrics) took(result string) { m.receipts.WithLabelValues(result).Inc() }
