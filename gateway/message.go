package gateway

import (
	"net/netip"
	"time"
)

// Direction says which way a message goes.
type Direction uint8

// The directions.
const (
	Outbound Direction = iota // staff to the outside: judged
	Inbound                   // outside to staff
	Internal                  // made by Gatepost: notices, codes, delivery reports
	Kept                      // only in the folders of From: nobody delivers it
)

// Peer is who handed a message over.
type Peer struct {
	Listener string         // relay, inbound, submission, submissions, smpp, smpps; viewer for an answer written there, upstream for one by SMS
	Addr     netip.AddrPort // of the client
	Helo     string
	Account  string // authenticated account, "" when none
	Trusted  bool   // in relay.trusted, by network or by client certificate
	TLS      string // "" or "TLSv1.3 TLS_AES_128_GCM_SHA256"
}

// Submission is a mail at the moment of its arrival.
type Submission struct {
	Peer       Peer
	Since      time.Time // when the account of Peer began to log in; zero when there is none
	From       Address   // MAIL FROM; the null sender is allowed
	UTF8       bool      // SMTPUTF8 was asked for
	EightBit   bool      // BODY=8BITMIME
	EnvID      Sensitive // DSN ENVID, xtext decoded
	Return     string    // DSN RET: FULL, HDRS or ""
	Recipients []Recipient
}

// Recipient is one RCPT TO.
type Recipient struct {
	Address  Address
	Notify   string // DSN NOTIFY: "", NEVER, or a comma list of SUCCESS, FAILURE, DELAY
	Original string // DSN ORCPT as sent
}

// Wrap is a data key sealed to a key group, or under a spool key.
type Wrap struct {
	Group  string `json:",omitempty"` // id of the key group or of the spool key
	Sealed []byte `json:",omitempty"`
}

// IsZero reports whether there is no wrap: that way of opening does not exist.
func (w Wrap) IsZero() bool { return len(w.Sealed) == 0 }

// Body names sealed octets: where they lie and how many there are.
type Body struct {
	Blob string // reference into store/blob
	Size int64  // octets of the canonical message, before sealing
}

// Message is the record of a message.
type Message struct {
	ID        MessageID
	Channel   Channel
	Direction Direction
	Accepted  time.Time
	Peer      Peer
	Sender    Address // MAIL FROM
	From      Address // the first From of the header
	Subject   Sensitive
	HeaderID  string    // Message-ID of the header without "<>"
	EnvID     Sensitive `json:",omitempty"`
	Return    string    `json:",omitempty"`
	UTF8      bool      `json:",omitempty"`
	EightBit  bool      `json:",omitempty"`
	Body      Body
	// Hash is the SHA-256 of the message as it leaves, Edits applied: what
	// follows our Received line.
	Hash  []byte `json:",omitempty"`
	Spool Wrap   `json:",omitzero"` // lets couriers read the original
	Staff Wrap   `json:",omitzero"` // lets staff read it until retention ends
	Edits []Edit `json:",omitempty"`
	// PIN is the one that the sender set for the links of this message.
	PIN *Hashed `json:",omitempty"`
	// Thread is zero for a message that never was part of a conversation.
	Thread    ThreadID `json:",omitzero"`
	Envelopes int
	// Verdicts are the different verdicts of the envelopes, which point here:
	// a message to a thousand recipients is explained once.
	Verdicts []Verdict `json:",omitempty"`
	// Judged is what the verdicts rest on and nothing else here says.
	Judged *Judged `json:",omitempty"`
	// Retain is the day (UTC midnight) on which the keys of the body end.
	Retain time.Time `json:",omitzero"`
	// Recalled is when the sender took the message back from everybody: staff
	// do not read it any more either.
	Recalled time.Time `json:",omitzero"`
	// Author is the correspondent who wrote it, for an answer.
	Author PersonRef `json:",omitzero"`
	// Under is the copy of a message of staff through whose link, or by whose
	// address, an answer came: its author reads it again by what that link takes.
	Under EnvelopeID `json:",omitzero"`
	// Authentication is what was verified of a mail from outside.
	Authentication *Authentication `json:",omitempty"`
	// Ends are set for a message of channel SMS, whose body is its segments; of
	// a mail of staff to a telephone, Source is the line that it leaves from.
	Ends *Ends `json:",omitempty"`
}

// Judged is what a message was judged by, beside its record: with it the
// verdicts can be made again.
type Judged struct {
	Size int64 // octets of the canonical message as it came; Body may be another one, without a PIN
	// Sum is a keyed hash of those octets. There is none where a PIN was taken out
	// of them, and none of a short message: who holds the key would find a text of
	// a few digits by trying, long after it was shredded.
	Sum []byte `json:",omitempty"`
	// Staff says that what the sender wrote in tags was a command.
	Staff   bool         `json:",omitempty"`
	Group   string       `json:",omitempty"` // of the sender
	Thread  bool         `json:",omitempty"` // it continued a conversation
	Secured bool         `json:",omitempty"` // which had been secured
	Short   *JudgedShort `json:",omitempty"` // of a short message
}

// JudgedShort is what a short message was judged by besides.
type JudgedShort struct {
	Length int // of its text, code points
	// Aside counts what its octets may be read as beside that text.
	Aside      int          `json:",omitempty"`
	Uncertain  []string     `json:",omitempty"` // as in Reading
	Unreadable []Unreadable `json:",omitempty"`
	Declared   []string     `json:",omitempty"` // kinds, by its service_type
	At         time.Time    `json:",omitzero"`  // when it was to leave, if not at once: its hour is judged
}

// Edit replaces Length octets at Offset of the canonical message by Text when
// the message leaves. Edits are in order and do not overlap.
type Edit struct {
	Offset int64
	Length int64
	Text   Sensitive `json:",omitempty"`
}

// State of an envelope.
type State string

// The states. Queued, Held and Released come first; the others are final.
const (
	Queued    State = "queued"
	Held      State = "held"
	Delivered State = "delivered" // the next hop took it
	Bounced   State = "bounced"   // refused for good or too old; the sender was told
	Refused   State = "refused"   // refused by policy or by a reviewer
	Dropped   State = "dropped"   // by an operator
	Recorded  State = "recorded"  // taken note of, goes nowhere: an automatic reply
	Withdrawn State = "withdrawn" // recalled before it left
)

// Final reports whether nothing more happens to the envelope by itself.
func (s State) Final() bool { return s != Queued && s != Held }

// Envelope is the record of one recipient's copy.
type Envelope struct {
	ID        EnvelopeID
	State     State
	Action    Action  // what acts now; a tls envelope that fell back says Secure
	Sender    Address // MAIL FROM of what leaves
	Recipient Address
	Person    PersonRef `json:",omitzero"`
	Notify    string    `json:",omitempty"`
	Original  Sensitive `json:",omitempty"` // ORCPT
	Notice    *Notice   `json:",omitempty"` // set: this leaves, not the message's body
	// Confidential says that the body leaves only over verified TLS or to a
	// loopback address; else a notice leaves. It never bounces: what cannot be
	// delivered waits for an operator.
	Confidential bool      `json:",omitempty"`
	Link         LinkID    `json:",omitzero"`
	Hold         string    `json:",omitempty"` // why it is held: policy, review, quarantine, operator, undeliverable
	Review       Sensitive `json:",omitempty"` // a reviewer's reason
	Decided      Action    // what policy decided; differs from Action under observe and after a fall-back
	Rules        []string  `json:",omitempty"` // that demanded Decided
	Judged       int       `json:",omitempty"` // its place in Message.Verdicts, from 1; 0: nothing judged it

	// Turn says that it was written to a capability: it leaves secured or not at
	// all, but to a telephone in a conversation that nothing has secured.
	Turn bool `json:",omitempty"`
	// Line is what a turn to a telephone leaves from: the one that the telephone
	// wrote to. Zero: that of the message, else Gatepost's own.
	Line Line `json:",omitzero"`

	More     []LinkID  `json:",omitempty"` // links beside Link, newest last: those of reminders
	Recalled time.Time `json:",omitzero"`  // locked since: the sender took it back
	Shredded time.Time `json:",omitzero"`  // the wraps of this recipient are gone
	Opened   time.Time `json:",omitzero"`  // first read by its recipient
	// How the reader had proven themselves then, and whether a program seemed to
	// read.
	OpenedBy        Assurance `json:",omitempty"`
	OpenedByMachine bool      `json:",omitempty"`

	Reminded []time.Time `json:",omitempty"` // its recipient was reminded, or warned that the link ends
	Answered time.Time   `json:",omitzero"`  // first answered

	// NotBefore is when it leaves at the earliest, as its sender or policy wants,
	// also after it was held; zero: at once.
	NotBefore time.Time `json:",omitzero"`
	// Until is when its sender wants it no more; zero leaves it to the queue.
	Until time.Time `json:",omitzero"`

	// Schedule, written by the queue only.
	Accepted time.Time
	Next     time.Time `json:",omitzero"`
	Attempts int       `json:",omitempty"`
	Delayed  bool      `json:",omitempty"` // the sender was told of the delay
	Last     Outcome   `json:",omitzero"`
}

// Ready is when an envelope could first leave: lateness and age count from here.
func (e *Envelope) Ready() time.Time {
	if e.NotBefore.After(e.Accepted) {
		return e.NotBefore
	}
	return e.Accepted
}

// Links returns all links that open the envelope's message, the first one
// first.
func (e *Envelope) Links() []LinkID {
	if e.Link.IsZero() {
		return nil
	}
	return append([]LinkID{e.Link}, e.More...)
}

// Notice is a mail of ours that leaves for an envelope: its own sealed body.
type Notice struct {
	Body  Body
	Spool Wrap
	// Alone says that Spool is under a key of its own, which ends when the
	// notice has left: with it ends the last way to a message without a staff
	// copy that does not go through its link.
	Alone bool `json:",omitempty"`
}

// Result of an attempt. The zero value is Deferred: nothing is known to have
// happened, try again.
type Result uint8

// The results.
const (
	Deferred   Result = iota // try again
	Sent                     // the next hop answered 250 to the data
	Failed                   // refused for good
	Unroutable               // no route: waits without counting as an attempt
)

// Outcome is what one attempt to deliver came to.
type Outcome struct {
	Result Result
	At     time.Time `json:",omitzero"`
	Code   int       `json:",omitempty"` // reply code of the next hop, 0 when it never answered
	Status string    `json:",omitempty"` // RFC 3463, from the reply or made from its class
	Text   Sensitive `json:",omitempty"` // reply of the next hop, one line, at most 512 octets
	Phase  string    `json:",omitempty"` // connect, banner, ehlo, starttls, auth, mail, rcpt, data, dot
	Host   string    `json:",omitempty"` // name or address and port of the next hop
	TLS    TLSState  `json:",omitzero"`
	// Unknown says that the next hop may have taken the message although no
	// answer came (RFC 5321 section 4.5.3.2.6): a second copy is possible.
	Unknown bool `json:",omitempty"`
	// DSN says that the next hop took over reporting of success (RFC 3461
	// section 5.2.2); else whoever asked for it is told of the relaying.
	DSN bool `json:",omitempty"`
	// Segments is how far each segment of a short message came, in all attempts
	// together.
	Segments []SegmentResult `json:",omitempty"`
}

// TLSState is what was known of the connection when the message left.
type TLSState struct {
	Version  string `json:",omitempty"` // "", TLSv1.2, TLSv1.3
	Cipher   string `json:",omitempty"`
	Verified bool   `json:",omitempty"` // chain and name were verified
	Name     string `json:",omitempty"` // the name it was verified for
	Loopback bool   `json:",omitempty"` // the connected address is this machine's own
}
