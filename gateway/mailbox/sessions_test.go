package mailbox_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store/storetest"
)

// done is one change of the story, in the order in which they were made.
type done struct {
	at    int
	steps []step
}

// crowd is several sessions that change folders at the same time.
type crowd struct {
	book  *mailbox.Book
	owner mailbox.Owner

	mu    sync.Mutex
	story []done
}

// change does random steps on entries that the session's view shows.
func (c *crowd) change(rng *rand.Rand, s gateway.OpenFolder) (added []gateway.UID, err error) {
	v := s.View()
	var steps []step
	for range 1 + rng.IntN(4) {
		st := step{kind: "add", folder: v.Folder, entry: entry(byte(1 + rng.IntN(200)))}
		if len(v.UIDs) > 0 && rng.IntN(5) > 1 {
			st.kind = []string{"remove", "mark"}[rng.IntN(2)]
			st.uid = v.UIDs[rng.IntN(len(v.UIDs))]
			st.entry.Marks = gateway.Marks{Seen: rng.IntN(2) == 0, Deleted: rng.IntN(2) == 0}
		}
		steps = append(steps, st)
	}
	err = c.book.Change(context.Background(), c.owner, func(x *mailbox.Txn) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.story = append(c.story, done{len(c.story), steps})
		for _, st := range steps {
			if st.kind == "add" {
				added = append(added, x.Add(st.folder, st.entry))
			} else {
				do(x, st)
			}
		}
		return nil
	})
	return added, err
}

// live is one session's life: what it was told is in its view, views never go
// back, and a view that it holds does not change under it.
func (c *crowd) live(t *testing.T, seed uint64, f gateway.Folder) {
	rng := rand.New(rand.NewPCG(seed, 1))
	s, err := c.book.Open(context.Background(), c.owner, f)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	for range 60 {
		old := s.View()
		uids, marks := slices.Clone(old.UIDs), slices.Clone(old.Marks)
		added, err := c.change(rng, s)
		if err != nil {
			t.Errorf("Change: %v", err)
			return
		}
		now := s.View()
		if !slices.IsSorted(now.UIDs) || now.Next < old.Next || now.Change < old.Change || len(now.UIDs) != len(now.Marks) {
			t.Errorf("view %+v after %+v", now, old)
		}
		for _, uid := range added {
			if uid < old.Next || uid >= now.Next {
				t.Errorf("UID %d was given, UIDNEXT went from %d to %d", uid, old.Next, now.Next)
			}
		}
		if !slices.Equal(uids, old.UIDs) || !sameMarks(marks, old.Marks) {
			t.Errorf("a view that is held changed")
		}
	}
}

// TestSessionsAtTheSameTime lets sessions change the same folders at once, and
// compares the end with the same story told to the model.
func TestSessionsAtTheSameTime(t *testing.T) {
	s := storetest.NewMemory()
	c := &crowd{book: newBook(s)}
	c.owner = ada(t, c.book)
	var wg sync.WaitGroup
	for i := range uint64(6) {
		wg.Go(func() { c.live(t, i, modelFolders[i%2]) })
	}
	wg.Wait()
	m := newModel()
	slices.SortFunc(c.story, func(a, b done) int { return cmp.Compare(a.at, b.at) })
	for _, d := range c.story {
		for _, st := range d.steps {
			m.apply(st)
		}
	}
	for _, f := range modelFolders[:2] {
		last, next := open(t, newBook(s), c.owner, f).View(), m.folders[f].next
		if last.Next != next || len(last.UIDs) != len(m.folders[f].entries) || next < 50 {
			t.Fatalf("%v: %d entries, next %d; the model has %d, next %d", f, len(last.UIDs), last.Next, len(m.folders[f].entries), next)
		}
		for i, e := range m.folders[f].entries {
			if last.UIDs[i] != e.UID || !last.Marks[i].Equal(e.Marks) {
				t.Fatalf("%v: entry %d is UID %d %+v, want %+v", f, i, last.UIDs[i], last.Marks[i], e)
			}
		}
	}
}
