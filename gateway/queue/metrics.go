package queue

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gatepost/gateway"
)

type metrics struct {
	envelopes *prometheus.GaugeVec   // state: queued, held
	attempts  *prometheus.CounterVec // result: sent, deferred, failed, unroutable
	delay     prometheus.Histogram
	inFlight  prometheus.Gauge
	damaged   *prometheus.GaugeVec // table: Schedule, HeldBy

	mu     sync.Mutex
	oldest time.Time // when the oldest queued message of the last scan could first leave; guarded by mu
}

func newMetrics(reg prometheus.Registerer, q *Queue) *metrics {
	make := promauto.With(reg)
	m := &metrics{
		envelopes: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatepost_queue_envelopes", Help: "Envelopes by state, counted anew about every minute.",
		}, []string{"state"}),
		attempts: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gatepost_queue_attempts_total", Help: "Attempts for one envelope by result.",
		}, []string{"result"}),
		delay: make.NewHistogram(prometheus.HistogramOpts{
			Name: "gatepost_queue_delivery_delay_seconds", Help: "From acceptance, or from the time that a scheduled message may leave, to the next hop's 250.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 5 * 24 * 3600},
		}),
		inFlight: make.NewGauge(prometheus.GaugeOpts{
			Name: "gatepost_queue_in_flight_envelopes", Help: "Envelopes in an attempt now.",
		}),
		damaged: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatepost_queue_damaged_rows", Help: "Rows of the schedule and of what is held that cannot be read, counted anew about every minute.",
		}, []string{"table"}),
	}
	make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_queue_oldest_age_seconds", Help: "How long the oldest queued message could have left, at the last count; 0 when there was none.",
	}, func() float64 { return m.age(q.now()).Seconds() })
	make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_queue_paused", Help: "1 while the queue is paused: nothing is delivered.",
	}, func() float64 {
		if q.Paused() {
			return 1
		}
		return 0
	})
	make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_queue_unstored_settlements", Help: "Results of attempts that are not stored yet.",
	}, func() float64 { return float64(q.settling.backlog()) })
	return m
}

func (m *metrics) age(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(m.oldest))
}

// moved keeps the counts between two scans.
func (m *metrics) moved(before, after gateway.State) {
	if before == after {
		return
	}
	for state, by := range map[gateway.State]float64{before: -1, after: 1} {
		if state == gateway.Queued || state == gateway.Held {
			m.envelopes.WithLabelValues(string(state)).Add(by)
		}
	}
}

func (m *metrics) counted(c census) {
	m.envelopes.WithLabelValues(string(gateway.Queued)).Set(float64(c.queued))
	m.envelopes.WithLabelValues(string(gateway.Held)).Set(float64(c.held))
	for table, n := range c.damaged {
		m.damaged.WithLabelValues(table.String()).Set(float64(n))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.oldest = c.oldest
}

func (m *metrics) attempted(r gateway.Result, delay time.Duration) {
	names := [...]string{gateway.Deferred: "deferred", gateway.Sent: "sent", gateway.Failed: "failed", gateway.Unroutable: "unroutable"}
	m.attempts.WithLabelValues(names[r]).Inc()
	if r == gateway.Sent {
		m.delay.Observe(max(0, delay).Seconds())
	}
}
