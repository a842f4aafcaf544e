package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// dialogTime is how long what a telephone writes still belongs to the newest
// conversation with it from the same line.
const dialogTime = 7 * 24 * time.Hour

// dialogStep is how exact dialog.At is while nothing else changes.
const dialogStep = time.Hour

// dialog is what was last said between a telephone and one line of ours. The
// network carries no reference from an answer to what it answers, so this is
// all that tells where an answer belongs.
type dialog struct {
	Line    gateway.Line
	Account string          `json:",omitempty"` // system_id that last sent from the line; "" for staff
	Staff   gateway.Address `json:",omitzero"`  // who did, for staff
	// Mail is the mail that staff wrote last, which an answer stands under.
	Mail   gateway.MessageID `json:",omitzero"`
	Thread gateway.ThreadID  `json:",omitzero"` // newest conversation
	At     time.Time         // of the last message, either way
	Heard  []heard           `json:",omitempty"` // what the telephone wrote last
}

func (f *Flow) dialogKey(person gateway.PersonRef, line gateway.Line) []byte {
	h := f.MAC("dialog", []byte(line.Key()))
	return store.Key(store.Dialogs, person[:], h[:16])
}

// dialog returns what was last said between a person's telephone and a line;
// the zero value when nothing was.
func (f *Flow) dialog(ctx context.Context, person gateway.PersonRef, line gateway.Line) (dialog, error) {
	d, _, err := store.GetRecord[dialog](ctx, f.Store, f.dialogKey(person, line))
	if errors.Is(err, store.ErrNotFound) {
		return dialog{}, nil
	}
	return d, err
}

// stageDialog remembers a message between a person's telephone and d.Line.
func (f *Flow) stageDialog(b *store.Batch, person gateway.PersonRef, d dialog) error {
	return b.PutRecord(f.dialogKey(person, d.Line), d)
}

// open reports whether the conversation goes on: an answer belongs to it.
func (d *dialog) open(now time.Time) bool { return !d.Thread.IsZero() && now.Sub(d.At) < dialogTime }

// mailedBy reports whether it was a member of staff who wrote last, by mail and
// not long ago: they get what the telephone writes.
func (d *dialog) mailedBy(now time.Time, domains []string) bool {
	return d.Account == "" && d.Staff.In(domains) && now.Sub(d.At) < dialogTime
}

// lineOf is the line of ours that a conversation with a telephone goes over:
// the one that was used last in it. false when there was none.
func (f *Flow) lineOf(ctx context.Context, person gateway.PersonRef, id gateway.ThreadID) (gateway.Line, bool, error) {
	var newest dialog
	err := each(ctx, f.Store, store.Prefix(store.Dialogs, person[:]), func(d *dialog) {
		if d.Thread == id && d.At.After(newest.At) {
			newest = *d
		}
	})
	return newest.Line, !newest.At.IsZero(), err
}

// conversationOf is the conversation that a new message between a telephone and
// a line goes on with; zero when there is none.
func (f *Flow) conversationOf(ctx context.Context, d *dialog) (thread.Thread, error) {
	if !d.open(f.Now()) {
		return thread.Thread{}, nil
	}
	th, err := f.Threads.Get(ctx, d.Thread)
	if errors.Is(err, thread.ErrUnknown) {
		return thread.Thread{}, nil
	}
	return th, err
}
