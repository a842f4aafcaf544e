package mailbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Limits of a Change: how often it meets others that were faster, and how long
// a commit may take that nobody waits for any more.
const (
	maxRounds  = 100
	commitTime = 30 * time.Second
)

// Change is the one way to write: it commits what plan does to folders of o,
// together with what plan puts into the batch, and then shows it to the sessions.
// Others who change folders of o wait. plan must not call Change or Open for o.
// It runs again, with another Txn, when a precondition failed, so it acts by
// its Txn alone; its error ends all and is returned as it is. After
// store.ErrUnknown the change may have happened: Places and Status tell.
func (b *Book) Change(ctx context.Context, o Owner, plan func(*Txn) error) error {
	h := b.hold(o)
	defer b.release(o, h)
	if err := h.take(ctx); err != nil {
		return err
	}
	defer h.leave()
	err := store.ErrConflict
	for round := 0; round < maxRounds && errors.Is(err, store.ErrConflict); round++ {
		if round > 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t := &Txn{
			book: b, ctx: ctx, owner: o, holder: h,
			folders: make(map[gateway.Folder]*pending), places: make(map[gateway.MessageID]*moved),
		}
		if err := plan(t); err != nil {
			return err
		}
		if t.err != nil {
			return t.err
		}
		err = t.commit()
	}
	return err
}

// commit makes the change durable and shows it. A commit that has begun is not
// given up with its caller: its outcome would not be known.
func (t *Txn) commit() error {
	writes, err := t.stage()
	if err != nil {
		return err
	}
	if writes.Len() == 0 && len(t.batch.Ops) == 0 && len(t.batch.Requires) == 0 {
		t.batch.Done()
		return nil
	}
	writes.Append(&t.batch)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTime)
	defer cancel()
	err = t.book.store.Commit(ctx, writes)
	if errors.Is(err, store.ErrConflict) {
		return err
	}
	t.show(ctx, err == nil)
	if err == nil {
		writes.Done()
	}
	return err
}

// stage is everything that the change writes. What was only read is required
// to be still so.
func (t *Txn) stage() (*store.Batch, error) {
	b := new(store.Batch)
	for f, p := range t.folders {
		key := folderKey(t.owner, f)
		b.RequireVersion(key, p.version)
		if !p.dirty() {
			continue
		}
		p.now.Change = p.was.Change + 1
		if err := b.PutRecord(key, p.now); err != nil {
			return nil, err
		}
		t.stageEntries(b, f, p)
	}
	for message, m := range t.places {
		if err := t.stagePlaces(b, message, m); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (t *Txn) stageEntries(b *store.Batch, f gateway.Folder, p *pending) {
	for i := range p.added {
		e := &p.added[i]
		b.Put(entryKey(t.owner, f, e.UID), encodeEntry(e))
		b.Put(marksKey(t.owner, f, e.UID), encodeMarks(&e.Marks))
	}
	for uid, c := range p.changed {
		if c.removed {
			b.Delete(entryKey(t.owner, f, uid))
			b.Delete(marksKey(t.owner, f, uid))
			continue
		}
		b.Put(marksKey(t.owner, f, uid), encodeMarks(&c.marks))
	}
}

func (t *Txn) stagePlaces(b *store.Batch, message gateway.MessageID, m *moved) error {
	key := placesKey(t.owner, message)
	b.RequireVersion(key, m.version)
	switch {
	case !m.dirty:
		return nil
	case len(m.places.At) == 0 && !m.places.Hidden:
		b.Delete(key)
		return nil
	}
	return b.PutRecord(key, m.places)
}

// show lets the sessions see what is durable. Where that is not certain it is
// read again.
func (t *Txn) show(ctx context.Context, durable bool) {
	for f, p := range t.folders {
		s := t.holder.folder(f)
		if s == nil {
			continue
		}
		switch {
		case durable && !p.dirty():
		case durable && p.seen != nil:
			s.show(p.after(p.seen))
		default:
			s.doubt()
		}
		_ = t.book.refresh(ctx, t.owner, s) // or View does, later
	}
}

// after is v with the change. Adding alone shares the memory of v: only the
// newest view is ever added to, and nobody looks beyond the end of an older one.
func (p *pending) after(v *gateway.FolderView) *gateway.FolderView {
	next := &gateway.FolderView{Folder: v.Folder, Validity: v.Validity, Next: p.now.Next, Change: p.now.Change, UIDs: v.UIDs, Marks: v.Marks}
	removed := false
	if len(p.changed) > 0 {
		next.Marks = slices.Clone(v.Marks)
	}
	for uid, c := range p.changed {
		if i, ok := v.Position(uid); ok && !c.removed {
			next.Marks[i] = c.marks
		}
		removed = removed || c.removed
	}
	if removed {
		next.UIDs, next.Marks = p.kept(v.UIDs, next.Marks)
	}
	for i := range p.added {
		next.UIDs, next.Marks = append(next.UIDs, p.added[i].UID), append(next.Marks, p.added[i].Marks)
	}
	return next
}

// kept leaves out what is removed. marks is the caller's own; uids is not.
func (p *pending) kept(uids []gateway.UID, marks []gateway.Marks) ([]gateway.UID, []gateway.Marks) {
	left := make([]gateway.UID, 0, len(uids))
	for i, uid := range uids {
		if c := p.changed[uid]; c != nil && c.removed {
			continue
		}
		marks[len(left)] = marks[i]
		left = append(left, uid)
	}
	return left, marks[:len(left)]
}
