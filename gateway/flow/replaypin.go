package flow

import (
	"bytes"
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// journalPIN keeps beside the keyring which PIN a person chose last, so that a
// restored backup does not bring the one before back. nil: they have none.
func (f *Flow) journalPIN(person gateway.PersonRef, chosen *gateway.Hashed) error {
	return f.Journal.Append(seal.Entry{Kind: seal.JournalPIN, ID: person.String(), Data: f.chosenMark(chosen)})
}

// chosenMark tells the PIN that somebody chose from every other; nil for none.
// It is made of what the store keeps of the PIN and leads back to neither.
func (f *Flow) chosenMark(h *gateway.Hashed) []byte {
	if h == nil {
		return nil
	}
	mark := f.MAC("chosen pin", h.Salt, h.Hash)
	return mark[:16]
}

// lastPINs holds the newest entry about the PIN that each person chose.
type lastPINs map[gateway.PersonRef][]byte

func (l lastPINs) note(e seal.Entry) error {
	var person gateway.PersonRef
	if err := person.UnmarshalText([]byte(e.ID)); err != nil {
		return errors.New("journal: a person's reference cannot be read")
	}
	l[person] = e.Data
	return nil
}

// replayPINs drops the PINs of a restored backup that were replaced or removed
// after it. Their owners choose anew after a code.
func (f *Flow) replayPINs(ctx context.Context, last lastPINs, done *Replayed) error {
	for ref, mark := range last {
		p, err := f.People.Resolve(ctx, ref)
		if errors.Is(err, people.ErrUnknown) || err == nil && (p.Chosen == nil || bytes.Equal(f.chosenMark(p.Chosen), mark)) {
			continue
		}
		if err != nil {
			return err
		}
		err = f.People.Amend(ctx, p.Address, func(b *store.Batch, p *people.Person) error {
			dropChosen(p)
			return f.Audit.Stage(b, gateway.Record{
				At: f.Now(), Event: gateway.EventPINRemoved, Actor: "system", Persons: []gateway.PersonRef{ref}, Detail: map[string]string{"by": "restore"},
			})
		})
		if err != nil {
			return err
		}
		done.PINs++
	}
	return nil
}
