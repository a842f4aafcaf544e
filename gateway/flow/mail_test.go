package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// client is somebody's mail client.
type client struct {
	t       *testing.T
	f       *Flow
	w       *world
	account gateway.MailAccount
}

// client makes a user and logs their mail client in.
func (w *world) client(ctx context.Context, t *testing.T, f *Flow, name, role string) *client {
	t.Helper()
	if _, err := operation(ctx, f, "user.add", url.Values{"name": {name}, "role": {role}}, staffPassword); err != nil {
		t.Fatal(err)
	}
	return w.again(ctx, t, f, name)
}

// hire makes users.
func hire(ctx context.Context, t *testing.T, f *Flow, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := operation(ctx, f, "user.add", url.Values{"name": {name}, "role": {"staff"}}, staffPassword); err != nil {
			t.Fatal(err)
		}
	}
}

// again logs somebody in who is a user.
func (w *world) again(ctx context.Context, t *testing.T, f *Flow, name string) *client {
	t.Helper()
	a, err := f.MailLogin(ctx, name, staffPassword, gateway.Visitor{Remote: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, f: f, w: w, account: a}
}

// fileAway files what is staged.
func fileAway(ctx context.Context, t *testing.T, f *Flow) {
	t.Helper()
	for range 20 {
		f.fileOnce(ctx)
	}
	if n := rowsOf(ctx, t, f, store.Filings); n > 0 {
		t.Errorf("%d messages are not filed", n)
	}
}

// entries lists a folder.
func (c *client) entries(ctx context.Context, folder gateway.Folder) (list []gateway.MailEntry) {
	c.t.Helper()
	err := c.f.MailEntries(ctx, c.account, folder, 1, mailbox.Last, func(e *gateway.MailEntry) bool {
		copied := *e
		list = append(list, copied)
		return true
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// shows lists all folders that hold anything: name, and UID and subject of each
// entry.
func (c *client) shows(ctx context.Context) string {
	c.t.Helper()
	var b strings.Builder
	for _, folder := range gateway.Folders(c.account.Review) {
		list := c.entries(ctx, folder)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%v:", folder)
		err := c.f.MailLayouts(ctx, c.account, folder, list, func(i int, l *gateway.Layout) bool {
			if l.Size != list[i].Size {
				c.t.Errorf("%v: the outline has %d octets, the entry %d", folder, l.Size, list[i].Size)
			}
			fmt.Fprintf(&b, " %d %s;", list[i].UID, l.Root.Envelope.Subject.Reveal())
			return true
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return b.String()
}

// is fails unless the folders hold what is wanted.
func (c *client) is(ctx context.Context, want string) {
	c.t.Helper()
	fileAway(ctx, c.t, c.f)
	if got := c.shows(ctx); got != want {
		c.t.Errorf("folders hold\n%s, not\n%s", got, want)
	}
}

// fetch reads a whole message as a client does.
func (c *client) fetch(ctx context.Context, folder gateway.Folder, uid gateway.UID) (string, error) {
	c.t.Helper()
	i := slices.IndexFunc(c.entries(ctx, folder), func(e gateway.MailEntry) bool { return e.UID == uid })
	if i < 0 {
		return "", gateway.ErrNoEntry
	}
	e := c.entries(ctx, folder)[i]
	grants, err := c.f.MailRead(ctx, c.account, folder, []gateway.MailEntry{e})
	if err != nil {
		return "", err
	}
	if grants[0].Message.IsZero() {
		return e.Head.Reveal() + e.Inline.Reveal(), nil
	}
	g := grants[0]
	blob, err := c.f.Blobs.Open(ctx, g.Body.Blob)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	content, err := c.w.keys.Opener().Staff(g.Wrap, g.Message, blob, blob.Size())
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	if size := int64(len(e.Head)) + int64(len(raw)); size != e.Size {
		c.t.Errorf("%d octets, and %d are listed", size, e.Size)
	}
	return e.Head.Reveal() + string(raw), err
}

// TestFoldersFollowAMessage: what was secured is in one folder, by how it
// stands; its answer is in INBOX.
func TestFoldersFollowAMessage(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		id := sentTo(ctx, t, f, "s@secure.example")
		c.is(ctx, "Secured/Unopened: 1 "+secretSubject+";")
		if m := c.entries(ctx, gateway.FolderUnopened)[0].Marks; !m.Seen || !slices.Equal(m.Keywords, []string{"$GatepostUnopened"}) {
			t.Errorf("marks %+v", m)
		}
		if text, err := c.fetch(ctx, gateway.FolderUnopened, 1); err != nil || !strings.HasSuffix(text, testMail) || !strings.HasPrefix(text, "X-Gatepost-Status: unopened;\r\n <s@secure.example> unopened\r\nX-Gatepost-Reference: ") {
			t.Errorf("%q, %v", text, err)
		}
		r := w.prove(ctx, t, f, "s@secure.example")
		if _, err := w.reads(ctx, f, r); err != nil {
			return err
		}
		c.is(ctx, "Secured/Opened: 1 "+secretSubject+";")
		e := c.entries(ctx, gateway.FolderOpened)[0]
		if head := e.Head.Reveal(); !strings.HasPrefix(head, "X-Gatepost-Status: opened;\r\n <s@secure.example> opened 01 Jan 2000 ") ||
			!strings.Contains(head, " proof=same_channel reader=") || !strings.Contains(head, "X-Gatepost-Message: "+id.String()+"\r\n") {
			t.Errorf("head %q", head)
		}
		if !slices.Equal(e.Marks.Keywords, []string{"$GatepostOpened"}) {
			t.Errorf("keywords %q", e.Marks.Keywords)
		}
		done, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "Thank you", Next: files()})
		if err != nil {
			return err
		}
		c.is(ctx, "INBOX: 1 Re: "+secretSubject+";Secured/Replied: 1 "+secretSubject+";")
		if m := c.entries(ctx, gateway.FolderInbox)[0].Marks; m.Seen {
			t.Error("a new answer is seen")
		}
		if text, err := c.fetch(ctx, gateway.FolderInbox, 1); err != nil || !strings.Contains(text, "Thank you") {
			t.Errorf("%q, %v", text, err)
		}
		if e := mustEnvelopeOf(ctx, t, f, done.Message); e.Opened.IsZero() {
			t.Error("the answer does not count as read")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func mustEnvelopeOf(ctx context.Context, t *testing.T, f *Flow, id gateway.MessageID) gateway.Envelope {
	t.Helper()
	e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFoldersBelongToUsers: nobody else has folders, and nobody sees those of
// others or held mail without the role.
func TestFoldersBelongToUsers(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ann, bob := w.client(ctx, t, f, "ann@clinic.example", "staff"), w.client(ctx, t, f, "bob@clinic.example", "staff")
		sentTo(ctx, t, f, "s@secure.example")
		ann.is(ctx, "Secured/Unopened: 1 "+secretSubject+";")
		bob.is(ctx, "")
		entries := ann.entries(ctx, gateway.FolderUnopened)
		if grants, err := f.MailRead(ctx, bob.account, gateway.FolderUnopened, entries); err != nil || !grants[0].Message.IsZero() {
			t.Errorf("another user reads: %v", err)
		}
		for _, folder := range []gateway.Folder{0, gateway.FolderQuarantine, gateway.FolderRelease, gateway.FolderRefuse, 99} {
			if _, err := f.MailOpen(ctx, bob.account, folder); err == nil {
				t.Errorf("%v opens", folder)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestExpired: what nobody read in time is in Expired without anybody doing
// anything.
func TestExpired(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		c := w.client(ctx, t, f, "ann@clinic.example", "staff")
		sentTo(ctx, t, f, "s@secure.example")
		c.is(ctx, "Secured/Unopened: 1 "+secretSubject+";")
		time.Sleep(30 * 24 * time.Hour)
		agendaFor(ctx, f, time.Minute)
		fileAway(ctx, t, f)
		if got := c.shows(ctx); !strings.Contains(got, "Secured/Expired: 1 "+secretSubject+";") || strings.Contains(got, "Unopened") {
			t.Error(got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// messagesOf counts the messages that go one way.
func messagesOf(ctx context.Context, t *testing.T, f *Flow, d gateway.Direction) (n int) {
	t.Helper()
	err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if m.Direction == d {
			n++
		}
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// TestASessionEndsWithItsPassword: who logged in before a password was changed, or
// one of an app was removed, logs in again.
func TestASessionEndsWithItsPassword(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.client(ctx, t, f, "ann@clinic.example", "staff")
		out, err := operation(ctx, f, "user.app_add", url.Values{"name": {"ann@clinic.example"}, "label": {"telephone"}}, "")
		if err != nil {
			return err
		}
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			return err
		}
		changes := []struct {
			what string
			args url.Values
			in   string
		}{
			{"user.passwd", url.Values{}, "another horse battery"},
			{"user.app_remove", url.Values{"id": {made.ID}}, ""},
			{"user.role", url.Values{"role": {"compliance"}}, ""},
		}
		for _, listener := range []string{"submission", "submissions", "relay"} {
			s := submissionTo("pat@out.example")
			s.From, s.Peer = gateway.MustAddress("ann@clinic.example"), gateway.Peer{Listener: listener, Account: "ann@clinic.example", Addr: s.Peer.Addr}
			if s.Since = f.Now(); f.Sender(ctx, &s) != nil {
				t.Errorf("%s: just logged in, and refused", listener)
			}
			time.Sleep(time.Second)
			c := changes[0]
			changes = changes[1:]
			c.args.Set("name", "ann@clinic.example")
			if _, err := operation(ctx, f, c.what, c.args, c.in); err != nil {
				return err
			}
			refusedWith(t, "after "+c.what, f.Sender(ctx, &s), faultAgain)
			_, err := accept(ctx, f, s, testMail) // it was past MAIL
			refusedWith(t, "a mail under way, after "+c.what, err, faultAgain)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestADisabledAccountSendsNothing: a session that was opened before hears it at
// its next MAIL FROM.
func TestADisabledAccountSendsNothing(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.client(ctx, t, f, "ann@clinic.example", "staff")
		s := submissionTo("pat@out.example")
		s.From, s.Peer = gateway.MustAddress("ann@clinic.example"), gateway.Peer{Listener: "submission", Account: "ann@clinic.example", Addr: s.Peer.Addr}
		if err := f.Sender(ctx, &s); err != nil {
			t.Errorf("their own account: %v", err)
		}
		other := s
		other.From = gateway.MustAddress("eve@clinic.example")
		refusedWith(t, "somebody else's address", f.Sender(ctx, &other), faultSender)
		relayed := func() *gateway.Submission {
			r := s
			r.Peer.Listener, r.From = "relay", gateway.MustAddress("list@clinic.example")
			return &r
		}
		if _, err := operation(ctx, f, "user.disable", url.Values{"name": {"ann@clinic.example"}}, ""); err != nil {
			return err
		}
		refusedWith(t, "after it was disabled", f.Sender(ctx, &s), faultEnded)
		refusedWith(t, "after it was disabled, where others relay", f.Sender(ctx, relayed()), faultEnded)
		_, err := accept(ctx, f, s, testMail)
		refusedWith(t, "a mail under way, after it was disabled", err, faultEnded)
		unknown := s
		unknown.From, unknown.Peer.Account = gateway.MustAddress("gone@clinic.example"), "gone@clinic.example"
		refusedWith(t, "no account", f.Sender(ctx, &unknown), faultEnded)
		if n := rowsOf(ctx, t, f, store.Envelopes); n != 0 {
			t.Errorf("%d envelopes of a session that had ended", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
