package flow

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// telephones carries codes to one number.
type telephones struct{ covers gateway.Sensitive }

func (p telephones) Carries(phone gateway.Sensitive) bool { return phone == p.covers }

func (telephones) StageCode(context.Context, *store.Batch, PhoneCode) error { return nil }

// TestWhatALinkTakes is the table of rules, defaults and what is known of the
// reader.
func TestWhatALinkTakes(t *testing.T) {
	hash := &gateway.Hashed{}
	nobody := people.Person{}
	other := people.Person{Second: gateway.MustAddress("other@out.example")}
	itself := people.Person{Second: gateway.MustAddress("s@secure.example")}
	phone := people.Person{Phone: "+15551234567"}
	contact := people.Person{PIN: hash}
	chosen := people.Person{PIN: hash, Chosen: hash, ChosenBy: gateway.OtherChannel}
	contactOther := people.Person{PIN: hash, Second: other.Second}
	chosenOther := people.Person{Chosen: hash, ChosenBy: gateway.OtherChannel, Second: other.Second}
	// Chosen after a code to the mailbox: the message below is of 2026-06-01.
	before := people.Person{Chosen: hash, ChosenBy: gateway.SameChannel, ChosenAt: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)}
	after := people.Person{Chosen: hash, ChosenBy: gateway.SameChannel, ChosenAt: time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC)}
	undated := people.Person{Chosen: hash, ChosenBy: gateway.SameChannel}
	afterContact, afterOther := after, after
	afterContact.PIN, afterOther.Second = hash, other.Second
	sent, err := gateway.NewMessageID(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule, standard string
		who            people.Person
		want           string
	}{
		{"", "", nobody, "same_channel"},
		{"", "", other, "other_channel"},
		{"", "", itself, "same_channel"},
		{"", "", phone, "other_channel"},
		{"", "", people.Person{Phone: "+15557654321"}, "same_channel"}, // no code is carried there
		{"", "other_channel", nobody, "same_channel"},
		{"", "other_channel", contact, "same_channel contact_pin"},
		{"", "other_channel", chosenOther, "other_channel standing_pin"},
		{"", "same_channel", other, "same_channel"},
		{"", "same_channel", chosenOther, "same_channel standing_pin"},
		{"", "standing", nobody, "same_channel"},
		{"", "standing", other, "other_channel"},
		{"", "standing", contact, "contact_pin"},
		{"", "standing", chosen, "standing_pin"},
		{"", "standing", contactOther, "other_channel contact_pin"},
		{"", "standing", chosenOther, "other_channel standing_pin"},
		{"", "contact", nobody, "same_channel"},
		{"", "contact", contact, "contact_pin"},
		{"", "contact", chosenOther, "other_channel standing_pin"},
		{"same_channel", "standing", nobody, "same_channel"},
		{"same_channel", "standing", chosenOther, "other_channel standing_pin"},
		{"contact", "", nobody, "nothing"},
		{"contact", "", other, "other_channel"},
		{"contact", "", contact, "contact_pin"},
		{"contact", "", chosen, "standing_pin"},
		{"standing", "", nobody, "nothing"},
		{"standing", "", contact, "nothing"},
		{"standing", "", chosen, "standing_pin"},
		{"standing", "", contactOther, "other_channel"},
		{"other_channel", "", nobody, "nothing"},
		{"other_channel", "same_channel", chosen, "nothing"},
		{"other_channel", "", phone, "other_channel"},
		{"other_channel", "", chosenOther, "other_channel"},
		{"same_channel", "", after, "same_channel standing_pin"},
		{"contact", "", before, "standing_pin"},
		{"contact", "", after, "nothing"},
		{"contact", "", afterContact, "contact_pin"},
		{"standing", "", before, "standing_pin"},
		{"standing", "", after, "nothing"},
		{"standing", "", undated, "nothing"},
		{"standing", "", afterContact, "nothing"},
		{"standing", "", afterOther, "other_channel"},
		{"", "standing", after, "standing_pin"}, // no rule kept the message from the mailbox
		{"", "standing", afterOther, "other_channel"},
		{"", "other_channel", after, "same_channel standing_pin"},
		{"", "other_channel", afterOther, "other_channel"},
		{"", "same_channel", afterOther, "same_channel standing_pin"},
		{"sender", "", chosenOther, "sender_pin"},
		{"sender without", "", chosenOther, "nothing"},
		{"a word of tomorrow", "same_channel", chosenOther, "nothing"},
	} {
		f := &Flow{Parts: Parts{Codes: telephones{"+15551234567"}}}
		f.Configure(Settings{DefaultPIN: c.standard}, nil)
		l := gateway.Link{Recipient: gateway.MustAddress("s@secure.example"), Options: gateway.Options{PIN: c.rule}, Envelope: gateway.EnvelopeID{Message: sent}}
		if c.rule == "sender" {
			l.PIN = hash
		}
		o := f.offer(l, c.who)
		if got := o.opens(); got != c.want {
			t.Errorf("rule %q, default %q: %s, want %s", c.rule, c.standard, got, c.want)
		}
	}
}

func TestMaskedTelephone(t *testing.T) {
	if got := (way{phone: "+15551234217"}).masked(); got != "••• ••• 42 17" {
		t.Error(got)
	}
}

// demanding sends a message whose rule demands a proof, and returns its link.
func (r *visiting) demanding(t *testing.T, w *world, kv store.Store, pin string) {
	t.Helper()
	r.to = "s@secure.example"
	r.secret, _ = w.secured(t, kv, r.to)
	r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN = pin })
}

// TestSenderHearsOfALockedDoor: whoever writes to somebody who has no way to
// open the link is told at once, under their own message; nobody is told of a
// link that can be opened, or in the name of a program.
func TestSenderHearsOfALockedDoor(t *testing.T) {
	told := func(w *world) int {
		return strings.Count(strings.Join(w.hop.mail("ann@clinic.example"), ""), "Cannot be opened yet")
	}
	w, kv := newWorld(t), emptyStore()
	w.secured(t, kv, "pat@strict.example")
	if mails := w.hop.mail("ann@clinic.example"); told(w) != 1 || !strings.Contains(mails[0], "In-Reply-To: <original@clinic.example>") || strings.Contains(mails[0], "pat@") {
		t.Errorf("the sender was told:\n%s", mails)
	}
	w.secured(t, kv, "pat@secure.example")
	w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("pat@strict.example"), "Auto-Submitted: auto-generated\r\n"+testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if told(w) != 1 {
		t.Errorf("the sender was told %d times", told(w))
	}
}

// TestDemandThatNobodyMeets: the link stays shut, says so to its reader and to
// operators, and opens when what is missing is imported.
func TestDemandThatNobodyMeets(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.demanding(t, w, kv, "other_channel")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, page, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
		if err != nil || session != "" || page.State != gateway.LinkActive || page.CodeAllowed || page.PIN != "" || page.CodeTo != "" {
			t.Errorf("%q, %+v, %v", session, page, err)
		}
		_, p, err := f.Prove(ctx, r.secret, gateway.Visitor{}, "123456")
		if err != nil || p.Passed {
			t.Errorf("%+v, %v", p, err)
		}
		l, err := f.link(ctx, r.secret)
		if err != nil {
			return err
		}
		out, err := operation(ctx, f, "queue.show", url.Values{"id": {l.Envelope.String()}}, "")
		if !strings.Contains(out, `"opens_by":"nothing"`) || !strings.Contains(out, `"link_state":"active"`) {
			t.Error(out)
		}
		return err
	})
	w.imported(t, kv, withOther)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
		if !page.CodeAllowed || page.CodeSame || page.CodeTo != "o•••@o•••.example" {
			t.Errorf("after an import: %+v", page)
		}
		return err
	})
	r.asked(t, w, kv, "other@out.example")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, p, err := f.Prove(ctx, r.secret, r.v, r.code)
		if err != nil || !p.Passed {
			t.Errorf("%+v, %v", p, err)
		}
		g, err := f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
		if g.Assurance != gateway.OtherChannel {
			t.Errorf("read with %s", g.Assurance)
		}
		return err
	})
}

// TestNoticeSaysByWhatItOpens in evidence.
func TestNoticeSaysByWhatItOpens(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	_, id := w.secured(t, kv, "s@secure.example")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if !strings.Contains(story, `"opens_by":"same_channel"`) {
			t.Error(story)
		}
		return err
	})
}

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

// TestFrozenLink thaws by a code over another channel, and not by the
// channel of the link.
func TestFrozenLink(t *testing.T) {
	for contacts, self := range map[string]bool{"": false, withOther: true, withPIN: false} {
		w, kv, r := newWorld(t), emptyStore(), new(visiting)
		r.secured(contacts)(t, w, kv)
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			if err := f.Proof.Freeze(ctx, seal.LinkID(r.secret)); err != nil {
				return err
			}
			page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
			if page.State != gateway.LinkFrozen || page.SelfThaw != self || page.CodeAllowed != self {
				t.Errorf("%q: %+v", contacts, page)
			}
			session, _, serr := f.SendCode(ctx, r.secret, gateway.Visitor{})
			if (session != "") != self {
				t.Errorf("%q: a code was sent: %v", contacts, session != "")
			}
			return errors.Join(err, serr)
		})
	}
}

// TestThawOfWhatDemandsMore opens the link and leaves it to be proven.
func TestThawOfWhatDemandsMore(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	w.imported(t, kv, withOther)
	r.demanding(t, w, kv, "sender")
	w.must(t, kv, func(ctx context.Context, f *Flow) error { return f.Proof.Freeze(ctx, seal.LinkID(r.secret)) })
	r.asked(t, w, kv, "other@out.example")
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, p, err := f.Prove(ctx, r.secret, r.v, r.code)
		if p.Passed || p.Reason != gateway.ProofThawed || p.Page.State != gateway.LinkActive {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("a thaw opens: %v", err)
		}
		return err
	})
}

// TestDevicesAreWorthTheirProof: a link that demands more stays shut, and one
// that was taken back or reported does not open either.
func TestDevicesAreWorthTheirProof(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Device, err = f.Remember(ctx, r.secret, r.v)
		return err
	})
	enters := func(want bool) {
		t.Helper()
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			page, err := f.Visit(ctx, r.secret, gateway.Visitor{Device: r.v.Device})
			if err != nil {
				return err
			}
			session, p, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: r.v.Device})
			if page.Device != want || p.Passed != want || want && err != nil || !want && !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("page says %v, entered %v, %v", page.Device, p.Passed, err)
			}
			if !want {
				return nil
			}
			_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
			return err
		})
	}
	enters(true)
	for _, pin := range []string{"contact", "standing", "other_channel", "sender"} {
		r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN = pin })
		enters(false)
	}
	r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN = "same_channel" })
	enters(true)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		return f.Report(ctx, r.secret, gateway.Visitor{}, gateway.NotForMe)
	})
	enters(false)
	other := &visiting{to: "t@secure.example"}
	other.secret, _ = w.secured(t, kv, other.to)
	r.secret = other.secret // of another person
	enters(false)
}

// TestRestoredBackupForgetsDevices that were revoked after it.
func TestRestoredBackupForgetsDevices(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Device, err = f.Remember(ctx, r.secret, r.v)
		return err
	})
	backup := kv.Copy()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		if err := f.Report(ctx, r.secret, gateway.Visitor{}, gateway.NotForMe); err != nil {
			return err
		}
		_, err := operation(ctx, f, "contact.revoke", url.Values{"name": {r.to}}, "")
		return err
	})
	w.must(t, backup, func(ctx context.Context, f *Flow) error {
		done, err := f.Replay(ctx, func(visit func(seal.Entry) error) error { _, err := w.keys.Journal().Replay(visit); return err })
		if err != nil || done.Revoked != 1 || done.Frozen != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		if _, err := f.Open(ctx, r.secret, r.v, -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("a reported link opens: %v", err)
		}
		_, page, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
		if page.State != gateway.LinkFrozen || page.SelfThaw {
			t.Errorf("%+v", page)
		}
		return err
	})
}

// TestReportTellsOnce and thaws by staff only.
func TestReportTellsOnce(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured(withOther)(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		for _, c := range []gateway.Concern{gateway.Suspicious, gateway.Suspicious, gateway.NotForMe, gateway.NotForMe} {
			if err := f.Report(ctx, r.secret, gateway.Visitor{}, c); err != nil {
				return err
			}
			page, _ := f.Visit(ctx, r.secret, gateway.Visitor{})
			if (page.State == gateway.LinkFrozen) != (c == gateway.NotForMe) || page.SelfThaw {
				t.Errorf("%s: %+v", c, page)
			}
		}
		deliverAll(ctx, f, time.Minute)
		if err := f.Report(ctx, r.secret, gateway.Visitor{}, "boring"); err == nil {
			t.Error("reported a concern that there is not")
		}
		_, err := operation(ctx, f, "link.thaw", url.Values{"id": {seal.LinkID(r.secret).String()}}, "")
		return err
	})
	told := w.hop.mail("ann@clinic.example")
	if len(told) != 2 || strings.Contains(strings.Join(told, ""), "ebrafinch") || !strings.Contains(told[0], "In-Reply-To: <original@clinic.example>") {
		t.Errorf("told %q", told)
	}
	if _, page := r.link(t, w, kv); page.State != gateway.LinkActive {
		t.Errorf("after a thaw by staff: %+v", page)
	}
}

// TestRenewal: an expired link works again by a code while its message exists,
// not by a PIN that stands; one that was taken back never does.
func TestRenewal(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured(withPIN)(t, w, kv)
	expired := func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) }
	r.change(t, w, kv, expired)
	l, page := r.link(t, w, kv)
	if page.State != gateway.LinkExpired || !page.Renewable || !page.CodeAllowed || page.PIN != gateway.PINNone {
		t.Fatalf("%+v", page)
	}
	r.opens(t, w, kv, "739154", false)
	if _, page := r.link(t, w, kv); page.State != gateway.LinkExpired {
		t.Fatal("a PIN renews")
	}
	r.renews(t, w, kv, time.Minute)
	if renewed, page := r.link(t, w, kv); page.State != gateway.LinkActive || renewed.Expires.Sub(l.Created) < 29*24*time.Hour || renewed.Expires.Sub(l.Created) > 31*24*time.Hour {
		t.Errorf("%+v until %v", page, renewed.Expires)
	}
	r.change(t, w, kv, func(l *gateway.Link) { expired(l); l.Options.Expires = time.Hour })
	r.renews(t, w, kv, 10*time.Minute)
	if renewed, _ := r.link(t, w, kv); renewed.Expires.Sub(l.Created) > 2*time.Hour {
		t.Errorf("a rule's span grew: %v", renewed.Expires)
	}
	r.change(t, w, kv, expired)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := operation(ctx, f, "message.recall", url.Values{"id": {l.Envelope.Message.String()}}, "")
		return err
	})
	if _, page := r.link(t, w, kv); page.State != gateway.LinkRecalled || page.Renewable || page.CodeAllowed {
		t.Errorf("recalled: %+v", page)
	}
	r.opens(t, w, kv, "739154", false)
}

// renews fails unless a code opens their link, some time after the world began.
func (r *visiting) renews(t *testing.T, w *world, kv store.Store, after time.Duration) {
	t.Helper()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(after)
		r.renewed(ctx, t, w, f)
		return nil
	})
}

// renewed fails unless a code opens their link, and returns its page then.
func (r *visiting) renewed(ctx context.Context, t *testing.T, w *world, f *Flow) gateway.LinkPage {
	t.Helper()
	session, _, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(ctx, f, 10*time.Second)
	mails := w.hop.mail(r.to)
	_, p, err := f.Prove(ctx, r.secret, gateway.Visitor{Session: session}, codeIn(mails[len(mails)-1]))
	if err != nil || !p.Passed || p.Page.State != gateway.LinkActive {
		t.Fatalf("not renewed: %+v, %v", p, err)
	}
	return p.Page
}

// TestWhatRenews: the PIN that a sender set makes its link work again, there is
// no code for it; where a rule wants a PIN that stands and there is no other
// channel, nothing does, and the page says so.
func TestWhatRenews(t *testing.T) {
	for pin, want := range map[string]bool{"sender": true, "contact": false} {
		w, kv, r := newWorld(t), emptyStore(), new(visiting)
		r.secured(withPIN)(t, w, kv)
		var hashed *gateway.Hashed
		w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
			hashed, err = f.People.HashPIN(ctx, "739154")
			return err
		})
		r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN, l.PIN = pin, hashed })
		if _, page := r.link(t, w, kv); page.PIN == gateway.PINNone {
			t.Errorf("%s: %+v", pin, page)
		}
		r.change(t, w, kv, func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) })
		if _, page := r.link(t, w, kv); page.State != gateway.LinkExpired || page.Renewable != want || page.CodeAllowed || (page.PIN != gateway.PINNone) != want {
			t.Errorf("%s, expired: %+v", pin, page)
		}
		r.opens(t, w, kv, "739154", want)
	}
}

// TestRenewalEndsWithRetention.
func TestRenewalEndsWithRetention(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured(withPIN)(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(100 * 24 * time.Hour)
		r.renewed(ctx, t, w, f)
		time.Sleep(70 * 24 * time.Hour)
		if page := r.renewed(ctx, t, w, f); !page.Expires.Before(f.Now().Add(12 * 24 * time.Hour)) {
			t.Errorf("%+v", page)
		}
		time.Sleep(15 * 24 * time.Hour)
		page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
		if page.State != gateway.LinkExpired || page.Renewable {
			t.Errorf("%+v", page)
		}
		return err
	})
}

// TestPlantedSession: a session that somebody else knows proves nothing after
// the proof.
func TestPlantedSession(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Session, err = f.Proof.NewSession(ctx) // planted
		return err
	})
	planted := r.v
	r.asked(t, w, kv, r.to)
	if r.v != planted {
		t.Fatal("the session that asks for a code is another")
	}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		session, p, err := f.Prove(ctx, r.secret, planted, r.code)
		if err != nil || !p.Passed || session == planted.Session {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := f.Open(ctx, r.secret, planted, -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("the planted session reads: %v", err)
		}
		_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
		return err
	})
}

// TestHundredSessionsOnOneLink prove by PIN, enter by device and read at once:
// all come in, and the first opening is one.
func TestHundredSessionsOnOneLink(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		device, err := f.Remember(ctx, r.secret, r.v)
		if err != nil {
			return err
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				session, _, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: device})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return nil
	})
	w.sound(t, kv)
}

// TestCodeAgainstCode: two devices with codes of their own prove at once, and
// each has its own session.
func TestCodeAgainstCode(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	one, two := new(visiting), new(visiting)
	one.secured("")(t, w, kv)
	one.asked(t, w, kv, one.to)
	two.to, two.secret = one.to, one.secret
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(2 * time.Minute)
		var err error
		two.v.Session, _, err = f.SendCode(ctx, two.secret, two.v)
		deliverAll(ctx, f, 10*time.Second)
		mails := w.hop.mail(two.to)
		two.code = codeIn(mails[len(mails)-1])
		if err != nil {
			return err
		}
		sessions := make([]string, 6)
		var all sync.WaitGroup
		for i := range sessions {
			r := []*visiting{one, two}[i%2]
			all.Go(func() {
				session, p, err := f.Prove(ctx, r.secret, r.v, r.code)
				if err != nil || !p.Passed && p.Reason != gateway.ProofClosed {
					t.Errorf("%d: %+v, %v", i, p, err)
				}
				if p.Passed {
					sessions[i] = session
				}
			})
		}
		all.Wait()
		known := map[string]bool{}
		for _, s := range sessions {
			if s != "" && known[s] {
				t.Error("one session for two proofs")
			}
			known[s] = true
		}
		return nil
	})
	w.sound(t, kv)
}

func TestDeviceLabel(t *testing.T) {
	for agent, want := range map[string]string{
		"": "Browser", "curl/8.0": "Browser", "<script>alert(1)</script>": "Browser",
		"Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0":                                                                    "Firefox, Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari, iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":           "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":                   "Chrome, macOS",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36":        "Samsung Internet, Android",
	} {
		if got := deviceLabel(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func FuzzDeviceLabel(f *testing.F) {
	f.Add("Mozilla/5.0 (Windows NT 10.0) Firefox/132.0")
	f.Fuzz(func(t *testing.T, agent string) {
		if label := deviceLabel(agent); len(label) > 30 || strings.ContainsAny(label, "<>&\"\r\n") {
			t.Errorf("%q", label)
		}
	})
}
