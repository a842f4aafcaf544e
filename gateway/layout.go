package gateway

import "time"

// Layout is the outline of a mail: what a list and a structure of it need
// without its body (RFC 9051 sections 7.5.2, ENVELOPE and BODYSTRUCTURE). It
// is made once, while the mail arrives; its offsets point into those octets.
type Layout struct {
	// Header is the header with its empty line, at most MaxLayoutHeader octets.
	Header Sensitive
	// Cut says that the header is longer.
	Cut  bool `json:",omitempty"`
	Size int64
	Root LayoutPart
}

// Limits of a layout. What is beyond them is one part of its outer one.
const (
	MaxLayoutHeader = 64 << 10 // octets
	MaxLayoutDepth  = 30
	MaxLayoutParts  = 500
)

// LayoutPart is one entity of MIME (RFC 2045). Octets [Start, Body) are its header
// with the empty line, [Body, End) what follows. One of type multipart has
// parts, and one of message/rfc822 or message/global has exactly one: others of these types stand
// as files or as text.
type LayoutPart struct {
	Type, Subtype    string            // lower case
	Params           map[string]string `json:",omitempty"`
	ID               string            `json:",omitempty"`
	Description      string            `json:",omitempty"`
	Encoding         string            `json:",omitempty"` // "" is 7bit
	Disposition      string            `json:",omitempty"`
	DispositionParam map[string]string `json:",omitempty"`
	Language         []string          `json:",omitempty"`
	Location         string            `json:",omitempty"`
	Start, Body, End int64
	Lines            int64         `json:",omitempty"` // that end in the body
	Envelope         *MailEnvelope `json:",omitempty"` // of the whole mail, and of a message/rfc822's content
	// Parts are those of a multipart, or the one mail in a message/rfc822.
	Parts []LayoutPart `json:",omitempty"`
}

// MailEnvelope is the header as a list shows it. Texts are decoded to UTF-8.
type MailEnvelope struct {
	Date                               time.Time     `json:",omitzero"`
	Subject                            Sensitive     `json:",omitempty"`
	From, Sender, ReplyTo, To, Cc, Bcc []MailAddress `json:",omitempty"`
	InReplyTo                          []string      `json:",omitempty"`
	MessageID                          string        `json:",omitempty"`
}

// MailAddress is one address of a header; a group stands as its members.
type MailAddress struct {
	Name          Sensitive `json:",omitempty"`
	Mailbox, Host Sensitive `json:",omitempty"`
}
