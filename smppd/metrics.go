package smppd

import (
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/smppd/pdu"
)

// reason is why something was refused or cut: the closed set of a metric's label.
type reason string

const (
	reasonConnections reason = "connections"
	reasonTLS         reason = "tls_handshake"
	reasonInit        reason = "session_init"
	reasonSilent      reason = "no_answer"
	reasonInactive    reason = "inactivity"
	reasonFraming     reason = "framing"
	reasonMalformed   reason = "malformed"
	reasonWrite       reason = "write"
	reasonCrowded     reason = "crowded_out"
	reasonPassword    reason = "password"
	reasonLogins      reason = "too_many_logins"
	reasonAccount     reason = "account_sessions"
	reasonShutdown    reason = "shutdown"
	reasonPanic       reason = "panic"
)

// outcome is what became of an attempt to deliver: the closed set of a label.
type outcome string

const (
	delivered outcome = "delivered"
	refused   outcome = "refused"
	timedOut  outcome = "timeout"
	lost      outcome = "lost"
)

// Metrics counts what the SMPP server does.
type Metrics struct {
	connections *prometheus.CounterVec // listener
	sessions    *prometheus.GaugeVec   // bind
	pdus        *prometheus.CounterVec // command
	refusals    *prometheus.CounterVec // command, status
	throttled   prometheus.Counter
	cut         *prometheus.CounterVec // reason
	deliveries  *prometheus.CounterVec // result
	accepted    prometheus.Counter
}

// NewMetrics builds the metrics and registers them with r; nil registers
// nothing. One registerer takes one Metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		connections: counter("gatepost_smpp_connections_total", "Connections taken, refused ones included.", "listener"),
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatepost_smpp_sessions", Help: "Sessions open now, by how they are bound."}, []string{"bind"}),
		pdus:     counter("gatepost_smpp_pdus_total", "PDUs read, by command.", "command"),
		refusals: counter("gatepost_smpp_refusals_total", "Requests answered with a status other than 0.", "command", "status"),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_smpp_throttled_total", Help: "Submissions refused because of the account's rate."}),
		cut:        counter("gatepost_smpp_cut_total", "Sessions cut and logins refused, by cause.", "reason"),
		deliveries: counter("gatepost_smpp_deliveries_total", "Attempts to bring a receipt or message to an application, by result.", "result"),
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatepost_smpp_accepted_total", Help: "Submissions answered with status 0."}),
	}
	if r != nil {
		r.MustRegister(m.connections, m.sessions, m.pdus, m.refusals, m.throttled, m.cut, m.deliveries, m.accepted)
	}
	return m
}

// statusLabel is the label of a status: the name that the specification has
// for it, or "other", so that no peer or backend invents labels.
func statusLabel(s pdu.Status) string {
	if name := s.String(); len(name) > 5 && name[:5] == "ESME_" {
		return name
	}
	return "other"
}
