package flow

import (
	"sync"
	"time"
)

// Limits of what is remembered of files that were opened a moment ago.
const (
	recentFor = 5 * time.Minute
	recentMax = 10_000
)

// recent remembers what was recorded a moment ago, so that a player that seeks
// in a file leaves one record and not hundreds. It forgets at a restart, and
// when it is full: then more is recorded than needed.
type recent struct {
	mu   sync.Mutex
	seen map[[32]byte]time.Time
}

// has reports whether what was recorded within recentFor before now.
func (r *recent) has(what [32]byte, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.seen[what]
	return ok && now.Sub(at) < recentFor
}

// add remembers that what was recorded.
func (r *recent) add(what [32]byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || len(r.seen) >= recentMax {
		r.seen = make(map[[32]byte]time.Time)
	}
	r.seen[what] = now
}
