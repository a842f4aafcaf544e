package pebblestore_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

// BenchmarkCommit commits what an accepted message of 2 kB needs, on the
// device of the temporary directory.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir(), pebblestore.Options{})
			body, record := make([]byte, 2000), make([]byte, 400)
			var next atomic.Uint64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for n := next.Add(1); n <= uint64(b.N); n = next.Add(1) {
						var batch store.Batch
						batch.RequireAbsent(store.Key(store.Messages, store.Uint64(n)))
						batch.Put(store.Key(store.Bodies, store.Uint64(n)), body)
						for _, table := range []store.Table{store.Messages, store.Envelopes, store.Schedule, store.Staged} {
							batch.Put(store.Key(table, store.Uint64(n)), record)
						}
						if err := s.Commit(b.Context(), &batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
