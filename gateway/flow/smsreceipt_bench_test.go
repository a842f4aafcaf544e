package flow

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/pebblestore"
)

// BenchmarkReceipt is a receipt of a message that passed, to the receipt that
// waits for its application: durable, many at once, as a carrier's window has
// them.
func BenchmarkReceipt(b *testing.B) {
	for _, c := range []struct {
		name    string
		spelled func(n int) string
	}{
		{"as answered", func(n int) string { return fmt.Sprintf("%016x", n) }},
		{"in another base", func(n int) string { return strconv.Itoa(n) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := benchFlow(b)
			batch := new(store.Batch)
			for n := range b.N {
				_, _, one := sentSMS{asked: []byte{1}, ids: []string{fmt.Sprintf("%016x", benchID(n))}}.staged(b, f)
				if batch.Append(one); batch.Len() > 1<<20 || n == b.N-1 {
					if err := f.Store.Commit(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
					batch = new(store.Batch)
				}
			}
			f.early.counted.Store(true)
			var next atomic.Int64
			b.SetParallelism(50)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := gateway.Receipt{ID: gateway.Sensitive(c.spelled(benchID(int(next.Add(1) - 1)))), State: gateway.StateSent, Dest: gateway.Line{TON: 1, NPI: 1, Addr: testPhone[1:]}}
					if err := f.ReceiptSMS(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			if n := rowsOf(b.Context(), b, f, store.Outbox); n != b.N {
				b.Errorf("%d receipts wait of %d", n, b.N)
			}
		})
	}
}

// benchID makes numbers whose hexadecimal is never the decimal of another.
func benchID(n int) int { return 0xa<<56 + n }

// BenchmarkDeliveries takes what waits in pages of 100 and settles them.
func BenchmarkDeliveries(b *testing.B) {
	f := benchFlow(b)
	batch := new(store.Batch)
	for n := range b.N {
		if err := f.stageDelivery(batch, testApp, numbered(n)); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Write(b.Context(), f.Store, batch); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	after := ""
	for {
		page, err := f.Deliveries(b.Context(), testApp, after, 100)
		if err != nil {
			b.Fatal(err)
		}
		if len(page) == 0 {
			return
		}
		var keys []string
		for _, d := range page {
			keys = append(keys, d.Key)
		}
		if err := f.DeliveriesDone(b.Context(), testApp, keys); err != nil {
			b.Fatal(err)
		}
		after = keys[len(keys)-1]
	}
}

func benchFlow(b *testing.B) *Flow {
	b.Helper()
	kv, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	f, done, err := newWorld(b).open(kv)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		done()
		_ = kv.Close()
	})
	return f
}
