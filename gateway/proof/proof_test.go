package proof

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"gatepost/gateway"
	"gatepost/store"
)

func testMAC(purpose string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, []byte("a key for tests"))
	for _, p := range append([][]byte{[]byte(purpose)}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(p)))
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

type cryptoReader struct{}

func (cryptoReader) Read(p []byte) (int, error) { return rand.Read(p) }

func TestRightCodePassesOnce(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	r := w.try(s, c)
	if !r.Passed || r.Reason != "" || r.Session == s {
		t.Fatalf("right code: %+v", r)
	}
	if _, ok, _ := w.Proven(context.Background(), s, w.link); ok {
		t.Fatal("the session before the proof has it too")
	}
	s = r.Session
	if a, ok, err := w.Proven(context.Background(), s, w.link); !ok || a != gateway.OtherChannel || err != nil {
		t.Fatalf("Proven = %v %v %v", a, ok, err)
	}
	if got := w.events(); got[gateway.EventCodeSent] != 1 || got[gateway.EventProofTried] != 1 || got[gateway.EventProofPassed] != 1 {
		t.Fatalf("evidence %v", got)
	}
	if r := w.try(s, "000000"); !r.Passed {
		t.Fatalf("a form sent twice: %+v", r)
	}
	other := w.newSession()
	if r := w.try(other, c); r.Passed || r.Reason != gateway.ProofNoCode {
		t.Fatalf("used code in another session: %+v", r)
	}
}

func TestCodeWorksOnlyWhereItWasAsked(t *testing.T) {
	w := newWorld(t)
	asker, thief := w.newSession(), w.newSession()
	c := w.ask(asker)
	for _, s := range []string{thief, "", "no such session"} {
		if r := w.try(s, c); r.Passed || r.Reason != gateway.ProofNoCode {
			t.Fatalf("code in a foreign session: %+v", r)
		}
	}
	if st, _ := w.Status(context.Background(), w.link, asker); st.TriesLeft != 2 {
		t.Fatalf("guesses from foreign sessions at a live code cost nothing: %+v", st)
	}
	if st, _ := w.Status(context.Background(), w.link, thief); !st.CodeSentAt.IsZero() {
		t.Fatal("a session is told of another's code")
	}
	if r := w.try(asker, c); !r.Passed {
		t.Fatalf("asker: %+v", r)
	}
	if _, ok, _ := w.Proven(context.Background(), thief, w.link); ok {
		t.Fatal("the thief's session is proven too")
	}
	if _, ok, _ := w.Proven(context.Background(), asker, gateway.LinkID{8}); ok {
		t.Fatal("a proof of one link proves another")
	}
}

func TestCodeEndsAfterItsTime(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	w.advance(10*time.Minute - time.Second)
	if st, _ := w.Status(context.Background(), w.link, s); st.CodeSentAt.IsZero() || !st.CodeUntil.After(w.time()) {
		t.Fatalf("status %+v", st)
	}
	w.advance(time.Second)
	r := w.try(s, c)
	if r.Passed || r.Reason != gateway.ProofNoCode || r.Status.TriesLeft != 5 {
		t.Fatalf("old code: %+v", r)
	}
}

func TestResendWaitsAndReplaces(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	first := w.ask(s)
	w.advance(59 * time.Second)
	var soon *gateway.TooSoonError
	for _, session := range []string{s, w.newSession()} {
		_, err := w.NewCode(context.Background(), w.link, session, Asked{})
		if !errors.As(err, &soon) || !soon.At.Equal(w.time().Add(time.Second)) {
			t.Fatalf("resend after 59 s: %v", err)
		}
	}
	w.advance(time.Second)
	second := w.ask(s)
	if first == second { // one in a million
		t.Skip("two equal codes")
	}
	if r := w.try(s, first); r.Passed {
		t.Fatal("a replaced code works")
	}
	if r := w.try(s, second); !r.Passed {
		t.Fatalf("newest code: %+v", r)
	}
}

func TestTwoDevicesKeepTheirCodes(t *testing.T) {
	w := newWorld(t)
	phone, desk := w.newSession(), w.newSession()
	a := w.ask(phone)
	w.advance(time.Minute)
	b := w.ask(desk)
	if r := w.try(phone, a); !r.Passed {
		t.Fatalf("phone: %+v", r)
	}
	if r := w.try(desk, b); !r.Passed {
		t.Fatalf("desk: %+v", r)
	}
}

// TestCodesPushNoCodeOut: who asks in ever more sessions takes nobody's code
// away; a device may replace its own.
func TestCodesPushNoCodeOut(t *testing.T) {
	w := newWorld(t)
	owner, until := w.newSession(), w.time().Add(w.config.CodeTTL)
	first := w.ask(owner)
	for range maxCodes - 1 {
		w.advance(time.Minute)
		w.ask(w.newSession())
	}
	w.advance(time.Minute)
	other := w.newSession()
	var soon *gateway.TooSoonError
	if _, err := w.NewCode(context.Background(), w.link, other, Asked{}); !errors.As(err, &soon) || !soon.At.Equal(until) {
		t.Fatalf("one more code: %v", err)
	}
	if st, _ := w.Status(context.Background(), w.link, other); !st.ResendAt.Equal(until) {
		t.Errorf("the page says %v", st.ResendAt)
	}
	if st, _ := w.Status(context.Background(), w.link, owner); st.ResendAt.After(w.time()) {
		t.Errorf("the page of who has a code says %v", st.ResendAt)
	}
	if r := w.try(owner, first); !r.Passed {
		t.Fatalf("the first code: %+v", r)
	}
	w.advance(until.Sub(w.time()))
	w.ask(other)
}

// TestCodesOfADay: a link sends ten codes within a day, and more when staff
// has thawed it.
func TestCodesOfADay(t *testing.T) {
	w := newWorld(t)
	s, begun := w.newSession(), w.time()
	for range dayCodes {
		w.ask(s)
		w.advance(time.Minute)
	}
	var soon *gateway.TooSoonError
	for _, session := range []string{s, w.newSession()} {
		if _, err := w.NewCode(context.Background(), w.link, session, Asked{}); !errors.As(err, &soon) || !soon.At.Equal(begun.Add(day)) {
			t.Fatalf("code %d: %v", dayCodes+1, err)
		}
	}
	w.advance(begun.Add(day).Sub(w.time()))
	s = w.newSession()
	w.ask(s)
	w.advance(time.Minute)
	if _, err := w.NewCode(context.Background(), w.link, s, Asked{}); err != nil {
		t.Fatalf("a minute later the second of the day has gone, too: %v", err)
	}
	w.advance(time.Minute / 2)
	if _, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil {
		t.Fatal(err)
	}
	if l, _, _ := get[ledger](context.Background(), w.store, ledgerKey(w.link)); len(l.Asked) != 0 {
		t.Errorf("%d codes count after a thaw", len(l.Asked))
	}
}

// TestThawForgetsWrongTries of a link that is not closed yet, and says so.
func TestThawForgetsWrongTries(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	w.try(s, not(w.ask(s)))
	for _, want := range []bool{true, false} {
		if thawed, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil || thawed != want {
			t.Errorf("thawed %v, want %v: %v", thawed, want, err)
		}
	}
	if got := w.events()[gateway.EventLinkThawed]; got != 1 {
		t.Errorf("evidence of %d thaws", got)
	}
}

func TestPauseThenFreezeThenThaw(t *testing.T) {
	w := newWorld(t)
	s, c := w.newSession(), ""
	for n := 1; n <= 10; n++ {
		if n == 1 || n == 6 || n == 8 { // tries count across codes
			w.advance(time.Minute)
			if n == 6 {
				s = w.newSession() // and across sessions
			}
			c = w.ask(s)
		}
		r := w.try(s, not(c))
		left := []int{4, 3, 2, 1, 0, 4, 3, 2, 1, 0}[n-1]
		if r.Passed || r.Reason != gateway.ProofWrong || r.Status.TriesLeft != left {
			t.Fatalf("wrong try %d: %+v", n, r)
		}
		if n == 5 {
			pausedRefuses(t, w, s)
			w.advance(15 * time.Minute)
		}
	}
	w.advance(1000 * time.Hour)
	s = w.newSession()
	var closed *gateway.LinkClosedError
	if _, err := w.NewCode(context.Background(), w.link, s, Asked{}); !errors.As(err, &closed) || closed.State != gateway.LinkFrozen {
		t.Fatalf("code for a frozen link: %v", err)
	}
	if r := w.try(s, "123456"); r.Reason != gateway.ProofClosed || r.Status.State != gateway.LinkFrozen {
		t.Fatalf("try on a frozen link: %+v", r)
	}
	for _, want := range []bool{true, false} {
		if thawed, err := w.Thaw(context.Background(), w.link, "uid:0"); err != nil || thawed != want {
			t.Fatalf("thawed %v, want %v: %v", thawed, want, err)
		}
	}
	if r := w.try(s, w.ask(s)); !r.Passed {
		t.Fatalf("after thaw: %+v", r)
	}
	want := map[gateway.Event]int{
		gateway.EventCodeSent: 4, gateway.EventProofTried: 11, gateway.EventProofFailed: 10, gateway.EventLinkPaused: 1,
		gateway.EventLinkFrozen: 1, gateway.EventLinkThawed: 1, gateway.EventProofPassed: 1,
	}
	if got := w.events(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("evidence\n %v, want\n %v", got, want)
	}
}

func pausedRefuses(t *testing.T, w *world, s string) {
	t.Helper()
	before := w.events()
	w.advance(15*time.Minute - time.Second)
	r := w.try(s, "123456")
	if r.Reason != gateway.ProofClosed || r.Status.State != gateway.LinkPaused || !r.Status.PausedUntil.Equal(w.time().Add(time.Second)) {
		t.Fatalf("try on a paused link: %+v", r)
	}
	var closed *gateway.LinkClosedError
	if _, err := w.NewCode(context.Background(), w.link, w.newSession(), Asked{}); !errors.As(err, &closed) || closed.State != gateway.LinkPaused {
		t.Fatalf("code for a paused link: %v", err)
	}
	if fmt.Sprint(before) != fmt.Sprint(w.events()) {
		t.Fatal("a refused try left evidence")
	}
	w.advance(-15*time.Minute + time.Second)
}

func TestTenthTryMayBeRight(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	for n := range 9 {
		if n == 5 {
			w.advance(16 * time.Minute)
			s = w.newSession()
			c = w.ask(s)
		}
		w.try(s, not(c))
	}
	if r := w.try(s, c); !r.Passed {
		t.Fatalf("tenth try: %+v", r)
	}
	st, _ := w.Status(context.Background(), w.link, s)
	if st.State != gateway.LinkActive || st.TriesLeft != 5 {
		t.Fatalf("a right try clears the count: %+v", st)
	}
}

func TestMalformedCostsNothing(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	w.ask(s)
	for _, pin := range []string{"", "12345", "1234567", "12345x", "one two", strings.Repeat("1", 6) + strings.Repeat(" ", 200), "\x00\x00\x00", "12345\xff"} {
		if r := w.try(s, pin); r.Reason != gateway.ProofMalformed || r.Status.TriesLeft != 5 {
			t.Errorf("%q: %+v", pin, r)
		}
	}
}

func TestCodeAsPeopleTypeIt(t *testing.T) {
	for _, typed := range []string{"012345", " 012345\n", "012 345", "012-345", "0 1 2 3 4 5", "012.345", "\u2066012345\u2069", "012\u00a0345",
		"\uff10\uff11\uff12\uff13\uff14\uff15", "\u0660\u0661\u0662\u0663\u0664\u0665", "\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5", "\u0966\u0967\u0968\u0969\u096a\u096b"} {
		if got, ok := plainDigits(typed); !ok || got != "012345" {
			t.Errorf("%+q read as %q %v", typed, got, ok)
		}
	}
}

// TestDigitsOfEveryScript holds digitValue against what Unicode promises: ten
// digits side by side, zero first.
func TestDigitsOfEveryScript(t *testing.T) {
	zero := rune(-1)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsDigit(r) {
			continue
		}
		if zero < 0 || r > zero+9 {
			zero = r
		}
		if got := rune(digitValue(r)); got != r-zero {
			t.Errorf("%U is %d, want %d", r, got, r-zero)
		}
	}
}

func FuzzPlainDigits(f *testing.F) {
	for _, s := range []string{"123456", "", "12 34 56", "\u0661\u0662\u0663\u0664\u0665\u0666"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := plainDigits(s)
		if ok && (len(got) < minPIN || len(got) > maxPIN || strings.Trim(got, "0123456789") != "") {
			t.Fatalf("%q read as %q", s, got)
		}
	})
}

func TestRandomCodeHasNoBias(t *testing.T) {
	draws := []struct {
		raw  uint32
		want string
	}{{0, "000000"}, {999_999, "999999"}, {1_000_000, "000000"}, {4_293_999_999, "999999"}}
	for _, d := range draws {
		got, err := randomCode(bytes.NewReader(store.Uint32(d.raw)))
		if err != nil || got != d.want {
			t.Errorf("%d drew %q %v, want %q", d.raw, got, err, d.want)
		}
	}
	rejected := append(append(store.Uint32(4_294_000_000), store.Uint32(0xffffffff)...), store.Uint32(42)...)
	if got, err := randomCode(bytes.NewReader(rejected)); err != nil || got != "000042" {
		t.Errorf("draws above the last multiple: %q %v", got, err)
	}
	if _, err := randomCode(bytes.NewReader(nil)); err == nil {
		t.Error("a code without randomness")
	}
}

func TestStoreHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	c := w.ask(s)
	w.try(s, not(c))
	w.try(s, c)
	for _, v := range w.store.asked {
		if bytes.Contains(v, []byte(s)) || bytes.Contains(v, []byte(`"`+c)) {
			t.Fatalf("a secret in %s", v)
		}
	}
	for k := range w.store.items {
		if strings.Contains(k, s) || strings.Contains(k, c) {
			t.Fatal("a secret in a key")
		}
	}
}

func TestEvidenceNamesMessageAndPerson(t *testing.T) {
	w := newWorld(t)
	known := gateway.Link{ID: w.link, Envelope: gateway.EnvelopeID{Message: gateway.MessageID{1}, N: 3}, Person: gateway.PersonRef{9}}
	var b store.Batch
	_ = b.PutRecord(store.Key(store.Links, w.link[:]), known)
	_ = w.store.Commit(context.Background(), &b)
	about, err := w.about(context.Background(), w.link)
	if err != nil || about.Message != known.Envelope.Message || about.Envelope != known.Envelope.String() || len(about.Persons) != 1 {
		t.Fatalf("%+v, %v", about, err)
	}
}

func TestCarrierIsCommittedWithTheCode(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	var carried gateway.Sensitive
	c, err := w.NewCode(context.Background(), w.link, s, Asked{Also: func(b *store.Batch, code gateway.Sensitive) error {
		carried = code
		b.Put([]byte("carrier"), []byte("mail"))
		return nil
	}})
	if err != nil || carried != c || w.store.items["carrier"].Version == 0 {
		t.Fatalf("%v, carried %v", err, carried == c)
	}
	w.advance(time.Minute)
	_, err = w.NewCode(context.Background(), w.link, s, Asked{Also: func(*store.Batch, gateway.Sensitive) error { return errInjected }})
	if !errors.Is(err, errInjected) || w.events()[gateway.EventCodeSent] != 1 {
		t.Fatalf("a code without carrier: %v", err)
	}
	if a, _, _ := w.Proven(context.Background(), s, w.link); a != "" {
		t.Fatal("proven too early")
	}
	s = w.try(s, c.Reveal()).Session
	if a, _, _ := w.Proven(context.Background(), s, w.link); a != gateway.SameChannel {
		t.Fatalf("assurance that nobody stated is %q", a)
	}
}

// told is what the story's reader was told.
type told struct {
	session         string
	passed, refused int
}
