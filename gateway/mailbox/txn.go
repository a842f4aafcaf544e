package mailbox

import (
	"context"
	"errors"
	"math"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// Txn is what one Change does to the folders of an owner. It shows the folders
// as they will be, and is good during the call of plan only. The first failure
// of the store is kept, makes all that follows do nothing, and is what Change
// returns.
type Txn struct {
	book    *Book
	ctx     context.Context // of the Change that it is part of
	owner   Owner
	holder  *holder
	folders map[gateway.Folder]*pending
	places  map[gateway.MessageID]*moved
	batch   store.Batch
	err     error
}

// pending is what is to become of a folder.
type pending struct {
	was, now record
	version  store.Version
	seen     *gateway.FolderView // equal to the folder as it is stored; nil: none is at hand
	added    []gateway.MailEntry // rising
	changed  map[gateway.UID]*change
}

// change is what is to become of an entry that is stored.
type change struct {
	marks   gateway.Marks
	removed bool
}

func (p *pending) dirty() bool { return p.was != p.now || len(p.changed) > 0 }

// moved is what is to become of a message's places.
type moved struct {
	places  Places
	version store.Version
	dirty   bool
}

func (t *Txn) fail(err error) bool {
	if err != nil && t.err == nil {
		t.err = err
	}
	return t.err != nil
}

// Batch takes what is to be committed with the changes: evidence, and records
// of other tables with their preconditions.
func (t *Txn) Batch() *store.Batch { return &t.batch }

// Err returns the failure that was met, if any.
func (t *Txn) Err() error { return t.err }

// folder reads a folder once. nil after a failure.
func (t *Txn) folder(f gateway.Folder) *pending {
	if p := t.folders[f]; p != nil || t.err != nil {
		return p
	}
	r, version, err := t.book.folder(t.ctx, t.owner, f)
	if t.fail(err) {
		return nil
	}
	p := &pending{was: r, now: r, version: version, changed: make(map[gateway.UID]*change)}
	if s := t.holder.folder(f); s != nil {
		if v := s.view.Load(); v.Change == r.Change {
			p.seen = v
		} else {
			s.stale.Store(true) // another process wrote
		}
	}
	t.folders[f] = p
	return p
}

// Add puts an entry into a folder and returns its UID, which is e's once the
// change is durable; e.UID is not looked at. 0 after a failure.
func (t *Txn) Add(f gateway.Folder, e gateway.MailEntry) gateway.UID {
	p := t.folder(f)
	if p == nil {
		return 0
	}
	if p.now.Next == math.MaxUint32 {
		t.fail(&gateway.FolderError{Code: gateway.FolderLimit, Text: "This folder has had all the messages that it can number"})
		return 0
	}
	var err error
	if e.Marks, err = tidy(e.Marks); t.fail(err) {
		return 0
	}
	e.UID = p.now.Next
	p.now.Next++
	p.now.count(&e, 1)
	p.added = append(p.added, e)
	if m := t.moved(e.Message); m != nil {
		m.places.At, m.dirty = append(slices.Clone(m.places.At), Place{f, e.UID}), true
	}
	return e.UID
}

// Own is as Book.Own, as it will be; nothing after a failure.
func (t *Txn) Own() (count int, octets int64) {
	for _, f := range ownFolders() {
		if p := t.folder(f); p != nil {
			count, octets = count+p.now.Own, octets+p.now.OwnSize
		}
	}
	return count, octets
}

func (p *pending) fresh(uid gateway.UID) (int, bool) {
	return slices.BinarySearchFunc(p.added, uid, func(e gateway.MailEntry, uid gateway.UID) int { return int(int64(e.UID) - int64(uid)) })
}

// Entry returns an entry as it will be; false when the folder has none of that
// UID, or after a failure.
func (t *Txn) Entry(f gateway.Folder, uid gateway.UID) (gateway.MailEntry, bool) {
	p := t.folder(f)
	if p == nil {
		return gateway.MailEntry{}, false
	}
	if i, ok := p.fresh(uid); ok {
		return p.added[i], true
	}
	marks, ok := t.Marks(f, uid)
	if !ok {
		return gateway.MailEntry{}, false
	}
	e, err := t.book.entry(t.ctx, t.owner, f, uid)
	if errors.Is(err, gateway.ErrNoEntry) || t.fail(err) {
		return gateway.MailEntry{}, false
	}
	e.Marks = marks
	return e, true
}

// Remove takes an entry out of its folder and returns it as it was; false when
// the folder has none of that UID, or after a failure.
func (t *Txn) Remove(f gateway.Folder, uid gateway.UID) (gateway.MailEntry, bool) {
	e, ok := t.Entry(f, uid)
	if !ok {
		return e, false
	}
	p := t.folders[f]
	p.now.count(&e, -1)
	if i, fresh := p.fresh(uid); fresh {
		p.added = slices.Delete(p.added, i, i+1)
	} else {
		p.changed[uid] = &change{removed: true}
	}
	if m := t.moved(e.Message); m != nil {
		m.places.At, m.dirty = without(m.places.At, Place{f, uid}), true
	}
	return e, t.err == nil
}

// Marks returns the marks of an entry as they will be; false when the folder
// has none of that UID, or after a failure.
func (t *Txn) Marks(f gateway.Folder, uid gateway.UID) (gateway.Marks, bool) {
	p := t.folder(f)
	if p == nil {
		return gateway.Marks{}, false
	}
	if i, ok := p.fresh(uid); ok {
		return p.added[i].Marks, true
	}
	if c := p.changed[uid]; c != nil {
		return c.marks, !c.removed
	}
	if p.seen != nil {
		if i, ok := p.seen.Position(uid); ok {
			return p.seen.Marks[i], true
		}
		return gateway.Marks{}, false
	}
	m, err := t.book.marks(t.ctx, t.owner, f, uid)
	if errors.Is(err, gateway.ErrNoEntry) || t.fail(err) {
		return gateway.Marks{}, false
	}
	return m, true
}

// Mark replaces the marks of an entry; false when the folder has none of that
// UID, or after a failure. More keywords than an entry may have are a
// *gateway.FolderError.
func (t *Txn) Mark(f gateway.Folder, uid gateway.UID, m gateway.Marks) bool {
	was, ok := t.Marks(f, uid)
	if !ok {
		return false
	}
	m, err := tidy(m)
	if t.fail(err) {
		return false
	}
	if was.Equal(m) {
		return true
	}
	p := t.folders[f]
	p.now.countMarks(&was, -1)
	p.now.countMarks(&m, 1)
	if i, fresh := p.fresh(uid); fresh {
		p.added[i].Marks = m
	} else {
		p.changed[uid] = &change{marks: m}
	}
	return true
}

// Place returns where a message will stand for the owner.
func (t *Txn) Place(message gateway.MessageID) Places {
	if m := t.moved(message); m != nil {
		return Places{At: slices.Clone(m.places.At), Hidden: m.places.Hidden}
	}
	return Places{}
}

// SetHidden says whether the owner is to see a message again.
func (t *Txn) SetHidden(message gateway.MessageID, hidden bool) {
	if m := t.moved(message); m != nil && m.places.Hidden != hidden {
		m.places.Hidden, m.dirty = hidden, true
	}
}

// moved reads the places of a message once. nil for none, and after a failure.
func (t *Txn) moved(message gateway.MessageID) *moved {
	if m := t.places[message]; m != nil || t.err != nil || message.IsZero() {
		return m
	}
	p, version, err := t.book.places(t.ctx, t.owner, message)
	if t.fail(err) {
		return nil
	}
	m := &moved{places: p, version: version}
	t.places[message] = m
	return m
}
