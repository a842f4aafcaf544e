package flow

import (
	"context"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// set puts the clock of all parts off.
func (f *fault) set(off time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shift = off
}

// TestClockADayWrong: a clock that is a day wrong shows a link's end and brings
// on the end of retention a day early or late, and leaves nothing behind: what
// is kept by the right clock opens by it, whoever looked meanwhile.
func TestClockADayWrong(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		if _, err := accept(ctx, f, submissionTo("s@secure.example"), testMail); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		sent := time.Now()
		secret := linkIn(t, w.notice(t, "s@secure.example"))
		at := func(after, wrong time.Duration, want gateway.LinkState) {
			t.Helper()
			time.Sleep(time.Until(sent.Add(after)))
			w.fault.set(wrong)
			defer w.fault.set(0)
			f.housekeepOnce(ctx)
			page, err := f.Visit(ctx, secret, gateway.Visitor{})
			if err != nil || page.State != want {
				t.Errorf("after %v by a clock that is %v wrong the link is %s, want %s (%v)", after, wrong, page.State, want, err)
			}
		}
		opens := func() {
			t.Helper()
			r := w.proveLink(ctx, t, f, "s@secure.example", secret)
			if got, err := w.reads(ctx, f, r); err != nil || got != testMail {
				t.Errorf("read %q, %v", got, err)
			}
		}
		for n, wrong := range []time.Duration{day, -day} {
			at(time.Duration(3*n+1)*day, wrong, gateway.LinkActive)
			opens()
			w.fault.set(wrong)
			opens() // and is asked for a code by this clock, too
			w.fault.set(0)
		}
		at(30*day-time.Hour, day, gateway.LinkExpired)
		at(30*day-time.Hour+time.Minute, 0, gateway.LinkActive)
		time.Sleep(time.Minute)
		opens()
		at(30*day+time.Hour, -day, gateway.LinkActive)
		at(30*day+time.Hour+time.Minute, 0, gateway.LinkExpired)
		at(180*day-2*day, day, gateway.LinkExpired)
		if left := w.bodies(ctx, t, f); left != 1 {
			t.Errorf("%d bodies before the end of retention, want 1", left)
		}
		at(182*day, -2*day, gateway.LinkExpired)
		at(182*day+time.Hour, 0, gateway.LinkExpired)
		at(183*day, 0, gateway.LinkExpired)
		if left := w.bodies(ctx, t, f); left != 0 {
			t.Errorf("%d keys of bodies are left after the end of retention", left)
		}
		return nil
	})
}

// bodies counts the messages whose keys are there.
func (w *world) bodies(ctx context.Context, t *testing.T, f *Flow) (n int) {
	t.Helper()
	err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if !m.Staff.IsZero() && !f.Keys.Destroyed(m.Staff.Group) {
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
