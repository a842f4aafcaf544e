package queue

import (
	"fmt"
	"testing"
	"time"
)

// The goroutines of a burst of attempts end when they are not needed; those
// that are, stay.
func TestAttemptsOfABurstLeaveNoGoroutines(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		idle := func() int {
			b.q.mu.Lock()
			defer b.q.mu.Unlock()
			return len(b.q.idle)
		}
		b.courier.took = time.Second
		b.start()
		for i := range 40 {
			b.one(fmt.Sprintf("pat@d%d.example", i))
		}
		sleep(5 * time.Second)
		if n := idle(); n < 2 {
			t.Fatalf("%d goroutines wait after a burst of 40 attempts at once", n)
		}
		for range 30 {
			b.one("pat@d1.example")
			sleep(2 * time.Second)
		}
		if n := idle(); n != 1 {
			t.Errorf("%d goroutines wait while one attempt is made at a time, want 1", n)
		}
		sleep(3 * idleFor)
		if n := idle(); n != 0 {
			t.Errorf("%d goroutines wait though nothing is to be done", n)
		}
		if got := len(b.courier.served()); got != 70 {
			t.Errorf("%d delivered, want 70", got)
		}
	})
}
