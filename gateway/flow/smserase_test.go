package flow

import (
	"context"
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
