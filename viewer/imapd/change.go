package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// Store implements imapserver.Session.
func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, _ *imap.StoreOptions) error {
	b := s.selected()
	if err := b.writable(); err != nil {
		return err
	}
	change, err := marksChange(flags)
	if err != nil {
		return err
	}
	places := b.positions(set)
	if err := s.mark(b, b.uids(places), change); err != nil {
		return err
	}
	now := b.open.View()
	for _, i := range places {
		uid := b.view.UIDs[i]
		k, there := now.Position(uid)
		if !there {
			continue
		}
		if flags.Silent {
			b.tell(uid, change.Apply(b.marks(i)))
			continue
		}
		m := now.Marks[k]
		b.tell(uid, m)
		r := w.CreateMessage(uint32(i + 1))
		if _, ok := set.(imap.UIDSet); ok {
			r.WriteUID(imap.UID(uid))
		}
		r.WriteFlags(flagsOf(m))
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// mark changes the marks of uids.
func (s *session) mark(b *box, uids []gateway.UID, change gateway.MarksChange) error {
	if len(uids) == 0 {
		return nil
	}
	ctx, cancel := s.work()
	defer cancel()
	return s.answer(s.srv.mail.MailMark(ctx, s.account, b.folder, uids, change))
}

func marksChange(flags *imap.StoreFlags) (gateway.MarksChange, error) {
	m, err := marksOf(flags.Flags)
	switch flags.Op {
	case imap.StoreFlagsAdd:
		return gateway.MarksChange{Add: m}, err
	case imap.StoreFlagsDel:
		return gateway.MarksChange{Remove: m}, err
	}
	return gateway.MarksChange{With: &m}, err
}

// Expunge implements imapserver.Session, for EXPUNGE, UID EXPUNGE and CLOSE.
// What went is told by the Poll that follows.
func (s *session) Expunge(_ *imapserver.ExpungeWriter, set *imap.UIDSet) error {
	b := s.selected()
	if b.readOnly && s.c.now.verb == "CLOSE" {
		return nil // RFC 9051 section 6.4.1: nothing is removed, and that is no error
	}
	if err := b.writable(); err != nil {
		return err
	}
	var places []int
	if set != nil {
		places = b.positions(*set)
	} else {
		for i := range b.view.UIDs {
			places = append(places, i)
		}
	}
	now := b.open.View()
	uids := slices.DeleteFunc(b.uids(places), func(uid gateway.UID) bool {
		k, there := now.Position(uid)
		return !there || !now.Marks[k].Deleted
	})
	if len(uids) == 0 {
		return nil
	}
	ctx, cancel := s.work()
	defer cancel()
	return s.answer(s.srv.mail.MailExpunge(ctx, s.account, b.folder, uids))
}

// Copy implements imapserver.Session.
func (s *session) Copy(set imap.NumSet, name string) (*imap.CopyData, error) {
	b := s.selected()
	to, err := s.destination(name)
	if err != nil {
		return nil, err
	}
	if decides(b.folder, to) {
		if err := b.writable(); err != nil {
			return nil, err
		}
	}
	uids := b.uids(b.positions(set))
	if len(uids) == 0 {
		return nil, nil
	}
	ctx, cancel := s.work()
	defer cancel()
	did, err := s.srv.mail.MailCopy(ctx, s.account, b.folder, uids, to)
	if err != nil {
		return nil, s.answer(err)
	}
	return copied(did), nil
}

// decides reports whether a copy from one folder to another is no copy: it
// takes a message back, gives one back, or says what becomes of held mail.
func decides(from, to gateway.Folder) bool {
	return from == gateway.FolderRecall || to == gateway.FolderRecall || to.IsReview()
}

// Move implements imapserver.SessionMove. What left is told by the Poll that
// follows, before the command is answered (RFC 6851 section 3.3).
func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, name string) error {
	b := s.selected()
	if err := b.writable(); err != nil {
		return err
	}
	to, err := s.destination(name)
	if err != nil {
		return err
	}
	uids := b.uids(b.positions(set))
	if len(uids) == 0 {
		return nil
	}
	ctx, cancel := s.work()
	defer cancel()
	did, err := s.srv.mail.MailMove(ctx, s.account, b.folder, uids, to)
	if err != nil {
		return s.answer(err)
	}
	if data := copied(did); data != nil {
		return w.WriteCopyData(data)
	}
	return nil
}

// destination is a folder that something is put into. A client that is told
// TRYCREATE would try.
func (s *session) destination(name string) (gateway.Folder, error) {
	f, err := s.folder(name)
	if err != nil {
		return 0, no(imap.ResponseCodeNonExistent, "There is no such folder, and none can be made")
	}
	return f, nil
}

// copied is the COPYUID of what was done; nil where the folder fills itself.
func copied(did gateway.MailCopied) *imap.CopyData {
	if len(did.To) == 0 || len(did.From) != len(did.To) {
		return nil
	}
	data := &imap.CopyData{UIDValidity: did.Validity}
	for i := range did.From {
		data.SourceUIDs.AddNum(imap.UID(did.From[i]))
		data.DestUIDs.AddNum(imap.UID(did.To[i]))
	}
	return data
}
