package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// maxBackfill bounds the messages of the time before somebody had folders that
// are put into them: the newest.
const maxBackfill = 100_000

func (f *Flow) madeKey(a gateway.Address) []byte {
	o := f.mailbox.Owner(a)
	return store.Key(store.Meta, []byte("mailbox made "), o[:])
}

// makeMailbox begins the folders of a user who comes for the first time, and
// stages that what was theirs before is filed.
func (f *Flow) makeMailbox(ctx context.Context, a gateway.Address) error {
	key := f.madeKey(a)
	if _, err := f.Store.Get(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var b store.Batch
	b.RequireAbsent(key)
	if err := b.PutRecord(key, f.Now()); err != nil {
		return err
	}
	owner := f.mailbox.Owner(a)
	if err := f.stageTask(&b, task{Kind: taskMade, Due: f.Now(), At: f.Now(), Address: a, Text: owner[:]}); err != nil {
		return err
	}
	return ignore(store.Write(ctx, f.Store, &b), store.ErrConflict) // another session of theirs was faster
}

// filingChunk is how many filings are staged in one commit.
const filingChunk = 500

// backfill stages that the messages of a user are filed. It may be repeated.
func (f *Flow) backfill(ctx context.Context, a gateway.Address) error {
	ids, err := f.messagesOf(ctx, a)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, filingChunk) {
		var b store.Batch
		for _, id := range some {
			f.file(&b, id)
		}
		if err := store.Write(ctx, f.Store, &b); err != nil {
			return err
		}
	}
	return nil
}

// messagesOf finds the newest messages that a member of staff sent secured, or
// got as an answer.
func (f *Flow) messagesOf(ctx context.Context, a gateway.Address) (ids []gateway.MessageID, err error) {
	r := store.Prefix(store.Messages)
	r.Reverse = true
	key := a.Key()
	var perhaps []gateway.MessageID // answers to somebody
	err = f.Store.Scan(ctx, r, func(it store.Item) bool {
		var m gateway.Message
		if store.Decode(it.Value, &m) != nil || m.Thread.IsZero() || m.Staff.IsZero() {
			return true
		}
		switch {
		case m.Direction == gateway.Outbound && m.From.Key() == key:
			ids = append(ids, m.ID)
		case m.Direction == gateway.Inbound:
			perhaps = append(perhaps, m.ID)
		}
		return len(ids)+len(perhaps) < maxBackfill
	})
	for _, id := range perhaps {
		if err != nil {
			break
		}
		var copies []gateway.Envelope
		copies, _, err = f.copies(ctx, id)
		if slices.ContainsFunc(copies, func(e gateway.Envelope) bool { return isAnswerCopy(&e) && e.Recipient.Key() == key }) {
			ids = append(ids, id)
		}
	}
	return ids, err
}
