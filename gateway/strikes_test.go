package gateway

import (
	"testing"
	"time"
)

func TestStrikesAreForgivenOneByOne(t *testing.T) {
	var s Strikes
	now := time.Unix(1000, 0)
	for i := range 5 {
		if n := s.Add(now, time.Second); n != i+1 {
			t.Errorf("the strike %d is number %d", i+1, n)
		}
	}
	for after, want := range []int{5, 4, 3, 2, 1, 0, 0} {
		if n := s.Left(now.Add(time.Duration(after)*time.Second), time.Second); n != want {
			t.Errorf("after %d s %d are left, want %d", after, n, want)
		}
	}
}

func TestPasswordDelay(t *testing.T) {
	const first, longest = 500 * time.Millisecond, 10 * time.Second
	for n, want := range map[int]time.Duration{1: 0, 3: 0, 4: first, 5: time.Second, 8: 8 * time.Second, 9: longest, 1 << 30: longest} {
		if d := PasswordDelay(n, first, longest); d != want {
			t.Errorf("after %d wrong passwords %v, want %v", n, d, want)
		}
	}
}
