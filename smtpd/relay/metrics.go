package relay

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gatepost/gateway"
)

type metrics struct {
	connections *prometheus.CounterVec // result: opened, reused, failed
	security    *prometheus.CounterVec // tls: none, unverified, verified
}

func newMetrics(reg prometheus.Registerer) metrics {
	make := promauto.With(reg)
	return metrics{
		connections: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gatepost_relay_connections_total",
			Help: "Connections to next hops by what came of them.",
		}, []string{"result"}),
		security: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gatepost_relay_sent_total",
			Help: "Transactions that a next hop took, by the TLS they went over.",
		}, []string{"tls"}),
	}
}

func (m metrics) sent(state gateway.TLSState) {
	label := "none"
	switch {
	case state.Verified:
		label = "verified"
	case state.Version != "":
		label = "unverified"
	}
	m.security.WithLabelValues(label).Inc()
}
