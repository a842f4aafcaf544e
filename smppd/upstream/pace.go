package upstream

import (
	"sync"
	"time"
)

// pace spreads segments evenly over each second.
type pace struct {
	every time.Duration // between two segments; 0: no limit

	mu   sync.Mutex
	next time.Time // when the next segment may leave
}

// catchUp is how much time is made good for that passed unused: timers are late.
const catchUp = 10 * time.Millisecond

func newPace(rate int) *pace {
	if rate <= 0 {
		return &pace{}
	}
	return &pace{every: time.Second / time.Duration(rate)}
}

// reserve takes the next place and returns how long it is until then.
func (p *pace) reserve(now time.Time) time.Duration {
	if p.every == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if earliest := now.Add(-catchUp); p.next.Before(earliest) {
		p.next = earliest
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	return max(0, wait)
}

// pause is the time in which nothing is sent because the carrier said that it
// is too much. It grows as long as nothing is taken between.
type pause struct {
	first, most time.Duration
	chance      func() float64

	mu    sync.Mutex
	until time.Time
	in    int                 // pauses in a row
	full  map[string]struct{} // destinations refused as full since the last segment that was taken
}

// wholeCarrier is how many destinations are refused as full, without a segment
// taken between, when it is the carrier that is full and not they.
const wholeCarrier = 3

// rest is how long the pause still takes.
func (p *pause) rest(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.until.Sub(now))
}

// crowded takes note of a segment, written at that time, that was too much. It
// reports whether a pause begins: of a whole window that is refused one does.
func (p *pause) crowded(written, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) {
		return false
	}
	if !written.Before(p.until) { // it tells of the time after the last pause
		p.in++
	}
	p.until = now.Add(backoff(max(1, p.in), p.first, p.most, p.chance()/2))
	return true
}

// overflowed takes note of a destination that was refused as full, and reports
// whether the carrier is full as a whole. One telephone whose carrier takes
// nothing for it says nothing of the others.
func (p *pause) overflowed(dest string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full == nil {
		p.full = make(map[string]struct{})
	}
	if len(p.full) < wholeCarrier {
		p.full[dest] = struct{}{}
	}
	return len(p.full) == wholeCarrier
}

// taken takes note of a segment, written at that time, that the carrier took. It
// reports whether this is the end of pauses.
func (p *pause) taken(written time.Time) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.full)
	if p.in == 0 || written.Before(p.until) {
		return false
	}
	p.in = 0
	return true
}
