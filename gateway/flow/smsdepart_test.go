package flow

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestStoppedBeforeTheCarrier: an attempt that waits for a bind keeps nobody
// from cancelling a message, nor from wanting none.
func TestStoppedBeforeTheCarrier(t *testing.T) {
	for name, c := range map[string]struct {
		stop  func(ctx context.Context, t *testing.T, f *Flow, id string) error
		state string
	}{
		"cancelled": {func(ctx context.Context, t *testing.T, f *Flow, id string) error {
			return f.CancelSMS(ctx, "esme1", id, "", destination(shortSource), gateway.Line{})
		}, "DELETED"},
		"cancelled without an id": {func(ctx context.Context, t *testing.T, f *Flow, id string) error {
			return f.CancelSMS(ctx, "esme1", "", "", destination(shortSource), destination(phonePass))
		}, "DELETED"},
		"stopped": {func(ctx context.Context, t *testing.T, f *Flow, id string) error {
			err := receiveAll(ctx, f, wrote(t, "STOP", phonePass, shortSource))
			f.agendaOnce(ctx)
			return err
		}, "REJECTD"},
	} {
		t.Run(name, func(t *testing.T) {
			w, kv := newWorld(t), emptyStore()
			w.smsc.bind(false)
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, secretBody, phonePass))
				if err != nil {
					t.Fatal(err)
				}
				running, stop := context.WithCancel(ctx)
				ended := make(chan error, 1)
				go func() { ended <- f.queue.Run(running) }()
				time.Sleep(3 * time.Second) // in an attempt that waits
				began := time.Now()
				if err := c.stop(ctx, t, f, ids[0]); err != nil {
					t.Errorf("answered %v", err)
				}
				if took := time.Since(began); took > stopTime {
					t.Errorf("it took %v", took)
				}
				w.smsc.bind(true)
				f.ResumeSMS()
				time.Sleep(time.Hour)
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if got := readSegments(w.smsc.to(phonePass)); got == secretBody {
					t.Errorf("the telephone shows %q", got)
				}
				told := toTell(ctx, t, f)
				told = slices.DeleteFunc(told, func(line string) bool { return line == "" })
				if want := ids[0] + ":" + c.state; !slices.Contains(told, want) {
					t.Errorf("the application hears %q", told)
				}
				if n := len(f.departures.all); n != 0 {
					t.Errorf("%d attempts are remembered", n)
				}
				return nil
			})
			w.sound(t, kv)
		})
	}
}

// TestHeldOrDroppedBeforeTheCarrier: nor an operator from holding or dropping it, at
// any time while the carrier is away.
func TestHeldOrDroppedBeforeTheCarrier(t *testing.T) {
	for act, state := range map[string]gateway.State{"queue.hold": gateway.Held, "queue.drop": gateway.Dropped} {
		w, kv := newWorld(t), emptyStore()
		w.smsc.bind(false)
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- f.queue.Run(running) }()
			for range 20 { // each at another moment of an attempt, or between two
				if _, err := submitAll(ctx, f, asked(t, secretBody, phonePass)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(1100 * time.Millisecond)
			}
			var ids []string
			if err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) { ids = append(ids, e.ID.String()) }); err != nil || len(ids) != 20 {
				t.Fatalf("%d envelopes, %v", len(ids), err)
			}
			for _, id := range ids {
				began := time.Now()
				if _, err := operation(ctx, f, act, url.Values{"id": {id}}, ""); err != nil {
					t.Errorf("%s: %v", act, err)
				}
				if took := time.Since(began); took > stopTime {
					t.Errorf("%s took %v", act, took)
				}
			}
			w.smsc.bind(true)
			f.ResumeSMS()
			time.Sleep(time.Hour)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if got := w.smsc.to(phonePass); len(got) != 0 {
				t.Errorf("after %s the telephone shows %q", act, readSegments(got))
			}
			n := 0
			err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
				if e.State == state {
					n++
				}
			})
			if n != 20 {
				t.Errorf("%s: %d are %s", act, n, state)
			}
			return err
		})
	}
}

// TestReplacedBeforeTheCarrier: nor from replacing it, once or twice, also after
// attempts that came to nothing.
func TestReplacedBeforeTheCarrier(t *testing.T) {
	for name, status := range map[string]uint32{"away": 0, "refused for now": gateway.StatusQueueFull, "throttled": gateway.StatusThrottled} {
		t.Run(name, func(t *testing.T) {
			w, kv := newWorld(t), emptyStore()
			w.smsc.bind(status != 0)
			w.smsc.answer = func(gateway.Segment) (uint32, bool) { return status, false }
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, secretBody, phonePass))
				if err != nil {
					t.Fatal(err)
				}
				running, stop := context.WithCancel(ctx)
				ended := make(chan error, 1)
				go func() { ended <- f.queue.Run(running) }()
				for _, words := range []string{"a first try", "hello"} {
					time.Sleep(13 * time.Second) // an attempt has ended, and another waits
					began := time.Now()
					if err := f.ReplaceSMS(ctx, "esme1", ids[0], gateway.Segment{Short: []byte(words), Registered: 1}); err != nil {
						t.Errorf("%s: %v", words, err)
					}
					if took := time.Since(began); took > stopTime {
						t.Errorf("it took %v", took)
					}
				}
				w.smsc.mu.Lock()
				w.smsc.answer = nil
				w.smsc.mu.Unlock()
				w.smsc.bind(true)
				f.ResumeSMS()
				time.Sleep(10 * time.Minute)
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if got := w.smsc.to(phonePass); len(got) != 1 || readSegments(got) != "hello" {
					t.Errorf("the telephone shows %q", readSegments(got))
				}
				if n := len(f.departures.all); n != 0 {
					t.Errorf("%d attempts are remembered", n)
				}
				if err := f.ReceiptSMS(ctx, receiptFor("00000001", gateway.StateSent)); err != nil {
					t.Fatal(err)
				}
				if got := toTell(ctx, t, f); !slices.Equal(got, []string{ids[0] + ":DELIVRD"}) {
					t.Errorf("the application hears %q", got)
				}
				return nil
			})
			w.sound(t, kv)
		})
	}
}

// TestNotReplacedAtTheCarrier: what the carrier may have is not replaced: in an
// attempt under way, and after one whose answer was lost.
func TestNotReplacedAtTheCarrier(t *testing.T) {
	for name, answer := range map[string]func(gateway.Segment) (uint32, bool){
		"under way": func(gateway.Segment) (uint32, bool) { time.Sleep(20 * time.Second); return 0, false },
		"unknown":   func(gateway.Segment) (uint32, bool) { return 0, true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, "hello", phonePass))
				if err != nil {
					t.Fatal(err)
				}
				w.smsc.answer = answer
				running, stop := context.WithCancel(ctx)
				ended := make(chan error, 1)
				go func() { ended <- f.queue.Run(running) }()
				time.Sleep(3 * time.Second)
				if name == "unknown" { // and nobody is there the next time
					w.smsc.bind(false)
					time.Sleep(30 * time.Second)
				}
				if err := f.ReplaceSMS(ctx, "esme1", ids[0], gateway.Segment{Short: []byte("new")}); answerOf(err) != gateway.StatusReplaceFailed {
					t.Errorf("answered %v", err)
				}
				time.Sleep(time.Minute) // whoever answers has the lock
				w.smsc.mu.Lock()
				w.smsc.answer = nil
				w.smsc.mu.Unlock()
				w.smsc.bind(true)
				f.ResumeSMS()
				time.Sleep(10 * time.Minute)
				stop()
				if err := <-ended; err != nil || readSegments(w.smsc.to(phonePass)) != "hello" {
					t.Errorf("%v, the telephone shows %q", err, readSegments(w.smsc.to(phonePass)))
				}
				return nil
			})
		})
	}
}

// What the carrier may have is not cancelled, however long its answer takes.
func TestNotStoppedAtTheCarrier(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, asked(t, "hello", phonePass))
		if err != nil {
			t.Fatal(err)
		}
		w.smsc.answer = func(gateway.Segment) (uint32, bool) { time.Sleep(20 * time.Second); return 0, false }
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- f.queue.Run(running) }()
		time.Sleep(3 * time.Second)
		if err := f.CancelSMS(ctx, "esme1", ids[0], "", destination(shortSource), gateway.Line{}); answerOf(err) != gateway.StatusCancelFailed {
			t.Errorf("answered %v", err)
		}
		time.Sleep(time.Minute)
		stop()
		if err := <-ended; err != nil || w.smsc.told(phonePass) != "hello" || len(w.smsc.to(phonePass)) != 1 {
			t.Errorf("%v, the telephone shows %q", err, w.smsc.told(phonePass))
		}
		return nil
	})
}

// TestReplaceRacesDelivery: one text reaches the telephone, the new one after a
// success and the old one after a refusal.
func TestReplaceRacesDelivery(t *testing.T) {
	replaced, left := 0, 0
	for wait := range 30 {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			ids, err := submitAll(ctx, f, asked(t, "old", phonePass))
			if err != nil {
				t.Fatal(err)
			}
			w.smsc.bind(false)
			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- f.queue.Run(running) }()
			go func() { time.Sleep(115 * time.Millisecond); w.smsc.bind(true) }()
			time.Sleep(time.Duration(85+5*wait) * time.Millisecond)
			err = f.ReplaceSMS(ctx, "esme1", ids[0], gateway.Segment{Short: []byte("new")})
			time.Sleep(time.Minute)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			want := "new"
			switch {
			case err == nil:
				replaced++
			case answerOf(err) == gateway.StatusReplaceFailed:
				want = "old"
				left++
			default:
				t.Errorf("answered %v", err)
			}
			if got := readSegments(w.smsc.to(phonePass)); got != want {
				t.Errorf("after %d steps: %v, and the telephone shows %q", wait, err, got)
			}
			return nil
		})
	}
	if replaced == 0 || left == 0 {
		t.Errorf("no race: %d replaced, %d left", replaced, left)
	}
}
