package queue

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// waits lists what waits for the telephone of a person, and how many envelopes
// were read for it.
func (b *bench) waits(to string) (ids []string, read int) {
	b.t.Helper()
	counting := &countingStore{Store: b.q.store}
	q := New(counting, b.courier, b.ledger, b.config, time.Now, b.q.random.random, nil) // that of an operator beside it
	err := q.EachWaiting(context.Background(), personOf(to), func(e *gateway.Envelope) error {
		ids = append(ids, e.ID.String())
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	slices.Sort(ids)
	return ids, counting.gets
}

type countingStore struct {
	store.Store
	gets int
}

func (s *countingStore) Get(ctx context.Context, key []byte) (store.Item, error) {
	s.gets++
	return s.Store.Get(ctx, key)
}

// withoutIndex makes the store what an older version has left.
func (b *bench) withoutIndex() {
	b.t.Helper()
	batch := new(store.Batch)
	batch.Delete(indexedKey())
	_ = b.inner.Scan(context.Background(), store.Prefix(store.WaitingFor), func(it store.Item) bool {
		batch.Delete(slices.Clone(it.Key))
		return true
	})
	if err := store.Write(context.Background(), b.inner, batch); err != nil {
		b.t.Fatal(err)
	}
}

// TestWhatWaitsForATelephone is found without reading what waits for others,
// in a store of an older version too, and before that is indexed as well.
func TestWhatWaitsForATelephone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		sleep(time.Second)
		later := time.Now().Add(time.Hour)
		var all []*gateway.Envelope
		for n := range 3 * indexPage {
			e := b.envelope(b.message(), 0, telephone(100+n))
			switch n {
			case 7, indexPage + 7:
				*e = *b.envelope(e.ID.Message, 0, telephone(1))
			case 8:
				*e = *b.envelope(e.ID.Message, 0, telephone(1))
				e.State, e.Hold = gateway.Held, "policy"
			case 9:
				*e = *b.envelope(e.ID.Message, 0, telephone(1))
				e.State = gateway.Refused
			}
			if e.State == gateway.Queued {
				e.Next = later
			}
			all = append(all, e)
		}
		b.accept(all...)
		want := []string{all[7].ID.String(), all[8].ID.String(), all[indexPage+7].ID.String()}
		slices.Sort(want)
		found := func(when string, most int) {
			t.Helper()
			if ids, read := b.waits(telephone(1)); !slices.Equal(ids, want) || read > most {
				t.Errorf("%s: %v with %d reads, want %v", when, ids, read, want)
			}
		}
		found("new", 4)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b.withoutIndex()
		b.q = New(b.store, b.courier, b.ledger, b.config, time.Now, b.q.random.random, nil)
		found("of an older version, before a start", 4*indexPage)
		b.start()
		sleep(time.Second)
		found("of an older version", 4)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b.start()
		sleep(time.Second)
		found("after one more start", 4)
		if ids, _ := b.waits(telephone(2)); len(ids) != 0 {
			t.Errorf("for nobody waits %v", ids)
		}
		sleep(2 * time.Hour)
		if ids, _ := b.waits(telephone(1)); !slices.Equal(ids, []string{all[8].ID.String()}) {
			t.Errorf("when the others have left, %v wait", ids)
		}
	})
}

// The process dies at each operation while it indexes what an older version has
// left; until the index is whole nothing trusts it.
func TestIndexingDiesAtEachStoreOperation(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for at := 1; ; at++ {
			if !dieIndexing(t, storetest.Plan{At: at, Lost: lost, Rest: true}) {
				if at < 10 {
					t.Errorf("only %d operations", at)
				}
				break
			}
		}
	}
}

func dieIndexing(t *testing.T, plan storetest.Plan) (fired bool) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		var want []string
		for n := range 4 {
			e := b.envelope(b.message(), 0, telephone(n%2))
			if e.Next = time.Now().Add(30 * time.Minute); n > 1 {
				e.State, e.Hold, e.Next = gateway.Held, "policy", time.Time{}
			}
			b.accept(e)
			if n%2 == 1 {
				want = append(want, e.ID.String())
			}
		}
		slices.Sort(want)
		_ = b.stop()
		b.withoutIndex()
		faulty := storetest.Faulty(b.inner, plan)
		b.store = faulty
		b.start()
		sleep(time.Minute)
		_ = b.stop()
		fired = faulty.Fired()
		for _, when := range []string{"before", "after"} {
			b.store = b.inner
			if when == "after" {
				b.start()
				sleep(time.Second)
			} else {
				b.q = New(b.inner, b.courier, b.ledger, b.config, time.Now, b.q.random.random, nil)
			}
			if ids, _ := b.waits(telephone(1)); !slices.Equal(ids, want) {
				t.Errorf("operation %d, %s the next start: %v wait, want %v", plan.At, when, ids, want)
			}
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		b.consistent()
	})
	return fired
}
