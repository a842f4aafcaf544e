package flow

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Recall against opening: whoever gets a grant after the recall has returned
// broke the lock, and no evidence of an opening comes after that of the recall.
func TestRecallAgainstOpen(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, three[0])
		r := w.prove(ctx, t, f, three[0])
		var done sync.WaitGroup
		var locked = make(chan struct{})
		for range 8 {
			done.Go(func() {
				for range 50 {
					after := false
					select {
					case <-locked:
						after = true
					default:
					}
					g, err := f.Open(ctx, r.secret, r.v, -1)
					if err != nil && !errors.Is(err, gateway.ErrNotProven) && !errors.Is(err, store.ErrConflict) {
						t.Error(err)
					}
					if after && (err == nil || f.Readable(ctx, g) && !g.Message.IsZero()) {
						t.Error("opened after the recall")
					}
				}
			})
		}
		done.Go(func() {
			if _, err := f.recall(ctx, id, gateway.Address{}, "uid:0"); err != nil {
				t.Error(err)
			}
			close(locked)
		})
		done.Wait()
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if _, after, ok := strings.Cut(story, `"envelope.recalled"`); !ok || strings.Contains(after, `"message.opened"`) {
			t.Errorf("an opening after the recall: %s", story)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// Recall against reply: an answer is taken over before the recall or not at
// all, and what was taken over reaches staff.
func TestRecallAgainstReply(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, three[0])
		r := w.prove(ctx, t, f, three[0])
		var taken atomic.Int32
		var done sync.WaitGroup
		locked := make(chan struct{})
		for i := range 8 {
			done.Go(func() {
				after := false
				select {
				case <-locked:
					after = true
				default:
				}
				_, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "thank you", Once: strconv.Itoa(i)})
				if err == nil {
					taken.Add(1)
				}
				if err == nil && after {
					t.Error("answered after the recall")
				}
			})
		}
		done.Go(func() {
			if _, err := f.recall(ctx, id, gateway.Address{}, "uid:0"); err != nil {
				t.Error(err)
			}
			close(locked)
		})
		done.Wait()
		agendaFor(ctx, f, 10*time.Minute)
		deliverAll(ctx, f, time.Minute)
		if n := len(w.hop.mail("ann@clinic.example")); n != int(taken.Load()) {
			t.Errorf("%d answers taken over, %d mails to staff", taken.Load(), n)
		}
		w.locked(ctx, t, f, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// Undo against shredding: one of them wins, never half of each.
func TestUndoAgainstShred(t *testing.T) {
	for range 10 {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			id := sentTo(ctx, t, f, three[0])
			r := w.prove(ctx, t, f, three[0])
			if _, err := f.recall(ctx, id, gateway.Address{}, "uid:0"); err != nil {
				return err
			}
			time.Sleep(f.set().RecallGrace)
			var undone Recalled
			var done sync.WaitGroup
			done.Go(func() { undone, _ = f.undo(ctx, id, gateway.Address{}, "uid:0") })
			done.Go(func() { f.agendaOnce(ctx) })
			done.Wait()
			agendaFor(ctx, f, 10*time.Minute)
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			if err != nil {
				return err
			}
			m, err := f.message(ctx, id)
			if undone.All != e.Shredded.IsZero() || undone.All != e.Recalled.IsZero() || undone.All == m.Staff.IsZero() || undone.All != m.Recalled.IsZero() {
				t.Errorf("undone %v, envelope %+v, staff copy %v", undone.All, e, !m.Staff.IsZero())
			}
			if undone.All {
				r = w.prove(ctx, t, f, three[0])
				if _, err := w.reads(ctx, f, r); err != nil {
					t.Error(err)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
