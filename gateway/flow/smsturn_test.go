package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// staffAnswers lets staff answer the mail that they got, as their client does.
func (w *world) staffAnswers(t *testing.T, kv store.Store, mail, words string) {
	t.Helper()
	to, err := capabilityOf(mail)
	if err != nil {
		t.Fatal(err)
	}
	s := submissionTo(to.Wire())
	s.From = gateway.MustAddress("desk@clinic.example")
	w.smsc.forget()
	w.acceptInto(t, kv, s, "From: Desk <desk@clinic.example>\r\nTo: <"+to.Wire()+">\r\nSubject: Re: SMS\r\nIn-Reply-To: "+field(mail, "Message-ID")+
		"\r\nMessage-ID: <turn1@clinic.example>\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\n\r\n"+words+"\r\n")
	w.settle(t, kv)
}

// TestStaffAnswersByMail: the telephone gets what staff answer from their mail
// client as a short message from the line that it wrote to, and its answer
// stands under the staff's mail.
func TestStaffAnswersByMail(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	mail, _ := w.hears(t, kv, "May I come?", phonePass, "CLINIC")
	w.staffAnswers(t, kv, mail, "Yes, at 10.\r\n\r\nOn Saturday a telephone wrote:\r\n> May I come?")
	got := w.smsc.to(phonePass)
	if len(got) != 1 || readSegments(got) != "Yes, at 10." || got[0].Source.Key() != "CLINIC" {
		t.Fatalf("the telephone got %q", readSegments(got))
	}
	mail, _ = w.hears(t, kv, "Thanks", phonePass, "CLINIC")
	if field(mail, "In-Reply-To") != "<turn1@clinic.example>" || readMail(t, mail) != "Thanks" {
		t.Errorf("the answer to the answer: %s", mail)
	}
	w.sound(t, kv)
}

// TestStaffAnswersTwoTelephones: a mail to two telephones leaves to each from the
// line that goes with it: the one that it wrote to, Gatepost's own where it
// wrote to none.
func TestStaffAnswersTwoTelephones(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	mail, _ := w.hears(t, kv, "May I come?", phonePass, "CLINIC")
	first, err := capabilityOf(mail)
	if err != nil {
		t.Fatal(err)
	}
	to := func(id string, second gateway.Address) {
		t.Helper()
		w.smsc.forget()
		s := submissionTo(second.Wire(), first.Wire())
		s.From = gateway.MustAddress("desk@clinic.example")
		w.acceptInto(t, kv, s, "From: Desk <desk@clinic.example>\r\nTo: <"+second.Wire()+">, <"+first.Wire()+">\r\nSubject: Re: SMS\r\n"+
			"Message-ID: <"+id+"@clinic.example>\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\n\r\nCome at 10.\r\n")
		w.settle(t, kv)
		for number, line := range map[string]string{phonePass: "CLINIC", "+15552000021": "+15550009999"} {
			if got := w.smsc.to(number); len(got) != 1 || got[0].Source.Key() != line {
				t.Errorf("%s: %s got %d segments, not one from %s", id, number, len(got), line)
			}
		}
	}
	to("invited", gateway.MustAddress(smsAddress("+15552000021")))
	mail, _ = w.hears(t, kv, "We come, too", "+15552000021", "+15550009999")
	second, err := capabilityOf(mail)
	if err != nil {
		t.Fatal(err)
	}
	to("both", second)
	w.sound(t, kv)
}

// TestStaffAnswersInSecuredConversation: what was secured once stays so.
func TestStaffAnswersInSecuredConversation(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.submitInto(t, kv, short(t, "results", phoneSecure))
	w.settle(t, kv)
	mail, _ := w.hears(t, kv, "What now?", phoneSecure, "+15550001111")
	w.staffAnswers(t, kv, mail, "Come at 10.")
	got := w.smsc.to(phoneSecure)
	if len(got) != 1 || strings.Contains(readSegments(got), "Come") || !strings.Contains(readSegments(got), "/m/") || !got[0].Source.Same(destination("+15550001111")) {
		t.Errorf("the telephone got %q", readSegments(got))
	}
	w.sound(t, kv)
}

// TestStaffAnswersWhoStopped: a STOP holds for answers, too.
func TestStaffAnswersWhoStopped(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	mail, _ := w.hears(t, kv, "May I come?", phonePass, "+15550001111")
	w.hears(t, kv, "STOP", phonePass, "+15550001111")
	to, err := capabilityOf(mail)
	if err != nil {
		t.Fatal(err)
	}
	w.smsc.forget()
	s := submissionTo(to.Wire(), "ann@clinic.example")
	s.From = gateway.MustAddress("desk@clinic.example")
	w.acceptInto(t, kv, s, "From: Desk <desk@clinic.example>\r\nTo: <"+to.Wire()+">\r\nSubject: x\r\nMessage-ID: <t2@clinic.example>\r\n\r\nCome.\r\n")
	w.settle(t, kv)
	if got := w.smsc.to(phonePass); len(got) != 0 {
		t.Errorf("who stopped gets %q", readSegments(got))
	}
}

// capabilityOf is whom staff answer to.
func capabilityOf(mail string) (gateway.Address, error) {
	_, after, _ := strings.Cut(field(mail, "From"), "<")
	return gateway.ParseAddress(strings.TrimSuffix(after, ">"))
}

// TestViewerAnswerToSMS: the reader of a secured short message gets the code on
// the telephone, reads, and answers in the viewer; the answer goes to the
// account's inbox by mail, and the application hears that there is one.
func TestViewerAnswerToSMS(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.submitInto(t, kv, short(t, secretBody, phoneSecure))
	w.settle(t, kv)
	link := linkIn(t, w.smsc.told(phoneSecure))
	w.smsc.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		session, page, err := f.SendCode(ctx, link, gateway.Visitor{})
		if err != nil || page.CodeTo != "••• ••• 00 02" || !page.CodeSame {
			t.Errorf("the code goes to %q, same %t", page.CodeTo, page.CodeSame)
		}
		deliverAll(ctx, f, 10*time.Second)
		code := codeIn(strings.ReplaceAll(w.smsc.told(phoneSecure), "\n", "\r\n"))
		session, result, err2 := f.Prove(ctx, link, gateway.Visitor{Session: session}, code)
		if err = errors.Join(err, err2); err != nil || !result.Passed {
			t.Fatalf("the code %q opens nothing: %v", code, err)
		}
		r := reader{to: phoneSecure, secret: link, v: gateway.Visitor{Session: session}}
		if body, err := w.reads(ctx, f, r); err != nil || readMail(t, body) != secretBody {
			t.Errorf("read %q, %v", body, err)
		}
		if _, err := f.Answer(ctx, link, r.v, gateway.Answer{Text: "Thank you, zebra", Once: "1"}); err != nil {
			return err
		}
		deliverAll(ctx, f, 10*time.Second)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mails := w.hop.mail("desk@clinic.example")
	if len(mails) != 1 || !strings.Contains(readMail(t, mails[0]), "Thank you, zebra") || !strings.Contains(field(mails[0], "From"), phoneSecure) {
		t.Errorf("the inbox got %q", mails)
	}
	err = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		app, err := f.Deliveries(ctx, "esme1", "", 10)
		var said []string
		for _, d := range app {
			if len(d.Segments) > 0 {
				said = append(said, readSegments(d.Segments))
			}
		}
		if len(said) != 1 || strings.Contains(said[0], "zebra") {
			t.Errorf("the application hears %q", said)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}
