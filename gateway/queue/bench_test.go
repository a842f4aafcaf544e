package queue

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// instant delivers everything at once to ten destinations.
type instant struct{ done chan struct{} }

func (instant) Destination(e gateway.Envelope) string { return e.Recipient.Domain() }

func (instant) Limit(string) int { return 0 }

func (c instant) Deliver(_ context.Context, es []gateway.Envelope) []gateway.Outcome {
	for range es {
		c.done <- struct{}{}
	}
	return repeat(sent(), len(es))
}

// BenchmarkQueue is an envelope from Stage to its settlement, with a courier
// that takes no time. The store in memory grows slow with what it holds, so
// each thousand has a new one.
func BenchmarkQueue(b *testing.B) {
	b.ReportAllocs()
	for left := b.N; left > 0; left -= 1000 {
		through(b, min(left, 1000))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "env/s")
}

// through takes n envelopes through a queue of their own.
func through(b *testing.B, n int) {
	s := storetest.NewMemory()
	courier := instant{make(chan struct{}, n)}
	q := New(s, courier, &fakeLedger{}, Config{}, time.Now, rand.Reader, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	for i := range n {
		id, err := gateway.NewMessageID(time.Now(), rand.Reader)
		batch := new(store.Batch)
		if err == nil {
			to := gateway.MustAddress("pat@" + string(rune('a'+i%10)) + ".example")
			err = q.Stage(batch, &gateway.Envelope{ID: gateway.EnvelopeID{Message: id}, State: gateway.Queued, Action: gateway.Pass, Recipient: to})
		}
		if err == nil {
			err = store.Write(ctx, s, batch)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for range n {
		<-courier.done
	}
	q.Drain(ctx)
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
