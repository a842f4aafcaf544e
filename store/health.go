package store

import (
	"fmt"
	"log/slog"
	"sync"
)

// Health is whether a store can still make things durable. It changes once. It is
// safe for concurrent use.
type Health struct {
	area   string
	log    *slog.Logger
	onFail func(error)
	failed chan struct{} // closed when err is set

	once sync.Once
	err  error
}

// NewHealth is that of a store which works. area is what the log calls it; onFail,
// unless it is nil, is called in a goroutine of its own when the store fails.
func NewHealth(area string, log *slog.Logger, onFail func(error)) *Health {
	return &Health{area: area, log: log, onFail: onFail, failed: make(chan struct{})}
}

// Fail ends the store's life for cause: a device that lost one write may have lost
// others, and after a failed fsync the kernel may have dropped the pages, so that a
// second one would succeed over nothing. Only reading everything again from the
// device (a restart) tells.
func (h *Health) Fail(cause error) {
	h.once.Do(func() {
		h.err = fmt.Errorf("%w: %w", ErrFailed, cause)
		h.log.Error("the store has failed and accepts nothing until it is restarted", "area", h.area, "error", cause)
		close(h.failed)
		if h.onFail != nil {
			go h.onFail(h.err)
		}
	})
}

// Failed is closed when the store fails.
func (h *Health) Failed() <-chan struct{} { return h.failed }

// Err is nil, or an ErrFailed with its cause.
func (h *Health) Err() error {
	select {
	case <-h.failed:
		return h.err
	default:
		return nil
	}
}
