package flow

import (
	"encoding/binary"
	"testing"
	"time"
)

// A mail client that fetches a whole large folder again is recorded once.
func TestReadingsOfALargeFolderAreRemembered(t *testing.T) {
	r, now := recent{span: turnsFor, max: readsMax}, time.Now()
	what := func(n int) (w [32]byte) {
		binary.BigEndian.PutUint64(w[:], uint64(n))
		return w
	}
	for n := range 100_000 {
		r.add(what(n), now)
	}
	for n := range 100_000 {
		if !r.has(what(n), now) {
			t.Fatalf("reading %d is forgotten", n)
		}
	}
}
