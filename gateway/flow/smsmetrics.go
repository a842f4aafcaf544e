package flow

import "github.com/prometheus/client_golang/prometheus"

// receiptMetrics are of what carriers say about messages.
type receiptMetrics struct{ receipts *prometheus.CounterVec }

func newReceiptMetrics(r prometheus.Registerer) *receiptMetrics {
	m := &receiptMetrics{receipts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatepost_flow_receipts_total",
		Help: "Receipts from the carrier by what was done with them: matched; repeated; early, kept until its message is known; ambiguous, of several messages; unknown, of none of ours; nameless, without an id; refused, because too many wait.",
	}, []string{"result"})}
	r.MustRegister(m.receipts)
	return m
}

func (m *receiptMetrics) took(result string) { m.receipts.WithLabelValues(result).Inc() }
