package mailmsg

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// StaffKind says what staff are told.
type StaffKind string

// The kinds.
const (
	StaffAnswer      StaffKind = "answer"      // an answer waits that may not travel
	StaffWaiting     StaffKind = "waiting"     // a message of theirs waits for a reviewer
	StaffHeld        StaffKind = "held"        // a mail that may be an answer waits for a reviewer
	StaffOpened      StaffKind = "opened"      // the message was opened
	StaffUnread      StaffKind = "unread"      // it was not, for days
	StaffExpiring    StaffKind = "expiring"    // it was not, and its link ends
	StaffReported    StaffKind = "reported"    // the reader doubts it, or it is not for them
	StaffRecalled    StaffKind = "recalled"    // receipt for a recall, or for undoing one
	StaffUndelivered StaffKind = "undelivered" // an answer did not get into the mailbox
	StaffUnopenable  StaffKind = "unopenable"  // a rule demands a proof that the recipient cannot give yet
	StaffReason      StaffKind = "reason"      // a reviewer is asked why they release or refuse
	StaffBulk        StaffKind = "bulk"        // so many messages are not taken back at once
	StaffBack        StaffKind = "back"        // several messages were taken back at once
)

// StaffNoticeData is everything that a notice to staff says. There is no place
// in it for subject or text of anything; who is meant is said as the caller
// masks it.
type StaffNoticeData struct {
	Kind         StaffKind
	HeaderID     string          // Message-ID without "<>", from HeaderID
	From         gateway.Address // the organization's notices address
	To           gateway.Address
	ReplyTo      gateway.Address // where an answer of the staff's goes; null: no Reply-To
	Organization string
	Language     string            // BCP 47, the organization's; "" is English
	Reference    string            // of the message's link; "" leaves it out
	URL          gateway.Sensitive // the staff page: StaffAnswer needs it, StaffUndelivered may have it
	Person       gateway.Sensitive // the correspondent, masked: "p•••@o•••.example"; "" leaves it out

	// Facts; what is zero is left out. Times are shown in the zone they carry.
	Sent  time.Time // when the message was sent
	When  time.Time // when it happened
	Until time.Time // when the link ends

	Assurance gateway.Assurance // StaffOpened
	Machine   bool              // StaffOpened: a program seems to have opened it
	Concern   gateway.Concern   // StaffReported
	// Reason says of StaffHeld why: a word of the table that places answers. One
	// that is not known is told as doubtful form.
	Reason string
	Held   string // StaffHeld, StaffUndelivered: what `gatepost held show` takes

	Refuse bool // StaffReason: they refuse, and do not release
	// Messages are the ids of what StaffReason is about, where there are several;
	// the mail names the first of them and says how many more there are.
	Messages []string
	Count    int // StaffReason, StaffBulk, StaffBack: how many messages
	Limit    int // StaffBulk: how many in an hour

	Copies    []RecalledCopy // StaffRecalled: each recipient's
	Undone    bool           // StaffRecalled: the recall was undone
	UndoUntil time.Time      // StaffRecalled, StaffBack: zero when it cannot be undone

	InReplyTo  string   // Message-ID that the staff member's own client knows
	References []string // oldest first
	Now        time.Time
}

// RecalledCopy is what became of one recipient's copy.
type RecalledCopy struct {
	Person gateway.Sensitive // masked
	State  RecallState
	Opened time.Time // when it was first opened; zero: it was not
}

// RecallState is what became of a copy.
type RecallState string

// The states of a copy.
const (
	RecallLocked    RecallState = "locked"
	RecallDestroyed RecallState = "destroyed"
	RecallWorks     RecallState = "works"  // its link works: the recall was undone, or was for others
	RecallPassed    RecallState = "passed" // it left as an ordinary mail
)

// ErrBadStaffNotice is returned for a notice of no known kind, or without what
// its kind needs.
var ErrBadStaffNotice = errors.New("notice to staff of no kind, or without what it needs")

// StaffNotice composes a mail to a member of staff: fixed text in the
// organization's language, text/plain, 7-bit unless an address is not ASCII.
// It threads under the message that InReplyTo and References name.
func StaffNotice(d StaffNoticeData) ([]byte, error) {
	w := wordsFor(d.Language)
	subject, paragraphs := d.content(w)
	if subject == "" || cleanID(d.HeaderID) == "" || d.From.IsNull() || d.To.IsNull() {
		return nil, ErrBadStaffNotice
	}
	var l letter
	l.field("From", mailbox(clipped(d.Organization, maxFileName), d.From))
	l.field("To", mailbox("", d.To))
	if !d.ReplyTo.IsNull() {
		l.field("Reply-To", mailbox("", d.ReplyTo))
	}
	l.field("Subject", encoded(w.say(subject, d.named())))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", cleanID(d.HeaderID))
	l.thread(d.InReplyTo, d.References)
	l.field("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	l.field("Content-Language", w.language)
	l.field("MIME-Version", "1.0")
	body := wrap(strings.Join(paragraphs, "\n\n"))
	if name := oneLine(d.Organization); name != "" {
		body += "\n\n-- \n" + clipped(name, maxFileName)
	}
	l.text("text/plain", body+"\n")
	return l.Bytes(), nil
}

// named is what a subject names: a reference, or how many messages.
func (d *StaffNoticeData) named() string {
	if d.Kind == StaffBulk || d.Kind == StaffBack {
		return strconv.Itoa(d.Count)
	}
	return clipped(d.Reference, maxReference)
}

// maxReference bounds a reference or a masked person; octets.
const maxReference = 100

// content is the subject, with a gap for the reference, and the paragraphs; ""
// when something is missing.
func (d *StaffNoticeData) content(w words) (subject string, paragraphs []string) {
	s := w.staff
	facts := d.facts(w)
	switch d.Kind {
	case StaffAnswer:
		if d.URL == "" {
			return "", nil
		}
		return s.subjects.answer, nonEmpty(s.answer, facts, d.page(s))
	case StaffHeld:
		return s.subjects.held, nonEmpty(s.held, facts, d.number(s.heldNext))
	case StaffOpened:
		if d.Machine {
			return s.subjects.opened, nonEmpty(s.opened, facts, s.openedByTool)
		}
		return s.subjects.opened, nonEmpty(s.opened, facts)
	case StaffUnread:
		return s.subjects.unread, nonEmpty(s.unread, facts, s.unreadNext)
	case StaffExpiring:
		return s.subjects.expiring, nonEmpty(s.expiring, facts, s.expiringNext)
	case StaffReported:
		if d.Concern == gateway.NotForMe {
			return s.subjects.reported, nonEmpty(s.notForMe, facts, s.notForMeNext)
		}
		return s.subjects.reported, nonEmpty(s.suspicious, facts, s.suspectNext)
	case StaffRecalled:
		return s.subjects.recalled, d.receipt(w, facts)
	case StaffUnopenable:
		return s.subjects.unopenable, nonEmpty(s.unopenable, facts, s.unopenNext)
	case StaffReason, StaffBulk, StaffBack:
		return d.ofFolders(w, facts)
	case StaffWaiting:
		return s.waiting.subject, nonEmpty(s.waiting.text, facts, s.waiting.next)
	case StaffUndelivered:
		return s.subjects.undelivered, nonEmpty(s.undelivered, facts, d.page(s), d.number(s.undelivNext))
	}
	return "", nil
}

// ofFolders is content of what concerns the folders in their mail client.
func (d *StaffNoticeData) ofFolders(w words, facts string) (subject string, paragraphs []string) {
	s := w.staff.folders
	switch d.Kind {
	case StaffReason:
		if d.ReplyTo.IsNull() {
			return "", nil
		}
		asked := s.askRelease
		if d.Refuse {
			asked = s.askRefuse
		}
		return s.askSubject, nonEmpty(asked, facts, s.askNext)
	case StaffBulk:
		return s.bulkSubject, nonEmpty(s.bulk, facts, s.bulkNext)
	}
	until := ""
	if !d.UndoUntil.IsZero() {
		until = w.sayDay(s.backUntil, d.UndoUntil)
	}
	return s.backSubject, nonEmpty(s.back, facts, until, w.staff.recall.reach)
}

func nonEmpty(list ...string) []string {
	var kept []string
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// page leads to the staff page, alone on its line so that programs find where
// the link ends.
func (d *StaffNoticeData) page(s staffWords) string {
	if d.URL == "" {
		return ""
	}
	return s.answerRead + "\n" + oneLine(d.URL.Reveal())
}

// number is what a reviewer types.
func (d *StaffNoticeData) number(lead string) string {
	if d.Held == "" {
		return ""
	}
	return lead + "\n" + hostName(d.Held)
}

// facts are the lines between the text and what to do.
func (d *StaffNoticeData) facts(w words) string {
	labels := w.staff.labels
	var lines []string
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, label+" "+value)
		}
	}
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return w.day(t)
	}
	add(labels.reference, w.apart(clipped(d.Reference, maxReference)))
	add(labels.person, w.apart(clipped(d.Person.Reveal(), maxReference)))
	add(labels.sent, day(d.Sent))
	add(labels.when, day(d.When))
	switch d.Kind {
	case StaffOpened:
		add(labels.proof, w.staff.proof(d.Assurance))
		if d.Machine {
			add(labels.reader, labels.byTool)
		} else {
			add(labels.reader, labels.byPerson)
		}
	case StaffHeld:
		add(labels.reason, w.staff.reason(d.Reason))
	}
	number := func(label string, n int) {
		if n > 0 {
			add(label, strconv.Itoa(n))
		}
	}
	number(w.staff.folders.count, d.Count)
	lines = append(lines, d.listed(w)...)
	number(w.staff.folders.limit, d.Limit)
	add(labels.until, day(d.Until))
	return strings.Join(lines, "\n")
}

// maxListed bounds the messages that a notice names one by one.
const maxListed = 30

// listed names messages, each on a line of its own.
func (d *StaffNoticeData) listed(w words) (lines []string) {
	for _, id := range d.Messages[:min(len(d.Messages), maxListed)] {
		lines = append(lines, "- "+w.apart(clipped(id, maxReference)))
	}
	if more := len(d.Messages) - maxListed; more > 0 {
		lines = append(lines, "- "+w.apart("(+"+strconv.Itoa(more)+")"))
	}
	return lines
}

func (s staffWords) proof(a gateway.Assurance) string {
	switch a {
	case gateway.SameChannel:
		return s.assurance.sameChannel
	case gateway.OtherChannel:
		return s.assurance.otherChannel
	case gateway.SenderPIN:
		return s.assurance.senderPIN
	case gateway.ContactPIN:
		return s.assurance.contactPIN
	case gateway.StandingPIN:
		return s.assurance.standingPIN
	}
	return s.assurance.unknown
}

// reason is a phrase for a word of the table that places answers.
func (s staffWords) reason(word string) string {
	switch word {
	case "unsigned":
		return s.reasons.unsigned
	case "invalid":
		return s.reasons.invalid
	case "other_domain":
		return s.reasons.otherDomain
	case "not_participant":
		return s.reasons.stranger
	case "replayed", "seen_signature", "again":
		return s.reasons.repeated
	case "old", "future", "expired":
		return s.reasons.dated
	case "partial", "sha1", "short_key", "uncovered":
		return s.reasons.weak
	}
	return s.reasons.odd
}

// receipt says what a recall did, and what none can do.
func (d *StaffNoticeData) receipt(w words, facts string) []string {
	s := w.staff.recall
	paragraphs := nonEmpty(s.intro, facts)
	if d.Undone {
		paragraphs[0] = s.undone
	}
	destroyed := false
	for _, c := range d.Copies {
		destroyed = destroyed || c.State == RecallDestroyed
		paragraphs = append(paragraphs, w.copyLine(c))
	}
	if !d.UndoUntil.IsZero() && !d.Undone {
		paragraphs = append(paragraphs, w.sayDay(s.undoUntil, d.UndoUntil))
	}
	if !d.Undone {
		paragraphs = append(paragraphs, s.reach)
	}
	if destroyed {
		paragraphs = append(paragraphs, s.backups)
	}
	return paragraphs
}

// copyLine says what became of one copy.
func (w words) copyLine(c RecalledCopy) string {
	s := w.staff.recall
	state := map[RecallState]string{RecallDestroyed: s.destroyed, RecallWorks: s.works, RecallPassed: s.passed}[c.State]
	if state == "" {
		state = s.locked
	}
	line := state
	if who := w.apart(clipped(c.Person.Reveal(), maxReference)); who != "" {
		line = who + "\n" + state
	}
	switch {
	case c.State == RecallPassed:
		return line
	case c.Opened.IsZero():
		return line + "\n" + s.unread
	}
	return line + "\n" + w.sayDay(s.read, c.Opened)
}
