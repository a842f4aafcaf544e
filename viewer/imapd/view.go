package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// box is a selected folder as its client knows it.
type box struct {
	folder   gateway.Folder
	open     gateway.OpenFolder
	readOnly bool
	// view is what the client was told. It is that of the folder, shared by
	// all sessions, except while something is gone that the client may not be
	// told of yet.
	view  *gateway.FolderView
	stale bool
	// forget is told what is found to be gone.
	forget func(uids []gateway.UID)
	// told are marks that the client knows beyond view: of its own STOREs.
	told  map[gateway.UID]gateway.Marks
	words map[string]bool // keywords that FLAGS has named
	saved []gateway.UID   // the result variable of SEARCH (RFC 5182)
	given imap.NumSet     // stands for the set of the command; see bigSet
}

// updates takes what is to be told of a folder.
type updates interface {
	WriteExpunge(seq uint32) error
	WriteNumMessages(n uint32) error
	WriteMailboxFlags(flags []imap.Flag) error
	WriteMessageFlags(seq uint32, uid imap.UID, flags []imap.Flag) error
}

// sync tells w how the folder changed from view to now. Without expunge nothing
// disappears yet: what is gone keeps its number (RFC 9051 section 7.5.1).
func (b *box) sync(w updates, now *gateway.FolderView, expunge bool) error {
	if now.Change == b.view.Change && len(b.told) == 0 && (!b.stale || !expunge) {
		return nil
	}
	kept, gone := b.compare(now)
	if gone > 0 {
		b.forget(notIn(now, b.view.UIDs))
	}
	next := now
	b.stale = gone > 0 && !expunge
	if b.stale {
		next = b.merge(now, kept)
	} else if gone > 0 {
		if err := b.tellGone(w, kept); err != nil {
			return err
		}
	}
	known := len(b.view.UIDs)
	if !b.stale {
		known -= gone
	}
	if len(next.UIDs) != known {
		if err := w.WriteNumMessages(uint32(len(next.UIDs))); err != nil {
			return err
		}
	}
	if err := b.tellMarks(w, next, kept); err != nil {
		return err
	}
	b.view, b.told = next, nil
	return nil
}

// compare finds each UID of view in now: kept[i] is its place there, or -1.
func (b *box) compare(now *gateway.FolderView) (kept []int32, gone int) {
	kept = make([]int32, len(b.view.UIDs))
	k := 0
	for i, uid := range b.view.UIDs {
		for k < len(now.UIDs) && now.UIDs[k] < uid {
			k++
		}
		if k < len(now.UIDs) && now.UIDs[k] == uid {
			kept[i] = int32(k)
		} else {
			kept[i] = -1
			gone++
		}
	}
	return kept, gone
}

// merge is now with what is gone still in its place.
func (b *box) merge(now *gateway.FolderView, kept []int32) *gateway.FolderView {
	m := &gateway.FolderView{Folder: now.Folder, Validity: now.Validity, Next: now.Next, Change: now.Change}
	m.UIDs = slices.Clone(b.view.UIDs)
	m.Marks = make([]gateway.Marks, len(kept), len(kept)+16)
	for i, k := range kept {
		if k >= 0 {
			m.Marks[i] = now.Marks[k]
		} else {
			m.Marks[i] = b.view.Marks[i]
		}
	}
	for k, uid := range now.UIDs {
		if len(kept) == 0 || uid > b.view.UIDs[len(kept)-1] {
			m.UIDs = append(m.UIDs, uid)
			m.Marks = append(m.Marks, now.Marks[k])
		}
	}
	return m
}

// tellGone writes an EXPUNGE for each that is gone, as numbers stand after the
// ones before.
func (b *box) tellGone(w updates, kept []int32) error {
	done := 0
	for i, k := range kept {
		if k >= 0 {
			continue
		}
		if err := w.WriteExpunge(uint32(i + 1 - done)); err != nil {
			return err
		}
		done++
	}
	return nil
}

// tellMarks writes the marks that changed, with the numbers of next.
func (b *box) tellMarks(w updates, next *gateway.FolderView, kept []int32) error {
	for i, k := range kept {
		if k < 0 {
			continue
		}
		at := int(k)
		if b.stale {
			at = i
		}
		uid := b.view.UIDs[i]
		known, told := b.told[uid]
		if !told {
			known = b.view.Marks[i]
		}
		marks := next.Marks[at]
		if known.Equal(marks) {
			continue
		}
		if err := b.name(w, marks.Keywords); err != nil {
			return err
		}
		if err := w.WriteMessageFlags(uint32(at+1), imap.UID(uid), flagsOf(marks)); err != nil {
			return err
		}
	}
	return nil
}

// name announces keywords that the client has not heard of.
func (b *box) name(w updates, keywords []string) error {
	fresh := false
	for _, k := range keywords {
		if !b.words[k] && len(b.words) < 1000 {
			b.words[k], fresh = true, true
		}
	}
	if !fresh {
		return nil
	}
	return w.WriteMailboxFlags(b.flags())
}

// flags are those that FLAGS names.
func (b *box) flags() []imap.Flag {
	list := systemFlags()
	words := make([]string, 0, len(b.words))
	for k := range b.words {
		words = append(words, k)
	}
	slices.Sort(words)
	for _, k := range words {
		list = append(list, imap.Flag(k))
	}
	return list
}

func systemFlags() []imap.Flag {
	return []imap.Flag{imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagSeen, imap.FlagDraft}
}

// marks of an entry as the client knows them.
func (b *box) marks(i int) gateway.Marks {
	if m, ok := b.told[b.view.UIDs[i]]; ok {
		return m
	}
	return b.view.Marks[i]
}

// tell notes that the client knows these marks.
func (b *box) tell(uid gateway.UID, m gateway.Marks) {
	if b.told == nil {
		b.told = make(map[gateway.UID]gateway.Marks)
	}
	b.told[uid] = m
}

// flagsOf are marks in the words of IMAP.
func flagsOf(m gateway.Marks) []imap.Flag {
	list := make([]imap.Flag, 0, 5+len(m.Keywords))
	for _, f := range []struct {
		on   bool
		flag imap.Flag
	}{
		{m.Answered, imap.FlagAnswered}, {m.Flagged, imap.FlagFlagged}, {m.Deleted, imap.FlagDeleted}, {m.Seen, imap.FlagSeen}, {m.Draft, imap.FlagDraft},
	} {
		if f.on {
			list = append(list, f.flag)
		}
	}
	for _, k := range m.Keywords {
		list = append(list, imap.Flag(k))
	}
	return list
}

// marksOf reads flags. \Recent is nobody's to set and is passed over.
func marksOf(flags []imap.Flag) (gateway.Marks, error) {
	var m gateway.Marks
	for _, f := range flags {
		switch f {
		case imap.FlagSeen:
			m.Seen = true
		case imap.FlagAnswered:
			m.Answered = true
		case imap.FlagFlagged:
			m.Flagged = true
		case imap.FlagDeleted:
			m.Deleted = true
		case imap.FlagDraft:
			m.Draft = true
		default:
			if len(f) == 0 || f[0] == '\\' {
				continue
			}
			if len(f) > gateway.MaxKeyword {
				return m, no(imap.ResponseCodeLimit, "A keyword has at most %d octets", gateway.MaxKeyword)
			}
			m.Keywords = append(m.Keywords, string(f))
		}
	}
	slices.Sort(m.Keywords)
	m.Keywords = slices.Compact(m.Keywords)
	if len(m.Keywords) > gateway.MaxKeywords {
		return m, no(imap.ResponseCodeLimit, "A message has at most %d keywords", gateway.MaxKeywords)
	}
	return m, nil
}
