package imapd

import "github.com/prometheus/client_golang/prometheus"

// metrics of IMAP. Labels come from closed sets.
type metrics struct {
	connections prometheus.Gauge
	sessions    prometheus.Gauge
	idling      prometheus.Gauge
	refused     *prometheus.CounterVec
	logins      *prometheus.CounterVec
	commands    *prometheus.CounterVec
	octets      prometheus.Counter
	panics      prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	name := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Name: name, Help: help}
	}
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts(name("gatepost_imap_connections", "Connections that are open."))),
		sessions:    prometheus.NewGauge(prometheus.GaugeOpts(name("gatepost_imap_sessions", "Connections of somebody who is logged in."))),
		idling:      prometheus.NewGauge(prometheus.GaugeOpts(name("gatepost_imap_idling", "Sessions that wait for news."))),
		refused:     prometheus.NewCounterVec(prometheus.CounterOpts(name("gatepost_imap_refused_total", "Connections and sessions that were turned away, by reason.")), []string{"reason"}),
		logins:      prometheus.NewCounterVec(prometheus.CounterOpts(name("gatepost_imap_logins_total", "Logins by outcome.")), []string{"result"}),
		commands:    prometheus.NewCounterVec(prometheus.CounterOpts(name("gatepost_imap_commands_total", "Commands by kind and answer.")), []string{"command", "result"}),
		octets:      prometheus.NewCounter(prometheus.CounterOpts(name("gatepost_imap_body_bytes_total", "Octets of messages that were sent to clients."))),
		panics:      prometheus.NewCounter(prometheus.CounterOpts(name("gatepost_imap_panics_total", "Commands that ended in a panic."))),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.sessions, m.idling, m.refused, m.logins, m.commands, m.octets, m.panics} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
