package document

import (
	"bytes"

	"gatepost/gateway/mailmsg/internal/transfer"
)

// The armour of OpenPGP (RFC 9580 section 6.2).
const (
	ArmourMessage = "-----BEGIN PGP MESSAGE"
	ArmourAny     = "-----BEGIN PGP "
	armourEnd     = "-----END PGP "
)

// Armour is one block of OpenPGP armour within a text.
type Armour struct {
	Start, End int  // octets of the text, both lines included
	Encrypted  bool // its first packet says that the content is encrypted
	Headers    string
}

// FindArmour finds the next "PGP MESSAGE" block at or after from; ok is false
// when there is none. Only what really holds encrypted packets counts as
// encrypted: the words alone prove nothing.
func FindArmour(b []byte, from int) (a Armour, ok bool) {
	i := bytes.Index(b[from:], []byte(ArmourMessage))
	if i < 0 {
		return a, false
	}
	a.Start, a.End = from+i, len(b)
	body := b[a.Start:]
	if n := bytes.IndexByte(body, '\n'); n >= 0 {
		body = body[n+1:]
	} else {
		body = nil
	}
	if n := bytes.Index(body, []byte(armourEnd)); n >= 0 {
		a.End = len(b) - len(body) + n
		if eol := bytes.IndexByte(b[a.End:], '\n'); eol >= 0 {
			a.End += eol + 1
		} else {
			a.End = len(b)
		}
		body = body[:n]
	}
	headers, data := armourHeaders(body)
	a.Headers = string(headers)
	a.Encrypted = isBase64(data) && PGPEncrypted(transfer.DecodeBase64(data[:min(len(data), 1024)]).Data)
	return a, true
}

// armourHeaders splits "Key: value" lines off, which end with a blank line.
func armourHeaders(b []byte) (headers, data []byte) {
	rest := b
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 {
			return b[:len(b)-len(rest)], after
		}
		if !bytes.Contains(line, []byte(": ")) {
			return b[:len(b)-len(rest)], rest
		}
		rest = after
	}
	return b, nil
}

// isBase64 reports whether b holds nothing but lines of base64.
func isBase64(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=', c == '\r', c == '\n', c == ' ', c == '\t':
		default:
			return false
		}
	}
	return len(b) > 0
}

// PGPEncrypted reports whether binary packets begin with one that an
// encrypted message begins with (RFC 9580 section 5): session keys or
// encrypted data.
func PGPEncrypted(b []byte) bool {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return false
	}
	tag := b[0] & 0x3f
	if b[0]&0x40 == 0 {
		tag = b[0] >> 2 & 0x0f
	}
	switch tag {
	case 1, 3, 9, 18, 20:
		return true
	}
	return false
}
