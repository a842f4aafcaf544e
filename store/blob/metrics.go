package blob

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	bodies    *prometheus.CounterVec
	octets    *prometheus.CounterVec
	syncs     prometheus.Histogram
	collected prometheus.Counter
	all       []prometheus.Collector
}

func newMetrics(s *Store) *metrics {
	m := &metrics{
		bodies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatepost_blob_kept_total",
			Help: "Bodies kept, by where: record, segment or file.",
		}, []string{"place"}),
		octets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatepost_blob_kept_bytes_total",
			Help: "Octets of bodies kept, by where: record, segment or file.",
		}, []string{"place"}),
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "gatepost_blob_sync_seconds",
			Help:    "How long fsyncs of bodies took. Many bodies share one.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		collected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_blob_collected_total",
			Help: "Files removed because no record referenced anything in them.",
		}),
	}
	healthy := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatepost_blob_healthy",
		Help: "1 while bodies are accepted, 0 when only a restart helps.",
	}, func() float64 {
		if s.Healthy() != nil {
			return 0
		}
		return 1
	})
	m.all = []prometheus.Collector{m.bodies, m.octets, m.syncs, m.collected, healthy}
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

func (m *metrics) kept(kind byte, size int64) {
	label := map[byte]string{inRecord: "record", inSegment: "segment", inFile: "file"}[kind]
	m.bodies.WithLabelValues(label).Inc()
	m.octets.WithLabelValues(label).Add(float64(size))
}
