package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

const staffPassword = "a long pass phrase"

// staff makes users.
func (w *world) staff(ctx context.Context, t *testing.T, f *Flow, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := operation(ctx, f, "user.add", url.Values{"name": {name}, "role": {"staff"}}, staffPassword); err != nil {
			t.Fatal(err)
		}
	}
}

// A member of staff reads on the page what was for them, and nothing else; the
// first reading is known, and each session leaves one record.
func TestStaffPage(t *testing.T) {
	w := newWorld(t)
	clear(w.hop.loopback)
	kv := emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		w.staff(ctx, t, f, "ann@clinic.example", "bob@clinic.example", "carl@clinic.example")
		link, v, sent := w.writer(ctx, t, f)
		first, err := f.Answer(ctx, link, v, gateway.Answer{Text: secretAnswer, Next: files(fileOf("a.txt", "text/plain", "x"))})
		if err != nil {
			return err
		}
		var b store.Batch
		if err := f.Threads.Secure(ctx, &b, first.Thread, gateway.MustAddress("bob@clinic.example")); err != nil {
			return err
		}
		if err := store.Write(ctx, f.Store, &b); err != nil {
			return err
		}
		second, err := f.Answer(ctx, link, v, gateway.Answer{Text: "for both"})
		if err != nil {
			return err
		}
		for name, may := range map[string]map[gateway.MessageID]bool{
			"ann":                {first.Message: true, second.Message: true, sent: true},
			"BOB@clinic.example": {first.Message: false, second.Message: true, sent: false},
			"carl":               {first.Message: false, second.Message: false, sent: false},
		} {
			session, err := f.StaffLogin(ctx, name, staffPassword, gateway.Visitor{})
			if err != nil {
				return err
			}
			for id, yes := range may {
				g, err := f.StaffOpen(ctx, session, id, -1, gateway.Visitor{})
				if yes != (err == nil) || !yes && !errors.Is(err, gateway.ErrNoTurn) {
					t.Errorf("%s opens %v: %v", name, id, err)
				}
				if err == nil && id == first.Message && !strings.Contains(w.read(ctx, t, f, g, link), secretAnswer) {
					t.Errorf("%s does not read the answer", name)
				}
			}
			if _, err := f.StaffOpen(ctx, session, gateway.MessageID{1}, -1, gateway.Visitor{}); !errors.Is(err, gateway.ErrNoTurn) {
				t.Errorf("no message: %v", err)
			}
		}
		e, err := f.envelope(ctx, gateway.EnvelopeID{Message: first.Message})
		if err != nil || e.Opened.IsZero() {
			t.Errorf("opened %v, %v", e.Opened, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// What a session of staff is worth: one record for each message, nothing after
// leaving, after its time, or when the account is disabled, and nothing on the
// pages of correspondents; theirs is worth nothing here.
func TestStaffSession(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.staff(ctx, t, f, "ann@clinic.example")
		link, v, _ := w.writer(ctx, t, f)
		done, err := f.Answer(ctx, link, v, gateway.Answer{Text: secretAnswer})
		if err != nil {
			return err
		}
		open := func(session string) error {
			_, err := f.StaffOpen(ctx, session, done.Message, -1, gateway.Visitor{Remote: "192.0.2.1"})
			return err
		}
		login := func() string {
			session, err := f.StaffLogin(ctx, "ann", staffPassword, gateway.Visitor{})
			if err != nil {
				t.Fatal(err)
			}
			return session
		}
		closed := func(what, session string) {
			t.Helper()
			if err := open(session); !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("%s: %v", what, err)
			}
		}
		closed("no session", "")
		closed("a guess", "guess")
		closed("a correspondent's session", v.Session)
		one := login()
		if _, err := f.Conversation(ctx, link, gateway.Visitor{Session: one}); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("a session of staff reads as a correspondent: %v", err)
		}
		for range 3 {
			if err := open(one); err != nil {
				return err
			}
			time.Sleep(10 * time.Minute)
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {done.Message.String()}}, "")
		if n := strings.Count(story, `"message.staff_opened"`); err != nil || n != 1 || strings.Contains(story, "192.0.2.1") {
			t.Errorf("%d records, %v", n, err)
		}
		if err := f.StaffLeave(ctx, one); err != nil {
			return err
		}
		closed("after leaving", one)
		two := login()
		time.Sleep(16 * time.Minute)
		closed("after idling", two)
		if n, err := f.Proof.Sweep(ctx); err != nil || n < 1 {
			t.Errorf("swept %d, %v", n, err)
		}
		three := login()
		if err := open(three); err != nil {
			return err
		}
		if _, err := operation(ctx, f, "user.disable", url.Values{"name": {"ann@clinic.example"}}, ""); err != nil {
			return err
		}
		closed("disabled", three)
		w.staff(ctx, t, f, "bob@clinic.example")
		four, err := f.StaffLogin(ctx, "bob", staffPassword, gateway.Visitor{})
		if err != nil {
			return err
		}
		if _, err := f.staffAccount(ctx, four); err != nil {
			t.Errorf("before another password: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := operation(ctx, f, "user.passwd", url.Values{"name": {"bob@clinic.example"}}, "another password"); err != nil {
			return err
		}
		if _, err := f.staffAccount(ctx, four); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("after another password: %v", err)
		}
		if five, err := f.StaffLogin(ctx, "bob", "another password", gateway.Visitor{}); err != nil {
			t.Errorf("with the other password: %v", err)
		} else if _, err := f.staffAccount(ctx, five); err != nil {
			t.Errorf("a session by the other password: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is gone says so to staff too.
func TestStaffPageOfWhatIsGone(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.staff(ctx, t, f, "ann@clinic.example")
		_, _, sent := w.writer(ctx, t, f)
		session, err := f.StaffLogin(ctx, "ann", staffPassword, gateway.Visitor{})
		if err != nil {
			return err
		}
		for _, c := range []struct {
			want   gateway.TurnState
			change func(m *gateway.Message)
		}{
			{gateway.TurnRecalled, func(m *gateway.Message) { m.Recalled = f.Now() }},
			{gateway.TurnExpired, func(m *gateway.Message) { m.Recalled = time.Time{}; m.Retain = f.Now() }},
			{gateway.TurnExpired, func(m *gateway.Message) { m.Retain = f.Now().Add(time.Hour); m.Staff = gateway.Wrap{} }},
		} {
			amend(ctx, t, f, messageKey(sent), c.change)
			var closed *gateway.TurnClosedError
			if _, err := f.StaffOpen(ctx, session, sent, -1, gateway.Visitor{}); !errors.As(err, &closed) || closed.State != c.want {
				t.Errorf("%s: %v", c.want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Wrong passwords are counted before they are compared: many at once are not
// more than one after the other, and none of them costs others their page.
func TestGuessesOfStaffPasswords(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.staff(ctx, t, f, "ann@clinic.example")
		thief := gateway.Visitor{Remote: "203.0.113.9"}
		var mu sync.Mutex
		var wg sync.WaitGroup
		wrong, soon := 0, 0
		for i := range 4 * guessesHere {
			wg.Go(func() {
				_, err := f.StaffLogin(ctx, "ann", fmt.Sprint("guess ", i), thief)
				mu.Lock()
				defer mu.Unlock()
				var wait *gateway.TooSoonError
				switch {
				case errors.Is(err, gateway.ErrNotProven):
					wrong++
				case errors.As(err, &wait) && wait.At.Equal(f.Now().Add(guessTime)):
					soon++
				case errors.Is(err, gateway.ErrBusy): // not compared
				default:
					t.Errorf("guess: %v", err)
				}
			})
		}
		wg.Wait()
		for soon == 0 {
			if _, err := f.StaffLogin(ctx, "ann", "one more guess", thief); errors.Is(err, gateway.ErrNotProven) {
				wrong++
				continue
			}
			soon++
		}
		if wrong > guessesHere {
			t.Errorf("%d compared", wrong)
		}
		for wrong < guessesHere {
			if _, err := f.StaffLogin(ctx, "ann", "one more guess", thief); !errors.Is(err, gateway.ErrNotProven) {
				break
			}
			wrong++
		}
		if _, err := f.StaffLogin(ctx, "ann", staffPassword, thief); err == nil {
			t.Error("the right password passed during the pause: it tells which one it is")
		}
		for i := range guessesHere - 1 { // mistyping, elsewhere
			if _, err := f.StaffLogin(ctx, "ann", fmt.Sprint("typo ", i), gateway.Visitor{}); !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("typo: %v", err)
			}
		}
		if _, err := f.StaffLogin(ctx, "ann", staffPassword, gateway.Visitor{}); err != nil {
			t.Errorf("the owner, from elsewhere: %v", err)
		}
		time.Sleep(guessTime)
		if _, err := f.StaffLogin(ctx, "ann", staffPassword, thief); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		if _, err := f.StaffLogin(ctx, "no @ name", staffPassword, thief); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("no name: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Guesses shut nobody out: neither those behind our own proxy, who are all one
// address, nor the owner of an account that many networks guess at. The
// addresses of one IPv6 customer are one network.
func TestGuessesShutNobodyOut(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.staff(ctx, t, f, "ann@clinic.example", "bob@clinic.example")
		guess := func(name, password, remote string) error {
			_, err := f.StaffLogin(ctx, name, password, gateway.Visitor{Remote: remote})
			return err
		}
		for i := range guessesEach + 1 {
			if err := guess(fmt.Sprint("nobody", i), "guess", "127.0.0.1"); !errors.Is(err, gateway.ErrNotProven) {
				t.Fatalf("guess %d behind the proxy: %v", i, err)
			}
		}
		if err := guess("bob", staffPassword, "127.0.0.1"); err != nil {
			t.Errorf("another one behind the proxy: %v", err)
		}
		for i := range guessesEach {
			if err := guess("ann", "guess", fmt.Sprintf("203.0.113.%d", i)); !errors.Is(err, gateway.ErrNotProven) {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		var wait *gateway.TooSoonError
		if err := guess("ann", staffPassword, "192.0.2.1"); !errors.As(err, &wait) || !wait.At.Equal(f.Now().Add(guessPause)) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(guessPause)
		if err := guess("ann", staffPassword, "192.0.2.1"); err != nil {
			t.Errorf("a moment later: %v", err)
		}
		for i := range guessesHere {
			if err := guess("bob", "guess", fmt.Sprintf("2001:db8:1:2::%x", i+1)); !errors.Is(err, gateway.ErrNotProven) {
				t.Fatalf("guess %d over IPv6: %v", i, err)
			}
		}
		if err := guess("bob", "guess", "2001:db8:1:3::1"); !errors.As(err, &wait) || !wait.At.Equal(f.Now().Add(guessTime)) {
			t.Errorf("from the same customer: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A flood of names is held in bounded memory and does not wash a count away.
func TestFloodOfGuesses(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(_ context.Context, f *Flow) error {
		now := f.Now()
		target := f.guess("ann@clinic.example", "203.0.113.9")
		for range guessesHere {
			f.guesses.take(target, 1, now)
		}
		for i := range 2 * meterKept {
			f.guesses.take(f.guess(fmt.Sprint("n", i), fmt.Sprint("c", i)), 1, now)
		}
		if n := len(f.guesses.spent); n > meterKept+3 {
			t.Errorf("%d counts in memory", n)
		}
		if f.guesses.take(target, 0, now).IsZero() {
			t.Error("the count is gone")
		}
		return nil
	})
}
