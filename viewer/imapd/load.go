package imapd

import (
	"context"

	"gatepost/gateway"
)

// rowsOf finds the rows of items, with the outline of each message if it is
// asked for. An item that is gone has none after it.
func (s *session) rowsOf(ctx context.Context, b *box, items []item, outline bool) error {
	key := s.rowKey(b)
	uids := make([]gateway.UID, len(items))
	for i := range items {
		uids[i] = items[i].uid
	}
	gone := notIn(b.open.View(), uids) // is not shown again, though the client may count it still
	s.srv.rows.drop(key, gone)
	var unknown, bare []int
	for i, w := range s.srv.rows.get(key, uids) {
		if len(gone) > 0 && gone[0] == uids[i] {
			gone, items[i].row = gone[1:], nil
			continue
		}
		items[i].row = w
		switch {
		case w == nil:
			unknown = append(unknown, i)
		case outline && w.envelope == "":
			bare = append(bare, i)
		}
	}
	found, err := s.entriesAt(ctx, b, items, unknown)
	if err != nil {
		return err
	}
	if outline {
		if err := s.outline(ctx, b, items, append(bare, found...)); err != nil {
			return err
		}
		found = append(bare, found...)
	}
	for _, i := range found {
		key.uid = items[i].uid
		s.srv.rows.put(key, items[i].row)
	}
	return nil
}

// notIn are those of uids that are not in a folder.
func notIn(v *gateway.FolderView, uids []gateway.UID) []gateway.UID {
	var gone []gateway.UID
	for _, uid := range uids {
		if _, there := v.Position(uid); !there {
			gone = append(gone, uid)
		}
	}
	return gone
}

func (s *session) rowKey(b *box) rowKey {
	return rowKey{user: s.account.Name, folder: b.folder, validity: b.view.Validity}
}

// entriesOf reads the entries of items. One that is gone has no row after it.
func (s *session) entriesOf(ctx context.Context, b *box, items []item) error {
	which := make([]int, len(items))
	for i := range items {
		which[i] = i
	}
	_, err := s.entriesAt(ctx, b, items, which)
	return err
}

// entriesAt reads the entries of those items that which names, in runs that
// are neighbours in the folder. It returns those that are there.
func (s *session) entriesAt(ctx context.Context, b *box, items []item, which []int) (found []int, err error) {
	for len(which) > 0 {
		n := 1
		for n < len(which) && items[which[n]].place-items[which[n-1]].place <= 8 {
			n++
		}
		run := which[:n]
		which = which[n:]
		at := 0
		err := s.srv.mail.MailEntries(ctx, s.account, b.folder, items[run[0]].uid, items[run[n-1]].uid, func(e *gateway.MailEntry) bool {
			for at < n && items[run[at]].uid < e.UID {
				at++
			}
			if at < n && items[run[at]].uid == e.UID {
				items[run[at]].row = &row{at: e.At, size: e.Size, entry: *e}
				found = append(found, run[at])
			}
			return at < n
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// outline makes rows with what the layouts say. A row that others may see is
// not changed.
func (s *session) outline(ctx context.Context, b *box, items []item, which []int) error {
	picked := make([]item, len(which))
	for n, i := range which {
		picked[n] = items[i]
	}
	if err := s.layoutsOf(ctx, b, picked); err != nil {
		return err
	}
	var scratch []byte
	for n, i := range which {
		l := picked[n].layout
		w := *items[i].row
		scratch = appendEnvelope(scratch[:0], l.Root.Envelope)
		w.envelope = string(scratch)
		scratch = appendStructure(scratch[:0], &l.Root, false)
		w.body = string(scratch)
		scratch = appendStructure(scratch[:0], &l.Root, true)
		w.structure = string(scratch)
		items[i].row = &w
	}
	return nil
}

// layoutsOf finds the layouts of items that have a row.
func (s *session) layoutsOf(ctx context.Context, b *box, items []item) error {
	if len(items) == 0 {
		return nil
	}
	entries := make([]gateway.MailEntry, len(items))
	for i := range items {
		entries[i] = items[i].row.entry
	}
	err := s.srv.mail.MailLayouts(ctx, s.account, b.folder, entries, func(i int, l *gateway.Layout) bool {
		items[i].layout = l
		return true
	})
	if err != nil {
		return err
	}
	for i := range items {
		if items[i].layout == nil {
			items[i].layout = bare(&entries[i])
		}
	}
	return nil
}

// bare is the layout of an entry of which none is known: text behind its head.
func bare(e *gateway.MailEntry) *gateway.Layout {
	body := int64(len(e.Head))
	return &gateway.Layout{
		Header: e.Head + "\r\n", Size: e.Size,
		Root: gateway.LayoutPart{Type: "text", Subtype: "plain", Body: body, End: max(e.Size, body)},
	}
}
