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

// Codes of one may go to the mailbox of another. Who has mail of their own is
// neither shown nor erased with the first.
func TestSecondMailboxOfSomebodyElse(t *testing.T) {
	for name, second := range map[string]struct {
		contacts string
		mail     []string // to whom staff write besides
	}{
		"with a link":          {"email,email2\ns@secure.example,spouse@secure.example\n", []string{"spouse@secure.example"}},
		"with mail":            {"email,email2\ns@secure.example,spouse@pass.example\n", []string{"spouse@pass.example"}},
		"of a third one, too":  {"email,email2\ns@secure.example,spouse@home.example\na@secure.example,spouse@home.example\n", nil},
		"of the organization":  {"email,email2\ns@secure.example,bob@clinic.example\n", nil},
		"known by an import":   {"email,email2,name\ns@secure.example,spouse@home.example,\nspouse@home.example,,Sam\n", nil},
		"only for these codes": {"email,email2\ns@secure.example,spouse@home.example\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				w.secondMailbox(ctx, t, f, second.contacts, second.mail, name == "only for these codes")
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (w *world) secondMailbox(ctx context.Context, t *testing.T, f *Flow, contacts string, mail []string, goes bool) {
	t.Helper()
	if _, err := operation(ctx, f, "contact.import", nil, contacts); err != nil {
		t.Fatal(err)
	}
	p, err := f.People.Find(ctx, gateway.MustAddress("s@secure.example"))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := f.People.Ensure(ctx, p.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range mail {
		if _, err := accept(ctx, f, submissionTo(to), strings.Replace(testMail, secretSubject, "Zebraquartz", 1)); err != nil {
			t.Fatal(err)
		}
	}
	deliverAll(ctx, f, time.Minute)
	who := url.Values{"name": {"s@secure.example"}}
	out, err := operation(ctx, f, "contact.export", who, "")
	if err != nil || strings.Contains(out, "Zebraquartz") {
		t.Errorf("the export tells of mail to the other: %v", err)
	}
	if _, err := operation(ctx, f, "contact.erase", who, ""); err != nil {
		t.Fatal(err)
	}
	live(ctx, f, time.Hour)
	if _, err := f.People.Resolve(ctx, refs[0]); (err != nil) != goes {
		t.Errorf("the other goes: %v, want %v", err != nil, goes)
	}
	for _, to := range mail {
		if !strings.HasSuffix(to, "@secure.example") {
			continue
		}
		if page, err := f.Visit(ctx, linkIn(t, w.notice(t, to)), gateway.Visitor{}); err != nil || page.State != gateway.LinkActive {
			t.Errorf("the other's link is %s, %v", page.State, err)
		}
	}
}

// What an erased person wrote may wait for staff's server for days. When it has
// arrived, nothing is left of it.
func TestEraseWaitsForWhatIsOpen(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, "s@secure.example")
		r := w.proveLink(ctx, t, f, "s@secure.example", linkIn(t, w.notice(t, "s@secure.example")))
		w.hop.refuse["clinic.example"] = gateway.Outcome{Result: gateway.Deferred, At: f.Now(), Code: 451, Status: "4.3.0"}
		answered, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "thank you", Once: "once"})
		if err != nil {
			return err
		}
		deliverAll(ctx, f, 10*time.Second)
		out, err := operation(ctx, f, "contact.erase", url.Values{"name": {"s@secure.example"}}, "")
		if err != nil || !strings.Contains(out, `"done":false`) {
			t.Errorf("%s, %v", out, err)
		}
		agendaFor(ctx, f, 30*time.Hour) // the answer leaves after the second look, and after the first of a day
		delete(w.hop.refuse, "clinic.example")
		deliverAll(ctx, f, 8*time.Hour)
		agendaFor(ctx, f, 48*time.Hour)
		m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(answered.Message))
		if err != nil || !m.From.IsNull() || !m.Staff.IsZero() {
			t.Errorf("the answer keeps its author %v and a way to read it %v: %v", !m.From.IsNull(), !m.Staff.IsZero(), err)
		}
		if where := heldBy(t, ctx, f.Store, "s@secure.example"); len(where) > 0 {
			t.Errorf("the address stands in %v", where)
		}
		if err := f.Store.Scan(ctx, store.Prefix(store.Agenda), func(it store.Item) bool {
			var due task
			if err := store.Decode(it.Value, &due); err != nil || due.Kind == taskErase {
				t.Errorf("the agenda still looks: %v", err)
			}
			return true
		}); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEraseTelephone: a contact is forgotten with the telephone that is theirs
// alone; one that others have, too, stays.
func TestEraseTelephone(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.submitInto(t, kv, short(t, secretBody, phoneSecure))
	w.settle(t, kv)
	w.hears(t, kv, "an answer", phoneSecure, "+15550001111")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := operation(ctx, f, "contact.import", nil, "email,phone\npat@home.example,"+phoneSecure+"\nkim@home.example,"+phonePass+"\nlee@home.example,"+phonePass+"\n"); err != nil {
			return err
		}
		for _, name := range []string{"pat@home.example", "kim@home.example"} {
			if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {name}}, ""); err != nil {
				return err
			}
		}
		time.Sleep(time.Hour)
		f.agendaOnce(ctx)
		if _, err := operation(ctx, f, "contact.show", url.Values{"name": {phoneSecure}}, ""); err == nil {
			t.Error("the telephone is still known")
		}
		if _, err := operation(ctx, f, "contact.show", url.Values{"name": {phonePass}}, ""); err != nil {
			t.Errorf("a telephone that others have is gone: %v", err)
		}
		for _, table := range []store.Table{store.Dialogs, store.Links, store.Envelopes, store.Outbox} {
			if err := f.Store.Scan(ctx, store.Prefix(table), func(it store.Item) bool {
				if strings.Contains(string(it.Value), strings.TrimPrefix(phoneSecure, "+")) {
					t.Errorf("table %c still holds the number", table)
				}
				return true
			}); err != nil {
				return err
			}
		}
		err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
			if m.Ends != nil && (m.Ends.Dest.Addr == phoneSecure[1:] || m.Ends.Source.Addr == phoneSecure[1:]) || m.From.IsPhone() {
				t.Errorf("message %v still has the number", m.ID)
			}
		})
		if err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
