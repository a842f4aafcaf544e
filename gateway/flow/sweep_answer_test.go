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

// entered is a correspondent in a conversation of two messages, in kv.
type entered struct {
	link gateway.LinkSecret
	v    gateway.Visitor
	ids  []gateway.MessageID
}

func (p *entered) prepare(t *testing.T, w *world, kv store.Store) {
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		p.ids = w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		p.link = w.links(t, "s@secure.example")[0]
		p.v = w.proven(ctx, t, f, p.link, "s@secure.example")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func conversationJourneys() []journey {
	var p entered
	return []journey{
		answerJourney(gateway.Answer{Text: "thank you", Once: "form"}),
		unprotectedJourney("unprotected answer", func(h *hop) { clear(h.loopback) }),
		unprotectedJourney("large answer", func(h *hop) { h.limit = map[string]int64{"clinic.example": 5000} }),
		returnedJourney(),
		staffJourney(),
		answerJourney(gateway.Answer{Text: "a question", Once: "form", To: gateway.MustAddress("ann@clinic.example"), Subject: "hello"}),
		{
			name: "conversation", covers: []string{"Conversation", "OpenTurn"}, prepare: p.prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				c, err := f.Conversation(ctx, p.link, p.v)
				if err != nil {
					return err
				}
				if len(c.Turns) != 2 || len(c.Staff) != 1 {
					return errors.New("a part of the conversation is missing")
				}
				_, err = f.OpenTurn(ctx, p.link, p.v, p.ids[1], -1)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				e := gateway.Envelope{}
				err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
					e, err = f.envelope(ctx, gateway.EnvelopeID{Message: p.ids[1]})
					return err
				})
				if err != nil || answer == nil && e.Opened.IsZero() {
					t.Errorf("read, and the envelope does not know: %v", err)
				}
			},
		},
	}
}

// answerJourney is a form that is sent, and sent again when it failed: in the
// end there is one answer, and staff have it once.
func answerJourney(a gateway.Answer) journey {
	var p entered
	before := 0
	return journey{
		name: "answer " + a.Subject.Reveal(), covers: []string{"Answer"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			p.prepare(t, w, kv)
			before = messages(t, w, kv)
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			form := a
			form.Next = files(fileOf("a", "text/plain", strings.Repeat("a long file ", 30_000)))
			_, err := f.Answer(ctx, p.link, p.v, form)
			return err
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			stored := messages(t, w, kv) - before
			if (stored == 1) != (answer == nil) && !errors.Is(answer, store.ErrUnknown) || stored > 1 {
				t.Errorf("answer %v, %d stored", answer, stored)
			}
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				done, err := f.Answer(ctx, p.link, p.v, a)
				if err != nil || done.Message.IsZero() {
					t.Errorf("sent again: %+v, %v", done, err)
				}
				deliverAll(ctx, f, time.Minute)
				return err
			})
			if n := messages(t, w, kv) - before; err != nil || n != 1 {
				t.Errorf("%d answers, %v", n, err)
			}
			if n := len(w.hop.mail("ann@clinic.example")); n != 1 {
				t.Errorf("staff got %d mails", n)
			}
		},
	}
}

// unprotectedJourney delivers an answer whose words must not leave: whatever
// fails, staff get the notice, once unless an answer of the store was lost.
func unprotectedJourney(name string, arrange func(*hop)) journey {
	var p entered
	return journey{
		name: name, covers: []string{"Deliver", "Settle"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			p.prepare(t, w, kv)
			arrange(w.hop)
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				_, err := f.Answer(ctx, p.link, p.v, gateway.Answer{Text: gateway.Sensitive(strings.Repeat(secretAnswer+"\n", 500))})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			deliverAll(ctx, f, 5*time.Second)
			return nil
		},
		check: func(t *testing.T, w *world, kv store.Store, _ error) {
			w.settle(t, kv)
			got := w.hop.mail("ann@clinic.example")
			for _, raw := range got {
				if strings.Contains(raw, secretAnswer) || !strings.Contains(raw, "/staff/") {
					t.Errorf("staff got %.300q", raw)
				}
			}
			if len(got) < 1 || len(got) > 2 {
				t.Errorf("%d notices", len(got))
			}
		},
	}
}

// returnedJourney is a bounce of an answer that was delivered: a notice follows
// exactly when the bounce was taken.
func returnedJourney() journey {
	var p entered
	sender := ""
	return journey{
		name: "answer comes back", covers: []string{"Accept"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			p.prepare(t, w, kv)
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				_, err := f.Answer(ctx, p.link, p.v, gateway.Answer{Text: secretAnswer})
				deliverAll(ctx, f, time.Minute)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			sender = w.hop.from["ann@clinic.example"]
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			_, err := accept(ctx, f, stranger("", sender), testBounce)
			return err
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			w.settle(t, kv)
			n := len(w.hop.mail("ann@clinic.example"))
			if (n == 2) != (answer == nil) && !errors.Is(answer, store.ErrUnknown) || n < 1 || n > 2 {
				t.Errorf("answer %v, %d mails to staff", answer, n)
			}
		},
	}
}

// staffJourney is a member of staff who reads an answer on the page.
func staffJourney() journey {
	var p entered
	var id gateway.MessageID
	return journey{
		name: "staff page", covers: []string{"StaffLogin", "StaffOpen", "StaffLeave"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			p.prepare(t, w, kv)
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				w.staff(ctx, t, f, "ann@clinic.example")
				done, err := f.Answer(ctx, p.link, p.v, gateway.Answer{Text: secretAnswer})
				id = done.Message
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			session, err := f.StaffLogin(ctx, "ann", staffPassword, gateway.Visitor{})
			if err != nil {
				return err
			}
			if _, err = f.StaffOpen(ctx, session, id, -1, gateway.Visitor{}); err != nil {
				return err
			}
			return f.StaffLeave(ctx, session)
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
				story, serr := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
				read := strings.Contains(story, `"message.staff_opened"`)
				if read == e.Opened.IsZero() || answer == nil && !read {
					t.Errorf("answer %v: evidence %v, opened %v", answer, read, e.Opened)
				}
				return errors.Join(err, serr)
			})
			if err != nil {
				t.Error(err)
			}
		},
	}
}
