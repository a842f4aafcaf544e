package consent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func mac(purpose string, parts ...[]byte) (sum [32]byte) {
	h := hmac.New(sha256.New, []byte("test key"))
	h.Write([]byte(purpose))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	h.Sum(sum[:0])
	return sum
}

func now() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

// world is a ledger with what it writes.
type world struct {
	*Ledger
	store   *storetest.Memory
	mu      sync.Mutex
	n       uint64
	fail    error // of evidence and journal
	journal []struct {
		id   string
		data []byte
	}
}

func (w *world) Stage(b *store.Batch, r gateway.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	w.n++
	return b.PutRecord(store.Key(store.Staged, store.Uint64(w.n), store.Uint64(0)), r)
}

func (w *world) note(id string, data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = append(w.journal, struct {
		id   string
		data []byte
	}{id, data})
	return nil
}

func on(s *storetest.Memory) *world {
	w := &world{store: s}
	var ticks atomic.Int64 // words follow each other
	w.Ledger = New(s, mac, w, w.note, func() time.Time { return now().Add(time.Duration(ticks.Add(1))) })
	return w
}

func newWorld() *world { return on(storetest.NewMemory()) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func line(t testing.TB, text string) gateway.Line {
	t.Helper()
	l, err := gateway.ParseLine(text)
	check(t, err)
	return l
}

func phone(t testing.TB, text string) gateway.Address {
	t.Helper()
	a, err := gateway.PhoneAddress(text)
	check(t, err)
	return a
}

// say stages and commits what the telephone sends to a line.
func (w *world) say(t testing.TB, to gateway.Line, from gateway.Address, text string) Change {
	t.Helper()
	for {
		b := new(store.Batch)
		c, err := w.Ledger.Stage(t.Context(), b, Act{
			Line: to, Phone: from, Person: gateway.PersonRef{7}, Word: Keyword(text), Actor: "correspondent", Message: gateway.MessageID{9},
		})
		check(t, err)
		if err = store.Write(t.Context(), w.store, b); !errors.Is(err, store.ErrConflict) {
			check(t, err)
			return c
		}
	}
}

func (w *world) want(t testing.TB, from gateway.Line, to gateway.Address, want State) {
	t.Helper()
	got, err := w.Check(t.Context(), from, to)
	check(t, err)
	if got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func (w *world) records(t testing.TB) (all []gateway.Record) {
	t.Helper()
	check(t, w.store.Scan(t.Context(), store.Prefix(store.Staged), func(it store.Item) bool {
		var r gateway.Record
		check(t, store.Decode(it.Value, &r))
		all = append(all, r)
		return true
	}))
	return all
}

// TestStopHelpStart is the life of a consent, text for text.
func TestStopHelpStart(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	w.want(t, l, p, Implied)
	for _, step := range []struct {
		text   string
		want   Change
		state  State
		staged int // evidence so far
	}{
		{"When is my appointment?", Change{Ordinary: true}, Implied, 0},
		{"yes", Change{Ordinary: true}, Implied, 0},
		{"start", Change{Ordinary: true}, Implied, 0},
		{"help", Change{Answer: Help}, Implied, 0},
		{"stop", Change{Changed: true, Answer: Stop}, Stopped, 1},
		{"STOP!", Change{}, Stopped, 1}, // one confirmation
		{"help", Change{Answer: Help}, Stopped, 1},
		{"Please stop by at 3", Change{Ordinary: true}, Stopped, 1},
		{"Yes", Change{Changed: true, Answer: Start}, Resumed, 2},
		{"Yes", Change{Ordinary: true}, Resumed, 2},
		{"Quit", Change{Changed: true, Answer: Stop}, Stopped, 3},
		{"UNSTOP", Change{Changed: true, Answer: Start}, Resumed, 4},
	} {
		if got := w.say(t, l, p, step.text); got != step.want {
			t.Errorf("%q: %+v, not %+v", step.text, got, step.want)
		}
		w.want(t, l, p, step.state)
		if all := w.records(t); len(all) != step.staged {
			t.Errorf("%q: %d records", step.text, len(all))
		}
	}
	first := w.records(t)[0]
	if first.Event != gateway.EventConsentChanged || first.Actor != "correspondent" || first.Persons[0] != (gateway.PersonRef{7}) ||
		first.Message != (gateway.MessageID{9}) || fmt.Sprint(first.Detail) != "map[state:stopped word:STOP]" {
		t.Errorf("%+v", first)
	}
}

// TestWhatAStopStops: the line it was sent to in every spelling, and senders
// that nobody can answer; no other number, and nobody else.
func TestWhatAStopStops(t *testing.T) {
	w, p := newWorld(), phone(t, "+15551234567")
	w.say(t, gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, p, "stop")
	for _, same := range []gateway.Line{
		{TON: 1, NPI: 1, Addr: "15550001111"}, {Addr: "15550001111"}, {Addr: "+15550001111"}, {NPI: 1, Addr: "0015550001111"},
		{TON: 5, Addr: "Clinic"}, {TON: 5, Addr: "15550001111"}, {},
	} {
		w.want(t, same, p, Stopped)
	}
	for _, other := range []gateway.Line{{Addr: "12345"}, {TON: 1, NPI: 1, Addr: "15550001112"}} {
		w.want(t, other, p, Implied)
	}
	w.want(t, line(t, "+15550001111"), phone(t, "+15551234568"), Implied)
	w.say(t, line(t, "+15550001111"), p, "start")
	for _, again := range []gateway.Line{{Addr: "15550001111"}, {TON: 5, Addr: "Clinic"}, {}} {
		if s, err := w.Check(t.Context(), again, p); err != nil || !s.Allows() {
			t.Error(s, err)
		}
	}
}

// TestOperatorStopsEveryLine, or a name; START lifts the former from any line.
func TestOperatorStopsEveryLine(t *testing.T) {
	w, p, l := newWorld(), phone(t, "+15551234567"), line(t, "12345")
	act := func(n gateway.Line, m Meaning) Change {
		b := new(store.Batch)
		c, err := w.Ledger.Stage(t.Context(), b, Act{Line: n, Phone: p, Word: ByOperator(m), Actor: "uid:0"})
		check(t, err)
		check(t, store.Write(t.Context(), w.store, b))
		return c
	}
	act(gateway.Line{}, Stop)
	w.want(t, l, p, Stopped)
	w.want(t, line(t, "+15550001111"), p, Stopped)
	if c := w.say(t, l, p, "start"); !c.Changed {
		t.Errorf("%+v", c)
	}
	w.want(t, l, p, Implied)
	act(line(t, "Clinic"), Stop)
	w.want(t, l, p, Implied)
	w.want(t, line(t, "CLINIC"), p, Stopped)
	act(line(t, "clinic"), Start)
	w.want(t, line(t, "CLINIC"), p, Resumed)
	if r := w.records(t)[0]; r.Actor != "uid:0" || r.Detail["word"] != "operator" {
		t.Errorf("%+v", r)
	}
}

// TestGuard: a STOP between the look and the commit fails the commit.
func TestGuard(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	for i, text := range []string{"stop", "start"} {
		b := new(store.Batch)
		_, err := w.Guard(t.Context(), b, l, p)
		check(t, err)
		b.Put(store.Key(store.Meta, []byte("message")), []byte{byte(i)})
		w.say(t, l, p, text)
		if err := store.Write(t.Context(), w.store, b); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s slipped by: %v", text, err)
		}
	}
	b := new(store.Batch)
	if s, err := w.Guard(t.Context(), b, l, p); err != nil || s != Resumed || store.Write(t.Context(), w.store, b) != nil {
		t.Error(s, err)
	}
	// What is staged as no change holds only while that is so.
	b = new(store.Batch)
	if c, err := w.Ledger.Stage(t.Context(), b, Act{Line: l, Phone: p, Word: Keyword("start")}); err != nil || !c.Ordinary {
		t.Error(c, err)
	}
	w.say(t, l, p, "stop")
	if err := store.Write(t.Context(), w.store, b); !errors.Is(err, store.ErrConflict) {
		t.Error(err)
	}
}

// TestFailingClosed: who cannot look allows nothing, and without evidence or
// journal nothing changes.
func TestFailingClosed(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	if State(0).Allows() || Stopped.Allows() {
		t.Error("a state allows too much")
	}
	if s, err := w.Check(t.Context(), l, gateway.MustAddress("ann@example.com")); !errors.Is(err, ErrNotPhone) || s.Allows() {
		t.Error(s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := w.Check(ctx, l, p); err == nil || s.Allows() {
		t.Error(s, err)
	}
	stop := Act{Line: l, Phone: p, Word: Keyword("stop")}
	full := errors.New("full")
	deaf := New(w.store, mac, w, func(string, []byte) error { return full }, now)
	if _, err := deaf.Stage(t.Context(), new(store.Batch), stop); !errors.Is(err, full) {
		t.Error(err)
	}
	w.fail = full
	if _, err := w.Ledger.Stage(t.Context(), new(store.Batch), stop); !errors.Is(err, full) {
		t.Error(err)
	}
}

// TestErasedPersonStaysStopped, and nothing leads back to the person.
func TestErasedPersonStaysStopped(t *testing.T) {
	w, l, other, p := newWorld(), line(t, "12345"), line(t, "54321"), phone(t, "+15551234567")
	w.say(t, l, p, "stop")
	w.say(t, other, p, "stop")
	w.say(t, other, p, "start")
	forget := func(p gateway.Address) {
		b := new(store.Batch)
		check(t, w.StageForget(t.Context(), b, p))
		check(t, store.Write(t.Context(), w.store, b))
	}
	forget(p)
	w.want(t, l, p, Stopped)
	w.want(t, other, p, Implied)
	n := 0
	check(t, w.Each(t.Context(), nil, func(e Entry) error {
		n++
		if e.Person != (gateway.PersonRef{}) || e.Message != (gateway.MessageID{}) || e.Language != "" || e.State != Stopped || !e.Line.Same(l) {
			t.Errorf("%+v", e)
		}
		return nil
	}))
	if n != 1 {
		t.Errorf("%d entries", n)
	}
	// Whoever has the number next says so; then nothing of it is left.
	if c := w.say(t, l, p, "start"); !c.Changed {
		t.Errorf("%+v", c)
	}
	forget(p)
	forget(phone(t, "+15550000000"))
	forget(gateway.MustAddress("ann@example.com"))
	check(t, w.store.Scan(t.Context(), store.Prefix(store.Consents), func(store.Item) bool { t.Error("a record is left"); return true }))
}

// TestNoNumberInKeysOrJournal: also not in the values, but for our own line.
func TestNoNumberInKeysOrJournal(t *testing.T) {
	w, p := newWorld(), phone(t, "+15551234567")
	w.say(t, line(t, "98765"), p, "stop")
	check(t, w.store.Scan(t.Context(), store.Range{}, func(it store.Item) bool {
		if strings.Contains(string(it.Value), "5551234567") || strings.Contains(string(it.Key), "5551234567") || strings.Contains(string(it.Key), "98765") {
			t.Errorf("%x %s", it.Key, it.Value)
		}
		return true
	}))
	for _, e := range w.journal {
		if text := e.id + string(e.data); strings.Contains(text, "5551234567") || strings.Contains(text, "98765") {
			t.Error(text)
		}
	}
}

// TestRestoredBackupForgetsNoStop: whatever was said after the backup holds
// again, in whatever order and however often.
func TestRestoredBackupForgetsNoStop(t *testing.T) {
	said := []string{"stop", "start", "stop", "yes", "quit"}
	for at := range len(said) + 1 {
		w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
		other, q := line(t, "+15550001111"), phone(t, "+15557654321")
		backup := w.store.Copy()
		for i, text := range said {
			if i == at {
				backup = w.store.Copy()
			}
			w.say(t, l, p, text)
			w.say(t, other, p, text)
			if i == 2 {
				w.say(t, other, q, text)
			}
		}
		if at == len(said) {
			backup = w.store.Copy()
		}
		r := on(backup)
		for try := range 2 {
			j := Journalled{}
			for _, e := range w.journal {
				check(t, j.Note(e.id, e.data))
			}
			n, err := r.Replay(t.Context(), j)
			check(t, err)
			if try > 0 && n != 0 || try == 0 && at == len(said) && n != 0 || try == 0 && at < 3 && n == 0 {
				t.Errorf("backup after %d, replay %d: %d changes", at, try, n)
			}
			for _, x := range []gateway.Line{l, other} {
				r.want(t, x, p, Stopped)
			}
			r.want(t, other, q, Stopped)
			r.want(t, l, q, Implied)
		}
		lines := map[string]int{}
		check(t, r.Each(t.Context(), []gateway.Line{other, l}, func(e Entry) error {
			lines[e.Line.Addr]++
			if e.Person != (gateway.PersonRef{7}) || e.State != Stopped || e.At.IsZero() || e.Word == "" || e.Every {
				t.Errorf("%+v", e)
			}
			return nil
		}))
		if lines["12345"] != 1 || lines["15550001111"] != 2 || len(lines) != 2 {
			t.Errorf("backup after %d: %v", at, lines)
		}
		if c := r.say(t, l, p, "start"); !c.Changed {
			t.Errorf("after the restore: %+v", c)
		}
	}
}

func TestJournalThatCannotBeRead(t *testing.T) {
	for _, e := range [][2]string{{"", "{}"}, {"ab:cd", "{}"}, {strings.Repeat("a", 32) + ":" + strings.Repeat("b", 32), "x"}, {strings.Repeat("a", 32), "{}"}} {
		if err := (Journalled{}).Note(e[0], []byte(e[1])); err == nil {
			t.Error(e)
		}
	}
}

// TestJournalOrder: of telephones that change their mind at once, the journal
// says last what the store says.
func TestJournalOrder(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				w.say(t, l, p, []string{"stop", "start"}[i%2])
			}
		})
	}
	wg.Wait()
	j := Journalled{}
	for _, e := range w.journal {
		check(t, j.Note(e.id, e.data))
	}
	if n, err := w.Replay(t.Context(), j); n != 0 || err != nil {
		t.Errorf("%d words differ: %v", n, err)
	}
}

// TestJournalOfAStart: a START whose commit fails is in no journal, and one
// that is noted after the STOP that followed it does not undo that.
func TestJournalOfAStart(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	w.say(t, l, p, "stop")
	b := new(store.Batch)
	_, err := w.Ledger.Stage(t.Context(), b, Act{Line: l, Phone: p, Word: Keyword("start")})
	check(t, err)
	if len(w.journal) != 1 {
		t.Errorf("%d entries before the commit", len(w.journal))
	}
	check(t, w.store.Commit(t.Context(), b))
	w.say(t, l, p, "stop")
	b.Done()
	j := Journalled{}
	for _, e := range w.journal {
		check(t, j.Note(e.id, e.data))
	}
	if n, err := w.Replay(t.Context(), j); n != 0 || err != nil || len(w.journal) != 3 {
		t.Errorf("%d words differ of %d entries: %v", n, len(w.journal), err)
	}
	w.want(t, l, p, Stopped)
}

// TestEach visits page after page, and lets visit read the store.
func TestEach(t *testing.T) {
	w, l := newWorld(), line(t, "12345")
	want := 2*listPage + 3
	for i := range want {
		w.say(t, l, phone(t, fmt.Sprintf("+1555%07d", i)), "stop")
	}
	n := 0
	check(t, w.Each(t.Context(), nil, func(e Entry) error {
		n++
		if n == listPage {
			w.want(t, l, phone(t, "+15550000000"), Stopped)
		}
		return nil
	}))
	if n != want {
		t.Errorf("%d of %d", n, want)
	}
	stop := errors.New("enough")
	if err := w.Each(t.Context(), nil, func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}
