package flow

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// staffReply is what a staff member's client makes of an answer from a
// capability, with what mail servers inside put on top.
func staffReply(to string) string {
	return "Received: from pc17.ward3.clinic.example ([10.1.2.3])\r\n\tby mail.clinic.example; Sat, 01 Jan 2000 00:00:00 +0000\r\n" +
		"X-Ward: zebrafinch ward\r\nFrom: Ann <ann@clinic.example>\r\nTo: \"Jane (s@secure.example) via Secure\" <" + to + ">\r\nCc: Bob <bob@clinic.example>, root@srv1.clinic.example\r\n" +
		"Subject: Re: " + secretSubject + "\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\nMessage-ID: <turn@pc17.ward3.clinic.example>\r\n\r\nthe zebrafinch says no\r\n"
}

// opened is what the link of a secured envelope opens.
func opened(ctx context.Context, t *testing.T, w *world, f *Flow, to string) string {
	t.Helper()
	secret := linkIn(t, w.hop.mail(to)[len(w.hop.mail(to))-1])
	link, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(seal.LinkID(secret)))
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(link.Envelope.Message))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := f.Blobs.Open(ctx, m.Body.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	c, err := w.keys.Opener().Correspondent(link.Wrap, m.ID, secret, sealed, sealed.Size())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil || c.Size() != m.Body.Size {
		t.Fatal(err)
	}
	return string(raw)
}

// A reply of staff to a capability is the next secured message, whatever the
// policy says, and tells nothing of the inside.
func TestStaffTurn(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		kv := emptyStore()
		w.secured(t, kv, "s@secure.example")
		to := replyTo(w.hop.mail("s@secure.example")[0])
		w.hop.forget()
		w.mode = mode
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			id, err := handIn(ctx, f, submissionTo(to), staffReply(to))
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			got := opened(ctx, t, w, f, "s@secure.example")
			want := "From: \"Ann\" <ann@clinic.example>\r\nTo: <s@secure.example>\r\nCc: \"Bob\" <bob@clinic.example>\r\nSubject: Re: " + secretSubject +
				"\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\n\r\nthe zebrafinch says no\r\n"
			if got != want {
				t.Errorf("%s: the correspondent reads %q", mode, got)
			}
			m, err := f.message(ctx, id)
			if err != nil {
				return err
			}
			th, err := f.Threads.Get(ctx, m.Thread)
			if len(th.Everybody()) != 2 || th.Everybody()[1].Wire() != "bob@clinic.example" {
				t.Errorf("%s: %d take part", mode, len(th.Everybody()))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		notice := w.hop.mail("s@secure.example")
		if len(notice) != 1 || strings.Contains(notice[0], "ebrafinch") || strings.Contains(notice[0], to) || len(w.hop.mail(to)) != 0 {
			t.Errorf("%s: left %q", mode, notice)
		}
		w.sound(t, kv)
	}
}

// Whom the same mail passes to gets it octet for octet.
func TestStaffTurnBesideOthers(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.mode = gateway.Observe // the policy's rule for threads would secure it
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := handIn(ctx, f, submissionTo("p@pass.example", to), staffReply(to))
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.hop.mail("p@pass.example"); len(got) != 1 || !strings.HasSuffix(got[0], "\r\n"+staffReply(to)) {
		t.Errorf("passed %q", got)
	}
	w.nothingReadable(t, "s@secure.example")
	w.sound(t, kv)
}

// Policy may hold a turn; let go, it is secured all the same.
func TestHeldStaffTurn(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.acceptInto(t, kv, submissionTo("b@both.example"), "From: Ann <ann@clinic.example>\r\nSubject: [secure] hello\r\nMessage-ID: <1@clinic.example>\r\n\r\nhello\r\n")
	release := func(state gateway.State) {
		t.Helper()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			var id string
			err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
				if e.State == gateway.Held {
					id = e.ID.String()
				}
			})
			if err != nil {
				return err
			}
			_, err = operation(ctx, f, "held.release", map[string][]string{"id": {id}, "reason": {"fine"}}, "")
			deliverAll(ctx, f, time.Minute)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	release(gateway.Delivered)
	to := replyTo(w.hop.mail("b@both.example")[0])
	w.hop.forget()
	w.acceptInto(t, kv, submissionTo(to), staffReply(to))
	release(gateway.Delivered)
	if got := w.hop.mail("b@both.example"); len(got) != 1 || !strings.Contains(got[0], "/m/") {
		t.Errorf("left %q", got)
	}
	w.nothingReadable(t, "b@both.example")
	w.sound(t, kv)
}

// The notice of a turn that comes back becomes a report to who wrote the turn;
// it quotes nothing of it.
func TestBounceOfAStaffTurn(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := submissionTo(to)
		s.From = gateway.MustAddress("bob@clinic.example")
		if _, err := handIn(ctx, f, s, strings.Replace(staffReply(to), "Ann <ann@", "Bob <bob@", 1)); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		_, err := handIn(ctx, f, stranger("", w.hop.from["s@secure.example"]), testBounce+secretBody)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	report := w.hop.mail("bob@clinic.example")
	if err != nil || len(report) != 1 || !strings.Contains(report[0], "s@secure.example") || strings.Contains(report[0], "ebrafinch") {
		t.Errorf("%v: %q", err, report)
	}
	if len(w.hop.mail("ann@clinic.example")) != 0 {
		t.Error("somebody else was told")
	}
}

// What is not ASCII arrives as it was sent.
func TestAnswerInEightBits(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := stranger("s@secure.example", to)
		s.EightBit = true
		_, err := handIn(ctx, f, s, answering(to, "1", "Content-Transfer-Encoding: 8bit")+"d\u00e4nke\r\n")
		deliverAll(ctx, f, time.Minute)
		return err
	})
	mails := w.hop.mail("ann@clinic.example")
	if err != nil || len(mails) != 1 || !strings.HasSuffix(mails[0], "zebrafinch\r\nd\u00e4nke\r\n") || !w.hop.eightBit["ann@clinic.example"] {
		t.Errorf("%v: %q", err, mails)
	}
}

// Who is not staff makes no turn of it: a trusted server that hands on what a
// stranger wrote, and a forged sender from outside.
func TestNoStaffTurn(t *testing.T) {
	for name, change := range map[string]func(*gateway.Submission, *string){
		"forged from outside":        func(s *gateway.Submission, _ *string) { s.Peer.Listener, s.Peer.Trusted = "inbound", false },
		"trusted on the inbound one": func(s *gateway.Submission, _ *string) { s.Peer.Listener = "inbound" },
		"foreign MAIL FROM":          func(s *gateway.Submission, _ *string) { s.From = gateway.MustAddress("x@out.example") },
		"foreign From": func(_ *gateway.Submission, raw *string) {
			*raw = strings.Replace(*raw, "<ann@clinic.example>", "<x@out.example>", 1)
		},
		"one foreign From": func(_ *gateway.Submission, raw *string) {
			*raw = strings.Replace(*raw, "Ann <ann@clinic.example>", "ann@clinic.example, x@out.example", 1)
		},
	} {
		w := newWorld(t)
		kv := emptyStore()
		w.secured(t, kv, "s@secure.example")
		to := replyTo(w.hop.mail("s@secure.example")[0])
		w.hop.forget()
		s, raw := submissionTo(to), staffReply(to)
		change(&s, &raw)
		_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
			_, err := handIn(ctx, f, s, raw)
			deliverAll(ctx, f, time.Minute)
			return err
		})
		if got := w.hop.mail("s@secure.example"); len(got) != 0 {
			t.Errorf("%s: the correspondent got %q", name, got)
		}
	}
}

// An account hands in what it writes itself: where nobody has compared From
// with it yet, a colleague's name is refused, and its own makes a turn.
func TestTurnUnderABorrowedName(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		hire(ctx, t, f, "bob@clinic.example")
		s := submissionTo(to)
		s.Peer.Trusted, s.Peer.Account, s.Since = false, "bob@clinic.example", f.Now()
		if _, err := handIn(ctx, f, s, staffReply(to)); !errors.Is(err, faultSender) {
			t.Errorf("answered %v", err)
		}
		both := strings.Replace(staffReply(to), "Ann <ann@", "bob@clinic.example, Ann <ann@", 1)
		if _, err := handIn(ctx, f, s, both); !errors.Is(err, faultSender) {
			t.Errorf("beside a colleague: %v", err)
		}
		deliverAll(ctx, f, time.Minute)
		if got := w.hop.mail("s@secure.example"); len(got) != 0 {
			t.Errorf("the correspondent got %q", got)
		}
		_, err := handIn(ctx, f, s, strings.Replace(staffReply(to), "Ann <ann@", "Bob <bob@", 1))
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if got := w.hop.mail("s@secure.example"); err != nil || len(got) != 1 {
		t.Errorf("under its own name: %v, the correspondent got %q", err, got)
	}
	w.sound(t, kv)
}

// handingOn is a world whose trusted peers hand on mail from the world.
func handingOn(w *world, act func(ctx context.Context, f *Flow) error) func(context.Context, *Flow) error {
	return func(ctx context.Context, f *Flow) error {
		set := w.settings()
		set.HandsOn = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		f.Configure(set, testJudge())
		return act(ctx, f)
	}
}

// What a server hands on from the world is no turn of staff, whoever it says
// wrote it; the signature of a correspondent counts as ever, and who has
// authenticated there writes.
func TestTurnThroughAServerThatHandsOn(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, handingOn(w, func(ctx context.Context, f *Flow) error {
		id, err := handIn(ctx, f, submissionTo(to), staffReply(to))
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
		if err != nil || e.State != gateway.Held || len(w.hop.mail("s@secure.example")) != 0 {
			t.Errorf("%v: %s, the correspondent got %q", err, e.State, w.hop.mail("s@secure.example"))
		}
		s := submissionTo(to)
		s.From = gateway.MustAddress("s@secure.example")
		if _, err := handIn(ctx, f, s, answering(to, "1")); err != nil {
			return err
		}
		hire(ctx, t, f, "ann@clinic.example")
		s = submissionTo(to)
		s.Peer.Account, s.Since = "ann@clinic.example", f.Now()
		_, err = handIn(ctx, f, s, strings.Replace(staffReply(to), "<turn@", "<own@", 1))
		deliverAll(ctx, f, time.Minute)
		return err
	}))
	if n := countIn(w.hop.mail("ann@clinic.example"), "thank you"); err != nil || n != 1 || len(w.hop.mail("s@secure.example")) != 1 {
		t.Errorf("%v: attached %d times, the correspondent got %q", err, n, w.hop.mail("s@secure.example"))
	}
	w.sound(t, kv)
}

// Two that answer everything by themselves, one inside and one outside, and
// Gatepost between them fall silent after one round.
func TestAutomaticRepliesEnd(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		to := replyTo(w.hop.mail("s@secure.example")[0])
		for id, signed := range map[string]string{"1": "secure.example", "2": "none"} { // one answer, and a notice of one that is held
			if _, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, id, "X-Signed: "+signed)); err != nil {
				return err
			}
		}
		deliverAll(ctx, f, time.Minute)
		if n := len(w.hop.mail("ann@clinic.example")); n != 2 {
			t.Errorf("staff got %d mails", n)
		}
		answered := map[string]int{}
		for round := range 6 {
			quiet := true
			for _, who := range []string{"s@secure.example", "ann@clinic.example"} {
				mails := w.hop.mail(who)
				for _, raw := range mails[answered[who]:] {
					quiet = false
					for _, to := range []string{replyTo(raw), senderOf(raw), w.hop.from[who]} {
						for _, from := range []string{"", who} { // RFC 3834 section 3.3 wants the null sender; not everyone listens
							away(ctx, t, f, from, who, to)
						}
					}
				}
				answered[who] = len(mails)
			}
			deliverAll(ctx, f, time.Minute)
			if quiet {
				if round > 1 {
					t.Errorf("silence in round %d", round+1)
				}
				return nil
			}
		}
		t.Errorf("no end: %d and %d mails", len(w.hop.mail("s@secure.example")), len(w.hop.mail("ann@clinic.example")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := envelopes(t, w, kv)["s@secure.example"]; e.State != gateway.Delivered {
		t.Errorf("an out-of-office reply made the message %s", e.State)
	}
	w.sound(t, kv)
}

// senderOf is the address of From.
func senderOf(raw string) string {
	_, after, _ := strings.Cut(raw, "\r\nFrom: ")
	line, _, _ := strings.Cut(after, "\r\nTo:")
	_, address, _ := strings.Cut(line, "<")
	address, _, _ = strings.Cut(address, ">")
	return address
}

// away hands in an out-of-office reply, as the world does and as a server of
// the organization does.
func away(ctx context.Context, t *testing.T, f *Flow, mailFrom, who, to string) {
	t.Helper()
	if to == "" {
		return
	}
	for _, listener := range []string{"inbound", "relay"} {
		s := stranger(mailFrom, to)
		s.Peer.Listener, s.Peer.Trusted = listener, listener == "relay"
		if listener == "relay" && !strings.HasSuffix(to, "@reply.clinic.example") {
			continue // its own business
		}
		raw := "From: " + who + "\r\nTo: " + to + "\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <" + listener + "@x.example>\r\n\r\nI am away. Call 555 1234 or 450 5.1.1 for what is urgent.\r\n"
		if _, err := handIn(ctx, f, s, raw); err != nil && codeOf(err) != 550 {
			t.Errorf("an automatic reply to %s: %v", to, err)
		}
	}
}
