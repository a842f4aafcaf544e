package flow

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// Moving is how staff act: from a state folder into Recall takes a message back,
// out of Recall gives it back in time, into Quarantine/Release lets held mail
// go. Some clients move by COPY, STORE and EXPUNGE, so a copy acts as a move
// does. Nothing else acts: what a client uploads, removes or keeps offline does
// not.

// MailMove moves entries; those that are not there any more are left out. What
// it says is durable. A *gateway.FolderError says why a move is none; of several
// entries those before the one it concerns were moved.
func (f *Flow) MailMove(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error) {
	return f.carry(ctx, a, from, uids, to, true)
}

// MailCopy copies entries, or moves them where only that has a meaning: Gone
// says which.
func (f *Flow) MailCopy(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error) {
	return f.carry(ctx, a, from, uids, to, false)
}

func (f *Flow) carry(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder, move bool) (gateway.MailCopied, error) {
	var done gateway.MailCopied
	owner, err := f.folderOf(ctx, a, from)
	if err == nil {
		_, err = f.folderOf(ctx, a, to)
	}
	if err == nil {
		err = carriable(from, to)
	}
	if err == nil {
		done.Validity, err = f.mailbox.Validity(ctx)
	}
	if err != nil {
		return done, err
	}
	c := &carrying{flow: f, account: a, owner: owner, from: from, to: to, move: move, done: &done}
	act := c.own
	switch {
	case to == gateway.FolderRecall:
		act = c.takeBack
		err = c.bulk(ctx, "recalls of", "taken back", len(uids))
	case from == gateway.FolderRecall:
		act = c.giveBack
		err = c.bulk(ctx, "undone recalls of", "given back", len(uids))
	case to == gateway.FolderQuarantine:
		act = c.withdraw
	case to.IsReview():
		act = c.decide
	}
	if err != nil {
		return done, err
	}
	err = c.each(ctx, uids, act)
	if to == gateway.FolderRecall {
		c.tellBack(ctx)
	}
	if len(c.asks) > 0 {
		err = errors.Join(c.ask(ctx), err)
	}
	return done, err
}

// each acts on the entries that are there.
func (c *carrying) each(ctx context.Context, uids []gateway.UID, act func(context.Context, *gateway.MailEntry) error) error {
	for _, uid := range uids {
		if err := c.flow.MailCurrent(ctx, c.account); err != nil {
			return err // many take long, and an account or a role may end meanwhile
		}
		e, err := c.flow.mailbox.Entry(ctx, c.owner, c.from, uid)
		if errors.Is(err, gateway.ErrNoEntry) {
			continue
		}
		if err == nil {
			err = act(ctx, &e)
		}
		if err != nil {
			return storage(err)
		}
	}
	return nil
}

func cannot(text string) error {
	return &gateway.FolderError{Code: gateway.FolderCannot, Text: text}
}

// carriable says why nothing goes from one folder to another.
func carriable(from, to gateway.Folder) error {
	own := func(f gateway.Folder) bool { return f == gateway.FolderInbox || f == gateway.FolderTemplates }
	switch {
	case from == to:
		return cannot("It is in this folder")
	case from.IsReview() && to.IsReview():
		return nil
	case from.IsReview():
		return cannot("Held mail goes to Quarantine/Release or Quarantine/Refuse")
	case to.IsReview():
		return cannot("Only mail that is held can be here")
	case from == gateway.FolderRecall:
		return nil
	case to == gateway.FolderRecall && from.IsState():
		return nil
	case to == gateway.FolderRecall:
		return cannot("Only what you sent secured can be taken back: move it here from one of the folders under Secured")
	case to.IsState():
		return cannot("Gatepost alone puts messages here: the folder says how they stand")
	case from.IsState():
		return cannot("A secured message stays where it says how it stands; to take it back, move it to Recall")
	case own(from) && own(to):
		return nil
	}
	return errNoFolder()
}

// carrying is one COPY or MOVE.
type carrying struct {
	flow     *Flow
	account  gateway.MailAccount
	owner    mailbox.Owner
	from, to gateway.Folder
	move     bool
	done     *gateway.MailCopied
	asks     []gateway.UID // what needs a reason first
}

func (c *carrying) gone(uid gateway.UID) { c.done.Gone = append(c.done.Gone, uid) }

func (c *carrying) arrived(uid, as gateway.UID) {
	c.done.From, c.done.To = append(c.done.From, uid), append(c.done.To, as)
}

// person is whom evidence names.
func (c *carrying) person(ctx context.Context) (gateway.PersonRef, error) {
	refs, err := c.flow.People.Ensure(ctx, c.account.Name)
	if err != nil {
		return gateway.PersonRef{}, err
	}
	return refs[0], nil
}

// own moves or copies a text that its user keeps. An answer stays in INBOX.
func (c *carrying) own(ctx context.Context, e *gateway.MailEntry) error {
	m, _, err := store.GetRecord[gateway.Message](ctx, c.flow.Store, messageKey(e.Message))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.Direction != gateway.Kept {
		return cannot("An answer stays in INBOX; to use its text again, save it as a new message")
	}
	var as gateway.UID
	err = c.flow.mailbox.Change(ctx, c.owner, func(t *mailbox.Txn) error {
		there, ok := t.Entry(c.from, e.UID)
		if as = 0; !ok {
			return t.Err()
		}
		if c.move {
			t.Remove(c.from, e.UID)
		}
		there.Marks.Deleted = false
		if as = t.Add(c.to, there); c.move {
			return t.Err()
		}
		return c.flow.fits(t)
	})
	if err != nil || as == 0 {
		return err
	}
	if c.arrived(e.UID, as); c.move {
		c.gone(e.UID)
	}
	return nil
}

// bulkTime is what the bound of recalls by mail client counts over.
const bulkTime = time.Hour

// takeBack recalls the message of an entry from everybody. Then it is in
// Secured/Recalled, and what stands in Recall is the way to undo it.
func (c *carrying) takeBack(ctx context.Context, e *gateway.MailEntry) error {
	f := c.flow
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	if s, err := f.subject(ctx, e.Message); err != nil || s.gone {
		return cmp.Or(err, cannot("This message is gone: it is destroyed, and nothing of it is left to take back"))
	}
	r, err := f.recall(ctx, e.Message, gateway.Address{}, "account", by)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errNotRecallable) || errors.Is(err, errNoRecipient) || err == nil && !r.did() {
		return cannot("This message cannot be taken back: nothing of it is left here, or it left in the clear")
	}
	if err != nil {
		return err
	}
	var handle gateway.UID
	err = f.mailbox.Change(ctx, c.owner, func(t *mailbox.Txn) error {
		s, err := f.subject(ctx, e.Message)
		if err != nil {
			return err
		}
		if err := f.settlePlaces(ctx, t, folderOwner{c.owner, ownSent, c.account.Name}, s); err != nil {
			return err
		}
		handle = 0
		if s.undoable(f.Now()) {
			handle = f.recallHandle(t, e.Message)
		}
		return t.Err()
	})
	if err != nil {
		return err
	}
	if c.gone(e.UID); handle != 0 {
		c.arrived(e.UID, handle)
	}
	return nil
}

// recallHandle is the entry in Recall by which a recall is undone.
func (f *Flow) recallHandle(t *mailbox.Txn, id gateway.MessageID) gateway.UID {
	places := t.Place(id)
	if uids := places.UIDs(gateway.FolderRecall); len(uids) > 0 {
		return uids[0]
	}
	for _, at := range places.At {
		if e, ok := t.Entry(at.Folder, at.UID); ok && at.Folder.IsState() {
			e.Marks = withState(e.Marks, gateway.FolderRecall)
			e.Marks.Deleted = false
			return t.Add(gateway.FolderRecall, e)
		}
	}
	return 0
}

// giveBack undoes a recall, whichever folder the handle is put into: the message
// is where it says how it stands.
func (c *carrying) giveBack(ctx context.Context, e *gateway.MailEntry) error {
	f := c.flow
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	r, err := f.undo(ctx, e.Message, gateway.Address{}, "account", by)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !r.All {
		return cannot("It is too late: the message is destroyed")
	}
	if err := f.place(ctx, folderOwner{c.owner, ownSent, c.account.Name}, e.Message); err != nil {
		return err
	}
	c.gone(e.UID)
	return nil
}

// decide releases or refuses what waits of a held message, unless a rule demands
// a reason: that is asked for first.
func (c *carrying) decide(ctx context.Context, e *gateway.MailEntry) error {
	f := c.flow
	s, err := f.subject(ctx, e.Message)
	if err != nil {
		return err
	}
	if c.to == gateway.FolderRelease && s.writtenBy(c.account.Name) && len(s.reviewable()) > 0 {
		return c.denied(ctx, s)
	}
	if s.wantsReason() {
		c.asks = append(c.asks, e.UID)
		return nil
	}
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	act := f.letOut
	if c.to == gateway.FolderRefuse {
		act = f.turnAway
	}
	call := Call{Actor: "account", By: []gateway.PersonRef{by}}
	only := func(b *store.Batch) error { return f.reviewing(ctx, b, c.account) }
	for _, held := range s.reviewable() {
		if err := act(ctx, call, held.ID, decision{only: only}); err != nil {
			return reviewRefusal(err)
		}
	}
	if err := f.place(ctx, folderOwner{owner: c.owner, kind: ownReview}, e.Message); err != nil {
		return err
	}
	c.gone(e.UID)
	return nil
}

// writtenBy reports whether a message is somebody's own: by their account, or by a
// name that it bears.
func (s *subject) writtenBy(name gateway.Address) bool {
	m := s.message
	account, err := gateway.ParseAddress(m.Peer.Account)
	return m.From.Key() == name.Key() || m.Sender.Key() == name.Key() || err == nil && account.Key() == name.Key()
}

// denied records that a reviewer wanted to release their own mail, and says that
// another has to: what a rule holds, a second person has looked at. They may refuse it.
func (c *carrying) denied(ctx context.Context, s *subject) error {
	by, err := c.person(ctx)
	if err != nil {
		return err
	}
	var b store.Batch
	for _, e := range s.reviewable() {
		r := gateway.Record{
			At: c.flow.Now(), Event: gateway.EventReleaseDenied, Actor: "account", Message: s.message.ID, Envelope: e.ID.String(),
			Persons: []gateway.PersonRef{by, e.Person}, Detail: map[string]string{"reason": "own_mail"},
		}
		if err := c.flow.Audit.Stage(&b, r); err != nil {
			return err
		}
	}
	if err := store.Write(ctx, c.flow.Store, &b); err != nil {
		return err
	}
	return &gateway.FolderError{Code: gateway.FolderNoPerm, Text: "This is mail of your own: somebody else who reviews has to release it. You may refuse it"}
}

// reviewRefusal is why a decision could not be made, for a client's user. What
// somebody else decided meanwhile is decided.
func reviewRefusal(err error) error {
	var o *OperationError
	switch {
	case !errors.As(err, &o):
		return err
	case o.Busy:
		return &gateway.FolderError{Code: gateway.FolderInUse, Text: o.Text}
	}
	return cannot(o.Text)
}
