package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// signatures is a verifier that believes what a mail says of itself: each
// X-Signed names a domain, and the result when it is not pass.
type signatures struct{}

func (signatures) Verify(_ context.Context, raw []byte, peer mailauth.Peer) gateway.Authentication {
	r := mailmsg.Read(raw)
	a := gateway.Authentication{SPF: gateway.AuthNone, DMARC: gateway.AuthNone, SPFDomain: peer.From.Domain()}
	if len(r.From) == 1 {
		a.Domain = r.From[0].Domain()
	}
	for _, f := range r.Fields {
		value := strings.Fields(f.Value.Reveal())
		switch {
		case f.Name == "X-Policy":
			a.DMARC, a.Policy = gateway.AuthFail, value[0]
		case f.Name == "X-Signed":
			s := gateway.Signature{
				Domain: value[0], Algorithm: "rsa-sha256", Result: gateway.AuthPass, Aligned: value[0] == a.Domain, Bits: 2048,
				Covered: []string{"from", "to", "cc", "date", "subject", "message-id"}, Hash: []byte(r.MessageID + value[0]),
			}
			if len(value) > 1 {
				s.Result = gateway.AuthResult(value[1])
			}
			a.Signatures = append(a.Signatures, s)
		}
	}
	return a
}

// answering is a mail of s@secure.example to a capability; changes replace one
// line each, "Name: value".
func answering(to string, id string, changes ...string) string {
	fields := []string{
		"From: S <s@secure.example>", "To: Ann <" + to + ">", "Subject: Re: your message", "Date: Sat, 01 Jan 2000 00:00:00 +0000",
		"Message-ID: <" + id + "@secure.example>", "X-Signed: secure.example", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
	}
	for _, c := range changes {
		name, _, _ := strings.Cut(c, ":")
		for i, f := range fields {
			if strings.HasPrefix(f, name+":") {
				fields[i] = c
				c = ""
			}
		}
		if c != "" {
			fields = append(fields, c)
		}
	}
	text := strings.Join(fields, "\r\n") + "\r\n\r\nthank you, says the zebrafinch\r\n"
	return strings.ReplaceAll(text, "\r\nX-Signed: none", "")
}

// handIn goes through RCPT and DATA as smtpd does.
func handIn(ctx context.Context, f *Flow, s gateway.Submission, raw string) (gateway.MessageID, error) {
	all := s.Recipients
	s.Recipients = nil
	for _, r := range all {
		if err := f.Recipient(ctx, &s, r); err != nil {
			return gateway.MessageID{}, err
		}
		s.Recipients = append(s.Recipients, r)
	}
	return accept(ctx, f, s, raw)
}

// Every place of the table, from RCPT to what staff and operators see.
func TestAnswersByMail(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []string
		code    int    // of the answer, 250 when taken
		held    string // reason that held list shows; "" when nothing is held
	}{
		{"signed", nil, 250, ""},
		{"unsigned", []string{"X-Signed: none"}, 250, "unsigned"},
		{"forged", []string{"From: s@secure.example", "X-Signed: evil.example"}, 250, "other_domain"},
		{"somebody else", []string{"From: x@secure.example"}, 250, "not_participant"},
		{"broken", []string{"X-Signed: secure.example fail"}, 250, "invalid"},
		{"old", []string{"Date: Mon, 01 Feb 1999 10:00:00 +0000"}, 250, "old"},
		{"DNS", []string{"X-Signed: secure.example temperror"}, 451, ""},
		{"two authors", []string{"From: s@secure.example, x@out.example"}, 550, ""},
		{"refused by its domain", []string{"X-Signed: none", "X-Policy: reject"}, 550, ""},
		{"not to the address", []string{"To: ann@clinic.example"}, 250, "not_addressed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			kv := emptyStore()
			w.secured(t, kv, "s@secure.example")
			to := replyTo(w.hop.mail("s@secure.example")[0])
			w.hop.forget()
			var list string
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				id, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1", c.changes...))
				deliverAll(ctx, f, time.Minute)
				list, _ = operation(ctx, f, "held.list", nil, "")
				if c.held == "" {
					return err
				}
				show, _ := operation(ctx, f, "held.show", url.Values{"id": {id.String() + ".0"}}, "")
				if !strings.Contains(show, `"authentication":"gate.clinic.example; dkim=`) {
					t.Errorf("held show: %s", show)
				}
				return err
			})
			if code := codeOf(err); code != c.code {
				t.Fatalf("answered %d (%v)", code, err)
			}
			mails := w.hop.mail("ann@clinic.example")
			attached := len(mails) == 1 && strings.Contains(mails[0], "thank you, says the zebrafinch")
			if attached != (c.code == 250 && c.held == "") {
				t.Errorf("staff got %q", mails)
			}
			if (c.held != "") != strings.Contains(list, `"quarantine"`) || !strings.Contains(list, c.held) {
				t.Errorf("held: %s", list)
			}
			if told := len(mails) == 1 && strings.Contains(mails[0], "was held back"); c.held != "" && (!told || strings.Contains(mails[0], "ebrafinch")) {
				t.Errorf("staff is told %q", mails)
			}
			if len(w.hop.mail("s@secure.example")) != 0 {
				t.Error("an answer was answered")
			}
			w.sound(t, kv)
		})
	}
}

func codeOf(err error) int {
	if err == nil {
		return 250
	}
	return gateway.FaultOf(err).Code
}

// What staff get of an answer: it stands under their own mail, says what was
// verified, and comes from an address that leads back.
func TestAttachedAnswer(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	_, id := w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	var story string
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		got, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1"))
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		if story, err = operation(ctx, f, "audit.show", url.Values{"id": {got.String()}}, ""); err != nil {
			return err
		}
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
		if err == nil && e.Answered.IsZero() {
			t.Error("the message does not know that it was answered")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mail := w.hop.mail("ann@clinic.example")[0]
	for _, want := range []string{
		"In-Reply-To: <original@clinic.example>", "Authentication-Results: gate.clinic.example; dkim=pass", "Subject: Re: " + secretSubject,
		"From: \"s@secure.example via Secure\"\r\n <r.", "\r\n\r\nthank you, says the zebrafinch\r\n",
	} {
		if !strings.Contains(mail, want) {
			t.Errorf("%q is not in\n%s", want, mail)
		}
	}
	for _, foreign := range []string{"X-Signed", "@secure.example>\r\nTo", "1@secure.example"} {
		if strings.Contains(mail, foreign) {
			t.Errorf("%q is in\n%s", foreign, mail)
		}
	}
	if !strings.Contains(story, `"answer.verified"`) || !strings.Contains(story, `"place":"attach"`) || strings.Contains(story, "zebrafinch") {
		t.Errorf("evidence: %s", story)
	}
}

// The same mail again is no answer, and its copy to another participant's
// address is the same one.
func TestReplayedAnswer(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.acceptInto(t, kv, submissionTo("s@secure.example", "b@secure.example"), testMail)
	w.settle(t, kv)
	to, other := replyTo(w.hop.mail("s@secure.example")[0]), replyTo(w.hop.mail("b@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		raw := answering(to+">, <"+other, "1")
		for i, target := range []string{to, to, other} {
			if _, err := handIn(ctx, f, stranger("s@secure.example", target), raw); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			list, err := operation(ctx, f, "held.list", nil, "")
			if err != nil || strings.Count(list, "replayed") != min(i, 1) {
				t.Errorf("after %d: %v, held %s", i+1, err, list)
			}
		}
		n := 0
		for _, raw := range w.hop.mail("ann@clinic.example") {
			n += strings.Count(raw, "thank you")
		}
		if n != 1 {
			t.Errorf("it was attached %d times", n)
		}
		time.Sleep(31 * 24 * time.Hour)
		if n, err := f.forgetSeen(ctx); err != nil || n < 2 {
			t.Errorf("%d forgotten, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// An answer that a person lets in is marked, and is no word of the
// correspondent's in their own conversation.
func TestReleasedAnswer(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id, err := handIn(ctx, f, stranger("x@evil.example", to), answering(to, "1", "X-Signed: none", "From: \"Ann <ann@clinic.example>\" <x@evil.example>"))
		if err != nil {
			return err
		}
		held := url.Values{"id": {id.String() + ".0"}, "reason": {"she called"}}
		if _, err := operation(ctx, f, "held.release", held, ""); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		if _, err := operation(ctx, f, "held.release", held, ""); err == nil {
			t.Error("released twice")
		}
		return each(ctx, f.Store, store.Prefix(store.ThreadPart), func(turn *struct{ Mine bool }) {
			if turn.Mine {
				t.Error("it stands in the conversation as the correspondent's")
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	mails := w.hop.mail("ann@clinic.example")
	all := strings.Join(mails, "")
	if len(mails) != 2 || !strings.Contains(all, "x@evil.example via Secure, not verified") || !strings.Contains(all, "dkim=none") || !strings.Contains(all, "thank you") {
		t.Errorf("staff got %q", mails)
	}
	if e := envelopes(t, w, kv)[to]; e.State != gateway.Recorded || e.Review.Reveal() != "she called" {
		t.Errorf("%+v", e)
	}
	w.sound(t, kv)
}

// A refused answer is told to nobody.
func TestRefusedAnswer(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := stranger("x@evil.example", to)
		s.Peer.Listener, s.Peer.Trusted = "relay", true // a server of ours hands it on
		id, err := handIn(ctx, f, s, answering(to, "1", "X-Signed: none"))
		if err != nil {
			return err
		}
		_, err = operation(ctx, f, "held.refuse", url.Values{"id": {id.String() + ".0"}, "reason": {"spam"}}, "")
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil || len(w.hop.mail("x@evil.example")) != 0 {
		t.Errorf("%v, told %q", err, w.hop.mail("x@evil.example"))
	}
}

// One flood of forged answers is one notice an hour.
func TestFloodOfForgedAnswers(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for i := range 20 {
			if _, err := handIn(ctx, f, stranger("x@evil.example", to), answering(to, strings.Repeat("x", i+1), "X-Signed: none")); err != nil {
				return err
			}
		}
		deliverAll(ctx, f, time.Minute)
		if n := len(w.hop.mail("ann@clinic.example")); n != 1 {
			t.Errorf("%d notices", n)
		}
		time.Sleep(heldNoticeEvery)
		_, err := handIn(ctx, f, stranger("x@evil.example", to), answering(to, "later", "X-Signed: none"))
		deliverAll(ctx, f, time.Minute)
		if n := len(w.hop.mail("ann@clinic.example")); n != 2 {
			t.Errorf("%d notices after an hour", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What waits of a conversation is bounded in number and octets, until a person
// decides; those who send it become no persons, and an answer gets through.
func TestMuchHeldMailIsDeferred(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		forged := func(i int, more string) (gateway.MessageID, error) {
			from := fmt.Sprintf("x%d@evil%d.example", i, i)
			return handIn(ctx, f, stranger(from, to), answering(to, fmt.Sprint("f", i), "X-Signed: none", "From: "+from)+more)
		}
		known := count(ctx, t, f, store.People)
		var first gateway.MessageID
		for i := range maxWaiting {
			id, err := forged(i, "")
			if err != nil {
				return fmt.Errorf("mail %d: %w", i, err)
			}
			if i == 0 {
				first = id
			}
		}
		if _, err := forged(maxWaiting, ""); codeOf(err) != 452 {
			t.Errorf("one more is answered %v", err)
		}
		if n := count(ctx, t, f, store.People); n != known {
			t.Errorf("%d senders became persons", n-known)
		}
		if _, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1")); err != nil {
			t.Errorf("an answer: %v", err)
		}
		if _, err := operation(ctx, f, "held.refuse", url.Values{"id": {first.String() + ".0"}, "reason": {"spam"}}, ""); err != nil {
			return err
		}
		if _, err := forged(maxWaiting, ""); err != nil {
			t.Errorf("after a decision: %v", err)
		}
		if _, err := forged(maxWaiting+1, ""); codeOf(err) != 452 {
			t.Errorf("again one more is answered %v", err)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if n := countIn(w.hop.mail("ann@clinic.example"), "thank you"); err != nil || n != 1 {
		t.Errorf("%v: attached %d times", err, n)
	}
	w.sound(t, kv)
}

// A few large mails are as much as many.
func TestLargeHeldMailIsDeferred(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		stage := func(n uint32, size int64) error {
			var b store.Batch
			id := gateway.EnvelopeID{N: n}
			if err := f.stageForReview(ctx, &b, gateway.ThreadID{1}, waiting{id, size}); err != nil {
				return err
			}
			if err := b.PutRecord(envelopeKey(id), gateway.Envelope{ID: id, State: gateway.Held}); err != nil {
				return err
			}
			return store.Write(ctx, f.Store, &b)
		}
		for n := range uint32(4) {
			if err := stage(n, maxWaitingOctets/4); err != nil {
				return err
			}
		}
		if err := stage(4, 1); !errors.Is(err, faultWaiting) {
			t.Errorf("one octet more: %v", err)
		}
		amend(ctx, t, f, envelopeKey(gateway.EnvelopeID{N: 2}), func(e *gateway.Envelope) { e.State = gateway.Dropped })
		if err := stage(4, maxWaitingOctets/4); err != nil {
			t.Errorf("in place of one that is decided: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(ctx context.Context, t *testing.T, f *Flow, table store.Table) (n int) {
	t.Helper()
	if err := f.Store.Scan(ctx, store.Prefix(table), func(store.Item) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// An automatic reply is taken note of, and its words are not kept.
func TestAutomaticReplyKeepsNoBody(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		bodies := count(ctx, t, f, store.Bodies)
		id, err := handIn(ctx, f, stranger("x@evil.example", to), answering(to, "1", "Auto-Submitted: auto-replied"))
		if err != nil {
			return err
		}
		m, err := f.message(ctx, id)
		if err == nil && (m.Body.Blob != "" || !m.Staff.IsZero() || count(ctx, t, f, store.Bodies) != bodies) {
			t.Errorf("kept: %+v", m.Body)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// A transaction has one conversation; the next one has the other.
func TestOneConversationATransaction(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	one := replyTo(w.hop.mail("s@secure.example")[0])
	w.hop.forget()
	w.acceptInto(t, kv, submissionTo("s@secure.example"), strings.Replace(testMail, "original@", "another@", 1))
	w.settle(t, kv)
	two := replyTo(w.hop.mail("s@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := stranger("s@secure.example", one)
		return f.Recipient(ctx, &s, gateway.Recipient{Address: gateway.MustAddress(two)})
	})
	if codeOf(err) != 452 {
		t.Errorf("answered %v", err)
	}
}

// What is left of nothing is answered with whom to write to.
func TestDeadCapability(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := stranger("s@secure.example", to)
		if err := f.Recipient(ctx, &s, s.Recipients[0]); err != nil {
			return err
		}
		time.Sleep(w.settings().Retain + 48*time.Hour)
		return f.Recipient(ctx, &s, s.Recipients[0])
	})
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Code != 550 || !strings.Contains(fault.Text, "ann@clinic.example") {
		t.Errorf("answered %v", err)
	}
}

// A thousand guesses find nothing.
func TestGuessesFindNothing(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for i := range 1000 {
			token := make([]byte, 26)
			for k := range token {
				token[k] = "abcdefghijklmnopqrstuvwxyz234567"[(i*31+k*k*7+i*k)%32]
			}
			s := stranger("s@secure.example", "r."+string(token)+"@reply.clinic.example")
			if err := f.Recipient(ctx, &s, s.Recipients[0]); codeOf(err) != 550 {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		return nil
	})
}

// The same answer over many connections at once is one answer.
func TestRaceOfOneAnswer(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	to := replyTo(w.hop.mail("s@secure.example")[0])
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		var all errgroup.Group
		for range 8 {
			all.Go(func() error {
				_, err := handIn(ctx, f, stranger("s@secure.example", to), answering(to, "1"))
				if code := codeOf(err); code != 250 && code != 451 {
					return err
				}
				return nil
			})
		}
		err := all.Wait()
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if n := countIn(w.hop.mail("ann@clinic.example"), "thank you"); err != nil || n != 1 {
		t.Errorf("%v: attached %d times", err, n)
	}
	w.sound(t, kv)
}

// A server of ours that hands on what the world sent: the signature counts, and
// SPF, which would speak of that server, refuses nothing.
func TestAnswerHandedOnByAServerOfOurs(t *testing.T) {
	for _, c := range []struct {
		signed, policy string
		attached       bool
	}{{"secure.example", "none", true}, {"secure.example", "reject", true}, {"none", "reject", false}} {
		w := newWorld(t)
		kv := emptyStore()
		w.secured(t, kv, "s@secure.example")
		to := replyTo(w.hop.mail("s@secure.example")[0])
		w.hop.forget()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := submissionTo(to)
			s.From = gateway.MustAddress("s@secure.example")
			id, err := handIn(ctx, f, s, answering(to, "1", "X-Signed: "+c.signed, "X-Policy: "+c.policy))
			if err != nil {
				return err
			}
			m, err := f.message(ctx, id)
			if err == nil && m.Direction != gateway.Inbound {
				t.Error("it counts as mail of ours")
			}
			deliverAll(ctx, f, time.Minute)
			return err
		})
		if n := countIn(w.hop.mail("ann@clinic.example"), "thank you"); err != nil || (n == 1) != c.attached {
			t.Errorf("signed by %s, p=%s: %v, attached %d times", c.signed, c.policy, err, n)
		}
		w.sound(t, kv)
	}
}
