package smtpd

import "github.com/prometheus/client_golang/prometheus"

// reason is why something was refused: the closed set of a metric's label.
type reason string

const (
	reasonConnections reason = "connections"
	reasonCrowded     reason = "crowded" // a stranger who was idle gave way to another
	reasonRate        reason = "rate"
	reasonSyntax      reason = "syntax"
	reasonSequence    reason = "sequence"
	reasonAddress     reason = "address"
	reasonPipelining  reason = "pipelining"
	reasonTLS         reason = "tls_required"
	reasonAuth        reason = "auth_required"
	reasonSender      reason = "sender"    // by the backend
	reasonRecipient   reason = "recipient" // by the backend
	reasonRecipients  reason = "too_many_recipients"
	reasonBad         reason = "too_many_errors"
	reasonSize        reason = "size"
	reasonLine        reason = "line_length"
	reasonEnding      reason = "line_ending"
	reasonNUL         reason = "nul"
	reasonTimeout     reason = "timeout"
	reasonPanic       reason = "panic"
)

// Metrics counts what the SMTP servers of one process do.
type Metrics struct {
	connections *prometheus.CounterVec // listener
	sessions    *prometheus.GaugeVec   // listener
	messages    *prometheus.CounterVec // listener, class
	rejected    *prometheus.CounterVec // listener, reason
	auth        *prometheus.CounterVec // listener
	octets      *prometheus.CounterVec // listener
	handshakes  *prometheus.CounterVec // listener
}

// NewMetrics builds the metrics and registers them with r; nil registers
// nothing. One registerer takes one Metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"listener"}, labels...))
	}
	m := &Metrics{
		connections: counter("gatepost_smtpd_connections_total", "Connections taken, refused ones included."),
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatepost_smtpd_sessions", Help: "Sessions open now."}, []string{"listener"}),
		messages:   counter("gatepost_smtpd_messages_total", "Answers to whole messages, by class of the reply code.", "class"),
		rejected:   counter("gatepost_smtpd_rejected_total", "Refusals by cause.", "reason"),
		auth:       counter("gatepost_smtpd_auth_failures_total", "Logins with a wrong password."),
		octets:     counter("gatepost_smtpd_body_bytes_total", "Octets of bodies read, refused ones included."),
		handshakes: counter("gatepost_smtpd_tls_handshake_failures_total", "TLS handshakes that failed."),
	}
	if r != nil {
		r.MustRegister(m.connections, m.sessions, m.messages, m.rejected, m.auth, m.octets, m.handshakes)
	}
	return m
}

// class is the label of a reply code: "2xx", "4xx" or "5xx".
func class(code int) string {
	switch code / 100 {
	case 2:
		return "2xx"
	case 4:
		return "4xx"
	default:
		return "5xx"
	}
}
