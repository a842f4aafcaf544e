package viewer

import (
	"log"
	"log/slog"
	"net/http"
	"time"
)

// ServerConfig of the HTTP server around the viewer. Zero fields take the
// default that stands beside them.
type ServerConfig struct {
	Concurrent int // 256: requests served at once; more are told to come back
	Logger     *slog.Logger
}

// Limits of a connection. There is no total for writing, because a large
// attachment over a slow line takes its time: file handlers move the deadline
// on as octets leave (see deadlineReader), pages use pageTime.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	idleTime   = 2 * time.Minute
	pageTime   = time.Minute
	maxHeaders = 16 << 10
)

// NewServer puts h behind timeouts and a limit of concurrency. The caller adds
// TLSConfig and serves.
func NewServer(c ServerConfig, h http.Handler) *http.Server {
	if c.Concurrent <= 0 {
		c.Concurrent = 256
	}
	s := &http.Server{
		Handler:           limited(h, c.Concurrent),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          log.New(quiet{c.Logger}, "", 0),
	}
	return s
}

// limited serves at most n requests at once.
func limited(h http.Handler, n int) http.Handler {
	room := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			// Fails only where the server below has no deadlines, as in tests.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTime))
			h.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "5")
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "Too many visitors at this moment. Please try again in a few seconds.", http.StatusServiceUnavailable)
		}
	})
}

// quiet takes the server's own complaints, which quote what strangers sent,
// and logs that there was one.
type quiet struct{ logger *slog.Logger }

// Write implements io.Writer.
func (q quiet) Write(p []byte) (int, error) {
	if q.logger != nil {
		q.logger.Debug("viewer connection failed", "area", "viewer", "bytes", len(p))
	}
	return len(p), nil
}
