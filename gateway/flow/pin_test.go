package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/store"
)

const senderMail = "From: Ann <ann@clinic.example>\r\nTo: s@secure.example\r\nSubject: [secure pin:49302718] Results\r\n" +
	"X-Gatepost-PIN: 49302718\r\nMessage-ID: <original@clinic.example>\r\n\r\n" + secretBody + "\r\n"

// TestPINOfSender opens the link alone, and stands nowhere: not in the notice,
// the body that the reader sees, what passes to others, or any record.
func TestPINOfSender(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.imported(t, kv, "email,email2,pin\ns@secure.example,other@out.example,739154\n")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example", "p@pass.example", "x@plain.example"), senderMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	mails := w.hop.mail("s@secure.example")
	r := &visiting{to: "s@secure.example", secret: linkIn(t, mails[0])}
	for to, got := range w.hop.got {
		if strings.Contains(strings.Join(got, ""), "493027") {
			t.Errorf("%s got the PIN", to)
		}
	}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		err := f.Store.Scan(ctx, store.Range{}, func(item store.Item) bool {
			if strings.Contains(string(item.Value), "493027") {
				t.Errorf("the PIN stands in table %s", store.Table(item.Key[0]))
			}
			return true
		})
		if err != nil {
			return err
		}
		page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
		if page.PIN != gateway.PINSender || page.CodeAllowed || page.TriesLeft != 5 {
			t.Errorf("%+v", page)
		}
		return err
	})
	r.opens(t, w, kv, "739154", false) // the reader's own PIN does not
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, p, err := f.Prove(ctx, r.secret, gateway.Visitor{}, "4930 2718")
		if err != nil || !p.Passed {
			t.Fatalf("%+v, %v", p, err)
		}
		v := gateway.Visitor{Session: session}
		g, err := f.Open(ctx, r.secret, v, -1)
		if err != nil || g.Assurance != gateway.SenderPIN || g.Subject != "Results" {
			t.Errorf("%+v, %v", g, err)
		}
		body, err := f.Blobs.Open(ctx, g.Body.Blob)
		if err != nil {
			return err
		}
		defer body.Close()
		content, err := w.keys.Opener().Correspondent(g.Wrap, g.Message, r.secret, body, body.Size())
		if err != nil {
			return err
		}
		raw := make([]byte, content.Size())
		if _, err := content.ReadAt(raw, 0); err != nil || strings.Contains(string(raw), "493027") || !strings.Contains(string(raw), secretBody) {
			t.Errorf("the body is %q, %v", raw, err)
		}
		if problem, err := f.ChoosePIN(ctx, r.secret, v, "864209"); problem != gateway.PINNotAllowed || err != nil {
			t.Errorf("a PIN of the sender chooses another: %q, %v", problem, err)
		}
		device, err := f.Remember(ctx, r.secret, v)
		if err != nil {
			return err
		}
		if _, _, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: device}); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("a device opens what a sender's PIN protects: %v", err)
		}
		return nil
	})
	fallen := &visiting{secret: linkIn(t, w.hop.mail("x@plain.example")[0])}
	fallen.opens(t, w, kv, "49302718", true)
	w.sound(t, kv)
}

// TestObserveLeavesThePINInTheMail: what is only observed passes octet for
// octet.
func TestObserveLeavesThePINInTheMail(t *testing.T) {
	w := newWorld(t)
	w.mode = gateway.Observe
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example"), senderMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if got := w.hop.mail("s@secure.example"); len(got) != 1 || !strings.HasSuffix(got[0], senderMail) {
		t.Errorf("%q", got)
	}
}

// TestStandingPIN is the life of a PIN that somebody chose.
func TestStandingPIN(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		for typed, want := range map[string]gateway.PINProblem{
			"123456": gateway.PINGuessable, "1234": gateway.PINTooShort, "7391548206137": gateway.PINTooLong, "secret": gateway.PINMalformed, "": gateway.PINMalformed,
		} {
			if got, err := f.ChoosePIN(ctx, r.secret, r.v, typed); got != want || err != nil {
				t.Errorf("%q: %q, %v", typed, got, err)
			}
		}
		if _, err := f.ChoosePIN(ctx, r.secret, gateway.Visitor{}, "739154"); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("chosen by nobody: %v", err)
		}
		device, err := f.Remember(ctx, r.secret, r.v)
		if err != nil {
			return err
		}
		session, _, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: device})
		if err != nil {
			return err
		}
		if got, err := f.ChoosePIN(ctx, r.secret, gateway.Visitor{Session: session}, "739154"); got != gateway.PINNotAllowed || err != nil {
			t.Errorf("chosen on a device: %q, %v", got, err)
		}
		if got, err := f.ChoosePIN(ctx, r.secret, r.v, "739 154"); got != gateway.PINTaken || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		out, err := operation(ctx, f, "contact.show", url.Values{"name": {r.to}}, "")
		if !strings.Contains(out, `"pin_kind":"standing"`) || !strings.Contains(out, `"pin_state":"active"`) || !strings.Contains(out, `"assurance":"same_channel"`) {
			t.Error(out)
		}
		return err
	})
	// Another message to the same person opens by it, without a code.
	second, _ := w.secured(t, kv, r.to)
	r.secret = second
	r.opens(t, w, kv, "739154", true)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, _, err := f.Prove(ctx, r.secret, gateway.Visitor{}, "739154")
		if err != nil {
			return err
		}
		v := gateway.Visitor{Session: session}
		if got, err := f.ChoosePIN(ctx, r.secret, v, "864209"); got != gateway.PINNotAllowed || err != nil {
			t.Errorf("a PIN changes itself: %q, %v", got, err)
		}
		return f.DropPIN(ctx, r.secret, v)
	})
	r.opens(t, w, kv, "739154", false)
}

// TestMailboxAloneTakesNoPINOver: what was chosen with more than the mailbox,
// or is known to the organization, a code to the mailbox does not replace.
func TestMailboxAloneTakesNoPINOver(t *testing.T) {
	for name, set := range map[string]func(*people.Person){
		"chosen with more": func(p *people.Person) { p.Chosen, p.ChosenBy = &gateway.Hashed{}, gateway.OtherChannel },
		"of the contact":   func(p *people.Person) { p.PIN = &gateway.Hashed{} },
	} {
		w, kv, r := newWorld(t), emptyStore(), new(visiting)
		r.inside("")(t, w, kv)
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			if err := f.People.Update(ctx, gateway.MustAddress(r.to), "uid:0", set); err != nil {
				return err
			}
			if got, err := f.ChoosePIN(ctx, r.secret, r.v, "739154"); got != gateway.PINNotAllowed || err != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			if err := f.DropPIN(ctx, r.secret, r.v); !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("%s: dropped: %v", name, err)
			}
			return nil
		})
	}
}

// TestFrozenPIN leaves codes, comes back with a restored backup, and ends by a
// code over another channel.
func TestFrozenPIN(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured("email,email2,pin\ns@secure.example,other@out.example,739154\n")(t, w, kv)
	backup := kv.Copy()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		for n := 1; n <= 10; n++ {
			if _, _, err := f.Prove(ctx, r.secret, gateway.Visitor{}, "739155"); err != nil {
				return err
			}
			if page, _ := f.Visit(ctx, r.secret, gateway.Visitor{}); (page.PIN == "") != (n >= 5 && n != 6 && n != 7 && n != 8 && n != 9) || !page.CodeAllowed || page.State != gateway.LinkActive {
				t.Errorf("after %d: %+v", n, page)
			}
			if n == 5 {
				time.Sleep(16 * time.Minute)
			}
		}
		return nil
	})
	r.opens(t, w, kv, "739154", false)
	w.must(t, backup, func(ctx context.Context, f *Flow) error {
		done, err := f.Replay(ctx, func(visit func(seal.Entry) error) error { _, err := w.keys.Journal().Replay(visit); return err })
		if done.Frozen != 1 {
			t.Errorf("%+v", done)
		}
		return err
	})
	r.opens(t, w, backup, "739154", false)
	r.asked(t, w, kv, "other@out.example")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		_, p, err := f.Prove(ctx, r.secret, r.v, r.code)
		if !p.Passed {
			t.Errorf("%+v", p)
		}
		return err
	})
	r.opens(t, w, kv, "739154", true)
}
