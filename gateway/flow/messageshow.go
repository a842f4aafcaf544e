package flow

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// viewLine is one reading, as operators see it.
type viewLine struct {
	At        time.Time `json:"at"`
	Assurance string    `json:"assurance"`
	Reader    string    `json:"reader,omitempty"` // person or machine: a guess
	Client    string    `json:"client,omitempty"` // the same for the same network address
	File      bool      `json:"file,omitempty"`   // an attachment
	Way       string    `json:"way,omitempty"`    // conversation: by the link of another message
}

// trackedLine is an envelope with what its recipient did.
type trackedLine struct {
	envelopeLine
	Opened   time.Time   `json:"opened,omitzero"`
	Answered time.Time   `json:"answered,omitzero"`
	Reminded []time.Time `json:"reminded,omitempty"`
	Renewed  []time.Time `json:"renewed,omitempty"`
	Recalled time.Time   `json:"recalled,omitzero"`
	Shredded time.Time   `json:"shredded,omitzero"`
	Views    []viewLine  `json:"views,omitempty"` // the newest, oldest first
}

// maxViews bounds the readings that are listed of one envelope.
const maxViews = 100

// messageShown is a message as operators see it.
type messageShown struct {
	ID        string            `json:"id"`
	Accepted  time.Time         `json:"accepted"`
	Listener  string            `json:"listener"`
	Sender    string            `json:"sender"`
	From      string            `json:"from"`
	Subject   string            `json:"subject"`
	HeaderID  string            `json:"message_id"`
	Bytes     int64             `json:"bytes"`
	Retain    time.Time         `json:"retain_until"`
	Recalled  time.Time         `json:"recalled,omitzero"` // from everybody
	Verdicts  []gateway.Verdict `json:"verdicts"`
	Envelopes []trackedLine     `json:"envelopes"`
	Account   string            `json:"account,omitempty"`     // system_id of the application that sent it
	Parts     []string          `json:"parts,omitempty"`       // ids that the application was given
	Staff     []time.Time       `json:"staff_views,omitempty"` // readings by staff, through their page
}

// messageArg is the message that an operator names: by its queue id, or by the
// id that an application was given for a part of a long text.
func (f *Flow) messageArg(ctx context.Context, c Call) (gateway.MessageID, error) {
	id, err := gateway.ParseMessageID(c.Args.Get("id"))
	if err != nil {
		return id, usage("a message id is 26 characters, the id of an envelope without its point and number; commands that show it, and message recall, also take the reference of a link")
	}
	if _, err := f.Store.Get(ctx, messageKey(id)); !errors.Is(err, store.ErrNotFound) {
		return id, err
	}
	rows, err := f.shortRows(ctx, id)
	if err != nil {
		return id, err
	}
	var whole []string
	for _, row := range rows {
		if row.Message != id && !row.Message.IsZero() && !row.Replaced {
			whole = append(whole, row.Message.String())
		}
	}
	if len(whole) > 1 {
		return id, usage("that part belongs to several messages: %s", strings.Join(whole, ", "))
	}
	if len(whole) == 0 {
		return id, nil // what became of a part without a message, evidence may say
	}
	return gateway.ParseMessageID(whole[0])
}

// messageShow prints a message, all its envelopes, and who read it when.
func (f *Flow) messageShow(ctx context.Context, c Call) error {
	id, err := f.shownMessageArg(ctx, c)
	if err != nil {
		return err
	}
	m, err := f.message(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return notFound("message; of one that was refused, audit show has the evidence")
	}
	if err != nil {
		return err
	}
	verdicts, err := f.verdicts(ctx, m)
	if err != nil {
		return err
	}
	s := messageShown{
		ID: m.ID.String(), Accepted: m.Accepted, Listener: m.Peer.Listener, Sender: m.Sender.Wire(), From: m.From.Wire(),
		Subject: m.Subject.Reveal(), HeaderID: m.HeaderID, Bytes: m.Body.Size, Retain: m.Retain, Recalled: m.Recalled, Verdicts: verdicts,
	}
	if m.Ends != nil {
		s.Account = m.Peer.Account
		for _, p := range m.Ends.Parts {
			s.Parts = append(s.Parts, p.ID.String())
		}
	}
	copies, _, err := f.copies(ctx, id)
	if err != nil {
		return err
	}
	of := make(map[string]*trackedLine, len(copies))
	s.Envelopes = make([]trackedLine, len(copies))
	for i := range copies {
		e := &copies[i]
		s.Envelopes[i] = trackedLine{
			envelopeLine: lineOf(e), Opened: e.Opened, Answered: e.Answered, Reminded: e.Reminded, Recalled: e.Recalled, Shredded: e.Shredded,
		}
		of[e.ID.String()] = &s.Envelopes[i]
	}
	story, err := f.Audit.Story(ctx, id)
	for _, told := range story {
		s.track(of[told.Envelope], told.Record)
	}
	return errors.Join(err, c.line(s))
}

// track adds what one record of evidence says of a reader.
func (s *messageShown) track(l *trackedLine, r gateway.Record) {
	if r.Event == gateway.EventStaffOpened {
		s.Staff = append(s.Staff, r.At)
	}
	if l == nil {
		return
	}
	switch r.Event {
	case gateway.EventOpened, gateway.EventFileOpened:
		l.Views = append(l.Views, viewLine{
			At: r.At, Assurance: r.Detail["assurance"], Reader: r.Detail["reader"], Client: r.Detail["client"],
			File: r.Event == gateway.EventFileOpened, Way: r.Detail["way"],
		})
		l.Views = l.Views[max(0, len(l.Views)-maxViews):]
	case gateway.EventLinkRenewed:
		l.Renewed = append(l.Renewed, r.At)
	}
}
