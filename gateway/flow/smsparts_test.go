package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Parts in every order, from one session or several, are one text.
func TestPartsInEveryOrderAreOneText(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for _, to := range []string{phonePass, phoneSecure} {
			w, kv := newWorld(t), emptyStore()
			segments := short(t, longWords, to)
			ids := make([]string, len(segments))
			for _, i := range order { // each in a process of its own: a restart loses nothing
				ids[i] = w.submitInto(t, kv, segments[i:i+1])[0]
				if len(w.smsc.got) != 0 {
					t.Fatal("a part left before the others")
				}
			}
			w.settle(t, kv)
			if to == phonePass && !slices.EqualFunc(w.smsc.to(to), segments, func(a, b gateway.Segment) bool { return string(a.Short) == string(b.Short) }) {
				t.Errorf("%v: left as %q", order, w.smsc.told(to))
			}
			if to == phoneSecure && (len(w.smsc.to(to)) != 1 || !strings.Contains(w.smsc.told(to), "/m/")) {
				t.Errorf("%v: left as %q", order, w.smsc.told(to))
			}
			w.tellsNothing(t)
			w.sound(t, kv)
			for i, p := range w.only(t, kv).Ends.Parts {
				if p.ID.String() != ids[i] {
					t.Errorf("%v: part %d was answered %s and is %v", order, i, ids[i], p.ID)
				}
			}
		}
	}
}

// only returns the one message that is not our own.
func (w *world) only(t *testing.T, kv store.Store) (only gateway.Message) {
	t.Helper()
	n := 0
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		return each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
			if m.Direction != gateway.Internal {
				only, n = *m, n+1
			}
		})
	})
	if err != nil || n != 1 {
		t.Fatalf("%d messages, %v", n, err)
	}
	return only
}

// A part that comes again as it was gets the same answer, before the text is
// whole and after.
func TestDoubledPartsAreOne(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	s := short(t, longWords, phonePass)
	ids := w.submitInto(t, kv, []gateway.Segment{s[0], s[0], s[2], s[0], s[1], s[1], s[2], s[0]})
	w.settle(t, kv)
	if ids[0] != ids[1] || ids[0] != ids[3] || ids[2] != ids[6] || ids[4] != ids[5] || ids[0] != ids[7] || ids[0] == ids[2] {
		t.Errorf("answers %v", ids)
	}
	if w.smsc.told(phonePass) != longWords || len(w.smsc.to(phonePass)) != 3 {
		t.Errorf("left: %d segments", len(w.smsc.to(phonePass)))
	}
	w.only(t, kv)
}

// The same reference again is another text, also at once.
func TestTheSameReferenceAgain(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	first, second := short(t, longWords, phonePass), short(t, strings.Repeat("Another text ", 25), phonePass)
	w.submitInto(t, kv, slices.Concat(first, second))
	w.settle(t, kv)
	if n := len(w.smsc.to(phonePass)); n != 6 {
		t.Errorf("%d segments left", n)
	}
}

// A part that says two things ends its text: what the telephone would put
// together was judged by nobody.
func TestContradictingPartsEndTheText(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, longWords, phonePass)
		for i := range s {
			s[i].Registered = 1
		}
		ids, err := submitAll(ctx, f, s[:2])
		if err != nil {
			return err
		}
		other := s[1]
		other.Short = append(slices.Clone(other.Short[:6]), "something else"...)
		for _, p := range []gateway.Segment{other, s[2], other, s[1]} {
			if _, err := submit(ctx, f, p); statusOf(err) != gateway.StatusSubmitFailed {
				t.Errorf("a part after the contradiction: %v", err)
			}
		}
		if got := toTell(ctx, t, f); !slices.Equal(got, []string{ids[0] + ":REJECTD", ids[1] + ":REJECTD"}) {
			t.Errorf("the application hears %v", got)
		}
		time.Sleep(3 * time.Minute)
		f.agendaOnce(ctx)
		f.agendaOnce(ctx)
		if _, err := submitAll(ctx, f, s); err != nil { // its time is over: the reference is free
			t.Error(err)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.smsc.told(phonePass) != longWords {
		t.Errorf("left: %q", w.smsc.told(phonePass))
	}
	w.sound(t, kv)
}

// A text of which a part is missing never leaves; whoever asked hears of it.
func TestMissingPartEndsTheText(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, longWords, phonePass)
		s[0].Registered = 1
		ids, err := submitAll(ctx, f, s[:2])
		if err != nil {
			return err
		}
		time.Sleep(59 * time.Second)
		f.agendaOnce(ctx)
		if got := toTell(ctx, t, f); got != nil {
			t.Errorf("before its time: %v", got)
		}
		time.Sleep(2 * time.Second)
		f.agendaOnce(ctx)
		if got := toTell(ctx, t, f); !slices.Equal(got, []string{ids[0] + ":EXPIRED"}) {
			t.Errorf("the application hears %v", got)
		}
		if n := countOf(t, f, gateway.EventPartsExpired); n != 1 {
			t.Errorf("%d records", n)
		}
		if l := f.waiting.loads["esme1"]; l != (load{}) {
			t.Errorf("%v still counted", l)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.smsc.got) != 0 {
		t.Error("parts of a text left")
	}
	w.sound(t, kv)
}

// countOf counts the evidence of one event.
func countOf(t *testing.T, f *Flow, event gateway.Event) (n int) {
	t.Helper()
	if _, err := f.Audit.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := each(t.Context(), f.Store, store.Prefix(store.Log), func(r *gateway.Record) {
		if r.Event == event {
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Parts that come at the same time are put together once.
func TestPartsAtTheSameTime(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	for round := range 20 {
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := short(t, fmt.Sprintf("%d %s", round, strings.Repeat("A text of many segments. ", 60)), phonePass)
			for i := range s {
				s[i].Short[3] = byte(round)
			}
			ids := make([]string, 2*len(s))
			var all sync.WaitGroup
			for i := range ids {
				all.Go(func() {
					var err error
					if ids[i], err = submit(ctx, f, s[i%len(s)]); err != nil {
						t.Errorf("part %d: %v", i, err)
					}
				})
			}
			all.Wait()
			for i := range s {
				if ids[i] != ids[i+len(s)] {
					t.Errorf("part %d was answered %s and %s", i, ids[i], ids[i+len(s)])
				}
			}
			for range 3 { // what came again is kept for a while
				time.Sleep(time.Minute)
				f.agendaOnce(ctx)
			}
			if l := f.waiting.loads["esme1"]; l != (load{}) {
				t.Errorf("%v still counted", l)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := messages(t, w, kv); n != 20 {
		t.Errorf("%d messages of 20 texts", n)
	}
	w.sound(t, kv)
}

// A whole that is refused: the last part hears it, the others get a receipt.
func TestRefusedTextIsToldOnce(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, longWords, phoneReject)
		for i := range s {
			s[i].Registered = 1
		}
		ids, err := submitAll(ctx, f, []gateway.Segment{s[2], s[0]})
		if err != nil {
			return err
		}
		if _, err := submit(ctx, f, s[1]); statusOf(err) != gateway.StatusSubmitFailed {
			t.Errorf("the last part: %v", err)
		}
		got := toTell(ctx, t, f)
		slices.Sort(got)
		want := []string{ids[0] + ":REJECTD", ids[1] + ":REJECTD"}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("the application hears %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := messages(t, w, kv); n != 0 {
		t.Errorf("%d messages kept", n)
	}
	w.sound(t, kv)
}

// Nobody fills the store with parts of texts that are never finished.
func TestWaitingPartsAreBounded(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		f.waiting.add(&waitingPart{Account: "esme1"}, maxPartsWaiting, 0)
		f.waiting.counted = f.Now()
		s := short(t, longWords, phonePass)
		if _, err := submit(ctx, f, s[0]); statusOf(err) != gateway.StatusQueueFull {
			t.Errorf("a part too many: %v", err)
		}
		time.Sleep(2 * time.Second) // counted anew, there is room
		if _, err := submitAll(ctx, f, s); err != nil {
			return err
		}
		for seq := 1; ; seq++ { // and nobody makes one text as large as many
			big := s[0]
			big.TLVs = []gateway.TLV{{Tag: 0x1400, Value: make([]byte, 60<<10)}}
			_, _, err := f.SubmitSMS(ctx, app("esme1"), big, gateway.SegmentPlace{Kind: "sar", Ref: 5, Total: 200, Seq: seq}, []gateway.Line{big.Dest})
			if statusOf(err) == gateway.StatusInvalidLength && seq > 1 && seq < 10 {
				break
			}
			if err != nil || seq > 10 {
				t.Fatalf("part %d: %v", seq, err)
			}
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.smsc.told(phonePass) != longWords {
		t.Error("the text did not arrive")
	}
}

// All parts were answered and a crash kept them from being put together: the
// agenda does it.
func TestCompleteTextIsFoundAfterACrash(t *testing.T) {
	for _, to := range []string{phonePass, phoneReject} {
		w, kv := newWorld(t), emptyStore()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := short(t, longWords, to)
			for i := range s {
				s[i].Registered = 1
			}
			if _, err := submitAll(ctx, f, s[:2]); err != nil {
				return err
			}
			in, _, err := f.admitShort(app("esme1"), s[2], gateway.SegmentPlace{Kind: "udh8", Ref: 7, Total: 3, Seq: 3}, []gateway.Line{s[2].Dest})
			if err != nil {
				return err
			}
			x, err := f.longText(ctx, in.textKey())
			if err != nil || len(x.parts) != 2 {
				t.Fatalf("%d parts wait, %v", len(x.parts), err)
			}
			packed, err := packSegment(in.segment)
			if err != nil {
				return err
			}
			given := gateway.AcceptedPart{ID: newID(t, f), At: f.Now(), Registered: 1}
			if err := in.keepPart(ctx, x, packed, waitingPart{Account: "esme1", Peer: in.peer, Place: in.place, To: in.to, Given: given}); err != nil {
				return err
			}
			time.Sleep(2 * time.Minute)
			f.agendaOnce(ctx)
			if got := len(toTell(ctx, t, f)); to == phoneReject && got != 3 {
				t.Errorf("%d receipts", got)
			}
			deliverAll(ctx, f, time.Minute)
			time.Sleep(2 * time.Minute)
			f.agendaOnce(ctx)
			return f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(store.Item) bool { t.Error("a row stays"); return true })
		})
		if err != nil {
			t.Fatal(err)
		}
		if to == phonePass && w.smsc.told(to) != longWords || to == phoneReject && len(w.smsc.got) > 0 {
			t.Errorf("%s: left: %q", to, w.smsc.told(to))
		}
		w.sound(t, kv)
	}
}

// Another text under the same reference may begin, or end, with the same words:
// what was answered is never lost, and what was only sent again is.
func TestAnotherTextWithTheSameParts(t *testing.T) {
	for name, c := range map[string]struct {
		parts []string // after the first text; "!" waits
		want  string
	}{
		"the same first part":                     {[]string{"A1", "B2", "B3"}, "A1 B2 B3"},
		"the same first two":                      {[]string{"A1", "A2", "B3"}, "A1 A2 B3"},
		"the same first part, later":              {[]string{"!", "A1", "!", "B2", "B3"}, "A1 B2 B3"},
		"the same last part":                      {[]string{"B1", "B2", "A3"}, "B1 B2 A3"},
		"one sent again":                          {[]string{"A1"}, ""},
		"all sent again":                          {[]string{"A1", "A2", "A3"}, ""},
		"one sent again, then another text":       {[]string{"A2", "B1", "B2", "B3"}, "B1 B2 B3"},
		"all sent again, then another text":       {[]string{"A1", "A2", "A3", "!", "B1", "B2", "B3"}, "B1 B2 B3"},
		"the end sent again, then half a text":    {[]string{"A2", "A3", "!", "B1"}, ""},
		"one sent again, then a text backwards":   {[]string{"A1", "B3", "B2", "B1"}, "B1 B2 B3"},
		"all sent again, then the same beginning": {[]string{"A1", "A2", "A3", "A1", "B2", "B3"}, "A1 B2 B3"},
	} {
		t.Run(name, func(t *testing.T) {
			w, kv := newWorld(t), emptyStore()
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				like := short(t, longWords, phonePass)
				part := func(name string) gateway.Segment {
					s := like[name[1]-'1']
					s.Short = append(slices.Clone(s.Short[:6]), name+" "...)
					return s
				}
				for _, name := range append([]string{"A1", "A2", "A3"}, c.parts...) {
					if name == "!" {
						time.Sleep(5 * time.Second)
					} else if _, err := submit(ctx, f, part(name)); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				for range 8 {
					time.Sleep(20 * time.Second)
					f.agendaOnce(ctx)
				}
				deliverAll(ctx, f, time.Minute)
				if l := f.waiting.loads["esme1"]; l != (load{}) {
					t.Errorf("%v still counted", l)
				}
				return f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(store.Item) bool { t.Error("a row stays"); return true })
			})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(strings.Fields(w.smsc.told(phonePass)), " ")
			if got != strings.TrimSpace("A1 A2 A3 "+c.want) && got != strings.TrimSpace(c.want+" A1 A2 A3") {
				t.Errorf("left %q, want the first text and %q", got, c.want)
			}
			w.sound(t, kv)
		})
	}
}
