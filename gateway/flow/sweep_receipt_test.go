package flow

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/store"
)

// receiptJourneys are what carriers say of messages and what applications take.
func receiptJourneys() []journey {
	return []journey{
		receiptJourney(), earlyJourney(), outboxJourney(),
		cancelJourney("cancel a short message", phoneSecure), cancelJourney("cancel what waits for parts", phonePass), replaceJourney(),
	}
}

// cancelJourney takes back what waits for a telephone: a secured message, or
// one part of a longer text.
func cancelJourney(name, to string) journey {
	var ids []string
	return journey{
		name: name, covers: []string{"CancelSMS", "QuerySMS"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			segments := asked(t, secretBody, to)
			if to == phonePass {
				segments = asked(t, longWords, to)[:1]
			}
			ids = w.submitInto(t, kv, segments)
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			if _, err := f.QuerySMS(ctx, testApp, ids[0], gateway.Line{}); err != nil {
				return err
			}
			return f.CancelSMS(ctx, testApp, "", "", destination(shortSource), destination(to))
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				over := queryState(ctx, t, f, ids[0]) == gateway.StateDeleted
				told := len(toTell(ctx, t, f)) == 1
				if answer == nil && !over || over != told || over != (recordsOf(ctx, t, f, gateway.EventCancelled) == 1) {
					t.Errorf("answer %v, it is over: %v, its application hears of it: %v", answer, over, told)
				}
				deliverAll(ctx, f, 30*time.Second)
				if left := len(w.smsc.to(to)); over && left > 0 || !over && to == phoneSecure && left != 1 {
					t.Errorf("it is over: %v, and %d segments left", over, left)
				}
				w.smsc.forget()
				return nil
			})
		},
	}
}

func replaceJourney() journey {
	var ids []string
	return journey{
		name: "replace a short message", covers: []string{"ReplaceSMS"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			ids = w.submitInto(t, kv, asked(t, "the old text", phonePass))
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			return f.ReplaceSMS(ctx, testApp, ids[0], gateway.Segment{Source: destination(shortSource), Short: []byte("the new text")})
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			w.settle(t, kv)
			got := w.smsc.told(phonePass)
			if answer == nil && got != "the new text" || got != "the new text" && got != "the old text" || len(w.smsc.to(phonePass)) != 1 {
				t.Errorf("answer %v, and %q left in %d segments", answer, got, len(w.smsc.to(phonePass)))
			}
			w.smsc.forget()
		},
	}
}

func (w *world) sentInto(t *testing.T, kv store.Store, s sentSMS) (m *gateway.Message) {
	t.Helper()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		m, _ = s.store(ctx, t, f)
		return nil
	})
	return m
}

// saysOnce fails unless the application hears exactly once of the message when
// the carrier repeats what was not answered.
func (w *world) saysOnce(t *testing.T, kv store.Store, answer error, m *gateway.Message) {
	t.Helper()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		f.housekeepOnce(ctx)
		if answer != nil {
			if err := f.ReceiptSMS(ctx, receiptFor("4711", gateway.StateSent)); err != nil {
				t.Errorf("said again: %v", err)
			}
		}
		if got, want := toTell(ctx, t, f), []string{m.Ends.Parts[0].ID.String() + ":DELIVRD"}; !slices.Equal(got, want) {
			t.Errorf("answer %v, the application hears %q, want %q", answer, got, want)
		}
		return nil
	})
}

func receiptJourney() journey {
	var m *gateway.Message
	return journey{
		name: "receipt", covers: []string{"ReceiptSMS"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			m = w.sentInto(t, kv, sentSMS{asked: []byte{1}, ids: []string{"4711"}})
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			return f.ReceiptSMS(ctx, receiptFor("4711", gateway.StateSent))
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) { w.saysOnce(t, kv, answer, m) },
	}
}

func earlyJourney() journey {
	var m *gateway.Message
	var settled bool
	return journey{
		name: "receipt before the answer", covers: []string{"ReceiptSMS"},
		run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
			err := f.ReceiptSMS(ctx, receiptFor("4711", gateway.StateSent))
			var b *store.Batch
			m, _, b = sentSMS{asked: []byte{1}, ids: []string{"4711"}}.staged(t, f)
			settled = store.Write(ctx, f.Store, b) == nil
			f.Settled()
			return err
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			if settled {
				w.saysOnce(t, kv, answer, m)
			}
		},
	}
}

func outboxJourney() journey {
	var got []gateway.Delivery
	return journey{
		name: "an application takes what waits", covers: []string{"Deliveries", "DeliveriesDone"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				b := new(store.Batch)
				for _, d := range []gateway.Delivery{{Segments: []gateway.Segment{{Short: []byte("hello")}}, Message: newID(t, f)}, {Receipt: &gateway.Receipt{ID: "1"}}} {
					if err := f.stageDelivery(b, testApp, d); err != nil {
						t.Fatal(err)
					}
				}
				return store.Write(ctx, f.Store, b)
			})
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) (err error) {
			if got, err = f.Deliveries(ctx, testApp, "", 10); err != nil {
				return err
			}
			if len(got) != 2 {
				return errors.New("not everything waits")
			}
			return f.DeliveriesDone(ctx, testApp, []string{got[0].Key, got[1].Key})
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				left := len(toTell(ctx, t, f))
				if answer == nil && left != 0 || left == 1 {
					t.Errorf("answer %v, %d wait", answer, left)
				}
				if n := recordsOf(ctx, t, f, gateway.EventAppDelivered); (left == 0) != (n == 1) {
					t.Errorf("%d wait, but %d records say that the message was taken", left, n)
				}
				return nil
			})
		},
	}
}

// recordsOf counts the evidence of one event.
func recordsOf(ctx context.Context, t testing.TB, f *Flow, event gateway.Event) (n int) {
	t.Helper()
	for {
		folded, err := f.Audit.Fold(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if folded == 0 {
			break
		}
	}
	err := f.Audit.Each(ctx, func(e audit.Entry) error {
		if e.Event == event {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
