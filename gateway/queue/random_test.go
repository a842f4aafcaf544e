package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// chaos is a life of the queue drawn at random from a seed: mail, operators,
// restarts, a store that comes and goes, next hops that do anything.
type chaos struct {
	b    *bench
	gone *outage

	mu   sync.Mutex
	rand *rand.Rand // guarded by mu
	ids  []gateway.EnvelopeID
}

func (c *chaos) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// deliver is a courier with every outcome, mostly good.
func (c *chaos) deliver(context.Context, gateway.Envelope, int) gateway.Outcome {
	time.Sleep(time.Duration(c.draw(3000)) * time.Millisecond)
	switch c.draw(10) {
	case 0, 1:
		return later()
	case 2:
		return dead()
	case 3:
		return gateway.Outcome{Result: gateway.Deferred, Phase: "dot", Status: "4.4.2", Unknown: true}
	case 4:
		return gateway.Outcome{Result: gateway.Unroutable, Status: "4.4.4"}
	case 5:
		return refused()
	}
	return sent()
}

func (c *chaos) any() gateway.EnvelopeID {
	if len(c.ids) == 0 {
		return gateway.EnvelopeID{}
	}
	return c.ids[c.draw(len(c.ids))]
}

// step does one thing. What an operator is answered does not matter here.
func (c *chaos) step() {
	ctx := context.Background()
	switch b := c.b; c.draw(14) {
	case 0, 1, 2, 3:
		c.mail()
	case 4:
		_ = b.q.Retry(ctx, c.any(), noEvidence)
	case 5:
		_ = b.q.Hold(ctx, c.any(), "operator", noEvidence)
	case 6:
		_ = b.q.Release(ctx, c.any(), noEvidence2)
	case 7:
		_ = b.q.Drop(ctx, c.any(), word("dropped"))
	case 8:
		_, _ = b.q.RetryAll(ctx, noEvidence)
	case 9:
		_, _ = b.q.Pause(ctx, noWords)
	case 10, 11:
		_, _ = b.q.Resume(ctx, noWords)
	case 12:
		c.gone.set(c.draw(2) == 0)
	case 13:
		c.gone.set(false)
		sleep(time.Minute) // results that wait are stored: a restart then repeats nothing
		_ = b.stop()
		b.start()
	}
}

func (c *chaos) mail() {
	m := c.b.message()
	var es []*gateway.Envelope
	for n := range uint32(1 + c.draw(4)) {
		to := fmt.Sprintf("pat@%d.example", c.draw(3))
		if c.draw(3) == 0 {
			to = telephone(c.draw(2))
		}
		e := c.b.envelope(m, n, to)
		if c.draw(6) == 0 {
			e.State, e.Hold = gateway.Held, "policy"
		}
		es = append(es, e)
		c.ids = append(c.ids, e.ID)
	}
	c.b.accept(es...)
}

// settle heals everything and gives it the time that mail may take.
func (c *chaos) settle() {
	c.gone.set(false)
	sleep(time.Minute)
	if _, err := c.b.q.Resume(context.Background(), noWords); err != nil {
		c.b.t.Error(err)
	}
	for _, id := range c.ids {
		if err := c.b.q.Release(context.Background(), id, noEvidence2); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrBusy) {
			c.b.t.Error(err)
		}
	}
	sleep(10 * time.Hour)
}

func (c *chaos) check() {
	final := map[gateway.State]map[string]int{}
	for _, state := range []gateway.State{gateway.Delivered, gateway.Bounced, gateway.Dropped} {
		final[state] = c.b.staged(string(state))
	}
	for _, id := range c.ids {
		e := c.b.get(id)
		n := c.b.courier.copies(id)
		if n > 1 || (e.State == gateway.Delivered) != (n == 1) {
			c.b.t.Errorf("%s, delivered %d times", e.State, n)
		}
		ends := 0
		for _, found := range final {
			ends += found[id.String()]
		}
		if ends != 1 || final[e.State][id.String()] != 1 {
			c.b.t.Errorf("%s, %d records of an end", e.State, ends)
		}
	}
	if rows := c.b.rows(); len(rows) != 0 {
		c.b.t.Errorf("%d rows are left", len(rows))
	}
	if c.b.q.settling.backlog() != 0 || c.b.q.settling.atRisk != 0 || len(c.b.q.known) != 0 || c.b.q.bytes != 0 {
		c.b.t.Errorf("memory is not empty: %d entries, %d octets", len(c.b.q.known), c.b.q.bytes)
	}
}

// Whatever happens, in the end each envelope has come to exactly one end, told
// once, and was delivered at most once.
func TestRandomLives(t *testing.T) {
	for seed := range uint64(15) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			c := &chaos{b: b, gone: &outage{Store: b.inner}, rand: rand.New(rand.NewPCG(seed, 1))}
			b.store, b.courier.script = c.gone, c.deliver
			b.config.MaxEntries, b.config.PerDestination, b.config.MaxAge = 12, 3, 8*time.Hour
			b.ledger.fail = func(gateway.EnvelopeID) error {
				if c.draw(20) == 0 {
					return errScripted
				}
				return nil
			}
			b.start()
			for range 40 {
				c.step()
				sleep(time.Duration(c.draw(90_000)) * time.Millisecond)
			}
			c.settle()
			if err := b.stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
			c.check()
			b.consistent()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

var _ store.Store = (*outage)(nil)
