package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// answered lets a correspondent answer and the queue work for a while.
func (w *world) answered(ctx context.Context, t *testing.T, f *Flow, text string) gateway.Answered {
	t.Helper()
	link, v, _ := w.writer(ctx, t, f)
	done, err := f.Answer(ctx, link, v, gateway.Answer{Text: gateway.Sensitive(text)})
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(ctx, f, time.Minute)
	return done
}

const secretAnswer = "my zebrafinch coughs"

// TestNoticeOfAnAnswerIsAnswered: staff who are only told of an answer answer
// that mail, and what they write is the next secured message of the thread.
func TestNoticeOfAnAnswerIsAnswered(t *testing.T) {
	w := newWorld(t)
	clear(w.hop.loopback)
	kv := emptyStore()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		w.answered(ctx, t, f, secretAnswer)
		told := w.hop.mail("ann@clinic.example")
		if len(told) != 1 {
			t.Fatalf("%d mails to staff", len(told))
		}
		to := replyTo(told[0])
		w.hop.forget()
		if _, err := handIn(ctx, f, submissionTo(to), staffReply(to)); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		if got := opened(ctx, t, w, f, "s@secure.example"); !strings.Contains(got, "the zebrafinch says no") {
			t.Errorf("the correspondent reads %q", got)
		}
		return nil
	})
	w.sound(t, kv)
}

// The words of an answer leave to a loopback address or over verified TLS; over
// anything else, and when they are too large for the mailbox, a notice does,
// which says where they are and nothing of them.
func TestWordsOrNotice(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(h *hop)
		words   bool
	}{
		"loopback":                  {func(*hop) {}, true},
		"verified":                  {func(h *hop) { clear(h.loopback); h.verified["clinic.example"] = true }, true},
		"open network":              {func(h *hop) { clear(h.loopback) }, false},
		"too large":                 {func(h *hop) { h.limit = map[string]int64{"clinic.example": 20_000} }, false},
		"too large, said with EHLO": {func(h *hop) { h.limit, h.tooLarge = map[string]int64{"clinic.example": 20_000}, 0 }, false},
		"large enough":              {func(h *hop) { h.limit = map[string]int64{"clinic.example": 200_000} }, true},
		"open, limited":             {func(h *hop) { clear(h.loopback); h.limit = map[string]int64{"clinic.example": 20_000} }, false},
	} {
		w := newWorld(t)
		c.arrange(w.hop)
		kv := emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			done := w.answered(ctx, t, f, strings.Repeat(secretAnswer+"\n", 1500))
			got := w.hop.mail("ann@clinic.example")
			if len(got) != 1 {
				t.Fatalf("%s: %d mails", name, len(got))
			}
			if strings.Contains(got[0], secretAnswer) != c.words {
				t.Errorf("%s: %.1000s", name, got[0])
			}
			page := strings.Contains(got[0], "https://secure.clinic.example/staff/"+done.Message.String())
			threads := strings.Contains(got[0], "In-Reply-To: <original@clinic.example>\r\n")
			if !c.words && (!page || !threads || strings.Contains(got[0], "ebrafinch") || strings.Contains(got[0], "s@secure.example")) || c.words && page {
				t.Errorf("%s: %.1000s", name, got[0])
			}
			if from := w.hop.from["ann@clinic.example"]; !strings.HasPrefix(from, "b.") {
				t.Errorf("%s: MAIL FROM %s", name, from)
			}
			e, err := f.envelope(ctx, gateway.EnvelopeID{Message: done.Message})
			story, serr := operation(ctx, f, "audit.show", url.Values{"id": {done.Message.String()}}, "")
			if err != nil || serr != nil || e.State != gateway.Delivered || e.Attempts != 1 || strings.Contains(story, `"envelope.fell_back"`) == c.words {
				t.Errorf("%s: %s after %d attempts; %s", name, e.State, e.Attempts, story)
			}
			if here := strings.Contains(story, `"loopback":"true"`); here != w.hop.loopback["clinic.example"] {
				t.Errorf("%s: evidence of the loopback address is %v", name, here)
			}
			m, err := f.message(ctx, done.Message)
			if m.Staff.IsZero() || m.Body.Blob == "" || !m.Spool.IsZero() {
				t.Errorf("%s: staff wrap %v, body %q, spool %v", name, !m.Staff.IsZero(), m.Body.Blob, !m.Spool.IsZero())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.sound(t, kv)
	}
}

// What nobody takes, not even as a notice, waits for an operator, who can send
// it on; nobody outside hears of it.
func TestAnswerThatNobodyTakes(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.hop.refuse["clinic.example"] = gateway.Outcome{Result: gateway.Failed, Code: 550, Status: "5.1.1", Phase: "rcpt"}
	var id gateway.EnvelopeID
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id = gateway.EnvelopeID{Message: w.answered(ctx, t, f, secretAnswer).Message}
		e, err := f.envelope(ctx, id)
		if e.State != gateway.Held || e.Hold != "undeliverable" || e.Notice == nil {
			t.Errorf("%s, %q", e.State, e.Hold)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
	before := len(w.hop.mail("s@secure.example"))
	clear(w.hop.refuse)
	err = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		out, err := operation(ctx, f, "held.list", nil, "")
		if err != nil || !strings.Contains(out, id.String()) {
			t.Errorf("held: %s, %v", out, err)
		}
		if _, err := operation(ctx, f, "held.release", url.Values{"id": {id.String()}, "reason": {"the mailbox exists now"}}, ""); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if got := w.hop.mail("ann@clinic.example"); err != nil || len(got) != 1 || !strings.Contains(got[0], "/staff/") {
		t.Errorf("released: %q, %v", got, err)
	}
	if len(w.hop.mail("s@secure.example")) != before {
		t.Error("the correspondent was told")
	}
	w.sound(t, kv)
}

// A domain that is not there is no reason to say less: the words wait.
func TestAnswerToADomainThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.hop.refuse["clinic.example"] = gateway.Outcome{Result: gateway.Failed, Status: "5.1.2", Phase: "connect"}
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: w.answered(ctx, t, f, secretAnswer).Message})
		if e.State != gateway.Held || e.Hold != "undeliverable" || e.Notice != nil {
			t.Errorf("%s, %q, notice %v", e.State, e.Hold, e.Notice != nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A mailbox that cannot be reached for days: the words wait, held, and leave as
// words when an operator says so.
func TestAnswerAcrossALongOutage(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.hop.refuse["clinic.example"] = gateway.Outcome{Result: gateway.Deferred, Code: 451, Status: "4.3.0", Phase: "mail"}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := gateway.EnvelopeID{Message: w.answered(ctx, t, f, secretAnswer).Message}
		deliverAll(ctx, f, 2*time.Hour)
		e, err := f.envelope(ctx, id)
		if err != nil || e.State != gateway.Held || e.Notice != nil {
			t.Errorf("%s, %v", e.State, err)
		}
		clear(w.hop.refuse)
		if _, err := operation(ctx, f, "held.release", url.Values{"id": {id.String()}, "reason": {"it works again"}}, ""); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if got := w.hop.mail("ann@clinic.example"); err != nil || len(got) != 1 || !strings.Contains(got[0], secretAnswer) {
		t.Errorf("released: %q, %v", got, err)
	}
	w.sound(t, kv)
}

// An answer that the next hop took and returned becomes a notice; when that
// comes back too, the next one waits for an operator. Each once.
func TestAnswerThatComesBack(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	var id gateway.MessageID
	back := func() {
		t.Helper()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := stranger("", w.hop.from["ann@clinic.example"])
			for range 2 {
				if _, err := accept(ctx, f, s, testBounce); err != nil {
					return err
				}
			}
			deliverAll(ctx, f, time.Minute)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.sound(t, kv)
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id = w.answered(ctx, t, f, secretAnswer).Message
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	back()
	got := w.hop.mail("ann@clinic.example")
	if len(got) != 2 || strings.Contains(got[1], secretAnswer) || !strings.Contains(got[1], "/staff/"+id.String()) {
		t.Fatalf("after one return: %d mails: %q", len(got), got)
	}
	back()
	if got := w.hop.mail("ann@clinic.example"); len(got) != 2 {
		t.Errorf("after two returns: %d mails", len(got))
	}
	states := map[gateway.State]int{}
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		all, _, err := f.copies(ctx, id)
		for _, e := range all {
			states[e.State]++
		}
		return err
	})
	if states[gateway.Bounced] != 2 || states[gateway.Held] != 1 || len(states) != 2 {
		t.Errorf("states %v", states)
	}
}
