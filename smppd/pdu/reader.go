package pdu

import (
	"encoding/binary"
	"io"
)

// MaxFrame is a command_length that holds every PDU with a message_payload of
// 64 KiB, beside 254 destinations, and a few parameters of vendors.
const MaxFrame = 80 << 10

const (
	bufferMin  = 4 << 10
	bufferKeep = 16 << 10 // more is given back between two frames
)

// Reader cuts a stream into PDUs. It is for one goroutine.
type Reader struct {
	src   io.Reader
	limit uint32
	buf   []byte // buf[r:w] has arrived and is not consumed
	r, w  int
	lost  error // *FramingError: final
}

// NewReader reads from src PDUs of at most limit octets, header included;
// MaxFrame if limit is 0.
func NewReader(src io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = MaxFrame
	}
	return &Reader{src: src, limit: uint32(min(limit, 1<<30))}
}

// Read reads the next PDU, which shares no memory with the Reader.
//
// io.EOF between two PDUs, io.ErrUnexpectedEOF inside one. *FramingError for a
// command_length below 16 or above the limit, as soon as it has arrived: the
// Reader is of no use afterwards. *DecodeError, with the header in the PDU, for
// a PDU that is consumed but not understood: go on. Any other error is that of
// the source; what has arrived is kept, so that reading can go on after a
// timeout, even one in the middle of a PDU.
func (r *Reader) Read() (PDU, error) {
	if r.lost != nil {
		return PDU{}, r.lost
	}
	if err := r.fill(4); err != nil {
		return PDU{}, err
	}
	n := binary.BigEndian.Uint32(r.buf[r.r:])
	if n < HeaderLen || n > r.limit {
		e := &FramingError{Length: n}
		if r.w-r.r >= HeaderLen {
			e.Sequence = binary.BigEndian.Uint32(r.buf[r.r+12:])
		}
		r.lost, r.buf = e, nil
		return PDU{}, e
	}
	if err := r.fill(int(n)); err != nil {
		return PDU{}, err
	}
	p, err := Decode(r.buf[r.r : r.r+int(n)])
	r.r += int(n)
	if r.r == r.w {
		r.r, r.w = 0, 0
		if len(r.buf) > bufferKeep {
			r.buf = nil
		}
	}
	return p, err
}

// fill waits until n octets are there.
func (r *Reader) fill(n int) error {
	for empty := 0; r.w-r.r < n; {
		r.room(n)
		k, err := r.src.Read(r.buf[r.w:])
		r.w += k
		if k > 0 {
			empty = 0
			continue // an error beside octets comes again
		}
		if empty++; err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		if err == io.EOF && r.w > r.r {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// room makes room behind w for at least one octet more of a frame of n. The
// buffer doubles only when it is full: a peer that announces much and sends
// little holds little.
func (r *Reader) room(n int) {
	if r.r > 0 && r.r+n > len(r.buf) {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	if r.w < len(r.buf) {
		return
	}
	size := max(bufferMin, 2*len(r.buf))
	bigger := make([]byte, min(size, max(n, bufferMin)))
	copy(bigger, r.buf[:r.w])
	r.buf = bigger
}
