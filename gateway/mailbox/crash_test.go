package mailbox_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store/pebblestore"
)

const (
	crashes     = 15
	crashWriter = 3
)

// crashRun is what anybody was told before a crash. Every writer has a folder
// of its own to move messages out of, and all share the one that they go into.
type crashRun struct {
	book  *mailbox.Book
	owner mailbox.Owner

	mu    sync.Mutex
	names map[mailbox.Place]gateway.MessageID // what a UID that was told names
	kept  map[mailbox.Place]bool              // those that are not removed again
	next  map[gateway.Folder]gateway.UID      // UIDNEXT that was told
	turns atomic.Int64
}

func (c *crashRun) told(f gateway.Folder, uid gateway.UID, id gateway.MessageID, stays bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := mailbox.Place{Folder: f, UID: uid}
	c.names[at] = id
	if stays {
		c.kept[at] = true
	}
	c.next[f] = max(c.next[f], uid+1)
}

// write adds a message, moves it, and empties its folder now and then.
func (c *crashRun) write(ctx context.Context, t *testing.T, w int) {
	own := gateway.FolderUnopened + gateway.Folder(w)
	for n := uint32(1); ctx.Err() == nil; n++ {
		e := entry(0)
		e.Message = gateway.MessageID{byte(w), byte(n >> 16), byte(n >> 8), byte(n), 15: 1}
		var uid, moved gateway.UID
		err := c.book.Change(context.Background(), c.owner, func(x *mailbox.Txn) error { uid = x.Add(own, e); return nil })
		if err != nil {
			t.Errorf("adding: %v", err)
			return
		}
		c.told(own, uid, e.Message, false)
		err = c.book.Change(context.Background(), c.owner, func(x *mailbox.Txn) error {
			if was, ok := x.Remove(own, uid); ok {
				moved = x.Add(gateway.FolderInbox, was)
			}
			return nil
		})
		if err != nil || moved == 0 {
			t.Errorf("moving UID %d to %d: %v", uid, moved, err)
			return
		}
		c.told(gateway.FolderInbox, moved, e.Message, true)
		c.turns.Add(1)
	}
}

// watch learns from views, as sessions do.
func (c *crashRun) watch(ctx context.Context, t *testing.T) {
	s, err := c.book.Open(context.Background(), c.owner, gateway.FolderInbox)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	for {
		select {
		case <-s.Changed():
		case <-ctx.Done():
			return
		}
		v := s.View()
		c.mu.Lock()
		c.next[v.Folder] = max(c.next[v.Folder], v.Next)
		c.mu.Unlock()
	}
}

// check holds a survivor against what was told before the crash.
func (c *crashRun) check(t *testing.T, b *mailbox.Book, names map[mailbox.Place]gateway.MessageID, kept map[mailbox.Place]bool, next map[gateway.Folder]gateway.UID) {
	t.Helper()
	for f := gateway.FolderInbox; f < gateway.FolderUnopened+crashWriter; f++ {
		found := make(map[gateway.UID]gateway.MailEntry)
		var size int64
		err := b.Entries(t.Context(), c.owner, f, 1, mailbox.Last, func(e *gateway.MailEntry) bool {
			found[e.UID] = *e
			size += e.Size
			if was, told := names[mailbox.Place{Folder: f, UID: e.UID}]; told && was != e.Message {
				t.Errorf("%v: UID %d names another message", f, e.UID)
			}
			return true
		})
		st, err2 := b.Status(t.Context(), c.owner, f)
		if err != nil || err2 != nil || int(st.Messages) != len(found) || st.Size != size || int(st.Unseen) != len(found) {
			t.Errorf("%v: status %+v, %d entries, %v, %v", f, st, len(found), err, err2)
		}
		if st.Next < next[f] || st.Validity != 1_800_000_000 {
			t.Errorf("%v: UIDNEXT %d, UIDVALIDITY %d, was told %d", f, st.Next, st.Validity, next[f])
		}
		for uid, e := range found {
			p, err := b.Places(t.Context(), c.owner, e.Message)
			if err != nil || len(p.At) != 1 || p.At[0] != (mailbox.Place{Folder: f, UID: uid}) {
				t.Errorf("%v: UID %d stands at %v, %v", f, uid, p.At, err)
			}
		}
		for at := range kept {
			if _, ok := found[at.UID]; at.Folder == f && !ok {
				t.Errorf("%v: UID %d was told and is lost", f, at.UID)
			}
		}
		err = b.Change(t.Context(), c.owner, func(x *mailbox.Txn) error {
			if uid := x.Add(f, entry(1)); uid < next[f] {
				t.Errorf("%v: UID %d is given again", f, uid)
			}
			return nil
		})
		if err != nil {
			t.Errorf("the survivor takes no more: %v", err)
		}
	}
}

// TestACrashReusesNoUIDAndLosesNothing turns the power off while messages are
// added and moved, and looks at what is left.
func TestACrashReusesNoUIDAndLosesNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	openPebble := func(on vfs.FS) *pebblestore.Store {
		s, err := pebblestore.Open("db", pebblestore.Options{FS: on, MemTable: 64 << 10})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		return s
	}
	s := openPebble(fs)
	defer func() { _ = s.Close() }()
	c := &crashRun{
		book: newBook(s), names: make(map[mailbox.Place]gateway.MessageID), kept: make(map[mailbox.Place]bool),
		next: make(map[gateway.Folder]gateway.UID),
	}
	c.owner = ada(t, c.book)
	if _, err := c.book.Validity(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for w := range crashWriter {
		wg.Go(func() { c.write(ctx, t, w) })
	}
	wg.Go(func() { c.watch(ctx, t) })
	for seed := range uint64(crashes) {
		c.await(t, int64(seed+1)*4)
		c.mu.Lock()
		names, kept, next := maps.Clone(c.names), maps.Clone(c.kept), maps.Clone(c.next)
		c.mu.Unlock()
		left := openPebble(fs.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: []int{0, 20, 50, 80, 100}[seed%5], RNG: rand.New(rand.NewPCG(seed, 1)),
		}))
		c.check(t, newBook(left), names, kept, next)
		if err := left.Close(); err != nil {
			t.Errorf("closing the survivor: %v", err)
		}
		if t.Failed() {
			t.Fatalf("crash %d", seed)
		}
	}
	stop()
	wg.Wait()
	if len(c.kept) < 4*crashes {
		t.Errorf("only %d messages were filed", len(c.kept))
	}
}

func (c *crashRun) await(t *testing.T, turns int64) {
	t.Helper()
	for c.turns.Load() < turns {
		if t.Failed() {
			t.FailNow()
		}
		if _, err := c.book.Status(t.Context(), c.owner, gateway.FolderInbox); err != nil {
			t.Fatal(err)
		}
	}
}
