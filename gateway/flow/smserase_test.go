package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// No record holds the number of a telephone that was erased, once what was on
// its way there is over; its application still hears which message it was.
func TestErasedTelephone(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, append(asked(t, "hello", phonePass), asked(t, "hello", phoneHold)...))
		if err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if err := f.ReceiptSMS(ctx, receiptFor("00000001", gateway.StateSent)); err != nil {
			t.Fatal(err)
		}
		b := new(store.Batch)
		words := gateway.Delivery{Segments: []gateway.Segment{{Source: destination(phonePass), Dest: destination(shortSource), Short: []byte("thanks")}}}
		if err := f.stageDelivery(b, testApp, words); err != nil {
			t.Fatal(err)
		}
		if err := store.Write(ctx, f.Store, b); err != nil {
			t.Fatal(err)
		}
		if _, err := submitAll(ctx, f, short(t, longWords, phonePass)[:2]); err != nil { // the third never comes
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		f.agendaOnce(ctx)
		nobodys := receiptFor("nobodys", gateway.StateSent)
		nobodys.Dest = destination(phonePass)
		if err := f.ReceiptSMS(ctx, nobodys); err != nil {
			t.Fatal(err)
		}
		if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {phonePass + "@phone.invalid"}}, ""); err != nil {
			t.Fatal(err)
		}
		for range 3 { // each look is a task of its own
			time.Sleep(time.Hour)
			f.agendaOnce(ctx)
		}
		digits := strings.TrimPrefix(phonePass, "+")
		err = f.Store.Scan(ctx, store.Range{}, func(it store.Item) bool {
			if strings.Contains(string(it.Value), digits) {
				t.Errorf("a record of %v holds the number", store.Table(it.Key[0]))
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := toTell(ctx, t, f); len(got) != 1 || got[0] != ids[0]+":DELIVRD" {
			t.Errorf("the application hears %q", got)
		}
		if got := queryState(ctx, t, f, ids[1]); got != gateway.Enroute {
			t.Errorf("the message to another telephone is %s", got)
		}
		return nil
	})
}

// TestASettlementBringsNoErasedNumberBack: it wrote the message as memory held it,
// over what was erased while it was on its way into the store, or by another
// process, whose memory is not ours.
func TestASettlementBringsNoErasedNumberBack(t *testing.T) {
	theirs := func(l gateway.Line) bool { return !l.IsZero() && l.Key() == phonePass }
	for name, elsewhere := range map[string]bool{"here": false, "elsewhere": true} {
		w := newWorld(t)
		w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			if _, err := submitAll(ctx, f, asked(t, "hello", phonePass)); err != nil {
				return err
			}
			for id, was := range f.fresh.messages {
				before, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
				if err != nil {
					return err
				}
				after, b := before, new(store.Batch)
				after.State = gateway.Delivered
				erase := func() {
					if err := f.scrubEnds(ctx, id, theirs); err != nil {
						t.Fatal(err)
					}
				}
				if elsewhere {
					erase()
					f.fresh.put(was)
				}
				if err := f.Settle(ctx, b, before, after, gateway.Outcome{Result: gateway.Sent}); err != nil {
					return err
				}
				if !elsewhere {
					erase()
				}
				if err := f.Store.Commit(ctx, b); elsewhere != (err == nil) || err != nil && !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: Commit: %v", name, err)
				}
				m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
				if err != nil || m.Ends == nil || theirs(m.Ends.Dest) {
					t.Errorf("%s: the message says %+v, %v", name, m.Ends, err)
				}
				return err
			}
			t.Errorf("%s: nothing in memory", name)
			return nil
		})
	}
}
