package flow

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// reader is a correspondent with a link that is proven.
type reader struct {
	to     string
	secret gateway.LinkSecret
	v      gateway.Visitor
}

// notice is the newest mail to an address that holds a link.
func (w *world) notice(t *testing.T, to string) string {
	t.Helper()
	for _, mail := range slices.Backward(w.hop.mail(to)) {
		if strings.Contains(mail, "/m/") {
			return mail
		}
	}
	t.Fatalf("%s got no notice", to)
	return ""
}

// prove takes the newest notice of to and proves its link by a code.
func (w *world) prove(ctx context.Context, t *testing.T, f *Flow, to string) reader {
	t.Helper()
	return w.proveLink(ctx, t, f, to, linkIn(t, w.notice(t, to)))
}

func (w *world) proveLink(ctx context.Context, t *testing.T, f *Flow, to string, secret gateway.LinkSecret) reader {
	t.Helper()
	r := reader{to: to, secret: secret}
	session, page, err := f.SendCode(ctx, r.secret, r.v)
	if err != nil || page.State != gateway.LinkActive {
		t.Fatalf("no code for %s: %s, %v", to, page.State, err)
	}
	r.v.Session = session
	deliverAll(ctx, f, 10*time.Second)
	mails := w.hop.mail(to)
	session, result, err := f.Prove(ctx, r.secret, r.v, codeIn(mails[len(mails)-1]))
	if r.v.Session = session; err != nil || !result.Passed {
		t.Fatalf("%s proved nothing: %+v, %v", to, result, err)
	}
	return r
}

// reads opens the message of r's link as the viewer does, with real keys.
func (w *world) reads(ctx context.Context, f *Flow, r reader) (string, error) {
	g, err := f.Open(ctx, r.secret, r.v, -1)
	if err != nil {
		return "", err
	}
	return w.unseal(ctx, f, g, r.secret)
}

func (w *world) unseal(ctx context.Context, f *Flow, g gateway.Grant, s gateway.LinkSecret) (string, error) {
	blob, err := f.Blobs.Open(ctx, g.Body.Blob)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	c, err := w.keys.Opener().Correspondent(g.Wrap, g.Message, s, blob, blob.Size())
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	return string(raw), err
}

// agendaFor lets the agenda run for a while.
func agendaFor(ctx context.Context, f *Flow, d time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); f.Agenda(ctx) }()
	time.Sleep(d)
	cancel()
	<-done
}

func recallOp(ctx context.Context, f *Flow, op string, id gateway.MessageID, who string) error {
	_, err := operation(ctx, f, op, url.Values{"id": {id.String()}, "recipient": {who}}, "")
	return err
}

var three = []string{"a@secure.example", "b@secure.example", "c@secure.example"}

// sentTo accepts the test mail and delivers its notices.
func sentTo(ctx context.Context, t *testing.T, f *Flow, to ...string) gateway.MessageID {
	t.Helper()
	id, err := accept(ctx, f, submissionTo(to...), testMail)
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(ctx, f, time.Minute)
	return id
}

// locked fails when anything opens for r.
func (w *world) locked(ctx context.Context, t *testing.T, f *Flow, r reader) {
	t.Helper()
	if page, err := f.Visit(ctx, r.secret, r.v); err != nil || page.State != gateway.LinkRecalled || page.Recalled.IsZero() {
		t.Errorf("%s: link is %s, %v", r.to, page.State, err)
	}
	if _, err := f.Open(ctx, r.secret, r.v, -1); !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("%s: the open session opens: %v", r.to, err)
	}
	if _, err := f.Open(ctx, r.secret, r.v, 0); !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("%s: the open session opens a file: %v", r.to, err)
	}
	if _, result, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: r.v.Device}); err == nil && result.Passed {
		t.Errorf("%s: the remembered browser opens", r.to)
	}
	if _, err := f.Conversation(ctx, r.secret, r.v); !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("%s: the conversation is shown: %v", r.to, err)
	}
	if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "too late", Once: "late"}); err == nil {
		t.Errorf("%s: answers", r.to)
	}
	before := len(w.hop.mail(r.to))
	if _, page, err := f.SendCode(ctx, r.secret, r.v); err != nil || page.State != gateway.LinkRecalled {
		t.Errorf("%s: a code can be asked for: %s, %v", r.to, page.State, err)
	}
	deliverAll(ctx, f, 10*time.Second)
	if len(w.hop.mail(r.to)) != before {
		t.Errorf("%s got a mail", r.to)
	}
}

// One of three recipients: locked at once, shredded after the grace, and the
// others keep reading although the key group of their wraps is gone.
func TestRecallOfOneOfThree(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, three...)
		var readers []reader
		for _, to := range three {
			readers = append(readers, w.prove(ctx, t, f, to))
		}
		if text, err := w.reads(ctx, f, readers[1]); err != nil || !strings.Contains(text, secretBody) {
			t.Fatalf("not readable before: %v", err)
		}
		device, err := f.Remember(ctx, readers[1].secret, readers[1].v)
		if err != nil {
			return err
		}
		readers[1].v.Device = device
		if _, result, err := f.Enter(ctx, readers[1].secret, gateway.Visitor{Device: device}); err != nil || !result.Passed {
			t.Errorf("the remembered browser does not open before: %v", err)
		}
		grant, err := f.Open(ctx, readers[1].secret, readers[1].v, -1)
		if err != nil || !f.Readable(ctx, grant) {
			t.Fatal("a grant does not hold", err)
		}
		link, err := f.link(ctx, readers[1].secret)
		if err != nil {
			return err
		}
		if err := recallOp(ctx, f, "message.recall", id, three[1]); err != nil {
			return err
		}
		w.locked(ctx, t, f, readers[1])
		if f.Readable(ctx, grant) {
			t.Error("a download goes on")
		}
		agendaFor(ctx, f, 10*time.Minute)
		w.locked(ctx, t, f, readers[1])
		if !f.Keys.Destroyed(link.Wrap.Group) {
			t.Error("the key group of the recalled wrap is not destroyed")
		}
		if _, err := w.unseal(ctx, f, grant, readers[1].secret); !errors.Is(err, seal.ErrDestroyed) {
			t.Errorf("the old wrap opens: %v", err)
		}
		e, err := f.envelope(ctx, link.Envelope)
		if err != nil || e.Shredded.IsZero() {
			t.Errorf("not shredded: %v", err)
		}
		if err := recallOp(ctx, f, "message.recall_undo", id, ""); err == nil {
			t.Error("undone after the shredding")
		}
		for _, i := range []int{0, 2} {
			readers[i] = w.prove(ctx, t, f, three[i])
			if text, err := w.reads(ctx, f, readers[i]); err != nil || !strings.Contains(text, secretBody) {
				t.Errorf("%s does not read any more: %v", three[i], err)
			}
		}
		m, err := f.message(ctx, id)
		if err == nil && m.Staff.IsZero() {
			t.Error("the staff copy is gone")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// A recall for all ends the staff copy and the body.
func TestRecallForAll(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, three...)
		r := w.prove(ctx, t, f, three[0])
		m, err := f.message(ctx, id)
		if err != nil {
			return err
		}
		staff := m.Staff
		if _, err := operation(ctx, f, "user.add", url.Values{"name": {"ann@clinic.example"}, "role": {"staff"}}, "a long pass phrase"); err != nil {
			return err
		}
		ann, err := f.StaffLogin(ctx, "ann@clinic.example", "a long pass phrase", gateway.Visitor{})
		if err != nil {
			return err
		}
		if _, err := f.StaffOpen(ctx, ann, id, -1, gateway.Visitor{}); err != nil {
			t.Errorf("staff do not read before: %v", err)
		}
		if err := recallOp(ctx, f, "message.recall", id, ""); err != nil {
			return err
		}
		w.locked(ctx, t, f, r)
		var closed *gateway.TurnClosedError
		if _, err := f.StaffOpen(ctx, ann, id, -1, gateway.Visitor{}); !errors.As(err, &closed) || closed.State != gateway.TurnRecalled {
			t.Errorf("staff read what was taken back: %v", err)
		}
		if !f.recalledForAll(ctx, id) {
			t.Error("staff may still read")
		}
		agendaFor(ctx, f, 10*time.Minute)
		w.locked(ctx, t, f, r)
		if m, err = f.message(ctx, id); err != nil || !m.Staff.IsZero() || m.Body.Blob != "" {
			t.Errorf("after shredding: %+v, %v", m, err)
		}
		if !f.Keys.Destroyed(staff.Group) {
			t.Error("the key of the staff copy is there")
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if strings.Count(story, `"envelope.recalled"`) != 3 || strings.Count(story, `"envelope.shredded"`) != 3 {
			t.Errorf("evidence: %s", story)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// A recall whose answer, or whose line in the journal, was lost is still known
// beside the keyring: by repeating it, and by the shredding at the latest.
func TestLostRecallIsJournalled(t *testing.T) {
	for name, then := range map[string]func(ctx context.Context, f *Flow, id gateway.MessageID) error{
		"repeated": func(ctx context.Context, f *Flow, id gateway.MessageID) error {
			return recallOp(ctx, f, "message.recall", id, "")
		},
		"shredded": func(ctx context.Context, f *Flow, _ gateway.MessageID) error {
			agendaFor(ctx, f, 10*time.Minute)
			return nil
		},
	} {
		w := newWorld(t)
		kv := emptyStore()
		var backup store.Store
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			id := sentTo(ctx, t, f, three...)
			backup = kv.Copy()
			if _, err := f.lock(ctx, id, gateway.Address{}, "uid:0"); err != nil {
				return err
			}
			return then(ctx, f, id)
		})
		if err != nil {
			t.Fatal(err)
		}
		err = w.in(t, backup, func(ctx context.Context, f *Flow) error {
			done, err := w.replayed(ctx, f)
			if done.Recalled != 3 || done.Returned != 0 {
				t.Errorf("%s: %+v", name, done)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplayCountsWhatItChanges: a recall that was undone later is none; a backup
// in which it was still in force gives back.
func TestReplayCountsWhatItChanges(t *testing.T) {
	for name, want := range map[string]Replayed{"before": {}, "within": {Returned: 3}, "behind": {}} {
		w := newWorld(t)
		kv := emptyStore()
		var backup store.Store
		at := func(when string) {
			if when == name {
				backup = kv.Copy()
			}
		}
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			id := sentTo(ctx, t, f, three...)
			at("before")
			if err := recallOp(ctx, f, "message.recall", id, ""); err != nil {
				return err
			}
			at("within")
			err := recallOp(ctx, f, "message.recall_undo", id, "")
			at("behind")
			return err
		})
		if err == nil {
			err = w.in(t, backup, func(ctx context.Context, f *Flow) error {
				time.Sleep(time.Hour)
				done, err := w.replayed(ctx, f)
				if done.Finished = 0; done != want {
					t.Errorf("%s: %+v, want %+v", name, done, want)
				}
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Undone within the grace, nothing is lost: the open session reads on.
func TestRecallUndone(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, three...)
		r := w.prove(ctx, t, f, three[0])
		if err := recallOp(ctx, f, "message.recall", id, ""); err != nil {
			return err
		}
		agendaFor(ctx, f, 30*time.Second)
		w.locked(ctx, t, f, r)
		if err := recallOp(ctx, f, "message.recall_undo", id, ""); err != nil {
			return err
		}
		agendaFor(ctx, f, 10*time.Minute)
		r = w.prove(ctx, t, f, three[0])
		if text, err := w.reads(ctx, f, r); err != nil || !strings.Contains(text, secretBody) {
			t.Errorf("not readable after the undo: %v", err)
		}
		if f.recalledForAll(ctx, id) {
			t.Error("staff may not read")
		}
		if err := recallOp(ctx, f, "message.recall_undo", id, ""); err == nil {
			t.Error("undone twice")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// What has not left does not leave, whatever it is; undone, it leaves.
func TestRecallOfWhatHasNotLeft(t *testing.T) {
	for _, to := range []string{"s@secure.example", "p@pass.example", "h@hold.example"} {
		for _, give := range []bool{false, true} {
			w := newWorld(t)
			kv := emptyStore()
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				id, err := accept(ctx, f, submissionTo(to), testMail)
				if err != nil {
					return err
				}
				if err := recallOp(ctx, f, "message.recall", id, ""); err != nil {
					return err
				}
				deliverAll(ctx, f, 20*time.Second)
				if to == "h@hold.example" {
					if _, err := operation(ctx, f, "held.release", url.Values{"id": {id.String() + ".0"}, "reason": {"x"}}, ""); err == nil {
						t.Error("a recalled mail was released")
					}
				}
				if give {
					if err := recallOp(ctx, f, "message.recall_undo", id, to); err != nil {
						return err
					}
				}
				deliverAll(ctx, f, 20*time.Second)
				agendaFor(ctx, f, 10*time.Minute)
				deliverAll(ctx, f, 20*time.Second)
				e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
				want := gateway.Withdrawn
				if give {
					want = gateway.Delivered
					if to == "h@hold.example" {
						want = gateway.Held
					}
				}
				if e.State != want {
					t.Errorf("%s, undone %v: %s (%s)", to, give, e.State, e.Hold)
				}
				m, merr := f.message(ctx, id)
				if merr != nil || !give && m.Body.Blob != "" {
					t.Errorf("%s, undone %v: body %q, %v", to, give, m.Body.Blob, merr)
				}
				return err
			})
			if err != nil {
				t.Fatal(to, err)
			}
			left := 0
			if give && to != "h@hold.example" {
				left = 1
			}
			if n := len(w.hop.mail(to)); n != left {
				t.Errorf("%s, undone %v: %d mails", to, give, n)
			}
			w.sound(t, kv)
		}
	}
}

// What left as ordinary mail is out of reach, and the sender hears so.
func TestRecallOutOfReach(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, "p@pass.example", "s@secure.example")
		r, err := f.recall(ctx, id, gateway.Address{}, "uid:0")
		if err != nil || r.Envelopes[0].Reach != ReachLeft || r.Envelopes[1].Reach != ReachLocked {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err = f.recall(ctx, id, gateway.Address{}, "uid:0"); err != nil || r.Envelopes[1].Reach != ReachAlready {
			t.Errorf("the second time: %+v, %v", r, err)
		}
		var wrong *OperationError
		if err := recallOp(ctx, f, "message.recall", id, "p@pass.example"); !errors.As(err, &wrong) || !wrong.Data {
			t.Errorf("recall of what left: %v", err)
		}
		if err := recallOp(ctx, f, "message.recall", id, "x@secure.example"); !errors.As(err, &wrong) || !wrong.NotFound {
			t.Errorf("recall from a stranger: %v", err)
		}
		if err := recallOp(ctx, f, "message.recall", gateway.MessageID{1}, ""); !errors.As(err, &wrong) || !wrong.NotFound {
			t.Errorf("recall of nothing: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who recalls again hears until when what was taken back can be given back: a
// limit does not begin anew, and nothing is promised of what is shredded.
func TestRecallAgainSaysWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, "pat@secure.example", "sue@secure.example")
		grace := f.set().RecallGrace
		first := f.Now().Add(grace)
		again := func(who string, until time.Time) Recalled {
			t.Helper()
			r, err := f.recall(ctx, id, gateway.MustAddress(who), "uid:0")
			if err != nil || !r.Until.Equal(until) {
				t.Errorf("recall from %q: until %v, want %v; %v", who, r.Until, until, err)
			}
			return r
		}
		again("pat@secure.example", first)
		time.Sleep(grace / 4)
		again("pat@secure.example", first)
		again("", first) // sue's ends later; all of it can be given back until pat's ends
		again("sue@secure.example", f.Now().Add(grace))
		time.Sleep(grace)
		agendaFor(ctx, f, 10*time.Minute)
		if r := again("", time.Time{}); r.Envelopes[0].Shredded.IsZero() || r.Envelopes[1].Shredded.IsZero() {
			t.Errorf("not shredded: %+v", r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// replayed restores kv, a copy that is older than what happened since.
func (w *world) replayed(ctx context.Context, f *Flow) (Replayed, error) {
	return f.Replay(ctx, func(visit func(seal.Entry) error) error {
		_, err := w.keys.Journal().Replay(visit)
		return err
	})
}

// A restored older backup does not un-recall, and the survivors of the key
// group that the recall destroyed still read.
func TestRestoredBackupStaysRecalled(t *testing.T) {
	for name, c := range map[string]struct{ graceful, undo bool }{"locked": {}, "shredded": {graceful: true}, "undone": {undo: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kv := emptyStore()
			var id gateway.MessageID
			var backup store.Store
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				id = sentTo(ctx, t, f, three...)
				backup = kv.Copy()
				if err := recallOp(ctx, f, "message.recall", id, three[1]); err != nil {
					return err
				}
				if c.graceful {
					agendaFor(ctx, f, 10*time.Minute)
				}
				if c.undo {
					return recallOp(ctx, f, "message.recall_undo", id, "")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			err = w.in(t, backup, func(ctx context.Context, f *Flow) error {
				time.Sleep(time.Hour)
				if _, err := w.replayed(ctx, f); err != nil {
					return err
				}
				for round := range 2 {
					for i, to := range three {
						if i == 1 && !c.undo {
							w.locked(ctx, t, f, reader{to: to, secret: linkIn(t, w.notice(t, to))})
							continue
						}
						if text, err := w.reads(ctx, f, w.prove(ctx, t, f, to)); err != nil || !strings.Contains(text, secretBody) {
							t.Errorf("round %d: %s does not read: %v", round, to, err)
						}
					}
					if text, err := w.staffReads(ctx, f, id); err != nil || !strings.Contains(text, secretBody) {
						t.Errorf("round %d: staff do not read: %v", round, err)
					}
					agendaFor(ctx, f, 10*time.Minute)
				}
				again, err := w.replayed(ctx, f) // an operator may repeat it
				if again.Recalled != 0 {
					t.Errorf("replayed twice: %+v", again)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.sound(t, backup)
		})
	}
}
