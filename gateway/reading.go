package gateway

// Reading is what mailmsg understood of a message: every text that some
// tolerant reader might show to a human, and every doubt. Policy and
// detection see nothing else.
type Reading struct {
	Channel Channel
	Fields  []Field // header fields of the top level in order, values decoded to UTF-8
	Subject Sensitive
	From    []Address
	To      []Address // To and Cc
	// MessageID, InReplyTo and References hold msg-ids without "<>".
	MessageID  string
	InReplyTo  []string
	References []string
	ListID     string
	// AutoSubmitted is the value of RFC 3834, lower case, "" when absent.
	AutoSubmitted string

	Parts      []Part
	Unreadable []Unreadable
	Encrypted  bool // S/MIME enveloped or PGP: protected already
	Signed     bool // multipart/signed or an S/MIME signature anywhere
	Calendar   bool

	// Uncertain lists why two readers could see two different messages
	// (duplicate Content-Type, a boundary inside a boundary, an undecodable
	// charset …), as constant phrases without any text of the message. What
	// is uncertain is judged at its worst: on_error of the policy.
	Uncertain []string

	Tags Tags
}

// Field is one header field; Name as spelled by the sender.
type Field struct {
	Name  string
	Value Sensitive
}

// PartKind says where a text stood.
type PartKind uint8

// The kinds of parts.
const (
	PartSubject    PartKind = iota
	PartText                // text/plain and whatever is shown as such
	PartHTML                // visible text of HTML
	PartHidden              // text of HTML or of a document that is not shown
	PartQuoted              // quoted text of an earlier message
	PartAttachment          // text taken out of an attachment
	PartFileName            // name of an attachment or of a ZIP member
	PartHeader              // a header field that people read, other than Subject
	// PartMachine is header fields of machines, and names of people in others.
	// Only the organization's own detectors look there: what looks like a number of
	// somebody is mostly an id of a program.
	PartMachine
)

var partNames = [...]string{"subject", "text", "html", "hidden", "quoted", "attachment", "filename", "header", "machine"}

func (k PartKind) String() string {
	if int(k) < len(partNames) {
		return partNames[k]
	}
	return "text"
}

// MarshalText implements encoding.TextMarshaler.
func (k PartKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *PartKind) UnmarshalText(b []byte) error {
	for i, name := range partNames {
		if name == string(b) {
			*k = PartKind(i)
			return nil
		}
	}
	*k = PartText
	return nil
}

// Part is one text of a message.
type Part struct {
	Kind PartKind
	Path string // MIME part number in the style of IMAP, "1.2"; members follow "!", by number or, in office documents, by part: "3!2", "3!word/document.xml"; never a name that a person gave
	Text Sensitive
}

// Unreadable is content that could not be turned into text.
type Unreadable struct {
	Kind string `json:"kind"` // one of the Unreadable… constants
	Path string `json:"path"`
}

// Kinds of unreadable content, as the policy spells them.
const (
	UnreadableArchive   = "encrypted_archive"
	UnreadableDocument  = "encrypted_document"
	UnreadableDamaged   = "damaged_document"
	UnreadableImageOnly = "image_only"
	UnreadableContainer = "unknown_container"
	UnreadableLimit     = "limit"
)

// Tags is what the sender said in the subject (or in X-Gatepost-* fields).
// Whether they bind depends on who sent the message, which policy decides.
type Tags struct {
	Secure  bool
	Urgent  bool
	PIN     Sensitive // digits of [secure pin:…]; "" when none
	Phone   Sensitive // E.164 of [secure +1…]; "" when none
	Expires int       // days of [expire:…d]; 0 when none
}
