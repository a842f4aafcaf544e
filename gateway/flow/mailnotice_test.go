package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestProblemsAreInInbox: what could not be delivered, and what nobody read for
// days, is in the INBOX of who sent it, besides the mail about it.
func TestProblemsAreInInbox(t *testing.T) {
	w := newWorld(t)
	w.hop.refuse["bounce.example"] = gateway.Outcome{Result: gateway.Failed, Code: 550, Status: "5.1.1", Text: "no such user"}
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		sentTo(ctx, t, f, "gone@bounce.example")
		fileAway(ctx, t, f)
		if text, err := c.fetch(ctx, gateway.FolderInbox, 1); err != nil || !strings.Contains(text, "gone@bounce.example") || !strings.Contains(text, "multipart/report") {
			t.Errorf("%q, %v", text, err)
		}
		if len(w.hop.mail("ann@clinic.example")) != 1 {
			t.Error("no report went to her mailbox")
		}
		sentTo(ctx, t, f, "s@secure.example")
		live(ctx, f, 5*24*time.Hour)
		fileAway(ctx, t, f)
		inbox := c.entries(ctx, gateway.FolderInbox)
		if len(inbox) != 2 || inbox[1].Marks.Seen {
			t.Fatalf("%d messages in INBOX: %s", len(inbox), c.shows(ctx))
		}
		if text, err := c.fetch(ctx, gateway.FolderInbox, 2); err != nil || !strings.Contains(text, "Auto-Submitted: auto-generated") || strings.Contains(text, "ebrafinch") {
			t.Errorf("%q, %v", text, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWhoHasNoFoldersKeepsNothing: for senders who cannot log in no copy of a
// notice is kept.
func TestWhoHasNoFoldersKeepsNothing(t *testing.T) {
	w := newWorld(t)
	w.hop.refuse["bounce.example"] = gateway.Outcome{Result: gateway.Failed, Code: 550, Status: "5.1.1", Text: "no such user"}
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, "gone@bounce.example", "s@secure.example")
		fileAway(ctx, t, f)
		if n := messagesOf(ctx, t, f, gateway.Kept) + rowsOf(ctx, t, f, store.Entries); n != 0 {
			t.Errorf("%d messages are kept", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestFirstLogin: what somebody sent, and the answers to it, before they had an
// account are in their folders once they log in.
func TestFirstLogin(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, "s@secure.example")
		r := w.prove(ctx, t, f, "s@secure.example")
		if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()}); err != nil {
			return err
		}
		fileAway(ctx, t, f)
		bob, ann := w.client(ctx, t, f, "bob@clinic.example", "staff"), w.client(ctx, t, f, "ann@clinic.example", "staff")
		agendaFor(ctx, f, time.Minute)
		ann.is(ctx, "INBOX: 1 Re: "+secretSubject+";Secured/Replied: 1 "+secretSubject+";")
		bob.is(ctx, "")
		w.again(ctx, t, f, "ann")
		agendaFor(ctx, f, time.Minute)
		ann.is(ctx, "INBOX: 1 Re: "+secretSubject+";Secured/Replied: 1 "+secretSubject+";")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStubs: when retention ends the key, what is listed says that the message is
// gone, and nothing of it.
func TestStubs(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		sentTo(ctx, t, f, "s@secure.example")
		r := w.prove(ctx, t, f, "s@secure.example")
		if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()}); err != nil {
			return err
		}
		const text = "Subject: kept zebrafinch\r\n\r\nx\r\n"
		if _, _, err := f.MailAppend(ctx, c.account, gateway.FolderTemplates, gateway.Marks{}, time.Time{}, int64(len(text)), strings.NewReader(text)); err != nil {
			return err
		}
		c.is(ctx, "INBOX: 1 Re: "+secretSubject+";Secured/Replied: 1 "+secretSubject+";Templates: 1 kept zebrafinch;")
		time.Sleep(182 * 24 * time.Hour)
		f.housekeepOnce(ctx)
		agendaFor(ctx, f, time.Minute)
		c.is(ctx, "INBOX: 2 (gone);Secured/Replied: 2 (gone);Templates: 2 (gone);")
		for _, folder := range []gateway.Folder{gateway.FolderInbox, gateway.FolderReplied, gateway.FolderTemplates} {
			if text, err := c.fetch(ctx, folder, 2); err != nil || strings.Contains(text, "ebrafinch") || !strings.Contains(text, "is gone.") {
				t.Errorf("%v: %q, %v", folder, text, err)
			}
		}
		if n := rowsOf(ctx, t, f, store.Layouts); n != 0 {
			t.Errorf("%d outlines are left", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestErasedIsNotListed: folders name nobody who was erased.
func TestErasedIsNotListed(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		s := submissionTo("s@secure.example")
		raw := strings.Replace(testMail, "To: someone@out.example", "To: Sam Smith\r\n <S@secure.example>\r\nCc: x@out.example", 1)
		if _, err := accept(ctx, f, s, raw); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		r := w.prove(ctx, t, f, "s@secure.example")
		if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Yes", Next: files()}); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		c.is(ctx, "INBOX: 1 Re: "+secretSubject+";Secured/Replied: 1 "+secretSubject+";")
		if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {"s@secure.example"}}, ""); err != nil {
			return err
		}
		agendaFor(ctx, f, time.Hour)
		c.is(ctx, "INBOX: 2 (gone);Secured/Replied: 2 "+secretSubject+";")
		for _, folder := range gateway.Folders(false) {
			list := c.entries(ctx, folder)
			err := f.MailLayouts(ctx, c.account, folder, list, func(i int, l *gateway.Layout) bool {
				all := strings.ToLower(l.Header.Reveal() + list[i].Inline.Reveal())
				for _, a := range l.Root.Envelope.To {
					all += a.Name.Reveal() + a.Mailbox.Reveal()
				}
				if strings.Contains(all, "s@secure.example") || strings.Contains(all, "smith") || strings.Contains(all, "sam") {
					t.Errorf("%v: %s", folder, all)
				}
				return true
			})
			if err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSecuredTextIsListed: a secured short message of an application is in the
// folders of its inbox as a mail; its outline does not hold its text.
func TestSecuredTextIsListed(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "desk@clinic.example", "staff")
		if _, err := submitAll(ctx, f, short(t, secretBody, phoneSecure)); err != nil {
			return err
		}
		c.is(ctx, "Secured/Unopened: 1 SMS;")
		list := c.entries(ctx, gateway.FolderUnopened)
		err := f.MailLayouts(ctx, c.account, gateway.FolderUnopened, list, func(_ int, l *gateway.Layout) bool {
			e := l.Root.Envelope
			if len(e.From) != 1 || e.From[0].Mailbox != "desk" || len(e.To) != 1 || e.To[0].Mailbox.Reveal() != phoneSecure || e.MessageID == "" {
				t.Errorf("from %v, to %v, %q", e.From, e.To, e.MessageID)
			}
			header := l.Header.Reveal()
			if _, value, ok := strings.Cut(header, segmentsField+":"); !ok || strings.Trim(strings.SplitN(value, "\r\n\r\n", 2)[0], "x \r\n") != "" {
				t.Errorf("header %q", header)
			}
			return true
		})
		if text, read := c.fetch(ctx, gateway.FolderUnopened, 1); read != nil || !strings.Contains(text, "\r\nFrom: <desk@clinic.example>\r\n") {
			t.Errorf("%q, %v", text, read)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
