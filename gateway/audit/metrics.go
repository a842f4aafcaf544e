package audit

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records  prometheus.Counter
	errors   prometheus.Counter
	duration prometheus.Histogram
	size     prometheus.Gauge
	saved    prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_audit_folded_records_total", Help: "Records of evidence moved into the log."}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_audit_fold_errors_total", Help: "Folds that failed."}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatepost_audit_fold_duration_seconds", Help: "How long a fold that moved records took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 7)}),
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatepost_audit_log_records", Help: "Records in the log."}),
		saved: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatepost_audit_checkpoint_saved_seconds", Help: "When the newest checkpoint was kept outside the store, in seconds since 1970."}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.records, m.errors, m.duration, m.size, m.saved} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of evidence: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) folded(n int, took time.Duration) {
	if n > 0 {
		m.records.Add(float64(n))
		m.duration.Observe(took.Seconds())
	}
}
