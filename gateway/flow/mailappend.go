package flow

import (
	"context"
	"errors"
	"io"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// maxKept (octets) bounds one message that a user keeps.
const maxKept = 64 << 20

// MailAppend keeps a message of the user's own in INBOX or Templates, sealed as
// all is; at is its INTERNALDATE, zero for now. Everything else is refused with
// a *gateway.FolderError: in those folders Gatepost alone puts messages, and an
// appended copy of one is no wish to take it back. What it returns is durable.
func (f *Flow) MailAppend(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, marks gateway.Marks, at time.Time, size int64, body io.Reader) (validity uint32, uid gateway.UID, err error) {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return 0, 0, err
	}
	if err := appendable(folder, size); err != nil {
		return 0, 0, err
	}
	if err := f.roomFor(ctx, o, size); err != nil { // before the message comes
		return 0, 0, err
	}
	if validity, err = f.mailbox.Validity(ctx); err != nil {
		return 0, 0, err
	}
	k, err := f.keepOctets(ctx, a.Name, io.LimitReader(body, size))
	if err != nil {
		return 0, 0, err
	}
	if k.message.Body.Size != size {
		k.discard(f, nil)
		return 0, 0, io.ErrUnexpectedEOF
	}
	if at.IsZero() {
		at = f.Now()
	}
	entry := gateway.MailEntry{Message: k.message.ID, At: at, Size: size, Marks: withState(marks, folder)}
	err = f.mailbox.Change(ctx, o, func(t *mailbox.Txn) error {
		if err := f.stageKeeping(t.Batch(), k); err != nil {
			return err
		}
		uid = t.Add(folder, entry)
		return f.fits(t)
	})
	if err == nil {
		return validity, uid, nil
	}
	if errors.Is(err, store.ErrUnknown) {
		if places, look := f.mailbox.Places(ctx, o, k.message.ID); look == nil && len(places.At) > 0 {
			return validity, places.At[0].UID, nil
		}
	}
	k.discard(f, err)
	return 0, 0, storage(err)
}

// maxOwn bounds the messages that a user keeps, however short they are.
const maxOwn = 50_000

// roomFor refuses size octets more of a user's own where there is no room.
func (f *Flow) roomFor(ctx context.Context, o mailbox.Owner, size int64) error {
	count, octets, err := f.mailbox.Own(ctx, o)
	if err != nil {
		return storage(err)
	}
	return f.fit(count+1, octets+size)
}

// fits refuses a change after which a user keeps too much of their own.
func (f *Flow) fits(t *mailbox.Txn) error {
	count, octets := t.Own()
	if err := t.Err(); err != nil {
		return err
	}
	return f.fit(count, octets)
}

func (f *Flow) fit(count int, octets int64) error {
	quota := f.set().MailQuota
	if count <= maxOwn && (quota <= 0 || octets <= quota) {
		return nil
	}
	return &gateway.FolderError{Code: gateway.FolderOverQuota, Text: "There is no more room for messages of your own in INBOX and Templates: remove some first"}
}

// appendable refuses what no user puts into a folder.
func appendable(folder gateway.Folder, size int64) error {
	no := func(c gateway.FolderCode, text string) error { return &gateway.FolderError{Code: c, Text: text} }
	switch {
	case folder == gateway.FolderRecall:
		return no(gateway.FolderCannot, "To take a message back, move or copy it here from one of the folders under Secured; an uploaded copy takes nothing back")
	case folder.IsReview():
		return no(gateway.FolderCannot, "Only mail that is held can be here")
	case folder.IsState():
		return no(gateway.FolderCannot, "Gatepost alone puts messages here: the folder says how they stand")
	case size > maxKept:
		return no(gateway.FolderTooBig, "The message is too large to be kept here")
	case size <= 0:
		return no(gateway.FolderCannot, "The message is empty")
	}
	return nil
}

// keeping is a message that its owner keeps, sealed and not yet committed.
type keeping struct {
	message gateway.Message
	layout  *gateway.Layout
	parts   store.Batch // the body
}

// keepOctets seals a message that will stand in the folders of a user.
func (f *Flow) keepOctets(ctx context.Context, owner gateway.Address, body io.Reader) (*keeping, error) {
	set, now := f.set(), f.Now()
	id, err := gateway.NewMessageID(now, f.Random)
	if err != nil {
		return nil, err
	}
	key, err := f.Sealer.NewKey()
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	k := &keeping{message: gateway.Message{
		ID: id, Channel: gateway.Email, Direction: gateway.Kept, Accepted: now, Peer: gateway.Peer{Listener: "imap"}, From: owner, Retain: retainDay(now, set.Retain),
	}}
	if err := k.seal(ctx, f, key, body); err != nil {
		return nil, err
	}
	if k.message.Staff, err = f.Sealer.WrapStaff(key, id, k.message.Retain); err != nil {
		k.discard(f, nil)
		return nil, err
	}
	return k, nil
}

func (k *keeping) seal(ctx context.Context, f *Flow, key seal.Key, body io.Reader) error {
	w, err := f.Blobs.Create()
	if err != nil {
		return storage(err)
	}
	sealed, outline := f.Sealer.Encrypt(w, key, k.message.ID), mailmsg.NewLayout()
	n, err := io.Copy(io.MultiWriter(sealed, outline), body)
	if err = errors.Join(err, sealed.Close()); err != nil {
		w.Abort()
		return storage(err)
	}
	ref, err := w.Commit(ctx, &k.parts)
	k.message.Body, k.layout = gateway.Body{Blob: ref, Size: n}, outline.Layout()
	return storage(err)
}

// stageKeeping stages the message, and that a stub is left of it when its key
// ends. It can be called again with another batch.
func (f *Flow) stageKeeping(b *store.Batch, k *keeping) error {
	b.Append(&k.parts)
	if err := f.stageTask(b, task{Kind: taskFile, Due: k.message.Retain, Message: k.message.ID, At: k.message.Accepted}); err != nil {
		return err
	}
	if err := stageLayout(b, k.message.ID, k.layout); err != nil {
		return err
	}
	b.RequireAbsent(messageKey(k.message.ID))
	return b.PutRecord(messageKey(k.message.ID), k.message)
}

// discard removes the body of a message that was not committed because of err.
// When nobody knows whether it was, the body stays for the collector.
func (k *keeping) discard(f *Flow, err error) {
	if errors.Is(err, store.ErrUnknown) {
		return
	}
	var b store.Batch
	f.Blobs.Delete(&b, k.message.Body.Blob)
	b.Done() // without a commit: no record of it was ever written
}
