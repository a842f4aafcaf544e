package flow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneDeliveryLeavesAtOnce: nobody gathers while little is accepted.
func TestOneDeliveryLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c courtesy
		for range 5 {
			for range many - 1 {
				c.accepted(time.Now())
			}
			start := time.Now()
			if c.wait(t.Context(), start, 10); time.Since(start) != 0 {
				t.Errorf("waited %v", time.Since(start))
			}
			time.Sleep(2 * manyIn)
		}
	})
}

// TestDeliveriesGather: while many are accepted a group leaves as one, after
// groupTime or when it is whole; who is stopped does not wait for it, and when
// the flood is over nobody does.
func TestDeliveriesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c courtesy
		flood := func() {
			for range many {
				c.accepted(time.Now())
			}
		}
		gather := func(n, enough int) (longest time.Duration) {
			start := time.Now()
			var group sync.WaitGroup
			for range n {
				group.Go(func() { c.wait(t.Context(), time.Now(), enough) })
			}
			group.Wait()
			return time.Since(start)
		}
		flood()
		if took := gather(7, 100); took != groupTime {
			t.Errorf("a group left after %v", took)
		}
		flood()
		if took := gather(8, 4); took != 0 {
			t.Errorf("two whole groups left after %v", took)
		}
		if took := gather(1, 4); took != groupTime { // the clocks of those groups end nothing early
			t.Errorf("the next one left after %v", took)
		}
		flood()
		stopped, stop := context.WithCancel(t.Context())
		stop()
		start := time.Now()
		if c.wait(stopped, start, 100); time.Since(start) != 0 {
			t.Errorf("a stopped one waited %v", time.Since(start))
		}
		time.Sleep(2 * manyIn)
		if took := gather(7, 100); took != 0 {
			t.Errorf("after the flood: %v", took)
		}
	})
}
