package smtpd

import (
	"bytes"
	"errors"
	"net"
	"sync"
)

// Sizes of buffers and lines, in octets.
const (
	smallBuffer = 2 << 10
	bigBuffer   = 64 << 10
	maxCommand  = 512     // RFC 5321 section 4.5.3.1.4
	maxEnvelope = 2 << 10 // MAIL and RCPT with all their parameters fit: RFC 1870, 3461, 4954, 6152, 6531
	maxAuthLine = 12288   // RFC 4954 section 4
	maxSkip     = 1 << 20 // of a line that is too long, before the session ends
)

// bigBuffers are shared by all connections of the process: one is used while
// a body arrives.
var bigBuffers = sync.Pool{New: func() any { return new([bigBuffer]byte) }}

// input is what has been read from a connection and not been used. It holds
// a small buffer while commands are awaited, a big one for bodies and long
// lines.
type input struct {
	buf   []byte // small or big
	r, w  int
	small []byte
	big   *[bigBuffer]byte // nil: buf is small
}

// window is the octets that have not been used.
func (in *input) window() []byte { return in.buf[in.r:in.w] }

func (in *input) use(n int) {
	if in.r += n; in.r == in.w {
		in.r, in.w = 0, 0
	}
}

// room returns where to read to; it moves the window when it must.
func (in *input) room() []byte {
	if in.buf == nil {
		in.small = make([]byte, smallBuffer)
		in.buf = in.small
	}
	if in.w == len(in.buf) {
		if in.r == 0 {
			in.grow()
		}
		in.w = copy(in.buf, in.window())
		in.r = 0
	}
	return in.buf[in.w:]
}

// grow changes to a big buffer.
func (in *input) grow() {
	if in.big != nil {
		return
	}
	if in.small == nil {
		in.small = make([]byte, smallBuffer)
	}
	in.big = bigBuffers.Get().(*[bigBuffer]byte)
	in.w = copy(in.big[:], in.window())
	in.r, in.buf = 0, in.big[:]
}

// shrink gives the big buffer back when what is left fits into a small one.
func (in *input) shrink() {
	left := in.window()
	if in.big == nil || len(left) > smallBuffer {
		return
	}
	in.w = copy(in.small, left)
	in.r, in.buf = 0, in.small
	in.free()
}

func (in *input) free() {
	if in.big != nil {
		bigBuffers.Put(in.big)
		in.big = nil
	}
}

// Why no line came.
var (
	errMore     = errors.New("window too short")
	errLongLine = errors.New("command line too long")
	errEnding   = errors.New("command line with a bare CR, bare LF or NUL")
	errDraining = errors.New("server is shutting down")
	errOverflow = errors.New("too many octets behind a refusal")
)

// lineLimit is how long the line at the head of win may be, CRLF included.
func lineLimit(win []byte, sasl bool) int {
	if len(win) > 4 && bytes.EqualFold(win[:4], []byte("AUTH")) || sasl {
		return maxAuthLine
	}
	if len(win) > 4 && (bytes.EqualFold(win[:4], []byte("MAIL")) || bytes.EqualFold(win[:4], []byte("RCPT"))) {
		return maxEnvelope
	}
	return maxCommand
}

// cleanLine returns the line without its CRLF, or errEnding. RFC 5321 section
// 2.3.8 forbids other line ends; a line that has one is used up as a whole
// and refused.
func cleanLine(line []byte) ([]byte, error) {
	body, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.ContainsAny(body, "\r\x00") {
		return line, errEnding
	}
	return body, nil
}

// isTimeout reports whether err is a deadline that passed.
func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
