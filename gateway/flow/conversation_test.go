package flow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// proven lets a correspondent prove a link by a code.
func (w *world) proven(ctx context.Context, t *testing.T, f *Flow, secret gateway.LinkSecret, to string) gateway.Visitor {
	t.Helper()
	session, page, err := f.SendCode(ctx, secret, gateway.Visitor{})
	if err != nil || page.State != gateway.LinkActive {
		t.Fatalf("no code: %s, %v", page.State, err)
	}
	deliverAll(ctx, f, 10*time.Second)
	mails := w.hop.mail(to)
	v := gateway.Visitor{Session: session}
	var r gateway.ProofResult
	v.Session, r, err = f.Prove(ctx, secret, v, codeIn(mails[len(mails)-1]))
	if err != nil || !r.Passed {
		t.Fatalf("not proven: %+v, %v", r, err)
	}
	return v
}

// links are the links that a mailbox got, oldest first.
func (w *world) links(t *testing.T, to string) (all []gateway.LinkSecret) {
	t.Helper()
	for _, raw := range w.hop.mail(to) {
		if strings.Contains(raw, "/m/") {
			all = append(all, linkIn(t, raw))
		}
	}
	return all
}

// told puts mails of staff to the recipients into one conversation: the first
// begins it, the others refer to it.
func (w *world) told(ctx context.Context, t *testing.T, f *Flow, to []string, mails ...string) (ids []gateway.MessageID) {
	t.Helper()
	for i, text := range mails {
		raw := strings.Replace(testMail, secretBody, text, 1)
		if i > 0 {
			raw = strings.Replace(raw, "<original@clinic.example>", "<follow-"+string(rune('a'+i))+"@clinic.example>\r\nReferences: <original@clinic.example>", 1)
		}
		id, err := accept(ctx, f, submissionTo(to...), raw)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		deliverAll(ctx, f, time.Minute)
	}
	return ids
}

// read opens a grant the way the viewer does.
func (w *world) read(ctx context.Context, t *testing.T, f *Flow, g gateway.Grant, secret gateway.LinkSecret) string {
	t.Helper()
	body, err := f.Blobs.Open(ctx, g.Body.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var content gateway.Content
	if g.Staff {
		content, err = w.keys.Opener().Staff(g.Wrap, g.Message, body, body.Size())
	} else {
		content, err = w.keys.Opener().Correspondent(g.Wrap, g.Message, secret, body, body.Size())
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, content.Size())
	if _, err := content.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// amend changes a record behind everybody's back.
func amend[T any](ctx context.Context, t *testing.T, f *Flow, key []byte, change func(*T)) {
	t.Helper()
	v, _, err := store.GetRecord[T](ctx, f.Store, key)
	if err != nil {
		t.Fatal(err)
	}
	change(&v)
	var b store.Batch
	if err := b.PutRecord(key, v); err != nil {
		t.Fatal(err)
	}
	if err := store.Write(ctx, f.Store, &b); err != nil {
		t.Fatal(err)
	}
}

// One link with its proof opens its thread: what was sent to this
// correspondent, each by its own right, and nothing of another's.
func TestConversation(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		both := []string{"s@secure.example", "t@secure.example"}
		ids := w.told(ctx, t, f, both, "first", "second")
		other := w.told(ctx, t, f, both[1:], "only for t")
		link := w.links(t, both[0])[0]
		if _, err := f.Conversation(ctx, link, gateway.Visitor{}); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("without a proof: %v", err)
		}
		v := w.proven(ctx, t, f, link, both[0])
		c, err := f.Conversation(ctx, link, v)
		if err != nil {
			return err
		}
		if len(c.Turns) != 2 || c.Earlier != 0 || len(c.Staff) != 1 || c.Staff[0].Address.Wire() != "ann@clinic.example" || len(c.Known) != 1 {
			t.Fatalf("conversation %+v", c)
		}
		for i, turn := range c.Turns {
			if turn.Message != ids[i] || turn.Mine || turn.Own != (i == 0) || turn.Closed != "" || !turn.Opened.IsZero() || turn.From.Wire() != "ann@clinic.example" {
				t.Errorf("turn %d is %+v", i, turn)
			}
			g, err := f.OpenTurn(ctx, link, v, turn.Message, -1)
			if err != nil {
				return err
			}
			if raw := w.read(ctx, t, f, g, link); g.Staff == turn.Own || !strings.Contains(raw, []string{"first", "second"}[i]) {
				t.Errorf("turn %d reads %q", i, raw)
			}
		}
		if _, err := f.OpenTurn(ctx, link, v, other[0], -1); !errors.Is(err, gateway.ErrNoTurn) {
			t.Errorf("a message to somebody else: %v", err)
		}
		if _, err := f.OpenTurn(ctx, link, gateway.Visitor{Session: "guess"}, ids[1], -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("another session: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A reading of a turn is recorded once for each session, and the first one by
// anybody stands with its envelope and its link.
func TestTurnIsRecordedOnce(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		to := []string{"s@secure.example"}
		ids := w.told(ctx, t, f, to, "first", "second")
		link := w.links(t, to[0])[0]
		v := w.proven(ctx, t, f, link, to[0])
		first := f.Now()
		for range 3 {
			if _, err := f.OpenTurn(ctx, link, v, ids[1], -1); err != nil {
				return err
			}
			time.Sleep(5 * time.Minute)
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {ids[1].String()}}, "")
		if n := strings.Count(story, `"message.opened"`); err != nil || n != 1 {
			t.Errorf("%d records, %v", n, err)
		}
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[1]})
		if err != nil {
			return err
		}
		l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(e.Link))
		if !e.Opened.Equal(first) || !l.Opened.Equal(first) {
			t.Errorf("opened %v and %v, not %v", e.Opened, l.Opened, first)
		}
		if e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[0]}); err != nil || !e.Opened.IsZero() {
			t.Errorf("the other message was opened %v, %v", e.Opened, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What cannot be read here says why, and opens to nobody who knows its id.
func TestClosedTurns(t *testing.T) {
	for name, c := range map[string]struct {
		want   gateway.TurnState
		change func(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, e gateway.Envelope)
	}{
		"recalled": {gateway.TurnRecalled, func(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, _ gateway.Envelope) {
			amend(ctx, t, f, envelopeKey(id), func(e *gateway.Envelope) { e.Recalled = f.Now() })
		}},
		"no staff copy": {gateway.TurnElsewhere, func(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, _ gateway.Envelope) {
			amend(ctx, t, f, messageKey(id.Message), func(m *gateway.Message) { m.Staff = gateway.Wrap{} })
		}},
		"its own PIN": {gateway.TurnElsewhere, func(ctx context.Context, t *testing.T, f *Flow, _ gateway.EnvelopeID, e gateway.Envelope) {
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN = "sender" })
		}},
		"a better proof": {gateway.TurnElsewhere, func(ctx context.Context, t *testing.T, f *Flow, _ gateway.EnvelopeID, e gateway.Envelope) {
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN = "other_channel" })
		}},
		"body gone": {gateway.TurnExpired, func(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, _ gateway.Envelope) {
			amend(ctx, t, f, messageKey(id.Message), func(m *gateway.Message) { m.Body.Blob = "" })
		}},
		"retention over": {gateway.TurnExpired, func(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, _ gateway.Envelope) {
			amend(ctx, t, f, messageKey(id.Message), func(m *gateway.Message) { m.Retain = f.Now() })
		}},
	} {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
			link := w.links(t, "s@secure.example")[0]
			v := w.proven(ctx, t, f, link, "s@secure.example")
			id := gateway.EnvelopeID{Message: ids[1]}
			e, err := f.envelope(ctx, id)
			if err != nil {
				return err
			}
			c.change(ctx, t, f, id, e)
			conversation, err := f.Conversation(ctx, link, v)
			if err != nil || len(conversation.Turns) != 2 || conversation.Turns[1].Closed != c.want || conversation.Turns[0].Closed != "" {
				t.Errorf("%s: %+v, %v", name, conversation.Turns, err)
			}
			var closed *gateway.TurnClosedError
			if _, err = f.OpenTurn(ctx, link, v, ids[1], -1); !errors.As(err, &closed) || closed.State != c.want {
				t.Errorf("%s: opened: %v", name, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A proof for one message is not worth more than it is.
func TestEnough(t *testing.T) {
	all := []gateway.Assurance{gateway.SameChannel, gateway.SenderPIN, gateway.ContactPIN, gateway.StandingPIN, gateway.OtherChannel}
	for pin, enoughs := range map[string][]gateway.Assurance{
		"": all, "same_channel": all, "contact": all[2:], "standing": all[3:], "other_channel": all[4:], "sender": nil, "something new": nil,
	} {
		for _, how := range all {
			if got := enough(gateway.Options{PIN: pin}, how); got != slices.Contains(enoughs, how) {
				t.Errorf("%q and %s: %v", pin, how, got)
			}
		}
	}
}

// Between a recall and a reading one comes first: a recall that is committed
// while the reading is prepared wins.
func TestRecallBesideAReading(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		for _, id := range ids {
			var b store.Batch
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			if err != nil {
				return err
			}
			if err := f.stageOpened(ctx, &b, e.ID, sight{by: e.Link, whole: true}); err != nil {
				return err
			}
			amend(ctx, t, f, envelopeKey(e.ID), func(e *gateway.Envelope) { e.Recalled = f.Now() })
			if err := store.Write(ctx, f.Store, &b); !errors.Is(err, store.ErrConflict) {
				t.Errorf("read beside a recall: %v", err)
			}
			if err := f.stageOpened(ctx, new(store.Batch), e.ID, sight{by: e.Link, whole: true}); !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("read after a recall: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
