package flow

import (
	"sync"
	"time"
)

// Limits of wrong passwords within guessTime: of one account from one client
// address, of one account, and of one client address, behind which may be a
// whole house. Beyond it nothing is compared until guessTime after the first.
const (
	guessTime    = 15 * time.Minute
	guessesHere  = 5
	guessesEach  = 50
	guessesTotal = 50
	guessesKept  = 10_000
)

// guesses counts wrong passwords of the staff page. It forgets at a restart;
// what a guess costs is bounded elsewhere.
type guesses struct {
	mu    sync.Mutex
	wrong map[[32]byte]tally // guarded by mu
}

type tally struct {
	n     int
	first time.Time
}

// guess is what is counted of one try: three keys and their limits.
type guess [3]struct {
	key   [32]byte
	limit int
}

func (f *Flow) guess(account, client string) (g guess) {
	for i, limit := range []int{guessesHere, guessesEach, guessesTotal} {
		parts := [][]byte{[]byte(account), []byte(client)}
		g[i].limit = limit
		switch i {
		case 1:
			parts = parts[:1]
		case 2:
			parts = parts[1:]
		}
		g[i].key = f.MAC("staff guess "+string(rune('0'+i)), parts...)
	}
	return g
}

// pause is until when a try must wait; zero when it need not.
func (s *guesses) pause(g guess, now time.Time) (until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range g {
		t := s.wrong[c.key]
		if end := t.first.Add(guessTime); t.n >= c.limit && now.Before(end) && end.After(until) {
			until = end
		}
	}
	return until
}

// count takes a try as wrong, before it is compared: so many at once are not
// more than they may be. undo takes that back.
func (s *guesses) count(g guess, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong == nil {
		s.wrong = make(map[[32]byte]tally)
	}
	for _, c := range g {
		t := s.wrong[c.key]
		if !now.Before(t.first.Add(guessTime)) {
			t = tally{first: now}
		}
		t.n++
		s.wrong[c.key] = t
	}
	if len(s.wrong) > guessesKept {
		s.shedLocked(now)
	}
}

// undo takes a try back that was not wrong, or not compared.
func (s *guesses) undo(g guess) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range g {
		if t := s.wrong[c.key]; t.n > 0 {
			t.n--
			s.wrong[c.key] = t
		}
	}
}

// right forgets the wrong tries of an account from here: whoever mistypes and
// finds the password begins anew.
func (s *guesses) right(g guess) {
	s.undo(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.wrong, g[0].key)
}

// shedLocked makes room: what is over goes, then what has counted least, so
// that a flood of names does not wash away the counts of one.
func (s *guesses) shedLocked(now time.Time) {
	for least := 0; len(s.wrong) > guessesKept*3/4; least++ {
		for key, t := range s.wrong {
			if t.n <= least || !now.Before(t.first.Add(guessTime)) {
				delete(s.wrong, key)
			}
		}
	}
}
