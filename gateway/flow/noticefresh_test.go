package flow

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/store"
)

// countedStore counts what is read of a store, by table.
type countedStore struct {
	store.Store
	mu          sync.Mutex
	gets, scans map[byte]int
}

func (r *countedStore) Get(ctx context.Context, key []byte) (store.Item, error) {
	r.mu.Lock()
	r.gets[key[0]]++
	r.mu.Unlock()
	return r.Store.Get(ctx, key)
}

func (r *countedStore) Scan(ctx context.Context, in store.Range, visit func(store.Item) bool) error {
	r.mu.Lock()
	if len(in.From) > 0 {
		r.scans[in.From[0]]++
	}
	r.mu.Unlock()
	return r.Store.Scan(ctx, in, visit)
}

// TestANoticeLeavesFromMemory: between acceptance and the end of the delivery
// nobody reads the message or its copies again.
func TestANoticeLeavesFromMemory(t *testing.T) {
	w := newWorld(t)
	kv := &countedStore{Store: emptyStore(), gets: make(map[byte]int), scans: make(map[byte]int)}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo("s@secure.example"), testMail)
		if err != nil {
			return err
		}
		clear(kv.gets)
		clear(kv.scans)
		deliverAll(ctx, f, 10*time.Second)
		if n := len(w.hop.mail("s@secure.example")); n != 1 {
			t.Errorf("%d notices left", n)
		}
		if kv.gets[byte(store.Messages)] > 0 || kv.scans[byte(store.Envelopes)] > 0 {
			t.Errorf("%d messages read, %d times their copies", kv.gets[byte(store.Messages)], kv.scans[byte(store.Envelopes)])
		}
		m, err := f.message(ctx, id)
		if err == nil && (m.Body.Blob == "" || m.Staff.IsZero() || kv.gets[byte(store.Messages)] == 0) {
			t.Errorf("after the delivery: %+v, %d reads", m, kv.gets[byte(store.Messages)])
		}
		return err
	})
}

// TestANoticeInMemoryIsNotBelieved when it was taken back, whoever did it:
// here, or in another process a second after the acceptance at the latest.
func TestANoticeInMemoryIsNotBelieved(t *testing.T) {
	for name, forget := range map[string]func(f *Flow, was freshMessage){
		"here":      func(f *Flow, was freshMessage) { f.fresh.put(was) },
		"elsewhere": func(f *Flow, was freshMessage) { f.fresh.put(was); f.takings.Store(was.takings); time.Sleep(looksGood) },
	} {
		w := newWorld(t)
		w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			id, err := accept(ctx, f, submissionTo("s@secure.example"), testMail)
			if err != nil {
				return err
			}
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			if err != nil {
				return err
			}
			was, known := f.fresh.messages[id]
			if !known || was.raw != nil {
				t.Errorf("%s: known %v, with %d octets of the original", name, known, len(was.raw))
			}
			if _, err := f.recall(ctx, id, gateway.Address{}, "uid:0"); err != nil {
				return err
			}
			forget(f, was)
			f.Deliver(ctx, []gateway.Envelope{e}) // as a courier does that has it in hand already
			if n := len(w.hop.mail("s@secure.example")); n != 0 {
				t.Errorf("%s: %d notices left after the recall", name, n)
			}
			return nil
		})
	}
}

// TestOnlyUsersAreFiledFor: what somebody sends who has no folders waits for
// nobody to file it, and is there when they come.
func TestOnlyUsersAreFiledFor(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		if _, err := accept(ctx, f, submissionTo("s@secure.example"), testMail); err != nil {
			return err
		}
		if n := rowsOf(ctx, t, f, store.Filings); n != 0 {
			t.Errorf("%d messages are to be filed for nobody", n)
		}
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		agendaFor(ctx, f, time.Second)
		fileAway(ctx, t, f)
		if n := len(c.entries(ctx, gateway.FolderUnopened)); n != 1 {
			t.Errorf("%d messages from before", n)
		}
		if _, err := accept(ctx, f, submissionTo("s@secure.example"), testMail); err != nil {
			return err
		}
		fileAway(ctx, t, f)
		if n := len(c.entries(ctx, gateway.FolderUnopened)); n != 2 {
			t.Errorf("%d messages in the folder", n)
		}
		return nil
	})
}

// TestOnlyTasksThatAreDueSoonerWakeTheAgenda: a reminder of the day after
// tomorrow does not, what comes while it looks does.
func TestOnlyTasksThatAreDueSoonerWakeTheAgenda(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, c := range map[string]struct {
		next, due time.Time
		wakes     bool
	}{
		"later":       {now, now.Add(time.Hour), false},
		"at the look": {now, now, false},
		"sooner":      {now, now.Add(-time.Second), true},
		"it looks":    {time.Time{}, now.Add(time.Hour), true},
	} {
		a := newAgenda()
		a.looksAt(c.next)
		if a.staged(c.due); len(a.wake) == 1 != c.wakes {
			t.Errorf("%s: woken %v", name, !c.wakes)
		}
	}
}

// TestMemoryKnowsBeforeTheQueue: what is put into memory behind the end of its
// delivery stays there for good. The queue looks at the clock when it hears of an
// envelope.
func TestMemoryKnowsBeforeTheQueue(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"p@out.example", "s@secure.example"} {
		w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			known := 0
			f.queue = queue.New(f.Store, f, f, f.Parts.Queue, func() time.Time {
				f.fresh.mu.Lock()
				defer f.fresh.mu.Unlock()
				known = len(f.fresh.messages)
				return f.Now()
			}, f.Random, prometheus.NewRegistry())
			_, err := accept(ctx, f, submissionTo(to), testMail)
			if err == nil && known != 1 {
				t.Errorf("%s: the queue heard of it before memory did", to)
			}
			return err
		})
	}
}

// answerless commits messages and does not tell.
type answerless struct{ store.Store }

func (s answerless) Commit(ctx context.Context, b *store.Batch) error {
	err := s.Store.Commit(ctx, b)
	for _, op := range b.Ops {
		if err == nil && op.Key[0] == byte(store.Messages) {
			return store.ErrUnknown
		}
	}
	return err
}

// TestALostAnswerLeavesNothingInMemory: until it is found out that the commit took
// place, the queue may have found the envelope in the store and delivered it.
func TestALostAnswerLeavesNothingInMemory(t *testing.T) {
	w := newWorld(t)
	w.must(t, answerless{emptyStore()}, func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo("p@out.example"), testMail)
		if err != nil {
			return err
		}
		if _, ok := f.fresh.record(id); ok {
			t.Error("a mail whose delivery may have ended is in memory")
		}
		return nil
	})
}
