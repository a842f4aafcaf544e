package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// A pause survives a restart, keeps what arrives and loses nothing.
func TestPauseAndResume(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		sleep(time.Second)
		if _, err := b.q.Pause(t.Context(), noWords); err != nil {
			t.Fatal(err)
		}
		id := b.one("pat@out.example")
		sleep(time.Hour)
		_ = b.stop()
		b.start()
		sleep(time.Hour)
		if e := b.get(id); e.State != gateway.Queued || b.courier.attempts() != 0 || !b.q.Paused() {
			t.Errorf("%s, %d attempts while paused", e.State, b.courier.attempts())
		}
		if _, err := b.q.Resume(t.Context(), noWords); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Delivered {
			t.Errorf("%s after Resume", e.State)
		}
	})
}

// TestPausedAlready: who pauses a paused queue changes nothing and stages nothing,
// also where another process paused it, or the queue has read nothing yet.
func TestPausedAlready(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		sleep(time.Second)
		staged := 0
		set := func(act func(context.Context, func(*store.Batch) error) (bool, error), want bool) {
			t.Helper()
			before := staged
			changed, err := act(t.Context(), func(*store.Batch) error { staged++; return nil })
			if err != nil || changed != want || (staged > before) != want {
				t.Errorf("changed %v, want %v; evidence %d times; %v", changed, want, staged-before, err)
			}
		}
		set(b.q.Resume, false)
		set(b.q.Pause, true)
		set(b.q.Pause, false)
		elsewhere := new(store.Batch)
		elsewhere.Delete(pausedKey())
		if err := store.Write(t.Context(), b.inner, elsewhere); err != nil {
			t.Fatal(err)
		}
		set(b.q.Resume, false)
		if b.q.Paused() {
			t.Error("paused, and resumed elsewhere")
		}
		set(b.q.Pause, true)
		set(b.q.Resume, true)
		if _, err := b.q.Pause(t.Context(), func(*store.Batch) error { return errors.New("no evidence") }); err == nil || b.q.Paused() {
			t.Errorf("paused without evidence: %v", err)
		}
	})
}

// A restored store starts paused before anything can leave.
func TestStagedPauseHoldsFromTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		_ = b.stop()
		id := b.one("pat@out.example")
		batch := new(store.Batch)
		StagePause(batch, time.Now())
		if err := store.Write(t.Context(), b.inner, batch); err != nil {
			t.Fatal(err)
		}
		b.start()
		sleep(time.Hour)
		if b.courier.tried(id) != 0 {
			t.Error("delivered in spite of the pause")
		}
	})
}

// Drain waits for what is under way and starts nothing.
func TestDrainWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.PerDestination = 1
		b.courier.took = 30 * time.Second
		b.start()
		first, second := b.one("pat@out.example"), b.one("kim@out.example")
		sleep(time.Second)
		began := time.Now()
		b.q.Drain(context.Background())
		if took := time.Since(began); took < 28*time.Second || took > 31*time.Second {
			t.Errorf("Drain took %v", took)
		}
		if a, z := b.get(first), b.get(second); a.State != gateway.Delivered || z.State != gateway.Queued || z.Attempts != 0 {
			t.Errorf("%s and %s", a.State, z.State)
		}
	})
}

// A Drain whose time is up cuts the attempts; what they say is stored.
func TestDrainGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.whole = func(ctx context.Context, es []gateway.Envelope) []gateway.Outcome {
			<-ctx.Done()
			return repeat(gateway.Outcome{Result: gateway.Deferred, Phase: "dot", Status: "4.4.2", Unknown: true}, len(es))
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		b.q.Drain(ctx)
		_ = b.stop()
		if e := b.get(id); e.State != gateway.Queued || e.Attempts != 1 || !e.Last.Unknown {
			t.Errorf("%s after %d attempts", e.State, e.Attempts)
		}
	})
}

// What an operator does to an envelope that waits.
func TestOperatorActs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(_ context.Context, _ gateway.Envelope, try int) gateway.Outcome {
			if try < 3 {
				return later()
			}
			return sent()
		}
		b.start()
		id, gone := b.one("pat@out.example"), b.one("kim@out.example")
		sleep(time.Second)
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(b.q.Retry(ctx, id, word("requeued")))
		sleep(time.Second)
		if n := b.courier.tried(id); n != 2 {
			t.Fatalf("%d attempts after Retry", n)
		}
		must(b.q.Hold(ctx, id, "operator", word("held")))
		must(b.q.Drop(ctx, gone, word("dropped")))
		sleep(24 * time.Hour)
		if e := b.get(id); e.State != gateway.Held || e.Hold != "operator" || b.courier.tried(id) != 2 {
			t.Fatalf("%s, %d attempts after Hold", e.State, b.courier.tried(id))
		}
		if err := b.q.Retry(ctx, id, word("requeued")); !errors.Is(err, ErrNotFound) {
			t.Errorf("Retry of a held envelope: %v", err)
		}
		must(b.q.Release(ctx, id, func(batch *store.Batch, e *gateway.Envelope) error {
			e.Recipient = gateway.MustAddress("lee@out.example")
			return word("released")(batch, *e)
		}))
		sleep(time.Second)
		e := b.get(id)
		if e.State != gateway.Delivered || e.Recipient.Local() != "lee" || e.Attempts != 1 || e.Delayed {
			t.Errorf("%s after Release, %d attempts", e.State, e.Attempts)
		}
		if e := b.get(gone); e.State != gateway.Dropped || b.courier.tried(gone) != 1 {
			t.Errorf("%s after Drop", e.State)
		}
		for _, w := range []string{"requeued", "held", "released"} {
			if b.staged(w)[id.String()] != 1 {
				t.Errorf("evidence of %s: %v", w, b.staged(w))
			}
		}
		for name, err := range map[string]error{
			"drop of a final one":    b.q.Drop(ctx, gone, word("dropped")),
			"release of a final one": b.q.Release(ctx, id, noEvidence2),
			"refuse of a final one":  b.q.Refuse(ctx, id, noEvidence2),
			"drop of nothing":        b.q.Drop(ctx, gateway.EnvelopeID{Message: b.message()}, noEvidence),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// An act whose evidence cannot be staged does not happen, and the envelope
// goes on as before.
func TestActWithoutEvidenceDoesNotHappen(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(_ context.Context, _ gateway.Envelope, try int) gateway.Outcome {
			if try == 1 {
				return later()
			}
			return sent()
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		if err := b.q.Drop(t.Context(), id, func(*store.Batch, gateway.Envelope) error { return errScripted }); !errors.Is(err, errScripted) {
			t.Errorf("Drop: %v", err)
		}
		sleep(2 * time.Minute)
		if e := b.get(id); e.State != gateway.Delivered {
			t.Errorf("%s after a Drop that failed", e.State)
		}
	})
}

// A delivery whose evidence cannot be staged is not settled, and not repeated.
func TestDeliveryWithoutEvidenceIsNotSettled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		broken := time.Now().Add(10 * time.Minute)
		b.ledger.fail = func(gateway.EnvelopeID) error {
			if time.Now().Before(broken) {
				return errScripted
			}
			return nil
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(9 * time.Minute)
		if e := b.get(id); e.State != gateway.Queued {
			t.Errorf("%s without evidence", e.State)
		}
		sleep(2 * time.Minute)
		if e := b.get(id); e.State != gateway.Delivered || b.courier.copies(id) != 1 || b.staged("delivered")[id.String()] != 1 {
			t.Errorf("%s, delivered %d times", e.State, b.courier.copies(id))
		}
	})
}

// An envelope in an attempt is nobody else's, and what its courier amends is
// kept beside the result.
func TestInFlightIsBusyAndAmendable(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.whole = func(ctx context.Context, es []gateway.Envelope) []gateway.Outcome {
			err := b.q.Amend(ctx, es[0].ID, func(_ *store.Batch, e *gateway.Envelope) error {
				e.Action, e.State, e.Attempts = gateway.Secure, gateway.Dropped, 99
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			return repeat(sent(), 1)
		}
		b.start()
		id := b.one("pat@out.example")
		sleep(time.Second)
		if err := b.q.Drop(t.Context(), id, noEvidence); !errors.Is(err, ErrBusy) {
			t.Errorf("Drop in flight: %v", err)
		}
		if n, err := b.q.RetryAll(t.Context(), noEvidence); n != 0 || err != nil {
			t.Errorf("RetryAll in flight: %d, %v", n, err)
		}
		sleep(2 * time.Minute)
		if e := b.get(id); e.State != gateway.Delivered || e.Action != gateway.Secure || e.Attempts != 1 {
			t.Errorf("%s, action %v after %d attempts", e.State, e.Action, e.Attempts)
		}
	})
}

// Retry reaches a destination that is paused because it was dead.
func TestRetryAllReopensDestinations(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome { return dead() }
		b.start()
		for range 40 {
			b.one("pat@out.example")
		}
		sleep(10 * time.Second)
		calls := b.courier.attempts()
		n, err := b.q.RetryAll(t.Context(), word("requeued"))
		if n != 40 || err != nil {
			t.Errorf("RetryAll: %d, %v", n, err)
		}
		sleep(time.Second)
		if b.courier.attempts() == calls {
			t.Error("no attempt after RetryAll")
		}
		if got := len(b.staged("requeued")); got != 40 {
			t.Errorf("evidence of %d", got)
		}
	})
}

func TestListPages(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		if _, err := b.q.Pause(t.Context(), noWords); err != nil {
			t.Fatal(err)
		}
		m := b.message()
		for n := range uint32(25) {
			e := b.envelope(m, n, "pat@out.example")
			if n%5 == 0 {
				e.State, e.Hold = gateway.Held, "policy"
			}
			b.accept(e)
		}
		for state, want := range map[gateway.State]int{gateway.Queued: 20, gateway.Held: 5, "": 25, gateway.Delivered: 0} {
			var last *gateway.Envelope
			seen := map[gateway.EnvelopeID]bool{}
			for {
				page, err := b.q.List(t.Context(), Filter{State: state, Limit: 4, After: last})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page {
					seen[e.ID] = true
				}
				if len(page) < 4 {
					break
				}
				last = &page[len(page)-1]
			}
			if len(seen) != want {
				t.Errorf("%d of state %q, want %d", len(seen), state, want)
			}
		}
	})
}

// Two nodes on one store: each works on its own rows while both live.
func TestTwoNodesOnOneStore(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Node = "one"
		b.start()
		one, stopOne := b.q, b.stop
		sleep(time.Second)
		b.config.Node = "two"
		b.start()
		sleep(time.Second)
		two := b.q
		var ids []gateway.EnvelopeID
		for n := range 40 {
			if b.q = one; n%2 == 0 {
				b.q = two
			}
			ids = append(ids, b.one("pat@out.example"))
		}
		sleep(10 * time.Minute)
		for _, id := range ids {
			if e := b.get(id); e.State != gateway.Delivered || b.courier.copies(id) != 1 {
				t.Errorf("%s, %d copies", e.State, b.courier.copies(id))
			}
		}
		if err := stopOne(); err != nil {
			t.Error(err)
		}
	})
}

// The rows of a node that died are delivered by another, after its lease.
func TestTakeOverFromADeadNode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Node = "dead"
		b.start()
		sleep(time.Second)
		if err := b.q.lease.write(t.Context(), func(leaseRecord) bool { return true }); err != nil {
			t.Fatal(err)
		}
		died := b.q
		_ = b.stop()
		id := b.one("pat@out.example") // its row names the dead node
		batch := new(store.Batch)      // which did not give its lease back
		_ = batch.PutRecord(leaseKey("dead"), leaseRecord{Holder: died.lease.holder, Until: time.Now().Add(30 * time.Second)})
		if err := store.Write(t.Context(), b.inner, batch); err != nil {
			t.Fatal(err)
		}
		b.config.Node = "alive"
		b.start()
		sleep(50 * time.Second)
		if b.courier.tried(id) != 0 {
			t.Error("taken over before the lease had lapsed")
		}
		sleep(5 * time.Minute)
		if e := b.get(id); e.State != gateway.Delivered || b.courier.copies(id) != 1 {
			t.Errorf("%s, %d copies", e.State, b.courier.copies(id))
		}
	})
}

// The first process of a name stops when a second has taken its lease.
func TestSecondProcessOfANameFencesTheFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		sleep(time.Second)
		first := b.stop
		b.start()
		sleep(time.Minute)
		if err := first(); !errors.Is(err, ErrFenced) {
			t.Errorf("the first ended with %v", err)
		}
		id := b.one("pat@out.example")
		sleep(time.Second)
		if b.courier.copies(id) != 1 {
			t.Errorf("delivered %d times", b.courier.copies(id))
		}
	})
}

// unrenewed is a store on which leases cannot be written any more.
type unrenewed struct {
	outage
}

func (u *unrenewed) Get(ctx context.Context, key []byte) (store.Item, error) {
	return u.Store.Get(ctx, key)
}

func (u *unrenewed) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	return u.Store.Scan(ctx, r, visit)
}

func (u *unrenewed) Commit(ctx context.Context, b *store.Batch) error {
	for _, op := range b.Ops {
		if op.Key[0] == byte(store.Leases) && u.away() != nil {
			return errScripted
		}
	}
	return u.Store.Commit(ctx, b)
}

// A process that cannot renew its lease stops by its own clock, before another
// may take over: what is under way ends, nothing new starts.
func TestNothingStartsWithoutALease(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := &unrenewed{outage{Store: b.inner}}
		b.store = s
		b.config.PerDestination = 1
		b.courier.took = 5 * time.Second
		b.start()
		for range 40 {
			b.one("pat@out.example")
		}
		sleep(time.Second)
		s.set(true)
		sleep(5 * time.Minute)
		if n := b.courier.attempts(); n < 4 || n > 8 {
			t.Errorf("%d attempts within a lease of 30 s and after it", n)
		}
		s.set(false)
		sleep(10 * time.Minute)
		if n := len(b.courier.served()); n != 40 {
			t.Errorf("%d of 40 delivered", n)
		}
	})
}

// An operator who is faster than the call that hands a new envelope to memory
// is not overruled by it.
func TestOperatorIsFasterThanTake(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		sleep(time.Second)
		e := b.envelope(b.message(), 0, "pat@out.example")
		batch := new(store.Batch)
		if err := b.q.Stage(batch, e); err != nil {
			t.Fatal(err)
		}
		if err := b.inner.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if err := b.q.Hold(t.Context(), e.ID, "operator", noEvidence); err != nil {
			t.Fatal(err)
		}
		batch.Done()
		sleep(5 * time.Minute)
		if got := b.get(e.ID); got.State != gateway.Held || b.courier.tried(e.ID) != 0 {
			t.Errorf("%s, %d attempts", got.State, b.courier.tried(e.ID))
		}
	})
}

// What is for later is not retried with all the rest, and keeps its hour when
// it is released or its destination answers again; whoever names it has it at
// once.
func TestNotBeforeIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.limits = map[string]int{"out.example": 40}
		b.start()
		sleep(time.Second)
		hour := time.Now().Add(90 * time.Second) // soon enough to wait in memory
		e := b.envelope(b.message(), 0, "pat@out.example")
		e.NotBefore, e.State, e.Hold = hour, gateway.Held, "policy"
		b.accept(e)
		id := e.ID
		none := func(*store.Batch, gateway.Envelope) error { return nil }
		if err := b.q.Release(t.Context(), id, func(_ *store.Batch, e *gateway.Envelope) error {
			e.Last = gateway.Outcome{Phase: "connect", At: time.Now()} // before it was held
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n, err := b.q.RetryAll(t.Context(), none); n != 0 || err != nil {
			t.Errorf("retried %d: %v", n, err)
		}
		b.q.Reopen("out.example")
		sleep(time.Minute)
		if e := b.get(id); !e.Next.Equal(hour) || b.courier.tried(id) != 0 {
			t.Errorf("due at %v, tried %d times", e.Next, b.courier.tried(id))
		}
		if err := b.q.Retry(t.Context(), id, none); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		if e := b.get(id); e.State != gateway.Delivered {
			t.Errorf("%s after a retry by name", e.State)
		}
	})
}
