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
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
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

// A proof for one message is not worth more than it is: each message of a
// conversation takes what its own link takes, the configuration's default too,
// and nothing that a sender's PIN proved for another.
func TestProofOfAnotherMessage(t *testing.T) {
	nobody := people.Person{}
	other := people.Person{Second: gateway.MustAddress("other@out.example")}
	contact := people.Person{PIN: &gateway.Hashed{}}
	codes := []gateway.Assurance{gateway.SameChannel, gateway.ContactPIN, gateway.StandingPIN, gateway.OtherChannel}
	for _, c := range []struct {
		rule, standard string
		who            people.Person
		want           []gateway.Assurance
	}{
		{"", "", nobody, codes},
		{"", "", other, codes[1:]},
		{"", "same_channel", other, codes},
		{"", "other_channel", contact, codes},
		{"", "contact", contact, codes[1:]},
		{"same_channel", "standing", other, codes},
		{"contact", "", nobody, codes[1:]},
		{"standing", "", nobody, codes[2:]},
		{"other_channel", "same_channel", nobody, codes[3:]},
		{"sender", "", nobody, nil},
		{"a word of tomorrow", "", nobody, nil},
	} {
		f := &Flow{}
		f.force.Store(&inForce{settings: &Settings{DefaultPIN: c.standard}})
		c.who.Chosen, c.who.ChosenBy = &gateway.Hashed{}, gateway.OtherChannel // without it, its proof is worth the mailbox
		o := f.offer(gateway.Link{Recipient: gateway.MustAddress("s@secure.example"), Options: gateway.Options{PIN: c.rule}}, c.who)
		for _, how := range append(codes, gateway.SenderPIN) {
			if got := o.opensBy(how); got != slices.Contains(c.want, how) {
				t.Errorf("rule %q, default %q and %s: %v", c.rule, c.standard, how, got)
			}
		}
	}
}

// provenOther lets a correspondent prove a link by a code over their second
// mailbox.
func (w *world) provenOther(ctx context.Context, t *testing.T, f *Flow, secret gateway.LinkSecret) gateway.Visitor {
	t.Helper()
	return w.proven(ctx, t, f, secret, secondMailbox)
}

const (
	secondMailbox     = "other@home.example"
	withSecondMailbox = "email,email2\ns@secure.example," + secondMailbox + "\n"
)

// Where the configuration wants the second mailbox, the first one and the PIN
// of another message's sender open what lies in the conversation as little as
// they open its own link; a code over the second mailbox opens it all.
func TestTurnTakesWhatItsLinkTakes(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second", "third")
		links := w.links(t, "s@secure.example")
		early := w.proven(ctx, t, f, links[1], "s@secure.example")
		opens := func(by int, v gateway.Visitor, which int) error {
			_, err := f.OpenTurn(ctx, links[by], v, ids[which], -1)
			return err
		}
		if err := opens(1, early, 0); err != nil {
			t.Errorf("with one mailbox: %v", err)
		}
		if _, err := operation(ctx, f, "contact.import", nil, withSecondMailbox); err != nil {
			return err
		}
		var closed *gateway.TurnClosedError
		if err := opens(1, early, 0); !errors.As(err, &closed) || closed.State != gateway.TurnElsewhere {
			t.Errorf("by the first mailbox: %v", err)
		}
		pin, err := f.People.HashPIN(ctx, "49302718")
		if err != nil {
			return err
		}
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[2]})
		if err != nil {
			return err
		}
		amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN, l.PIN = "sender", pin })
		session, r, err := f.Prove(ctx, links[2], gateway.Visitor{}, "49302718")
		if err != nil || !r.Passed {
			t.Fatalf("%+v, %v", r, err)
		}
		byPIN := gateway.Visitor{Session: session}
		if err := opens(2, byPIN, 0); !errors.As(err, &closed) || closed.State != gateway.TurnElsewhere {
			t.Errorf("by the PIN of another message: %v", err)
		}
		if err := opens(2, byPIN, 2); err != nil {
			t.Errorf("its own message by its PIN: %v", err)
		}
		time.Sleep(2 * time.Minute) // until the link may have another code
		v := w.provenOther(ctx, t, f, links[1])
		if err := opens(1, v, 0); err != nil {
			t.Errorf("by the second mailbox: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A rule's time for a message is over through whichever link; the general time
// of links ends the way in, not what the conversation shows.
func TestTimeOfATurn(t *testing.T) {
	for name, c := range map[string]struct {
		rule  time.Duration
		later bool // another link of the message lasts
		want  gateway.TurnState
	}{
		"a rule's time":                 {72 * time.Hour, false, gateway.TurnExpired},
		"a rule's time, a renewed link": {72 * time.Hour, true, gateway.TurnOpen},
		"the general time":              {0, false, gateway.TurnOpen},
	} {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
			links := w.links(t, "s@secure.example")
			v := w.proven(ctx, t, f, links[1], "s@secure.example")
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[0]})
			if err != nil {
				return err
			}
			first, err := f.link(ctx, links[0])
			if err != nil {
				return err
			}
			first.Options.Expires = c.rule
			if c.later {
				first.ID[0]++
				amend(ctx, t, f, envelopeKey(e.ID), func(e *gateway.Envelope) { e.More = []gateway.LinkID{first.ID} })
				var b store.Batch
				if err := b.PutRecord(linkKey(first.ID), first); err != nil {
					return err
				}
				if err := store.Write(ctx, f.Store, &b); err != nil {
					return err
				}
			}
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.Expires, l.Expires = c.rule, f.Now() })
			conversation, err := f.Conversation(ctx, links[1], v)
			if err != nil || conversation.Turns[0].Closed != c.want {
				t.Errorf("%s: %+v, %v", name, conversation.Turns, err)
			}
			var closed *gateway.TurnClosedError
			if _, err := f.OpenTurn(ctx, links[1], v, ids[0], -1); (err == nil) != (c.want == gateway.TurnOpen) || err != nil && (!errors.As(err, &closed) || closed.State != c.want) {
				t.Errorf("%s: opened: %v", name, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What somebody reported as not for them is closed through every link of the
// conversation, answers to it and a running download too, until staff opens it
// again.
func TestReportClosesTheTurn(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		links := w.links(t, "s@secure.example")
		written, err := f.Answer(ctx, links[0], w.proven(ctx, t, f, links[0], "s@secure.example"), gateway.Answer{Text: "thank you", Once: "once"})
		if err != nil {
			return err
		}
		v := w.proven(ctx, t, f, links[1], "s@secure.example")
		both := []gateway.MessageID{ids[0], written.Message}
		var grants []gateway.Grant
		open := func(id gateway.MessageID) error {
			g, err := f.OpenTurn(ctx, links[1], v, id, -1)
			if err == nil {
				grants = append(grants, g)
			}
			return err
		}
		for _, id := range both {
			if err := open(id); err != nil || !f.Readable(ctx, grants[len(grants)-1]) {
				t.Errorf("before: %v", err)
			}
		}
		if err := f.Report(ctx, links[0], gateway.Visitor{}, gateway.NotForMe); err != nil {
			return err
		}
		for i, id := range both {
			var closed *gateway.TurnClosedError
			if err := open(id); !errors.As(err, &closed) || closed.State != gateway.TurnElsewhere || f.Readable(ctx, grants[i]) {
				t.Errorf("turn %d after the report: %v", i, err)
			}
		}
		if err := open(ids[1]); err != nil || !f.Readable(ctx, grants[2]) {
			t.Errorf("another message: %v", err)
		}
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[0]})
		if err != nil {
			return err
		}
		if _, err := operation(ctx, f, "link.thaw", url.Values{"id": {e.Link.String()}}, ""); err != nil {
			return err
		}
		for _, id := range both {
			if err := open(id); err != nil {
				t.Errorf("opened by staff: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What somebody wrote after a strong proof is read again after one, and not
// through another link that a mailbox alone opens.
func TestOwnWordsTakeTheProofOfTheirLink(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		links := w.links(t, "s@secure.example")
		weak := w.proven(ctx, t, f, links[1], "s@secure.example")
		if _, err := operation(ctx, f, "contact.import", nil, withSecondMailbox); err != nil {
			return err
		}
		for i, pin := range []string{"other_channel", "same_channel"} {
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[i]})
			if err != nil {
				return err
			}
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN = pin })
		}
		strong := w.provenOther(ctx, t, f, links[0])
		writes := func(link int, v gateway.Visitor, once string) gateway.MessageID {
			done, err := f.Answer(ctx, links[link], v, gateway.Answer{Text: gateway.Sensitive("words " + once), Once: once})
			if err != nil {
				t.Fatal(err)
			}
			return done.Message
		}
		guarded, plain := writes(0, strong, "1"), writes(1, weak, "2")
		for _, c := range []struct {
			name string
			link int
			v    gateway.Visitor
			id   gateway.MessageID
			want gateway.TurnState
		}{
			{"strong, by its own link", 0, strong, guarded, gateway.TurnOpen},
			{"strong, by the weak link", 1, weak, guarded, gateway.TurnElsewhere},
			{"weak, by its own link", 1, weak, plain, gateway.TurnOpen},
			{"weak, by the strong link", 0, strong, plain, gateway.TurnOpen},
		} {
			var closed *gateway.TurnClosedError
			if _, err := f.OpenTurn(ctx, links[c.link], c.v, c.id, -1); (err == nil) != (c.want == gateway.TurnOpen) || err != nil && (!errors.As(err, &closed) || closed.State != c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		amend(ctx, t, f, linkKey(seal.LinkID(links[1])), func(l *gateway.Link) { l.Options.PIN = "" })
		if _, err := f.OpenTurn(ctx, links[1], weak, plain, -1); err == nil {
			t.Error("the session that wrote it reads it after its proof became too weak")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// So is what came by mail to the address of a message: through another link it
// takes what that message's own link takes.
func TestMailAnswerTakesTheProofOfItsLink(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids := w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		to := replyTo(w.hop.mail("s@secure.example")[0])
		if _, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1")); err != nil {
			return err
		}
		link := w.links(t, "s@secure.example")[1]
		v := w.proven(ctx, t, f, link, "s@secure.example")
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: ids[0]})
		if err != nil {
			return err
		}
		for pin, want := range map[string]gateway.TurnState{"": gateway.TurnOpen, "other_channel": gateway.TurnElsewhere, "sender": gateway.TurnElsewhere} {
			amend(ctx, t, f, linkKey(e.Link), func(l *gateway.Link) { l.Options.PIN = pin })
			c, err := f.Conversation(ctx, link, v)
			if err != nil || len(c.Turns) != 3 || !c.Turns[2].Mine || c.Turns[2].Closed != want {
				t.Errorf("%q: %+v, %v", pin, c.Turns, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
