package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/gateway/people"
	"gatepost/store"
)

// ownKind says why a message is in somebody's folders.
type ownKind uint8

// The kinds.
const (
	ownSent   ownKind = iota + 1 // they sent it, and it was secured
	ownAnswer                    // a correspondent wrote it to them
	ownKept                      // it is in their folders and nowhere else
	ownReview                    // it is held, and they review
)

// folderOwner is somebody in whose folders a message may be.
type folderOwner struct {
	owner   mailbox.Owner
	kind    ownKind
	address gateway.Address // none of those who review
}

// subject is a message with what decides where it belongs.
type subject struct {
	message  *gateway.Message
	copies   []gateway.Envelope
	versions []store.Version // of the copies
	gone     bool            // staff cannot read it any more
	asked    *openQuestion   // the question about it while it is held
	known    bool            // asked is it, and is not looked up
}

func (f *Flow) subject(ctx context.Context, id gateway.MessageID) (*subject, error) {
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if errors.Is(err, store.ErrNotFound) {
		m, err = gateway.Message{ID: id}, nil // deleted: it is nowhere
	}
	if err != nil {
		return nil, err
	}
	s := &subject{message: &m}
	if m.Envelopes > 0 {
		if s.copies, s.versions, err = f.copies(ctx, id); err != nil {
			return nil, err
		}
	}
	s.gone = m.Staff.IsZero() || m.Body.Blob == "" || f.Keys.Destroyed(m.Staff.Group) || !f.Now().Before(m.Retain)
	return s, nil
}

// ownersOf are those in whose folders a message may be: users alone. Those who
// review are among them while it is held, or in their folders from then.
func (f *Flow) ownersOf(ctx context.Context, id gateway.MessageID) (owners []folderOwner, err error) {
	s, err := f.subject(ctx, id)
	if err != nil {
		return nil, err
	}
	add := func(a gateway.Address, k ownKind) {
		var is bool
		if is, err = f.isUser(ctx, a); is && err == nil {
			owners = append(owners, folderOwner{f.mailbox.Owner(a), k, a})
		}
	}
	switch s.message.Direction {
	case gateway.Outbound:
		add(s.message.From, ownSent)
	case gateway.Kept:
		add(s.message.From, ownKept)
	case gateway.Inbound:
		for i := range s.copies {
			if e := &s.copies[i]; err == nil && isAnswerCopy(e) {
				add(e.Recipient, ownAnswer)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	review := folderOwner{owner: f.mailbox.Review(), kind: ownReview}
	if s.held() {
		return append(owners, review), nil
	}
	if places, err := f.mailbox.Places(ctx, review.owner, id); err != nil || len(places.At) > 0 {
		return append(owners, review), err
	}
	return owners, nil
}

// isAnswerCopy reports whether an envelope brings a member of staff what a
// correspondent wrote. What follows one that came back is no other copy.
func isAnswerCopy(e *gateway.Envelope) bool { return e.Confidential && e.ID.N < returnedStep }

// isUser reports whether somebody of that name can log in.
func (f *Flow) isUser(ctx context.Context, a gateway.Address) (bool, error) {
	if a.IsNull() {
		return false, nil
	}
	u, err := f.People.FindUser(ctx, a)
	if errors.Is(err, people.ErrUnknown) {
		return false, nil
	}
	return err == nil && !u.Disabled, err
}

// held reports whether a copy waits for somebody who reviews.
func (s *subject) held() bool { return slices.ContainsFunc(s.copies, reviewable) }

// reviewable are the copies that wait for somebody who reviews.
func (s *subject) reviewable() []gateway.Envelope {
	return slices.DeleteFunc(slices.Clone(s.copies), func(e gateway.Envelope) bool { return !reviewable(e) })
}

// reviewable reports whether a copy waits for a decision that reviewers make.
func reviewable(e gateway.Envelope) bool {
	if e.State != gateway.Held || !e.Recalled.IsZero() {
		return false
	}
	return e.Hold == "policy" || e.Hold == "review" || e.Hold == holdQuarantine || e.Hold == holdUnverified
}

// standing is where a message belongs, as it is listed there.
type standing struct {
	folder gateway.Folder
	entry  gateway.MailEntry
}

// shows reports whether an entry is what is wanted.
func (w *standing) shows(f gateway.Folder, e *gateway.MailEntry) bool {
	return f == w.folder && e.Head == w.entry.Head && e.Inline == w.entry.Inline && e.Size == w.entry.Size
}

// placeOf says where a message belongs for an owner, nil for nowhere, and when
// that changes by itself. listed says that it is in a folder of theirs: one
// that staff cannot read is listed only where it was before.
func (f *Flow) placeOf(ctx context.Context, o folderOwner, s *subject, listed bool) (*standing, time.Time, error) {
	m := s.message
	w := &standing{folder: gateway.FolderInbox, entry: gateway.MailEntry{Message: m.ID, At: m.Accepted}}
	if s.gone && !listed {
		return nil, time.Time{}, nil
	}
	var head string
	next := m.Retain
	switch o.kind {
	case ownReview:
		if err := f.lookUpAsked(ctx, s); err != nil || !s.held() || s.gone {
			return nil, time.Time{}, err
		}
		w.folder, head = s.asked.folder(), f.heldHead(s)
	case ownSent:
		fates, err := f.fates(ctx, s)
		if err != nil || len(fates) == 0 {
			return nil, time.Time{}, err
		}
		w.folder, head = stateFolder(fates), f.sentHead(m, fates)
		next = fatesChange(fates, next, f.Now())
	default:
		head = messageLine(m.ID)
	}
	w.entry.Head = gateway.Sensitive(head)
	switch {
	case s.gone:
		next = time.Time{}
		w.entry.Inline = f.stub(o, m, w.folder)
	case !m.Recalled.IsZero():
		w.entry.Inline = f.withdrawn(s)
	default:
		w.entry.Size = m.Body.Size
	}
	w.entry.Size += int64(len(w.entry.Head)) + int64(len(w.entry.Inline))
	return w, next, nil
}

// lookUpAsked finds the question about a held message.
func (f *Flow) lookUpAsked(ctx context.Context, s *subject) (err error) {
	if !s.known && s.held() {
		s.asked, _, err = f.askedOf(ctx, s.message.ID)
	}
	s.known = err == nil
	return err
}

// fate is how a secured copy stands.
type fate struct {
	envelope  *gateway.Envelope
	reference string
	expires   time.Time // when its last link ends; zero when that does not matter any more
	state     string    // one word
	at        time.Time // since
}

// The states of a copy.
const (
	fateUnopened = "unopened"
	fateOpened   = "opened"
	fateAnswered = "answered"
	fateExpired  = "expired"
	fateFailed   = "failed"
	fateRecalled = "recalled"
	fateShredded = "shredded"
)

// fates are the secured copies of a message.
func (f *Flow) fates(ctx context.Context, s *subject) (all []fate, err error) {
	for i := range s.copies {
		e := &s.copies[i]
		if e.Action != gateway.Secure || e.State == gateway.Refused || e.State == gateway.Recorded {
			continue
		}
		x := fate{envelope: e}
		if err := f.follows(ctx, &x); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// follows sets how a copy stands.
func (f *Flow) follows(ctx context.Context, x *fate) error {
	e := x.envelope
	ends, err := f.endOf(ctx, x)
	if err != nil {
		return err
	}
	switch {
	case !e.Shredded.IsZero():
		x.state, x.at = fateShredded, e.Shredded
	case !e.Recalled.IsZero():
		x.state, x.at = fateRecalled, e.Recalled
	case !e.Answered.IsZero():
		x.state, x.at = fateAnswered, e.Answered
	case !e.Opened.IsZero():
		x.state, x.at = fateOpened, e.Opened
	case e.State == gateway.Bounced || e.State == gateway.Dropped || e.State == gateway.Withdrawn:
		x.state, x.at = fateFailed, e.Last.At
	case !f.Now().Before(ends):
		x.state, x.at = fateExpired, ends
	default:
		x.state, x.expires = fateUnopened, ends
	}
	return nil
}

// endOf reads the links of a copy, and returns when the last of them ends. An
// erased person has none.
func (f *Flow) endOf(ctx context.Context, x *fate) (ends time.Time, err error) {
	for _, id := range x.envelope.Links() {
		l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return ends, err
		}
		if x.reference == "" {
			x.reference = l.Reference
		}
		if l.Expires.After(ends) {
			ends = l.Expires
		}
	}
	return ends, nil
}

// stateFolder is the folder of a message that was secured.
func stateFolder(all []fate) gateway.Folder {
	count := make(map[string]int)
	for i := range all {
		count[all[i].state]++
	}
	back := count[fateRecalled] + count[fateShredded]
	switch {
	case back == len(all):
		return gateway.FolderRecalled
	case count[fateAnswered] > 0:
		return gateway.FolderReplied
	case count[fateOpened] > 0:
		return gateway.FolderOpened
	case count[fateUnopened] == 0:
		return gateway.FolderExpired
	}
	return gateway.FolderUnopened
}

// fatesChange is when the first of several copies, or the message itself, ends.
func fatesChange(all []fate, next, now time.Time) time.Time {
	for i := range all {
		if x := all[i].expires; x.After(now) {
			next = earlier(next, x)
		}
	}
	return next
}
