package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
	"gatepost/store/storetest"
)

// model is what folders of one owner should be.
type model struct {
	folders map[gateway.Folder]modelFolder
	hidden  map[gateway.MessageID]bool
}

type modelFolder struct {
	next    gateway.UID
	entries []gateway.MailEntry // rising
}

var modelFolders = []gateway.Folder{gateway.FolderInbox, gateway.FolderUnopened, gateway.FolderOpened}

func newModel() *model {
	m := &model{folders: make(map[gateway.Folder]modelFolder), hidden: make(map[gateway.MessageID]bool)}
	for _, f := range modelFolders {
		m.folders[f] = modelFolder{next: 1}
	}
	return m
}

func (m *model) clone() *model {
	c := &model{folders: maps.Clone(m.folders), hidden: maps.Clone(m.hidden)}
	for f, folder := range c.folders {
		folder.entries = slices.Clone(folder.entries)
		c.folders[f] = folder
	}
	return c
}

func (f modelFolder) find(uid gateway.UID) int {
	return slices.IndexFunc(f.entries, func(e gateway.MailEntry) bool { return e.UID == uid })
}

// step is one call of a Txn.
type step struct {
	kind   string
	folder gateway.Folder
	uid    gateway.UID
	entry  gateway.MailEntry
	hidden bool
}

// apply does a step in the model and returns what the Txn should answer.
func (m *model) apply(s step) string {
	f := m.folders[s.folder]
	at := f.find(s.uid)
	answer := "none"
	switch {
	case s.kind == "add":
		e := s.entry
		e.UID = f.next
		f.next++
		f.entries = append(f.entries, e)
		answer = fmt.Sprint(e.UID)
	case s.kind == "hide":
		m.hidden[s.entry.Message] = s.hidden
	case at < 0:
	case s.kind == "remove":
		answer = fmt.Sprint(f.entries[at].Message, f.entries[at].Marks)
		f.entries = slices.Delete(f.entries, at, at+1)
	case s.kind == "mark":
		f.entries[at].Marks = s.entry.Marks
		answer = "marked"
	case s.kind == "entry":
		answer = fmt.Sprint(f.entries[at].Message, f.entries[at].Marks)
	}
	m.folders[s.folder] = f
	return answer
}

func do(x *mailbox.Txn, s step) string {
	switch s.kind {
	case "add":
		return fmt.Sprint(x.Add(s.folder, s.entry))
	case "hide":
		x.SetHidden(s.entry.Message, s.hidden)
	case "remove":
		if e, ok := x.Remove(s.folder, s.uid); ok {
			return fmt.Sprint(e.Message, e.Marks)
		}
	case "mark":
		if x.Mark(s.folder, s.uid, s.entry.Marks) {
			return "marked"
		}
	case "entry":
		if e, ok := x.Entry(s.folder, s.uid); ok {
			return fmt.Sprint(e.Message, e.Marks)
		}
	}
	return "none"
}

func (m *model) drawStep(t *rapid.T) step {
	s := step{
		kind:   rapid.SampledFrom([]string{"add", "add", "remove", "mark", "mark", "entry", "hide"}).Draw(t, "kind"),
		folder: rapid.SampledFrom(modelFolders).Draw(t, "folder"), hidden: rapid.Bool().Draw(t, "hidden"),
		uid:   gateway.UID(rapid.Uint32Range(0, 12).Draw(t, "uid")),
		entry: entry(rapid.ByteRange(0, 5).Draw(t, "message")),
	}
	s.entry.Marks = gateway.Marks{
		Seen: rapid.Bool().Draw(t, "seen"), Deleted: rapid.Bool().Draw(t, "deleted"), Flagged: rapid.Bool().Draw(t, "flagged"),
		Keywords: rapid.SampledFrom([][]string{nil, {"$GatepostOpened"}, {"$GatepostOpened", "z"}}).Draw(t, "keywords"),
	}
	if rapid.Bool().Draw(t, "own") {
		s.entry.Head = ""
	}
	if s.entry.Message == message(0) {
		s.entry.Message = gateway.MessageID{} // shows no message
	}
	return s
}

// trouble lets the next commit of all Books that share it end as told.
type trouble struct {
	store.Store
	next atomic.Pointer[string]
}

func (s *trouble) Commit(ctx context.Context, b *store.Batch) error {
	how := s.next.Swap(nil)
	switch {
	case how == nil:
		return s.Store.Commit(ctx, b)
	case *how == "conflict":
		return store.ErrConflict
	case *how == "undone":
		return storetest.ErrInjected
	}
	if err := s.Store.Commit(ctx, b); err != nil {
		return err
	}
	return store.ErrUnknown
}

// machine drives two processes, each with sessions, over one store.
type machine struct {
	store    *trouble
	books    []*mailbox.Book
	owner    mailbox.Owner
	model    *model
	sessions []*seenSession
}

// seenSession is a session and the last view that it was shown, with a copy of it.
type seenSession struct {
	gateway.OpenFolder
	book   int
	folder gateway.Folder
	view   *gateway.FolderView
	copy   gateway.FolderView
}

func (s *seenSession) look() {
	s.view = s.View()
	select { // it has looked: only what comes later is to be told
	case <-s.Changed():
	default:
	}
	s.copy = *s.view
	s.copy.UIDs, s.copy.Marks = slices.Clone(s.view.UIDs), slices.Clone(s.view.Marks)
}

func sameMarks(a, b []gateway.Marks) bool { return slices.EqualFunc(a, b, gateway.Marks.Equal) }

func (m *machine) change(t *rapid.T) {
	how := rapid.SampledFrom([]string{"", "", "", "conflict", "undone", "lost"}).Draw(t, "how")
	if how != "" {
		m.store.next.Store(&how)
	}
	steps := rapid.SliceOfN(rapid.Custom(m.model.drawStep), 1, 6).Draw(t, "steps")
	book := rapid.IntRange(0, 1).Draw(t, "book")
	var after *model
	err := m.books[book].Change(context.Background(), m.owner, func(x *mailbox.Txn) error {
		after = m.model.clone()
		for _, s := range steps {
			if got, want := do(x, s), after.apply(s); got != want {
				t.Fatalf("%s in %v of UID %d: %s, want %s", s.kind, s.folder, s.uid, got, want)
			}
		}
		return nil
	})
	unused := m.store.next.Swap(nil) != nil // nothing was to be committed
	switch {
	case err == nil:
		m.model = after
	case errors.Is(err, store.ErrUnknown) && how == "lost" && !unused:
		m.model = after
	case errors.Is(err, storetest.ErrInjected) && how == "undone" && !unused:
	default:
		t.Fatalf("Change with %q: %v", how, err)
	}
	m.inProcess(t, book, steps)
}

// inProcess: the sessions of the process that wrote are told, and see the
// newest of the folders that it looked at.
func (m *machine) inProcess(t *rapid.T, book int, steps []step) {
	for _, s := range m.sessions {
		looked := slices.ContainsFunc(steps, func(st step) bool { return st.kind != "hide" && st.folder == s.folder })
		if s.book != book || !looked {
			continue
		}
		v := s.View()
		if v.Change != s.copy.Change {
			select {
			case <-s.Changed():
			default:
				t.Fatalf("a session was not told of a change")
			}
		}
		m.newest(t, v)
	}
}

// newest demands that a view shows the folder as the model has it.
func (m *machine) newest(t *rapid.T, v *gateway.FolderView) {
	f := m.model.folders[v.Folder]
	same := len(v.UIDs) == len(f.entries) && len(v.Marks) == len(f.entries) && v.Next == f.next
	for i := 0; same && i < len(f.entries); i++ {
		same = v.UIDs[i] == f.entries[i].UID && v.Marks[i].Equal(f.entries[i].Marks)
	}
	if !same {
		t.Fatalf("view of %v: %+v, want %+v, next %d", v.Folder, v, f.entries, f.next)
	}
}

func (m *machine) open(t *rapid.T) {
	s := &seenSession{book: rapid.IntRange(0, 1).Draw(t, "book"), folder: rapid.SampledFrom(modelFolders).Draw(t, "folder")}
	var err error
	if s.OpenFolder, err = m.books[s.book].Open(context.Background(), m.owner, s.folder); err != nil {
		t.Fatal(err)
	}
	m.sessions = append(m.sessions, s)
	s.look()
}

func (m *machine) close(t *rapid.T) {
	if len(m.sessions) == 0 {
		t.Skip("none is open")
	}
	i := rapid.IntRange(0, len(m.sessions)-1).Draw(t, "session")
	m.sessions[i].Close()
	m.sessions = slices.Delete(m.sessions, i, i+1)
}

// check holds everything that can be seen against the model.
func (m *machine) check(t *rapid.T) {
	for _, f := range modelFolders {
		m.checkStatus(t, f)
		m.checkEntries(t, f)
	}
	for n := byte(1); n <= 5; n++ {
		m.checkPlaces(t, message(n))
	}
	for _, s := range m.sessions {
		m.checkSession(t, s)
	}
	m.checkOwn(t)
}

func (m *machine) checkStatus(t *rapid.T, f gateway.Folder) {
	want := gateway.FolderStatus{Validity: 1_800_000_000, Next: m.model.folders[f].next}
	for _, e := range m.model.folders[f].entries {
		want.Messages++
		want.Size += e.Size
		if !e.Marks.Seen {
			want.Unseen++
		}
		if e.Marks.Deleted {
			want.Deleted++
		}
	}
	if got, err := m.books[0].Status(context.Background(), m.owner, f); err != nil || got != want {
		t.Fatalf("status of %v: %+v, %v, want %+v", f, got, err, want)
	}
}

// checkOwn: what the owner put there is counted apart.
func (m *machine) checkOwn(t *rapid.T) {
	var count int
	var octets int64
	for _, f := range []gateway.Folder{gateway.FolderInbox, gateway.FolderTemplates} {
		for _, e := range m.model.folders[f].entries {
			if e.Head == "" && e.Inline == "" {
				count, octets = count+1, octets+e.Size
			}
		}
	}
	if n, size, err := m.books[0].Own(context.Background(), m.owner); err != nil || n != count || size != octets {
		t.Fatalf("%d messages of %d octets are their own, %v; want %d of %d", n, size, err, count, octets)
	}
}

func (m *machine) checkEntries(t *rapid.T, f gateway.Folder) {
	fresh := newBook(m.store) // nobody has it open: it reads the store
	want := m.model.folders[f].entries
	n := 0
	err := fresh.Entries(context.Background(), m.owner, f, 1, mailbox.Last, func(e *gateway.MailEntry) bool {
		if n >= len(want) || e.UID != want[n].UID || e.Message != want[n].Message || !e.Marks.Equal(want[n].Marks) || e.Head != want[n].Head {
			t.Fatalf("%v, entry %d: %+v, want %+v", f, n, e, want[n:])
		}
		n++
		return true
	})
	if err != nil || n != len(want) {
		t.Fatalf("%v: %d entries, %v, want %d", f, n, err, len(want))
	}
}

func (m *machine) checkPlaces(t *rapid.T, id gateway.MessageID) {
	var want []string
	for _, f := range modelFolders {
		for _, e := range m.model.folders[f].entries {
			if e.Message == id {
				want = append(want, fmt.Sprint(f, e.UID))
			}
		}
	}
	p, err := m.books[0].Places(context.Background(), m.owner, id)
	var got []string
	for _, at := range p.At {
		got = append(got, fmt.Sprint(at.Folder, at.UID))
	}
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) || p.Hidden != m.model.hidden[id] {
		t.Fatalf("places of %v: %v (hidden %v), %v, want %v", id, got, p.Hidden, err, want)
	}
}

// checkSession: an old view stays as it was shown, and the view now is some
// state of the folder: in the process that wrote last, the newest.
func (m *machine) checkSession(t *rapid.T, s *seenSession) {
	if !slices.Equal(s.view.UIDs, s.copy.UIDs) || !sameMarks(s.view.Marks, s.copy.Marks) || s.view.Next != s.copy.Next {
		t.Fatalf("a view changed: %+v, was %+v", s.view, s.copy)
	}
	was := s.copy.Next
	s.look()
	f := m.model.folders[s.folder]
	if !slices.IsSorted(s.view.UIDs) || s.view.Next < was || s.view.Next > f.next {
		t.Fatalf("view of %v: %+v, next was %d and is %d", s.folder, s.view, was, f.next)
	}
	// What the other process wrote is seen after the next change here.
	v := s.view
	fresh, err := newBook(m.store).Open(context.Background(), m.owner, s.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	now := fresh.View()
	same := slices.Equal(v.UIDs, now.UIDs) && sameMarks(v.Marks, now.Marks) && v.Next == now.Next
	if (v.Change == now.Change) && !same {
		t.Fatalf("views of the same change differ: %+v, %+v", v, now)
	}
	m.newest(t, now)
}

// TestFoldersAgreeWithAModel drives random changes of two processes with
// sessions, some of whose commits fail, are lost or meet a conflict.
func TestFoldersAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{store: &trouble{Store: storetest.NewMemory()}, model: newModel()}
		m.books = []*mailbox.Book{newBook(m.store), newBook(m.store)}
		m.owner = m.books[0].Review()
		if _, err := m.books[0].Validity(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){"change": m.change, "open": m.open, "close": m.close, "": m.check})
	})
}
