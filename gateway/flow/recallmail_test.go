package flow

import (
	"context"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

const recallMail = "From: Ann <ann@clinic.example>\r\nTo: recall@reply.clinic.example\r\nSubject: Re: x\r\n" +
	"Message-ID: <recall@clinic.example>\r\nIn-Reply-To: <original@clinic.example>\r\n\r\nplease\r\n"

// sendRecall is RCPT and DATA of a mail to the address of recalls.
func sendRecall(ctx context.Context, f *Flow, s gateway.Submission, mail string) error {
	if err := f.Recipient(ctx, &s, s.Recipients[0]); err != nil {
		return err
	}
	_, err := accept(ctx, f, s, mail)
	return err
}

// The sender answers their own copy: it is taken back, and the receipt stands
// under it and says what is out of reach.
func TestRecallByMail(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, "s@secure.example", "p@pass.example")
		r := w.prove(ctx, t, f, "s@secure.example")
		if _, err := w.reads(ctx, f, r); err != nil {
			return err
		}
		if err := sendRecall(ctx, f, submissionTo("recall@reply.clinic.example"), recallMail); err != nil {
			return err
		}
		w.locked(ctx, t, f, r)
		if !f.recalledForAll(ctx, id) {
			t.Error("staff may still read")
		}
		deliverAll(ctx, f, time.Minute)
		f.housekeepOnce(ctx)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	receipts := w.hop.mail("ann@clinic.example")
	if len(receipts) != 1 {
		t.Fatalf("%d receipts", len(receipts))
	}
	for _, want := range []string{"Subject: Recall:", "In-Reply-To: <original@clinic.example>", "s•••@s•••.example", "p•••@p•••.example"} {
		if !strings.Contains(decodedMail(receipts[0]), want) {
			t.Errorf("the receipt lacks %q:\n%s", want, receipts[0])
		}
	}
	w.nothingReadable(t, "ann@clinic.example")
	w.sound(t, kv)
}

// Nobody else takes it back: strangers, other staff, a mail that answers
// nothing of ours.
func TestRecallByOthers(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, "s@secure.example")
		notice := w.notice(t, "s@secure.example")
		_, after, _ := strings.Cut(notice, "Message-ID: <")
		noticeID, _, _ := strings.Cut(after, ">")
		hire(ctx, t, f, "bob@clinic.example")
		account := submissionTo("recall@reply.clinic.example")
		account.Peer.Listener, account.Peer.Account, account.Peer.Trusted = "submission", "bob@clinic.example", false
		account.Since = f.Now()
		account.From = gateway.MustAddress("bob@clinic.example")
		bob := strings.Replace(recallMail, "Ann <ann@", "Bob <bob@", 1)
		onRelay := account
		onRelay.Peer.Listener = "relay" // where nobody has compared MAIL FROM and From with it
		two := submissionTo("recall@reply.clinic.example")
		two.From = gateway.MustAddress("ann@elsewhere.example")
		for name, c := range map[string]struct {
			s    gateway.Submission
			mail string
			want *gateway.Fault
		}{
			"a stranger":        {stranger("ann@clinic.example", "recall@reply.clinic.example"), recallMail, faultDead},
			"other staff":       {account, bob, faultNotYours},
			"a borrowed name":   {onRelay, recallMail, faultNotYours},
			"a foreign sender":  {two, recallMail, faultNotYours},
			"two authors":       {submissionTo("recall@reply.clinic.example"), "From: bob@clinic.example\r\n" + recallMail, faultNotYours},
			"nothing answered":  {submissionTo("recall@reply.clinic.example"), strings.Replace(recallMail, "In-Reply-To", "X-Reply-To", 1), faultNoRecall},
			"something unknown": {submissionTo("recall@reply.clinic.example"), strings.Replace(recallMail, "<original@", "<other@", 1), faultNoRecall},
		} {
			var fault *gateway.Fault
			if err := sendRecall(ctx, f, c.s, c.mail); !errors.As(err, &fault) || fault.Status != c.want.Status || fault.Text != c.want.Text {
				t.Errorf("%s: %v", name, err)
			}
		}
		if f.recalledForAll(ctx, id) {
			t.Error("taken back")
		}
		byNotice := strings.Replace(recallMail, "original@clinic.example", noticeID, 1)
		if err := sendRecall(ctx, f, submissionTo("RECALL@reply.clinic.example"), byNotice); err != nil || !f.recalledForAll(ctx, id) {
			t.Errorf("by the notice's id: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A trusted server that hands on mail from the world vouches for nobody: only
// who has authenticated there takes back.
func TestRecallThroughAServerThatHandsOn(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), handingOn(w, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, "s@secure.example")
		s := submissionTo("recall@reply.clinic.example")
		if err := sendRecall(ctx, f, s, recallMail); !errors.Is(err, faultHandedOn) || f.recalledForAll(ctx, id) {
			t.Errorf("answered %v", err)
		}
		hire(ctx, t, f, "ann@clinic.example", "bob@clinic.example")
		s.Peer.Account, s.Since = "bob@clinic.example", f.Now()
		if err := sendRecall(ctx, f, s, recallMail); !errors.Is(err, faultNotYours) || f.recalledForAll(ctx, id) {
			t.Errorf("under a borrowed name: %v", err)
		}
		s.Peer.Account = "ann@clinic.example"
		if err := sendRecall(ctx, f, s, recallMail); err != nil || !f.recalledForAll(ctx, id) {
			t.Errorf("by the account: %v", err)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// decodedMail undoes the transfer encoding of a whole mail, roughly.
func decodedMail(raw string) string {
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(raw)))
	if err != nil {
		return raw
	}
	return string(text)
}
