package blob_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/storetest"
)

// BenchmarkKeep keeps bodies of 100 KiB (shared fsyncs) and 2 MiB (an fsync
// each) on the device of the temporary directory, and deletes them again. The
// records cost nothing here.
func BenchmarkKeep(b *testing.B) {
	for _, size := range []int{100 * kib, 2 * mib} {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("size=%dKiB/writers=%d", size/kib, writers), func(b *testing.B) {
				kv := storetest.NewMemory()
				s := openBlobs(b, b.TempDir(), kv, blob.Options{})
				body := octets(size, 1)
				b.SetBytes(int64(size))
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for next.Add(1) <= int64(b.N) {
							ref, err := tryKeep(s, kv, body)
							var undo store.Batch
							s.Delete(&undo, ref)
							if err == nil {
								err = store.Write(b.Context(), kv, &undo)
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bodies/s")
			})
		}
	}
}
