package relay

import (
	"bytes"
	"io"
	"net"

	"gatepost/gateway"
)

// Bounds of one write of a body: octets, and pieces that they stand in.
const (
	chunkSize = 64 << 10
	maxPieces = 1024
)

// Held is a body that is in memory. It leaves from where it stands.
type Held interface {
	// Pieces are the octets, which stay as they are until Close.
	Pieces() [][]byte
}

// bodyBuffer is the memory of one body under way.
type bodyBuffer struct {
	chunk  []byte // as it is read
	joined []byte // as it is written; nil before it is needed
	pieces [][]byte
}

// stuffer applies RFC 5321 section 4.5.2 to canonical octets: a dot at the
// head of a line is doubled. A line begins behind every LF, even behind a bare
// one, which canonical bodies do not have: a next hop that takes bare LF for a
// line end must not find the end of the message in the middle of it.
//
// It copies nothing: what is written to it stays as it is until flush.
type stuffer struct {
	to      func([][]byte) error
	list    [][]byte // waits, in pieces
	size    int      // octets of list
	err     error    // of to; sticky
	started bool     // not at the very beginning
	tail    [2]byte  // the last two octets written
}

func (s *stuffer) write(p []byte) error {
	if len(p) == 0 {
		return s.err
	}
	if p[0] == '.' && (!s.started || s.tail[1] == '\n') {
		s.put(p[:1])
	}
	s.remember(p)
	for {
		i := bytes.Index(p, []byte("\n."))
		if i < 0 {
			break
		}
		s.put(p[:i+2])
		p = p[i+1:] // from the dot on, a second time
	}
	s.put(p)
	return s.err
}

// put adds a piece, and writes what has become enough.
func (s *stuffer) put(p []byte) {
	for len(p) > 0 && s.err == nil {
		n := min(len(p), chunkSize-s.size)
		s.list = append(s.list, p[:n])
		s.size += n
		if p = p[n:]; s.size == chunkSize || len(s.list) == maxPieces {
			_ = s.flush() // kept
		}
	}
}

// flush writes what waits.
func (s *stuffer) flush() error {
	if s.err == nil && s.size > 0 {
		s.err = s.to(s.list)
	}
	clear(s.list)
	s.list, s.size = s.list[:0], 0
	return s.err
}

func (s *stuffer) remember(p []byte) {
	s.started = true
	if len(p) == 1 {
		s.tail = [2]byte{s.tail[1], p[0]}
		return
	}
	s.tail = [2]byte(p[len(p)-2:])
}

// end adds the end of data, on a line of its own.
func (s *stuffer) end() {
	if s.started && s.tail != [2]byte{'\r', '\n'} {
		s.put([]byte("\r\n"))
	}
	s.put([]byte(".\r\n"))
}

// writeAll sends pieces in one write.
func (cn *conn) writeAll(pieces [][]byte, buffer *bodyBuffer) error {
	tcp, ok := cn.wire.(*net.TCPConn)
	switch {
	case len(pieces) == 1:
		return cn.write(pieces[0])
	case ok:
		return cn.timed(func() error {
			list := net.Buffers(pieces)
			_, err := list.WriteTo(tcp)
			return err
		})
	}
	buffer.joined = buffer.joined[:0]
	for _, p := range pieces {
		buffer.joined = append(buffer.joined, p...)
	}
	return cn.write(buffer.joined)
}

// sendBody streams the body after 354 and waits for the last reply. Its
// trouble says Unknown when the final dot may have left without an answer.
func (cn *conn) sendBody(open func() (io.ReadCloser, error)) (reply, error) {
	body, err := open()
	if err != nil {
		cn.broken = true // the only way out of DATA without a dot
		return reply{}, opened(err)
	}
	defer body.Close() //nolint:errcheck // read only
	buffer := cn.client.buffers.Get().(*bodyBuffer)
	defer cn.client.buffers.Put(buffer)
	s := &stuffer{list: buffer.pieces[:0], to: func(pieces [][]byte) error { return cn.writeAll(pieces, buffer) }}
	defer func() {
		clear(s.list)
		buffer.pieces = s.list[:0]
	}()
	if t := cn.stream(s, body, buffer); t != nil {
		return t.lastReply, t.err
	}
	s.end()
	// The dot stands in this last write or behind it. From here on the next
	// hop may take the message, whatever we see.
	err = s.flush()
	var r reply
	if err != nil {
		r, err = cn.lastWords(err)
	} else {
		r, err = cn.read(cn.client.config.Timeouts.DataDone)
	}
	if err != nil {
		t := ioTrouble(phaseDot, err)
		t.unknown = true
		return reply{}, t
	}
	return r, nil
}

// interruption is how a body came to a stop before its dot: an early reply of
// the next hop, or an error.
type interruption struct {
	lastReply reply
	err       error
}

// stream sends the body, but for an end that waits for its dot. Reading and
// writing fail apart: a body of ours that cannot be read is our fault and is
// never ended with a dot.
func (cn *conn) stream(s *stuffer, body io.Reader, buffer *bodyBuffer) *interruption {
	if whole, ok := body.(Held); ok {
		for _, p := range whole.Pieces() {
			if err := s.write(p); err != nil {
				return cn.interrupted(err)
			}
		}
		return nil
	}
	if buffer.chunk == nil {
		buffer.chunk = make([]byte, chunkSize)
	}
	for {
		n, readErr := fill(buffer.chunk, body)
		err := s.write(buffer.chunk[:n])
		if err == nil && readErr != io.EOF {
			err = s.flush()
		}
		switch {
		case err != nil:
			return cn.interrupted(err)
		case readErr == io.EOF:
			return nil
		case readErr != nil:
			cn.broken = true
			return &interruption{err: opened(readErr)}
		}
	}
}

// fill reads until p is full, or an error.
func fill(p []byte, r io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = r.Read(p[n:])
		n += got
	}
	return n, err
}

// interrupted is the interruption by a failed write.
func (cn *conn) interrupted(err error) *interruption {
	r, err := cn.lastWords(err)
	if err != nil {
		err = ioTrouble(phaseData, err)
	}
	return &interruption{r, err}
}

// opened is the trouble of a body that could not be opened or read.
func opened(err error) error {
	if f := gateway.FaultOf(err); f != nil && !f.Temporary() {
		return refusal(phaseData, f.Status, f.Text)
	}
	return deferred(phaseData, "4.3.0", "The message could not be read", err)
}
