package flow

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// A rule may demand that whoever decides about held mail says why. A mail client
// has no field for that, so a move into Release or Refuse asks back: the mail is
// in that folder and still held, and a mail to the reviewer asks for the reason.
// Their answer decides (reviewanswer.go); a move back to Quarantine withdraws the
// question. One mail asks about all that one move put there.

// question is what a reviewer was asked. Its key comes from the random part of
// the address that takes the answer, which stands nowhere else.
type question struct {
	By       gateway.Address
	Refuse   bool
	At       time.Time
	Messages []gateway.MessageID
	// Answer is a keyed hash of the mail that answered it: no other one does.
	Answer []byte `json:",omitempty"`
	// Reason is what that mail said, and Actor the way it came, until all that the
	// question is about is decided.
	Reason gateway.Sensitive `json:",omitempty"`
	Actor  string            `json:",omitempty"`
}

// openQuestion is the one about a message.
type openQuestion struct {
	Question []byte // key
	By       gateway.Address
	Refuse   bool
	At       time.Time
}

// folder is where the message is until the question is answered.
func (a *openQuestion) folder() gateway.Folder {
	switch {
	case a == nil:
		return gateway.FolderQuarantine
	case a.Refuse:
		return gateway.FolderRefuse
	}
	return gateway.FolderRelease
}

// maxAsked bounds the messages of one question.
const maxAsked = 100

// questionPrefix begins the local part of an address that takes an answer.
const questionPrefix = "q."

func (s *Settings) isQuestion(a gateway.Address) bool {
	return a.Domain() == s.ReplyDomain && strings.HasPrefix(strings.ToLower(a.Local()), questionPrefix)
}

// The rows begin with what they are.
const (
	questionRow = "question "
	askedRow    = "asked about "
)

// questionKey is that of the question which an address answers.
func (f *Flow) questionKey(a gateway.Address) []byte {
	h := f.MAC("review question", []byte(strings.ToLower(a.Local())))
	return store.Key(store.Meta, []byte(questionRow), h[:16])
}

func askedKey(id gateway.MessageID) []byte {
	return store.Key(store.Meta, []byte(askedRow), id[:])
}

// askedOf is the open question about a message, nil for none.
func (f *Flow) askedOf(ctx context.Context, id gateway.MessageID) (*openQuestion, store.Version, error) {
	a, version, err := store.GetRecord[openQuestion](ctx, f.Store, askedKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	return &a, version, err
}

// askedLine is an open question about a held envelope as operators see it.
type askedLine struct {
	Asked    string    `json:"asked,omitempty"`     // the reviewer
	AskedFor string    `json:"asked_for,omitempty"` // release or refuse
	AskedAt  time.Time `json:"asked_at,omitzero"`
}

func (f *Flow) askedLine(ctx context.Context, e *gateway.Envelope) (askedLine, error) {
	if !reviewable(*e) {
		return askedLine{}, nil
	}
	a, _, err := f.askedOf(ctx, e.ID.Message)
	if err != nil || a == nil {
		return askedLine{}, err
	}
	return askedLine{Asked: a.By.Wire(), AskedFor: a.to(), AskedAt: a.At}, nil
}

// to says what is decided once the question is answered.
func (a *openQuestion) to() string {
	if a.Refuse {
		return "refuse"
	}
	return "release"
}

// wantsReason reports whether a rule demands a reason for what becomes of a
// copy that waits.
func wantsReason(m *gateway.Message, e *gateway.Envelope) bool {
	v := verdictOf(m, e)
	return v != nil && v.Options.Reason == "required" && reviewable(*e)
}

func (s *subject) wantsReason() bool {
	return slices.ContainsFunc(s.copies, func(e gateway.Envelope) bool { return wantsReason(s.message, &e) })
}

// newQuestion makes the address that takes an answer.
func (f *Flow) newQuestion() (gateway.Address, error) {
	var raw [16]byte
	if _, err := io.ReadFull(f.Random, raw[:]); err != nil {
		return gateway.Address{}, fmt.Errorf("making an address: %w", err)
	}
	token := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:])
	return gateway.ParseAddress(questionPrefix + strings.ToLower(token) + "@" + f.set().ReplyDomain)
}

// ask puts held mail where it waits for a reason, and asks for it.
func (c *carrying) ask(ctx context.Context) error {
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(c.asks, maxAsked) {
		to, err := c.flow.newQuestion()
		if err != nil {
			return err
		}
		a := &asking{carrying: c, by: by, to: to, about: some}
		if err := c.flow.mailbox.Change(ctx, c.owner, func(t *mailbox.Txn) error { return a.plan(ctx, t) }); err != nil {
			return err
		}
		for i := range a.from {
			c.gone(a.from[i])
			c.arrived(a.from[i], a.as[i])
		}
	}
	return nil
}

// asking is one question on its way.
type asking struct {
	*carrying
	by    gateway.PersonRef
	to    gateway.Address // takes the answer
	about []gateway.UID

	from, as []gateway.UID // of what it came to
}

// plan stages the question with everything that follows from it.
func (a *asking) plan(ctx context.Context, t *mailbox.Txn) error {
	f, key := a.flow, a.flow.questionKey(a.to)
	q := question{By: a.account.Name, Refuse: a.carrying.to == gateway.FolderRefuse, At: f.Now()}
	a.from, a.as = nil, nil
	if err := f.reviewing(ctx, t.Batch(), a.account); err != nil {
		return err
	}
	for _, uid := range a.about {
		e, ok := t.Entry(a.carrying.from, uid)
		if !ok {
			continue
		}
		s, err := f.subject(ctx, e.Message)
		if err != nil {
			return err
		}
		if !s.wantsReason() {
			continue // decided by somebody else meanwhile
		}
		if err := f.requireUndecided(ctx, t.Batch(), s); err != nil {
			return err
		}
		s.asked, s.known = &openQuestion{Question: key, By: q.By, Refuse: q.Refuse, At: q.At}, true
		if err := t.Batch().PutRecord(askedKey(e.Message), s.asked); err != nil {
			return err
		}
		if err := f.settlePlaces(ctx, t, folderOwner{owner: a.owner, kind: ownReview}, s); err != nil {
			return err
		}
		at := t.Place(e.Message).UIDs(a.carrying.to)
		if len(at) == 0 {
			continue
		}
		a.from, a.as, q.Messages = append(a.from, uid), append(a.as, at[0]), append(q.Messages, e.Message)
		if err := f.stageAsked(t.Batch(), gateway.EventReasonAsked, a.by, s); err != nil {
			return err
		}
	}
	if len(q.Messages) == 0 || t.Err() != nil {
		return t.Err()
	}
	t.Batch().RequireAbsent(key)
	if err := t.Batch().PutRecord(key, q); err != nil {
		return err
	}
	return a.stageMail(ctx, t.Batch(), &q)
}

// requireUndecided stages that until the commit nobody decides about a message, nor
// asks or answers about it: what an answer decides meanwhile would be asked again.
func (f *Flow) requireUndecided(ctx context.Context, b *store.Batch, s *subject) error {
	_, version, err := f.askedOf(ctx, s.message.ID)
	if err != nil {
		return err
	}
	b.RequireVersion(askedKey(s.message.ID), version)
	for i := range s.copies {
		if reviewable(s.copies[i]) {
			b.RequireVersion(envelopeKey(s.copies[i].ID), s.versions[i])
		}
	}
	return nil
}

// stageMail stages the mail that asks: to their mailbox, and in INBOX here.
func (a *asking) stageMail(ctx context.Context, b *store.Batch, q *question) error {
	f, set := a.flow, a.flow.set()
	d := mailmsg.StaffNoticeData{
		Kind: mailmsg.StaffReason, To: q.By, ReplyTo: a.to, Refuse: q.Refuse, Reference: q.Messages[0].String(), When: q.At.In(set.zone()),
	}
	if len(q.Messages) > 1 {
		d.Count = len(q.Messages)
		for _, id := range q.Messages {
			d.Messages = append(d.Messages, id.String())
		}
	}
	raw, err := f.composeStaffNotice(d)
	if err != nil {
		return err
	}
	if err := f.stageInInbox(ctx, b, q.By, raw); err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{from: set.notices(), to: q.By, raw: raw})
}

// stageAsked records that a question about a held message began or ended.
func (f *Flow) stageAsked(b *store.Batch, event gateway.Event, by gateway.PersonRef, s *subject) error {
	for i := range s.copies {
		e := &s.copies[i]
		if !reviewable(*e) {
			continue
		}
		r := gateway.Record{
			At: f.Now(), Event: event, Actor: "account", Message: s.message.ID, Envelope: e.ID.String(),
			Persons: []gateway.PersonRef{by, e.Person}, Detail: map[string]string{"to": s.asked.to()},
		}
		if err := f.Audit.Stage(b, r); err != nil {
			return err
		}
	}
	return nil
}

// withdraw puts held mail back into Quarantine, and ends the question about it.
func (c *carrying) withdraw(ctx context.Context, e *gateway.MailEntry) error {
	f := c.flow
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	var as gateway.UID
	err = f.mailbox.Change(ctx, c.owner, func(t *mailbox.Txn) error {
		if err := f.reviewing(ctx, t.Batch(), c.account); err != nil {
			return err
		}
		s, err := f.subject(ctx, e.Message)
		if err != nil {
			return err
		}
		var version store.Version
		if s.asked, version, err = f.askedOf(ctx, e.Message); err != nil {
			return err
		}
		if s.asked != nil {
			t.Batch().RequireVersion(askedKey(e.Message), version)
			t.Batch().Delete(askedKey(e.Message))
			if err := f.stageAsked(t.Batch(), gateway.EventReasonWithdrawn, by, s); err != nil {
				return err
			}
		}
		s.asked, s.known = nil, true
		if err := f.settlePlaces(ctx, t, folderOwner{owner: c.owner, kind: ownReview}, s); err != nil {
			return err
		}
		as = 0
		if at := t.Place(e.Message).UIDs(c.to); len(at) > 0 {
			as = at[0]
		}
		return t.Err()
	})
	if err != nil {
		return err
	}
	if c.gone(e.UID); as != 0 {
		c.arrived(e.UID, as)
	}
	return nil
}
