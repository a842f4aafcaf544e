package flow

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// envelopeReads counts how many envelopes are read one by one.
type envelopeReads struct {
	store.Store
	n atomic.Int64
}

func (s *envelopeReads) Get(ctx context.Context, key []byte) (store.Item, error) {
	if store.Table(key[0]) == store.Envelopes {
		s.n.Add(1)
	}
	return s.Store.Get(ctx, key)
}

// TestStopReadsOnlyItsOwn: what waits for others costs neither a STOP nor a
// cancellation without an id anything, be it queued or held.
func TestStopReadsOnlyItsOwn(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	reads := &envelopeReads{Store: kv}
	err := w.in(t, reads, func(ctx context.Context, f *Flow) error {
		deliverAll(ctx, f, time.Second) // a first start
		w.smsc.down = true
		for n := range 60 {
			to := fmt.Sprintf("+1555400%04d", n)
			if n%2 == 1 {
				to = phoneHold
			}
			if _, err := submitAll(ctx, f, short(t, "for another", to)); err != nil {
				return err
			}
		}
		ids, err := submitAll(ctx, f, append(asked(t, "one", phonePass), asked(t, "two", phonePass)...))
		if err != nil {
			return err
		}
		reads.n.Store(0)
		if err := f.CancelSMS(ctx, "esme1", "", "", destination(shortSource), destination(phonePass)); err != nil {
			return err
		}
		if n := reads.n.Load(); n > 20 {
			t.Errorf("a cancellation reads %d envelopes", n)
		}
		third, err := submitAll(ctx, f, asked(t, "three", phonePass))
		if err != nil {
			return err
		}
		reads.n.Store(0)
		if err := receiveAll(ctx, f, wrote(t, "STOP", phonePass, shortSource)); err != nil {
			return err
		}
		f.agendaOnce(ctx)
		if n := reads.n.Load(); n > 20 {
			t.Errorf("a STOP reads %d envelopes", n)
		}
		for id, want := range map[string]gateway.ReceiptState{ids[0]: gateway.StateDeleted, ids[1]: gateway.StateDeleted, third[0]: gateway.StateRejected} {
			if got := queryState(ctx, t, f, id); got != want {
				t.Errorf("one is %s, want %s", got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// idRows counts the rows of ids that are visited.
type idRows struct {
	store.Store
	n atomic.Int64
}

func (s *idRows) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	return s.Store.Scan(ctx, r, func(it store.Item) bool {
		if store.Table(it.Key[0]) == store.ShortIDs {
			s.n.Add(1)
		}
		return visit(it)
	})
}

// TestCancelReadsNoOtherIDs: a cancellation without an id finds the parts that
// wait, and does not walk through the ids of all texts that came lately.
func TestCancelReadsNoOtherIDs(t *testing.T) {
	w := newWorld(t)
	rows := &idRows{Store: emptyStore()}
	_ = w.in(t, rows, func(ctx context.Context, f *Flow) error {
		for n := range 20 {
			if _, err := submitAll(ctx, f, asked(t, longWords, fmt.Sprintf("+1555400%04d", n))); err != nil {
				t.Fatal(err)
			}
		}
		ids, err := submitAll(ctx, f, asked(t, longWords, phonePass)[:2])
		if err != nil {
			t.Fatal(err)
		}
		rows.n.Store(0)
		if err := f.CancelSMS(ctx, "esme1", "", "", destination(shortSource), destination(phonePass)); err != nil {
			t.Fatal(err)
		}
		if n := rows.n.Load(); n != 0 {
			t.Errorf("%d rows of ids are visited", n)
		}
		for _, id := range ids {
			if got := queryState(ctx, t, f, id); got != gateway.StateDeleted {
				t.Errorf("it is %s", got)
			}
		}
		return nil
	})
}
