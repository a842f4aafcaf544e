package flow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Reminders says what follows when a secured message is not read.
type Reminders struct {
	Enabled bool
	After   []time.Duration // from sending to each reminder, rising
	Urgent  time.Duration   // to the first reminder of an urgent message; 0: like others
	Unread  time.Duration   // until the sender is told; 0: never
	Expiry  time.Duration   // before the link ends; 0: no warning
}

// followStep is one thing that follows when nobody reads. Of two at the same
// time the lower number comes first.
type followStep int

const (
	followRemind followStep = iota + 1 // the correspondent is reminded
	followUnread                       // the sender is told
	followExpiry                       // both are warned that the link ends
)

// followUp is a step at its time.
type followUp struct {
	at   time.Time
	step followStep
}

func (a followUp) compare(b followUp) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.step, b.step))
}

// plan lists what follows a message sent at the time given, in order. What
// comes when the link has ended follows no more.
func (r Reminders) plan(sent, expires time.Time, urgent bool) (all []followUp) {
	if !r.Enabled {
		return nil
	}
	for i, d := range r.After {
		if i == 0 && urgent && r.Urgent > 0 {
			d = r.Urgent
		}
		all = append(all, followUp{sent.Add(d), followRemind})
	}
	if r.Unread > 0 {
		all = append(all, followUp{sent.Add(r.Unread), followUnread})
	}
	if r.Expiry > 0 && expires.Sub(sent) > 2*r.Expiry { // a link of a day needs no warning three days before
		all = append(all, followUp{expires.Add(-r.Expiry), followExpiry})
	}
	all = slices.DeleteFunc(all, func(x followUp) bool { return !x.at.Before(expires) })
	slices.SortFunc(all, followUp.compare)
	return all
}

// stageFollowUp stages the first step after a message was secured for e. What
// a program sent by itself (RFC 3834) is not followed up.
func (f *Flow) stageFollowUp(b *store.Batch, s securing, e *gateway.Envelope, l *gateway.Link) error {
	if isAutomatic(s.automatic) {
		return nil
	}
	return f.stageNext(b, task{Kind: taskFollow, Envelope: e.ID, At: startOf(e, l.Created), Urgent: s.urgent}, l.Expires)
}

// stageNext stages the step behind the one that t stands for.
func (f *Flow) stageNext(b *store.Batch, t task, expires time.Time) error {
	was := followUp{t.Due, followStep(t.Step)}
	for _, next := range f.set().Reminders.plan(t.At, expires, t.Urgent) {
		if next.compare(was) > 0 {
			t.Due, t.Step = next.at, int(next.step)
			return f.stageTask(b, t)
		}
	}
	return nil
}

// unread is an envelope that nobody has read yet, with what belongs to it.
type unread struct {
	envelope gateway.Envelope
	version  store.Version
	link     gateway.Link // the first one
	message  *gateway.Message
}

// errOver: there is nothing left to follow up.
var errOver = errors.New("flow: read, answered, taken back or ended")

// unread returns what a task is about, errOver when it has no object any more.
func (f *Flow) unread(ctx context.Context, id gateway.EnvelopeID) (*unread, error) {
	u := new(unread)
	var err error
	if u.envelope, u.version, err = store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id)); err != nil {
		return nil, missing(err)
	}
	e := &u.envelope
	if !e.Opened.IsZero() || !e.Answered.IsZero() || !e.Recalled.IsZero() || e.Link.IsZero() {
		return nil, errOver
	}
	if e.State.Final() && e.State != gateway.Delivered {
		return nil, errOver // the sender knows of a bounce, an operator of the rest
	}
	if u.link, _, err = store.GetRecord[gateway.Link](ctx, f.Store, linkKey(e.Link)); err != nil {
		return nil, missing(err)
	}
	if u.message, err = f.message(ctx, id.Message); err != nil {
		return nil, missing(err)
	}
	if !f.Now().Before(u.link.Expires) || f.Keys.Destroyed(u.link.Wrap.Group) {
		return nil, errOver
	}
	return u, nil
}

// missing turns the absence of a record, which an erasure leaves, into errOver.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errOver
	}
	return err
}

// follow does one step for an unread message and stages the next. A step is
// left out when the notice itself has not left yet, and when the next one is
// due too: after a pause of the server nobody gets three reminders at once.
func (f *Flow) follow(ctx context.Context, b *store.Batch, t task) error {
	u, err := f.unread(ctx, t.Envelope)
	if errors.Is(err, errOver) {
		return nil
	}
	if err != nil {
		return err
	}
	plan := f.set().Reminders.plan(t.At, u.link.Expires, t.Urgent)
	now := followUp{t.Due, followStep(t.Step)}
	late := slices.ContainsFunc(plan, func(x followUp) bool {
		return x.compare(now) > 0 && x.step == now.step && !x.at.After(f.Now())
	})
	if u.envelope.State == gateway.Delivered && !late && slices.Contains(plan, now) {
		if err := f.followOnce(ctx, b, u, now.step); err != nil {
			return err
		}
	}
	return f.stageNext(b, t, u.link.Expires)
}

func (f *Flow) followOnce(ctx context.Context, b *store.Batch, u *unread, step followStep) error {
	b.RequireVersion(envelopeKey(u.envelope.ID), u.version) // who reads meanwhile is not reminded
	if step == followUnread {
		return f.tellUnread(ctx, b, u)
	}
	shut, err := f.shutOut(ctx, &u.envelope)
	if err == nil && !shut && u.envelope.Recipient.IsPhone() {
		var allowed bool
		allowed, err = f.smsAllowed(ctx, b, f.lineFrom(u.message, &u.envelope), u.envelope.Recipient)
		shut = !allowed
	}
	if err != nil {
		return err
	}
	if !shut {
		if err := f.remind(ctx, b, u, step); err != nil {
			return err
		}
	}
	if step == followExpiry {
		return f.tellExpiring(ctx, b, u)
	}
	return nil
}

// shutOut reports whether a link of e is paused or frozen: a new link would be
// a way around that.
func (f *Flow) shutOut(ctx context.Context, e *gateway.Envelope) (bool, error) {
	for _, id := range e.Links() {
		s, err := f.Proof.Status(ctx, id, "")
		if err != nil || s.State != gateway.LinkActive {
			return true, err
		}
	}
	return false, nil
}

// relink makes a new link for u through the staff copy. Without one there is
// no way to make it, and ok is false.
func (f *Flow) relink(u *unread) (link gateway.Link, secret gateway.LinkSecret, ok bool, err error) {
	m := u.message
	if m.Staff.IsZero() || f.Keys.Destroyed(m.Staff.Group) {
		return link, secret, false, nil
	}
	if secret, err = gateway.NewLinkSecret(f.Random); err != nil {
		return link, secret, false, err
	}
	link = u.link
	link.ID, link.Created, link.Opened = seal.LinkID(secret), f.Now(), time.Time{}
	link.Wrap, err = f.Wraps.Relink(m.Staff, m.ID, secret, m.Retain)
	return link, secret, err == nil, err
}
