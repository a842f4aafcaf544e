package flow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gatepost/gateway"
)

// The body of a short message is a mail with its text, so that whoever reads
// messages reads this one too: the viewer, staff, an export. The octets of its
// segments, which are what leaves, stand in one field of the header.
const segmentsField = "Gatepost-Segments"

// smsBody makes the body of a short message.
func smsBody(text string, segments []gateway.Segment, at time.Time) ([]byte, error) {
	packed, err := json.Marshal(segments)
	if err != nil {
		return nil, fmt.Errorf("packing segments: %w", err)
	}
	var b bytes.Buffer
	b.Grow(headOctets + foldedLen(len(packed)) + foldedLen(len(text)))
	b.WriteString("Date: " + at.Format(time.RFC1123Z) + "\r\nMIME-Version: 1.0\r\n")
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n")
	writeFolded(&b, segmentsField+":", packed)
	b.WriteString("\r\n")
	writeFolded(&b, "", []byte(text))
	return b.Bytes(), nil
}

const (
	lineOctets = 57  // of one line of base64 (RFC 2045 section 6.8)
	headOctets = 256 // of the other fields, about
)

// foldedLen is about how long n octets are in lines.
func foldedLen(n int) int {
	return (n/lineOctets + 1) * (base64.StdEncoding.EncodedLen(lineOctets) + len(" \r\n"))
}

// writeFolded writes octets as base64 in lines, each but a first one without
// name led by a space when they are the value of a field.
func writeFolded(b *bytes.Buffer, field string, octets []byte) {
	b.WriteString(field)
	for len(octets) > 0 {
		n := min(lineOctets, len(octets))
		if field != "" {
			b.WriteByte(' ')
		}
		b.Write(append(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), octets[:n]), '\r', '\n'))
		octets = octets[n:]
	}
}

// smsSegments takes the segments out of a body that smsBody made.
func smsSegments(body []byte) ([]gateway.Segment, error) {
	head, _, _ := bytes.Cut(body, []byte("\r\n\r\n"))
	_, value, ok := strings.Cut("\r\n"+string(head), "\r\n"+segmentsField+":")
	if !ok {
		return nil, fmt.Errorf("short message without %s", segmentsField)
	}
	packed, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r\n ", "", " ", "").Replace(value))
	if err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	var segments []gateway.Segment
	if err := json.Unmarshal(packed, &segments); err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	return segments, nil
}
