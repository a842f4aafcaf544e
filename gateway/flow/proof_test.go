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
		f.force.Store(&inForce{settings: &Settings{DefaultPIN: c.standard}})
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
