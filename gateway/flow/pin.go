package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/proof"
	"gatepost/store"
)

// errKeptPIN ends a change of a PIN that turns out not to be allowed.
var errKeptPIN = errors.New("flow: that proof does not change the PIN")

// ChoosePIN makes digits the standing PIN of the correspondent, for all links
// to them, and forgets the wrong tries at the one before. It needs a session
// that a code proved, not a device: the first PIN any code, a later one a code
// as good as that after which the one before was chosen, and one over another
// channel where the organization knows an attribute of the contact.
// gateway.ErrNotProven without a proof, gateway.ErrBusy for somebody who does
// nothing else.
func (f *Flow) ChoosePIN(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (gateway.PINProblem, error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return gateway.PINNotAllowed, err
	}
	digits, ok := proof.Digits(pin)
	if !ok {
		return gateway.PINMalformed, nil
	}
	if !byCode(c) || !replaces(c, c.person) {
		return gateway.PINNotAllowed, nil
	}
	if problem := people.JudgePIN(digits, c.person); problem != gateway.PINTaken {
		return problem, nil
	}
	hash, err := f.People.HashChosenPIN(ctx, c.link.Person.String(), digits)
	if err != nil {
		return gateway.PINNotAllowed, err
	}
	err = f.changePIN(ctx, c, gateway.EventPINChosen, func(p *people.Person) { p.Chosen, p.ChosenBy, p.ChosenAt = hash, c.how, f.Now() })
	if errors.Is(err, errKeptPIN) {
		return gateway.PINNotAllowed, nil
	}
	return gateway.PINTaken, err
}

// DropPIN removes the standing PIN that the correspondent chose. The session
// has proven itself by that PIN, or as ChoosePIN demands it; else
// gateway.ErrNotProven.
func (f *Flow) DropPIN(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) error {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return err
	}
	if c.device || c.how != gateway.StandingPIN && (!byCode(c) || !replaces(c, c.person)) {
		return gateway.ErrNotProven
	}
	if c.person.Chosen == nil {
		return nil
	}
	err = f.changePIN(ctx, c, gateway.EventPINRemoved, dropChosen)
	if errors.Is(err, errKeptPIN) {
		return gateway.ErrNotProven
	}
	return err
}

// byCode reports whether a session proved itself by a code.
func byCode(c *caller) bool {
	return !c.device && (c.how == gateway.SameChannel || c.how == gateway.OtherChannel)
}

// replaces reports whether a proof may set the PIN of p anew. Otherwise a
// mailbox alone would be enough to take over what was chosen with more.
func replaces(c *caller, p people.Person) bool {
	if p.Chosen != nil {
		return c.how == gateway.StandingPIN || rank(c.how) >= rank(p.ChosenBy)
	}
	return p.PIN == nil || c.how == gateway.OtherChannel
}

// dropChosen removes the PIN that a person chose.
func dropChosen(p *people.Person) { p.Chosen, p.ChosenBy, p.ChosenAt = nil, "", time.Time{} }

// changePIN commits a change of the person's PIN with its evidence, and that
// its wrong tries are forgotten.
func (f *Flow) changePIN(ctx context.Context, c *caller, event gateway.Event, change func(*people.Person)) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	frozen := false
	var chosen *gateway.Hashed
	err := f.People.Amend(ctx, c.link.Recipient, func(b *store.Batch, p *people.Person) error {
		if p.Ref != c.link.Person || !replaces(c, *p) {
			return errKeptPIN
		}
		change(p)
		chosen = p.Chosen
		status, err := f.Proof.PINStatus(ctx, p.Ref)
		if err != nil {
			return err
		}
		frozen = status.State == gateway.LinkFrozen
		if err := f.Proof.StageThawPIN(ctx, b, p.Ref); err != nil {
			return err
		}
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: event, Actor: "correspondent", Message: c.link.Envelope.Message, Envelope: c.link.Envelope.String(),
			Link: c.link.ID, Persons: []gateway.PersonRef{p.Ref}, Detail: f.proofDetail(c),
		})
	})
	if err != nil {
		return err
	}
	if frozen {
		f.journalThawedPIN(c.link.Person)
	}
	return f.journalPIN(c.link.Person, chosen)
}
