package flow

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// theReason is why Eve decides as she does.
const theReason = "Known supplier; zebrafinch agreed."

// reviewer is Eve, with mail of Ann's in Quarantine, each to a recipient of
// whom a rule demands a reason.
func reviewer(t *testing.T, mails int, story func(ctx context.Context, w *world, eve *client)) {
	t.Helper()
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
		for range mails {
			sentTo(ctx, t, f, "h@why.example")
			fileAway(ctx, t, f)
		}
		story(ctx, w, eve)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

var answersTo = regexp.MustCompile(`(?m)^Reply-To: <(q\.[a-z2-7]{26}@reply\.clinic\.example)>\r$`)

// questionTo is the address that takes the answer to the newest question to somebody.
func (w *world) questionTo(ctx context.Context, t *testing.T, f *Flow, to string) string {
	t.Helper()
	deliverAll(ctx, f, time.Minute)
	mails := w.hop.mail(to)
	if len(mails) == 0 {
		t.Fatal("nobody was asked")
	}
	found := answersTo.FindStringSubmatch(mails[len(mails)-1])
	if found == nil {
		t.Fatalf("no address for the answer in %q", mails[len(mails)-1])
	}
	return found[1]
}

// because is what somebody writes when they are asked why.
func because(from, id, text string) string {
	return "From: " + from + "\r\nTo: someone@clinic.example\r\nSubject: Re: Reason needed\r\nMessage-ID: <" + id + "@client.example>\r\n" +
		"Date: Sat, 01 Jan 2000 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text
}

const quotedQuestion = "\r\n\r\nOn Saturday, Example Clinic wrote:\r\n> You have moved held mail to Quarantine/Release.\r\n-- \r\nEve\r\n"

// answerFrom is a mail of an account of ours.
func answerFrom(ctx context.Context, f *Flow, account, to, raw string) error {
	s := submissionTo(to)
	s.From, s.Peer = gateway.MustAddress(account), gateway.Peer{Listener: "submission", Account: account, Addr: s.Peer.Addr}
	s.Since = f.Now()
	if err := f.Recipient(ctx, &s, s.Recipients[0]); err != nil {
		return err
	}
	_, err := accept(ctx, f, s, raw)
	return err
}

func refusedWith(t *testing.T, what string, err error, want *gateway.Fault) {
	t.Helper()
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Text != want.Text {
		t.Errorf("%s: %v", what, err)
	}
}

// TestAReasonIsAskedBack: moving decides nothing until the reviewer's answer gives
// the reason, which is kept with the message and nowhere else.
func TestAReasonIsAskedBack(t *testing.T) {
	for to, state := range map[gateway.Folder]gateway.State{gateway.FolderRelease: gateway.Queued, gateway.FolderRefuse: gateway.Refused} {
		reviewer(t, 2, func(ctx context.Context, w *world, eve *client) {
			f := eve.f
			waiting := eve.entries(ctx, gateway.FolderQuarantine)
			first, second := waiting[0].Message.String(), waiting[1].Message.String()
			if head := waiting[0].Head.Reveal(); !strings.Contains(head, "\r\n  rule=hw\r\n  reason=required\r\n") {
				t.Errorf("head %q", head)
			}
			done, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, []gateway.UID{1, 2, 7}, to)
			if err != nil || len(done.Gone) != 2 || len(done.To) != 2 || done.To[1] != 2 {
				t.Fatalf("%+v, %v", done, err)
			}
			eve.is(ctx, "INBOX: 1 Reason needed: held message "+eve.entries(ctx, to)[0].Message.String()+";"+to.String()+": 1 "+secretSubject+"; 2 "+secretSubject+";")
			if head := eve.entries(ctx, to)[0].Head.Reveal(); !strings.Contains(head, " envelope=") || !strings.Contains(head, ";\r\n waits for the reason of <eve@clinic.example>\r\n  asked 01 Jan 2000") {
				t.Errorf("head %q", head)
			}
			eve.asked(ctx, to)
			address := w.questionTo(ctx, t, f, "eve@clinic.example")
			if mail := w.hop.mail("eve@clinic.example"); len(mail) != 1 || !strings.Contains(mail[0], "Messages: 2\r\n- "+first+"\r\n- "+second+"\r\n") || strings.Contains(mail[0], "ebrafinch") || !strings.Contains(mail[0], to.String()) {
				t.Errorf("asked %q", mail)
			}
			if len(eventsOf(ctx, t, f, gateway.EventReasonAsked)) != 2 || len(w.hop.mail("h@why.example")) != 0 {
				t.Error("not only asked")
			}
			if err := answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a1", theReason+quotedQuestion)); err != nil {
				t.Fatal(err)
			}
			eve.is(ctx, "INBOX: 1 "+subjectIn(ctx, eve, gateway.FolderInbox)+";")
			event := map[gateway.Folder]gateway.Event{gateway.FolderRelease: gateway.EventReleased, gateway.FolderRefuse: gateway.EventReviewRefused}[to]
			refs, err := f.People.Ensure(ctx, eve.account.Name)
			all := eventsOf(ctx, t, f, event)
			if err != nil || len(all) != 2 {
				t.Fatalf("%d records, %v", len(all), err)
			}
			for _, r := range all {
				if r.Persons[0] != refs[0] || r.Actor != "account" || r.Detail["reason_given"] != "yes" || len(r.Detail) != 1 {
					t.Errorf("evidence %+v", r)
				}
				e := mustEnvelopeOf(ctx, t, f, r.Message)
				if e.Review.Reveal() != theReason || e.State != state && e.State != gateway.Delivered {
					t.Errorf("%s because %q", e.State, e.Review.Reveal())
				}
			}
			if strings.Contains(w.log.String(), "supplier") || rowsWith(ctx, t, f, "asked about ") != 0 {
				t.Error("the reason is in the log, or a question is open")
			}
			again := because("eve@clinic.example", "a1", theReason+quotedQuestion)
			if err := answerFrom(ctx, f, "eve@clinic.example", address, again); err != nil {
				t.Errorf("the same mail again: %v", err)
			}
			refusedWith(t, "another mail", answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a2", "Other")), faultAnswered)
			if n := len(eventsOf(ctx, t, f, event)); n != 2 {
				t.Errorf("decided %d times", n)
			}
		})
	}
}

// asked checks what operators see of the questions to Eve.
func (c *client) asked(ctx context.Context, to gateway.Folder) {
	c.t.Helper()
	what := strings.ToLower(strings.TrimPrefix(to.String(), "Quarantine/"))
	for _, e := range c.entries(ctx, to) {
		for name, args := range map[string]url.Values{"held.list": nil, "held.show": {"id": {e.Message.String() + ".0"}}} {
			out, err := operation(ctx, c.f, name, args, "")
			if err != nil || !strings.Contains(out, `"asked":"eve@clinic.example","asked_for":"`+what+`","asked_at":"2000-01-01T`) {
				c.t.Errorf("%s: %s, %v", name, out, err)
			}
		}
	}
}

func subjectIn(ctx context.Context, c *client, folder gateway.Folder) (subject string) {
	_ = c.f.MailLayouts(ctx, c.account, folder, c.entries(ctx, folder), func(_ int, l *gateway.Layout) bool {
		subject = l.Root.Envelope.Subject.Reveal()
		return false
	})
	return subject
}

func rowsWith(ctx context.Context, t *testing.T, f *Flow, prefix string) (n int) {
	t.Helper()
	if err := f.Store.Scan(ctx, store.Prefix(store.Meta, []byte(prefix)), func(store.Item) bool { n++; return true }); err != nil {
		t.Error(err)
	}
	return n
}

// TestOnlyTheReviewerAnswers: nobody decides by knowing the address, nor a
// reviewer who is none any more, nor a program.
func TestOnlyTheReviewerAnswers(t *testing.T) {
	reviewer(t, 1, func(ctx context.Context, w *world, eve *client) {
		f := eve.f
		w.client(ctx, t, f, "bob@clinic.example", "compliance")
		if _, err := f.MailCopy(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRelease); err != nil {
			t.Fatal(err)
		}
		address := w.questionTo(ctx, t, f, "eve@clinic.example")
		byEve := because("eve@clinic.example", "x", theReason)
		outside := submissionTo(address)
		outside.From, outside.Peer = gateway.MustAddress("eve@clinic.example"), gateway.Peer{Listener: "inbound", Addr: outside.Peer.Addr}
		refusedWith(t, "from outside, RCPT", f.Recipient(ctx, &outside, outside.Recipients[0]), faultDead)
		_, err := accept(ctx, f, outside, byEve)
		refusedWith(t, "from outside, DATA", err, faultNotAsked)
		refusedWith(t, "another reviewer", answerFrom(ctx, f, "bob@clinic.example", address, because("bob@clinic.example", "x", theReason)), faultNotAsked)
		if err := answerFrom(ctx, f, "bob@clinic.example", address, byEve); err == nil {
			t.Error("another account under her name")
		}
		refusedWith(t, "an address that is none", answerFrom(ctx, f, "eve@clinic.example", "q.aaaaaaaaaaaaaaaaaaaaaaaaaa@reply.clinic.example", byEve), faultNoQuestion)
		refusedWith(t, "a program", answerFrom(ctx, f, "eve@clinic.example", address, "Auto-Submitted: auto-replied\r\n"+byEve), faultNoPerson)
		refusedWith(t, "no words", answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "y", quotedQuestion)), faultNoReason)
		role := func(to string) {
			if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {to}}, ""); err != nil {
				t.Fatal(err)
			}
		}
		role("staff")
		refusedWith(t, "no reviewer any more", answerFrom(ctx, f, "eve@clinic.example", address, byEve), faultNotAsked)
		role("admin")
		if len(eventsOf(ctx, t, f, gateway.EventReleased)) != 0 {
			t.Error("released")
		}
		relayed := submissionTo(address) // a server of ours, for her
		relayed.From = gateway.MustAddress("eve@clinic.example")
		if _, err := accept(ctx, f, relayed, byEve); err != nil || len(eventsOf(ctx, t, f, gateway.EventReleased)) != 1 {
			t.Errorf("by a trusted server: %v", err)
		}
	})
}

// TestMovedBackNothingIsAsked: a move to Quarantine ends the question, a move to
// the other folder asks another; an operator's decision ends it, too.
func TestMovedBackNothingIsAsked(t *testing.T) {
	reviewer(t, 1, func(ctx context.Context, w *world, eve *client) {
		f := eve.f
		bob := w.client(ctx, t, f, "bob@clinic.example", "compliance")
		move := func(c *client, from, to gateway.Folder, uid gateway.UID) {
			t.Helper()
			if done, err := f.MailMove(ctx, c.account, from, []gateway.UID{uid}, to); err != nil || len(done.Gone) != 1 || len(done.To) != 1 {
				t.Errorf("%+v, %v", done, err)
			}
		}
		move(eve, gateway.FolderQuarantine, gateway.FolderRelease, 1)
		first := w.questionTo(ctx, t, f, "eve@clinic.example")
		move(bob, gateway.FolderRelease, gateway.FolderQuarantine, 1)
		bob.is(ctx, "Quarantine: 2 "+secretSubject+";")
		if n := len(eventsOf(ctx, t, f, gateway.EventReasonWithdrawn)); n != 1 {
			t.Errorf("%d withdrawn", n)
		}
		refusedWith(t, "withdrawn", answerFrom(ctx, f, "eve@clinic.example", first, because("eve@clinic.example", "x", theReason)), faultNoQuestion)
		move(bob, gateway.FolderQuarantine, gateway.FolderRelease, 2)
		second := w.questionTo(ctx, t, f, "bob@clinic.example")
		move(eve, gateway.FolderRelease, gateway.FolderRefuse, 2)
		third := w.questionTo(ctx, t, f, "eve@clinic.example")
		refusedWith(t, "another decides", answerFrom(ctx, f, "bob@clinic.example", second, because("bob@clinic.example", "y", theReason)), faultNoQuestion)
		var id string
		for _, e := range eve.entries(ctx, gateway.FolderRefuse) {
			id = gateway.EnvelopeID{Message: e.Message}.String()
		}
		if _, err := operation(ctx, f, "held.release", url.Values{"id": {id}}, ""); err == nil {
			t.Error("an operator gives no reason")
		}
		if _, err := operation(ctx, f, "held.release", url.Values{"id": {id}, "reason": {"looked at it"}}, ""); err != nil {
			t.Error(err)
		}
		fileAway(ctx, t, f)
		if got := eve.shows(ctx); strings.Contains(got, "Quarantine") {
			t.Error(got)
		}
		refusedWith(t, "decided", answerFrom(ctx, f, "eve@clinic.example", third, because("eve@clinic.example", "z", theReason)), faultNoQuestion)
		if len(eventsOf(ctx, t, f, gateway.EventReviewRefused)) != 0 {
			t.Error("refused after it was released")
		}
		time.Sleep(200 * 24 * time.Hour)
		if _, err := f.endQuestions(ctx); err != nil || rowsWith(ctx, t, f, "question ")+rowsWith(ctx, t, f, "asked about ") != 0 {
			t.Errorf("questions are left, %v", err)
		}
	})
}

// TestWhatAMailSays: the reason is the writer's own first words, whatever their
// mail program puts below.
func TestWhatAMailSays(t *testing.T) {
	q := &question{Messages: []gateway.MessageID{{1}}}
	ours := q.marks(gateway.MustAddress("notices@clinic.example"))
	for text, want := range map[string]string{
		"> quoted\n-- \nEve":                "",
		"Fine\n\nOn Monday Pat wrote:\n> x": "Fine",
		"Fine\r\nby me\r\n\r\nAm Montag schrieb\r\n<Notices@clinic.example>:\r\n> x":                              "Fine\nby me\n\nAm Montag schrieb",
		"Fine\n\n________________________________\nVon: Clinic <notices@clinic.example>\nBetreff: x\n\nSie haben": "Fine",
		"________________\nDe: Clinic <notices@clinic.example>\nVous avez":                                        "",
		strings.Repeat("\u00e9", 800): strings.Repeat("\u00e9", 500),
		"\n\nFrom: Example Clinic\nSent: Saturday\nTo: Eve\nSubject: Reason needed: " + q.Messages[0].String() + "\n\nYou have":  "",
		"Fine: she asked\n\nFrom: Example Clinic\nSent: Saturday\nSubject: x\n\nYou have moved held mail to Quarantine/Release.": "Fine: she asked",
		"From: Example Clinic\nSubject: Reason needed\nSie haben Mail nach Quarantine/Refuse verschoben.":                        "",
		"Sent from my telephone\n\n> On Monday": "",
		"Fine\nVon meinem iPhone gesendet":      "Fine",
		"\u200b\u00a0\n":                        "",
		"| quoted\n| more":                      "",
		"...":                                   "",
		"Gut":                                   "Gut",
	} {
		if got := reasonIn(text, ours); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestOneAnswerHasOneReason: what a question had left when it was answered is not
// decided by the same Message-ID with other words, or with none, and no mail
// answers two questions of which one would stay open.
func TestOneAnswerHasOneReason(t *testing.T) {
	reviewer(t, 3, func(ctx context.Context, w *world, eve *client) {
		f := eve.f
		id := eve.entries(ctx, gateway.FolderQuarantine)[1].Message.String()
		ask := func(uids ...gateway.UID) string {
			if _, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, uids, gateway.FolderRelease); err != nil {
				t.Fatal(err)
			}
			return w.questionTo(ctx, t, f, "eve@clinic.example")
		}
		first, second := ask(1, 2), ask(3)
		answer := func(text string) error {
			return answerFrom(ctx, f, "eve@clinic.example", first, because("eve@clinic.example", "a1", text))
		}
		both := submissionTo(first, second)
		both.From = gateway.MustAddress("eve@clinic.example")
		_, err := accept(ctx, f, both, because("eve@clinic.example", "a0", theReason))
		refusedWith(t, "two at once", err, faultOneQuestion)
		operate := func(what string) {
			if _, err := operation(ctx, f, what, url.Values{"id": {id}}, ""); err != nil {
				t.Fatal(err)
			}
		}
		operate("message.recall")
		if err := answer(theReason); err != nil {
			t.Fatal(err)
		}
		operate("message.recall_undo")
		refusedWith(t, "no words", answer("\r\n"), faultNoReason)
		refusedWith(t, "other words", answer("Other words"), faultAnswered)
		if n := len(eventsOf(ctx, t, f, gateway.EventReleased)); n != 1 {
			t.Errorf("%d released", n)
		}
		if err := answer(theReason); err != nil || len(eventsOf(ctx, t, f, gateway.EventReleased)) != 2 {
			t.Errorf("the same mail again: %v", err)
		}
	})
}
