package flow

import (
	"cmp"
	"sync"
	"time"
)

// Limits of what is remembered of files that were opened a moment ago, and of
// what was read in a session.
const (
	recentFor = 5 * time.Minute
	recentMax = 10_000
	// readsMax is more than the largest folder that is fetched again and again
	// has: each message of it is recorded once for each session.
	readsMax = 200_000
	// openedFor is how long a page that is loaded again, or asked for by a
	// program in a loop, counts as the same reading.
	openedFor = time.Minute
	// turnsFor is longer than a session lives.
	turnsFor = 24 * time.Hour
)

// recent remembers what was recorded a moment ago, so that a player that seeks
// in a file leaves one record and not hundreds. It forgets at a restart, and
// when it is full: then more is recorded than needed.
type recent struct {
	span time.Duration // how long it remembers; 0: recentFor
	max  int           // how much; 0: recentMax
	mu   sync.Mutex
	seen map[[32]byte]time.Time // guarded by mu
}

// has reports whether what was recorded a moment before now.
func (r *recent) has(what [32]byte, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.seen[what]
	span := r.span
	if span == 0 {
		span = recentFor
	}
	return ok && now.Sub(at) < span
}

// add remembers that what was recorded.
func (r *recent) add(what [32]byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || len(r.seen) >= cmp.Or(r.max, recentMax) {
		r.seen = make(map[[32]byte]time.Time)
	}
	r.seen[what] = now
}
