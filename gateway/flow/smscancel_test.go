package flow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
	"gatepost/store"
)

const shortSource = "+15550001111"

func answerOf(err error) uint32 {
	if err == nil {
		return gateway.StatusOK
	}
	if errors.Is(err, gateway.ErrNoShortMessage) {
		return gateway.StatusInvalidID
	}
	return gateway.FaultOf(err).SMPP
}

// asked is a text whose application wants a receipt.
func asked(t testing.TB, words, to string) []gateway.Segment {
	t.Helper()
	segments := short(t, words, to)
	for i := range segments {
		segments[i].Registered = 1
	}
	return segments
}

func queryState(ctx context.Context, t *testing.T, f *Flow, id string) gateway.ReceiptState {
	t.Helper()
	s, err := f.QuerySMS(ctx, "esme1", id, destination(shortSource))
	if err != nil {
		return gateway.ReceiptState(err.Error())
	}
	return s.State
}

// TestQuery follows a message through its states.
func TestQuery(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, append(asked(t, "hello", phonePass), asked(t, "hold this", phoneHold)...))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, account, id string
			source            gateway.Line
			want              uint32
		}{
			{"its own", "esme1", ids[0], destination(shortSource), gateway.StatusOK},
			{"source spelled otherwise", "esme1", ids[0], gateway.Line{Addr: "0015550001111"}, gateway.StatusOK},
			{"no source", "esme1", ids[0], gateway.Line{}, gateway.StatusOK},
			{"upper case", "esme1", strings.ToUpper(ids[0]), gateway.Line{}, gateway.StatusOK},
			{"held", "esme1", ids[1], gateway.Line{}, gateway.StatusOK},
			{"another source", "esme1", ids[0], destination("+15550002222"), gateway.StatusInvalidID},
			{"another account", "esme2", ids[0], destination(shortSource), gateway.StatusInvalidID},
			{"no id", "esme1", "", gateway.Line{}, gateway.StatusInvalidID},
			{"no such id", "esme1", newID(t, f).String(), gateway.Line{}, gateway.StatusInvalidID},
			{"nonsense", "esme1", "'; drop", gateway.Line{}, gateway.StatusInvalidID},
		} {
			s, err := f.QuerySMS(ctx, c.account, c.id, c.source)
			if answerOf(err) != c.want || err == nil && (s.State != gateway.Enroute || !s.Final.IsZero()) {
				t.Errorf("%s: %s, %v", c.name, s.State, err)
			}
		}
		deliverAll(ctx, f, time.Minute)
		if got := queryState(ctx, t, f, ids[0]); got != gateway.Enroute {
			t.Errorf("at the carrier: %s", got)
		}
		done := f.Now().Truncate(time.Minute)
		if err := f.ReceiptSMS(ctx, gateway.Receipt{ID: "00000001", State: gateway.StateExpired, Done: done}); err != nil {
			t.Fatal(err)
		}
		if s, err := f.QuerySMS(ctx, "esme1", ids[0], gateway.Line{}); err != nil || s.State != gateway.StateExpired || !s.Final.Equal(done) {
			t.Errorf("after its receipt: %s at %v, %v", s.State, s.Final, err)
		}
		return nil
	})
}

// A mail of staff is no short message of an application, whatever its id.
func TestQueryOfAMail(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	id := w.acceptInto(t, kv, submissionTo("p@pass.example"), testMail)
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := f.QuerySMS(ctx, "", id.String(), gateway.Line{}); !errors.Is(err, gateway.ErrNoShortMessage) {
			t.Errorf("answered %v", err)
		}
		if err := f.CancelSMS(ctx, "", id.String(), "", gateway.Line{}, gateway.Line{}); !errors.Is(err, gateway.ErrNoShortMessage) {
			t.Errorf("answered %v", err)
		}
		return nil
	})
}

// TestCancel: what was cancelled never leaves, its application hears DELETED
// once, and what has left is not cancelled.
func TestCancel(t *testing.T) {
	for name, to := range map[string]string{"queued": phonePass, "secured": phoneSecure, "held": phoneHold} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, secretBody, to))
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct {
					account      string
					source, dest gateway.Line
				}{{"esme2", destination(shortSource), gateway.Line{}}, {"esme1", destination("+15550002222"), gateway.Line{}}, {"esme1", gateway.Line{}, destination("+15550002222")}} {
					if err := f.CancelSMS(ctx, c.account, ids[0], "", c.source, c.dest); answerOf(err) != gateway.StatusInvalidID {
						t.Errorf("somebody else's: %v", err)
					}
				}
				for range 2 {
					if err := f.CancelSMS(ctx, "esme1", ids[0], "", destination(shortSource), destination(to)); err != nil {
						t.Fatal(err)
					}
				}
				deliverAll(ctx, f, time.Hour)
				f.agendaOnce(ctx)
				if got := w.smsc.to(to); len(got) > 0 {
					t.Errorf("%d segments left", len(got))
				}
				if got, want := toTell(ctx, t, f), []string{ids[0] + ":DELETED"}; !slices.Equal(got, want) {
					t.Errorf("the application hears %q", got)
				}
				if got := queryState(ctx, t, f, ids[0]); got != gateway.StateDeleted {
					t.Errorf("it is %s", got)
				}
				if n := recordsOf(ctx, t, f, gateway.EventCancelled); n != 1 {
					t.Errorf("%d records of it", n)
				}
				return nil
			})
		})
	}
}

func TestCancelWhatHasLeft(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, asked(t, "hello", phonePass))
		if err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if err := f.CancelSMS(ctx, "esme1", ids[0], "", destination(shortSource), gateway.Line{}); answerOf(err) != gateway.StatusCancelFailed {
			t.Errorf("answered %v", err)
		}
		if got := toTell(ctx, t, f); len(got) > 0 {
			t.Errorf("the application hears %q", got)
		}
		return nil
	})
}

// Without an id all goes that waits between two ends under that service_type,
// parts that wait for others too.
func TestCancelWithoutAnID(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		mine := slices.Concat(asked(t, "one", phonePass), asked(t, "two", phonePass), asked(t, longWords, phonePass)[:2])
		others := append(asked(t, "of another service", phonePass), asked(t, "to another telephone", phoneHold)...)
		others[0].ServiceType = "LAB"
		ids, err := submitAll(ctx, f, append(mine, others...))
		if err != nil {
			t.Fatal(err)
		}
		cancel := func() error {
			return f.CancelSMS(ctx, "esme1", "", "", destination(shortSource), destination(phonePass))
		}
		if err := cancel(); err != nil {
			t.Fatal(err)
		}
		var want []string
		for i, id := range ids {
			state := gateway.Enroute
			if i < len(mine) {
				state = gateway.StateDeleted
				want = append(want, id+":DELETED")
			}
			if got := queryState(ctx, t, f, id); got != state {
				t.Errorf("message %d is %s, want %s", i, got, state)
			}
		}
		got := toTell(ctx, t, f)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the application hears %q, want %q", got, want)
		}
		if err := cancel(); answerOf(err) != gateway.StatusInvalidID {
			t.Errorf("again: %v", err)
		}
		return nil
	})
}

// A part that waits for the others is asked for and cancelled alone; with the
// text complete all of it goes.
func TestCancelOfParts(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		parts := asked(t, longWords, phonePass)
		ids, err := submitAll(ctx, f, parts[:2])
		if err != nil {
			t.Fatal(err)
		}
		if got := queryState(ctx, t, f, ids[1]); got != gateway.Enroute {
			t.Errorf("waiting: %s", got)
		}
		if err := f.CancelSMS(ctx, "esme1", ids[1], "", destination(shortSource), gateway.Line{}); err != nil {
			t.Fatal(err)
		}
		if got := queryState(ctx, t, f, ids[1]); got != gateway.StateDeleted {
			t.Errorf("cancelled: %s", got)
		}
		rest, err := submitAll(ctx, f, parts[1:]) // the part again, and the last one
		if err != nil {
			t.Fatal(err)
		}
		if err := f.CancelSMS(ctx, "esme1", ids[0], "", destination(shortSource), gateway.Line{}); err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if got := w.smsc.to(phonePass); len(got) > 0 {
			t.Errorf("%d segments left", len(got))
		}
		want := []string{ids[1] + ":DELETED", ids[0] + ":DELETED", rest[0] + ":DELETED", rest[1] + ":DELETED"}
		if got := toTell(ctx, t, f); !slices.Equal(got, want) {
			t.Errorf("the application hears %q, want %q", got, want)
		}
		for _, id := range append(ids, rest...) {
			if got := queryState(ctx, t, f, id); got != gateway.StateDeleted {
				t.Errorf("%s is %s", id, got)
			}
			if err := f.CancelSMS(ctx, "esme1", id, "", destination(shortSource), gateway.Line{}); err != nil {
				t.Errorf("again: %v", err)
			}
		}
		return nil
	})
}

// TestCancelRacesDelivery: either the message leaves, or the cancellation
// succeeds, and never both.
func TestCancelRacesDelivery(t *testing.T) {
	cancelled, left := 0, 0
	for wait := range 30 {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			ids, err := submitAll(ctx, f, asked(t, "hello", phonePass))
			if err != nil {
				t.Fatal(err)
			}
			w.smsc.answer = func(gateway.Segment) (uint32, bool) { time.Sleep(5 * time.Millisecond); return 0, false }
			running, stop := context.WithCancel(ctx)
			var g errgroup.Group
			g.Go(func() error {
				time.Sleep(10 * time.Millisecond)
				return f.queue.Run(running)
			})
			time.Sleep(time.Duration(wait) * time.Millisecond)
			err = f.CancelSMS(ctx, "esme1", ids[0], "", destination(shortSource), gateway.Line{})
			time.Sleep(time.Minute)
			stop()
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			n := len(w.smsc.to(phonePass))
			if (err == nil) != (n == 0) || err != nil && answerOf(err) != gateway.StatusCancelFailed {
				t.Errorf("after %d ms: %v, and %d left", wait, err, n)
			}
			if left += n; err == nil {
				cancelled++
			}
			return nil
		})
	}
	if left == 0 || cancelled == 0 {
		t.Errorf("no race: %d left, %d cancelled", left, cancelled)
	}
}

// TestReplace: after success only the new text leaves, under the old id; it is
// judged anew, and what policy refuses changes nothing.
func TestReplace(t *testing.T) {
	replacing := func(words string) gateway.Segment {
		return gateway.Segment{Source: destination(shortSource), Short: []byte(words), Registered: 1}
	}
	for _, c := range []struct {
		name, to string
		account  string
		words    string
		want     uint32
		tells    string // the telephone, in the end; "": nothing
	}{
		{"queued", phonePass, "esme1", "the new text", gateway.StatusOK, "the new text"},
		{"held", phoneHold, "esme1", "the new text", gateway.StatusOK, ""},
		{"another account", phonePass, "esme2", "the new text", gateway.StatusInvalidID, "the old text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, "the old text", c.to))
				if err != nil {
					t.Fatal(err)
				}
				if err := f.ReplaceSMS(ctx, c.account, ids[0], replacing(c.words)); answerOf(err) != c.want {
					t.Fatalf("answered %v", err)
				}
				deliverAll(ctx, f, time.Minute)
				if got := w.smsc.told(c.to); got != c.tells || len(w.smsc.to(c.to)) > 1 {
					t.Errorf("the telephone shows %q", got)
				}
				if got := queryState(ctx, t, f, ids[0]); got != gateway.Enroute {
					t.Errorf("it is %s", got)
				}
				if err := f.ReceiptSMS(ctx, receiptFor("00000001", gateway.StateSent)); err != nil {
					t.Fatal(err)
				}
				if got := toTell(ctx, t, f); c.tells != "" && !slices.Equal(got, []string{ids[0] + ":DELIVRD"}) {
					t.Errorf("the application hears %q", got)
				}
				return nil
			})
		})
	}
}

func TestReplaceRefused(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		segment := asked(t, "the old text", phonePass)[0]
		segment.Short = append([]byte{5, 0, 3, 1, 2, 1}, "part"...)
		header := segment
		header.ESMClass = 0x40
		header.Short = append([]byte{6, 5, 4, 0x15, 0x82, 0, 0}, "port"...)
		ids, err := submitAll(ctx, f, slices.Concat(asked(t, longWords, phonePass), []gateway.Segment{header}, asked(t, "has left", phoneHold)))
		if err != nil {
			t.Fatal(err)
		}
		w.smsc.down = true
		deliverAll(ctx, f, 10*time.Second)
		for i, id := range ids[:4] {
			err := f.ReplaceSMS(ctx, "esme1", id, gateway.Segment{Source: destination(shortSource), Short: []byte("new")})
			if answerOf(err) != gateway.StatusReplaceFailed {
				t.Errorf("message %d: %v", i, err)
			}
		}
		return nil
	})
}

// Operators see how far a short message came, and under which ids its
// application knows it.
func TestOperatorsSeeShortMessages(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, asked(t, longWords, phonePass))
		if err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		if err := f.ReceiptSMS(ctx, receiptFor("00000002", gateway.StateExpired)); err != nil {
			t.Fatal(err)
		}
		var id gateway.MessageID
		if err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) { id = m.ID }); err != nil {
			t.Fatal(err)
		}
		out, err := operation(ctx, f, "message.show", url.Values{"id": {id.String()}}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(ids, `"account":"esme1"`, `{"sent":true,"id":"00000002","state":"EXPIRED","error":"001"}`, `"recipient":"`+phonePass+`"`) {
			if !strings.Contains(out, want) {
				t.Errorf("message show lacks %s: %s", want, out)
			}
		}
		out, err = operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if err != nil || !strings.Contains(out, string(gateway.EventReceipt)) || !strings.Contains(out, `"state":"EXPIRED"`) {
			t.Errorf("audit show: %s, %v", out, err)
		}
		return nil
	})
}

// TestReplaceIsJudgedAnew: a policy that refuses leaves the old text where it
// was, one that secures lets nothing of the new one out.
func TestReplaceIsJudgedAnew(t *testing.T) {
	for action, want := range map[string]struct {
		answer uint32
		tells  string
	}{"reject": {gateway.StatusReplaceFailed, "the old text"}, "secure": {gateway.StatusOK, "secure.clinic.example"}} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				ids, err := submitAll(ctx, f, asked(t, "the old text", phonePass))
				if err != nil {
					t.Fatal(err)
				}
				p, err := policy.Load("strict.yaml", []byte("policy: strict\ndefault: pass\nrules:\n  - {id: all, reason: strict, when: 'channel == \"sms\"', then: "+action+"}\n"))
				if err != nil {
					t.Fatal(err)
				}
				d, err := detect.New(detect.Config{Own: p.Detectors(), OwnIdentifiers: p.OwnIdentifiers()})
				if err != nil {
					t.Fatal(err)
				}
				f.Configure(*f.set(), NewJudge(p, d))
				segment := gateway.Segment{Source: destination(shortSource), Short: []byte(secretBody)}
				if err := f.ReplaceSMS(ctx, "esme1", ids[0], segment); answerOf(err) != want.answer {
					t.Fatalf("answered %v", err)
				}
				deliverAll(ctx, f, time.Minute)
				if got := w.smsc.told(phonePass); !strings.Contains(got, want.tells) || strings.Contains(got, "ebrafinch") || len(w.smsc.to(phonePass)) != 1 {
					t.Errorf("the telephone shows %q", got)
				}
				if n := recordsOf(ctx, t, f, gateway.EventRefused); (n == 1) != (want.answer != gateway.StatusOK) {
					t.Errorf("%d records of a refusal", n)
				}
				return nil
			})
		})
	}
}
