package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// fiveWays is a mail that each recipient gets another way.
var fiveWays = []string{"p@pass.example", "t@tls.example", "s@secure.example", "h@hold.example", "r@reject.example"}

func TestFiveWays(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo(fiveWays...), testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"p@pass.example", "t@tls.example"} {
		if got := w.hop.mail(to); len(got) != 1 || !strings.HasSuffix(got[0], testMail) {
			t.Errorf("%s got %q", to, got)
		}
	}
	if got := w.hop.mail("s@secure.example"); len(got) != 1 || strings.Contains(got[0], "ebrafinch") {
		t.Errorf("secured recipient got %q", got)
	}
	for _, to := range []string{"h@hold.example", "r@reject.example"} {
		if got := w.hop.mail(to); got != nil {
			t.Errorf("%s got %q", to, got)
		}
	}
	report := w.hop.mail("ann@clinic.example")
	if len(report) != 1 || !strings.Contains(report[0], "r@reject.example") || strings.Contains(report[0], "h@hold.example") || strings.Contains(report[0], "ebrafinch") {
		t.Errorf("report to the sender: %q", report)
	}
	w.sound(t, kv)
}

// Every recipient of a secured mail has a link of their own and sees no other.
func TestLinksAreApart(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("a@secure.example", "b@secure.example", "c@secure.example"), testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	seen := map[gateway.LinkSecret]bool{}
	for _, to := range []string{"a@secure.example", "b@secure.example", "c@secure.example"} {
		got := w.hop.mail(to)
		if len(got) != 1 {
			t.Fatalf("%s got %d mails", to, len(got))
		}
		s := linkIn(t, got[0])
		if seen[s] {
			t.Error("two recipients have one link")
		}
		seen[s] = true
		for _, other := range []string{"a@", "b@", "c@"} {
			if !strings.HasPrefix(to, other) && strings.Contains(got[0], other+"secure.example") {
				t.Errorf("%s learns of %s", to, other)
			}
		}
	}
}

func TestAllRefusedIs550(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("r@reject.example"), testMail)
		return err
	})
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Code != 550 {
		t.Errorf("answer %v", err)
	}
}

// Under observe nothing is changed, and what would have been done is recorded.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	w.mode = gateway.Observe
	kv := emptyStore()
	var story string
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo(fiveWays...), testMail)
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		story, err = operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range fiveWays {
		if got := w.hop.mail(to); len(got) != 1 || !strings.HasSuffix(got[0], testMail) {
			t.Errorf("%s got %q", to, got)
		}
	}
	for _, decided := range []string{"pass", "tls", "secure", "hold", "reject"} {
		if !strings.Contains(story, `"decided":"`+decided+`"`) {
			t.Errorf("evidence does not tell of %s: %s", decided, story)
		}
	}
}

// tls that cannot be had becomes a notice in the same attempt.
func TestTLSFallsBack(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	var attempts int
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo("x@plain.example"), testMail)
		deliverAll(ctx, f, time.Minute)
		e, gerr := f.envelope(ctx, gateway.EnvelopeID{Message: id})
		attempts = e.Attempts
		if e.Action != gateway.Secure || e.Decided != gateway.TLS || e.Link.IsZero() {
			t.Errorf("envelope is %+v", e)
		}
		if attempts != 1 {
			story, _ := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
			t.Error(story)
		}
		return errors.Join(err, gerr)
	})
	if err != nil {
		t.Fatal(err)
	}
	got := w.hop.mail("x@plain.example")
	if len(got) != 1 || strings.Contains(got[0], "ebrafinch") || attempts != 1 {
		t.Fatalf("%d attempts, got %q", attempts, got)
	}
	linkIn(t, got[0])
	w.sound(t, kv)
}

// reading is a correspondent at work.
type reading struct {
	t      *testing.T
	f      *Flow
	secret gateway.LinkSecret
	v      gateway.Visitor
}

func (r *reading) code(ctx context.Context, w *world) (string, error) {
	session, page, err := r.f.SendCode(ctx, r.secret, r.v)
	r.v.Session = session
	if err != nil || page.State != gateway.LinkActive {
		return "", errors.Join(err, errors.New("link is "+string(page.State)))
	}
	before := len(w.hop.mail("s@secure.example"))
	deliverAll(ctx, r.f, 10*time.Second)
	mails := w.hop.mail("s@secure.example")
	if len(mails) == before {
		return "", errors.New("no code came")
	}
	return codeIn(mails[len(mails)-1]), nil
}

// secured puts one secured message into kv, delivers its notice and returns
// the link.
func (w *world) secured(t *testing.T, kv store.Store, to string) (secret gateway.LinkSecret, id gateway.MessageID) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		var err error
		id, err = accept(ctx, f, submissionTo(to), testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mails := w.hop.mail(to)
	if len(mails) == 0 {
		t.Fatal("no notice left")
	}
	return linkIn(t, mails[len(mails)-1]), id
}

// prove types a code or PIN and goes on in the session that Prove says.
func (r *reading) prove(ctx context.Context, typed string) (gateway.ProofResult, error) {
	session, p, err := r.f.Prove(ctx, r.secret, r.v, typed)
	if err == nil {
		r.v.Session = session
	}
	return p, err
}

func TestReadByCode(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	secret, _ := w.secured(t, kv, "s@secure.example")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		r := &reading{t: t, f: f, secret: secret}
		if _, err := f.Open(ctx, secret, r.v, -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("opened without a code: %v", err)
		}
		code, err := r.code(ctx, w)
		if err != nil {
			return err
		}
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		if p, err := r.prove(ctx, wrong); err != nil || p.Passed {
			t.Errorf("wrong code: %+v, %v", p, err)
		}
		p, err := r.prove(ctx, code)
		if err != nil || !p.Passed {
			t.Fatalf("right code: %+v, %v", p, err)
		}
		grant, err := f.Open(ctx, secret, r.v, -1)
		if err != nil {
			return err
		}
		body, err := f.Blobs.Open(ctx, grant.Body.Blob)
		if err != nil {
			return err
		}
		defer body.Close()
		content, err := w.keys.Opener().Correspondent(grant.Wrap, grant.Message, secret, body, body.Size())
		if err != nil {
			return err
		}
		raw := make([]byte, content.Size())
		if _, err := content.ReadAt(raw, 0); err != nil || string(raw) != testMail {
			t.Errorf("read %q, %v", raw, err)
		}
		return f.Leave(ctx, r.v)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// A staff member who wrote staff_copy: none has a message that disk and
// keyring together do not open once the notice has left.
func TestNoStaffCopy(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	id := w.acceptInto(t, kv, submissionTo("x@nocopy.example"), testMail)
	backup := kv.Copy()
	w.settle(t, kv)
	if len(w.hop.mail("x@nocopy.example")) != 1 {
		t.Fatal("no notice left")
	}
	_ = w.in(t, backup, func(ctx context.Context, f *Flow) error {
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
		if err != nil {
			return err
		}
		if _, err := f.Spool.Open(e.Notice.Spool, id); err == nil {
			t.Error("a backup from before and the keyring open the notice, and with its link the message")
		}
		return nil
	})
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
		if err != nil {
			return err
		}
		if !m.Staff.IsZero() || !m.Spool.IsZero() {
			t.Errorf("staff wrap %v, spool wrap %v", !m.Staff.IsZero(), !m.Spool.IsZero())
		}
		return nil
	})
}

// A message of ours that comes back is let through once, unjudged; the second
// time, and for another recipient, it is judged.
func TestReturnsOnce(t *testing.T) {
	w := newWorld(t)
	w.mode = gateway.Observe
	kv := emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example"), testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	back := w.hop.mail("s@secure.example")[0]
	w.mode = gateway.Enforce
	w.hop.forget()
	for i, want := range []bool{true, false} {
		_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
			_, err := accept(ctx, f, submissionTo("s@secure.example", "s2@secure.example"), back)
			deliverAll(ctx, f, time.Minute)
			return err
		})
		got := w.hop.mail("s@secure.example")
		if clear := strings.Contains(got[len(got)-1], "ebrafinch"); clear != want {
			t.Errorf("return %d: clear text %v", i+1, clear)
		}
	}
	w.nothingReadable(t, "s2@secure.example")
}

// A mark that was copied into another body is none.
func TestForgedReturn(t *testing.T) {
	w := newWorld(t)
	w.mode = gateway.Observe
	kv := emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example"), testMail)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	back := strings.Replace(w.hop.mail("s@secure.example")[0], "the quick", "the slow", 1)
	w.mode = gateway.Enforce
	w.hop.forget()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example"), back)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	w.nothingReadable(t, "s@secure.example")
}

// A large body goes through a file and is read back under the budget.
func TestLargeMail(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	raw := testMail + strings.Repeat(strings.Repeat("zebrafinch ", 7)+"\r\n", 40000)
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("p@pass.example", "s@secure.example"), raw)
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := w.hop.mail("p@pass.example")
	if len(got) != 1 || !strings.HasSuffix(got[0], raw) {
		t.Errorf("got %d mails", len(got))
	}
	w.nothingReadable(t, "s@secure.example")
	w.sound(t, kv)
}

// After a restore, what had left stays gone and what was frozen stays frozen.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := accept(ctx, f, submissionTo("s@secure.example"), testMail)
		return err
	})
	backup := kv.Copy()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error { deliverAll(ctx, f, time.Minute); return nil })
	secret := linkIn(t, w.hop.mail("s@secure.example")[0])
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error { freeze(t, ctx, f, w, secret); return nil })
	var done Replayed
	err := w.in(t, backup, func(ctx context.Context, f *Flow) error {
		var err error
		done, err = f.Replay(ctx, func(visit func(seal.Entry) error) error {
			_, err := w.keys.Journal().Replay(visit)
			return err
		})
		before := len(w.hop.mail("s@secure.example"))
		deliverAll(ctx, f, time.Hour)
		if after := len(w.hop.mail("s@secure.example")); after != before {
			t.Errorf("the restored store sent again")
		}
		page, perr := f.Visit(ctx, secret, gateway.Visitor{})
		if page.State != gateway.LinkFrozen {
			t.Errorf("link is %s", page.State)
		}
		return errors.Join(err, perr)
	})
	if err != nil || done.Finished != 1 || done.Frozen != 1 {
		t.Errorf("replayed %+v, %v", done, err)
	}
	w.sound(t, backup)
}

// freeze spends all tries.
func freeze(t *testing.T, ctx context.Context, f *Flow, w *world, secret gateway.LinkSecret) {
	t.Helper()
	r := &reading{t: t, f: f, secret: secret}
	for range 10 {
		code, err := r.code(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		wrong := "111111"
		if wrong == code {
			wrong = "111112"
		}
		for range 5 {
			p, err := r.prove(ctx, wrong)
			if err != nil {
				t.Fatal(err)
			}
			if p.Page.State == gateway.LinkFrozen {
				return
			}
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Minute)
	}
	t.Fatal("fifty wrong codes did not freeze the link")
}

// Rules may tell accounts by their role.
func TestGroupOfAnAccount(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		name := url.Values{"name": {"ann@clinic.example"}, "role": {"compliance"}}
		if _, err := operation(ctx, f, "user.add", name, "a long pass phrase"); err != nil {
			return err
		}
		for account, want := range map[string]string{"ann@clinic.example": "compliance", "bob@clinic.example": "", "": ""} {
			if got, err := f.group(ctx, account); err != nil || got != want {
				t.Errorf("group of %q is %q, %v", account, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
