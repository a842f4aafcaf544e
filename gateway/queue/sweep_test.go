package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// story is a little of everything: delivered at once, delivered later,
// bounced with a report, held and released, dropped.
type story struct {
	b        *bench
	good     gateway.EnvelopeID
	slow     gateway.EnvelopeID
	bad      gateway.EnvelopeID
	held     gateway.EnvelopeID
	unwanted gateway.EnvelopeID
}

func newStory(b *bench) *story {
	b.courier.script = func(_ context.Context, e gateway.Envelope, try int) gateway.Outcome {
		switch {
		case e.Recipient.Domain() == "slow.example" && try < 3:
			return later()
		case e.Recipient.Domain() == "bad.example":
			return refused()
		}
		return sent()
	}
	b.ledger.extra = func(batch *store.Batch, after gateway.Envelope) {
		if after.State == gateway.Bounced {
			report := b.envelope(b.message(), 0, "ann@clinic.example")
			report.Sender = gateway.Address{}
			if err := b.q.Stage(batch, report); err != nil {
				b.t.Error(err)
			}
		}
	}
	return &story{b: b}
}

// open accepts the mail of the story, on a store that works.
func (s *story) open() {
	b, m := s.b, s.b.message()
	all := []*gateway.Envelope{
		b.envelope(m, 0, telephone(1)), b.envelope(m, 1, "pat@slow.example"), b.envelope(m, 2, "pat@bad.example"),
		b.envelope(m, 3, telephone(2)), b.envelope(m, 4, telephone(2)),
	}
	all[3].State, all[3].Hold, all[4].State, all[4].Hold = gateway.Held, "policy", gateway.Held, "policy"
	b.accept(all...)
	s.good, s.slow, s.bad, s.held, s.unwanted = all[0].ID, all[1].ID, all[2].ID, all[3].ID, all[4].ID
}

// operate is an operator who tries again until it has worked.
func (s *story) operate() {
	insist := func(act func() error) {
		for range 20 {
			err := act()
			if err == nil || errors.Is(err, ErrNotFound) {
				return
			}
			sleep(time.Second)
		}
	}
	ctx := context.Background()
	insist(func() error {
		return s.b.q.Release(ctx, s.held, func(b *store.Batch, e *gateway.Envelope) error { return word("released")(b, *e) })
	})
	insist(func() error { return s.b.q.Drop(ctx, s.unwanted, word("dropped")) })
}

// check is what must be true in the end, with how many deliveries of one
// envelope are allowed.
func (s *story) check(copies int) {
	b := s.b
	b.t.Helper()
	want := map[gateway.EnvelopeID]gateway.State{
		s.good: gateway.Delivered, s.slow: gateway.Delivered, s.bad: gateway.Bounced, s.held: gateway.Delivered, s.unwanted: gateway.Dropped,
	}
	reports := 0
	_ = b.inner.Scan(context.Background(), store.Prefix(store.Envelopes), func(it store.Item) bool {
		var e gateway.Envelope
		if err := store.Decode(it.Value, &e); err != nil {
			b.t.Fatal(err)
		}
		state, known := want[e.ID]
		if !known && e.Sender.IsNull() {
			state = gateway.Delivered
			reports++
		}
		if e.State != state {
			b.t.Errorf("envelope to %s is %s, want %s", e.Recipient.Domain(), e.State, state)
		}
		n := b.courier.copies(e.ID)
		if (state == gateway.Delivered) != (n > 0) || n > copies {
			b.t.Errorf("envelope to %s was delivered %d times", e.Recipient.Domain(), n)
		}
		if k := b.staged(string(state))[e.ID.String()]; k != 1 {
			b.t.Errorf("envelope to %s: %d records that it is %s", e.Recipient.Domain(), k, state)
		}
		return true
	})
	if reports != 1 {
		b.t.Errorf("%d reports of one bounce", reports)
	}
	b.consistent()
}

// Every operation of the queue on its store fails once, in each way that a
// store can fail: nothing is lost, nothing delivered or told twice.
func TestEachStoreOperationFailsOnce(t *testing.T) {
	for name, plan := range map[string]storetest.Plan{
		"undone":              {},
		"answer lost":         {Lost: true},
		"undone, not known":   {Err: store.ErrUnknown},
		"undone, no room":     {Err: store.ErrFull},
		"conflict of nothing": {Err: store.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			swept := 0
			for at := 1; ; at++ {
				plan.At = at
				if !playFaulty(t, plan) {
					break
				}
				swept++
			}
			if swept < 50 {
				t.Errorf("only %d operations were failed", swept)
			}
		})
	}
}

// playFaulty plays the story and reports whether the failure came.
func playFaulty(t *testing.T, plan storetest.Plan) (fired bool) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		faulty := storetest.Faulty(b.inner, plan)
		b.store = faulty
		s := newStory(b)
		b.config.FirstRetry = 5 * time.Second
		b.start()
		s.open()
		sleep(5 * time.Second)
		s.operate()
		sleep(2 * time.Minute)
		if err := b.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		s.check(1)
		fired = faulty.Fired()
		if t.Failed() && fired {
			t.Fatalf("operation %d (%s) failed", plan.At, faulty.Ops()[plan.At-1])
		}
	})
	return fired
}

// The process dies at each operation; another goes on with what was durable.
// Only what was delivered and could not be written down any more may be
// delivered once again.
func TestProcessDiesAtEachStoreOperation(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("answer lost %v", lost), func(t *testing.T) {
			again := 0
			for at := 1; at < 10_000; at++ {
				fired, copies := playCrash(t, storetest.Plan{At: at, Lost: lost, Rest: true})
				again = max(again, copies)
				if !fired {
					break
				}
			}
			if again != 2 {
				t.Errorf("%d copies at most: the test no longer dies between delivery and settlement", again)
			}
		})
	}
}

func playCrash(t *testing.T, plan storetest.Plan) (fired bool, copies int) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		faulty := storetest.Faulty(b.inner, plan)
		b.store = faulty
		s := newStory(b)
		b.config.FirstRetry = 5 * time.Second
		b.start()
		s.open()
		sleep(5 * time.Second)
		if !faulty.Fired() {
			s.operate()
			sleep(time.Minute)
		}
		_ = b.stop()
		fired = faulty.Fired()
		b.store = b.inner
		b.start()
		s.operate()
		sleep(3 * time.Minute)
		if err := b.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		s.check(2)
		for _, n := range b.courier.served() {
			copies = max(copies, n)
		}
		if t.Failed() && fired {
			t.Fatalf("died at operation %d (%s)", plan.At, faulty.Ops()[plan.At-1])
		}
	})
	return fired, copies
}

// The store is away for an hour while deliveries are under way: results wait
// in memory, nothing new is started, and all of it is stored afterwards.
func TestStoreAwayForAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		gone := &outage{Store: b.inner}
		b.store = gone
		b.courier.took = 10 * time.Second
		b.start()
		id := b.one("pat@good.example")
		sleep(5 * time.Second)
		gone.set(true)
		sleep(10 * time.Second)
		second := b.one("kim@good.example") // accepted by the part of the store that works
		sleep(time.Hour)
		if n := b.courier.attempts(); n != 1 {
			t.Errorf("%d attempts while their results could not be stored", n)
		}
		gone.set(false)
		sleep(time.Minute)
		for _, id := range []gateway.EnvelopeID{id, second} {
			if e := b.get(id); e.State != gateway.Delivered || b.courier.copies(id) != 1 {
				t.Errorf("%s after the outage, %d copies", e.State, b.courier.copies(id))
			}
		}
	})
}

// Deliveries whose evidence cannot be staged pile up to a limit; then nothing
// new starts until it can.
func TestNothingStartsWhileResultsCannotBeStored(t *testing.T) {
	for name, took := range map[string]time.Duration{"slow": time.Second, "at once": 0} {
		t.Run(name, func(t *testing.T) { pileUp(t, took) })
	}
}

func pileUp(t *testing.T, took time.Duration) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Workers, b.config.PerDestination, b.config.SettleEntries = 5, 5, 2
		b.courier.took = took
		broken := time.Now().Add(10 * time.Minute)
		b.ledger.fail = func(gateway.EnvelopeID) error {
			if time.Now().Before(broken) {
				return errScripted
			}
			return nil
		}
		b.start()
		for range 50 {
			b.one("pat@good.example")
		}
		sleep(9 * time.Minute)
		if n := b.courier.attempts(); n < 5 || n > 15 {
			t.Errorf("%d attempts whose results cannot be stored", n)
		}
		sleep(10 * time.Minute)
		for id, n := range b.courier.served() {
			if n != 1 || b.get(id).State != gateway.Delivered {
				t.Errorf("%v: %d copies", id, n)
			}
		}
		if n := len(b.courier.served()); n != 50 {
			t.Errorf("%d of 50 delivered", n)
		}
	})
}

// What somebody else writes between the queue's reading and its writing is
// kept, and the queue's own act happens once.
func TestSettlementAndActKeepWhatOthersWrote(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		meddle := func(id gateway.EnvelopeID, blob string) {
			e := b.get(id)
			e.Notice = &gateway.Notice{Body: gateway.Body{Blob: blob}}
			batch := new(store.Batch)
			if err := batch.PutRecord(envelopeKey(id), e); err != nil {
				t.Error(err)
			}
			if err := store.Write(context.Background(), b.inner, batch); err != nil {
				t.Error(err)
			}
		}
		calls := 0
		b.ledger.extra = func(_ *store.Batch, after gateway.Envelope) {
			if calls++; calls == 1 {
				meddle(after.ID, "one")
			}
		}
		b.start()
		id := b.one("pat@good.example")
		sleep(time.Minute)
		if e := b.get(id); e.State != gateway.Delivered || e.Notice == nil || e.Attempts != 1 || b.courier.copies(id) != 1 || b.staged("delivered")[id.String()] != 1 {
			t.Errorf("%s, notice kept %v, %d attempts", e.State, e.Notice != nil, e.Attempts)
		}
		held := b.envelope(b.message(), 0, "pat@good.example")
		held.State, held.Hold = gateway.Held, "policy"
		b.accept(held)
		acts := 0
		err := b.q.Drop(t.Context(), held.ID, func(batch *store.Batch, e gateway.Envelope) error {
			if acts++; acts == 1 {
				meddle(e.ID, "two")
			}
			return word("dropped")(batch, e)
		})
		if e := b.get(held.ID); err != nil || e.State != gateway.Dropped || e.Notice == nil || acts != 2 {
			t.Errorf("%v: %s, notice kept %v, staged %d times", err, e.State, e.Notice != nil, acts)
		}
	})
}

// A commit whose answer was lost is found out after the envelope it staged was
// read from the store, delivered and settled: it must not be taken again.
func TestLateTakeOfASettledEnvelope(t *testing.T) {
	for _, after := range []time.Duration{2 * time.Second, time.Hour} {
		inBubble(t, func(t *testing.T, b *bench) {
			b.start()
			sleep(time.Second)
			e := b.envelope(b.message(), 0, "pat@good.example")
			batch := new(store.Batch)
			if err := b.q.Stage(batch, e); err != nil {
				t.Fatal(err)
			}
			if err := b.inner.Commit(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			b.q.lookAgain()
			sleep(after)
			batch.Done()
			sleep(2 * time.Minute)
			if b.courier.copies(e.ID) != 1 {
				t.Errorf("after %v: delivered %d times", after, b.courier.copies(e.ID))
			}
		})
	}
}
