package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// MailMark changes the marks of entries; those that are not there any more are
// left out. The keyword that says how a message stands is not the user's to
// change.
func (f *Flow) MailMark(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, uids []gateway.UID, c gateway.MarksChange) error {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return err
	}
	return f.mailbox.Change(ctx, o, func(t *mailbox.Txn) error {
		for _, uid := range uids {
			if m, ok := t.Marks(folder, uid); ok {
				t.Mark(folder, uid, withState(c.Apply(m), folder))
			}
		}
		return t.Err()
	})
}

// MailExpunge removes those of the entries that are marked Deleted. A message
// that a journey put there is hidden for good, and stays as it is: nothing is
// taken back. What a user kept is deleted. Held mail cannot be removed: it waits
// for a decision.
func (f *Flow) MailExpunge(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, uids []gateway.UID) error {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return err
	}
	if folder.IsReview() {
		return &gateway.FolderError{Code: gateway.FolderCannot, Text: "Held mail waits for a decision: move it to Quarantine/Release or Quarantine/Refuse"}
	}
	return f.mailbox.Change(ctx, o, func(t *mailbox.Txn) error {
		for _, uid := range uids {
			m, ok := t.Marks(folder, uid)
			if !ok || !m.Deleted {
				continue
			}
			if err := f.expunge(ctx, t, folder, uid); err != nil {
				return err
			}
		}
		return t.Err()
	})
}

// expunge removes one entry. The handle of a recall in FolderRecall stands for
// nothing but the chance to undo it.
func (f *Flow) expunge(ctx context.Context, t *mailbox.Txn, folder gateway.Folder, uid gateway.UID) error {
	e, ok := t.Remove(folder, uid)
	if !ok || e.Message.IsZero() || folder == gateway.FolderRecall {
		return t.Err()
	}
	if len(t.Place(e.Message).At) > 0 && !folder.IsState() {
		return t.Err() // it is in another folder still
	}
	kept, err := f.stageForgetKept(ctx, t.Batch(), e.Message)
	if err != nil || kept {
		return err
	}
	t.SetHidden(e.Message, true)
	return t.Err()
}

// stageForgetKept stages that a message which was only in its owner's folders
// does not exist any more; false when it is another one.
func (f *Flow) stageForgetKept(ctx context.Context, b *store.Batch, id gateway.MessageID) (bool, error) {
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil || m.Direction != gateway.Kept {
		return false, err
	}
	b.RequireVersion(messageKey(id), version)
	b.Delete(messageKey(id))
	dropLayout(b, id)
	if m.Body.Blob != "" {
		f.Blobs.Delete(b, m.Body.Blob)
	}
	return true, nil
}
