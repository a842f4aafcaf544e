package pebblestore

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/store"
)

type metrics struct {
	commits    *prometheus.HistogramVec
	background prometheus.Counter
	stalls     prometheus.Counter
	all        []prometheus.Collector
}

func newMetrics(s *Store) *metrics {
	m := &metrics{
		commits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatepost_store_commit_seconds",
			Help:    "How long commits took, by result.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"result"}),
		background: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_store_background_errors_total",
			Help: "Failures of the engine's background work, each tried again.",
		}),
		stalls: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_store_stalls_total",
			Help: "How often commits had to wait for the engine's background work.",
		}),
	}
	m.all = []prometheus.Collector{m.commits, m.background, m.stalls, s.freeGauge(), s.healthGauge()}
	return m
}

// register shows the metrics in reg, if there is one, until the function that
// it returns is called.
func (m *metrics) register(reg prometheus.Registerer) (unregister func()) {
	if reg == nil {
		return func() {}
	}
	reg.MustRegister(m.all...)
	return func() {
		for _, c := range m.all {
			reg.Unregister(c)
		}
	}
}

func (s *Store) freeGauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_store_free_bytes",
		Help: "Free space on the store's device, -1 when it cannot be told.",
	}, func() float64 {
		free, ok := s.room.Free()
		if !ok {
			return -1
		}
		return float64(free)
	})
}

func (s *Store) healthGauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_store_healthy",
		Help: "1 while the store accepts commits, 0 when only a restart helps.",
	}, func() float64 {
		if s.Healthy() != nil {
			return 0
		}
		return 1
	})
}

func (m *metrics) committed(err error, took time.Duration) {
	m.commits.WithLabelValues(result(err)).Observe(took.Seconds())
}

// result is the label of an outcome; unknown first, because it carries others.
func result(err error) string {
	switch {
	case err == nil:
		return "committed"
	case errors.Is(err, store.ErrUnknown):
		return "unknown"
	case errors.Is(err, store.ErrConflict):
		return "conflict"
	case errors.Is(err, store.ErrFull):
		return "full"
	case errors.Is(err, store.ErrFailed):
		return "failed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	default:
		return "error"
	}
}
