package flow

import (
	"context"
	"slices"
	"testing"
	"time"

	"gatepost/gateway"
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
