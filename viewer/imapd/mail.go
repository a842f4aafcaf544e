package imapd

import (
	"context"
	"io"
	"time"

	"gatepost/gateway"
)

// Mail keeps the folders and knows who may see them. Its errors: a
// *gateway.FolderError is shown to the user, gateway.ErrNotProven ends the
// session, and every other one is temporary.
type Mail interface {
	Accounts
	Folders
	Changes
	// MailRead grants the octets of the entries, after the evidence of it was
	// committed. A zero grant stands for one that is gone.
	MailRead(ctx context.Context, a gateway.MailAccount, f gateway.Folder, entries []gateway.MailEntry) ([]gateway.Grant, error)
	// MailWasRead says which of the entries this user has opened before.
	MailWasRead(ctx context.Context, a gateway.MailAccount, entries []gateway.MailEntry) ([]bool, error)
}

// Accounts says who somebody is.
type Accounts interface {
	// MailLogin proves a member of staff. It fails with gateway.ErrNotProven,
	// a *gateway.TooSoonError after too many wrong passwords, or
	// gateway.ErrBusy.
	MailLogin(ctx context.Context, name, password string, v gateway.Visitor) (gateway.MailAccount, error)
	// MailCurrent fails with gateway.ErrNotProven once a session has to end.
	MailCurrent(ctx context.Context, a gateway.MailAccount) error
}

// Folders shows what is in the folders.
type Folders interface {
	MailOpen(ctx context.Context, a gateway.MailAccount, f gateway.Folder) (gateway.OpenFolder, error)
	MailStatus(ctx context.Context, a gateway.MailAccount, f gateway.Folder) (gateway.FolderStatus, error)
	// MailEntries visits the entries with UIDs from from to to, both included,
	// in order. An entry is good until visit returns.
	MailEntries(ctx context.Context, a gateway.MailAccount, f gateway.Folder, from, to gateway.UID, visit func(*gateway.MailEntry) bool) error
	// MailLayouts visits the outlines of entries, Head counted in. An entry
	// that has none is not visited.
	MailLayouts(ctx context.Context, a gateway.MailAccount, f gateway.Folder, entries []gateway.MailEntry, visit func(i int, l *gateway.Layout) bool) error
}

// Changes changes what is in the folders. What was acknowledged is durable.
type Changes interface {
	MailMark(ctx context.Context, a gateway.MailAccount, f gateway.Folder, uids []gateway.UID, c gateway.MarksChange) error
	MailAppend(ctx context.Context, a gateway.MailAccount, f gateway.Folder, m gateway.Marks, at time.Time, size int64, body io.Reader) (validity uint32, uid gateway.UID, err error)
	MailCopy(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error)
	MailMove(ctx context.Context, a gateway.MailAccount, from gateway.Folder, uids []gateway.UID, to gateway.Folder) (gateway.MailCopied, error)
	// MailExpunge removes those of uids that are marked Deleted.
	MailExpunge(ctx context.Context, a gateway.MailAccount, f gateway.Folder, uids []gateway.UID) error
}

// Bodies opens the octets that a grant names.
type Bodies interface {
	Octets(ctx context.Context, g gateway.Grant) (gateway.Content, io.Closer, error)
}
