package flow

import (
	"context"
	"errors"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
)

// errNoFolder is the answer for a folder that is none, or not this account's.
func errNoFolder() error {
	return &gateway.FolderError{Code: gateway.FolderNonexistent, Text: "There is no such folder"}
}

// folderOf is whose folder an account sees under that name. Held mail is
// there for those who review alone, and who does is asked each time:
// gateway.ErrNotProven for a session that began with the role and goes on without.
func (f *Flow) folderOf(ctx context.Context, a gateway.MailAccount, folder gateway.Folder) (mailbox.Owner, error) {
	switch {
	case folder < gateway.FolderInbox || folder > gateway.FolderRefuse || a.Name.IsNull():
		return mailbox.Owner{}, errNoFolder()
	case !folder.IsReview():
		return f.mailbox.Owner(a.Name), nil
	case a.Review:
		return f.mailbox.Review(), f.MailCurrent(ctx, a)
	}
	return mailbox.Owner{}, errNoFolder()
}

// MailOpen opens a folder for a session, which must close it.
func (f *Flow) MailOpen(ctx context.Context, a gateway.MailAccount, folder gateway.Folder) (gateway.OpenFolder, error) {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return nil, err
	}
	return f.mailbox.Open(ctx, o, folder)
}

// MailStatus counts a folder.
func (f *Flow) MailStatus(ctx context.Context, a gateway.MailAccount, folder gateway.Folder) (gateway.FolderStatus, error) {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return gateway.FolderStatus{}, err
	}
	return f.mailbox.Status(ctx, o, folder)
}

// MailEntries visits the entries from..to, both counted in, in their order. An
// entry is good until visit returns.
func (f *Flow) MailEntries(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, from, to gateway.UID, visit func(*gateway.MailEntry) bool) error {
	o, err := f.folderOf(ctx, a, folder)
	if err != nil {
		return err
	}
	return f.mailbox.Entries(ctx, o, folder, from, to, visit)
}

// MailLayouts visits the outlines of entries that MailEntries showed. Head is
// counted in. One that has none any more is left out: its message is gone.
func (f *Flow) MailLayouts(ctx context.Context, a gateway.MailAccount, folder gateway.Folder, entries []gateway.MailEntry, visit func(i int, l *gateway.Layout) bool) error {
	if _, err := f.folderOf(ctx, a, folder); err != nil {
		return err
	}
	for i := range entries {
		l, err := f.layout(ctx, &entries[i])
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !visit(i, l) {
			return nil
		}
	}
	return nil
}

// layout is the outline of an entry, store.ErrNotFound when there is none.
func (f *Flow) layout(ctx context.Context, e *gateway.MailEntry) (*gateway.Layout, error) {
	if e.Inline != "" {
		return layoutOf([]byte(e.Head.Reveal()), []byte(e.Inline.Reveal())), nil
	}
	l, _, err := store.GetRecord[gateway.Layout](ctx, f.Store, layoutKey(e.Message))
	if err != nil {
		return nil, err
	}
	header := []byte(l.Header.Reveal())
	gateway.Supplied(header)
	l.Header = gateway.Sensitive(header)
	shiftLayout(&l, e.Head)
	if strings.Contains(e.Head.Reveal(), "\nFrom: ") { // of a short message, whose body names nobody
		l.Root.Envelope = layoutOf([]byte(l.Header.Reveal())).Root.Envelope
	}
	return &l, nil
}

// shiftLayout counts in the header lines of ours that stand before a mail.
func shiftLayout(l *gateway.Layout, head gateway.Sensitive) {
	n := int64(len(head))
	l.Header, l.Size = head+l.Header, l.Size+n
	if len(l.Header) > gateway.MaxLayoutHeader {
		l.Header, l.Cut = l.Header[:gateway.MaxLayoutHeader], true
	}
	shiftPart(&l.Root, n)
	l.Root.Start = 0
}

func shiftPart(p *gateway.LayoutPart, n int64) {
	p.Start, p.Body, p.End = p.Start+n, p.Body+n, p.End+n
	for i := range p.Parts {
		shiftPart(&p.Parts[i], n)
	}
}
