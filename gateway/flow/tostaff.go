package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// toStaff is what a correspondent wrote while it becomes a mail for the staff
// of a conversation, whichever way it came.
type toStaff struct {
	flow   *Flow
	set    *Settings
	id     gateway.MessageID
	at     time.Time
	thread gateway.ThreadID
	author people.Person     // with the Ref that its turn has
	staff  []gateway.Address // who gets it; inside the organization
	data   mailmsg.AnswerData
	under  gateway.EnvelopeID // what the author answered through; zero for nothing of theirs
	// unproven says that nobody has shown that the author wrote it: it is no turn
	// of theirs.
	unproven bool

	key      seal.Key
	ref      string
	size     int64
	eightBit bool
	// parts must be committed with it: the body, and what its header names.
	parts store.Batch
	// layout is the outline of the body.
	layout *gateway.Layout
}

// toStaff begins a mail to staff with a capability of its own as sender: what
// staff answer to it is the next turn of the conversation.
func (f *Flow) toStaff(set *Settings, th thread.Thread, author people.Person, staff []gateway.Address) (*toStaff, error) {
	t := &toStaff{flow: f, set: set, at: f.Now(), thread: th.ID, author: author, staff: staff}
	var err error
	if t.id, err = gateway.NewMessageID(t.at, f.Random); err != nil {
		return nil, err
	}
	if t.key, err = f.Sealer.NewKey(); err != nil {
		return nil, err
	}
	local, err := f.Threads.Reply(&t.parts, thread.Capability{Thread: th.ID, Person: author.Ref, Staff: staff[0]})
	if err != nil {
		return nil, err
	}
	from, err := gateway.ParseAddress(local + "@" + set.ReplyDomain)
	if err != nil {
		return nil, err
	}
	headerID, err := mailmsg.HeaderID(set.ReplyDomain, f.Random)
	t.data = mailmsg.AnswerData{
		HeaderID: headerID, From: from, FromName: author.Name, Author: author.Address, To: staff, Now: t.at.In(set.zone()),
	}
	return t, err
}

// maxParents bounds the turns that a mail to staff refers to.
const maxParents = 20

// parents are the messages of a conversation that a new turn of a person
// follows, oldest first, and the newest that staff wrote; nil when there is
// none.
func (f *Flow) parents(ctx context.Context, id gateway.ThreadID, person gateway.PersonRef) (headerIDs []string, answered *gateway.Message, err error) {
	turns, _, err := f.Threads.Turns(ctx, id, person)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range turns[max(0, len(turns)-maxParents):] {
		m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(t.Message))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if m.HeaderID != "" {
			headerIDs = append(headerIDs, m.HeaderID)
		}
		if !t.Mine {
			answered = &m
		}
	}
	return headerIDs, answered, nil
}

// follow lets the mail stand under what it answers in the staff's clients: it
// names the Message-IDs that they know.
func (t *toStaff) follow(headerIDs []string, answered *gateway.Message) {
	t.data.References = headerIDs
	if answered != nil {
		t.data.InReplyTo, t.data.Subject = answered.HeaderID, answered.Subject
	}
}

// compose writes the mail twice: for its signature, and into its sealed body.
func (t *toStaff) compose(ctx context.Context) error {
	f := t.flow
	write := func(w io.Writer) error { return mailmsg.WriteAnswer(w, t.data) }
	signature := ""
	if signer := t.set.signerAbove(t.set.ReplyDomain); signer != nil {
		var err error
		if signature, err = signer.Signature(write); err != nil {
			return err
		}
	}
	w, err := f.Blobs.Create()
	if err != nil {
		return err
	}
	sealed := f.Sealer.Encrypt(w, t.key, t.id)
	outline := mailmsg.NewLayout()
	counted := &counter{w: io.MultiWriter(sealed, outline)}
	_, err = io.WriteString(counted, signature)
	if err == nil {
		err = write(counted)
	}
	if err = errors.Join(err, sealed.Close()); err != nil {
		w.Abort()
		return fmt.Errorf("composing an answer: %w", err)
	}
	t.size, t.eightBit, t.layout = counted.n, counted.eightBit, outline.Layout()
	t.ref, err = w.Commit(ctx, &t.parts)
	return err
}

// signerAbove is the key of a domain or of the nearest one above it: a
// signature that is aligned (RFC 7489 section 3.1.1, relaxed).
func (s *Settings) signerAbove(domain string) *mailauth.Signer {
	for strings.Contains(domain, ".") {
		if signer := s.Signer(domain); signer != nil {
			return signer
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return nil
}

// counter counts what goes through it, and sees whether it needs 8BITMIME.
type counter struct {
	w        io.Writer
	n        int64
	eightBit bool
}

func (c *counter) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && !c.eightBit; i++ {
		c.eightBit = p[i] >= 0x80
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// record makes the message as it will be stored. What the caller knows better
// it sets.
func (t *toStaff) record() (*gateway.Message, error) {
	m := &gateway.Message{
		ID: t.id, Channel: gateway.Email, Direction: gateway.Inbound, Accepted: t.at, Peer: gateway.Peer{Listener: "viewer"},
		From: t.author.Address, Subject: t.data.Subject, HeaderID: t.data.HeaderID, Body: gateway.Body{Blob: t.ref, Size: t.size},
		Thread: t.thread, Envelopes: len(t.staff), Retain: retainDay(t.at, t.set.Retain), Author: t.author.Ref,
		Under: t.under, EightBit: t.eightBit,
	}
	for _, a := range t.staff {
		m.UTF8 = m.UTF8 || !a.IsASCII()
	}
	var err error
	if m.Spool, err = t.flow.Sealer.WrapSpool(t.key, m.ID); err != nil {
		return nil, err
	}
	m.Staff, err = t.flow.Sealer.WrapStaff(t.key, m.ID, m.Retain)
	return m, err
}

// stage stages the mail as a turn of its conversation, with an envelope for
// each member of staff. It can be called again with another batch.
func (t *toStaff) stage(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	f := t.flow
	b.Append(&t.parts)
	refs, err := f.People.Ensure(ctx, t.staff...)
	if err != nil {
		return err
	}
	for i, a := range t.staff {
		e := gateway.Envelope{
			ID: gateway.EnvelopeID{Message: m.ID, N: uint32(i)}, State: gateway.Queued, Action: gateway.Pass, Decided: gateway.Pass,
			Recipient: a, Person: refs[i], Accepted: t.at, Confidential: true,
		}
		if err := f.stageConfidential(b, t.set, &e); err != nil {
			return err
		}
	}
	if err := f.Threads.Join(b, m.HeaderID, thread.Member{Thread: m.Thread, Message: m.ID}); err != nil {
		return err
	}
	if !t.unproven {
		if err := f.Threads.Add(b, thread.Turn{Thread: m.Thread, Person: t.author.Ref, Message: m.ID, At: m.Accepted, Mine: true}); err != nil {
			return err
		}
	}
	f.file(b, m.ID)
	if err := stageLayout(b, m.ID, t.layout); err != nil {
		return err
	}
	b.RequireAbsent(messageKey(m.ID))
	return b.PutRecord(messageKey(m.ID), m)
}

// stageConfidential stages an envelope for staff under an envelope sender of
// ours, so that what comes back of it comes to us.
func (f *Flow) stageConfidential(b *store.Batch, set *Settings, e *gateway.Envelope) error {
	local, err := f.Threads.Bounce(b, e.ID)
	if err != nil {
		return err
	}
	if e.Sender, err = gateway.ParseAddress(local + "@" + set.ReplyDomain); err != nil {
		return err
	}
	return f.queue.Stage(b, e)
}

// persons are who evidence about it speaks of: the author, then the staff.
func (t *toStaff) persons(ctx context.Context) ([]gateway.PersonRef, error) {
	refs, err := t.flow.People.Ensure(ctx, t.staff...)
	return append([]gateway.PersonRef{t.author.Ref}, refs...), err
}

// discard removes the body of a mail that was not committed because of err.
// When nobody knows whether it was, the body stays for the collector.
func (t *toStaff) discard(err error) {
	if t.ref == "" || errors.Is(err, store.ErrUnknown) {
		return
	}
	var b store.Batch
	t.flow.Blobs.Delete(&b, t.ref)
	b.Done() // without a commit: no record of it was ever written
}
