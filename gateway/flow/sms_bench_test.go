package flow

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"gatepost/gateway"
)

// BenchmarkSubmitSMS takes over one short message that passes, on a store in
// memory, from an application to the same telephone or to ever new ones.
func BenchmarkSubmitSMS(b *testing.B) {
	for _, fresh := range []bool{false, true} {
		b.Run(map[bool]string{false: "same", true: "new"}[fresh], func(b *testing.B) {
			w := newWorld(b)
			f, done, err := w.open(emptyStore())
			if err != nil {
				b.Fatal(err)
			}
			defer done()
			f.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
			f.Random = rand.Reader
			s := short(b, "Reminder: your appointment is on Tuesday at 10. Reply C to confirm.", phonePass)[0]
			ctx := context.Background()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n++; fresh {
					s.Dest.Addr = fmt.Sprintf("1555%07d", n)
				}
				if _, _, err := f.SubmitSMS(ctx, app("esme1"), s, gateway.SegmentPlace{Total: 1, Seq: 1}, []gateway.Line{s.Dest}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
