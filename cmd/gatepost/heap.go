package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of the heap. It may grow by half between two collections, and from
// the soft limit on (octets) the runtime collects harder before a burst of
// mail grows it further: what lives is little, garbage comes fast. While
// collections come thick, when they are an eighth of all work, it may grow to
// double.
// Where so much lives that the soft limit leaves no room for garbage, the
// runtime would do little else than collect: the limit rises with what lives,
// up to the hard one.
const (
	gcPercent     = 50
	gcPercentBusy = 100
	memoryLimit   = 160 << 20
	hardLimit     = 512 << 20
	headroom      = 96 << 20 // above what lives: stacks, buffers, and garbage

	paceEvery = 500 * time.Millisecond
	thick     = 4 // collections in paceEvery
)

// noCore keeps a crash from writing the process's memory, with its keys and
// the mails under way, to a file. What the crash prints names no value.
func noCore(log *slog.Logger) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("a crash may write the memory to a file", "error", err)
	}
}

func limitHeap() {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(gcPercent)
}

// paceGC adapts the heap's growth to how often it is collected, until ctx ends.
func paceGC(ctx context.Context) {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	busy, limited := false, int64(memoryLimit)
	before, _ := collections()
	for {
		select {
		case <-ctx.Done():
			debug.SetGCPercent(gcPercent)
			return
		case <-tick.C:
		}
		now, live := collections()
		if limit := limitFor(live); limit != limited {
			limited = limit
			debug.SetMemoryLimit(limit)
		}
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

// limitFor is the soft limit when live octets survived the last collection, in
// steps, so that it does not change with each.
func limitFor(live uint64) int64 {
	const step = 32 << 20
	wanted := int64(min(live, hardLimit))*3/2 + headroom
	return min(max(memoryLimit, (wanted+step-1)/step*step), hardLimit)
}

// collections is how many the runtime has finished, and how many octets of
// the heap survived the last.
func collections() (n, live uint64) {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64(), sample[1].Value.Uint64()
}
