package pdu

import (
	"bytes"
	"encoding/binary"
	"strings"

	"gatepost/gateway"
)

// maxTLVs bounds the optional parameters of one PDU. The specification has 43,
// and each costs ten times the memory that it takes on the wire.
const maxTLVs = 256

// coder reads or writes the fields of one body, so that there is one
// description of each for both. After the first problem it does nothing.
type coder struct {
	command Command
	writing bool
	in      []byte // what is not read yet
	owned   bool   // in is a copy of our own
	out     []byte

	bad   Status // of the first problem, OK if none
	field string
}

func (c *coder) fail(s Status, field string) {
	if c.bad == OK {
		c.bad, c.field = s, field
	}
	c.in = nil
}

// octet is an integer of one octet.
func (c *coder) octet(p *byte, field string) {
	switch {
	case c.writing:
		c.out = append(c.out, *p)
	case len(c.in) == 0:
		c.fail(RINVCMDLEN, field)
	default:
		*p, c.in = c.in[0], c.in[1:]
	}
}

// status is an integer of four octets.
func (c *coder) status(p *Status, field string) {
	switch {
	case c.writing:
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(*p))
	case len(c.in) < 4:
		c.fail(RINVCMDLEN, field)
	default:
		*p, c.in = Status(binary.BigEndian.Uint32(c.in)), c.in[4:]
	}
}

// free is a C-Octet String of any octets but NUL, at most limit of them.
func (c *coder) free(p *string, limit int, bad Status, field string) {
	if c.writing {
		if len(*p) > limit || strings.IndexByte(*p, 0) >= 0 {
			c.fail(bad, field)
		}
		c.out = append(append(c.out, *p...), 0)
		return
	}
	if len(c.in) > 0 && c.in[0] == 0 { // most fields of most PDUs
		c.in = c.in[1:]
		return
	}
	n := bytes.IndexByte(c.in[:min(limit+1, len(c.in))], 0)
	switch {
	case n >= 0:
		*p, c.in = string(c.in[:n]), c.in[n+1:]
	case len(c.in) > limit:
		c.fail(bad, field)
	default:
		c.fail(RINVCMDLEN, field)
	}
}

// text is a C-Octet String of section 3.1: printable ASCII here, because
// control characters have no place in a name, an address or an id, and the
// lines of a log and the headers of a mail begin with them.
func (c *coder) text(p *string, limit int, bad Status, field string) {
	c.free(p, limit, bad, field)
	for i := 0; i < len(*p); i++ {
		if (*p)[i] < ' ' || (*p)[i] > '~' {
			c.fail(bad, field)
			return
		}
	}
}

// id is a message_id. Other sides make them: a response that holds an odd one
// still says that the message was taken, so it may hold any octets.
func (c *coder) id(p *string) {
	if c.command.IsResponse() {
		c.free(p, 64, RINVMSGID, "message_id")
		return
	}
	c.text(p, 64, RINVMSGID, "message_id")
}

// time is a time of section 7.1.1. In deliver_sm it means nothing (section
// 4.6.1), so that its form is not judged there.
func (c *coder) time(p *string, bad Status, field string) {
	c.text(p, 16, bad, field)
	if c.command != DeliverSM && !validTime(*p) {
		c.fail(bad, field)
	}
}

// line is type of number, numbering plan and address.
func (c *coder) line(l *gateway.Line, limit int, bad Status, field string) {
	c.octet(&l.TON, field)
	c.octet(&l.NPI, field)
	c.text(&l.Addr, limit, bad, field)
}

// short is sm_length and short_message.
func (c *coder) short(p *[]byte) {
	n := byte(len(*p))
	if c.writing && len(*p) > 255 {
		c.fail(RINVMSGLEN, "short_message")
		return
	}
	c.octet(&n, "sm_length")
	switch {
	case c.writing:
		c.out = append(c.out, *p...)
	case int(n) > len(c.in):
		c.fail(RINVMSGLEN, "sm_length")
	case n > 0:
		*p = c.octets(int(n))
	}
}

// octets takes n octets, which are there, as memory of our own: one copy for
// all that is still to be read.
func (c *coder) octets(n int) []byte {
	if !c.owned {
		c.in, c.owned = bytes.Clone(c.in), true
	}
	v := c.in[:n:n]
	c.in = c.in[n:]
	return v
}

// readTLVs reads optional parameters to the end (section 3.2.4.1).
func (c *coder) readTLVs(p *[]gateway.TLV) {
	n, rest := countTLVs(c.in)
	if rest > 0 || n > maxTLVs {
		if headerOnly(c.command) {
			c.fail(RINVCMDLEN, "command_length")
		}
		c.fail(RINVOPTPARSTREAM, "optional parameters")
	}
	if n == 0 || c.bad != OK {
		return
	}
	*p = make([]gateway.TLV, n)
	for i := range *p {
		head := c.in
		c.in = c.in[4:]
		(*p)[i] = gateway.TLV{
			Tag:   binary.BigEndian.Uint16(head),
			Value: c.octets(int(binary.BigEndian.Uint16(head[2:]))),
		}
	}
}

// countTLVs counts the parameters in b and the octets behind the last of them
// that are none.
func countTLVs(b []byte) (n, rest int) {
	for len(b) >= 4 {
		size := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return n, len(b)
		}
		b = b[size:]
		n++
	}
	return n, len(b)
}

func (c *coder) writeTLVs(tlvs []gateway.TLV) {
	if len(tlvs) > maxTLVs {
		c.fail(RINVOPTPARSTREAM, "optional parameters")
	}
	for _, t := range tlvs {
		if len(t.Value) > 0xFFFF {
			c.fail(RINVPARLEN, "optional parameters")
			return
		}
		c.out = binary.BigEndian.AppendUint16(c.out, t.Tag)
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(t.Value)))
		c.out = append(c.out, t.Value...)
	}
}

// judge refuses a message that could be read in two ways: by us in one, by
// whoever gets it in the other.
func (c *coder) judge(b Body) {
	var s *gateway.Segment
	switch b := b.(type) {
	case *Message:
		s = &b.Segment
	case *Multi:
		s = &b.Segment
	case *Replace:
		s = &b.Segment
	default:
		return
	}
	var seen uint32
	for _, t := range s.TLVs {
		bit, size := unique(t.Tag)
		switch {
		case bit == 0:
		case seen&bit != 0:
			c.fail(ROPTPARNOTALLWD, "doubled optional parameter")
		case size >= 0 && len(t.Value) != size:
			c.fail(RINVPARLEN, "optional parameter")
		case t.Tag == gateway.TagMessagePayload && len(s.Short) > 0:
			// Section 4.4.1: sm_length is 0 where message_payload is used.
			c.fail(RINVMSGLEN, "message_payload")
		}
		seen |= bit
	}
}

// unique gives the parameters that decide how a message is read a bit each,
// and their size in octets, -1 for any (section 5.3.2).
func unique(tag uint16) (bit uint32, size int) {
	switch tag {
	case gateway.TagMessagePayload:
		return 1, -1
	case gateway.TagSARRef:
		return 2, 2
	case gateway.TagSARTotal:
		return 4, 1
	case gateway.TagSARSeq:
		return 8, 1
	case gateway.TagSourcePort:
		return 16, 2
	case gateway.TagDestPort:
		return 32, 2
	}
	return 0, 0
}
