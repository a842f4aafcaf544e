package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
)

// caller is a correspondent whose session has proven a link.
type caller struct {
	link    gateway.Link
	person  people.Person
	page    gateway.LinkPage
	visitor gateway.Visitor
	how     gateway.Assurance
	device  bool // it proved itself by a remembered device
}

// caller returns who stands behind a session. gateway.ErrNotProven unless it
// has proven the link and the link is worth something.
func (f *Flow) caller(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (*caller, error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil {
		return nil, err
	}
	if over(page.State) {
		return nil, gateway.ErrNotProven
	}
	proven, err := f.proven(ctx, link, v)
	if err != nil {
		return nil, err
	}
	c := &caller{link: link, person: person, page: page, visitor: v, how: proven.Assurance, device: proven.Device}
	return c, f.Proof.Touch(ctx, v.Session)
}

// Conversation is the thread of a link as its correspondent may see it, after
// the proof: what was sent to them and what they wrote, never what others did.
// It opens nothing and records nothing.
func (f *Flow) Conversation(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.Conversation, error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return gateway.Conversation{}, err
	}
	th, err := f.threadOf(ctx, c)
	if err != nil {
		return gateway.Conversation{}, err
	}
	turns, earlier, err := f.Threads.Turns(ctx, th.ID, c.link.Person)
	if err != nil {
		return gateway.Conversation{}, err
	}
	names := f.names()
	conversation := gateway.Conversation{Earlier: earlier}
	for _, t := range turns {
		shown, err := f.shown(ctx, c, t, names)
		if errors.Is(err, gateway.ErrNoTurn) {
			continue
		}
		if err != nil {
			return gateway.Conversation{}, err
		}
		conversation.Turns = append(conversation.Turns, shown)
	}
	if conversation.Staff, err = names.known(ctx, f.answering(th)); err != nil {
		return gateway.Conversation{}, err
	}
	all, err := f.acquainted(ctx, c)
	if err != nil {
		return gateway.Conversation{}, err
	}
	conversation.Known, err = names.known(ctx, all)
	return conversation, err
}

// threadOf is the conversation that a link belongs to.
func (f *Flow) threadOf(ctx context.Context, c *caller) (thread.Thread, error) {
	m, err := f.message(ctx, c.link.Envelope.Message)
	if err != nil {
		return thread.Thread{}, err
	}
	return f.Threads.Get(ctx, m.Thread)
}

// answering are the staff of a thread whom an answer may reach: those inside
// the organization. What a trusted peer sends for others opens no way out.
func (f *Flow) answering(th thread.Thread) []gateway.Address {
	return f.set().staff(th.Everybody())
}

// staff are those of list who are inside the organization.
func (s *Settings) staff(list []gateway.Address) []gateway.Address {
	return slices.DeleteFunc(slices.Clone(list), func(a gateway.Address) bool { return !a.In(s.Domains) })
}

// acquainted are the staff of all conversations of a correspondent.
func (f *Flow) acquainted(ctx context.Context, c *caller) ([]gateway.Address, error) {
	threads, err := f.Threads.Of(ctx, c.link.Person)
	if err != nil {
		return nil, err
	}
	var all []gateway.Address
	for _, th := range threads {
		for _, a := range f.answering(th) {
			if !slices.ContainsFunc(all, func(b gateway.Address) bool { return b.Key() == a.Key() }) {
				all = append(all, a)
			}
		}
	}
	return all, nil
}

// shown is a turn as a page shows it.
func (f *Flow) shown(ctx context.Context, c *caller, t thread.Turn, names *names) (gateway.Turn, error) {
	is, err := f.turn(ctx, c, t)
	if err != nil {
		return gateway.Turn{}, err
	}
	name := c.person.Name
	if !t.Mine {
		if name, err = names.of(ctx, is.message.From); err != nil {
			return gateway.Turn{}, err
		}
	}
	return gateway.Turn{
		Message: t.Message, At: t.At, Mine: t.Mine, Own: is.own, From: is.message.From, Name: name,
		Closed: is.closed, Opened: is.envelope.Opened,
	}, nil
}
