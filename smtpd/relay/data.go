package relay

import (
	"bufio"
	"bytes"
	"io"

	"gatepost/gateway"
)

// chunkSize is how much of a body is read at once. Chunks without a line that
// begins with a dot are written as they are.
const chunkSize = 64 << 10

// bodyBuffer is the memory of one body under way.
type bodyBuffer struct {
	chunk []byte
	w     *bufio.Writer
}

// stuffer applies RFC 5321 section 4.5.2 to canonical octets: a dot at the
// head of a line is doubled. A line begins behind every LF, even behind a bare
// one, which canonical bodies do not have: a next hop that takes bare LF for a
// line end must not find the end of the message in the middle of it.
type stuffer struct {
	w       *bufio.Writer
	started bool    // not at the very beginning
	tail    [2]byte // the last two octets written
}

func (s *stuffer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if p[0] == '.' && (!s.started || s.tail[1] == '\n') {
		_ = s.w.WriteByte('.') // a bufio.Writer keeps its error for the next call
	}
	s.remember(p)
	for {
		i := bytes.Index(p, []byte("\n."))
		if i < 0 {
			break
		}
		_, _ = s.w.Write(p[:i+1])
		_ = s.w.WriteByte('.')
		p = p[i+1:]
	}
	_, err := s.w.Write(p)
	return err
}

func (s *stuffer) remember(p []byte) {
	s.started = true
	if len(p) == 1 {
		s.tail = [2]byte{s.tail[1], p[0]}
		return
	}
	s.tail = [2]byte(p[len(p)-2:])
}

// end writes the end of data, on a line of its own.
func (s *stuffer) end() {
	if s.started && s.tail != [2]byte{'\r', '\n'} {
		_, _ = s.w.WriteString("\r\n")
	}
	_, _ = s.w.WriteString(".\r\n")
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
	buffer.w.Reset(cn)
	defer buffer.w.Reset(nil)
	s := &stuffer{w: buffer.w}
	if t := cn.stream(s, body, buffer.chunk); t != nil {
		return t.lastReply, t.err
	}
	s.end()
	// The dot stands in this last write or behind it. From here on the next
	// hop may take the message, whatever we see.
	err = s.w.Flush()
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

// stream copies the body. Reading and writing fail apart: a body of ours that
// cannot be read is our fault and is never ended with a dot.
func (cn *conn) stream(s *stuffer, body io.Reader, chunk []byte) *interruption {
	for {
		n, readErr := body.Read(chunk)
		if err := s.write(chunk[:n]); err != nil {
			r, err := cn.lastWords(err)
			if err != nil {
				err = ioTrouble(phaseData, err)
			}
			return &interruption{r, err}
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			cn.broken = true
			return &interruption{err: opened(readErr)}
		}
	}
}

// opened is the trouble of a body that could not be opened or read.
func opened(err error) error {
	if f := gateway.FaultOf(err); f != nil && !f.Temporary() {
		return refusal(phaseData, f.Status, f.Text)
	}
	return deferred(phaseData, "4.3.0", "The message could not be read", err)
}
