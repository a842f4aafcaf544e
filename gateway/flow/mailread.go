package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// MailRead gives the right to the octets behind Head of entries that
// MailEntries showed; a zero grant stands for one that is gone, or taken back.
// The readings are recorded once for each session and message, all in one
// commit, durably before it returns. What a user keeps for themselves leaves no
// record.
func (f *Flow) MailRead(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, entries []gateway.MailEntry) ([]gateway.Grant, error) {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return nil, err
	}
	grants := make([]gateway.Grant, len(entries))
	err = store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.mailReadOnce(ctx, a, o, folder, entries, grants)
	}
	if err != nil {
		return nil, err
	}
	return grants, nil
}

// looksGood is how long a look at a message is good, while nothing is taken
// back: what ends otherwise (its time, a key that is destroyed) ends that late
// for octets that are on their way.
const looksGood = time.Second

// MailStands reports whether what MailRead gave may still be read: octets that
// are on their way to a mail client while their message is taken back end.
func (f *Flow) MailStands(ctx context.Context, g gateway.Grant) bool {
	if since := f.Now().Sub(g.Looked); g.Recalls == f.takings.Load() && since >= 0 && since < looksGood {
		return true
	}
	return !f.recalledForAll(ctx, g.Message)
}

func (f *Flow) mailReadOnce(ctx context.Context, a gateway.MailAccount, o mailbox.Owner, folder gateway.Folder, entries []gateway.MailEntry, grants []gateway.Grant) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	refs, err := f.People.Ensure(ctx, a.Name)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	var told [][32]byte
	for i := range entries {
		grants[i] = gateway.Grant{}
		looked, recalls := f.Now(), f.takings.Load() // before the look
		m, err := f.mailReadable(ctx, o, folder, &entries[i])
		if errors.Is(err, errNotReadable) {
			continue
		}
		if err != nil {
			return err
		}
		what := f.MAC("mail read", []byte(a.Session), m.ID[:])
		if m.Direction != gateway.Kept && !f.reads.has(what, f.Now()) && !slices.Contains(told, what) {
			told = append(told, what)
			if err := f.stageMailRead(ctx, b, a, folder, m, refs); err != nil {
				return err
			}
		}
		grants[i] = gateway.Grant{Message: m.ID, Body: m.Body, Wrap: m.Staff, Staff: true, From: m.From, To: a.Name, Subject: m.Subject, Sent: m.Accepted, Expires: m.Retain, Looked: looked, Recalls: recalls}
	}
	if len(told) == 0 {
		return nil
	}
	if err := store.Write(ctx, f.Store, b); err != nil {
		return err
	}
	for _, what := range told {
		f.reads.add(what, f.Now())
	}
	return nil
}

// errNotReadable: the message of an entry is gone, or the entry is.
var errNotReadable = errors.New("flow: not to be read any more")

// mailReadable is the message that an entry shows, if its octets can be read. It
// asks the folder itself: what somebody says that an entry holds opens nothing.
func (f *Flow) mailReadable(ctx context.Context, o mailbox.Owner, folder gateway.Folder, e *gateway.MailEntry) (*gateway.Message, error) {
	if e.Inline != "" || e.Message.IsZero() {
		return nil, errNotReadable
	}
	places, err := f.mailbox.Places(ctx, o, e.Message)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(places.UIDs(folder), e.UID) {
		return nil, errNotReadable
	}
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(e.Message))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNotReadable
	}
	if err != nil {
		return nil, err
	}
	if !m.Recalled.IsZero() || m.Staff.IsZero() || m.Body.Blob == "" || f.Keys.Destroyed(m.Staff.Group) || !f.Now().Before(m.Retain) {
		return nil, errNotReadable
	}
	return &m, nil
}

// stageMailRead stages the evidence that a member of staff reads, and of an
// answer to them, that they have.
func (f *Flow) stageMailRead(ctx context.Context, b *store.Batch, a gateway.MailAccount, folder gateway.Folder, m *gateway.Message, refs []gateway.PersonRef) error {
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventStaffOpened, Actor: "account", Message: m.ID, Thread: m.Thread, Persons: refs,
		Detail: map[string]string{"client": f.client(a.Visitor), "reader": "mail client", "way": "imap"},
	}
	if folder.IsReview() {
		r.Detail["way"] = "review"
	}
	if m.Direction == gateway.Inbound && !folder.IsReview() {
		e, version, err := f.copyFor(ctx, m, a.Name)
		if err != nil {
			return err
		}
		if e != nil {
			r.Envelope = e.ID.String()
		}
		if e != nil && e.Opened.IsZero() {
			e.Opened = r.At
			b.RequireVersion(envelopeKey(e.ID), version)
			if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
				return err
			}
		}
	}
	return f.Audit.Stage(b, r)
}

// copyFor is the copy of an answer for a member of staff, nil for none.
func (f *Flow) copyFor(ctx context.Context, m *gateway.Message, account gateway.Address) (*gateway.Envelope, store.Version, error) {
	copies, versions, err := f.copies(ctx, m.ID)
	for i := range copies {
		if e := &copies[i]; isAnswerCopy(e) && e.Recipient.Key() == account.Key() {
			return e, versions[i], err
		}
	}
	return nil, 0, err
}

// MailWasRead says of which entries a user knows the text already: they wrote
// it, or have read it. Reading there again tells nobody anything.
func (f *Flow) MailWasRead(ctx context.Context, a gateway.MailAccount, entries []gateway.MailEntry) ([]bool, error) {
	was := make([]bool, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Inline != "" {
			was[i] = true
			continue
		}
		m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(e.Message))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			was[i], err = f.knows(ctx, a, &m)
		}
		if err != nil {
			return nil, err
		}
	}
	return was, nil
}

func (f *Flow) knows(ctx context.Context, a gateway.MailAccount, m *gateway.Message) (bool, error) {
	if m.Direction != gateway.Inbound && m.From.Key() == a.Name.Key() || f.reads.has(f.MAC("mail read", []byte(a.Session), m.ID[:]), f.Now()) {
		return true, nil
	}
	if m.Direction != gateway.Inbound {
		return false, nil
	}
	e, _, err := f.copyFor(ctx, m, a.Name)
	return e != nil && !e.Opened.IsZero(), err
}
