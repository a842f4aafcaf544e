package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

const officerRules = `policy: officers
default: pass
rules:
  - {id: cvv, reason: codes, when: 'found(["card_security_code"], MEDIUM)', then: reject}
  - {id: ids, reason: numbers, when: 'found(["ssn"], MEDIUM)', then: hold}
  - {id: names, mode: shadow, reason: names, when: 'found(["name"], LOW)', then: secure}
`

func officerJudge(t *testing.T) *Judge {
	t.Helper()
	p, err := policy.Load("p.yaml", []byte(officerRules))
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{Counts: p.Counts()})
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(p, d)
}

// shownLines are the lines that an operation prints.
func shownLines(ctx context.Context, t *testing.T, f *Flow, name string, args url.Values) []toldLine {
	t.Helper()
	out, err := operation(ctx, f, name, args, "")
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var all []toldLine
	for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
		var l toldLine
		if err := in.Decode(&l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// TestRefusedTellsWhatWasFound: nothing but evidence is kept of what is refused;
// it says which rule, why, and what was found where, without a digit of it.
func TestRefusedTellsWhatWasFound(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		f.Configure(*f.set(), officerJudge(t))
		const words = "The card is 4532 0158 0736 2949, CVV: 731"
		_, mailErr := accept(ctx, f, submissionTo("p@pass.example"), strings.Replace(testMail, secretBody, words, 1))
		_, smsErr := submitAll(ctx, f, short(t, words, phonePass))
		if mailErr == nil || smsErr == nil {
			t.Fatal("it is not refused")
		}
		told := 0
		for _, r := range recordsLike(ctx, t, f, gateway.EventRefused) {
			story := shownLines(ctx, t, f, "audit.show", url.Values{"id": {r.Message.String()}})
			if len(story) != 2 {
				t.Fatalf("%d records", len(story))
			}
			head, judged := story[0].Detail, story[1].Detail
			if !strings.Contains(head["found"], "card_security_code high 1") && !strings.Contains(head["found"], "card_security_code medium 1") ||
				!strings.Contains(head["findings"], "card high in text ") || !strings.Contains(head["findings"], " at 12-31") || !strings.Contains(head["findings"], "card_security_code ") {
				t.Errorf("refused: %v", head)
			}
			if judged["rules"] != "cvv" || judged["why"] != `cvv: found(["card_security_code"], MEDIUM) = true (card_security_code)` {
				t.Errorf("judged: %v", judged)
			}
			if all, _ := json.Marshal(story); strings.Contains(string(all), "2949") || strings.Contains(string(all), "0736") || strings.Contains(string(all), "731") || strings.Contains(string(all), "**") {
				t.Errorf("the evidence holds what was found: %s", all)
			}
			told++
		}
		if told != 2 {
			t.Errorf("%d refusals", told)
		}
		return nil
	})
}

// TestEvidenceSaysWhatItDoesNotCount: of a type detection keeps as many values as
// rules tell apart. Where there may be more, evidence says so, as explanations do.
func TestEvidenceSaysWhatItDoesNotCount(t *testing.T) {
	w := newWorld(t)
	for n, want := range map[int][2]string{99: {"ssn high 99,", ", and 37 more"}, 100: {"ssn high 100 or more,", ", and at least 38 more"}, 400: {"ssn high 100 or more,", ", and at least 38 more"}} {
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			f.Configure(*f.set(), officerJudge(t))
			words := "The card is 4532 0158 0736 2949, CVV: 731\n"
			for i := range n {
				words += fmt.Sprintf("SSN 536-22-%04d\n", 1+i)
			}
			if _, err := accept(ctx, f, submissionTo("p@pass.example"), strings.Replace(testMail, secretBody, words, 1)); err == nil {
				t.Fatal("it is not refused")
			}
			for _, r := range recordsLike(ctx, t, f, gateway.EventRefused) {
				if !strings.Contains(r.Detail["found"]+",", want[0]) || !strings.Contains(r.Detail["findings"], want[1]) {
					t.Errorf("%d values: %s, %s", n, r.Detail["found"], r.Detail["findings"])
				}
			}
			return nil
		})
	}
}

// recordsLike are the records of an event.
func recordsLike(ctx context.Context, t *testing.T, f *Flow, event gateway.Event) (all []gateway.Record) {
	t.Helper()
	if _, err := f.Audit.Fold(ctx); err != nil {
		t.Fatal(err)
	}
	for seq := uint64(0); ; seq++ {
		e, err := f.Audit.Entry(ctx, seq)
		if err != nil {
			return all
		}
		if e.Event == event {
			all = append(all, e.Record)
		}
	}
}

// TestOfficersSeeTheRules: of an accepted message audit show has each verdict
// once and the rules in shadow, queue show every rule, and queue list finds what
// a rule decided.
func TestOfficersSeeTheRules(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		f.Configure(*f.set(), officerJudge(t))
		id, err := accept(ctx, f, submissionTo("a@out.example", "b@out.example"), strings.Replace(testMail, secretBody, "Her social security number is 536-22-8145. Dear Mary Miller", 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := accept(ctx, f, submissionTo("a@out.example"), strings.Replace(testMail, "<original@", "<other@", 1)); err != nil {
			t.Fatal(err)
		}
		verdicts, judged := 0, 0
		for _, l := range shownLines(ctx, t, f, "audit.show", url.Values{"id": {id.String()}}) {
			if v := l.Verdict; v != nil {
				verdicts++
				if len(v.Results) != 3 || v.Results[1].Why == "" || len(v.Findings) == 0 || v.Findings[0].Masked == "" {
					t.Errorf("verdict: %+v", v)
				}
			}
			if l.Event == gateway.EventAccepted && !strings.Contains(l.Detail["found"], "ssn high 1") {
				t.Errorf("accepted: %v", l.Detail)
			}
			if l.Event == gateway.EventJudged {
				judged++
				if l.Detail["shadow_rules"] != "names" || l.Detail["rules"] != "ids" || l.Detail["why"] != "" {
					t.Errorf("judged: %v", l.Detail)
				}
			}
		}
		if verdicts != 1 || judged != 2 {
			t.Errorf("%d verdicts of %d copies", verdicts, judged)
		}
		for _, l := range shownLines(ctx, t, f, "queue.show", url.Values{"id": {id.String() + ".1"}}) {
			if l.Verdict == nil || len(l.Verdict.Results) != 3 || l.Verdict.Results[0].Why == "" {
				t.Errorf("queue show: %+v", l.Verdict)
			}
		}
		for rule, want := range map[string]int{"ids": 2, "cvv": 0, "": 3} {
			for _, state := range []string{"", "held"} {
				if state == "held" && rule == "" {
					continue // one waits for its next hop
				}
				if got := shownLines(ctx, t, f, "queue.list", url.Values{"rule": {rule}, "state": {state}}); len(got) != want {
					t.Errorf("rule %q, state %q: %d envelopes, want %d", rule, state, len(got), want)
				}
			}
		}
		time.Sleep(time.Hour)
		for _, x := range []struct {
			since, state string
			want         int
		}{{"90m", "", 3}, {"90m", "held", 2}, {"30m", "", 0}, {"30m", "held", 0}} {
			if got := shownLines(ctx, t, f, "queue.list", url.Values{"since": {x.since}, "state": {x.state}}); len(got) != x.want {
				t.Errorf("since %s, state %q: %d envelopes, want %d", x.since, x.state, len(got), x.want)
			}
		}
		return nil
	})
}
