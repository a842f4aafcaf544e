package store

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestAFailedStoreStaysFailed(t *testing.T) {
	var log bytes.Buffer
	told := make(chan error, 2)
	h := NewHealth("tests", slog.New(slog.NewTextHandler(&log, nil)), func(err error) { told <- err })
	if err := h.Err(); err != nil {
		t.Fatalf("failed at once: %v", err)
	}
	first := errors.New("an fsync")
	h.Fail(first)
	h.Fail(errors.New("another fsync"))
	<-h.Failed()
	for _, err := range []error{h.Err(), <-told} {
		if !errors.Is(err, ErrFailed) || !errors.Is(err, first) {
			t.Errorf("got %v, want ErrFailed for the first cause", err)
		}
	}
	if n := strings.Count(log.String(), "the store has failed and accepts nothing until it is restarted\" area=tests"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}
