package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func mailOf(subject, body string) string {
	return "From: Ann <ann@clinic.example>\r\nTo: someone@out.example\r\nSubject: " + subject + "\r\nMessage-ID: <b1@clinic.example>\r\n" +
		"Date: Sat, 01 Jan 2000 00:00:00 +0000\r\n" + body
}

// smsAddress is where mail to a telephone goes.
func smsAddress(number string) string { return number + "@sms.clinic.example" }

func TestMailToTelephones(t *testing.T) {
	plain := func(text string) string { return "\r\n" + strings.ReplaceAll(text, "\n", "\r\n") }
	attached := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\n\r\nabc\r\n--b--\r\n"
	signed := "MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary=b\r\n\r\n--b\r\n\r\nSigned words.\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nxx\r\n--b--\r\n"
	both := "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße, plain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Marked up</p>\r\n--b--\r\n"
	for name, c := range map[string]struct{ subject, body, want string }{
		"plain":      {"About Tuesday", plain("Please come at 10.\n"), "Please come at 10."},
		"quoted":     {"Re: Tuesday", plain("Yes.\n\nOn Mon, 1 Jan 2000, Pat\nwrote:\n> May I come?\n> Pat\n-- \nAnn\nClinic\n"), "Yes."},
		"subject":    {"Come at 10", plain("\n> quoted\n"), "Come at 10"},
		"signed":     {"x", signed, "Signed words."},
		"both":       {"x", both, "Grüße, plain"},
		"html":       {"x", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Only <b>markup</b></p>\r\n", "Only markup"},
		"long":       {"x", plain(strings.Repeat("word ", 400)), "/m/"},
		"attachment": {"x", attached, "/m/"},
		"nothing":    {"", plain("\n"), "/m/"},
	} {
		w, kv := newWorld(t), emptyStore()
		w.acceptInto(t, kv, submissionTo(smsAddress("+1-555-200-0001")), mailOf(c.subject, c.body))
		w.settle(t, kv)
		got := w.smsc.to(phonePass)
		if text := w.smsc.told(phonePass); text != c.want && (c.want != "/m/" || !strings.Contains(text, "https://secure.clinic.example/m/")) {
			t.Errorf("%s: %q", name, text)
		}
		if len(got) == 0 || got[0].Source.Addr != "15550009999" || got[0].Dest.Addr != "15552000001" || got[0].Registered != 1 {
			t.Errorf("%s: left %v", name, got)
		}
		w.sound(t, kv)
	}
}

// A secured mail is a link on the telephone; its conversation is the line's.
func TestSecuredMailToATelephone(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	for _, number := range []string{phoneSecure, phoneTLS, phoneNoCopy} {
		w.acceptInto(t, kv, submissionTo(smsAddress(number)), testMail)
		w.settle(t, kv)
		if got := w.smsc.told(number); !strings.Contains(got, "https://secure.clinic.example/m/") || len(w.smsc.to(number)) != 1 {
			t.Errorf("%s: %q", number, got)
		}
	}
	w.tellsNothing(t)
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		phone, err := gateway.PhoneAddress(phoneSecure)
		if err != nil {
			return err
		}
		p, err := f.People.Find(ctx, phone)
		if err != nil {
			return err
		}
		d, err := f.dialog(ctx, p.Ref, testSMS().Sender)
		if err != nil || d.Thread.IsZero() || d.Staff.Wire() != "ann@clinic.example" || d.Account != "" {
			t.Errorf("dialog %+v, %v", d, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who may write to telephones, and what is none.
func TestRecipientsOfTheTelephoneDomain(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for to, want := range map[string]error{
			smsAddress("+15552000001"): nil, smsAddress("0015552000001"): nil, smsAddress("12345"): nil,
			smsAddress("15552000001"): faultNoPhone, smsAddress("5550100303"): faultNoPhone, // of which country?
			smsAddress("+49.30-901820"): nil,
			smsAddress("pat"):           faultNoPhone, smsAddress("+1"): faultNoPhone, smsAddress("CLINIC"): faultNoPhone,
			"+15552000001@" + gateway.PhoneDomain: faultNoBridge,
		} {
			s := submissionTo(to)
			if err := f.Recipient(ctx, &s, s.Recipients[0]); !errors.Is(err, want) && err != want {
				t.Errorf("%s from inside: %v", to, err)
			}
			s = stranger("pat@out.example", to)
			if err := f.Recipient(ctx, &s, s.Recipients[0]); err == nil {
				t.Errorf("%s from outside was taken", to)
			}
		}
		set := w.settings()
		set.SMS = nil
		f.Configure(set, testJudge())
		s := submissionTo("+15552000001@" + gateway.PhoneDomain)
		if err := f.Recipient(ctx, &s, s.Recipients[0]); err != faultNoBridge {
			t.Errorf("without short messages: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Mail that the carrier refuses comes back to its sender as mail does, under
// the address that they wrote to.
func TestRefusedMailToATelephoneComesBack(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.smsc.answer = func(gateway.Segment) (uint32, bool) { return gateway.StatusInvalidDest, false }
	w.acceptInto(t, kv, submissionTo(smsAddress(phonePass)), mailOf("x", "\r\nHello\r\n"))
	w.settle(t, kv)
	reports := w.hop.mail("ann@clinic.example")
	if len(reports) != 1 || !strings.Contains(reports[0], "Final-Recipient: rfc822; "+smsAddress(phonePass)) || strings.Contains(reports[0], gateway.PhoneDomain) {
		t.Errorf("%d reports: %q", len(reports), reports)
	}
}

// A telephone that said STOP gets no mail either, and the sender hears it.
func TestStoppedTelephone(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w, kv := newWorld(t), emptyStore()
		w.mode = mode
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			if err := f.stopAll(ctx, phonePass); err != nil {
				return err
			}
			if _, err := submit(ctx, f, short(t, "Hello", phonePass)[0]); statusOf(err) != gateway.StatusSubmitFailed {
				t.Errorf("%s: short message: %v", mode, err)
			}
			if _, err := accept(ctx, f, submissionTo(smsAddress(phonePass)), mailOf("x", "\r\nHello\r\n")); gateway.FaultOf(err).Code != 550 {
				t.Errorf("%s: mail: %v", mode, err)
			}
			if n := countOf(t, f, gateway.EventRefused); n != 2 {
				t.Errorf("%s: evidence of %d refusals", mode, n)
			}
			deliverAll(ctx, f, time.Minute)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(w.smsc.got) > 0 {
			t.Errorf("%s: a stopped telephone got a message", mode)
		}
	}
}

// Who answers a mail that came as a short message reaches who wrote it.
func TestAnswersToBridgedMailReachItsAuthor(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.acceptInto(t, kv, submissionTo(smsAddress(phonePass)), mailOf("x", "\r\nCome at 10\r\n"))
	w.settle(t, kv)
	w.hop.forget()
	answer := short(t, "I shall be there", "+15550009999")[0]
	answer.Source = destination(phonePass)
	if err := w.in(t, kv, func(ctx context.Context, f *Flow) error { return f.ReceiveSMS(ctx, answer) }); err != nil {
		t.Fatal(err)
	}
	w.settle(t, kv)
	if got := w.hop.mail("ann@clinic.example"); len(got) != 1 || !strings.Contains(got[0], "I shall be there") {
		t.Errorf("%d mails to the author: %q", len(got), got)
	}
	if got := w.hop.mail("desk@clinic.example"); len(got) > 0 {
		t.Error("the mailbox of an application got the answer")
	}
}

// Without a carrier messages to telephones wait, and are not lost.
func TestWithoutACarrierShortMessagesWait(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.submitInto(t, kv, short(t, "Hello", phonePass))
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		f.SMS = nil
		deliverAll(ctx, f, 3*time.Hour)
		var e gateway.Envelope
		if err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(x *gateway.Envelope) { e = *x }); err != nil {
			return err
		}
		if e.State != gateway.Queued || e.Last.Result != gateway.Unroutable || e.Attempts != 0 {
			t.Errorf("%s, %v, %d attempts", e.State, e.Last.Result, e.Attempts)
		}
		f.SMS = w.smsc
		deliverAll(ctx, f, 3*time.Hour)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.smsc.told(phonePass) != "Hello" {
		t.Error("it never left")
	}
}

// Staff who write to a telephone that said STOP hear that, and not of a policy.
func TestStaffHearOfAStop(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := f.stopAll(ctx, phonePass); err != nil {
			t.Fatal(err)
		}
		_, err := accept(ctx, f, submissionTo(smsAddress(phonePass)), mailOf("x", "\r\nHello\r\n"))
		if got := gateway.FaultOf(err); got.Code != 550 || !strings.Contains(got.Text, "stopped messages") {
			t.Errorf("refused with %+v", got)
		}
		return nil
	})
}
