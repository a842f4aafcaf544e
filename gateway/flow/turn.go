package flow

import (
	"context"
	"errors"
	"strconv"

	"gatepost/gateway"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// turn is one message of a conversation, with everything that decides whether
// its correspondent may read it.
type turn struct {
	thread.Turn
	message  *gateway.Message
	envelope gateway.Envelope // zero for what they wrote
	own      bool             // it is the link's own message
	closed   gateway.TurnState
	wrap     gateway.Wrap // the way to read it
}

// turn looks a message of the conversation up. gateway.ErrNoTurn when nothing
// is left of it.
func (f *Flow) turn(ctx context.Context, c *caller, t thread.Turn) (*turn, error) {
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(t.Message))
	if errors.Is(err, store.ErrNotFound) {
		return nil, gateway.ErrNoTurn
	}
	if err != nil {
		return nil, err
	}
	is := &turn{Turn: t, message: &m, own: t.Message == c.link.Envelope.Message, wrap: m.Staff}
	if !t.Envelope.Message.IsZero() {
		is.envelope, _, err = store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(t.Envelope))
		if errors.Is(err, store.ErrNotFound) {
			return nil, gateway.ErrNoTurn
		}
		if err != nil {
			return nil, err
		}
	}
	if is.own {
		is.wrap = c.link.Wrap
	}
	is.closed, err = f.closed(ctx, c, is)
	return is, err
}

// OpenTurn gives the right to read one message of the conversation; file is as
// for Open. gateway.ErrNoTurn for what is not the correspondent's to see, a
// *gateway.TurnClosedError for what cannot be read here. The reading is
// recorded once for each session and message, durably before it returns.
func (f *Flow) OpenTurn(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, id gateway.MessageID, file int) (gateway.Grant, error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return gateway.Grant{}, err
	}
	th, err := f.threadOf(ctx, c)
	if err != nil {
		return gateway.Grant{}, err
	}
	found, err := f.Threads.Turn(ctx, th.ID, c.link.Person, id)
	if errors.Is(err, thread.ErrUnknown) {
		return gateway.Grant{}, gateway.ErrNoTurn
	}
	if err != nil {
		return gateway.Grant{}, err
	}
	t, err := f.turn(ctx, c, found)
	if err != nil {
		return gateway.Grant{}, err
	}
	if t.closed != gateway.TurnOpen {
		return gateway.Grant{}, &gateway.TurnClosedError{State: t.closed}
	}
	if err := f.recordTurn(ctx, c, t, file); err != nil {
		return gateway.Grant{}, err
	}
	return f.turnGrant(ctx, c, t)
}

func (f *Flow) turnGrant(ctx context.Context, c *caller, t *turn) (gateway.Grant, error) {
	m := t.message
	g := gateway.Grant{
		Envelope: t.Envelope, Message: m.ID, Body: m.Body, Wrap: t.wrap, Staff: !t.own, From: m.From, To: c.link.Recipient,
		Subject: m.Subject, Sent: m.Accepted, Expires: c.link.Expires, Reference: c.link.Reference, Assurance: c.how, Language: c.person.Language,
	}
	if t.Mine {
		g.FromName, g.To = c.person.Name, gateway.Address{}
		return g, nil
	}
	var err error
	g.FromName, err = f.names().of(ctx, m.From)
	return g, err
}

// recordTurn leaves the evidence of the reading of a turn, unless this session
// has left it already.
func (f *Flow) recordTurn(ctx context.Context, c *caller, t *turn, file int) error {
	what := f.MAC("read turn", []byte(c.visitor.Session), t.Message[:], []byte(strconv.Itoa(file)))
	if f.turns.has(what, f.Now()) {
		return nil
	}
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.recordTurnOnce(ctx, c, t, file)
	}
	if err == nil {
		f.turns.add(what, f.Now())
	}
	return err
}

func (f *Flow) recordTurnOnce(ctx context.Context, c *caller, t *turn, file int) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventOpened, Actor: "correspondent", Message: t.Message, Thread: t.Thread, Link: c.link.ID,
		Persons: []gateway.PersonRef{c.link.Person},
		Detail:  map[string]string{"assurance": string(c.how), "client": f.client(c.visitor), "reader": readerOf(c.visitor), "way": "conversation"},
	}
	if file >= 0 {
		r.Event = gateway.EventFileOpened
	}
	if t.Mine {
		r.Detail["way"] = "author"
		if err := f.Audit.Stage(&b, r); err != nil {
			return err
		}
		return store.Write(ctx, f.Store, &b)
	}
	r.Envelope = t.Envelope.String()
	if err := f.Audit.Stage(&b, r); err != nil {
		return err
	}
	link := t.envelope.Link
	if t.own {
		link = c.link.ID
	}
	seen := sight{by: link, how: c.how, whole: file < 0, machine: readerOf(c.visitor) == readerMachine}
	if err := f.stageOpened(ctx, &b, t.Envelope, seen); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}

// stageOpened stages with the evidence of a reading when envelope and link were
// first read, unless only a file was. It lets b fail when the envelope changes
// meanwhile, and refuses one that was taken back: between a recall and a
// reading one comes first. Where a rule asks for it the sender is told of the
// first reading.
func (f *Flow) stageOpened(ctx context.Context, b *store.Batch, id gateway.EnvelopeID, s sight) error {
	e, err := f.stageUnrecalled(ctx, b, id)
	if err != nil || !s.whole {
		return err
	}
	link, err := f.stageLinkOpened(ctx, b, s.by)
	if err != nil || !e.Opened.IsZero() {
		return err
	}
	e.Opened, e.OpenedBy, e.OpenedByMachine = link.Opened, s.how, s.machine
	f.file(b, id.Message)
	if err := b.PutRecord(envelopeKey(id), e); err != nil {
		return err
	}
	return f.stageStatus(b, &e, link, s)
}

// sight is one reading of a message.
type sight struct {
	by      gateway.LinkID
	how     gateway.Assurance
	whole   bool // not only one of its files
	machine bool // a program seems to read
}

// stageLinkOpened stages when a link's message was first read, and returns the
// link with it.
func (f *Flow) stageLinkOpened(ctx context.Context, b *store.Batch, id gateway.LinkID) (gateway.Link, error) {
	l, version, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
	if errors.Is(err, store.ErrNotFound) { // erased: the envelope still knows
		return gateway.Link{Opened: f.Now()}, nil
	}
	if err != nil || !l.Opened.IsZero() {
		return l, err
	}
	l.Opened = f.Now()
	b.RequireVersion(linkKey(id), version)
	return l, b.PutRecord(linkKey(id), l)
}
