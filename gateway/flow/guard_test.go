package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// What people and programs must not get by trying, and what must not be left
// behind.

// The mark of a harmless message lets nothing else through: not another
// subject, not a body read another way, not a message without a blank line.
func TestMarkOfAnotherMessage(t *testing.T) {
	const head = "From: Ann <ann@clinic.example>\r\nTo: x@y.example\r\n"
	for name, mails := range map[string][2]string{
		"subject":       {head + "Subject: hi\r\n\r\nlunch\r\n", head + "Subject: zebrafinch\r\n\r\nlunch\r\n"},
		"encoding":      {head + "\r\nemVicmFmaW5jaA==\r\n", head + "Content-Transfer-Encoding: base64\r\n\r\nemVicmFmaW5jaA==\r\n"},
		"no blank line": {head + "\r\n", head + "the zebrafinch results\r\n"},
		"on top":        {head + "\r\nlunch\r\n", "TOP" + head + "\r\nlunch\r\n"},
	} {
		w := newWorld(t)
		w.mode = gateway.Observe
		kv := emptyStore()
		send := func(raw string) string {
			w.hop.forget()
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				_, err := accept(ctx, f, submissionTo("s@secure.example"), raw)
				deliverAll(ctx, f, time.Minute)
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return strings.Join(w.hop.mail("s@secure.example"), "")
		}
		left := send(mails[0])
		ours := strings.TrimSuffix(left, mails[0])
		w.mode = gateway.Enforce
		forged := ours + mails[1]
		if rest, top := strings.CutPrefix(mails[1], "TOP"); top {
			forged = "Subject: zebrafinch\r\n" + ours + rest
		}
		if got := send(forged); got != "" && !strings.Contains(got, "/m/") {
			t.Errorf("%s: left unjudged", name)
		}
		if got := send("Received: from a relay\r\n\tby another\r\n" + left); !strings.HasSuffix(got, mails[0]) {
			t.Errorf("%s: our own message did not come back as such", name)
		}
	}
}

// TestLoopOfNotices: a notice counts the hops of its original, and what took
// too many is refused as a loop, whichever field says so.
func TestLoopOfNotices(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		const mail = "From: Ann <ann@clinic.example>\r\nTo: s@secure.example\r\nSubject: hi\r\n\r\nlunch\r\n"
		if _, err := accept(ctx, f, submissionTo("s@secure.example"), "Received: from a by b\r\nGatepost-Hops: 4\r\n"+mail); err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if got := strings.Join(w.hop.mail("s@secure.example"), ""); !strings.Contains(got, "/m/") || !strings.Contains(got, "\r\nGatepost-Hops: 6\r\n") {
			t.Errorf("the notice is\n%s", got)
		}
		if _, err := accept(ctx, f, submissionTo("s@secure.example"), "Gatepost-Hops: 51\r\n"+mail); gateway.FaultOf(err).Status != "5.4.6" {
			t.Errorf("after 51 hops: %v", err)
		}
		return nil
	})
}

// Spellings of one recipient are one recipient: one return each message.
func TestReturnsOnceForAllSpellings(t *testing.T) {
	w := newWorld(t)
	w.mode = gateway.Observe
	kv := emptyStore()
	send := func(raw string, to ...string) {
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			_, err := accept(ctx, f, submissionTo(to...), raw)
			deliverAll(ctx, f, time.Minute)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	send(testMail, "s@secure.example")
	left := w.hop.mail("s@secure.example")[0]
	w.mode = gateway.Enforce
	w.hop.forget()
	send(left, "s@secure.example", "S@secure.example", "s@SECURE.example")
	clear := 0
	for _, mails := range w.hop.got {
		for _, raw := range mails {
			if strings.Contains(raw, "ebrafinch") {
				clear++
			}
		}
	}
	if clear != 1 {
		t.Errorf("%d copies left unjudged", clear)
	}
}

// A stranger's local part that names another way is refused, whoever would
// follow it.
func TestStrangersCannotRoute(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		set := w.settings()
		set.InboundRelay = true
		f.Configure(set, testJudge())
		for to, want := range map[string]bool{
			"bob@clinic.example": true, "bob%evil.example@clinic.example": false, "evil.example!bob@clinic.example": false,
			`"bob@evil.example"@clinic.example`: false, `"|sh"@clinic.example`: false, `/etc/passwd@clinic.example`: false, "bob@evil.example": false,
		} {
			s := stranger("x@out.example", "bob@clinic.example")
			a, err := gateway.ParseAddress(to)
			if err != nil {
				continue // refused before it comes here
			}
			if err := f.Recipient(ctx, &s, gateway.Recipient{Address: a}); (err == nil) != want {
				t.Errorf("%s: %v", to, err)
			}
		}
		return nil
	})
}

// A report about a notice can be written by anybody who got the notice: none
// of its words reach the sender.
func TestForgedReportBringsNoWords(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.secured(t, kv, "s@secure.example")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := stranger("", w.hop.from["s@secure.example"])
		_, err := accept(ctx, f, s, strings.Replace(testBounce, "no such user", "click http://evil.example/ now", 1))
		deliverAll(ctx, f, time.Minute)
		return err
	})
	report := w.hop.mail("ann@clinic.example")
	if err != nil || len(report) != 1 || strings.Contains(report[0], "evil.example") || !strings.Contains(report[0], "5.1.1") {
		t.Errorf("%v: %q", err, report)
	}
}

// A bounce from inside, to who wrote the mail that it quotes, is not judged;
// the null sender opens no way out.
func TestBouncesFromInside(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := submissionTo("ann@clinic.example", "s@secure.example")
		s.From = gateway.Address{}
		_, err := accept(ctx, f, s, "Subject: [secure] Undelivered\r\n\r\n"+secretBody+"\r\n")
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.hop.mail("ann@clinic.example"); len(got) != 1 || !strings.Contains(got[0], secretBody) {
		t.Errorf("the sender got %q", got)
	}
	w.nothingReadable(t, "s@secure.example")
}

// A player that seeks in a file leaves one record, and so does a page that is
// loaded in a loop; an opening later in the session leaves its own.
func TestSeekingLeavesOneRecord(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	secret, id := w.secured(t, kv, "s@secure.example")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		r := &reading{t: t, f: f, secret: secret}
		code, err := r.code(ctx, w)
		if err != nil {
			return err
		}
		if p, err := r.prove(ctx, code); err != nil || !p.Passed {
			return errors.Join(err, errors.New("not passed"))
		}
		for _, file := range []int{-1, 0, 0, 0, 1, -1, -1, -1} {
			if _, err := f.Open(ctx, secret, r.v, file); err != nil {
				return err
			}
		}
		time.Sleep(openedFor)
		if _, err := f.Open(ctx, secret, r.v, -1); err != nil {
			return err
		}
		time.Sleep(2 * recentFor)
		if _, err := f.Open(ctx, secret, r.v, 0); err != nil {
			return err
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if m, n := strings.Count(story, `"message.opened"`), strings.Count(story, `"message.file_opened"`); m != 2 || n != 3 {
			t.Errorf("%d records of the message and %d of files", m, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A notice repeats the Message-ID of its original unless that says something.
func TestMessageIDThatSaysSomething(t *testing.T) {
	for id, repeated := range map[string]bool{
		"CAF8uH3tq+Lb=x_9k2Zz0P1Q@mail.example": true, "1732181234.12345.7.camel@clinic.example": true,
		"HIV-positive-536-22-8726@clinic.example": false, "biopsy.result.of.patient@clinic.example": false,
		strings.Repeat("a word ", 60) + "@clinic.example": false,
	} {
		w := newWorld(t)
		kv := emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			_, err := accept(ctx, f, submissionTo("s@secure.example"), strings.Replace(testMail, "original@clinic.example", id, 1))
			deliverAll(ctx, f, time.Minute)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(w.hop.mail("s@secure.example"), "")
		if got != "" && strings.Contains(got, id) != repeated {
			t.Errorf("%s is in the notice: %v", id, !repeated)
		}
	}
}

// A tag binds when all who are named as senders are of the organization, also
// when they are two.
func TestTagsOfTwoSenders(t *testing.T) {
	for from, secured := range map[string]bool{
		"From: <ann@clinic.example>":                       true,
		"From: <ann@clinic.example>, <bob@clinic.example>": true,
		"From: <ann@clinic.example>, <eve@out.example>":    false,
		"From: <eve@out.example>":                          false,
	} {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			id, err := accept(ctx, f, submissionTo("p@pass.example"), from+"\r\nSubject: [secure] hello\r\n\r\nhello\r\n")
			if err != nil {
				return err
			}
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
			if (e.Action == gateway.Secure) != secured && e.Action != gateway.Hold {
				t.Errorf("%s: %s", from, e.Action)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Housekeeping leaves the key of a notice alone whose mail is being accepted
// at this moment: nothing in the store refers to it yet.
func TestHousekeepingBesideAnAcceptance(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		key, err := f.Sealer.NewKey()
		if err != nil {
			return err
		}
		id, err := gateway.NewMessageID(f.Now(), f.Random)
		if err != nil {
			return err
		}
		wrap, err := f.Sealer.WrapAlone(key, id)
		if err != nil {
			return err
		}
		f.housekeepOnce(ctx)
		if _, err := f.Spool.Open(wrap, id); err != nil {
			t.Errorf("the key is gone before the mail was accepted: %v", err)
		}
		time.Sleep(2 * collectAge)
		f.housekeepOnce(ctx)
		if _, err := f.Spool.Open(wrap, id); err == nil {
			t.Error("the key of a mail that never was accepted stays")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// An envelope that nothing judged has no verdict, whatever that of its
// neighbour is.
func TestUnjudgedBesideJudged(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		s := submissionTo("s@secure.example", "ann@clinic.example")
		s.From = gateway.Address{}
		id, err := accept(ctx, f, s, "Subject: Undelivered\r\n\r\n"+secretBody+"\r\n")
		if err != nil {
			return err
		}
		m, err := f.message(ctx, id)
		if err != nil {
			return err
		}
		for n, want := range []bool{true, false} {
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id, N: uint32(n)})
			if err != nil || (verdictOf(m, &e) != nil) != want {
				t.Errorf("%s: verdict %v, %v", e.Recipient.Wire(), verdictOf(m, &e), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The clear text of what does not leave at once does not wait in memory.
func TestClearTextDoesNotWaitInMemory(t *testing.T) {
	w := newWorld(t)
	w.hop.refuse["later.example"] = gateway.Outcome{Result: gateway.Deferred, Code: 451, Status: "4.3.0"}
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		for _, to := range []string{"h@hold.example", "s@secure.example", "x@later.example"} {
			if _, err := accept(ctx, f, submissionTo(to), testMail); err != nil {
				return err
			}
		}
		deliverAll(ctx, f, 10*time.Second)
		if n := len(f.fresh.messages); n != 0 || f.fresh.room != freshBytes {
			t.Errorf("%d messages in memory, %d octets of room", n, f.fresh.room)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Mail systems that write no report of RFC 3464 report all the same.
func TestBouncesWithoutAReport(t *testing.T) {
	for name, raw := range map[string]string{
		"exim":  "From: Mail Delivery System <Mailer-Daemon@out.example>\r\nSubject: Mail delivery failed\r\nAuto-Submitted: auto-replied\r\nX-Failed-Recipients: s@secure.example\r\n\r\nno such user\r\n",
		"other": "From: x@out.example\r\nSubject: returned\r\nAuto-Submitted: auto-replied\r\nX-Failed-Recipients: s@secure.example\r\n\r\nno such user\r\n",
		"plain": "From: Postmaster@out.example\r\nSubject: Undeliverable\r\nAuto-Submitted: auto-generated\r\n\r\nno such user\r\n",
	} {
		w := newWorld(t)
		kv := emptyStore()
		w.secured(t, kv, "s@secure.example")
		w.acceptInto(t, kv, stranger("", w.hop.from["s@secure.example"]), raw)
		if e := envelopes(t, w, kv)["s@secure.example"]; e.State != gateway.Bounced {
			t.Errorf("%s: %s", name, e.State)
		}
	}
}
