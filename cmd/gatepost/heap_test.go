package main

import "testing"

// TestSoftLimitRisesWithWhatLives: little that lives leaves the limit where it
// is; much always leaves room for half as much garbage, up to the hard limit.
func TestSoftLimitRisesWithWhatLives(t *testing.T) {
	for _, c := range []struct{ live, limit uint64 }{
		{0, 160}, {20, 160}, {40, 160}, {43, 192}, {64, 192}, {120, 288}, {200, 416}, {300, 512}, {1 << 20, 512}, {1 << 43, 512},
	} {
		if got := limitFor(c.live << 20); got != int64(c.limit)<<20 {
			t.Errorf("%d MiB live: %d MiB, want %d", c.live, got>>20, c.limit)
		}
	}
}
