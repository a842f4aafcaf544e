package imapd

import (
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// Select implements imapserver.Session, for EXAMINE too.
func (s *session) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	f, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.work()
	defer cancel()
	open, err := s.srv.mail.MailOpen(ctx, s.account, f)
	if err != nil {
		return nil, s.answer(err)
	}
	b := &box{folder: f, open: open, readOnly: o.ReadOnly, view: open.View(), words: make(map[string]bool)}
	key := s.rowKey(b)
	b.forget = func(uids []gateway.UID) { s.srv.rows.drop(key, uids) }
	unseen := uint32(0)
	for i, m := range b.view.Marks {
		if unseen == 0 && !m.Seen {
			unseen = uint32(i + 1)
		}
		for _, k := range m.Keywords {
			if !b.words[k] && len(b.words) < 1000 {
				b.words[k] = true
			}
		}
	}
	s.mu.Lock()
	s.box = b
	s.mu.Unlock()
	data := &imap.SelectData{
		Flags: b.flags(), NumMessages: uint32(len(b.view.UIDs)), UIDNext: imap.UID(b.view.Next), UIDValidity: b.view.Validity, FirstUnseenSeqNum: unseen,
	}
	if !b.readOnly {
		data.PermanentFlags = append(b.flags(), imap.FlagWildcard)
	}
	if s.engine.EnabledCaps().Has(imap.CapIMAP4rev2) { // RFC 9051 section 6.3.2
		data.List = &imap.ListData{Delim: delimiter, Mailbox: f.String()}
	}
	return data, nil
}

// Unselect implements imapserver.Session.
func (s *session) Unselect() error {
	s.leave()
	return nil
}

// leave lets go of what is selected.
func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box != nil {
		s.box.open.Close()
		s.box = nil
	}
}

// Poll implements imapserver.Session.
func (s *session) Poll(w *imapserver.UpdateWriter, expunge bool) error { return s.sync(w, expunge) }

func (s *session) sync(w updates, expunge bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box == nil {
		return nil
	}
	return s.box.sync(w, s.box.open.View(), expunge)
}

// Idle implements imapserver.Session: it tells what changes until stop, and
// ends the session of somebody who may not go on.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	s.srv.metrics.idling.Inc()
	defer s.srv.metrics.idling.Dec()
	recheck := time.NewTicker(s.srv.cfg.Limits.Recheck)
	defer recheck.Stop()
	var changed <-chan struct{}
	s.mu.Lock()
	if s.box != nil {
		changed = s.box.open.Changed()
	}
	s.mu.Unlock()
	for {
		if going, err := s.tell(w); err != nil || !going { // first what came between the command before and this one
			return err
		}
		select {
		case <-stop:
			return nil
		case <-s.c.ctx.Done():
			return nil
		case <-changed:
		case <-recheck.C:
			if s.sendAway() {
				return nil
			}
		}
	}
}

// tell tells what changed, and reports whether the session may go on. Who
// reviews no more does not hear even that mail came: that is asked after what
// is to be told was looked up, so that nothing newer than the answer is told.
func (s *session) tell(w updates) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box == nil {
		return true, nil
	}
	now := s.box.open.View()
	if s.box.folder.IsReview() && now.Change != s.box.view.Change && s.sendAway() {
		return false, nil
	}
	return true, s.box.sync(w, now, true)
}

// sendAway ends the session of somebody who may not go on.
func (s *session) sendAway() bool {
	if !s.revoked() {
		return false
	}
	s.c.say("* BYE This account may not be used any more")
	_ = s.c.flush()
	s.c.abort()
	return true
}

// selected is what is selected, which go-imap has made certain.
func (s *session) selected() *box {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box != nil {
		s.box.given = s.c.given
	}
	return s.box
}

// writable refuses what would change a folder that was opened with EXAMINE.
func (b *box) writable() error {
	if b.readOnly {
		return no(imap.ResponseCodeNoPerm, "The folder was opened read-only")
	}
	return nil
}

// positions are the places in view, rising, of the numbers in set. Numbers of
// nothing are passed over.
func (b *box) positions(set imap.NumSet) []int {
	if b.given != nil {
		set = b.given
	}
	return expand(b.runs(set))
}

// runs are the places in view of the numbers in set: rising, apart from each
// other, none empty.
func (b *box) runs(set imap.NumSet) []run {
	var runs []run
	switch set := set.(type) {
	case imap.SeqSet:
		last := uint32(len(b.view.UIDs))
		for _, r := range set {
			from, to := span(r.Start, r.Stop, last)
			runs = append(runs, run{int(max(from, 1)) - 1, int(min(to, last))})
		}
	case imap.UIDSet:
		if imap.IsSearchRes(set) {
			for _, i := range b.places(b.saved) {
				runs = append(runs, run{i, i + 1})
			}
			break
		}
		if len(b.view.UIDs) == 0 {
			return nil
		}
		last := uint32(b.view.UIDs[len(b.view.UIDs)-1])
		for _, r := range set {
			from, to := span(uint32(r.Start), uint32(r.Stop), last)
			first, _ := b.view.Position(gateway.UID(from))
			end, there := b.view.Position(gateway.UID(to))
			if there {
				end++
			}
			runs = append(runs, run{first, end})
		}
	}
	return merged(runs)
}

// run is the places from from on, up to the one before to.
type run struct{ from, to int }

// merged puts runs in order and joins those that meet. A set may name every
// message as often as its line has room for.
func merged(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return a.from - b.from })
	list := runs[:0]
	for _, r := range runs {
		last := len(list) - 1
		switch {
		case r.from >= r.to:
		case last >= 0 && r.from <= list[last].to:
			list[last].to = max(list[last].to, r.to)
		default:
			list = append(list, r)
		}
	}
	return list
}

// common are the places that are in both, which are merged.
func common(a, b []run) []run {
	var list []run
	for len(a) > 0 && len(b) > 0 {
		if from, to := max(a[0].from, b[0].from), min(a[0].to, b[0].to); from < to {
			list = append(list, run{from, to})
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return list
}

// expand lists the places of merged runs.
func expand(runs []run) []int {
	n := 0
	for _, r := range runs {
		n += r.to - r.from
	}
	list := make([]int, 0, n)
	for _, r := range runs {
		for i := r.from; i < r.to; i++ {
			list = append(list, i)
		}
	}
	return list
}

// span resolves "*", which is 0, of a range. "*:5" is "5:*", and with nothing
// from 5 on it is the last one (RFC 9051 section 9, seq-range).
func span(start, stop, last uint32) (from, to uint32) {
	if start == 0 {
		start = last
	}
	if stop == 0 {
		stop = last
	}
	return min(start, stop), max(start, stop)
}

// places are the positions of uids that are in view.
func (b *box) places(uids []gateway.UID) []int {
	var list []int
	for _, uid := range uids {
		if i, ok := b.view.Position(uid); ok {
			list = append(list, i)
		}
	}
	return list
}

// uids of the places in view.
func (b *box) uids(places []int) []gateway.UID {
	list := make([]gateway.UID, len(places))
	for n, i := range places {
		list[n] = b.view.UIDs[i]
	}
	return list
}
