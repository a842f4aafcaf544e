package pebblestore

import (
	"fmt"
	"log/slog"
	"sync"

	"gatepost/store"
)

// health is whether the store can still make things durable. It changes once.
type health struct {
	failed chan struct{} // closed when err is set
	log    *slog.Logger
	onFail func(error)

	once sync.Once
	err  error
}

func newHealth(log *slog.Logger, onFail func(error)) *health {
	return &health{failed: make(chan struct{}), log: log, onFail: onFail}
}

// fail ends the store's life: a device that lost one write may have lost
// others, and only reading everything again from the device (a restart) tells.
func (h *health) fail(cause error) {
	h.once.Do(func() {
		h.err = fmt.Errorf("%w: %w", store.ErrFailed, cause)
		h.log.Error("the store has failed and accepts nothing until it is restarted", "error", cause)
		close(h.failed)
		if h.onFail != nil {
			go h.onFail(h.err)
		}
	})
}

func (h *health) get() error {
	select {
	case <-h.failed:
		return h.err
	default:
		return nil
	}
}
