package imapd

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// delimiter stands between the levels of a folder's name.
const delimiter = '/'

// folder finds a folder by its name among those of the user: a closed set, so
// that no name reaches anything of somebody else.
func (s *session) folder(name string) (gateway.Folder, error) {
	if strings.EqualFold(name, gateway.FolderInbox.String()) {
		return gateway.FolderInbox, nil
	}
	for _, f := range gateway.Folders(s.account.Review) {
		if f.String() == name {
			return f, nil
		}
	}
	return 0, no(imap.ResponseCodeNonExistent, "There is no such folder")
}

// place is a name that LIST shows: a folder, or what stands above some.
type place struct {
	name     string
	folder   gateway.Folder // 0: none, \NonExistent
	children bool
}

// places are the names of the user in the order of LIST.
func (s *session) places() []place {
	var list []place
	for _, f := range gateway.Folders(s.account.Review) {
		name := f.String()
		if above, _, deep := strings.Cut(name, string(delimiter)); deep {
			if i := slices.IndexFunc(list, func(p place) bool { return p.name == above }); i >= 0 {
				list[i].children = true
			} else {
				list = append(list, place{name: above, children: true})
			}
		}
		list = append(list, place{name: name, folder: f})
	}
	return list
}

// List implements imapserver.Session (RFC 9051 section 6.3.9, RFC 5258, RFC
// 5819). Every folder is subscribed, for good.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 { // asks for the delimiter only
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: delimiter})
	}
	if o.SelectSpecialUse {
		return nil // none of our folders is what those of RFC 6154 are
	}
	lsub := s.c.now.verb == "LSUB"
	for _, p := range s.places() {
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return matches(ref+pattern, p.name) }) {
			continue
		}
		if err := s.list(w, p, o, lsub); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) list(w *imapserver.ListWriter, p place, o *imap.ListOptions, lsub bool) error {
	data := &imap.ListData{Delim: delimiter, Mailbox: p.name}
	subscribed := p.folder != 0
	if o.SelectSubscribed && !subscribed {
		if !o.SelectRecursiveMatch && !lsub {
			return nil
		}
		if o.SelectRecursiveMatch {
			data.ChildInfo = &imap.ListDataChildInfo{Subscribed: true}
		}
	}
	switch {
	case lsub && p.folder == 0:
		data.Attrs = []imap.MailboxAttr{imap.MailboxAttrNoSelect} // RFC 3501 section 6.3.9
	case p.folder == 0:
		data.Attrs = []imap.MailboxAttr{imap.MailboxAttrNonExistent, imap.MailboxAttrNoSelect}
	case subscribed && (o.SelectSubscribed || o.ReturnSubscribed) && !lsub:
		data.Attrs = []imap.MailboxAttr{imap.MailboxAttrSubscribed}
	}
	if p.children {
		data.Attrs = append(data.Attrs, imap.MailboxAttrHasChildren)
	} else {
		data.Attrs = append(data.Attrs, imap.MailboxAttrHasNoChildren)
		if p.folder != 0 {
			data.Attrs = append(data.Attrs, imap.MailboxAttrNoInferiors)
		}
	}
	if o.ReturnStatus != nil && p.folder != 0 {
		var err error
		if data.Status, err = s.status(p.folder, o.ReturnStatus); err != nil {
			return err
		}
	}
	return w.WriteList(data)
}

// matches is LIST's pattern: "*" is anything, "%" anything on one level. The
// time grows with the product of the lengths and no faster.
func matches(pattern, name string) bool {
	if len(pattern) > 512 {
		return false
	}
	if len(pattern) >= 5 && strings.EqualFold(pattern[:5], "INBOX") {
		pattern = "INBOX" + pattern[5:]
	}
	// reach[i]: what was read of the pattern can stand for name[:i].
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for i := range len(pattern) {
		switch b := pattern[i]; b {
		case '*', '%':
			for k := 1; k <= len(name); k++ {
				reach[k] = reach[k] || reach[k-1] && (b == '*' || name[k-1] != delimiter)
			}
		default:
			for k := len(name); k > 0; k-- {
				reach[k] = reach[k-1] && name[k-1] == b
			}
			reach[0] = false
		}
	}
	return reach[len(name)]
}

// Status implements imapserver.Session.
func (s *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	f, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	return s.status(f, o)
}

func (s *session) status(f gateway.Folder, o *imap.StatusOptions) (*imap.StatusData, error) {
	ctx, cancel := s.work()
	defer cancel()
	st, err := s.srv.mail.MailStatus(ctx, s.account, f)
	if err != nil {
		return nil, s.answer(err)
	}
	var recent uint32
	limit := s.AppendLimit()
	return &imap.StatusData{
		Mailbox: f.String(), NumMessages: &st.Messages, NumRecent: &recent, UIDNext: imap.UID(st.Next), UIDValidity: st.Validity,
		NumUnseen: &st.Unseen, NumDeleted: &st.Deleted, Size: &st.Size, AppendLimit: &limit, DeletedStorage: new(int64),
	}, nil
}

// fixed is what an attempt to remove or rename a folder is told.
func fixed() error {
	return no(imap.ResponseCodeCannot, "The folders of this account are fixed")
}

// Create implements imapserver.Session.
func (s *session) Create(name string, _ *imap.CreateOptions) error {
	if _, err := s.folder(strings.TrimSuffix(name, string(delimiter))); err == nil {
		return no(imap.ResponseCodeAlreadyExists, "This folder is there")
	}
	return no(imap.ResponseCodeCannot, "The folders of this account are fixed: save sent mail and drafts in your usual account")
}

// Delete implements imapserver.Session.
func (s *session) Delete(name string) error {
	if _, err := s.folder(name); err != nil {
		return err
	}
	return fixed()
}

// Rename implements imapserver.Session.
func (s *session) Rename(name, _ string, _ *imap.RenameOptions) error { return s.Delete(name) }

// Subscribe implements imapserver.Session: it is so already.
func (s *session) Subscribe(name string) error {
	_, err := s.folder(name)
	return err
}

// Unsubscribe implements imapserver.Session.
func (s *session) Unsubscribe(name string) error {
	if _, err := s.folder(name); err != nil {
		return err
	}
	return no(imap.ResponseCodeCannot, "All folders of this account stay subscribed")
}

// Append implements imapserver.Session.
func (s *session) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	f, err := s.folder(name)
	if err != nil {
		return nil, no(imap.ResponseCodeNonExistent, "There is no such folder, and none can be made") // no TRYCREATE
	}
	m, err := marksOf(o.Flags)
	if err != nil {
		return nil, err
	}
	at := o.Time
	if at.IsZero() {
		at = s.srv.cfg.Now()
	}
	ctx, cancel := s.workFor(r.Size())
	defer cancel()
	validity, uid, err := s.srv.mail.MailAppend(ctx, s.account, f, m, at, r.Size(), r)
	if err != nil {
		return nil, s.answer(err)
	}
	return &imap.AppendData{UIDValidity: validity, UID: imap.UID(uid)}, nil
}
