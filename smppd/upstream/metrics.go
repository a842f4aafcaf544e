package upstream

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	up       *prometheus.GaugeVec   // bind: transceiver, transmitter, receiver
	connects *prometheus.CounterVec // result: bound, refused, failed
	lost     *prometheus.CounterVec // reason: of link.retire
	segments *prometheus.CounterVec // result: a class, unanswered, lost
	received *prometheus.CounterVec // kind: message, receipt; result: taken, deferred, refused
	strays   *prometheus.CounterVec // kind: answer, malformed, command
	window   prometheus.Gauge
	pauses   prometheus.Counter
	answer   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	make := promauto.With(reg)
	counter := func(name, help string, label ...string) *prometheus.CounterVec {
		return make.NewCounterVec(prometheus.CounterOpts{Name: "gatepost_smpp_upstream_" + name, Help: help}, label)
	}
	return &metrics{
		up: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatepost_smpp_upstream_up", Help: "1 while bound to the carrier.",
		}, []string{"bind"}),
		connects: counter("binds_total", "Attempts to bind to the carrier by what came of them.", "result"),
		lost:     counter("links_lost_total", "Links to the carrier that ended, by why.", "reason"),
		segments: counter("segments_total", "Segments written to the carrier by what its answer meant.", "result"),
		received: counter("received_total", "Messages and receipts of the carrier by what it was answered.", "kind", "result"),
		strays:   counter("strays_total", "PDUs of the carrier that had no place where they came.", "kind"),
		window: make.NewGauge(prometheus.GaugeOpts{
			Name: "gatepost_smpp_upstream_window_segments", Help: "Segments that wait for the carrier's answer.",
		}),
		pauses: make.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_smpp_upstream_throttled_total", Help: "Pauses because the carrier said that it is too much.",
		}),
		answer: make.NewHistogram(prometheus.HistogramOpts{
			Name: "gatepost_smpp_upstream_answer_seconds", Help: "Time from writing a segment to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
	}
}
