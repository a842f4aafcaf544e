package flow

import (
	"context"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// thawed is the data of a journal entry that takes a freeze back.
const thawed = "thawed"

// Replayed counts what a replay changed.
type Replayed struct {
	Finished int `json:"finished"` // envelopes that had left after the backup
	Frozen   int `json:"frozen"`   // links
	Recalled int `json:"recalled"` // envelopes that had been taken back after the backup
	Moved    int `json:"moved"`    // wraps whose key group was destroyed after the backup
}

// Replay tells a restored store what happened after its backup was made: mail
// that has left does not leave again, a link that was frozen stays frozen.
// The queue must not run. Entries about what the backup never knew are no
// error.
func (f *Flow) Replay(ctx context.Context, visit func(func(seal.Entry) error) error) (Replayed, error) {
	var done Replayed
	frozen := make(map[gateway.LinkID]bool)
	taken := make(takenBack)
	err := visit(func(e seal.Entry) error {
		switch e.Kind {
		case seal.JournalDelivered:
			return f.replayFinished(ctx, e, &done)
		case seal.JournalFrozen:
			var id gateway.LinkID
			if err := id.UnmarshalText([]byte(e.ID)); err != nil {
				return fmt.Errorf("journal: a link id cannot be read: %w", err)
			}
			frozen[id] = string(e.Data) != thawed
		case seal.JournalRecalled:
			return taken.note(e)
		case seal.JournalWraps:
			return f.replayWrap(ctx, e, &done)
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	for id, is := range frozen {
		if !is {
			continue
		}
		if _, err := f.Store.Get(ctx, linkKey(id)); errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err := f.Proof.Freeze(ctx, id); err != nil {
			return done, err
		}
		done.Frozen++
	}
	return done, f.replayRecalls(ctx, taken, &done)
}

func (f *Flow) replayFinished(ctx context.Context, e seal.Entry, done *Replayed) error {
	id, err := gateway.ParseEnvelopeID(e.ID)
	if err != nil {
		return fmt.Errorf("journal: an envelope id cannot be read: %w", err)
	}
	state := gateway.State(e.Data)
	if !state.Final() {
		state = gateway.Delivered
	}
	err = f.queue.Finish(ctx, id, state, func(b *store.Batch, after gateway.Envelope) error {
		if after.Notice != nil {
			f.Blobs.Delete(b, after.Notice.Body.Blob)
		}
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: gateway.EventRestored, Actor: "system", Message: id.Message, Envelope: e.ID,
			Persons: []gateway.PersonRef{after.Person}, Detail: map[string]string{"state": string(state)},
		})
	})
	if errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	if err == nil {
		done.Finished++
	}
	return err
}
