package pdu

import (
	"encoding/binary"
	"fmt"
)

// HeaderLen is the size of the header of every PDU in octets (section 3.2).
const HeaderLen = 16

// PDU is one PDU of SMPP v3.4 section 3.2.
type PDU struct {
	Command Command
	Status  Status
	// Sequence is from 1 to 0x7FFFFFFF in what we send (section 3.2). Any value
	// is read: real peers count on from there, some begin at 0, and all that is
	// ever done with a foreign one is to write it back.
	Sequence uint32
	Body     Body // nil for a header only
}

// Response is the answer to p with that status and body.
func (p PDU) Response(s Status, b Body) PDU {
	return PDU{Command: p.Command.Response(), Status: s, Sequence: p.Sequence, Body: b}
}

// DecodeError says that a PDU of right length cannot be understood. The frame
// has been consumed as a whole, and what follows it can be read.
type DecodeError struct {
	Command  Command // as it came, also when unknown
	Sequence uint32
	// Status is what to answer: RINVCMDID for an unknown command, else that of
	// the first field that is wrong.
	Status Status
	Field  string // name of that field in the specification
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decoding %v: %s: %v", e.Command, e.Field, e.Status)
}

// Answer is what the peer must be told: the response of its request with the
// status, generic_nack for a command that is unknown or has no response. False
// for a malformed response, which nothing answers.
func (e *DecodeError) Answer() (PDU, bool) {
	p := PDU{Command: e.Command, Sequence: e.Sequence}
	return p.Response(e.Status, nil), !e.Command.IsResponse()
}

// FramingError says that command_length is impossible, so that nobody knows
// where the next PDU begins: the connection is lost.
type FramingError struct {
	Length   uint32 // command_length
	Sequence uint32 // 0 if it did not arrive
}

func (e *FramingError) Error() string {
	return fmt.Sprintf("framing of SMPP lost: command_length %d", e.Length)
}

// Answer is the last word to the peer (section 4.3).
func (e *FramingError) Answer() PDU {
	return PDU{Command: GenericNack, Status: RINVCMDLEN, Sequence: e.Sequence}
}

// EncodeError says that a PDU does not fit the specification. Nothing has been
// written.
type EncodeError struct {
	Command Command
	Status  Status // that a peer would answer
	Field   string
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("encoding %v: %s: %v", e.Command, e.Field, e.Status)
}

// Decode reads one frame, which must be as long as its command_length says:
// *FramingError otherwise, *DecodeError for what is wrong inside. The header
// of the PDU is filled also beside a DecodeError. The PDU shares no memory
// with frame.
//
// Two things are read that Append writes differently, the normal form:
//
//   - submit_sm_resp, deliver_sm_resp and data_sm_resp of any status, and other
//     responses with an error, may end at the header, and read as an empty body;
//   - bind_xxx_resp and submit_sm_resp with an error and an empty body read the
//     same with and without one, and are written without (sections 4.1.2, 4.4.2).
//
// A short_message has at most 254 octets (section 4.4.1); the 255 that its
// length can say are read and written too.
func Decode(frame []byte) (PDU, error) {
	if len(frame) < HeaderLen {
		return PDU{}, &FramingError{Length: uint32(len(frame))}
	}
	p := PDU{
		Command:  Command(binary.BigEndian.Uint32(frame[4:])),
		Status:   Status(binary.BigEndian.Uint32(frame[8:])),
		Sequence: binary.BigEndian.Uint32(frame[12:]),
	}
	if n := binary.BigEndian.Uint32(frame); uint64(n) != uint64(len(frame)) {
		return p, &FramingError{Length: n, Sequence: p.Sequence}
	}
	body := newBody(p.Command)
	if body == nil {
		return p, &DecodeError{Command: p.Command, Sequence: p.Sequence, Status: RINVCMDID, Field: "command_id"}
	}
	if len(frame) == HeaderLen && (headerOnly(p.Command) || bare(body, p.Status)) {
		if !headerOnly(p.Command) {
			p.Body = body
		}
		return p, nil
	}
	c := coder{command: p.Command, in: frame[HeaderLen:]}
	fields(body, &c)
	c.readTLVs(body.optional())
	c.judge(body)
	if c.bad != OK {
		return p, &DecodeError{Command: p.Command, Sequence: p.Sequence, Status: c.bad, Field: c.field}
	}
	p.Body = body
	return p, nil
}

// bare reports whether a response may end at its header.
func bare(b Body, s Status) bool {
	switch b.(type) {
	case *MessageResp:
		return true
	case *BindResp, *MultiResp, *QueryResp:
		return s != OK
	}
	return false
}

// Append writes p behind dst. A response may have no Body, which is then
// empty. *EncodeError, and dst as it was, for a PDU that Decode would refuse.
func Append(dst []byte, p PDU) ([]byte, error) {
	body := p.Body
	if body == nil && (p.Command.IsResponse() || headerOnly(p.Command)) {
		body = newBody(p.Command)
	}
	if body == nil || !body.of(p.Command) {
		return dst, &EncodeError{Command: p.Command, Status: RINVCMDID, Field: "body"}
	}
	start := len(dst)
	c := coder{command: p.Command, writing: true, out: dst}
	c.out = append(c.out, 0, 0, 0, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(p.Command))
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(p.Status))
	c.out = binary.BigEndian.AppendUint32(c.out, p.Sequence)
	if p.Status == OK || !omitted(p.Command, body) {
		fields(body, &c)
		c.writeTLVs(*body.optional())
		c.judge(body)
	}
	if c.bad != OK {
		return dst, &EncodeError{Command: p.Command, Status: c.bad, Field: c.field}
	}
	binary.BigEndian.PutUint32(c.out[start:], uint32(len(c.out)-start))
	return c.out, nil
}

// omitted reports whether an error is answered without that body.
func omitted(c Command, b Body) bool {
	switch b := b.(type) {
	case *BindResp:
		return b.SystemID == "" && len(b.TLVs) == 0
	case *MessageResp:
		return c == SubmitSMResp && b.MessageID == "" && len(b.TLVs) == 0
	}
	return false
}
