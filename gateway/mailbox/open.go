package mailbox

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// shared is a folder that sessions have open. Only who has the owner's turn
// replaces its view.
type shared struct {
	folder gateway.Folder
	view   atomic.Pointer[gateway.FolderView]
	// stale: the store may hold something newer than view.
	stale atomic.Bool

	mu       sync.Mutex
	sessions map[*session]struct{}
}

// show replaces the view and tells the sessions.
func (s *shared) show(v *gateway.FolderView) {
	s.view.Store(v)
	s.stale.Store(false)
	s.tell()
}

func (s *shared) doubt() {
	s.stale.Store(true)
	s.tell()
}

func (s *shared) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.sessions {
		select {
		case one.changed <- struct{}{}:
		default: // it has not looked since the last one
		}
	}
}

// session is one OpenFolder.
type session struct {
	book    *Book
	owner   Owner
	holder  *holder
	shared  *shared
	changed chan struct{}
	once    sync.Once
}

// lookTime bounds what a session waits to see a state that is in doubt.
const lookTime = time.Second

// Open opens a folder for one session, which must close it. All sessions of
// this process that have it open share its view; the first one reads it, unless it stands as
// it stood a moment ago.
func (b *Book) Open(ctx context.Context, o Owner, f gateway.Folder) (gateway.OpenFolder, error) {
	h := b.hold(o)
	one, err := b.open(ctx, o, h, f)
	if err != nil {
		b.release(o, h)
		return nil, err
	}
	return one, nil
}

func (b *Book) open(ctx context.Context, o Owner, h *holder, f gateway.Folder) (*session, error) {
	if err := h.take(ctx); err != nil {
		return nil, err
	}
	defer h.leave()
	s := h.folder(f)
	if s == nil {
		s = &shared{folder: f, sessions: make(map[*session]struct{})}
		s.view.Store(b.recent.take(o, f))
		s.stale.Store(true)
	}
	if err := b.refresh(ctx, o, s); err != nil {
		return nil, err
	}
	one := &session{book: b, owner: o, holder: h, shared: s, changed: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[f] = s // again, where the last session closed it meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[one] = struct{}{}
	return one, nil
}

// View implements gateway.OpenFolder. When the outcome of a commit is not
// known it reads the folder again; where that fails it shows what was last
// known to be durable.
func (s *session) View() *gateway.FolderView {
	if s.shared.stale.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		if s.holder.take(ctx) == nil {
			_ = s.book.refresh(ctx, s.owner, s.shared)
			s.holder.leave()
		}
	}
	return s.shared.view.Load()
}

// Changed implements gateway.OpenFolder.
func (s *session) Changed() <-chan struct{} { return s.changed }

// Close implements gateway.OpenFolder.
func (s *session) Close() {
	s.once.Do(func() {
		if s.holder.forget(s) {
			s.book.recent.put(s.owner, s.shared.view.Load())
		}
		s.book.release(s.owner, s.holder)
	})
}

// forget lets go of a session, and of its folder with the last one.
func (h *holder) forget(one *session) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := one.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, one)
	last = len(s.sessions) == 0 && h.open[s.folder] == s
	if last {
		delete(h.open, s.folder)
	}
	return last
}

// refresh reads a folder whose view is in doubt. The caller has the owner's
// turn.
func (b *Book) refresh(ctx context.Context, o Owner, s *shared) error {
	if !s.stale.Load() {
		return nil
	}
	if v := s.view.Load(); v != nil {
		if r, _, err := b.folder(ctx, o, s.folder); err == nil && r.Change == v.Change && v.Validity == b.validity.Load() {
			s.stale.Store(false)
			return nil
		}
	}
	v, err := b.load(ctx, o, s.folder)
	if err != nil {
		return fmt.Errorf("reading a folder: %w", err)
	}
	s.show(v)
	return nil
}

// load reads a folder in one scan, so that it is one moment's.
func (b *Book) load(ctx context.Context, o Owner, f gateway.Folder) (*gateway.FolderView, error) {
	validity, err := b.Validity(ctx)
	if err != nil {
		return nil, err
	}
	v := &gateway.FolderView{Folder: f, Validity: validity, Next: 1}
	known := make(words)
	var bad error
	err = b.store.Scan(ctx, store.Prefix(store.Folders, o[:], []byte{byte(f)}), func(it store.Item) bool {
		bad = add(v, known, it)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return v, err
}

// maxAhead bounds the memory that a folder's own count reserves.
const maxAhead = 1 << 20

func add(v *gateway.FolderView, known words, it store.Item) error {
	uid := uidOf(it.Key)
	if uid == 0 {
		var r record
		if err := store.Decode(it.Value, &r); err != nil {
			return err
		}
		v.Next, v.Change = r.Next, r.Change
		n := int(min(r.Messages, maxAhead))
		v.UIDs, v.Marks = make([]gateway.UID, 0, n+n/16+1), make([]gateway.Marks, 0, n+n/16+1)
		return nil
	}
	m, err := known.decodeMarks(it.Value)
	if err != nil {
		return err
	}
	v.UIDs, v.Marks = append(v.UIDs, uid), append(v.Marks, m)
	return nil
}
