package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Limits of the heap. It may grow by half between two collections, and from
// the soft limit on (octets) the runtime collects harder before a burst of
// mail grows it further: what lives is little, garbage comes fast. While
// collections come thick, when they are an eighth of all work, it may double.
const (
	gcPercent     = 50
	gcPercentBusy = 100
	memoryLimit   = 160 << 20

	paceEvery = 500 * time.Millisecond
	thick     = 4 // collections in paceEvery
)

func limitHeap() {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(gcPercent)
}

// paceGC adapts the heap's growth to how often it is collected, until ctx ends.
func paceGC(ctx context.Context) {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	busy, before := false, collections()
	for {
		select {
		case <-ctx.Done():
			debug.SetGCPercent(gcPercent)
			return
		case <-tick.C:
		}
		now := collections()
		switch n := now - before; {
		case !busy && n >= thick:
			busy = true
			debug.SetGCPercent(gcPercentBusy)
		case busy && n == 0:
			busy = false
			debug.SetGCPercent(gcPercent)
		}
		before = now
	}
}

// collections is how many the runtime has finished.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
