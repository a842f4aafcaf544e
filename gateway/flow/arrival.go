package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/store"
)

// compose writes what the mail becomes besides itself: the answer that staff
// get, the copy that correspondents read.
func (a *arrival) compose(ctx context.Context) error {
	if a.in == nil {
		return nil
	}
	if err := a.composeIncoming(ctx); err != nil {
		return err
	}
	return a.composeTurn(ctx)
}

// letGo removes the bodies that nothing refers to after a commit that ended
// with err.
func (a *arrival) letGo(err error) {
	if err == nil && !a.keepsBody() {
		a.flow.discard(a.taken, nil)
	}
	if err != nil && a.in != nil && a.in.mail != nil {
		a.in.mail.discard(err)
	}
}

// keepsBody reports whether anybody may need the mail itself: not when all that
// was to be had of it is taken out.
func (a *arrival) keepsBody() bool {
	return a.needsStaff() || a.needsSpool() || slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool {
		return e.Action == gateway.Secure && e.State == gateway.Queued
	})
}

// parties finds the persons of sender and recipients; a capability stands for
// whom it was given to. Who writes from outside does not become a person by it.
func (a *arrival) parties(ctx context.Context) error {
	sender, foreign := a.sub.From, !inside(a.sub.Peer) || a.in != nil && !a.in.facts.Staff
	if foreign {
		sender = gateway.Address{}
	}
	addresses := []gateway.Address{sender}
	for i, r := range a.sub.Recipients {
		if a.in != nil && !a.in.targets[i].Person.IsZero() || a.set.isQuestion(r.Address) {
			r.Address = gateway.Address{}
		}
		addresses = append(addresses, r.Address)
	}
	var err error
	if a.persons, err = a.flow.People.Ensure(ctx, addresses...); err != nil {
		return err
	}
	if foreign {
		p, err := a.flow.People.Find(ctx, a.sub.From)
		if err != nil && !errors.Is(err, people.ErrUnknown) {
			return err
		}
		a.persons[0] = p.Ref
	}
	if a.in == nil {
		return nil
	}
	for i, c := range a.in.targets {
		if !c.Person.IsZero() {
			a.persons[i+1] = c.Person
		}
	}
	return nil
}

// stageFiling stages that staff find the mail in their folders: what is secured,
// or waits for a review.
func (a *arrival) stageFiling(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	held := slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool { return e.State == gateway.Held })
	if m.Staff.IsZero() && !held {
		return nil
	}
	listed, err := held, error(nil)
	if !held {
		listed, err = a.mayBeListed(ctx, b, m)
	}
	if err != nil {
		return err
	}
	if listed {
		a.flow.file(b, m.ID)
	}
	if m.Staff.IsZero() {
		return nil
	}
	if a.layout == nil { // composing may have made that of another body
		a.layout = layoutOf(a.taken.raw)
	}
	if a.sms != nil {
		hideSegments(a.layout)
	}
	return stageLayout(b, m.ID, a.layout)
}

// mayBeListed reports whether anybody may have a folder for a message that
// nobody reviews: not when its sender is no user, which then holds until b is
// committed. Who becomes one later finds it by backfill.
func (a *arrival) mayBeListed(ctx context.Context, b *store.Batch, m *gateway.Message) (bool, error) {
	if m.Direction != gateway.Outbound {
		return true, nil
	}
	if m.From.IsNull() {
		return false, nil
	}
	_, err := a.flow.People.RequireUser(ctx, b, m.From)
	if errors.Is(err, people.ErrUnknown) {
		return false, nil
	}
	return true, err
}

// edits are what changes when the mail that came leaves.
func (a *arrival) edits(m *gateway.Message) []gateway.Edit {
	switch {
	case a.sms != nil:
		return nil
	case m.Direction == gateway.Outbound && a.set.Mode == gateway.Enforce:
		return mailmsg.Edits(a.taken.raw, a.tagsBind())
	case m.Direction == gateway.Inbound && a.auth != nil:
		return mailauth.Stamp(a.taken.raw, a.set.Hostname, a.auth)
	}
	return nil
}

// direction: what our own servers hand on from outside is inbound, too.
func (a *arrival) direction() gateway.Direction {
	for i := range a.envelopes {
		e := &a.envelopes[i]
		if inside(a.sub.Peer) && (e.Turn || a.set.isRecall(e.Recipient) || a.set.isQuestion(e.Recipient) || !a.in.has(e) && e.Recipient.Domain() != a.set.ReplyDomain) {
			return gateway.Outbound
		}
	}
	return gateway.Inbound
}

// needsSpool: couriers read the original of what passes, of tls (which may
// have to pass) and of what a reviewer may release.
func (a *arrival) needsSpool() bool {
	return slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool {
		return e.Action != gateway.Secure && !e.State.Final()
	})
}

// needsStaff: a secured body and what waits in held are readable by staff,
// unless a rule forbids it for any recipient. Of an automatic reply evidence
// says that it came; its words, which anybody may send, are not kept.
func (a *arrival) needsStaff() bool {
	need := false
	for _, e := range a.envelopes {
		if e.Judged > 0 && a.verdicts[e.Judged-1].Options.StaffCopy == "none" {
			return false
		}
		need = need || (e.Action == gateway.Secure && e.State == gateway.Queued) || e.State == gateway.Held
	}
	return need
}
