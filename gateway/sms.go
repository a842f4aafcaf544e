package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// PhoneDomain is the domain of addresses that stand for telephones. It never
// resolves (RFC 6761 section 6.4), so that no mail to one can leave by mistake.
const PhoneDomain = "phone.invalid"

// maxPhone is the longest address of SMPP v3.4 section 4.1.1, in characters.
const maxPhone = 20

// PhoneAddress is the address that stands for a telephone: "+15551234567" for
// a number of ITU-T E.164 (7 to 15 digits), other digits for a number that only
// a carrier understands, such as a short code.
func PhoneAddress(number string) (Address, error) {
	digits, international := strings.CutPrefix(number, "+")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > maxPhone {
		return Address{}, ErrBadAddress
	}
	if international && (len(digits) < 7 || len(digits) > 15 || digits[0] == '0') {
		return Address{}, ErrBadAddress
	}
	return Address{local: number, domain: PhoneDomain}, nil
}

// Phone is the number of a telephone, "" for any other address.
func (a Address) Phone() Sensitive {
	if a.domain != PhoneDomain {
		return ""
	}
	return Sensitive(a.local)
}

// IsPhone reports whether a stands for a telephone.
func (a Address) IsPhone() bool { return a.domain == PhoneDomain }

// Line is one end of a short message as the network spells it: SMPP v3.4
// section 4.1.1 with type of number and numbering plan (sections 5.2.5 and
// 5.2.6). It redacts itself.
type Line struct {
	TON, NPI byte
	Addr     string // at most 20 octets of ASCII
}

// Types of number and numbering plans that Gatepost itself writes.
const (
	TONUnknown       = 0
	TONInternational = 1
	TONNational      = 2
	TONAlphanumeric  = 5
	NPIUnknown       = 0
	NPIE164          = 1
)

// ParseLine makes the end of a message out of configuration or of an address:
// "+15551234567" is international, other digits are left to the carrier, other
// words (at most 11 characters, 3GPP TS 23.040 section 9.1.2.5) are a name.
func ParseLine(text string) (Line, error) {
	if _, err := PhoneAddress(text); err == nil {
		if digits, ok := strings.CutPrefix(text, "+"); ok {
			return Line{TON: TONInternational, NPI: NPIE164, Addr: digits}, nil
		}
		return Line{TON: TONUnknown, NPI: NPIE164, Addr: text}, nil
	}
	if text == "" || len(text) > 11 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Line{}, ErrBadAddress
	}
	return Line{TON: TONAlphanumeric, NPI: NPIUnknown, Addr: text}, nil
}

// Number is the telephone at this end, in E.164 form where that can be told:
// the type of number says international, or the digits begin with "+" or with
// "00", or they are 8 to 15 of unknown type. ErrBadAddress for a name.
func (l Line) Number() (Address, error) {
	if l.TON == TONAlphanumeric {
		return Address{}, ErrBadAddress
	}
	text := l.Addr
	switch rest, zeros := strings.CutPrefix(text, "00"); {
	case strings.HasPrefix(text, "+"):
	case zeros && l.TON != TONNational && len(rest) >= 7:
		text = "+" + rest
	case l.TON == TONInternational, l.TON == TONUnknown && len(text) >= 8 && len(text) <= 15 && text[0] != '0':
		text = "+" + text
	}
	a, err := PhoneAddress(text)
	if err != nil {
		return PhoneAddress(strings.TrimPrefix(text, "+"))
	}
	return a, nil
}

// Key is the form under which two spellings of an end are the same: a number in
// E.164 form where that can be told, else the words in upper case.
func (l Line) Key() string {
	if a, err := l.Number(); err == nil {
		return a.local
	}
	return strings.ToUpper(l.Addr)
}

// IsZero reports whether the end is not given at all.
func (l Line) IsZero() bool { return l == Line{} }

// Same reports whether two ends are the same for whoever answers: digits
// compare as numbers, names without case.
func (l Line) Same(m Line) bool { return l.Key() == m.Key() }

// Format implements fmt.Formatter.
func (l Line) Format(f fmt.State, _ rune) { redact(f, l.Addr == "", "[line]") }

// LogValue implements slog.LogValuer.
func (l Line) LogValue() slog.Value { return slog.StringValue("[line]") }

// TLV is an optional parameter of SMPP v3.4 section 3.2.4.1, as it came.
type TLV struct {
	Tag   uint16
	Value []byte
}

// Tags of SMPP v3.4 section 5.3.2 that more than the codec knows.
const (
	TagUserReference      = 0x0204 // user_message_reference
	TagSourcePort         = 0x020A
	TagDestPort           = 0x020B
	TagSARRef             = 0x020C
	TagSARTotal           = 0x020E
	TagSARSeq             = 0x020F
	TagReceiptedMessageID = 0x001E
	TagMessagePayload     = 0x0424
	TagMessageState       = 0x0427
	TagNetworkErrorCode   = 0x0423
)

// Segment is one short message as it travels: the fields of submit_sm and
// deliver_sm (SMPP v3.4 sections 4.4.1 and 4.6.1), octet by octet. A long text
// is several segments. It redacts itself.
type Segment struct {
	ServiceType string `json:",omitempty"`
	Source      Line
	Dest        Line
	ESMClass    byte   `json:",omitempty"`
	ProtocolID  byte   `json:",omitempty"`
	Priority    byte   `json:",omitempty"`
	Schedule    string `json:",omitempty"` // section 7.1.1
	Validity    string `json:",omitempty"`
	Registered  byte   `json:",omitempty"` // registered_delivery, section 5.2.17
	Replace     byte   `json:",omitempty"` // replace_if_present_flag
	DataCoding  byte   `json:",omitempty"`
	DefaultID   byte   `json:",omitempty"` // sm_default_msg_id
	Short       []byte `json:",omitempty"` // short_message, a user data header included
	TLVs        []TLV  `json:",omitempty"` // in order, message_payload among them
	Data        bool   `json:",omitempty"` // came as data_sm, which has no short_message
}

// Format implements fmt.Formatter.
func (s Segment) Format(f fmt.State, _ rune) { redact(f, false, "[segment]") }

// LogValue implements slog.LogValuer.
func (s Segment) LogValue() slog.Value { return slog.StringValue("[segment]") }

// TLV returns the value of the first parameter of that tag.
func (s *Segment) TLV(tag uint16) ([]byte, bool) {
	for _, t := range s.TLVs {
		if t.Tag == tag {
			return t.Value, true
		}
	}
	return nil, false
}

// Payload is the user data, from short_message or message_payload, a user
// data header included.
func (s *Segment) Payload() []byte {
	if p, ok := s.TLV(TagMessagePayload); ok {
		return p
	}
	return s.Short
}

// Size is the number of octets of all fields, for limits.
func (s *Segment) Size() int {
	n := len(s.ServiceType) + len(s.Source.Addr) + len(s.Dest.Addr) + len(s.Schedule) + len(s.Validity) + len(s.Short) + 33
	for _, t := range s.TLVs {
		n += 4 + len(t.Value)
	}
	return n
}

// LineFault says why a destination of a submission was not taken.
type LineFault struct {
	Line  Line
	Fault *Fault
}

// SegmentPlace says which part of a long text a segment is.
type SegmentPlace struct {
	Kind  string // "" for a whole message, "udh8", "udh16", "sar"
	Ref   uint16
	Total int // 1 for a whole message
	Seq   int // from 1 to Total
}

// Whole reports whether the segment is a message of its own.
func (p SegmentPlace) Whole() bool { return p.Total <= 1 }

// ErrSegment is returned for a segment whose parts contradict each other:
// a user data header that does not fit, part 0 or a part above the total,
// short_message beside message_payload.
var ErrSegment = errors.New("malformed segment")

// Ends of an SMS message, kept with its record.
type Ends struct {
	Source      Line
	Dest        Line
	ServiceType string `json:",omitempty"`
	// ESMClass, ProtocolID, Priority and DataCoding are those of the first
	// segment: a text that replaces it is read by them.
	ESMClass   byte `json:",omitempty"`
	ProtocolID byte `json:",omitempty"`
	Priority   byte `json:",omitempty"`
	DataCoding byte `json:",omitempty"`
	// Parts are the ids under which the parts were acknowledged to the account,
	// in order of the text; one for a message that came whole, none for a
	// message of ours.
	Parts []AcceptedPart `json:",omitempty"`
	// Asked says that its reader asked for it, or that the law does: it leaves to
	// a telephone that stopped messages, too.
	Asked bool `json:",omitempty"`
}

// AcceptedPart is a segment that was acknowledged to the account that sent it.
type AcceptedPart struct {
	ID         MessageID // message_id of the submit_sm_resp
	Registered byte      `json:",omitempty"`
	At         time.Time
	// Reference is the application's own (user_message_reference, SMPP v3.4
	// section 5.3.2.17): 2 octets, nil where it gave none.
	Reference []byte `json:",omitempty"`
}

// Accepted is the part that a segment was acknowledged as.
func (s *Segment) Accepted(id MessageID, at time.Time) AcceptedPart {
	p := AcceptedPart{ID: id, Registered: s.Registered, At: at}
	if v, ok := s.TLV(TagUserReference); ok && len(v) == 2 {
		p.Reference = v
	}
	return p
}

// SegmentResult is what became of one segment at the carrier.
type SegmentResult struct {
	Sent   bool      `json:",omitempty"` // answered with status 0: it is never sent again
	ID     Sensitive `json:",omitempty"` // message_id that the carrier gave; may be empty
	Status uint32    `json:",omitempty"` // command_status of the last answer
	// Unknown says that it was written and no answer came before the link was
	// lost: the carrier may have it.
	Unknown bool         `json:",omitempty"`
	State   ReceiptState `json:",omitempty"` // of its receipt; "" before
	Error   string       `json:",omitempty"` // err: of that receipt
	Done    time.Time    `json:",omitzero"`  // when that receipt says it was over
	At      time.Time    `json:",omitzero"`
}

// ReceiptState is a message state of SMPP v3.4 section 5.2.28 as Appendix B
// spells it.
type ReceiptState string

// The states.
const (
	Enroute       ReceiptState = "ENROUTE"
	StateSent     ReceiptState = "DELIVRD"
	StateExpired  ReceiptState = "EXPIRED"
	StateDeleted  ReceiptState = "DELETED"
	Undeliverable ReceiptState = "UNDELIV"
	StateAccepted ReceiptState = "ACCEPTD" // intermediate for most carriers
	StateUnknown  ReceiptState = "UNKNOWN"
	StateRejected ReceiptState = "REJECTD"
)

// Final reports whether no further receipt follows.
func (s ReceiptState) Final() bool { return s != "" && s != Enroute && s != StateAccepted }

// Receipt is a delivery receipt (SMPP v3.4 Appendix B), read or to be written.
type Receipt struct {
	ID        Sensitive // message_id: the carrier's when read, the account's when written
	Source    Line      // of the message that it is about: who sent it
	Dest      Line      // and to whom
	State     ReceiptState
	Error     string // err: of the text, 3 characters; "" is 000
	Submitted time.Time
	Done      time.Time
	Network   []byte `json:",omitempty"` // network_error_code, as it came
	Reference []byte `json:",omitempty"` // user_message_reference of the submission, when written
	// Intermediate says that it is no final receipt (esm_class, section 5.2.12).
	Intermediate bool `json:",omitempty"`
}

// Delivery is what waits for an application: a receipt, or a message from
// outside in the segments that it came in.
type Delivery struct {
	Key      string // names it for Settle; opaque
	Receipt  *Receipt
	Segments []Segment
	// Plain says that Segments hold a person's words that may be sensitive:
	// they go over TLS or to a loopback address only, else Instead does.
	Plain   bool
	Instead []Segment
	// Message and Person are a message from outside and who wrote it, for the
	// evidence that the application took it.
	Message MessageID `json:",omitzero"`
	Person  PersonRef `json:",omitzero"`
}

// ShortMessageState is what query_sm tells (SMPP v3.4 section 4.8.2).
type ShortMessageState struct {
	State ReceiptState
	Final time.Time // zero while it is under way
	Error byte
}

// ErrNoShortMessage is returned for a message_id that the account never got,
// or whose message is not here any more: not told apart.
var ErrNoShortMessage = errors.New("no such short message of this account")

// Status values of SMPP v3.4 section 5.1.3 that faults carry.
const (
	StatusOK              = 0x00
	StatusInvalidLength   = 0x01 // ESME_RINVMSGLEN
	StatusSystemError     = 0x08 // ESME_RSYSERR
	StatusInvalidSource   = 0x0A // ESME_RINVSRCADR
	StatusInvalidDest     = 0x0B // ESME_RINVDSTADR
	StatusInvalidID       = 0x0C // ESME_RINVMSGID
	StatusCancelFailed    = 0x11 // ESME_RCANCELFAIL
	StatusReplaceFailed   = 0x13 // ESME_RREPLACEFAIL
	StatusQueueFull       = 0x14 // ESME_RMSGQFUL
	StatusInvalidESMClass = 0x43 // ESME_RINVESMCLASS
	StatusSubmitFailed    = 0x45 // ESME_RSUBMITFAIL
	StatusThrottled       = 0x58 // ESME_RTHROTTLED
	StatusInvalidSchedule = 0x61 // ESME_RINVSCHED
	StatusTemporaryApp    = 0x64 // ESME_RX_T_APPN
	StatusPermanentApp    = 0x65 // ESME_RX_P_APPN
	StatusQueryFailed     = 0x67 // ESME_RQUERYFAIL
)
