package blob

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"

	"gatepost/store"
)

// health is whether the device still keeps what it is told to. It changes once.
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

// fail is for a failed fsync: the kernel may have dropped the pages, so that
// a second fsync would succeed over nothing.
func (h *health) fail(cause error) {
	h.once.Do(func() {
		h.err = fmt.Errorf("%w: %w", store.ErrFailed, cause)
		h.log.Error("the store of bodies has failed and accepts nothing until it is restarted", "error", cause)
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

// deviceError makes a full device known as such.
func deviceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
