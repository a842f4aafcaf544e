package flow

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// holdQuarantine is why an answer is held that its place does not let in; the
// row of the table stands in Envelope.Rules.
const holdQuarantine = "quarantine"

// holdUnverified is what stood there before mail from outside was verified.
const holdUnverified = "capability"

// ruleSame marks the envelopes of a mail to a conversation that another one of
// the same mail stands for.
const ruleSame = "same_mail"

// turnedAway records that an incoming mail is refused and returns what the
// peer hears. A mail that is deferred leaves nothing.
func (a *arrival) turnedAway(ctx context.Context) error {
	if a.in == nil {
		return nil
	}
	f, p := a.flow, a.in.placement
	var answer error
	switch {
	case p.Place == thread.Defer:
		f.metrics.placed(p.Place)
		f.Log.Info("answer deferred", "id", a.taken.id, "listener", a.sub.Peer.Listener, "reason", string(p.Reason))
		return faultDNS
	case p.Place != thread.Reject:
		return nil
	case p.Reason == thread.ReasonAuthors:
		answer = faultAuthors
	case p.Reason == thread.ReasonPolicy:
		answer = faultDMARC
	default:
		answer = dead(a.set, a.in.targets[a.in.first])
	}
	var b store.Batch
	if err := a.stageEvidence(&b, gateway.EventRefused); err != nil {
		return err
	}
	if err := store.Write(ctx, f.Store, &b); err != nil {
		return err
	}
	f.metrics.placed(p.Place)
	f.Log.Info("answer refused", "id", a.taken.id, "listener", a.sub.Peer.Listener, "reason", string(p.Reason))
	return answer
}

// decideIncoming sets what happens to one envelope of a mail to a conversation.
// Where one recipient is a capability, its envelope stands for all, so that the
// mail is reviewed, and answers, once. What came by reference only is mail for
// its recipients, too: each of them has an own.
func (a *arrival) decideIncoming(e *gateway.Envelope) {
	in := a.in
	e.Action, e.Decided, e.State = gateway.Pass, gateway.Pass, gateway.Recorded
	e.Rules = []string{string(in.placement.Reason)}
	switch {
	case in.is(thread.Reject):
		e.Action, e.Decided, e.State = gateway.Reject, gateway.Reject, gateway.Refused
	case in.placement.Reason == thread.ReasonAgain:
		a.decideAgain(e)
	case int(e.ID.N) != in.first && (!in.given.IsZero() || !in.is(thread.Quarantine)):
		e.Rules = []string{ruleSame}
	case in.is(thread.Quarantine):
		e.Action, e.Decided, e.State, e.Hold = gateway.Hold, gateway.Hold, gateway.Held, holdQuarantine
	}
}

// decideAgain sets what happens to a copy of an answer that is in the
// conversation. The staff of it have the answer; who else of the organization it
// is addressed to gets the mail.
func (a *arrival) decideAgain(e *gateway.Envelope) {
	reads := func(b gateway.Address) bool { return b.Key() == e.Recipient.Key() }
	if e.Recipient.In(a.set.Domains) && !slices.ContainsFunc(a.flow.answering(a.in.thread), reads) {
		e.State = gateway.Queued
	}
}

// composeIncoming writes what staff get of an attached answer.
func (a *arrival) composeIncoming(ctx context.Context) error {
	if !a.in.is(thread.Attach) {
		return nil
	}
	staff := a.flow.readers(a.in.thread, a.sub.Recipients, a.set)
	if len(staff) == 0 {
		return dead(a.set, a.in.targets[a.in.first])
	}
	var err error
	if a.in.mail, err = a.flow.toStaff(a.set, a.in.thread, a.in.author, staff); err != nil {
		return err
	}
	if c := a.in.targets[a.in.first]; c.Person == a.in.author.Ref {
		a.in.mail.under = c.Envelope
	}
	if err := a.in.mail.carry(ctx, a.auth, bytes.NewReader(a.taken.raw)); err != nil {
		return err
	}
	return a.in.mail.compose(ctx)
}

// readers are the staff of a conversation and who else of the organization a
// mail was sent to. The latter get this mail and do not take part: what others
// answer is not for whom one correspondent writes to.
func (f *Flow) readers(th thread.Thread, to []gateway.Recipient, set *Settings) []gateway.Address {
	all := f.answering(th)
	for _, r := range to {
		is := func(b gateway.Address) bool { return b.Key() == r.Address.Key() }
		if r.Address.In(set.Domains) && !slices.ContainsFunc(all, is) {
			all = append(all, r.Address)
		}
	}
	return all
}

// carry lets the mail to staff hold the author's own, and follow what it
// answers.
func (t *toStaff) carry(ctx context.Context, auth *gateway.Authentication, mail gateway.Content) error {
	headerIDs, answered, err := t.flow.parents(ctx, t.thread, t.author.Ref)
	if err != nil {
		return err
	}
	t.follow(headerIDs, answered)
	t.data.Mail = mail
	if auth != nil {
		t.data.Results = mailauth.Results(t.set.Hostname, auth)
	}
	return nil
}

// stageIncoming stages what follows from the place of a mail.
func (a *arrival) stageIncoming(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	if a.in == nil {
		return nil
	}
	b.After(func() { a.flow.metrics.placed(a.in.placement.Place) })
	switch a.in.placement.Place {
	case thread.Attach:
		a.stageSeen(b)
		return a.stageAttached(ctx, b)
	case thread.Record:
		if a.in.placement.Reason == thread.ReasonAgain {
			return a.stageAgain(ctx, b)
		}
	case thread.Quarantine:
		id := gateway.EnvelopeID{Message: m.ID, N: uint32(a.in.first)}
		if err := a.flow.stageForReview(ctx, b, m.Thread, waiting{id, m.Body.Size}); err != nil {
			return err
		}
		return a.flow.stageQuarantined(ctx, b, m, id, a.in)
	}
	return nil
}

func (a *arrival) stageAttached(ctx context.Context, b *store.Batch) error {
	m, err := a.in.mail.record()
	if err != nil {
		return err
	}
	m.Peer, m.Authentication = a.sub.Peer, a.auth
	m.EightBit, m.UTF8 = a.sub.EightBit, m.UTF8 || a.sub.UTF8 // it carries the entity as it is
	if err := a.in.mail.stage(ctx, b, m); err != nil {
		return err
	}
	if err := a.flow.stageMailAnswered(ctx, b, a.in.targets[a.in.first].Envelope, m.Author, a.now); err != nil {
		return err
	}
	return a.flow.stageAnswerEvidence(ctx, b, a.in.mail, m, a.taken.id, "peer")
}

// stageAnswerEvidence records that what came as the mail original is an answer
// for staff.
func (f *Flow) stageAnswerEvidence(ctx context.Context, b *store.Batch, t *toStaff, m *gateway.Message, original gateway.MessageID, actor string) error {
	persons, err := t.persons(ctx)
	if err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: t.at, Event: gateway.EventAnswered, Actor: actor, Message: m.ID, Thread: m.Thread, Persons: persons,
		Detail: map[string]string{"kind": "mail", "mail": original.String(), "bytes": strconv.FormatInt(m.Body.Size, 10)},
	})
}

// stageMailAnswered stages when the message that a capability came with was
// first answered by the person whom it was for.
func (f *Flow) stageMailAnswered(ctx context.Context, b *store.Batch, id gateway.EnvelopeID, author gateway.PersonRef, at time.Time) error {
	if id.Message.IsZero() {
		return nil
	}
	e, version, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && (!e.Answered.IsZero() || e.Person != author) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Answered = at
	f.file(b, id.Message)
	b.RequireVersion(envelopeKey(id), version)
	return b.PutRecord(envelopeKey(id), e)
}

// placed is the evidence of where a mail to a conversation belongs, and why.
func (a *arrival) placed() gateway.Record {
	in := a.in
	r := gateway.Record{
		At: a.now, Event: gateway.EventVerified, Actor: "system", Message: a.taken.id, Thread: in.thread.ID,
		Detail: map[string]string{"place": in.placement.Place.String(), "reason": string(in.placement.Reason)},
	}
	switch in.placement.Place {
	case thread.Record:
		if in.placement.Reason == thread.ReasonAutomatic {
			r.Event = gateway.EventAutoReply
		}
	case thread.StaffTurn:
		r.Event, r.Actor = gateway.EventStaffTurn, actor(a.sub.Peer)
	}
	if in.facts.Participant {
		r.Persons = []gateway.PersonRef{in.author.Ref}
	}
	if in.mail != nil {
		r.Detail["answer"] = in.mail.id.String()
	}
	if a.auth == nil {
		return r
	}
	r.Detail["spf"], r.Detail["dmarc"] = string(a.auth.SPF), string(a.auth.DMARC)
	r.Detail["signatures"] = strconv.Itoa(len(a.auth.Signatures))
	if i := in.placement.Signature; i >= 0 {
		s := a.auth.Signatures[i]
		r.Detail["dkim"], r.Detail["bits"] = string(s.Result), strconv.Itoa(s.Bits)
	}
	if in.placement.Weak {
		r.Detail["weak"] = "true"
	}
	return r
}
