package consent

import (
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestSentSince counts by line and telephone, from a moment on.
func TestSentSince(t *testing.T) {
	w, l, p := newWorld(), line(t, "12345"), phone(t, "+15551234567")
	note := func(from gateway.Line, to gateway.Address, at time.Time, n byte) {
		b := new(store.Batch)
		w.StageSent(b, from, to, gateway.MessageID{n}, at)
		check(t, store.Write(t.Context(), w.store, b))
	}
	count := func(want int, from gateway.Line, to gateway.Address) {
		t.Helper()
		if n, err := w.SentSince(t.Context(), from, to, now().Add(-24*time.Hour)); n != want || err != nil {
			t.Errorf("%d, not %d: %v", n, want, err)
		}
	}
	count(0, l, p)
	for i := range 5 {
		note(l, p, now().Add(-time.Duration(i)*10*time.Hour), byte(i)) // three of them within a day
	}
	note(l, p, now(), 9) // at the same moment as another
	note(l, p, now(), 9) // staged again after a conflict
	note(line(t, "54321"), p, now(), 1)
	note(l, phone(t, "+15551234568"), now(), 1)
	note(line(t, "Clinic"), p, now(), 1)
	count(4, l, p)
	count(4, gateway.Line{Addr: "12345"}, p)
	count(1, line(t, "54321"), p)
	count(1, line(t, "CLINIC"), p)
	count(1, l, phone(t, "+15551234568"))
	count(0, line(t, "54321"), phone(t, "+15551234568"))

	if n, err := w.DropSent(t.Context(), now().Add(-24*time.Hour)); n != 2 || err != nil {
		t.Errorf("%d dropped: %v", n, err)
	}
	count(4, l, p)
	b := new(store.Batch)
	check(t, w.StageForget(t.Context(), b, p))
	check(t, store.Write(t.Context(), w.store, b))
	count(0, l, p)
	count(0, line(t, "Clinic"), p)
	count(1, l, phone(t, "+15551234568"))
}

// TestDropSentInCommits of bounded size, past what stays.
func TestDropSentInCommits(t *testing.T) {
	w, l := newWorld(), line(t, "12345")
	b := new(store.Batch)
	for i := range 2500 {
		at := now().Add(-48 * time.Hour)
		if i%5 == 0 {
			at = now()
		}
		w.StageSent(b, l, phone(t, "+1555123"+string([]byte{'0' + byte(i/1000), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})), gateway.MessageID{}, at)
	}
	check(t, store.Write(t.Context(), w.store, b))
	for _, want := range []int{2000, 0} {
		if n, err := w.DropSent(t.Context(), now().Add(-24*time.Hour)); n != want || err != nil {
			t.Errorf("%d, not %d: %v", n, want, err)
		}
	}
	left := 0
	check(t, w.store.Scan(t.Context(), store.Prefix(store.SentSMS), func(store.Item) bool { left++; return true }))
	if left != 500 {
		t.Errorf("%d are left", left)
	}
}
