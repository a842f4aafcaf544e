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
	Concurrent int // 256: requests served at once, a quarter of them forms; more are told to come back
	Logger     *slog.Logger
}

// Limits of a connection. There is no total for writing, because a large
// attachment over a slow line takes its time: file handlers move the deadline
// on as octets leave (see deadlineReader), pages use pageTime.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	bodyTime   = 5 * time.Second
	idleTime   = 2 * time.Minute
	pageTime   = 30 * time.Second
	maxHeaders = 16 << 10
)

// Limits of HTTP/2. A page needs a handful of requests at once; without a limit
// one connection is a hundred. Nothing that is sent here is large.
const (
	streams = 16
	ahead   = 64 << 10 // octets that the other side may send ahead
)

// NewServer puts h behind timeouts and limits of concurrency: of all, and of
// one network address, loopback excepted. The caller adds TLSConfig and serves.
func NewServer(c ServerConfig, h http.Handler) *http.Server {
	if c.Concurrent <= 0 {
		c.Concurrent = 256
	}
	s := &http.Server{
		Handler:           newDoor(h, c.Concurrent),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaders,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams, MaxReceiveBufferPerConnection: ahead, MaxReceiveBufferPerStream: ahead},
		ErrorLog:          log.New(quiet{c.Logger}, "", 0),
		// OPTIONS * is answered as everything else is: with our headers.
		DisableGeneralOptionsHandler: true,
	}
	return s
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
