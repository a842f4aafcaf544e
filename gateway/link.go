package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// LinkSecret is the 128-bit capability in the path of a link. It is never
// stored in the clear: the server keeps a LinkID derived from it. It redacts
// itself.
type LinkSecret [16]byte

// ErrBadLink is returned for text that is no link secret.
var ErrBadLink = errors.New("not a link")

// NewLinkSecret makes a secret; it fails only when random does.
func NewLinkSecret(random io.Reader) (LinkSecret, error) {
	var s LinkSecret
	if _, err := io.ReadFull(random, s[:]); err != nil {
		return LinkSecret{}, fmt.Errorf("making a link: %w", err)
	}
	return s, nil
}

// ParseLinkSecret reads the 22 characters of base64url that Path writes.
func ParseLinkSecret(text string) (LinkSecret, error) {
	var s LinkSecret
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(s) {
		return LinkSecret{}, ErrBadLink
	}
	copy(s[:], raw)
	if s.Path() != text { // the decoder reads over line ends
		return LinkSecret{}, ErrBadLink
	}
	return s, nil
}

// Path is the secret as it stands in the URL path.
func (s LinkSecret) Path() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// Format implements fmt.Formatter.
func (s LinkSecret) Format(f fmt.State, _ rune) { redact(f, s == LinkSecret{}, "[link]") }

// LogValue implements slog.LogValuer.
func (s LinkSecret) LogValue() slog.Value { return slog.StringValue("[link]") }

// Link is the record of a link: who may open what with it, and until when.
type Link struct {
	ID        LinkID
	Envelope  EnvelopeID
	Person    PersonRef
	Recipient Address
	Reference string // short code that notice and viewer both show
	Brand     string `json:",omitempty"` // mail domain of the sender, whose brand notice and pages wear
	HeaderID  string `json:",omitempty"` // Message-ID of its notice without "<>"
	Created   time.Time
	Expires   time.Time
	Wrap      Wrap    // the correspondent's way to the data key
	Options   Options // of the verdict: which PIN is enough
	// PIN is the one that the sender set for this message; nil for none.
	PIN    *Hashed `json:",omitempty"`
	Opened time.Time
}

// LinkState is what a link is worth now.
type LinkState string

// The states of a link.
const (
	LinkActive   LinkState = "active"
	LinkPaused   LinkState = "paused" // too many wrong tries: until Pause
	LinkFrozen   LinkState = "frozen" // until staff or the other channel thaws it
	LinkExpired  LinkState = "expired"
	LinkRecalled LinkState = "recalled" // the sender took the message back
	LinkUnknown  LinkState = "unknown"  // never existed, or is gone: not told apart
)

// LinkPage is everything that a page may show before a proof. It says nothing
// of the message.
type LinkPage struct {
	State        LinkState
	ID           LinkID
	Organization string
	Help         string // whom to ask: a mail address or telephone number of the organization
	Reference    string
	Language     string // BCP 47
	CodeTo       string // masked: "j•••@e•••.example"
	CodeSame     bool   // the code goes to the address that got the link
	CodeSentAt   time.Time
	ResendAt     time.Time
	TriesLeft    int
	PausedUntil  time.Time
	Expires      time.Time
	Recalled     time.Time // when the sender took the message back

	// PIN says which standing secret opens the link, "" when only a code does.
	PIN PINKind
	// CodeAllowed says that a code may be asked for: a rule may demand the PIN.
	CodeAllowed bool
	// Device says that this browser is remembered for the correspondent: Enter
	// opens the link without digits.
	Device bool
	// Renewable says of an expired link that its message still exists: a code
	// makes the link work again.
	Renewable bool
	// SelfThaw says of a frozen link that a code over another channel than the
	// link's own thaws it.
	SelfThaw bool
	// Brand is the mail domain whose brand the page wears, "" for the standard.
	Brand string
}

// PINKind says where a standing secret comes from.
type PINKind string

// The kinds of PIN.
const (
	PINNone     PINKind = ""
	PINStanding PINKind = "standing" // chosen by the correspondent
	PINContact  PINKind = "contact"  // attribute of the contact, known to both sides
	PINSender   PINKind = "sender"   // set by the sender of this message
)

// PINProblem says why a PIN was not taken as the standing one.
type PINProblem string

// The problems.
const (
	PINTaken      PINProblem = ""            // no problem: it is the standing PIN now
	PINTooShort   PINProblem = "too_short"   // below 6 digits
	PINTooLong    PINProblem = "too_long"    // above 12 digits
	PINMalformed  PINProblem = "malformed"   // not digits
	PINGuessable  PINProblem = "guessable"   // a run, a repetition, a date
	PINNotAllowed PINProblem = "not_allowed" // proven by less than a code: choose after a code
)

// Visitor is who stands before the viewer.
type Visitor struct {
	Session string // secret of the session cookie; "" when there is none yet
	// Device is the cookie of a remembered browser, "" when there is none: at
	// most 176 octets of base64url and points, as Remember returned it.
	Device string
	Remote string // network address of the client, for evidence as a keyed hash only
	Agent  string // User-Agent, for the guess "person or machine"
	Ahead  bool   // the request looks ahead and shows nobody anything: HEAD, prefetch, preview
}

// Assurance is how strong the proof of a reader was.
type Assurance string

// The assurances, weakest first, in the order of a rule's pin.
const (
	SameChannel  Assurance = "same_channel"  // a code that went where the link went
	ContactPIN   Assurance = "contact_pin"   // an attribute of the contact
	StandingPIN  Assurance = "standing_pin"  // a PIN that the correspondent chose
	OtherChannel Assurance = "other_channel" // a code over another channel
	SenderPIN    Assurance = "sender_pin"    // a PIN that the sender set, good for its own message
)

// ProofResult is the answer to a PIN.
type ProofResult struct {
	Passed bool
	Reason ProofReason // why not, "" when Passed
	Page   LinkPage    // with the tries left, or the pause
}

// ProofReason says why a PIN proved nothing. It never says whether the digits
// would have been right.
type ProofReason string

// The reasons.
const (
	ProofWrong     ProofReason = "wrong"
	ProofMalformed ProofReason = "malformed" // not six digits: no try was spent
	ProofNoCode    ProofReason = "no_code"   // this session asked for none, or it is used up or too old
	ProofClosed    ProofReason = "closed"    // the link is paused or frozen: no try was spent
	ProofThawed    ProofReason = "thawed"    // the code was right: the link is open again and wants its PIN
)

// ErrNotProven is returned when a session without a proof asks to read.
var ErrNotProven = errors.New("this session has proven nothing for the link")

// TooSoonError is returned for a code that is asked for again too early.
type TooSoonError struct{ At time.Time } // when asking may work

func (e *TooSoonError) Error() string { return "a code was sent a moment ago" }

// LinkClosedError is returned when a link takes neither codes nor tries.
type LinkClosedError struct {
	State LinkState // LinkPaused or LinkFrozen
	Until time.Time // end of the pause
}

func (e *LinkClosedError) Error() string { return "link is " + string(e.State) }

// Grant is a right to read, given after a proof and recorded as evidence
// before anything is opened.
type Grant struct {
	Envelope  EnvelopeID
	Message   MessageID
	Body      Body
	Wrap      Wrap
	From      Address
	FromName  Sensitive
	To        Address
	Subject   Sensitive
	Sent      time.Time
	Expires   time.Time
	Reference string
	Assurance Assurance
	Language  string
	// Looked is when the message was last seen to be there, and Recalls how many
	// had been taken back by then: where nothing happened since, asking again
	// whether the grant stands needs no look at the store.
	Looked  time.Time
	Recalls uint64
	// Staff says that Wrap is the staff's: the reader may see the message, and
	// not by a link of its own.
	Staff bool
}
