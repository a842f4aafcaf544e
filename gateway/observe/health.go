package observe

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry of our own with the process and runtime
// collectors and nothing of the global one.
func NewRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatepost_build_info", Help: "Always 1; the version is the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Check reports why a part cannot do its work, nil when it can. It must
// answer at once.
type Check func() error

// Health collects the checks of the parts. It is safe for concurrent use.
type Health struct {
	mu     sync.Mutex
	names  []string
	checks map[string]Check
	state  *prometheus.GaugeVec
}

// NewHealth registers gatepost_health_ready{part}.
func NewHealth(r prometheus.Registerer) *Health {
	h := &Health{checks: make(map[string]Check)}
	h.state = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatepost_health_ready", Help: "1 when the part can do its work.",
	}, []string{"part"})
	r.MustRegister(h.state)
	return h
}

// Add names a part and its check. Names come from a closed set in cmd.
func (h *Health) Add(part string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, part)
	h.checks[part] = c
}

// Ready runs all checks and returns what each part says; ok when all can work.
func (h *Health) Ready() (parts map[string]string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	parts, ok = make(map[string]string), true
	for _, name := range h.names {
		parts[name] = "ok"
		value := 1.0
		if err := h.checks[name](); err != nil {
			parts[name], value, ok = scrubError(err), 0, false
		}
		h.state.WithLabelValues(name).Set(value)
	}
	return parts, ok
}

// Handler serves /metrics, /livez and /readyz. It shows no content and no
// address, but belongs on an address that only monitoring reaches.
func Handler(r *prometheus.Registry, h *Health) http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, q *http.Request) {
		h.Ready() // so that the gauge is of now
		metrics.ServeHTTP(w, q)
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"process": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		parts, ok := h.Ready()
		if ok {
			answer(w, http.StatusOK, parts)
			return
		}
		answer(w, http.StatusServiceUnavailable, parts)
	})
	return mux
}

func answer(w http.ResponseWriter, code int, parts map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(parts)
}
