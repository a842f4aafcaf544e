package imapd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// conn is the connection as go-imap sees it. Read gives go-imap one command at
// a time, complete and without literals, then the octets of the message of an
// APPEND, and nothing that it did not ask for. Write collects answers, which
// leave when the next command is waited for. Deadlines are conn's own.
//
// The fields above the mutexes belong to the goroutine of the session, which
// is go-imap's.
type conn struct {
	srv     *Server
	log     *slog.Logger
	ctx     context.Context // of the calls of Mail
	cancel  context.CancelFunc
	addr    netip.AddrPort
	key     netip.Addr // limits count under it
	local   bool       // loopback
	started time.Time

	in       *bufio.Reader
	forward  []byte // of the command in hand, what go-imap reads next
	now      command
	given    imap.NumSet // the set of messages of the command in hand, where go-imap was not shown it
	unsaid   string      // how the answer to the command in hand begins that go-imap gives and that is not sent
	literal  *literal    // of an APPEND under way; nil: none
	opened   bool
	ended    bool // nothing is read any more
	secure   bool // TLS
	bad      int  // commands before login that are none, and wrong passwords
	agent    string
	session  *session
	loggedIn bool
	idling   bool // the next line ends an IDLE

	writing sync.Mutex // guards what follows, and the order of writes
	out     []byte     // answers that have not left; nil: none
	greeted bool       // go-imap's own greeting was swallowed
	failed  error      // of a write, or what cut the connection
	raised  bool       // a session writes what is no answer: nothing is looked at

	reading atomic.Bool // the session waits for the client: answers leave at once

	mu       sync.Mutex // guards what follows
	raw      net.Conn   // TCP, after the handshake TLS
	waiting  bool       // for a command, or in IDLE
	draining bool
	closed   bool
}

// errCut ends a connection whose stream of answers is broken.
var errCut = errors.New("the connection was cut")

// inBuffer is enough for nearly every command; longer ones are read piece by
// piece, literals past it.
const inBuffer = 1 << 10

func newConn(s *Server, raw net.Conn) *conn {
	c := &conn{srv: s, raw: raw, started: time.Now()}
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.addr = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	c.key = gateway.HostKey(c.addr.Addr())
	c.local = c.addr.Addr().IsLoopback()
	c.in = bufio.NewReaderSize(rawReader{c}, inBuffer)
	c.log = s.cfg.Logger.With("area", "imap", "peer", c.addr.String())
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// rawReader reads from whatever the connection is at the moment.
type rawReader struct{ c *conn }

func (r rawReader) Read(p []byte) (int, error) { return r.c.raw.Read(p) }

// Read implements net.Conn for go-imap.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.forward) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if c.literal != nil {
			if n, more := c.readLiteral(p); more {
				return n, nil
			}
			continue
		}
		c.step()
	}
	n := copy(p, c.forward)
	if c.forward = c.forward[n:]; len(c.forward) == 0 {
		c.forward = nil
	}
	return n, nil
}

// end makes what is in out the last that is said.
func (c *conn) end() { c.ended = true }

// bye ends the session with a reason.
func (c *conn) bye(text string) {
	c.say("* BYE " + text)
	c.end()
}

// say adds a line to the answers.
func (c *conn) say(line string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.addLocked([]byte(line + "\r\n"))
}

// reply answers the command in hand.
func (c *conn) reply(line string) { c.say(c.now.tag + " " + line) }

// Write implements net.Conn for go-imap, which writes an answer at a time.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	n := len(p)
	if !c.greeted {
		c.greeted = true // capabilities are ours: newConn's greeting stands for it
		return n, nil
	}
	if !c.raised {
		p = c.lookLocked(p)
	}
	c.addLocked(p)
	if c.failed != nil {
		return 0, c.failed
	}
	if c.reading.Load() {
		c.flushLocked()
	}
	return n, c.failed
}

// lookLocked sees what go-imap answers, and corrects it.
func (c *conn) lookLocked(p []byte) []byte {
	if c.now.verb == "IDLE" && bytes.HasPrefix(p, []byte("+ ")) {
		c.idling = true
		return p
	}
	if c.unsaid != "" && bytes.HasPrefix(p, []byte(c.unsaid)) {
		c.unsaid = ""
		return nil
	}
	rest, tagged := bytes.CutPrefix(p, []byte(c.now.tag+" "))
	if !tagged || c.now.tag == "" {
		return p
	}
	if c.literal != nil {
		c.literal.answered = true
	}
	status, _, _ := bytes.Cut(rest, []byte(" "))
	c.srv.metrics.commands.WithLabelValues(c.now.label(), statusLabel(string(status))).Inc()
	switch {
	case c.now.verb == "LOGIN" && string(status) == "OK":
		c.loggedIn = true
		return []byte(c.now.tag + " OK [CAPABILITY " + c.capabilities() + "] Logged in\r\n")
	case c.now.verb == "LOGIN":
		c.bad++
	case bytes.HasPrefix(rest, []byte("NO [SERVERBUG]")):
		// The session maps every error of its own, so that this is a syntax
		// error for which go-imap has no better word.
		return []byte(c.now.tag + " BAD Syntax error\r\n")
	}
	return p
}

// addLocked takes an answer; what is long goes out at once.
func (c *conn) addLocked(p []byte) {
	if c.failed != nil {
		return
	}
	if len(c.out)+len(p) > outBuffer {
		c.flushLocked()
	}
	if len(p) >= outBuffer/2 {
		c.sendLocked(p)
		return
	}
	if c.out == nil {
		c.out = c.srv.buffer()
	}
	c.out = append(c.out, p...)
}

// flushLocked sends the answers.
func (c *conn) flushLocked() {
	if c.out == nil {
		return
	}
	c.sendLocked(c.out)
	c.srv.release(c.out)
	c.out = nil
}

func (c *conn) sendLocked(p []byte) {
	if c.failed != nil || len(p) == 0 {
		return
	}
	raw := c.current()
	_ = raw.SetWriteDeadline(time.Now().Add(c.srv.cfg.Limits.Write))
	if _, err := raw.Write(p); err != nil {
		c.failed = err
		c.abort()
	}
}

func (c *conn) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.flushLocked()
	return c.failed
}

// emit sends octets of a session that go-imap has no part in.
func (c *conn) emit(p []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.addLocked(p)
	return c.failed
}

// raise tells Write that a session writes what is no answer to a command.
func (c *conn) raise(on bool) {
	c.writing.Lock()
	c.raised = on
	c.writing.Unlock()
}

// cut breaks the connection: what was begun cannot be said truthfully.
func (c *conn) cut() error {
	c.abort()
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.failed == nil {
		c.failed = errCut
	}
	return c.failed
}

// hungUp reports whether a command failed with err because its client went
// away, or stopped reading or sending.
func (c *conn) hungUp(err error) bool {
	c.writing.Lock()
	failed := c.failed
	c.writing.Unlock()
	switch {
	case failed != nil && errors.Is(err, failed):
		return true
	case errors.Is(err, context.Canceled):
		return c.ctx.Err() != nil
	}
	return c.ended && c.now.verb == "APPEND" // its message broke off
}

// wait lets the answers leave and then reads at least one octet more.
func (c *conn) wait(deadline time.Time, command bool) error {
	c.writing.Lock()
	c.flushLocked()
	c.reading.Store(true)
	err := c.failed
	c.writing.Unlock()
	defer c.reading.Store(false)
	if err != nil {
		return err
	}
	if err := c.beginWait(deadline, command); err != nil {
		return err
	}
	_, err = c.in.Peek(c.in.Buffered() + 1)
	c.mu.Lock()
	c.waiting = false
	drained := c.draining && command
	c.mu.Unlock()
	if err != nil && drained {
		return errDraining
	}
	return err
}

// errDraining ends a session that waits for a command when the server ends.
var errDraining = errors.New("the server is shutting down")

func (c *conn) beginWait(deadline time.Time, command bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && command {
		return errDraining
	}
	c.waiting = command
	return c.raw.SetReadDeadline(deadline)
}

// endWhenIdle ends the session as soon as it waits for a command or idles.
func (c *conn) endWhenIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.waiting {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// abort cuts the connection from outside of the session.
func (c *conn) abort() {
	c.cancel()
	raw := c.current()
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn() // without a farewell
	}
	_ = raw.Close()
}

func (c *conn) current() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw
}

// Close implements net.Conn: go-imap calls it once, at the end.
func (c *conn) Close() error {
	c.mu.Lock()
	done := c.closed
	c.closed = true
	c.mu.Unlock()
	if done {
		return nil
	}
	_ = c.flush()
	c.cancel()
	err := c.current().Close()
	c.srv.leave(c)
	return err
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.current().LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.current().RemoteAddr() }

// SetDeadline implements net.Conn. Deadlines are conn's own.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
