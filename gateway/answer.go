package gateway

import (
	"errors"
	"io"
	"time"
)

// Answer is what a correspondent writes in the viewer.
type Answer struct {
	// To names one of the staff that the correspondent knows, for a message
	// that begins a conversation of its own; null continues the thread.
	To      Address
	Subject Sensitive // of a new conversation only
	Text    Sensitive // plain text, lines end with LF
	// Next returns the attachments one after the other, io.EOF after the last.
	// A file is read to its end before the next is asked for. nil: none.
	Next func() (AnswerFile, error)
	// Once is a random token of the form: the same form sent twice is one
	// answer.
	Once string
}

// AnswerFile is one attachment while it arrives.
type AnswerFile struct {
	Name      Sensitive
	MediaType string // as the browser says, not to be trusted
	Content   io.Reader
}

// Limits of an answer.
const (
	MaxAnswerText  = 64 << 10  // octets
	MaxAnswerFiles = 20        // attachments
	MaxAnswerSize  = 100 << 20 // octets of all attachments together
)

// ErrAnswerTooLarge is returned for an answer above a limit.
var ErrAnswerTooLarge = errors.New("answer is too large")

// ErrAnswerEmpty is returned for an answer without text and without files.
var ErrAnswerEmpty = errors.New("answer is empty")

// ErrNoStaff is returned when an answer names a member of staff that the
// correspondent does not know, or when nobody is left to answer to.
var ErrNoStaff = errors.New("nobody of that name to write to")

// Answered says what became of an answer: it is durable.
type Answered struct {
	Message MessageID
	Thread  ThreadID
}

// Turn is one message of a conversation, as one correspondent may see it.
type Turn struct {
	Message MessageID
	At      time.Time
	Mine    bool      // written by this correspondent
	Own     bool      // the message of the link that opened the conversation
	From    Address   // who wrote it
	Name    Sensitive // of who wrote it, "" when unknown
	Closed  TurnState // why it cannot be read here; "" when it can
	Opened  time.Time // when this correspondent first read it; zero: not yet
}

// TurnState says why a turn cannot be read.
type TurnState string

// The states of a turn.
const (
	TurnOpen      TurnState = ""
	TurnElsewhere TurnState = "elsewhere" // without a staff copy, or for a better proof: its own notice opens it
	TurnRecalled  TurnState = "recalled"
	TurnExpired   TurnState = "expired" // its keys are gone, or the time that a rule or its sender set is over
)

// TurnClosedError is returned for a turn that was the reader's to see and
// cannot be read here.
type TurnClosedError struct{ State TurnState }

func (e *TurnClosedError) Error() string { return "turn is closed: " + string(e.State) }

// ErrNoTurn is returned for a message that is not part of the reader's
// conversation, or not any more: not told apart.
var ErrNoTurn = errors.New("no such message for this reader")

// Conversation is a thread as one correspondent may see it, oldest turn first:
// what was sent to them and what they wrote themselves.
type Conversation struct {
	Turns   []Turn
	Earlier int     // turns before the first of Turns that are not listed
	Staff   []Known // who gets an answer
	Known   []Known // whom a new conversation may be begun with
}

// Known is a member of staff as a correspondent may see them.
type Known struct {
	Address Address
	Name    Sensitive
}

// Device is a browser that a correspondent chose to be remembered on.
type Device struct {
	ID      string // names it in forms; no secret
	Label   string // "Firefox, Android": made from the User-Agent, from a closed set of words
	Created time.Time
	Used    time.Time
	This    bool // the one that is asking
}

// Concern is what a reader reports about a link.
type Concern string

// The concerns.
const (
	NotForMe   Concern = "not_for_me" // it reached somebody else: the link is locked
	Suspicious Concern = "suspicious"
)
