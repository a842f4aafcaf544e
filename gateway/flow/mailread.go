package flow

import (
	"bytes"
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
	looked, recalls := f.Now(), f.takings.Load() // before the look
	look, err := f.lookAtMail(ctx, o, entries)
	if err != nil {
		return err
	}
	for i := range entries {
		grants[i] = gateway.Grant{}
		m := f.mailReadable(look, folder, &entries[i])
		if m == nil {
			continue
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

// mailLook is what the store says of messages and of where they stand.
type mailLook struct {
	places   map[gateway.MessageID]mailbox.Places
	messages map[gateway.MessageID]*gateway.Message
}

// lookAtMail reads all that is asked of entries at once.
func (f *Flow) lookAtMail(ctx context.Context, o mailbox.Owner, entries []gateway.MailEntry) (l mailLook, err error) {
	var ids []gateway.MessageID
	for i := range entries {
		if e := &entries[i]; e.Inline == "" && !e.Message.IsZero() {
			ids = append(ids, e.Message)
		}
	}
	slices.SortFunc(ids, func(a, b gateway.MessageID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	if l.places, err = f.mailbox.PlacesOf(ctx, o, ids); err != nil {
		return l, err
	}
	keys := make([][]byte, len(ids))
	for i, id := range ids {
		keys[i] = messageKey(id)
	}
	l.messages = make(map[gateway.MessageID]*gateway.Message, len(ids))
	err = store.GetAll(ctx, f.Store, keys, func(i int, item store.Item) error {
		m := new(gateway.Message)
		l.messages[ids[i]] = m
		return store.Decode(item.Value, m)
	})
	return l, err
}

// mailReadable is the message that an entry shows, nil if its octets cannot be read
// (any more). It asks the folder itself: what somebody says that an entry holds
// opens nothing.
func (f *Flow) mailReadable(l mailLook, folder gateway.Folder, e *gateway.MailEntry) *gateway.Message {
	if e.Inline != "" || !slices.Contains(l.places[e.Message].UIDs(folder), e.UID) {
		return nil
	}
	m := l.messages[e.Message]
	if m == nil || !m.Recalled.IsZero() || m.Staff.IsZero() || m.Body.Blob == "" || f.Keys.Destroyed(m.Staff.Group) || !f.Now().Before(m.Retain) {
		return nil
	}
	return m
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
