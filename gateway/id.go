package gateway

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// idEncoding keeps the order of the octets, so that ids sort by time in text
// as they do in keys.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// MessageID names a message inside Gatepost; it is the queue id in replies
// and logs. 48 bits of milliseconds since 1970 followed by 80 random bits:
// sortable by time of acceptance and not guessable. It says nothing about
// the content and may be logged.
type MessageID [16]byte

// ErrBadID is returned for text that is no id.
var ErrBadID = errors.New("not a message id")

// NewMessageID makes an id for the time now. It fails only when random does.
func NewMessageID(now time.Time, random io.Reader) (MessageID, error) {
	var id MessageID
	if _, err := io.ReadFull(random, id[6:]); err != nil {
		return MessageID{}, fmt.Errorf("making a message id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	return id, nil
}

// ParseMessageID reads the 26 characters that String writes.
func ParseMessageID(s string) (MessageID, error) {
	var id MessageID
	raw, err := idEncoding.DecodeString(strings.ToLower(s))
	if err != nil || len(raw) != len(id) {
		return MessageID{}, ErrBadID
	}
	copy(id[:], raw)
	if id.String() != strings.ToLower(s) { // two spare bits: only one spelling is an id
		return MessageID{}, ErrBadID
	}
	return id, nil
}

func (id MessageID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero reports whether id names no message.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// Time is when the id was made, to the millisecond.
func (id MessageID) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
}

// MarshalText implements encoding.TextMarshaler.
func (id MessageID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *MessageID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseMessageID(string(b))
	return err
}

// EnvelopeID names one recipient's envelope of a message: "<message>.<n>",
// n counted from 0.
type EnvelopeID struct {
	Message MessageID
	N       uint32
}

// ParseEnvelopeID reads what String writes.
func ParseEnvelopeID(s string) (EnvelopeID, error) {
	head, tail, ok := strings.Cut(s, ".")
	id, err := ParseMessageID(head)
	if err != nil || !ok {
		return EnvelopeID{}, ErrBadID
	}
	n, err := strconv.ParseUint(tail, 10, 32)
	if err != nil {
		return EnvelopeID{}, ErrBadID
	}
	e := EnvelopeID{Message: id, N: uint32(n)}
	if e.N != 0 && tail[0] == '0' || e.N == 0 && tail != "0" { // only one spelling is an id
		return EnvelopeID{}, ErrBadID
	}
	return e, nil
}

func (id EnvelopeID) String() string {
	return id.Message.String() + "." + strconv.FormatUint(uint64(id.N), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (id EnvelopeID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *EnvelopeID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseEnvelopeID(string(b))
	return err
}

// ThreadID names a conversation; the zero value is "none".
type ThreadID [16]byte

func (id ThreadID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero reports whether id names no thread.
func (id ThreadID) IsZero() bool { return id == ThreadID{} }

// MarshalText implements encoding.TextMarshaler.
func (id ThreadID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ThreadID) UnmarshalText(b []byte) error {
	m, err := ParseMessageID(string(b))
	*id = ThreadID(m)
	return err
}

// LinkID is what the server keeps of a link: a value derived from the link
// secret, from which the secret cannot be found. It may be logged.
type LinkID [16]byte

func (id LinkID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero reports whether id names no link.
func (id LinkID) IsZero() bool { return id == LinkID{} }

// MarshalText implements encoding.TextMarshaler.
func (id LinkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *LinkID) UnmarshalText(b []byte) error {
	m, err := ParseMessageID(string(b))
	*id = LinkID(m)
	return err
}

// PersonRef stands for a person in evidence and in index keys: a random value
// that only the sealed record of the person ties to an address. Once that
// record is erased nothing leads back. It may be logged.
type PersonRef [16]byte

func (r PersonRef) String() string { return idEncoding.EncodeToString(r[:]) }

// IsZero reports whether r stands for nobody.
func (r PersonRef) IsZero() bool { return r == PersonRef{} }

// MarshalText implements encoding.TextMarshaler.
func (r PersonRef) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *PersonRef) UnmarshalText(b []byte) error {
	m, err := ParseMessageID(string(b))
	*r = PersonRef(m)
	return err
}
