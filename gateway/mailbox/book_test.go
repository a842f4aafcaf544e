package mailbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
	"gatepost/store/storetest"
)

func mac(purpose string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, []byte(purpose))
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

func clock() time.Time { return time.Unix(1_800_000_000, 0) }

func newBook(s store.Store) *mailbox.Book { return mailbox.New(s, mac, clock) }

func ada(t testing.TB, b *mailbox.Book) mailbox.Owner {
	t.Helper()
	a, err := gateway.ParseAddress("ada@clinic.example")
	if err != nil {
		t.Fatal(err)
	}
	return b.Owner(a)
}

func message(n byte) gateway.MessageID { return gateway.MessageID{0, 1, 15: n} }

func entry(n byte) gateway.MailEntry {
	return gateway.MailEntry{
		Message: message(n), At: time.Date(2027, 1, 2, 3, 4, 5, 6, time.FixedZone("", 5400)),
		Head: "X-Gatepost-Status: unopened\r\n", Size: 1000 + int64(n), Marks: gateway.Marks{Keywords: []string{"$GatepostUnopened"}},
	}
}

func change(t testing.TB, b *mailbox.Book, o mailbox.Owner, plan func(*mailbox.Txn)) {
	t.Helper()
	err := b.Change(context.Background(), o, func(x *mailbox.Txn) error { plan(x); return nil })
	if err != nil {
		t.Fatalf("Change: %v", err)
	}
}

func open(t testing.TB, b *mailbox.Book, o mailbox.Owner, f gateway.Folder) gateway.OpenFolder {
	t.Helper()
	one, err := b.Open(context.Background(), o, f)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(one.Close)
	return one
}

func TestAnEntryComesBackAsItWasPut(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	want := entry(7)
	want.Inline, want.Marks = "gone\r\n", gateway.Marks{Seen: true, Draft: true, Keywords: []string{"b", "a", "b"}}
	change(t, b, o, func(x *mailbox.Txn) { want.UID = x.Add(gateway.FolderInbox, want) })
	got, err := b.Entry(t.Context(), o, gateway.FolderInbox, want.UID)
	if err != nil {
		t.Fatal(err)
	}
	want.Marks.Keywords = []string{"a", "b"}
	if !got.At.Equal(want.At) || got.At.Format(time.RFC3339Nano) != want.At.Format(time.RFC3339Nano) {
		t.Errorf("At is %v, was %v", got.At, want.At)
	}
	if got.UID != 1 || got.Message != want.Message || got.Head != want.Head || got.Inline != want.Inline || got.Size != want.Size || !got.Marks.Equal(want.Marks) {
		t.Errorf("got %+v", got)
	}
	if _, err := b.Entry(t.Context(), o, gateway.FolderInbox, 2); !errors.Is(err, gateway.ErrNoEntry) {
		t.Errorf("an entry that never was: %v", err)
	}
}

// TestUIDsRiseThoughTheFolderIsEmptied also opens the store anew, as a restart does.
func TestUIDsRiseThoughTheFolderIsEmptied(t *testing.T) {
	s := storetest.NewMemory()
	b := newBook(s)
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) {
		for n := range byte(3) {
			if uid := x.Add(gateway.FolderOpened, entry(n)); uid != gateway.UID(n)+1 {
				t.Fatalf("entry %d has UID %d", n, uid)
			}
		}
	})
	change(t, b, o, func(x *mailbox.Txn) {
		for uid := gateway.UID(1); uid <= 3; uid++ {
			if _, ok := x.Remove(gateway.FolderOpened, uid); !ok {
				t.Fatalf("UID %d is not there", uid)
			}
		}
	})
	b = newBook(s)
	st, err := b.Status(t.Context(), o, gateway.FolderOpened)
	if err != nil || st.Next != 4 || st.Messages != 0 || st.Size != 0 || st.Unseen != 0 {
		t.Fatalf("status of the emptied folder: %+v, %v", st, err)
	}
	if v := open(t, b, o, gateway.FolderOpened).View(); v.Next != 4 || len(v.UIDs) != 0 {
		t.Fatalf("view of the emptied folder: %+v", v)
	}
	change(t, b, o, func(x *mailbox.Txn) {
		if uid := x.Add(gateway.FolderOpened, entry(1)); uid != 4 {
			t.Errorf("the next UID is %d", uid)
		}
	})
}

func TestPlacesFollowTheEntries(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) {
		x.Add(gateway.FolderUnopened, entry(1))
		x.Add(gateway.FolderInbox, entry(2))
	})
	change(t, b, o, func(x *mailbox.Txn) {
		e, ok := x.Remove(gateway.FolderUnopened, 1)
		if !ok || !e.Marks.Equal(entry(1).Marks) {
			t.Fatalf("removed %+v", e)
		}
		x.Add(gateway.FolderOpened, e)
		x.Add(gateway.FolderRecall, e)
		if at := x.Place(message(1)).At; len(at) != 2 {
			t.Errorf("in the change: %v", at)
		}
	})
	p, err := b.Places(t.Context(), o, message(1))
	want := []mailbox.Place{{Folder: gateway.FolderOpened, UID: 1}, {Folder: gateway.FolderRecall, UID: 1}}
	if err != nil || !slices.Equal(p.At, want) || p.Hidden {
		t.Fatalf("places: %+v, %v", p, err)
	}
	change(t, b, o, func(x *mailbox.Txn) {
		x.Remove(gateway.FolderOpened, 1)
		x.Remove(gateway.FolderRecall, 1)
		x.SetHidden(message(1), true)
	})
	if p, err := b.Places(t.Context(), o, message(1)); err != nil || len(p.At) != 0 || !p.Hidden {
		t.Fatalf("hidden: %+v, %v", p, err)
	}
	other := b.Review()
	if p, err := b.Places(t.Context(), other, message(2)); err != nil || len(p.At) != 0 {
		t.Fatalf("another owner sees %+v, %v", p, err)
	}
}

func TestSessionsSeeAChangeAndKeepTheirView(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(1)) })
	one, two := open(t, b, o, gateway.FolderInbox), open(t, b, o, gateway.FolderInbox)
	old := one.View()
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(2)) })
	change(t, b, o, func(x *mailbox.Txn) {
		x.Mark(gateway.FolderInbox, 1, gateway.Marks{Seen: true})
		x.Remove(gateway.FolderInbox, 2)
		x.Add(gateway.FolderInbox, entry(3))
	})
	for _, s := range []gateway.OpenFolder{one, two} {
		select {
		case <-s.Changed():
		default:
			t.Error("a session was told nothing")
		}
		v := s.View()
		if !slices.Equal(v.UIDs, []gateway.UID{1, 3}) || !v.Marks[0].Seen || v.Next != 4 || v.Change == old.Change {
			t.Errorf("view: %+v", v)
		}
	}
	if !slices.Equal(old.UIDs, []gateway.UID{1}) || old.Marks[0].Seen || old.Next != 2 {
		t.Errorf("the old view changed: %+v", old)
	}
}

// TestAChangeThatChangesNothingIsNone: no commit, nothing to tell.
func TestAChangeThatChangesNothingIsNone(t *testing.T) {
	f := storetest.Faulty(storetest.NewMemory(), storetest.Plan{})
	b := newBook(f)
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(1)) })
	s := open(t, b, o, gateway.FolderInbox)
	before := len(f.Ops())
	change(t, b, o, func(x *mailbox.Txn) {
		x.Mark(gateway.FolderInbox, 1, entry(1).Marks)
		x.Remove(gateway.FolderInbox, 77)
	})
	if ops := f.Ops()[before:]; len(ops) != 1 {
		t.Errorf("asked of the store: %q", ops)
	}
	select {
	case <-s.Changed():
		t.Error("a session was told of nothing")
	default:
	}
}

// TestAFolderIsReadOnceWhileItStaysTheSame, though nobody has it open between.
func TestAFolderIsReadOnceWhileItStaysTheSame(t *testing.T) {
	f := storetest.Faulty(storetest.NewMemory(), storetest.Plan{})
	b := newBook(f)
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(1)) })
	look := func(want ...string) *gateway.FolderView {
		t.Helper()
		before := len(f.Ops())
		s := open(t, b, o, gateway.FolderInbox)
		defer s.Close()
		if ops := f.Ops()[before:]; !slices.Equal(ops, want) {
			t.Errorf("asked: %q, want %q", ops, want)
		}
		return s.View()
	}
	look("Get Meta", "Commit +Meta ?Meta", "Scan Folders")
	first := look("Get Folders")
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(2)) })
	if v := look("Get Folders", "Scan Folders"); len(v.UIDs) != 2 || len(first.UIDs) != 1 {
		t.Errorf("view %+v after %+v", v, first)
	}
	if _, err := b.RaiseValidity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := look("Get Folders", "Scan Folders"); v.Validity != 1_800_000_001 {
		t.Errorf("UIDVALIDITY %d", v.Validity)
	}
}

func TestAnErrorOfThePlanWritesNothing(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	no := errors.New("no")
	err := b.Change(t.Context(), o, func(x *mailbox.Txn) error { x.Add(gateway.FolderInbox, entry(1)); return no })
	if !errors.Is(err, no) {
		t.Fatalf("Change: %v", err)
	}
	st, err := b.Status(t.Context(), o, gateway.FolderInbox)
	if err != nil || st.Messages != 0 || st.Next != 1 {
		t.Fatalf("status: %+v, %v", st, err)
	}
}

func TestTooManyKeywordsAreRefused(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(1)) })
	many := make([]string, gateway.MaxKeywords+1)
	for i := range many {
		many[i] = string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	for _, words := range [][]string{many, {string(make([]byte, gateway.MaxKeyword+1))}, {""}} {
		err := b.Change(t.Context(), o, func(x *mailbox.Txn) error {
			x.Mark(gateway.FolderInbox, 1, gateway.Marks{Keywords: words})
			return nil
		})
		var refused *gateway.FolderError
		if !errors.As(err, &refused) || refused.Code != gateway.FolderLimit {
			t.Errorf("%d keywords: %v", len(words), err)
		}
	}
}

// TestAnotherProcessWrites: two Books over one store stand for two processes.
func TestAnotherProcessWrites(t *testing.T) {
	s := storetest.NewMemory()
	here, there := newBook(s), newBook(s)
	o := ada(t, here)
	f := open(t, here, o, gateway.FolderInbox)
	change(t, there, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(1)) })
	change(t, here, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(2)) })
	if v := f.View(); !slices.Equal(v.UIDs, []gateway.UID{1, 2}) || v.Next != 3 {
		t.Fatalf("view: %+v", v)
	}
	var wg sync.WaitGroup
	for _, b := range []*mailbox.Book{here, there} {
		for range 2 {
			wg.Go(func() {
				for n := range byte(20) {
					err := b.Change(context.Background(), o, func(x *mailbox.Txn) error { x.Add(gateway.FolderInbox, entry(n)); return nil })
					if err != nil {
						t.Errorf("Change: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	st, err := here.Status(t.Context(), o, gateway.FolderInbox)
	if err != nil || st.Messages != 82 || st.Next != 83 {
		t.Fatalf("status: %+v, %v", st, err)
	}
}

// TestAPlanRunsAgainWhenAnotherProcessWasFaster, in the same folder, or about
// the places of a message alone.
func TestAPlanRunsAgainWhenAnotherProcessWasFaster(t *testing.T) {
	s := storetest.NewMemory()
	here, there := newBook(s), newBook(s)
	o := ada(t, here)
	f := open(t, here, o, gateway.FolderInbox)
	rounds := 0
	change(t, here, o, func(x *mailbox.Txn) {
		rounds++
		x.Add(gateway.FolderInbox, entry(1))
		if rounds == 1 {
			change(t, there, o, func(x *mailbox.Txn) { x.Add(gateway.FolderInbox, entry(2)) })
		}
	})
	if v := f.View(); rounds != 2 || !slices.Equal(v.UIDs, []gateway.UID{1, 2}) {
		t.Fatalf("%d rounds, view %+v", rounds, v)
	}
	if e, err := here.Entry(t.Context(), o, gateway.FolderInbox, 1); err != nil || e.Message != message(2) {
		t.Errorf("UID 1 is %+v, %v", e, err)
	}
	rounds = 0
	change(t, here, o, func(x *mailbox.Txn) {
		rounds++
		x.SetHidden(message(1), len(x.Place(message(1)).At) == 1)
		if rounds == 1 {
			change(t, there, o, func(x *mailbox.Txn) { x.Add(gateway.FolderOpened, entry(1)) })
		}
	})
	if p, err := here.Places(t.Context(), o, message(1)); err != nil || rounds != 2 || p.Hidden || len(p.At) != 2 {
		t.Errorf("%d rounds, places %+v, %v", rounds, p, err)
	}
}

func TestEntriesAreVisitedInOrderWithTheirMarks(t *testing.T) {
	b := newBook(storetest.NewMemory())
	o := ada(t, b)
	change(t, b, o, func(x *mailbox.Txn) {
		for n := range byte(9) {
			x.Add(gateway.FolderInbox, entry(n))
		}
	})
	change(t, b, o, func(x *mailbox.Txn) {
		x.Remove(gateway.FolderInbox, 4)
		x.Mark(gateway.FolderInbox, 5, gateway.Marks{Flagged: true})
	})
	visited := func() (uids []gateway.UID) {
		err := b.Entries(t.Context(), o, gateway.FolderInbox, 3, 6, func(e *gateway.MailEntry) bool {
			if e.Message != message(byte(e.UID)-1) || e.Marks.Flagged != (e.UID == 5) {
				t.Errorf("entry %d: %+v", e.UID, e)
			}
			uids = append(uids, e.UID)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return uids
	}
	want := []gateway.UID{3, 5, 6}
	if got := visited(); !slices.Equal(got, want) {
		t.Errorf("closed: %v", got)
	}
	open(t, b, o, gateway.FolderInbox)
	if got := visited(); !slices.Equal(got, want) {
		t.Errorf("open: %v", got)
	}
	n := 0
	err := b.Entries(t.Context(), o, gateway.FolderInbox, 0, mailbox.Last, func(*gateway.MailEntry) bool { n++; return n < 7 })
	if err != nil || n != 7 {
		t.Errorf("%d visits, %v", n, err)
	}
}

func TestValidityIsMadeOnceAndRaised(t *testing.T) {
	s := storetest.NewMemory()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if v, err := newBook(s).Validity(context.Background()); err != nil || v != 1_800_000_000 {
				t.Errorf("validity %d, %v", v, err)
			}
		})
	}
	wg.Wait()
	later := mailbox.New(s, mac, func() time.Time { return clock().Add(time.Hour) })
	if v, err := later.Validity(t.Context()); err != nil || v != 1_800_000_000 {
		t.Errorf("an hour later: %d, %v", v, err)
	}
	if v, err := later.RaiseValidity(t.Context()); err != nil || v != 1_800_003_600 {
		t.Errorf("raised: %d, %v", v, err)
	}
	if v, err := newBook(s).RaiseValidity(t.Context()); err != nil || v != 1_800_003_601 {
		t.Errorf("raised by a clock that is behind: %d, %v", v, err)
	}
	b := newBook(s)
	st, err := b.Status(t.Context(), ada(t, b), gateway.FolderInbox)
	if err != nil || st.Validity != 1_800_003_601 || st.Next != 1 {
		t.Errorf("status: %+v, %v", st, err)
	}
}

// TestStatusReadsNoEntries: what it asks does not depend on the folder's size.
func TestStatusReadsNoEntries(t *testing.T) {
	f := storetest.Faulty(storetest.NewMemory(), storetest.Plan{})
	b := newBook(f)
	o := ada(t, b)
	seen := entry(2)
	seen.Marks = gateway.Marks{Seen: true, Deleted: true}
	change(t, b, o, func(x *mailbox.Txn) {
		x.Add(gateway.FolderInbox, entry(1))
		x.Add(gateway.FolderInbox, seen)
	})
	if _, err := b.Validity(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(f.Ops())
	st, err := b.Status(t.Context(), o, gateway.FolderInbox)
	if err != nil || st != (gateway.FolderStatus{Validity: 1_800_000_000, Next: 3, Messages: 2, Unseen: 1, Deleted: 1, Size: 2003}) {
		t.Errorf("status: %+v, %v", st, err)
	}
	if ops := f.Ops()[before:]; !slices.Equal(ops, []string{"Get Folders"}) {
		t.Errorf("asked: %q", ops)
	}
}
