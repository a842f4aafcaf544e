package gateway

import (
	"errors"
	"slices"
	"time"
)

// Folder is one of the folders that staff see in their mail client. The set is
// closed: nobody makes, renames or removes one.
type Folder uint8

// The folders. An octet is never used again for something else: keys hold it.
const (
	FolderInbox      Folder = iota + 1 // answers, delivery problems, what was not read
	FolderUnopened                     // secured and not read by anybody yet
	FolderOpened                       // read by somebody
	FolderReplied                      // answered by somebody
	FolderExpired                      // every link ended before anybody read
	FolderRecalled                     // taken back from everybody
	FolderRecall                       // what is put here is taken back
	FolderTemplates                    // texts of the user's own
	FolderQuarantine                   // held mail, for compliance
	FolderRelease                      // held mail that is put here leaves
	FolderRefuse                       // held mail that is put here does not
)

// folderNames are the mailbox names of the folders, "/" between levels.
var folderNames = [...]string{
	FolderInbox: "INBOX", FolderUnopened: "Secured/Unopened", FolderOpened: "Secured/Opened", FolderReplied: "Secured/Replied",
	FolderExpired: "Secured/Expired", FolderRecalled: "Secured/Recalled", FolderRecall: "Recall", FolderTemplates: "Templates",
	FolderQuarantine: "Quarantine", FolderRelease: "Quarantine/Release", FolderRefuse: "Quarantine/Refuse",
}

func (f Folder) String() string {
	if f == 0 || int(f) >= len(folderNames) {
		return "none"
	}
	return folderNames[f]
}

// IsState reports whether Gatepost alone decides what is in the folder: it
// says how a secured message stands.
func (f Folder) IsState() bool { return f >= FolderUnopened && f <= FolderRecalled }

// IsReview reports whether the folder is one of held mail, which the users of
// compliance share.
func (f Folder) IsReview() bool { return f >= FolderQuarantine && f <= FolderRefuse }

// Folders returns the folders of a member of staff, in the order of the
// constants; those of held mail with review only.
func Folders(review bool) []Folder {
	last := FolderTemplates
	if review {
		last = FolderRefuse
	}
	list := make([]Folder, 0, last)
	for f := FolderInbox; f <= last; f++ {
		list = append(list, f)
	}
	return list
}

// UID is the unique identifier of an entry in its folder (RFC 9051 section
// 2.3.1.1): rising, never given twice, never zero. What it names never changes.
type UID uint32

// Marks are the flags of an entry (RFC 9051 section 2.3.2).
type Marks struct {
	Seen, Answered, Flagged, Deleted, Draft bool `json:",omitempty"`
	// Keywords are in order, each once, at most MaxKeywords.
	Keywords []string `json:",omitempty"`
}

// Limits of keywords: how many an entry has, and octets of one.
const (
	MaxKeywords = 32
	MaxKeyword  = 64
)

// Equal reports whether two entries are marked alike.
func (m Marks) Equal(o Marks) bool {
	return m.Seen == o.Seen && m.Answered == o.Answered && m.Flagged == o.Flagged && m.Deleted == o.Deleted && m.Draft == o.Draft &&
		slices.Equal(m.Keywords, o.Keywords)
}

// MailEntry is one message as a folder lists it. All but the marks stays as it
// is for the life of its UID.
type MailEntry struct {
	UID UID `json:"-"`
	// Message is what it shows; zero for nothing but Inline.
	Message MessageID `json:",omitzero"`
	At      time.Time // INTERNALDATE
	// Head is whole header lines of ours, each ending in CRLF, which stand before
	// the octets of the message.
	Head Sensitive `json:",omitempty"`
	// Inline is what follows Head instead of the octets of the message: that of a
	// stub, which says that the message is gone.
	Inline Sensitive `json:",omitempty"`
	Size   int64     // octets of Head and of what follows it
	Marks  Marks     `json:",omitzero"`
}

// FolderView is how a folder stands at one moment. It is shared between
// sessions and never changed.
type FolderView struct {
	Folder   Folder
	Validity uint32 // UIDVALIDITY
	Next     UID    // UIDNEXT
	UIDs     []UID  // rising
	Marks    []Marks
	// Change is equal in two views of a folder exactly when they are equal.
	Change uint64
}

// Position returns the place of uid in the view, from 0.
func (v *FolderView) Position(uid UID) (int, bool) { return slices.BinarySearch(v.UIDs, uid) }

// OpenFolder is a folder while a session has it selected.
type OpenFolder interface {
	// View returns how the folder stands now.
	View() *FolderView
	// Changed is sent a value, at the latest a second later, after a change; it
	// holds at most one.
	Changed() <-chan struct{}
	// Close lets go of it.
	Close()
}

// FolderStatus is what STATUS tells (RFC 9051 section 6.3.11).
type FolderStatus struct {
	Validity         uint32
	Next             UID
	Messages, Unseen uint32
	Deleted          uint32
	Size             int64
}

// MailAccount is a member of staff in a session of their mail client.
type MailAccount struct {
	Name    Address
	Review  bool // sees held mail
	Session string
	Since   time.Time // a password changed later ends it
	Visitor Visitor   // Remote is the client's network address, Agent what it calls itself (RFC 2971)
}

// MarksChange changes the marks of entries: With replaces them all, else those
// in Add are set and those in Remove taken away.
type MarksChange struct {
	With        *Marks
	Add, Remove Marks
}

// Apply returns m with the change.
func (c MarksChange) Apply(m Marks) Marks {
	if c.With != nil {
		return *c.With
	}
	set := func(now, add, remove bool) bool { return (now || add) && !remove }
	out := Marks{
		Seen: set(m.Seen, c.Add.Seen, c.Remove.Seen), Answered: set(m.Answered, c.Add.Answered, c.Remove.Answered),
		Flagged: set(m.Flagged, c.Add.Flagged, c.Remove.Flagged), Deleted: set(m.Deleted, c.Add.Deleted, c.Remove.Deleted),
		Draft: set(m.Draft, c.Add.Draft, c.Remove.Draft),
	}
	for _, k := range append(slices.Clone(m.Keywords), c.Add.Keywords...) {
		if !slices.Contains(c.Remove.Keywords, k) {
			out.Keywords = append(out.Keywords, k)
		}
	}
	slices.Sort(out.Keywords)
	out.Keywords = slices.Compact(out.Keywords)
	return out
}

// MailCopied says what a COPY or MOVE did (RFC 4315 section 3): To[i] shows
// what From[i] showed. A folder that Gatepost fills by itself gives no To.
type MailCopied struct {
	Validity uint32
	From, To []UID
	// Gone are entries of the source that are not there any more.
	Gone []UID
}

// FolderError is a refusal that the client is to show its user. Text holds
// nothing of a message.
type FolderError struct {
	Code FolderCode
	Text string
}

func (e *FolderError) Error() string { return e.Text }

// FolderCode is a response code (RFC 9051 section 7.1).
type FolderCode string

// The codes.
const (
	FolderCannot      FolderCode = "CANNOT"
	FolderNoPerm      FolderCode = "NOPERM"
	FolderNonexistent FolderCode = "NONEXISTENT"
	FolderOverQuota   FolderCode = "OVERQUOTA"
	FolderLimit       FolderCode = "LIMIT"
	FolderTooBig      FolderCode = "TOOBIG"
	FolderInUse       FolderCode = "INUSE"
	FolderUnavailable FolderCode = "UNAVAILABLE"
)

// ErrNoEntry is returned for an entry that is not in its folder any more.
var ErrNoEntry = errors.New("no such entry in this folder")
