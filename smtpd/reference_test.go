package smtpd

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What follows is the grammar written a second time, slowly and plainly, to
// hold the server against.

// canonical is what a body may be: lines that end with CRLF, no other CR or
// LF, no NUL.
var canonical = regexp.MustCompile(`\A(?:[^\r\n\x00]*\r\n)*\z`)

// slowData reads a DATA body off the head of s, RFC 5321 section 4.1.1.4. n
// octets of s belong to it with its terminator; n is -1 when there is none.
func slowData(s string) (body string, n int, valid bool) {
	lead := "\r\n" + s
	i := strings.Index(lead, "\r\n.\r\n")
	if i < 0 {
		return "", -1, false
	}
	stuffed := s[:i]
	var b strings.Builder
	for j := 0; j < len(stuffed); j++ {
		if stuffed[j] == '.' && (j == 0 || j >= 2 && stuffed[j-2:j] == "\r\n") {
			continue
		}
		b.WriteByte(stuffed[j])
	}
	return b.String(), i + 3, canonical.MatchString(stuffed)
}

// slowLines reports the length of the longest line of s, CRLF included.
func slowLines(s string) int {
	longest := 0
	for _, line := range strings.SplitAfter(s, "\n") {
		longest = max(longest, len(line))
	}
	return longest
}

// slowReplies splits what a server said into the last lines of its replies.
func slowReplies(s string) ([]string, error) {
	var replies []string
	for _, line := range strings.SplitAfter(s, "\n") {
		if line == "" {
			continue
		}
		if !regexp.MustCompile(`\A[2-5][0-9][0-9][ -][ -~]*\r\n\z`).MatchString(line) {
			return nil, fmt.Errorf("malformed reply %q", line)
		}
		if line[3] == ' ' {
			replies = append(replies, strings.TrimSpace(line))
		}
	}
	return replies, nil
}

var slowBDAT = regexp.MustCompile(`(?i)\ABDAT[ \t]+([0-9]{1,20})([ \t]+LAST)?[ \t]*\r\n\z`)

// slowSession walks through what a client sent with the replies that it got,
// and returns the bodies that the server said it had queued. It believes the
// server what is a command and what it thinks of it, and finds out itself
// where commands and bodies begin and end.
type slowSession struct {
	stream  string
	replies []string
	chunks  string // of a BDAT transfer under way
	sasl    bool
	queued  []string
}

func (s *slowSession) next() (string, bool) {
	if len(s.replies) == 0 {
		return "", false
	}
	r := s.replies[0]
	s.replies = s.replies[1:]
	return r, true
}

// walk returns an error when stream and replies contradict each other.
func (s *slowSession) walk() error {
	if _, ok := s.next(); !ok {
		return fmt.Errorf("no greeting")
	}
	for {
		line, rest, ok := strings.Cut(s.stream, "\n")
		if !ok {
			break
		}
		line += "\n"
		reply, ok := s.next()
		if !ok {
			return nil // the server closed the connection
		}
		s.stream = rest
		if err := s.command(line, reply); err != nil {
			return err
		}
	}
	if len(s.replies) == 1 && strings.HasPrefix(s.replies[0], "421 ") {
		return nil // the peer went away inside a transfer
	}
	if len(s.replies) > 0 {
		return fmt.Errorf("replies to nothing: %q", s.replies)
	}
	return nil
}

func (s *slowSession) command(line, reply string) error {
	if s.sasl {
		s.sasl = strings.HasPrefix(reply, "334 ")
		return nil
	}
	s.sasl = strings.HasPrefix(reply, "334 ")
	switch {
	case strings.HasPrefix(reply, "354 "):
		return s.data(line)
	case slowBDAT.MatchString(line):
		return s.bdat(slowBDAT.FindStringSubmatch(line), reply)
	case strings.Contains(reply, "queued"):
		return fmt.Errorf("%q was answered %q", line, reply)
	}
	if regexp.MustCompile(`(?i)\A(RSET|EHLO|HELO|QUIT)\b`).MatchString(line) {
		s.chunks = ""
	}
	return nil
}

func (s *slowSession) data(line string) error {
	if !regexp.MustCompile(`(?i)\ADATA[ \t]*\r\n\z`).MatchString(line) {
		return fmt.Errorf("%q was answered 354", line)
	}
	body, n, valid := slowData(s.stream)
	if n < 0 { // the body never ended
		s.stream = ""
		if reply, ok := s.next(); ok && !strings.HasPrefix(reply, "421 ") && !strings.HasPrefix(reply, "5") {
			return fmt.Errorf("a body without end was answered %q", reply)
		}
		return nil
	}
	reply, ok := s.next()
	if !ok {
		return fmt.Errorf("a body was not answered")
	}
	s.stream = s.stream[n:]
	if !strings.HasPrefix(reply, "250 ") {
		return nil
	}
	if !valid {
		return fmt.Errorf("the body %q was accepted", body)
	}
	s.queued = append(s.queued, body)
	return nil
}

func (s *slowSession) bdat(m []string, reply string) error {
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > int64(len(s.stream)) {
		s.stream = ""
		if strings.HasPrefix(reply, "2") {
			return fmt.Errorf("a chunk that never came was answered %q", reply)
		}
		return nil
	}
	chunk := s.stream[:n]
	s.stream = s.stream[n:]
	switch {
	case !strings.HasPrefix(reply, "250 "):
		s.chunks = ""
	case m[2] == "":
		s.chunks += chunk
	default:
		body := s.chunks + chunk
		if s.chunks = ""; body != "" && !strings.HasSuffix(body, "\r\n") {
			body += "\r\n"
		}
		if !canonical.MatchString(body) {
			return fmt.Errorf("the chunks %q were accepted", body)
		}
		s.queued = append(s.queued, body)
	}
	return nil
}

// pullConn is a connection whose peer sends the next segment when the server
// wants to read, and goes away after the last.
type pullConn struct {
	segments []string
	read     int // octets
	mu       sync.Mutex
	said     strings.Builder
	closed   chan struct{}
	once     sync.Once
}

func newPullConn(segments ...string) *pullConn {
	return &pullConn{segments: segments, closed: make(chan struct{})}
}

func (p *pullConn) Read(b []byte) (int, error) {
	for len(p.segments) > 0 && p.segments[0] == "" {
		p.segments = p.segments[1:]
	}
	if len(p.segments) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.segments[0])
	p.segments[0] = p.segments[0][n:]
	p.read += n
	return n, nil
}

func (p *pullConn) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *pullConn) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pullConn) LocalAddr() net.Addr                { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }
func (p *pullConn) RemoteAddr() net.Addr               { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (p *pullConn) SetDeadline(time.Time) error        { return nil }
func (p *pullConn) SetReadDeadline(t time.Time) error  { return nil }
func (p *pullConn) SetWriteDeadline(t time.Time) error { return nil }
