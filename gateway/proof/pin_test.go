package proof

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// secret is a standing PIN in tests, and counts what is done with it.
type secret struct {
	digits   string
	compared atomic.Int64
	entered  atomic.Int64
	busy     error
}

func (s *secret) pin(person gateway.PersonRef) *PIN {
	return &PIN{Assurance: gateway.StandingPIN, Person: person, Enter: func(context.Context) (func(string) bool, func(), error) {
		if s.busy != nil {
			return nil, nil, s.busy
		}
		s.entered.Add(1)
		right := func(digits string) bool { s.compared.Add(1); return digits == s.digits }
		return right, func() { s.entered.Add(-1) }, nil
	}}
}

var pat = gateway.PersonRef{1}

func (w *world) tryPIN(s *secret, session, typed string) tried {
	w.t.Helper()
	return w.attempt(Attempt{Link: w.link, Session: session, Typed: typed, Codes: true, PIN: s.pin(pat)})
}

func (w *world) pinStatus() Status {
	w.t.Helper()
	st, err := w.PINStatus(context.Background(), pat)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func TestPINNeedsNoCode(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154"}
	r := w.tryPIN(s, "", "739-154")
	if !r.Passed || r.Session == "" {
		t.Fatalf("%+v", r)
	}
	p, ok, err := w.Proof(context.Background(), r.Session, w.link)
	if !ok || p.Assurance != gateway.StandingPIN || p.Device || err != nil {
		t.Fatalf("%+v %v", p, err)
	}
	if again := w.tryPIN(s, r.Session, "000000"); !again.Passed || again.Session != r.Session || s.compared.Load() != 1 {
		t.Errorf("a form sent twice: %+v, compared %d times", again, s.compared.Load())
	}
	if s.entered.Load() != 0 {
		t.Error("a place is not given back")
	}
}

// TestLongPIN: six digits are for codes, a PIN may have more.
func TestLongPIN(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "7391548206"}
	session := w.newSession()
	w.ask(session)
	if r := w.tryPIN(s, session, "7391548206"); !r.Passed {
		t.Fatalf("%+v", r)
	}
	if st, _ := w.Book.Status(context.Background(), w.link, session); st.TriesLeft != 5 {
		t.Error("a PIN that cannot be a code was counted as one")
	}
}

// TestPausesAndFreezesOfAPIN counts through whichever link and leaves codes
// alone.
func TestPausesAndFreezesOfAPIN(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154"}
	for n := 1; n <= 10; n++ {
		w.link = gateway.LinkID{byte(n)} // each try through another link
		r := w.tryPIN(s, "", "739155")
		if r.Passed || r.Reason != gateway.ProofWrong || r.Frozen || r.Closed != (n == 10) || r.Status.TriesLeft != 5 {
			t.Fatalf("wrong PIN %d: %+v", n, r)
		}
		if left := w.pinStatus().TriesLeft; left != []int{4, 3, 2, 1, 0, 4, 3, 2, 1, 0}[n-1] {
			t.Fatalf("%d left after %d", left, n)
		}
		if n == 5 {
			if r := w.tryPIN(s, "", "739154"); r.Passed || r.Reason != gateway.ProofClosed || w.pinStatus().State != gateway.LinkPaused {
				t.Fatalf("the right PIN in the pause: %+v", r)
			}
			w.advance(15 * time.Minute)
		}
	}
	if r := w.tryPIN(s, "", "739154"); r.Passed || r.Reason != gateway.ProofClosed || w.pinStatus().State != gateway.LinkFrozen {
		t.Fatalf("the right PIN, frozen: %+v", r)
	}
	if s.compared.Load() != 10 {
		t.Fatalf("compared %d times", s.compared.Load())
	}
	session := w.newSession()
	if r := w.tryPIN(s, session, w.ask(session)); !r.Passed {
		t.Fatalf("a code beside a frozen PIN: %+v", r)
	}
	if w.pinStatus().State != gateway.LinkFrozen {
		t.Fatal("a code thawed the PIN by itself")
	}
	for _, want := range []bool{true, false} {
		if thawed, err := w.ThawPIN(context.Background(), pat, "uid:0"); err != nil || thawed != want {
			t.Fatalf("thawed %v, want %v: %v", thawed, want, err)
		}
	}
	if r := w.tryPIN(s, "", "739154"); !r.Passed {
		t.Fatalf("after the thaw: %+v", r)
	}
	if got := w.events(); got[gateway.EventPINPaused] != 1 || got[gateway.EventPINFrozen] != 1 || got[gateway.EventPINThawed] != 1 || got[gateway.EventLinkFrozen] != 0 {
		t.Errorf("evidence %v", got)
	}
}

// TestRightCodeLeavesThePINsCount: digits are compared with both; what they
// turned out not to be about gets its try back, and no more than that.
func TestRightCodeLeavesThePINsCount(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154"}
	w.tryPIN(s, "", "739155")
	for range dayCodes - 1 {
		w.advance(time.Minute)
		session := w.newSession()
		if r := w.tryPIN(s, session, w.ask(session)); !r.Passed {
			t.Fatalf("code: %+v", r)
		}
		if left := w.pinStatus().TriesLeft; left != 4 {
			t.Fatalf("%d tries left at the PIN", left)
		}
	}
	w.advance(time.Minute)
	session := w.newSession()
	w.try(session, not(w.ask(session)))
	if r := w.tryPIN(s, session, "739154"); !r.Passed || w.pinStatus().TriesLeft != 5 {
		t.Fatalf("PIN beside a code: %+v", r)
	}
	if st, _ := w.Book.Status(context.Background(), w.link, ""); st.TriesLeft != 4 {
		t.Errorf("%d tries left at the link", st.TriesLeft)
	}
}

// TestFifthRightCodeEndsItsOwnPause: the try that would pause the PIN was a
// code.
func TestFifthRightCodeEndsItsOwnPause(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154"}
	for range 4 {
		w.tryPIN(s, "", "739155")
	}
	session := w.newSession()
	if r := w.tryPIN(s, session, w.ask(session)); !r.Passed {
		t.Fatalf("code: %+v", r)
	}
	if st := w.pinStatus(); st.State != gateway.LinkActive || st.TriesLeft != 1 {
		t.Errorf("%+v", st)
	}
}

func TestBusySpendsNoTry(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154", busy: gateway.ErrBusy}
	_, err := w.Check(context.Background(), Attempt{Link: w.link, Typed: "739154", Codes: true, PIN: s.pin(pat)})
	if !errors.Is(err, gateway.ErrBusy) || w.pinStatus().TriesLeft != 5 || len(w.events()) != 0 {
		t.Errorf("%v, %+v, %v", err, w.pinStatus(), w.events())
	}
}

// TestHundredParallelPINs: no more than five are compared, and none twice.
func TestHundredParallelPINs(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "739154"}
	for _, want := range []int64{5, 10, 10} {
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() {
				r, err := w.Check(context.Background(), Attempt{Link: gateway.LinkID{byte(n)}, Typed: "739155", Codes: true, PIN: s.pin(pat)})
				if err != nil || r.Passed {
					t.Errorf("%+v, %v", r, err)
				}
			})
		}
		wg.Wait()
		if got := s.compared.Load(); got != want {
			t.Fatalf("%d PINs were compared, want %d", got, want)
		}
		w.advance(16 * time.Minute)
	}
	if got := w.events(); got[gateway.EventPINPaused] != 1 || got[gateway.EventPINFrozen] != 1 {
		t.Errorf("evidence %v", got)
	}
}

// TestSenderPINCountsForItsLink: without a person the tries are the link's.
func TestSenderPINCountsForItsLink(t *testing.T) {
	w, s := newWorld(t), &secret{digits: "49302718"}
	try := func(typed string) tried {
		return w.attempt(Attempt{Link: w.link, Typed: typed, PIN: s.pin(gateway.PersonRef{})})
	}
	for n := range 10 {
		if n == 5 {
			w.advance(16 * time.Minute)
		}
		if r := try("49302719"); r.Passed || r.Frozen != (n == 9) {
			t.Fatalf("try %d: %+v", n, r)
		}
	}
	if r := try("49302718"); r.Passed || r.Reason != gateway.ProofClosed || r.Status.State != gateway.LinkFrozen {
		t.Fatalf("%+v", r)
	}
}

// thawing is a frozen link with a thaw code in a session.
func thawing(t *testing.T) (w *world, session, digits string) {
	w = newWorld(t)
	if err := w.Freeze(context.Background(), w.link); err != nil {
		t.Fatal(err)
	}
	session = w.newSession()
	c, err := w.NewCode(context.Background(), w.link, session, Asked{Assurance: gateway.OtherChannel, Thaw: true})
	if err != nil {
		t.Fatal(err)
	}
	return w, session, c.Reveal()
}

func (w *world) tryThaw(session, typed string, only bool) tried {
	return w.attempt(Attempt{Link: w.link, Session: session, Typed: typed, Codes: true, Thaw: true, Only: only})
}

func TestThawByCode(t *testing.T) {
	w, s, c := thawing(t)
	r := w.tryThaw(s, c, false)
	if !r.Passed || !r.Thawed || r.Status.State != gateway.LinkActive {
		t.Fatalf("%+v", r)
	}
	if a, ok, _ := w.Proven(context.Background(), r.Session, w.link); !ok || a != gateway.OtherChannel {
		t.Error("the code proves nothing")
	}
	if got := w.events(); got[gateway.EventLinkThawed] != 1 || got[gateway.EventProofPassed] != 1 {
		t.Errorf("evidence %v", got)
	}
}

func TestThawOnly(t *testing.T) {
	w, s, c := thawing(t)
	r := w.tryThaw(s, c, true)
	if r.Passed || !r.Thawed || r.Status.State != gateway.LinkActive {
		t.Fatalf("%+v", r)
	}
	if _, ok, _ := w.Proven(context.Background(), r.Session, w.link); ok {
		t.Error("a code proves what demands more")
	}
}

func TestThawHasItsOwnFewTries(t *testing.T) {
	w, s, c := thawing(t)
	for range thawTries {
		if r := w.tryThaw(s, not(c), false); r.Passed || r.Thawed || r.Reason != gateway.ProofWrong {
			t.Fatalf("%+v", r)
		}
	}
	if r := w.tryThaw(s, c, false); r.Reason != gateway.ProofClosed || r.Status.State != gateway.LinkFrozen {
		t.Fatalf("%+v", r)
	}
	var closed *gateway.LinkClosedError
	if _, err := w.NewCode(context.Background(), w.link, s, Asked{Thaw: true}); !errors.As(err, &closed) {
		t.Fatal(err)
	}
	if got := w.events(); got[gateway.EventThawClosed] != 1 || got[gateway.EventLinkFrozen] != 0 {
		t.Errorf("evidence %v", got)
	}
	if _, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil {
		t.Fatal(err)
	}
	if st, _ := w.ThawStatus(context.Background(), w.link, s); st.State != gateway.LinkActive || st.Spent {
		t.Errorf("after staff thawed: %+v", st)
	}
}

func TestThreeThawCodes(t *testing.T) {
	w, s, _ := thawing(t)
	for n := range thawTries {
		w.advance(time.Minute)
		_, err := w.NewCode(context.Background(), w.link, s, Asked{Thaw: true})
		if (err == nil) != (n < thawTries-1) {
			t.Errorf("code %d: %v", n+2, err)
		}
	}
}

// TestReportedLinkIsNotThawedByCode: also when the code was on its way.
func TestReportedLinkIsNotThawedByCode(t *testing.T) {
	w, s, c := thawing(t)
	first, err := w.Report(context.Background(), w.link, gateway.NotForMe, []gateway.LinkID{w.link, {8}}, func(b *store.Batch) error { return nil })
	if !first || err != nil {
		t.Fatal(first, err)
	}
	if r := w.tryThaw(s, c, false); r.Passed || r.Thawed || r.Reason != gateway.ProofClosed {
		t.Fatalf("%+v", r)
	}
	for _, link := range []gateway.LinkID{w.link, {8}} {
		if st, _ := w.Book.Status(context.Background(), link, ""); !st.Locked || st.State != gateway.LinkFrozen {
			t.Errorf("%+v", st)
		}
	}
	if first, _ := w.Report(context.Background(), w.link, gateway.NotForMe, nil, func(b *store.Batch) error { return errInjected }); first {
		t.Error("reported twice")
	}
	if _, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil {
		t.Fatal(err)
	}
	if st, _ := w.Book.Status(context.Background(), w.link, ""); st.Locked || st.State != gateway.LinkActive {
		t.Errorf("after staff thawed: %+v", st)
	}
}

// TestProofMovesTheSession: what was proven before goes along, the secret from
// before is worth nothing, and a proof does not live longer than a session.
func TestProofMovesTheSession(t *testing.T) {
	w := newWorld(t)
	planted := w.newSession()
	first := w.try(planted, w.ask(planted)).Session
	other := gateway.LinkID{8}
	c, err := w.NewCode(context.Background(), other, first, Asked{})
	if err != nil {
		t.Fatal(err)
	}
	second := w.attempt(Attempt{Link: other, Session: first, Typed: c.Reveal(), Codes: true}).Session
	for _, s := range []string{planted, first} {
		if alive, _ := w.Alive(context.Background(), s); alive {
			t.Error("a session from before the proof lives")
		}
	}
	for _, link := range []gateway.LinkID{w.link, other} {
		if _, ok, _ := w.Proven(context.Background(), second, link); !ok {
			t.Errorf("link %v is not proven any more", link)
		}
	}
}

// TestTwinOfAUsedCode: within half a minute, with the right digits only.
func TestTwinOfAUsedCode(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	first := w.try(s, c)
	if r := w.try(s, not(c)); r.Passed || r.Reason != gateway.ProofNoCode {
		t.Fatalf("wrong digits in the session from before: %+v", r)
	}
	if r := w.try(s, c); !r.Passed || r.Session == first.Session || r.Session == s {
		t.Fatalf("twin: %+v", r)
	}
	w.advance(twinTime)
	if r := w.try(s, c); r.Passed {
		t.Fatalf("half a minute later: %+v", r)
	}
}
