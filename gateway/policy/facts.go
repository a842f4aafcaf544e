package policy

import (
	"time"

	"gatepost/gateway"
)

// Facts is all that a verdict depends on.
type Facts struct {
	Message
	Recipient Recipient
	Thread    Thread
}

// Message is what is known of a message before it is judged for anybody.
type Message struct {
	Channel gateway.Channel
	Sender  Sender
	// Reading is what mailmsg understood; nil is a failure.
	Reading *gateway.Reading
	// Detections is what detect found in Reading.Parts; nil is a failure.
	Detections *gateway.Detections
	Size       int64     // octets of the canonical message
	Now        time.Time // in the time zone of the organization
	// TagsBind says that the sender is staff: subject tags, Sensitivity and
	// X-Gatepost-* fields are commands, not text.
	TagsBind bool
	// Declared adds kinds ("campaign") that the caller knows of, such as from
	// a configured SMPP service_type.
	Declared []string
	SMPP     SMPP
	// Failed says, as a constant phrase, why something before the judge could
	// not do its work; "" when nothing failed.
	Failed string
}

// Sender is who sends.
type Sender struct {
	Address gateway.Address // of the envelope; for SMS of the account
	Group   string          // of the staff account, "" when none
}

// SMPP is what only short messages have.
type SMPP struct {
	SystemID      string
	ServiceType   string
	SourceAddress gateway.Sensitive
}

// Recipient is what is known of one recipient.
type Recipient struct {
	Address  gateway.Address   // of a telephone for SMS
	Number   gateway.Sensitive // E.164, in place of Address for SMS
	Known    bool              // is in the contacts
	Patient  bool
	Language string   // BCP 47, "" when unknown
	Consents []string // "marketing"
	// SentToday is how many SMS the same sender (source address) sent to the
	// recipient in the last 24 hours, this one left out. Only needed where the
	// policy Uses it.
	SentToday int
}

// Thread is the conversation that the message belongs to.
type Thread struct {
	Exists  bool
	Secured bool // was secured before, on any channel
}
