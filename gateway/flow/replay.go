package flow

import (
	"context"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Data of a journal entry about a freeze; none is that of a link.
const (
	thawed         = "thawed" // the link is open again
	locked         = "locked" // the link was reported: only staff opens it
	ofPerson       = "person" // the PIN of the person that the id names
	ofPersonThawed = "person thawed"
)

// Replayed counts what a replay changed.
type Replayed struct {
	Finished int `json:"finished"` // envelopes that had left after the backup
	Frozen   int `json:"frozen"`   // links and PINs
	Revoked  int `json:"revoked"`  // remembered devices
	PINs     int `json:"pins"`     // chosen PINs that were replaced or removed after the backup
	Recalled int `json:"recalled"` // envelopes that had been taken back after the backup
	Returned int `json:"returned"` // envelopes that had been given back after the backup: their recall was undone
	Erased   int `json:"erased"`   // persons who had been erased after the backup
	Moved    int `json:"moved"`    // wraps whose key group was destroyed after the backup
	Users    int `json:"users"`    // members of staff whose log-in, app password or role had been taken away after the backup
	Consents int `json:"consents"` // words of telephones, STOP and START, that came after the backup
}

// Replay tells a restored store what happened after its backup was made: mail
// that has left does not leave again, a link that was frozen stays frozen.
// The queue must not run. Entries about what the backup never knew are no
// error.
func (f *Flow) Replay(ctx context.Context, visit func(func(seal.Entry) error) error) (Replayed, error) {
	var done Replayed
	frozen := make(map[freezeOf]string)
	taken, chosen, said, lost := make(takenBack), make(lastPINs), make(consent.Journalled), make(lostByUsers)
	err := visit(func(e seal.Entry) error {
		switch e.Kind {
		case seal.JournalDelivered:
			return f.replayFinished(ctx, e, &done)
		case seal.JournalFrozen:
			return noteFreeze(frozen, e)
		case seal.JournalRevoked:
			return f.replayRevoked(ctx, e, &done)
		case seal.JournalPIN:
			return chosen.note(e)
		case seal.JournalRecalled:
			return taken.note(e)
		case seal.JournalStop:
			return said.Note(e.ID, e.Data)
		case seal.JournalUser:
			lost.note(e)
		case seal.JournalErased:
			return f.replayErased(ctx, e, &done)
		case seal.JournalWraps:
			return f.replayWrap(ctx, e, &done)
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	if err := f.replayFreezes(ctx, frozen, &done); err != nil {
		return done, err
	}
	if err := f.replayPINs(ctx, chosen, &done); err != nil {
		return done, err
	}
	if err := f.replayRecalls(ctx, taken, &done); err != nil {
		return done, err
	}
	if err := f.replayUsers(ctx, lost, &done); err != nil {
		return done, err
	}
	done.Consents, err = f.consents.Replay(ctx, said)
	return done, err
}

// freezeOf names what was frozen: a link, or the PIN of a person.
type freezeOf struct {
	id     [16]byte
	person bool
}

// noteFreeze keeps the newest entry about each.
func noteFreeze(frozen map[freezeOf]string, e seal.Entry) error {
	var id gateway.LinkID // of the same form as a person's
	if err := id.UnmarshalText([]byte(e.ID)); err != nil {
		return fmt.Errorf("journal: the id of what was frozen cannot be read: %w", err)
	}
	data := string(e.Data)
	frozen[freezeOf{id, data == ofPerson || data == ofPersonThawed}] = data
	return nil
}

func (f *Flow) replayFreezes(ctx context.Context, frozen map[freezeOf]string, done *Replayed) error {
	for of, data := range frozen {
		key := linkKey(of.id)
		freeze := func() error { return f.Proof.Freeze(ctx, of.id) }
		switch data {
		case thawed, ofPersonThawed:
			continue
		case ofPerson:
			key = store.Key(store.PersonRefs, of.id[:])
			freeze = func() error { return f.Proof.FreezePIN(ctx, of.id) }
		case locked:
			freeze = func() error { return f.Proof.Lock(ctx, of.id) }
		}
		if _, err := f.Store.Get(ctx, key); errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := freeze(); err != nil {
			return err
		}
		done.Frozen++
	}
	return nil
}

// replayRevoked forgets a device again.
func (f *Flow) replayRevoked(ctx context.Context, e seal.Entry, done *Replayed) error {
	var person gateway.PersonRef
	if err := person.UnmarshalText(e.Data); err != nil {
		return nil // of a session or a user, or of a later version
	}
	there, err := f.Proof.DropDevice(ctx, person, e.ID)
	if there && err == nil {
		done.Revoked++
	}
	return err
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
