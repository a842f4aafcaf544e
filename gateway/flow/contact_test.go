package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/people"
	"gatepost/store"
)

// met puts a conversation of s@secure.example into the store: a contact with a
// name, a message that was read by code, and an answer from the viewer.
func (w *world) met(ctx context.Context, t *testing.T, f *Flow) (gateway.MessageID, reader) {
	t.Helper()
	if _, err := operation(ctx, f, "contact.import", nil, "email,email2,name,consents\ns@secure.example,other@home.example,Zoltan Zebrafinch,news\n"); err != nil {
		t.Fatal(err)
	}
	id := sentTo(ctx, t, f, "s@secure.example", "a@secure.example")
	r := reader{to: "s@secure.example", secret: linkIn(t, w.notice(t, "s@secure.example"))}
	session, page, err := f.SendCode(ctx, r.secret, r.v)
	if err != nil || page.State != gateway.LinkActive {
		t.Fatal(page.State, err)
	}
	deliverAll(ctx, f, 10*time.Second)
	mails := w.hop.mail("other@home.example")
	r.v.Session = session
	session, result, err := f.Prove(ctx, r.secret, r.v, codeIn(mails[len(mails)-1]))
	if r.v.Session = session; err != nil || !result.Passed {
		t.Fatal(result, err)
	}
	if _, err := w.reads(ctx, f, r); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Answer(ctx, r.secret, r.v, gateway.Answer{Text: "thank you", Once: "once"}); err != nil {
		t.Fatal(err)
	}
	deliverAll(ctx, f, 10*time.Second)
	return id, r
}

// Everything about one person is printed, and nothing about another.
func TestContactExport(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.met(ctx, t, f)
		out, err := operation(ctx, f, "contact.export", url.Values{"name": {"s@secure.example"}}, "")
		if err != nil {
			return err
		}
		kinds := map[string]int{}
		for line := range strings.Lines(out) {
			var v struct {
				Kind  string
				Wrote bool
			}
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				return err
			}
			if v.Wrote {
				v.Kind = "answer"
			}
			kinds[v.Kind]++
		}
		if kinds["contact"] != 1 || kinds["thread"] != 1 || kinds["message"] != 2 || kinds["answer"] != 1 || kinds["evidence"] < 5 {
			t.Errorf("%v\n%s", kinds, out)
		}
		for _, want := range []string{"Zoltan Zebrafinch", "other@home.example", "message.opened", "contact.exported"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing", want)
			}
		}
		if strings.Contains(out, "a@secure.example") {
			t.Error("another recipient is in it")
		}
		var wrong *OperationError
		if _, err := operation(ctx, f, "contact.export", url.Values{"name": {"x@y.example"}}, ""); !errors.As(err, &wrong) || !wrong.NotFound {
			t.Errorf("of nobody: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// told reports which records of kv, decoded, still hold a text.
func heldBy(t *testing.T, ctx context.Context, s store.Store, text string) (where []string) {
	t.Helper()
	for _, table := range []store.Table{store.Messages, store.Envelopes, store.Links, store.People, store.PersonRefs, store.Threads, store.ThreadPart,
		store.PersonPart, store.Capability, store.Devices, store.Proofs, store.Sessions} {
		err := s.Scan(ctx, store.Prefix(table), func(it store.Item) bool {
			if strings.Contains(string(it.Value), text) {
				where = append(where, table.String())
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
	return where
}

// forgotten checks that nothing leads to the person any more, and that the
// other recipient and staff read on.
func (w *world) forgotten(ctx context.Context, t *testing.T, f *Flow, id gateway.MessageID, r reader, ref gateway.PersonRef) {
	t.Helper()
	for _, text := range []string{"s@secure.example", "other@home.example", "Zoltan"} {
		if where := heldBy(t, ctx, f.Store, text); len(where) > 0 {
			t.Errorf("%q stands in %v", text, where)
		}
	}
	if _, err := f.People.Resolve(ctx, ref); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("the reference leads somewhere: %v", err)
	}
	if page, err := f.Visit(ctx, r.secret, r.v); err != nil || page.State != gateway.LinkUnknown {
		t.Errorf("link is %s, %v", page.State, err)
	}
	if _, err := f.Open(ctx, r.secret, r.v, -1); !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("the session opens: %v", err)
	}
	if text, err := w.reads(ctx, f, w.proveLink(ctx, t, f, "a@secure.example", linkIn(t, w.hop.mail("a@secure.example")[0]))); err != nil || !strings.Contains(text, secretBody) {
		t.Errorf("the other recipient does not read: %v", err)
	}
	if text, err := w.staffReads(ctx, f, id); err != nil || !strings.Contains(text, secretBody) {
		t.Errorf("staff do not read: %v", err)
	}
}

func TestContactErase(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	var id gateway.MessageID
	var r reader
	var ref gateway.PersonRef
	var backup store.Store
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id, r = w.met(ctx, t, f)
		p, err := f.People.Find(ctx, gateway.MustAddress("s@secure.example"))
		if err != nil {
			return err
		}
		ref = p.Ref
		link, err := f.link(ctx, r.secret)
		if err != nil {
			return err
		}
		backup = kv.Copy()
		out, err := operation(ctx, f, "contact.erase", url.Values{"name": {"s@secure.example"}}, "")
		if err != nil || !strings.Contains(out, `"threads":1`) || !strings.Contains(out, `"done":true`) {
			t.Errorf("%s, %v", out, err)
		}
		live(ctx, f, time.Hour)
		w.forgotten(ctx, t, f, id, r, ref)
		if !f.Keys.Destroyed(link.Wrap.Group) {
			t.Error("the key of their link is not destroyed")
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if err != nil || !strings.Contains(story, `"erased"`) || strings.Contains(story, "s@secure.example") {
			t.Errorf("evidence: %s, %v", story, err)
		}
		report, err := audit.Verify(ctx, f.Store, w.keys.Signer().Verifier())
		if err != nil || !report.OK() {
			t.Errorf("evidence does not verify: %+v, %v", report.Problems, err)
		}
		refs, err := f.People.Ensure(ctx, gateway.MustAddress("s@secure.example"))
		if err != nil || refs[0] == ref {
			t.Errorf("who comes again is the erased person: %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
	err = w.in(t, backup, func(ctx context.Context, f *Flow) error {
		done, err := w.replayed(ctx, f)
		if err != nil || done.Erased == 0 {
			t.Errorf("%+v, %v", done, err)
		}
		live(ctx, f, time.Hour)
		w.forgotten(ctx, t, f, id, r, ref)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, backup)
}

// What still waits for an erased person does not leave; staff are not erased.
func TestContactEraseQueued(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo("s@secure.example", "p@pass.example"), testMail)
		if err != nil {
			return err
		}
		for _, name := range []string{"s@secure.example", "p@pass.example"} {
			if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {name}}, ""); err != nil {
				return err
			}
		}
		live(ctx, f, time.Hour)
		copies, _, err := f.copies(ctx, id)
		for _, e := range copies {
			if e.State != gateway.Dropped || !e.Recipient.IsNull() {
				t.Errorf("%s", e.State)
			}
		}
		var wrong *OperationError
		if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {"ann@clinic.example"}}, ""); !errors.As(err, &wrong) || !wrong.Usage {
			t.Errorf("staff: %v", err)
		}
		if _, err := operation(ctx, f, "contact.erase", url.Values{"name": {"x@y.example"}}, ""); !errors.As(err, &wrong) || !wrong.NotFound {
			t.Errorf("nobody: %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.hop.mail("s@secure.example"))+len(w.hop.mail("p@pass.example")) != 0 {
		t.Error("mail left for the erased")
	}
}
