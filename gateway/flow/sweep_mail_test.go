package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// healthy runs act as a process does that nothing fails in.
func (w *world) healthy(t *testing.T, kv store.Store, act func(ctx context.Context, f *Flow)) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		act(ctx, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ofAnn is what a client of Ann's sends once it is logged in.
func ofAnn(ctx context.Context, t *testing.T, w *world, f *Flow) (*client, error) {
	a, err := f.MailLogin(ctx, "ann", staffPassword, gateway.Visitor{})
	return &client{t: t, f: f, w: w, account: a}, err
}

// staffMailJourneys are what people do in the folders of their mail client.
func staffMailJourneys() []journey {
	user := func(t *testing.T, w *world, kv store.Store) {
		w.healthy(t, kv, func(ctx context.Context, f *Flow) { w.client(ctx, t, f, "ann@clinic.example", "staff") })
	}
	filed := func(t *testing.T, w *world, kv store.Store) {
		user(t, w, kv)
		w.acceptInto(t, kv, submissionTo("s@secure.example"), testMail)
		w.healthy(t, kv, func(ctx context.Context, f *Flow) { fileAway(ctx, t, f) })
	}
	// holds checks the folders after everything was filed.
	holds := func(t *testing.T, w *world, kv store.Store, want ...string) {
		t.Helper()
		w.healthy(t, kv, func(ctx context.Context, f *Flow) {
			fileAway(ctx, t, f)
			got := w.again(ctx, t, f, "ann").shows(ctx)
			for _, one := range want {
				if got == one {
					return
				}
			}
			t.Errorf("folders hold %q", got)
		})
	}
	unopened := "Secured/Unopened: 1 " + secretSubject + ";"
	return []journey{
		{
			name: "file", covers: []string{"FileMail"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				user(t, w, kv)
				w.acceptInto(t, kv, submissionTo("s@secure.example"), testMail)
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				f.fileOnce(ctx)
				f.fileOnce(ctx)
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) { holds(t, w, kv, unopened) },
		},
		{
			name: "read in a mail client", prepare: filed,
			covers: []string{"MailLogin", "MailCurrent", "MailOpen", "MailStatus", "MailEntries", "MailLayouts", "MailRead", "MailWasRead"},
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				c, err := ofAnn(ctx, t, w, f)
				if err != nil {
					return err
				}
				return readsFolder(ctx, c, gateway.FolderUnopened)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				holds(t, w, kv, unopened)
				if answer == nil && w.countEvents(t, kv, gateway.EventStaffOpened) == 0 {
					t.Error("read without evidence")
				}
			},
		},
		{
			name: "keep a text", covers: []string{"MailAppend"}, prepare: user,
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				c, err := ofAnn(ctx, t, w, f)
				if err != nil {
					return err
				}
				const text = "Subject: kept\r\n\r\nx\r\n"
				_, uid, err := f.MailAppend(ctx, c.account, gateway.FolderTemplates, gateway.Marks{Draft: true}, time.Time{}, int64(len(text)), strings.NewReader(text))
				if err == nil && uid != 1 {
					t.Errorf("UID %d", uid)
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				const kept = "Templates: 1 kept;"
				switch n := messages(t, w, kv); {
				case answer == nil || n > 0:
					holds(t, w, kv, kept)
				default:
					holds(t, w, kv, "")
				}
			},
		},
		{
			name: "mark and expunge", covers: []string{"MailMark", "MailExpunge"}, prepare: filed,
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				c, err := ofAnn(ctx, t, w, f)
				if err != nil {
					return err
				}
				one := []gateway.UID{1}
				err = f.MailMark(ctx, c.account, gateway.FolderUnopened, one, gateway.MarksChange{Add: gateway.Marks{Deleted: true}})
				if err != nil {
					return err
				}
				return f.MailExpunge(ctx, c.account, gateway.FolderUnopened, one)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer == nil {
					holds(t, w, kv, "")
				} else {
					holds(t, w, kv, unopened, "")
				}
				if e := envelopes(t, w, kv)["s@secure.example"]; !e.Recalled.IsZero() {
					t.Error("an expunge took the message back")
				}
			},
		},
		{
			name: "take back in a mail client", covers: []string{"MailCopy", "MailStands"}, prepare: filed,
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				c, err := ofAnn(ctx, t, w, f)
				if err != nil {
					return err
				}
				var shown gateway.MessageID
				if err := f.MailEntries(ctx, c.account, gateway.FolderUnopened, 1, 1, func(e *gateway.MailEntry) bool { shown = e.Message; return true }); err != nil {
					return err
				}
				_, err = f.MailCopy(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1}, gateway.FolderRecall)
				if err == nil && f.MailStands(ctx, gateway.Grant{Message: shown}) {
					t.Error("taken back, and octets on their way go on")
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				const recalled, handle = "Secured/Recalled: 1 " + secretSubject + ";", "Recall: 1 " + secretSubject + ";"
				switch e := envelopes(t, w, kv)["s@secure.example"]; {
				case answer == nil:
					holds(t, w, kv, recalled+handle)
				case e.Recalled.IsZero():
					holds(t, w, kv, unopened)
				default:
					holds(t, w, kv, recalled, recalled+handle)
				}
			},
		},
		{
			name: "give back in a mail client", covers: []string{"MailMove"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				filed(t, w, kv)
				w.healthy(t, kv, func(ctx context.Context, f *Flow) {
					c := w.again(ctx, t, f, "ann")
					if _, err := f.MailMove(ctx, c.account, gateway.FolderUnopened, []gateway.UID{1}, gateway.FolderRecall); err != nil {
						t.Fatal(err)
					}
				})
			},
			run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
				c, err := ofAnn(ctx, t, w, f)
				if err != nil {
					return err
				}
				_, err = f.MailMove(ctx, c.account, gateway.FolderRecall, []gateway.UID{1}, gateway.FolderInbox)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				const back = "Secured/Unopened: 2 " + secretSubject + ";"
				switch e := envelopes(t, w, kv)["s@secure.example"]; {
				case answer == nil && !e.Recalled.IsZero():
					t.Error("still taken back")
				case e.Recalled.IsZero():
					holds(t, w, kv, back)
				default:
					holds(t, w, kv, "Secured/Recalled: 1 "+secretSubject+";Recall: 1 "+secretSubject+";")
				}
			},
		},
		{
			name: "release in a mail client", covers: []string{"MailMove"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				user(t, w, kv)
				w.healthy(t, kv, func(ctx context.Context, f *Flow) { w.client(ctx, t, f, "eve@clinic.example", "compliance") })
				w.acceptInto(t, kv, submissionTo("b@both.example"), testMail)
				w.healthy(t, kv, func(ctx context.Context, f *Flow) { fileAway(ctx, t, f) })
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				a, err := f.MailLogin(ctx, "eve", staffPassword, gateway.Visitor{})
				if err == nil {
					_, err = f.MailMove(ctx, a, gateway.FolderQuarantine, []gateway.UID{1}, gateway.FolderRelease)
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				e := envelopes(t, w, kv)["b@both.example"]
				if answer == nil && e.State != gateway.Queued {
					t.Errorf("released, and is %s", e.State)
				}
				if e.State == gateway.Queued {
					holds(t, w, kv, unopened)
				} else {
					holds(t, w, kv, "")
				}
			},
		},
	}
}

// readsFolder is what a client does that shows a folder and the one message in it.
func readsFolder(ctx context.Context, c *client, folder gateway.Folder) error {
	open, err := c.f.MailOpen(ctx, c.account, folder)
	if err != nil {
		return err
	}
	defer open.Close()
	status, err := c.f.MailStatus(ctx, c.account, folder)
	if err != nil {
		return err
	}
	var list []gateway.MailEntry
	err = c.f.MailEntries(ctx, c.account, folder, 1, mailbox.Last, func(e *gateway.MailEntry) bool {
		list = append(list, *e)
		return true
	})
	if err != nil {
		return err
	}
	if len(list) != 1 || status.Messages != 1 || len(open.View().UIDs) != 1 {
		return errors.New("another number of messages")
	}
	if err := c.f.MailLayouts(ctx, c.account, folder, list, func(int, *gateway.Layout) bool { return true }); err != nil {
		return err
	}
	if _, err := c.f.MailRead(ctx, c.account, folder, list); err != nil {
		return err
	}
	if was, err := c.f.MailWasRead(ctx, c.account, list); err != nil || !was[0] {
		return errors.Join(err, errors.New("it does not count as read"))
	}
	return c.f.MailCurrent(ctx, c.account)
}

// countEvents counts the evidence of one kind.
func (w *world) countEvents(t *testing.T, kv store.Store, event gateway.Event) (n int) {
	t.Helper()
	w.healthy(t, kv, func(ctx context.Context, f *Flow) { n = len(eventsOf(ctx, t, f, event)) })
	return n
}

// eventsOf returns the evidence of one kind, in order.
func eventsOf(ctx context.Context, t *testing.T, f *Flow, event gateway.Event) (all []gateway.Record) {
	t.Helper()
	if _, err := f.Audit.Fold(ctx); err != nil {
		t.Fatal(err)
	}
	err := each(ctx, f.Store, store.Prefix(store.Log), func(r *gateway.Record) {
		if r.Event == event {
			all = append(all, *r)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
