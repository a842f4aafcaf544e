package proof

import (
	"context"
	"testing"
	"time"

	"gatepost/gateway"
)

// What is written down by a clock that is a day ahead locks nobody out when it
// is set right, and lets nobody in for longer.
func TestClockSetRight(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.advance(day)
	s := w.newSession()
	code := w.ask(s)
	w.advance(-day)
	if alive, _ := w.Alive(ctx, s); alive {
		t.Error("a session lives a day longer")
	}
	s = w.newSession()
	if r := w.try(s, code); r.Passed {
		t.Error("a code of another session passed")
	}
	if !w.try(s, w.ask(s)).Passed { // at once: the code before counts for nothing
		t.Error("no code after the clock was set right")
	}
	w.advance(day + time.Hour)
	s = w.newSession()
	for range dayCodes {
		code = w.ask(s)
		w.advance(time.Minute)
	}
	for range 5 {
		w.try(s, not(code))
	}
	if r := w.try(s, code); r.Status.State != gateway.LinkPaused {
		t.Errorf("after five wrong codes the link is %s", r.Status.State)
	}
	w.advance(-day - 20*time.Minute)
	s = w.newSession()
	if !w.try(s, w.ask(s)).Passed {
		t.Error("a day's codes and pause by a clock that was ahead keep the link shut")
	}
}

// A code and a session outlive a small correction of the clock.
func TestClockCorrected(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	code := w.ask(s)
	w.advance(-10 * time.Second)
	if !w.try(s, code).Passed {
		t.Error("a code ended because the clock was corrected")
	}
}

// Five wrong codes are a pause, also while the clock is corrected by little.
func TestPauseOutlivesCorrection(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	code := w.ask(s)
	for range 5 {
		w.try(s, not(code))
	}
	w.advance(-10 * time.Second)
	if r := w.try(s, code); r.Passed || r.Status.State != gateway.LinkPaused {
		t.Errorf("%+v", r)
	}
}
