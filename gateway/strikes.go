package gateway

import "time"

// PasswordForgiven is the time after which one wrong password of an address is
// forgiven.
const PasswordForgiven = 10 * time.Second

// freePasswords are wrong passwords that cost no time.
const freePasswords = 3

// PasswordDelay is the pause before the n-th wrong password of an address is
// answered: none for three, then first, and twice as long each time, up to longest.
func PasswordDelay(n int, first, longest time.Duration) time.Duration {
	if n <= freePasswords || first <= 0 {
		return 0
	}
	d := first
	for i := freePasswords + 1; i < n && d < longest; i++ {
		d *= 2
	}
	return min(d, longest)
}

// Strikes counts what a peer did wrong and is forgiven one by one. The zero value
// is none. It is for one goroutine at a time.
type Strikes struct {
	n  int
	at time.Time // when n was last brought up to date
}

// Left is how many are not forgiven at now, where one is after each.
func (s *Strikes) Left(now time.Time, each time.Duration) int {
	forgiven := int(now.Sub(s.at) / each)
	switch {
	case s.n == 0 || forgiven >= s.n:
		s.n, s.at = 0, now
	case forgiven > 0:
		s.n -= forgiven
		s.at = s.at.Add(time.Duration(forgiven) * each)
	}
	return s.n
}

// Add counts one more and returns how many are not forgiven.
func (s *Strikes) Add(now time.Time, each time.Duration) int {
	s.Left(now, each)
	s.n++
	return s.n
}
