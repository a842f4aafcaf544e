package gateway

import (
	"errors"
	"strings"
	"testing"
)

// TestPanics: the words of the runtime and the place are told, and nothing
// that the thrown value holds.
func TestPanics(t *testing.T) {
	recovered := func(f func()) (text, place string) {
		defer func() {
			if v := recover(); v != nil {
				text, place = PanicText(v), PanicPlace()
			}
		}()
		f()
		return "", PanicPlace()
	}
	var none []int
	for name, c := range map[string]struct {
		throw func()
		text  string
	}{
		"runtime": {func() { _ = none[len(none)] }, "index out of range"},
		"error":   {func() { panic(errors.New("biopsy")) }, "panic of type *errors.errorString"},
		"text":    {func() { panic("biopsy") }, "panic of type string"},
	} {
		text, place := recovered(c.throw)
		if !strings.Contains(text, c.text) || strings.Contains(text, "biopsy") || !strings.Contains(place, "gateway/panic_test.go:") {
			t.Errorf("%s: %q at %q", name, text, place)
		}
	}
	if text, place := recovered(func() {}); text+place != "" {
		t.Errorf("no panic: %q at %q", text, place)
	}
}
