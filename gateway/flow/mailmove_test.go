package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

var firstUID = []gateway.UID{1}

// annSent tells a story of Ann's mail client after she sent a secured message to to.
func annSent(t *testing.T, to []string, story func(ctx context.Context, w *world, c *client, id gateway.MessageID)) {
	t.Helper()
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		id := sentTo(ctx, t, f, to...)
		fileAway(ctx, t, f)
		story(ctx, w, c, id)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// byAnn checks that evidence of an act names Ann, and how often it was done.
func (c *client) byAnn(ctx context.Context, event gateway.Event, want int) {
	c.t.Helper()
	refs, err := c.f.People.Ensure(ctx, c.account.Name)
	if err != nil {
		c.t.Fatal(err)
	}
	all := eventsOf(ctx, c.t, c.f, event)
	for _, r := range all {
		if r.Actor != "account" || len(r.Persons) != 2 || r.Persons[0] != refs[0] {
			c.t.Errorf("evidence of %s: actor %s, persons %v", event, r.Actor, r.Persons)
		}
	}
	if len(all) != want {
		c.t.Errorf("%d records of %s", len(all), event)
	}
}

// opensNothing: neither a link nor the staff copy opens the message, with real keys.
func (c *client) opensNothing(ctx context.Context, r reader, id gateway.MessageID) {
	c.t.Helper()
	if _, err := c.w.reads(ctx, c.f, r); err == nil {
		c.t.Error("its link opens it")
	}
	if _, err := c.w.staffReads(ctx, c.f, id); err == nil {
		c.t.Error("the staff copy opens it")
	}
	for _, folder := range gateway.Folders(false) {
		for _, e := range c.entries(ctx, folder) {
			if text, err := c.fetch(ctx, folder, e.UID); err == nil && strings.Contains(text, secretBody) {
				c.t.Errorf("%v shows %q", folder, text)
			}
		}
	}
}

// TestRecallByFolder: from each of the state folders a message is taken back by
// a move and by a copy; when the grace is over nothing opens it.
func TestRecallByFolder(t *testing.T) {
	for from, before := range map[gateway.Folder]func(ctx context.Context, t *testing.T, w *world, f *Flow, r reader){
		gateway.FolderUnopened: func(context.Context, *testing.T, *world, *Flow, reader) {},
		gateway.FolderOpened: func(ctx context.Context, t *testing.T, w *world, f *Flow, r reader) {
			if _, err := w.reads(ctx, f, r); err != nil {
				t.Error(err)
			}
		},
		gateway.FolderReplied: func(ctx context.Context, t *testing.T, _ *world, f *Flow, r reader) {
			if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()}); err != nil {
				t.Error(err)
			}
		},
		gateway.FolderExpired: func(ctx context.Context, t *testing.T, _ *world, f *Flow, _ reader) {
			time.Sleep(31 * 24 * time.Hour)
			agendaFor(ctx, f, time.Minute)
		},
	} {
		for name, act := range map[string]func(*Flow) func(context.Context, gateway.MailAccount, gateway.Folder, []gateway.UID, gateway.Folder) (gateway.MailCopied, error){
			"move": func(f *Flow) func(context.Context, gateway.MailAccount, gateway.Folder, []gateway.UID, gateway.Folder) (gateway.MailCopied, error) {
				return f.MailMove
			},
			"copy": func(f *Flow) func(context.Context, gateway.MailAccount, gateway.Folder, []gateway.UID, gateway.Folder) (gateway.MailCopied, error) {
				return f.MailCopy
			},
		} {
			t.Run(from.String()+" "+name, func(t *testing.T) {
				annSent(t, []string{"s@secure.example"}, func(ctx context.Context, w *world, c *client, id gateway.MessageID) {
					r := w.prove(ctx, t, c.f, "s@secure.example")
					before(ctx, t, w, c.f, r)
					fileAway(ctx, t, c.f)
					if got := len(c.entries(ctx, from)); got != 1 {
						t.Fatalf("%d messages in %v: %s", got, from, c.shows(ctx))
					}
					done, err := act(c.f)(ctx, c.account, from, firstUID, gateway.FolderRecall)
					if err != nil || len(done.Gone) != 1 || len(done.To) != 1 || done.To[0] != 1 {
						t.Fatalf("%+v, %v", done, err)
					}
					if got := c.shows(ctx); !strings.Contains(got, "Secured/Recalled: 1 "+secretSubject+";Recall: 1 "+secretSubject+";") || strings.Contains(got, from.String()) {
						t.Error(got)
					}
					if text, err := c.fetch(ctx, gateway.FolderRecalled, 1); err != nil || strings.Contains(text, secretBody) {
						t.Errorf("locked and readable: %v", err)
					}
					if _, err := w.reads(ctx, c.f, r); err == nil {
						t.Error("its link opens it")
					}
					time.Sleep(2 * time.Minute)
					agendaFor(ctx, c.f, 5*time.Minute)
					fileAway(ctx, t, c.f)
					if got := c.shows(ctx); !strings.Contains(got, "Secured/Recalled: 2 (gone);") || strings.Contains(got, "Recall:") {
						t.Error(got)
					}
					c.opensNothing(ctx, r, id)
					c.byAnn(ctx, gateway.EventRecalled, 1)
					if n := len(eventsOf(ctx, t, c.f, gateway.EventShredded)); n != 1 {
						t.Errorf("%d records of shredding", n)
					}
					for _, to := range []gateway.Folder{gateway.FolderUnopened, gateway.FolderRecall} {
						var refused *gateway.FolderError
						if _, err := act(c.f)(ctx, c.account, gateway.FolderRecalled, []gateway.UID{2}, to); !errors.As(err, &refused) || refused.Code != gateway.FolderCannot {
							t.Errorf("what is gone, to %v: %v", to, err)
						}
					}
				})
			})
		}
	}
}

// TestRecallIsUndoneByMoving: out of Recall in time it is as before, under new
// UIDs; later it is refused.
func TestRecallIsUndoneByMoving(t *testing.T) {
	annSent(t, []string{"s@secure.example"}, func(ctx context.Context, w *world, c *client, _ gateway.MessageID) {
		r := w.prove(ctx, t, c.f, "s@secure.example")
		must := func(done gateway.MailCopied, err error) gateway.MailCopied {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		given, err := c.f.MailRead(ctx, c.account, gateway.FolderUnopened, c.entries(ctx, gateway.FolderUnopened))
		if err != nil || len(given) != 1 || !c.f.MailStands(ctx, given[0]) {
			t.Fatalf("%v, %v", given, err)
		}
		must(c.f.MailMove(ctx, c.account, gateway.FolderUnopened, firstUID, gateway.FolderRecall))
		if c.f.MailStands(ctx, given[0]) {
			t.Error("octets on their way go on after the message was taken back")
		}
		for _, folder := range []gateway.Folder{gateway.FolderRecalled, gateway.FolderRecall} {
			for _, e := range c.entries(ctx, folder) {
				shown := e.Inline.Reveal()
				if e.Size != int64(len(e.Head)+len(e.Inline)) || !strings.Contains(shown, "move it out of the folder Recall") || !strings.Contains(shown, "\r\nTo: <s@secure.example>\r\n") || !strings.Contains(shown, "Subject: ") {
					t.Errorf("%v shows %d octets for\n%s%s", folder, e.Size, e.Head.Reveal(), shown)
				}
			}
		}
		if done := must(c.f.MailMove(ctx, c.account, gateway.FolderRecall, firstUID, gateway.FolderInbox)); len(done.Gone) != 1 || len(done.To) != 0 {
			t.Errorf("%+v", done)
		}
		c.is(ctx, "Secured/Unopened: 2 "+secretSubject+";")
		c.byAnn(ctx, gateway.EventRecallUndone, 1)
		if _, err := w.reads(ctx, c.f, r); err != nil {
			t.Error(err)
		}
		fileAway(ctx, t, c.f)
		must(c.f.MailCopy(ctx, c.account, gateway.FolderOpened, firstUID, gateway.FolderRecall))
		handle := c.entries(ctx, gateway.FolderRecall)[0].UID
		time.Sleep(2 * time.Minute)
		agendaFor(ctx, c.f, 5*time.Minute) // not yet filed
		var refused *gateway.FolderError
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderRecall, []gateway.UID{handle}, gateway.FolderOpened); !errors.As(err, &refused) || refused.Code != gateway.FolderCannot {
			t.Errorf("undone after its time: %v", err)
		}
		fileAway(ctx, t, c.f)
		if n := len(c.entries(ctx, gateway.FolderRecall)); n != 0 {
			t.Errorf("%d handles are left", n)
		}
	})
}

// TestNothingElseRecalls: uploads, removals, a second expunge of the handle and
// moves into other folders take nothing back.
func TestNothingElseRecalls(t *testing.T) {
	annSent(t, []string{"s@secure.example"}, func(ctx context.Context, w *world, c *client, id gateway.MessageID) {
		var refused *gateway.FolderError
		for _, to := range []gateway.Folder{gateway.FolderRecall, gateway.FolderUnopened, gateway.FolderRecalled} {
			_, _, err := c.f.MailAppend(ctx, c.account, to, gateway.Marks{}, time.Time{}, int64(len(testMail)), strings.NewReader(testMail))
			if !errors.As(err, &refused) {
				t.Errorf("appended to %v: %v", to, err)
			}
		}
		for _, to := range gateway.Folders(false) {
			if to == gateway.FolderRecall {
				continue
			}
			if _, err := c.f.MailMove(ctx, c.account, gateway.FolderUnopened, firstUID, to); !errors.As(err, &refused) || refused.Code != gateway.FolderCannot {
				t.Errorf("moved to %v: %v", to, err)
			}
		}
		deleted := gateway.MarksChange{Add: gateway.Marks{Deleted: true}}
		if err := errors.Join(c.f.MailMark(ctx, c.account, gateway.FolderUnopened, firstUID, deleted), c.f.MailExpunge(ctx, c.account, gateway.FolderUnopened, firstUID)); err != nil {
			t.Error(err)
		}
		c.is(ctx, "")
		r := w.prove(ctx, t, c.f, "s@secure.example")
		if text, err := w.reads(ctx, c.f, r); err != nil || !strings.Contains(text, secretBody) {
			t.Errorf("%q, %v", text, err)
		}
		c.is(ctx, "") // hidden for good
		c.byAnn(ctx, gateway.EventRecalled, 0)
	})
}

// TestRecallsAreBounded: many at once take nothing back.
func TestRecallsAreBounded(t *testing.T) {
	annSent(t, []string{"s@secure.example"}, func(ctx context.Context, _ *world, c *client, _ gateway.MessageID) {
		var refused *gateway.FolderError
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1, 2, 3, 4, 5, 6}, gateway.FolderRecall); !errors.As(err, &refused) || refused.Code != gateway.FolderLimit {
			t.Errorf("six at once: %v", err)
		}
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1, 2, 3, 4, 5, 6}, gateway.FolderRecall); !errors.As(err, &refused) {
			t.Errorf("six once more: %v", err)
		}
		c.is(ctx, "INBOX: 1 Not taken back: 6 messages;Secured/Unopened: 1 "+secretSubject+";")
		if text, err := c.fetch(ctx, gateway.FolderInbox, 1); err != nil || !strings.Contains(text, "Messages: 6\r\nAt most in an hour: 5\r\n") || !strings.Contains(text, "gatepost message") {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1, 2, 3, 4, 5}, gateway.FolderRecall); err != nil {
			t.Error(err)
		}
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderRecalled, firstUID, gateway.FolderRecall); !errors.As(err, &refused) {
			t.Errorf("a sixth within the hour: %v", err)
		}
	})
}

// TestOneMessageTellsOfSeveral: what one move took back is told in one message.
func TestOneMessageTellsOfSeveral(t *testing.T) {
	annSent(t, []string{"s@secure.example"}, func(ctx context.Context, _ *world, c *client, _ gateway.MessageID) {
		sentTo(ctx, t, c.f, "s@secure.example")
		fileAway(ctx, t, c.f)
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1, 2}, gateway.FolderRecall); err != nil {
			t.Fatal(err)
		}
		fileAway(ctx, t, c.f)
		inbox := c.entries(ctx, gateway.FolderInbox)
		if len(inbox) != 1 || subjectIn(ctx, c, gateway.FolderInbox) != "Taken back: 2 messages" {
			t.Fatal(c.shows(ctx))
		}
		if text, err := c.fetch(ctx, gateway.FolderInbox, 1); err != nil || !strings.Contains(text, "move them out of Recall before") || strings.Contains(text, "ebrafinch") {
			t.Errorf("%q, %v", text, err)
		}
	})
}

// TestHeldMailByMoving: who reviews lets held mail go, or refuses it.
func TestHeldMailByMoving(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ann, eve := w.client(ctx, t, f, "ann@clinic.example", "staff"), w.client(ctx, t, f, "eve@clinic.example", "compliance")
		id := sentTo(ctx, t, f, "h@hold.example")
		sentTo(ctx, t, f, "b@both.example")
		eve.is(ctx, "Quarantine: 1 "+secretSubject+"; 2 "+secretSubject+";")
		ann.is(ctx, "")
		if text, err := eve.fetch(ctx, gateway.FolderQuarantine, 1); err != nil || !strings.Contains(text, secretBody) || !strings.HasPrefix(text, "X-Gatepost-Status: held;\r\n <h@hold.example> envelope="+id.String()) {
			t.Errorf("%q, %v", text, err)
		}
		if n := len(eventsOf(ctx, t, f, gateway.EventStaffOpened)); n != 1 {
			t.Errorf("%d readings on record", n)
		}
		if err := f.MailExpunge(ctx, eve.account, gateway.FolderQuarantine, firstUID); err == nil {
			t.Error("held mail was expunged")
		}
		if _, err := f.MailMove(ctx, ann.account, gateway.FolderQuarantine, firstUID, gateway.FolderRelease); err == nil {
			t.Error("released without the role")
		}
		if done, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRefuse); err != nil || len(done.Gone) != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		if done, err := f.MailCopy(ctx, eve.account, gateway.FolderQuarantine, []gateway.UID{2, 3}, gateway.FolderRelease); err != nil || len(done.Gone) != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		eve.is(ctx, "")
		ann.is(ctx, "INBOX: 1 Undelivered mail: your message could not be delivered;Secured/Unopened: 1 "+secretSubject+";")
		deliverAll(ctx, f, time.Minute)
		if len(w.hop.mail("h@hold.example")) != 0 || len(w.hop.mail("b@both.example")) != 1 || len(w.hop.mail("ann@clinic.example")) != 1 {
			t.Error("another mail left")
		}
		refs, err := f.People.Ensure(ctx, eve.account.Name)
		for _, event := range []gateway.Event{gateway.EventReleased, gateway.EventReviewRefused} {
			all := eventsOf(ctx, t, f, event)
			if len(all) != 1 || all[0].Actor != "account" || all[0].Persons[0] != refs[0] {
				t.Errorf("%s: %+v", event, all)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNobodyReleasesTheirOwn: a reviewer releases no held mail that they sent, by
// whichever name or account, with a reason or without; they may refuse it, and
// another reviewer releases it.
func TestNobodyReleasesTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		eve, bob := w.client(ctx, t, f, "eve@clinic.example", "compliance"), w.client(ctx, t, f, "bob@clinic.example", "admin")
		send := func(account, from, header, to string) {
			t.Helper()
			s := submissionTo(to)
			s.From = gateway.MustAddress(from)
			if s.Peer.Account = account; account != "" {
				s.Peer, s.Since = gateway.Peer{Listener: "submission", Account: account, Addr: s.Peer.Addr}, f.Now()
			}
			if _, err := accept(ctx, f, s, strings.Replace(testMail, "ann@clinic.example", header, 1)); err != nil {
				t.Fatal(err)
			}
		}
		send("", "ann@clinic.example", "Eve@Clinic.example", "h@hold.example") // a server of ours, for her
		send("", "eve@clinic.example", "ann@clinic.example", "h@hold.example") // in Ann's name
		send("eve@clinic.example", "eve@clinic.example", "eve@clinic.example", "h@why.example")
		fileAway(ctx, t, f)
		for _, uid := range []gateway.UID{1, 2, 3} {
			for _, act := range []func(context.Context, gateway.MailAccount, gateway.Folder, []gateway.UID, gateway.Folder) (gateway.MailCopied, error){f.MailMove, f.MailCopy} {
				var denied *gateway.FolderError
				done, err := act(ctx, eve.account, gateway.FolderQuarantine, []gateway.UID{uid}, gateway.FolderRelease)
				if !errors.As(err, &denied) || denied.Code != gateway.FolderNoPerm || len(done.Gone)+len(done.To) != 0 {
					t.Errorf("mail %d: %+v, %v", uid, done, err)
				}
			}
		}
		refs, err := f.People.Ensure(ctx, eve.account.Name)
		if err != nil {
			return err
		}
		all := eventsOf(ctx, t, f, gateway.EventReleaseDenied)
		for _, r := range all {
			if r.Persons[0] != refs[0] || r.Actor != "account" || r.Envelope == "" || r.Detail["reason"] != "own_mail" {
				t.Errorf("evidence %+v", r)
			}
		}
		if n := len(eventsOf(ctx, t, f, gateway.EventReleased)) + len(eventsOf(ctx, t, f, gateway.EventReasonAsked)); n != 0 || len(all) != 6 {
			t.Errorf("%d were released or asked about, %d denials on record", n, len(all))
		}
		if done, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRefuse); err != nil || len(done.Gone) != 1 {
			t.Errorf("her own refused: %+v, %v", done, err)
		}
		if done, err := f.MailMove(ctx, bob.account, gateway.FolderQuarantine, []gateway.UID{2}, gateway.FolderRelease); err != nil || len(done.Gone) != 1 {
			t.Errorf("released by another: %+v, %v", done, err)
		}
		return nil
	})
}

// TestOwnTextsAreBounded: neither uploads nor copies take more room than there is;
// a move does not need any, what was removed gives it back, and what Gatepost
// puts into INBOX counts for nothing.
func TestOwnTextsAreBounded(t *testing.T) {
	annSent(t, []string{"s@secure.example"}, func(ctx context.Context, w *world, c *client, _ gateway.MessageID) {
		r := w.prove(ctx, t, c.f, "s@secure.example")
		if _, err := c.f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()}); err != nil {
			t.Fatal(err)
		}
		fileAway(ctx, t, c.f)
		quota := c.f.set().MailQuota
		keep := func(size int64) error {
			text := "Subject: kept\r\n\r\n" + strings.Repeat("x", int(size)-17)
			_, _, err := c.f.MailAppend(ctx, c.account, gateway.FolderTemplates, gateway.Marks{}, time.Time{}, size, strings.NewReader(text))
			return err
		}
		full := func(what string, err error) {
			t.Helper()
			var refused *gateway.FolderError
			if !errors.As(err, &refused) || refused.Code != gateway.FolderOverQuota {
				t.Errorf("%s: %v", what, err)
			}
		}
		full("more than there is", keep(quota+1))
		if err := errors.Join(keep(quota/2), keep(quota/2)); err != nil {
			t.Fatal(err)
		}
		full("another octet", keep(18))
		_, err := c.f.MailCopy(ctx, c.account, gateway.FolderTemplates, firstUID, gateway.FolderInbox)
		full("a copy", err)
		if _, err := c.f.MailMove(ctx, c.account, gateway.FolderTemplates, firstUID, gateway.FolderInbox); err != nil {
			t.Error(err)
		}
		full("after a move", keep(18))
		if n := messagesOf(ctx, t, c.f, gateway.Kept); n != 2 {
			t.Errorf("%d messages are kept", n)
		}
		deleted, second := gateway.MarksChange{Add: gateway.Marks{Deleted: true}}, []gateway.UID{2}
		if err := errors.Join(c.f.MailMark(ctx, c.account, gateway.FolderTemplates, second, deleted), c.f.MailExpunge(ctx, c.account, gateway.FolderTemplates, second)); err != nil {
			t.Error(err)
		}
		if err := keep(quota / 2); err != nil {
			t.Errorf("after a removal: %v", err)
		}
	})
}

// TestOwnTexts: what a user keeps is moved and copied freely, and is gone with its
// last copy.
func TestOwnTexts(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		const text = "Subject: kept\r\n\r\nzebrafinch\r\n"
		at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		validity, uid, err := f.MailAppend(ctx, c.account, gateway.FolderTemplates, gateway.Marks{Draft: true, Keywords: []string{"$GatepostOpened", "mine"}}, at, int64(len(text)), strings.NewReader(text))
		if err != nil || uid != 1 || validity == 0 {
			t.Fatal(validity, uid, err)
		}
		if e := c.entries(ctx, gateway.FolderTemplates)[0]; !e.At.Equal(at) || !e.Marks.Draft || strings.Join(e.Marks.Keywords, " ") != "mine" {
			t.Errorf("%+v", e)
		}
		if got, err := c.fetch(ctx, gateway.FolderTemplates, 1); got != text || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if done, err := f.MailCopy(ctx, c.account, gateway.FolderTemplates, firstUID, gateway.FolderInbox); err != nil || len(done.To) != 1 || len(done.Gone) != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		if done, err := f.MailMove(ctx, c.account, gateway.FolderTemplates, firstUID, gateway.FolderInbox); err != nil || done.To[0] != 2 || len(done.Gone) != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		c.is(ctx, "INBOX: 1 kept; 2 kept;")
		deleted := gateway.MarksChange{Add: gateway.Marks{Deleted: true}}
		for _, uid := range []gateway.UID{1, 2} {
			if got, err := c.fetch(ctx, gateway.FolderInbox, uid); got != text || err != nil {
				t.Errorf("%d: %q, %v", uid, got, err)
			}
			if err := errors.Join(f.MailMark(ctx, c.account, gateway.FolderInbox, []gateway.UID{uid}, deleted), f.MailExpunge(ctx, c.account, gateway.FolderInbox, []gateway.UID{1, 2})); err != nil {
				t.Error(err)
			}
		}
		c.is(ctx, "")
		if n := len(eventsOf(ctx, t, f, gateway.EventStaffOpened)); n != 0 {
			t.Errorf("%d readings of own texts on record", n)
		}
		_, err = f.message(ctx, gateway.MessageID{})
		if n := messagesOf(ctx, t, f, gateway.Kept); n != 0 || err == nil {
			t.Errorf("%d texts are left", n)
		}
		_, _, err = f.MailAppend(ctx, c.account, gateway.FolderInbox, gateway.Marks{}, at, 100, strings.NewReader("short"))
		if err == nil {
			t.Error("half a message was kept")
		}
		c.is(ctx, "")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
