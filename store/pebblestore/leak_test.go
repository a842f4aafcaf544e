package pebblestore_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"gatepost/store/pebblestore"
)

// TestNothingIsLeftRunning: a store that was used, backed up and closed has
// left no goroutine. Those that other tests froze on purpose do not count, nor
// does what their engines begin again and again: a closed one has ended that.
func TestNothingIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 2 {
		dir := t.TempDir()
		s := open(t, dir+"/db", pebblestore.Options{MemTable: 64 << 10})
		for n := range 30 {
			put(t, s, fmt.Sprint(n), valueOf(n))
		}
		if err := s.Backup(t.Context(), dir+"/copy"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := pebblestore.Open("/dev/null/store", pebblestore.Options{}); err == nil {
			t.Fatal("a store below a file")
		}
	}
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2.(*DB).collectTableStats")); err != nil {
		t.Error(err)
	}
}
