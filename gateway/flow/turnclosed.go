package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// closed says why a turn cannot be read by this caller. Other messages than
// the link's own are read by their staff wrap, where they have one, by the
// proof that their own link would take, and as long as a rule or the sender
// lets them be read.
func (f *Flow) closed(ctx context.Context, c *caller, t *turn) (gateway.TurnState, error) {
	switch {
	case !t.envelope.Recalled.IsZero() || !t.message.Recalled.IsZero():
		return gateway.TurnRecalled, nil
	case t.message.Body.Blob == "" || f.Keys.Destroyed(t.wrap.Group) || !f.Now().Before(t.message.Retain):
		return gateway.TurnExpired, nil
	case t.Mine && t.wrap.IsZero():
		return gateway.TurnExpired, nil
	}
	by, err := f.through(ctx, t)
	if err != nil {
		return gateway.TurnElsewhere, err
	}
	locked, err := f.locked(ctx, by)
	switch {
	case err != nil || locked:
		return gateway.TurnElsewhere, err
	case t.own:
		return gateway.TurnOpen, nil
	}
	links, err := f.linksOf(ctx, by)
	switch {
	case err != nil:
		return gateway.TurnElsewhere, err
	case !t.Mine && ended(links, f.Now()):
		return gateway.TurnExpired, nil
	case t.wrap.IsZero() || !f.taken(c, by, links):
		return gateway.TurnElsewhere, nil
	}
	return gateway.TurnOpen, nil
}

// through is the copy whose links decide about a turn: the turn's own, or the
// one that it answers. It is zero for an answer to nothing that is the
// correspondent's.
func (f *Flow) through(ctx context.Context, t *turn) (gateway.Envelope, error) {
	if !t.Mine {
		return t.envelope, nil
	}
	if t.message.Under.Message.IsZero() {
		return gateway.Envelope{}, nil
	}
	by, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(t.message.Under))
	if errors.Is(err, store.ErrNotFound) { // its demand is not known any more: nothing meets it
		return gateway.Envelope{ID: t.message.Under}, nil
	}
	return by, err
}

// linksOf are the links of a copy that still exist, the first one first.
func (f *Flow) linksOf(ctx context.Context, e gateway.Envelope) (links []gateway.Link, err error) {
	for _, id := range e.Links() {
		l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

// locked reports whether a link of the copy was reported as not for who got
// it: then staff alone opens its message again, to whichever link.
func (f *Flow) locked(ctx context.Context, e gateway.Envelope) (bool, error) {
	for _, id := range e.Links() {
		s, err := f.Proof.Status(ctx, id, "")
		if err != nil || s.Locked {
			return true, err
		}
	}
	return false, nil
}

// ended reports whether the time is over that a rule or the sender set for a
// message. The general time of links is about the links alone: it ends the way
// in, not what a conversation shows to who is inside.
func ended(links []gateway.Link, now time.Time) bool {
	lasts := func(l gateway.Link) bool { return l.Options.Expires <= 0 || now.Before(l.Expires) }
	return len(links) > 0 && !slices.ContainsFunc(links, lasts)
}

// taken reports whether the links of a copy take the caller's proof. Where
// there was none it is what any link of this correspondent takes.
func (f *Flow) taken(c *caller, by gateway.Envelope, links []gateway.Link) bool {
	l := gateway.Link{Recipient: c.link.Recipient}
	switch {
	case by.ID == c.link.Envelope:
		l = c.link
	case len(links) > 0:
		l = links[0]
	case !by.ID.Message.IsZero():
		return false
	}
	o := f.offer(l, c.person)
	if by.ID == c.link.Envelope { // the proof was given for it, and may have become too weak
		return o.takes(c.how)
	}
	return o.opensBy(c.how)
}
