package flow

import (
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// receiptMetrics are of what carriers bring: what they say about messages, and
// what telephones write.
type receiptMetrics struct {
	receipts *prometheus.CounterVec
	ends     *prometheus.CounterVec
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
	m.ends = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatepost_flow_final_receipts_total",
		Help: "Segments that the carrier took by what its final receipt says became of them.",
	}, []string{"state"})
	for _, state := range []gateway.ReceiptState{gateway.StateSent, gateway.Undeliverable, gateway.StateExpired, gateway.StateRejected, gateway.StateDeleted, gateway.StateUnknown} {
		m.ends.WithLabelValues(endLabel(state)) // an alert divides by their sum
	}
	r.MustRegister(m.receipts, m.ends, m.late)
	return m
}

// ended counts what a final receipt says of a segment.
func (m *receiptMetrics) ended(s gateway.ReceiptState) { m.ends.WithLabelValues(endLabel(s)).Inc() }

// endLabel is a final state as a label.
func endLabel(s gateway.ReceiptState) string {
	switch s {
	case gateway.StateSent:
		return "delivered"
	case gateway.Undeliverable:
		return "undeliverable"
	case gateway.StateExpired:
		return "expired"
	case gateway.StateRejected:
		return "rejected"
	case gateway.StateDeleted:
		return "deleted"
	}
	return "unknown"
}

func (m *receiptMetrics) took(result string) { m.receipts.WithLabelValues(result).Inc() }
