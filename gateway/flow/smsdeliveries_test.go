package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// numbered is a receipt that tests tell from others.
func numbered(n int) gateway.Delivery {
	return gateway.Delivery{Receipt: &gateway.Receipt{ID: gateway.Sensitive(fmt.Sprint(n)), State: gateway.StateSent}}
}

func running(t *testing.T, kv store.Store) *Flow {
	t.Helper()
	f, done, err := newWorld(t).open(kv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	return f
}

func stageNumbered(t testing.TB, f *Flow, account string, n int) *store.Batch {
	t.Helper()
	b := new(store.Batch)
	if err := f.stageDelivery(b, account, numbered(n)); err != nil {
		t.Fatal(err)
	}
	return b
}

func numbersOf(list []gateway.Delivery) (numbers []string) {
	for _, d := range list {
		numbers = append(numbers, d.Receipt.ID.Reveal())
	}
	return numbers
}

// What waits comes page by page in the order of staging, for its account only,
// again after a restart, and never after it is settled.
func TestOutboxOrder(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	f, done, err := w.open(kv)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range 25 {
		for _, account := range []string{testApp, "other"} {
			if err := store.Write(t.Context(), f.Store, stageNumbered(t, f, account, n)); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, fmt.Sprint(n))
	}
	for range 2 {
		var got []string
		var keys []string
		after := ""
		for {
			page, err := f.Deliveries(t.Context(), testApp, after, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, numbersOf(page)...)
			for _, d := range page {
				keys = append(keys, d.Key)
			}
			after = page[len(page)-1].Key
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q", got)
		}
		if err := f.DeliveriesDone(t.Context(), testApp, keys[:5]); err != nil {
			t.Fatal(err)
		}
		if err := f.DeliveriesDone(t.Context(), testApp, append(keys[:5:5], keys[0])); err != nil {
			t.Errorf("settled twice: %v", err)
		}
		want = want[5:]
		if page, err := f.Deliveries(t.Context(), testApp, keys[1], 3); err != nil || !slices.Equal(numbersOf(page), want[:3]) {
			t.Errorf("after a settled key: %q, %v", numbersOf(page), err)
		}
		done()
		if f, done, err = w.open(kv); err != nil {
			t.Fatal(err)
		}
	}
	defer done()
	if page, err := f.Deliveries(t.Context(), "other", "", 100); err != nil || len(page) != 25 {
		t.Errorf("the other account has %d, %v", len(page), err)
	}
}

// Who waits hears of what becomes durable after the call, and of nothing that
// does not.
func TestOutboxWakes(t *testing.T) {
	f := running(t, emptyStore())
	woken := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	one, two := f.DeliveriesWait(testApp), f.DeliveriesWait(testApp)
	other := f.DeliveriesWait("other")
	b := stageNumbered(t, f, testApp, 1)
	if woken(one) {
		t.Error("woken by what is not durable")
	}
	if err := store.Write(t.Context(), f.Store, b); err != nil {
		t.Fatal(err)
	}
	if !woken(one) || !woken(two) || woken(other) || woken(f.DeliveriesWait(testApp)) {
		t.Error("not everybody who waited was woken, or somebody else was")
	}
}

func TestKeysOfDeliveries(t *testing.T) {
	f := running(t, emptyStore())
	for _, key := range []string{"r", "x12", "r0x12", "r-1", "R12", "r012", "m12 ", "r12345678901234567"} {
		if _, err := f.Deliveries(t.Context(), testApp, key, 1); err == nil {
			t.Errorf("%q is taken for a key", key)
		}
		if err := f.DeliveriesDone(t.Context(), testApp, []string{key}); err == nil {
			t.Errorf("%q is settled", key)
		}
	}
	if err := f.DeliveriesDone(t.Context(), testApp, []string{""}); err == nil {
		t.Error("the beginning is settled")
	}
	if err := f.DeliveriesDone(t.Context(), testApp, nil); err != nil {
		t.Error(err)
	}
}

// TestOutboxLosesNothing: batches become durable in any order, or never, while
// a reader goes on page by page and begins anew now and then. It gets
// everything once between two beginnings, and sooner or later all of it.
func TestOutboxLosesNothing(t *testing.T) {
	f, runs := running(t, emptyStore()), 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		account := fmt.Sprint("app", runs)
		var staged []*store.Batch
		var numbers []int
		durable, got, since := map[string]bool{}, map[string]bool{}, map[string]bool{}
		after, n := "", 0
		read := func(limit int) int {
			page, err := f.Deliveries(t.Context(), account, after, limit)
			if err != nil || len(page) > limit {
				rt.Fatalf("%d of %d, %v", len(page), limit, err)
			}
			for _, d := range page {
				id := d.Receipt.ID.Reveal()
				if !durable[id] || since[id] {
					rt.Fatalf("%s: durable %v, came before %v", id, durable[id], since[id])
				}
				got[id], since[id], after = true, true, d.Key
				if rapid.Bool().Draw(rt, "taken") {
					if err := f.DeliveriesDone(t.Context(), account, []string{d.Key}); err != nil {
						rt.Fatal(err)
					}
				}
			}
			return len(page)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"stage": func(*rapid.T) {
				staged, numbers = append(staged, stageNumbered(t, f, account, n)), append(numbers, n)
				n++
			},
			"commit": func(rt *rapid.T) {
				if len(staged) == 0 {
					rt.Skip()
				}
				i := rapid.IntRange(0, len(staged)-1).Draw(rt, "which")
				if err := store.Write(t.Context(), f.Store, staged[i]); err != nil {
					rt.Fatal(err)
				}
				durable[fmt.Sprint(numbers[i])] = true
				staged, numbers = slices.Delete(staged, i, i+1), slices.Delete(numbers, i, i+1)
			},
			"fail": func(rt *rapid.T) {
				if len(staged) > 0 {
					staged, numbers = staged[1:], numbers[1:]
				}
			},
			"read":       func(rt *rapid.T) { read(rapid.IntRange(1, 4).Draw(rt, "limit")) },
			"begin anew": func(*rapid.T) { after, since = "", map[string]bool{} },
			"housekeeping": func(*rapid.T) {
				now := f.Now
				f.Now = func() time.Time { return now().Add(2 * unsureFor) }
				if _, err := f.lookForUnsure(t.Context()); err != nil {
					rt.Fatal(err)
				}
				f.Now = now
			},
		})
		for read(3) > 0 {
		}
		if len(got) != len(durable) {
			rt.Fatalf("%d of %d came", len(got), len(durable))
		}
	})
}

// lostAnswer is a store that writes, and says nothing of it.
type lostAnswer struct{ store.Store }

func (s lostAnswer) Commit(ctx context.Context, b *store.Batch) error {
	return errors.Join(s.Store.Commit(ctx, b), store.ErrUnknown)
}

// What became durable without an answer, behind a reader, comes after the next
// housekeeping.
func TestOutboxAfterALostAnswer(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		lost, never := stageNumbered(t, f, testApp, 1), stageNumbered(t, f, testApp, 2)
		if err := store.Write(ctx, f.Store, stageNumbered(t, f, testApp, 3)); err != nil {
			t.Fatal(err)
		}
		page, err := f.Deliveries(ctx, testApp, "", 10)
		if err != nil || !slices.Equal(numbersOf(page), []string{"3"}) {
			t.Fatalf("%q, %v", numbersOf(page), err)
		}
		if err := store.Write(ctx, lostAnswer{f.Store}, lost); !errors.Is(err, store.ErrUnknown) {
			t.Fatal(err)
		}
		wait := f.DeliveriesWait(testApp)
		time.Sleep(2 * unsureFor)
		f.housekeepOnce(ctx)
		select {
		case <-wait:
		default:
			t.Error("nobody was woken")
		}
		page, err = f.Deliveries(ctx, testApp, page[0].Key, 10)
		if err != nil || !slices.Equal(numbersOf(page), []string{"1"}) {
			t.Errorf("%q, %v", numbersOf(page), err)
		}
		if len(f.outbox.unsure(f.Now())) != 0 {
			t.Error("what never became durable is looked for again and again")
		}
		_ = never
		return nil
	})
}

// A reading that fails takes nothing with it.
func TestOutboxReadingFails(t *testing.T) {
	var late []gateway.Delivery
	for at := 1; ; at++ {
		f := running(t, emptyStore())
		behind := stageNumbered(t, f, testApp, 1)
		if err := store.Write(t.Context(), f.Store, stageNumbered(t, f, testApp, 2)); err != nil {
			t.Fatal(err)
		}
		page, err := f.Deliveries(t.Context(), testApp, "", 10)
		if err != nil || len(page) != 1 {
			t.Fatal(len(page), err)
		}
		if err := store.Write(t.Context(), f.Store, behind); err != nil {
			t.Fatal(err)
		}
		whole := f.Store
		f.Store = storetest.Faulty(whole, storetest.Plan{At: at})
		late, err = f.Deliveries(t.Context(), testApp, page[0].Key, 10)
		f.Store = whole
		if err == nil {
			break
		}
		if late, err = f.Deliveries(t.Context(), testApp, page[0].Key, 10); err != nil || !slices.Equal(numbersOf(late), []string{"1"}) {
			t.Errorf("failure %d: %q, %v", at, numbersOf(late), err)
		}
	}
	if !slices.Equal(numbersOf(late), []string{"1"}) {
		t.Errorf("without a failure: %q", numbersOf(late))
	}
}

// What an application does not come for is dropped in time, with evidence, for
// each account.
func TestOutboxEnds(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		const old = 2*sweepAtOnce + 3
		b := new(store.Batch)
		for n := range old {
			if err := f.stageDelivery(b, testApp, numbered(n)); err != nil {
				t.Fatal(err)
			}
		}
		for _, account := range []string{"a", "b", "c"} {
			if err := f.stageDelivery(b, account, gateway.Delivery{Segments: []gateway.Segment{{Short: []byte("hello")}}, Message: newID(t, f)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Write(ctx, f.Store, b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(outboxFor - time.Minute)
		for _, account := range []string{testApp, "b"} {
			if err := store.Write(ctx, f.Store, stageNumbered(t, f, account, -1)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := f.dropOverdue(ctx); n != 0 || err != nil {
			t.Errorf("%d dropped ahead of time, %v", n, err)
		}
		time.Sleep(2 * time.Minute)
		if n, err := f.dropOverdue(ctx); n != old+3 || err != nil {
			t.Errorf("%d dropped, want %d, %v", n, old+3, err)
		}
		for account, want := range map[string]int{testApp: 1, "a": 0, "b": 1, "c": 0} {
			if page, err := f.Deliveries(ctx, account, "", 10); err != nil || len(page) != want {
				t.Errorf("%s has %d left, %v", account, len(page), err)
			}
		}
		if n := recordsOf(ctx, t, f, gateway.EventAppDropped); n != old+3 {
			t.Errorf("%d records of what was dropped", n)
		}
		return nil
	})
}

// TestOutboxWhileManyWrite: a reader that waits, reads on and settles gets what
// many writers stage meanwhile, each once.
func TestOutboxWhileManyWrite(t *testing.T) {
	f := running(t, emptyStore())
	const writers, each = 8, 50
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for n := range each {
				b := new(store.Batch)
				if err := f.stageDelivery(b, testApp, numbered(w*each+n)); err != nil {
					return err
				}
				if err := store.Write(t.Context(), f.Store, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := map[string]bool{}
	for after := ""; len(seen) < writers*each; {
		wait := f.DeliveriesWait(testApp)
		page, err := f.Deliveries(ctx, testApp, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			id := d.Receipt.ID.Reveal()
			if seen[id] {
				t.Fatalf("%s came twice", id)
			}
			seen[id], after = true, d.Key
			if err := f.DeliveriesDone(ctx, testApp, []string{d.Key}); err != nil {
				t.Fatal(err)
			}
		}
		if len(page) > 0 {
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			t.Fatalf("only %d came", len(seen))
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if n := rowsOf(t.Context(), t, f, store.Outbox); n != 0 {
		t.Errorf("%d are left", n)
	}
}
