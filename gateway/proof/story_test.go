package proof

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

// TestEachOperationFails runs a story with its 1st, 2nd, 3rd … store operation
// failed, undone and done with the answer lost, and then looks for a free try,
// a proof without evidence and a count without evidence.
func TestEachOperationFails(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			w.store.failAt, w.store.lost = n, lost
			told := story(w)
			done := w.store.ops < n
			w.store.failAt = 0
			checkStory(t, w, told, fmt.Sprintf("operation %d, answer lost %v", n, lost))
			if done {
				if n < 20 {
					t.Fatalf("the story has only %d operations", n)
				}
				break
			}
		}
	}
}

func story(w *world) (r told) {
	ctx := context.Background()
	var err error
	if r.session, err = w.NewSession(ctx); err != nil {
		return r
	}
	c, err := w.NewCode(ctx, w.link, r.session, Asked{Assurance: gateway.OtherChannel})
	if err != nil {
		return r
	}
	for _, pin := range []string{not(c.Reveal()), not(c.Reveal()), c.Reveal()} {
		result, err := w.Check(ctx, Attempt{Link: w.link, Session: r.session, Typed: pin, Codes: true})
		switch {
		case err != nil:
		case result.Passed:
			r.session = result.Session
			r.passed++
		case result.Reason == gateway.ProofWrong:
			r.refused++
		}
	}
	_ = w.Touch(ctx, r.session)
	return r
}

func checkStory(t *testing.T, w *world, r told, when string) {
	t.Helper()
	found := w.events()
	_, proven, _ := w.Proven(context.Background(), r.session, w.link)
	l, _, _ := get[ledger](context.Background(), w.store, ledgerKey(w.link))
	if (proven || r.passed > 0) && found[gateway.EventProofPassed] != 1 {
		t.Errorf("%s: proven without evidence: %v", when, found)
	}
	if r.passed > 0 && !proven {
		t.Errorf("%s: told passed and not proven", when)
	}
	if r.refused > found[gateway.EventProofFailed] || r.refused+r.passed > found[gateway.EventProofTried] {
		t.Errorf("%s: a free try: told %d wrong, evidence %v", when, r.refused, found)
	}
	if !proven && l.Wrong != found[gateway.EventProofTried] {
		t.Errorf("%s: %d tries counted, %d in evidence", when, l.Wrong, found[gateway.EventProofTried])
	}
	if len(l.Codes) > 0 && found[gateway.EventCodeSent] == 0 {
		t.Errorf("%s: a live code without evidence", when)
	}
}

// TestCountSurvivesACrashBeforeSettling stops between counting and settling: a
// new process finds the tries spent and the link closed.
func TestCountSurvivesACrashBeforeSettling(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	for n := range 10 {
		if n == 5 {
			w.advance(16 * time.Minute)
			s = w.newSession()
			c = w.ask(s)
		}
		about, _ := w.about(context.Background(), w.link)
		crashed := &try{Attempt: Attempt{Link: w.link, Codes: true}, about: about, digits: "000000", session: w.sessionHash(s)}
		if _, err := w.reserve(context.Background(), crashed); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.try(s, c); r.Passed || r.Status.State != gateway.LinkFrozen {
		t.Fatalf("after ten crashed tries: %+v", r)
	}
}

// TestLedgerAgainstModel plays random stories and compares with a model that
// knows nothing of stores.
func TestLedgerAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		s := w.newSession()
		code, wrong, pausedUntil := "", 0, time.Time{}
		var sent time.Time
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			open := wrong < 10 && !w.time().Before(pausedUntil)
			live := code != "" && w.time().Before(sent.Add(10*time.Minute))
			switch rapid.SampledFrom([]string{"ask", "wrong", "wrong", "right", "wait", "thaw"}).Draw(rt, "step") {
			case "ask":
				s = w.newSession()
				c, err := w.NewCode(context.Background(), w.link, s, Asked{})
				may := open && (sent.IsZero() || !w.time().Before(sent.Add(time.Minute)))
				if (err == nil) != may {
					rt.Fatalf("ask: %v, model says %v", err, may)
				}
				if err == nil {
					code, sent = c.Reveal(), w.time()
				} else {
					code = ""
				}
			case "wrong":
				// A code of an earlier session may still live on the link.
				before := w.events()[gateway.EventProofTried]
				w.try(s, "123456")
				counted := w.events()[gateway.EventProofTried] > before
				if counted && !open || !counted && open && live {
					rt.Fatalf("wrong: counted %v, open %v, live %v", counted, open, live)
				}
				if counted {
					if wrong++; wrong%5 == 0 {
						pausedUntil = w.time().Add(15 * time.Minute)
					}
				}
			case "right":
				if code == "" || !live {
					continue
				}
				if r := w.try(s, code); r.Passed != open {
					rt.Fatalf("right: %+v, open %v", r, open)
				}
				if open {
					code, wrong, pausedUntil = "", 0, time.Time{}
					s = w.newSession()
				}
			case "wait":
				w.advance(time.Duration(rapid.IntRange(1, 1200).Draw(rt, "seconds")) * time.Second)
				if alive, _ := w.Alive(context.Background(), s); !alive {
					s, code = w.newSession(), ""
				}
			case "thaw":
				if _, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil {
					rt.Fatal(err)
				}
				wrong, pausedUntil = 0, time.Time{}
			}
		}
	})
}
