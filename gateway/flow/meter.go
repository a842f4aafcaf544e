package flow

import (
	"sync"
	"time"
)

// meterKept bounds what a meter remembers.
const meterKept = 10_000

// meter counts what somebody may do so often within a time, in memory: it
// forgets at a restart. What a single act costs is bounded elsewhere.
type meter struct {
	span  time.Duration
	mu    sync.Mutex
	spent map[[32]byte]tally // guarded by mu
}

type tally struct {
	n           int
	first, last time.Time
}

// charge is one count that an act is put on, and how much there may be of it.
type charge struct {
	key   [32]byte
	limit int
	pause time.Duration // beyond the limit one act each pause, instead of none; 0: none
}

// take counts n on all charges, unless one of them has reached its limit: then
// it counts nothing and returns until when to wait. It is asked before the
// act, so that many at once are not more than one after the other. With n 0 it
// only looks.
func (s *meter) take(g []charge, n int, now time.Time) (until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range g {
		t := s.spent[c.key]
		end := t.first.Add(s.span)
		if next := t.last.Add(c.pause); c.pause > 0 && next.Before(end) {
			end = next
		}
		if t.n >= c.limit && now.Before(end) && end.After(until) {
			until = end
		}
	}
	if !until.IsZero() || n == 0 {
		return until
	}
	if s.spent == nil {
		s.spent = make(map[[32]byte]tally)
	}
	for _, c := range g {
		t := s.spent[c.key]
		if !now.Before(t.first.Add(s.span)) {
			t = tally{first: now}
		}
		t.n, t.last = t.n+n, now
		s.spent[c.key] = t
	}
	if len(s.spent) > meterKept {
		s.shedLocked(now)
	}
	return time.Time{}
}

// undo takes back what take has counted for an act that does not count.
func (s *meter) undo(g []charge, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range g {
		if t, ok := s.spent[c.key]; ok {
			t.n = max(0, t.n-n)
			s.spent[c.key] = t
		}
	}
}

// forget begins a count anew.
func (s *meter) forget(c charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.spent, c.key)
}

// shedLocked makes room: what is over goes, then what has counted least, so
// that a flood of new counts does not wash away an old one.
func (s *meter) shedLocked(now time.Time) {
	for least := 0; len(s.spent) > meterKept*3/4; least = 2*least + 1 {
		for key, t := range s.spent {
			if t.n <= least || !now.Before(t.first.Add(s.span)) {
				delete(s.spent, key)
			}
		}
	}
}
