package proof

import (
	"context"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestHundredParallelTries lets a hundred guess at once, three times over: no
// more than the allowed number is compared, and the count is exact.
func TestHundredParallelTries(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	for _, want := range []int{5, 10, 10} {
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() {
				session := s
				if n%2 == 0 {
					session = "another"
				}
				if r := w.try(session, not(c)); r.Passed {
					t.Error("a wrong code passed")
				}
			})
		}
		wg.Wait()
		if got := w.events()[gateway.EventProofTried]; got != want {
			t.Fatalf("%d tries were compared, want %d", got, want)
		}
		w.advance(16 * time.Minute)
		s = w.newSession()
		if want == 5 {
			c = w.ask(s)
		}
	}
	if got := w.events(); got[gateway.EventProofFailed] != 10 || got[gateway.EventLinkPaused] != 1 || got[gateway.EventLinkFrozen] != 1 {
		t.Fatalf("evidence %v", got)
	}
}

// TestParallelTwins sends the right code from one session many times at once,
// as an impatient finger does: all pass, one proof is recorded.
func TestParallelTwins(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if r := w.try(s, c); !r.Passed {
				t.Errorf("twin: %+v", r)
			}
		})
	}
	wg.Wait()
	st, _ := w.Status(context.Background(), w.link, s)
	if st.State != gateway.LinkActive || w.events()[gateway.EventProofFailed] != 0 {
		t.Fatalf("status %+v, evidence %v", st, w.events())
	}
}

// TestTwinPassesBetweenLookAndCount lets a whole try happen after its twin saw
// that nothing is proven and before the twin is counted: the code is used up
// by then, and yet the finger that pressed twice must not see an error. With
// the code of a second device alive the twin is counted first; that count goes.
func TestTwinPassesBetweenLookAndCount(t *testing.T) {
	for _, devices := range []int{1, 2} {
		w := newWorld(t)
		s := w.newSession()
		c := w.ask(s)
		if devices == 2 {
			w.advance(time.Minute)
			w.ask(w.newSession())
		}
		w.store.before = func() {
			if r := w.try(s, c); !r.Passed {
				t.Errorf("first: %+v", r)
			}
		}
		if r := w.try(s, c); !r.Passed || r.Reason != "" || r.Status.TriesLeft != 5 {
			t.Errorf("%d devices: twin %+v", devices, r)
		}
		if w.events()[gateway.EventProofFailed] != 0 {
			t.Errorf("%d devices: evidence %v", devices, w.events())
		}
	}
}
