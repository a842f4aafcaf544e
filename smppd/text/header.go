package text

import (
	"gatepost/gateway"
)

// Identifiers of 3GPP TS 23.040 section 9.2.3.24.
const (
	ieConcat8  = 0x00
	iePorts8   = 0x04
	iePorts16  = 0x05
	ieConcat16 = 0x08
	ieSingle   = 0x24
	ieLocking  = 0x25
)

// udhi is the bit of esm_class that says that the user data begin with a
// header (SMPP v3.4 section 5.2.12).
const udhi = 0x40

// element is one information element of a user data header.
type element struct {
	id   byte
	data []byte
}

// header is what stands before the text.
type header struct {
	size     int // octets, its length octet included; 0 without a header
	elements []element
}

// parseHeader reads the header of user data. The elements before one that
// does not fit are returned beside the error, the size is never more than the
// data.
func parseHeader(data []byte) (header, error) {
	if len(data) == 0 {
		return header{}, gateway.ErrSegment
	}
	h := header{size: 1 + int(data[0])}
	if h.size > len(data) {
		return header{size: len(data)}, gateway.ErrSegment
	}
	for rest := data[1:h.size]; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return h, gateway.ErrSegment
		}
		n := 2 + int(rest[1])
		h.elements = append(h.elements, element{id: rest[0], data: rest[2:n]})
		rest = rest[n:]
	}
	return h, nil
}

// userData takes user data apart: the header, if esm_class says that there is
// one, and what follows it.
func userData(s *gateway.Segment, payload []byte) (header, []byte, error) {
	if s.ESMClass&udhi == 0 {
		return header{}, payload, nil
	}
	h, err := parseHeader(payload)
	return h, payload[h.size:], err
}
