package mailbox

import (
	"context"
	"errors"
	"math"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// Place is one entry that shows a message.
type Place struct {
	Folder gateway.Folder
	UID    gateway.UID
}

// Places is where a message stands for an owner.
type Places struct {
	// At is in the order in which the entries came.
	At []Place `json:",omitempty"`
	// Hidden says that the owner removed it and is not to see it again.
	Hidden bool `json:",omitempty"`
}

// UIDs are the places in one folder.
func (p Places) UIDs(f gateway.Folder) []gateway.UID {
	var list []gateway.UID
	for _, at := range p.At {
		if at.Folder == f {
			list = append(list, at.UID)
		}
	}
	return list
}

func placesKey(o Owner, message gateway.MessageID) []byte {
	return store.Key(store.Places, o[:], message[:])
}

// Places returns where a message stands; nowhere is no error.
func (b *Book) Places(ctx context.Context, o Owner, message gateway.MessageID) (Places, error) {
	p, _, err := b.places(ctx, o, message)
	return p, err
}

func (b *Book) places(ctx context.Context, o Owner, message gateway.MessageID) (Places, store.Version, error) {
	p, v, err := store.GetRecord[Places](ctx, b.store, placesKey(o, message))
	if errors.Is(err, store.ErrNotFound) {
		return Places{}, 0, nil
	}
	return p, v, err
}

// PlacesOf returns where messages stand, which are in ascending order, none of them
// twice. One that stands nowhere is left out.
func (b *Book) PlacesOf(ctx context.Context, o Owner, messages []gateway.MessageID) (map[gateway.MessageID]Places, error) {
	keys := make([][]byte, len(messages))
	for i, id := range messages {
		keys[i] = placesKey(o, id)
	}
	found := make(map[gateway.MessageID]Places, len(messages))
	err := store.GetAll(ctx, b.store, keys, func(i int, item store.Item) error {
		var p Places
		err := store.Decode(item.Value, &p)
		found[messages[i]] = p
		return err
	})
	return found, err
}

// folder reads a folder's record; one that nothing was ever put into has
// version 0.
func (b *Book) folder(ctx context.Context, o Owner, f gateway.Folder) (record, store.Version, error) {
	r, v, err := store.GetRecord[record](ctx, b.store, folderKey(o, f))
	if errors.Is(err, store.ErrNotFound) {
		return record{Next: 1}, 0, nil
	}
	return r, v, err
}

// Status counts a folder. It takes as long for a large one as for a small one.
func (b *Book) Status(ctx context.Context, o Owner, f gateway.Folder) (gateway.FolderStatus, error) {
	validity, err := b.Validity(ctx)
	if err != nil {
		return gateway.FolderStatus{}, err
	}
	r, _, err := b.folder(ctx, o, f)
	if err != nil {
		return gateway.FolderStatus{}, err
	}
	return gateway.FolderStatus{
		Validity: validity, Next: r.Next, Messages: r.Messages, Unseen: r.Unseen, Deleted: r.Deleted, Size: r.Size,
	}, nil
}

// ownFolders hold what their owner puts there.
func ownFolders() []gateway.Folder {
	return []gateway.Folder{gateway.FolderInbox, gateway.FolderTemplates}
}

// Own counts the entries that an owner put into folders themselves, a copy as
// another one, and their octets.
func (b *Book) Own(ctx context.Context, o Owner) (count int, octets int64, err error) {
	for _, f := range ownFolders() {
		r, _, err := b.folder(ctx, o, f)
		if err != nil {
			return 0, 0, err
		}
		count, octets = count+r.Own, octets+r.OwnSize
	}
	return count, octets, nil
}

// Entry returns one entry, or gateway.ErrNoEntry.
func (b *Book) Entry(ctx context.Context, o Owner, f gateway.Folder, uid gateway.UID) (gateway.MailEntry, error) {
	e, err := b.entry(ctx, o, f, uid)
	if err == nil {
		e.Marks, err = b.marks(ctx, o, f, uid)
	}
	if err != nil {
		return gateway.MailEntry{}, err
	}
	return e, nil
}

// entry is Entry without the marks.
func (b *Book) entry(ctx context.Context, o Owner, f gateway.Folder, uid gateway.UID) (e gateway.MailEntry, err error) {
	item, err := b.store.Get(ctx, entryKey(o, f, uid))
	if errors.Is(err, store.ErrNotFound) {
		return e, gateway.ErrNoEntry
	}
	if err == nil {
		err = decodeEntry(item.Value, &e)
	}
	e.UID = uid
	return e, err
}

func (b *Book) marks(ctx context.Context, o Owner, f gateway.Folder, uid gateway.UID) (gateway.Marks, error) {
	item, err := b.store.Get(ctx, marksKey(o, f, uid))
	if errors.Is(err, store.ErrNotFound) || uid == 0 {
		return gateway.Marks{}, gateway.ErrNoEntry
	}
	if err != nil {
		return gateway.Marks{}, err
	}
	return make(words).decodeMarks(item.Value)
}

// Entries visits the entries from..to, both counted in, in their order, until
// visit returns false. Those that come or go meanwhile may be left out. The
// entry is valid during the call only; visit must not call the Book or the
// store.
func (b *Book) Entries(ctx context.Context, o Owner, f gateway.Folder, from, to gateway.UID, visit func(*gateway.MailEntry) bool) error {
	v, err := b.marked(ctx, o, f, max(from, 1), to)
	if err != nil {
		return err
	}
	var bad error
	var e gateway.MailEntry
	err = b.store.Scan(ctx, entryRange(store.Entries, o, f, max(from, 1), to), func(it store.Item) bool {
		uid := uidOf(it.Key)
		at, there := v.Position(uid)
		if !there {
			return true
		}
		if bad = decodeEntry(it.Value, &e); bad != nil {
			return false
		}
		e.UID, e.Marks = uid, v.Marks[at]
		return visit(&e)
	})
	if err == nil {
		err = bad
	}
	return err
}

// marked is a view of at least the entries from..to: the one that sessions
// share, or else one that is read.
func (b *Book) marked(ctx context.Context, o Owner, f gateway.Folder, from, to gateway.UID) (*gateway.FolderView, error) {
	if v := b.shown(o, f); v != nil {
		return v, nil
	}
	v := new(gateway.FolderView)
	known := make(words)
	var bad error
	err := b.store.Scan(ctx, entryRange(store.Folders, o, f, from, to), func(it store.Item) bool {
		bad = add(v, known, it)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return v, err
}

// shown is the view that sessions of this process share, or nil.
func (b *Book) shown(o Owner, f gateway.Folder) *gateway.FolderView {
	b.mu.Lock()
	h := b.owners[o]
	b.mu.Unlock()
	if h == nil {
		return nil
	}
	s := h.folder(f)
	if s == nil || s.stale.Load() {
		return nil
	}
	return s.view.Load()
}

// Last is the greatest UID, for ranges without an end.
const Last gateway.UID = math.MaxUint32

// without returns the places but one.
func without(at []Place, gone Place) []Place {
	return slices.DeleteFunc(slices.Clone(at), func(p Place) bool { return p == gone })
}
