package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// Limits of the loop that files: what one look takes up, and the longest time
// between two looks, because another process may have staged.
const (
	filingBatch = 100
	filingLook  = 10 * time.Second
	// filingPause lets what is staged in a moment share commits.
	filingPause = 50 * time.Millisecond
)

// FileMail puts messages where they belong in the folders of staff, until ctx
// ends. What was left from before comes first.
func (f *Flow) FileMail(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(f.fileOnce(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.filings.wake:
			timer.Reset(filingPause)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		timer.Stop()
	}
}

// filing is one row of the table Filings.
type filing struct {
	id      gateway.MessageID
	key     []byte
	version store.Version
}

// fileOnce files what is staged and says how long there may be nothing to do.
func (f *Flow) fileOnce(ctx context.Context) time.Duration {
	now := f.Now()
	rows, next, err := f.filingsDue(ctx, now)
	if err != nil {
		if ctx.Err() == nil {
			f.Log.Warn("messages to be filed not read", "error", err)
		}
		return firstSetback
	}
	done := f.fileAll(ctx, rows, func(r filing, err error) {
		if until := f.filings.note(r.key, err, now); !until.IsZero() {
			next = earlier(next, until)
			f.Log.Warn("a message is not in its folder yet", "id", r.id, "error", err)
		}
	})
	if err := f.filed(ctx, done); err != nil && ctx.Err() == nil {
		f.Log.Warn("messages are filed once more", "count", len(done), "error", err)
	}
	if len(rows) >= filingBatch && len(done) > 0 {
		return 0
	}
	if next.IsZero() {
		return filingLook
	}
	return min(max(0, next.Sub(f.Now())), filingLook)
}

// filingsDue returns rows, and when the next one comes that rests after a failure.
func (f *Flow) filingsDue(ctx context.Context, now time.Time) (rows []filing, next time.Time, err error) {
	err = f.Store.Scan(ctx, store.Prefix(store.Filings), func(it store.Item) bool {
		r := filing{key: slices.Clone(it.Key), version: it.Version}
		if len(it.Key) != 1+len(r.id) {
			return true
		}
		copy(r.id[:], it.Key[1:])
		if until := f.filings.resting(r.key); now.Before(until) {
			next = earlier(next, until)
			return true
		}
		rows = append(rows, r)
		return len(rows) < filingBatch
	})
	return rows, next, err
}

// fileAll files messages, in one commit for each owner of folders, and returns
// the rows that are done. note hears how each went.
func (f *Flow) fileAll(ctx context.Context, rows []filing, note func(filing, error)) (done []filing) {
	failed := make(map[gateway.MessageID]error)
	var order []folderOwner
	of := make(map[folderOwner][]gateway.MessageID)
	for _, r := range rows {
		owners, err := f.ownersOf(ctx, r.id)
		if err != nil {
			failed[r.id] = err
		}
		for _, o := range owners {
			if of[o] == nil {
				order = append(order, o)
			}
			of[o] = append(of[o], r.id)
		}
	}
	for _, o := range order {
		f.fileFor(ctx, o, of[o], failed)
	}
	for _, r := range rows {
		if note(r, failed[r.id]); failed[r.id] == nil {
			done = append(done, r)
		}
	}
	return done
}

// fileFor files messages for one owner together, and one by one when that
// fails, so that one which cannot be filed keeps no other.
func (f *Flow) fileFor(ctx context.Context, o folderOwner, ids []gateway.MessageID, failed map[gateway.MessageID]error) {
	err := f.place(ctx, o, ids...)
	if err == nil {
		return
	}
	for _, id := range ids {
		if len(ids) > 1 {
			err = f.place(ctx, o, id)
		}
		if err != nil {
			failed[id] = errors.Join(failed[id], err)
		}
	}
}

// place puts messages where they belong in the folders of an owner. How they
// stand is looked up in its turn, so that nothing newer is overwritten.
func (f *Flow) place(ctx context.Context, o folderOwner, ids ...gateway.MessageID) error {
	return f.mailbox.Change(ctx, o.owner, func(t *mailbox.Txn) error {
		for _, id := range ids {
			s, err := f.subject(ctx, id)
			if err != nil {
				return err
			}
			if err := f.settlePlaces(ctx, t, o, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// filed removes rows of messages that are where they belong. A row that was
// staged again meanwhile stays.
func (f *Flow) filed(ctx context.Context, rows []filing) error {
	remove := func(some ...filing) error {
		var b store.Batch
		for _, r := range some {
			b.RequireVersion(r.key, r.version)
			b.Delete(r.key)
		}
		return store.Write(ctx, f.Store, &b)
	}
	if len(rows) == 0 {
		return nil
	}
	err := remove(rows...)
	if !errors.Is(err, store.ErrConflict) || len(rows) == 1 {
		return ignore(err, store.ErrConflict)
	}
	err = nil
	for _, r := range rows {
		err = errors.Join(err, ignore(remove(r), store.ErrConflict))
	}
	return err
}

// settlePlaces brings the entries that show a message to an owner in line with
// how it stands. A new entry has the marks of the one that it replaces.
func (f *Flow) settlePlaces(ctx context.Context, t *mailbox.Txn, o folderOwner, s *subject) error {
	places := t.Place(s.message.ID)
	if o.kind == ownKept && len(places.At) > 0 {
		return f.settleKept(ctx, t, o, s, places)
	}
	want, next, err := f.placeOf(ctx, o, s, len(places.At) > 0)
	if err != nil || t.Err() != nil {
		return errors.Join(err, t.Err())
	}
	if places.Hidden {
		want = nil
	}
	marks, kept := gateway.Marks{Seen: o.kind == ownSent}, false
	for _, at := range places.At {
		if want != nil && at.Folder == gateway.FolderRecall && s.undoable(f.Now()) {
			continue
		}
		e, ok := t.Entry(at.Folder, at.UID)
		if !ok {
			continue
		}
		if want != nil && !kept && want.shows(at.Folder, &e) {
			kept = true
			continue
		}
		if at.Folder != gateway.FolderRecall {
			marks = e.Marks
		}
		t.Remove(at.Folder, at.UID)
	}
	if want == nil {
		return t.Err()
	}
	if !kept {
		want.entry.Marks = withState(marks, want.folder)
		t.Add(want.folder, want.entry)
	}
	if next.IsZero() {
		return t.Err()
	}
	return errors.Join(t.Err(), f.stageTask(t.Batch(), task{Kind: taskFile, Due: next, Message: s.message.ID, At: s.message.Accepted}))
}

// settleKept leaves what a user keeps where they put it. When it is gone, each of
// its entries becomes one that says so.
func (f *Flow) settleKept(ctx context.Context, t *mailbox.Txn, o folderOwner, s *subject, places mailbox.Places) error {
	if !s.gone {
		return t.Err()
	}
	want, _, err := f.placeOf(ctx, o, s, true)
	if err != nil {
		return err
	}
	for _, at := range places.At {
		e, ok := t.Entry(at.Folder, at.UID)
		if !ok || e.Inline != "" {
			continue
		}
		t.Remove(at.Folder, at.UID)
		stub := want.entry
		stub.At, stub.Marks = e.At, e.Marks
		t.Add(at.Folder, stub)
	}
	return t.Err()
}

// undoable reports whether staff can still undo the recall of a message.
func (s *subject) undoable(now time.Time) bool {
	if !s.message.Recalled.IsZero() && !s.message.Staff.IsZero() {
		return true
	}
	return slices.ContainsFunc(s.copies, func(e gateway.Envelope) bool { return !e.Recalled.IsZero() && e.Shredded.IsZero() })
}

// stateWord is the keyword of a state folder, "" of another.
func stateWord(f gateway.Folder) string {
	switch f {
	case gateway.FolderUnopened:
		return "$GatepostUnopened"
	case gateway.FolderOpened:
		return "$GatepostOpened"
	case gateway.FolderReplied:
		return "$GatepostReplied"
	case gateway.FolderExpired:
		return "$GatepostExpired"
	case gateway.FolderRecalled:
		return "$GatepostRecalled"
	}
	return ""
}

// withState is marks with the keyword of the folder, and with that of no other.
func withState(m gateway.Marks, folder gateway.Folder) gateway.Marks {
	m.Keywords = slices.DeleteFunc(slices.Clone(m.Keywords), func(k string) bool {
		for f := gateway.FolderUnopened; f <= gateway.FolderRecalled; f++ {
			if stateWord(f) == k {
				return true
			}
		}
		return false
	})
	if w := stateWord(folder); w != "" {
		m.Keywords = append(m.Keywords[:min(len(m.Keywords), gateway.MaxKeywords-1)], w)
	}
	slices.Sort(m.Keywords)
	return m
}
