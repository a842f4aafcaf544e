package smtpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/gateway"
)

// conn is the net.Conn that go-smtp works on. Read gives go-smtp one
// validated command line at a time, or ends: it returns no error but io.EOF.
// Write collects replies, which leave before anything is waited for, so that
// pipelined commands are answered in one piece (RFC 2920 section 3.2).
// Deadlines are conn's own.
//
// All fields belong to the goroutine of the session, which is go-smtp's,
// except those under mu.
type conn struct {
	srv      *Server
	log      *slog.Logger
	ctx      context.Context // of the Backend's calls
	cancel   context.CancelFunc
	addr     netip.AddrPort
	key      netip.Addr // limits count under it
	generous bool       // trusted network or loopback: generous limits
	started  time.Time

	in      input
	out     []byte // replies that have not left
	forward []byte // what go-smtp reads next
	ended   bool   // nothing is read any more
	hurried bool   // ended while the peer may still be sending
	opened  bool   // greeting and implicit TLS are done
	cover   cover  // what go-smtp's next reply becomes

	tls       string // Peer.TLS
	certified bool   // showed a client certificate of the configured authorities
	helo      string
	account   string
	since     time.Time // when account began to log in
	sasl      bool      // the next line belongs to an AUTH exchange
	bad       int       // refused commands
	refused   int       // refused recipients

	mail  *gateway.Submission // transaction under way; nil: none
	next  envelope            // parsed MAIL or RCPT that go-smtp is about to confirm
	chunk *chunk              // BDAT command that opens a transfer
	again []byte              // line to be handled once more, after a BDAT transfer was given up

	mu       sync.Mutex // guards what follows
	raw      net.Conn   // TCP, after the handshake TLS; replaced by the session's goroutine only
	waiting  bool       // for a command
	greeting bool       // in a TLS handshake
	draining bool       // end when waiting
	crowded  bool       // had to give way
	closed   bool
}

// cover replaces a reply of go-smtp's.
type cover struct {
	active bool
	lines  string // with CRLF; "": nothing is said
}

// envelope is a MAIL or RCPT command as parsed.
type envelope struct {
	mail gateway.Submission
	rcpt gateway.Recipient
}

func newConn(s *Server, raw net.Conn) *conn {
	c := &conn{srv: s, raw: raw, started: s.cfg.Now()}
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.addr = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	c.key = gateway.HostKey(c.addr.Addr())
	c.generous = s.trusts(c.addr.Addr()) || c.addr.Addr().IsLoopback()
	c.log = s.cfg.Logger.With("listener", s.cfg.Listener, "peer", c.addr.String())
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.say("220 " + s.cfg.Hostname + " ESMTP Gatepost")
	c.mute()
	return c
}

// Read implements net.Conn for go-smtp.
func (c *conn) Read(p []byte) (int, error) {
	if !c.opened {
		c.open()
	}
	for len(c.forward) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		c.step()
	}
	n := copy(p, c.forward)
	c.forward = c.forward[n:]
	return n, nil
}

// open begins the session; the greeting is in out already.
func (c *conn) open() {
	c.opened = true
	if c.srv.cfg.Listener == Submissions && c.handshake() != nil {
		c.out = nil
		c.end()
	}
}

// end makes this the last thing that the session does.
func (c *conn) end() {
	c.ended = true
	c.forward, c.again = nil, nil
}

// cut says line and ends the session while the peer may still be sending.
func (c *conn) cut(line string) {
	c.say(line)
	c.end()
	c.hurried = true
}

// Write implements net.Conn for go-smtp, which writes a line at a time.
func (c *conn) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("334 ")) {
		c.sasl = true
	}
	if !c.cover.active {
		c.out = append(c.out, p...)
		return len(p), nil
	}
	if len(p) > 3 && p[3] == ' ' { // the last line of a reply
		c.out = append(c.out, c.cover.lines...)
		c.cover = cover{}
	}
	return len(p), nil
}

// say adds a reply of one line.
func (c *conn) say(line string) {
	c.out = append(append(c.out, line...), '\r', '\n')
}

// instead makes line what go-smtp's next reply becomes.
func (c *conn) instead(line string) { c.cover = cover{active: true, lines: line + "\r\n"} }

// mute drops go-smtp's next reply.
func (c *conn) mute() { c.cover = cover{active: true} }

// pass lets go-smtp handle line, and reply in place of what it would say.
func (c *conn) pass(line, reply string) {
	c.forward = append(c.forward[:0], line+"\r\n"...)
	if reply != "" {
		c.instead(reply)
	}
}

// flush sends the replies.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.srv.cfg.Limits.Write))
	_, err := c.raw.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > maxCommand {
		c.out = nil
	}
	return err
}

// wait reads more octets, after the replies have left. An error is final:
// the caller ends the session, so that nothing behind it is ever looked at.
func (c *conn) wait(deadline time.Time, command bool) error {
	if err := c.flush(); err != nil {
		return err
	}
	room := c.in.room()
	if err := c.beginWait(deadline, command); err != nil {
		return err
	}
	n, err := c.raw.Read(room)
	c.mu.Lock()
	c.waiting = false
	draining := c.draining && command
	c.mu.Unlock()
	c.in.w += n
	switch {
	case n > 0:
		return nil
	case draining && isTimeout(err):
		return errDraining
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// beginWait sets the deadline, unless the server is shutting down and this is
// where the session can end.
func (c *conn) beginWait(deadline time.Time, command bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && command {
		return errDraining
	}
	c.waiting = command
	return c.raw.SetReadDeadline(deadline)
}

// endWhenIdle ends the session with 421 as soon as it waits for a command.
func (c *conn) endWhenIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.waiting {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// idle reports whether the session waits for a command, or for the peer to begin TLS,
// so that giving way loses nothing.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.waiting || c.greeting) && !c.draining
}

// giveWay ends the session for another one, unless it has become busy.
func (c *conn) giveWay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waiting && !c.greeting || c.draining {
		return false
	}
	c.crowded, c.draining = true, true
	if c.greeting {
		c.cancel()
		_ = netConn(c.raw).Close() // there is nobody to tell it to
	} else {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	}
	return true
}

func (c *conn) gaveWay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crowded
}

func (c *conn) setGreeting(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.greeting = on
}

func (c *conn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// abort cuts the connection from outside of the session.
func (c *conn) abort() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = netConn(c.raw).Close()
}

// netConn is the connection below TLS, which closes without a farewell.
func netConn(raw net.Conn) net.Conn {
	for {
		t, ok := raw.(interface{ NetConn() net.Conn })
		if !ok {
			return raw
		}
		raw = t.NetConn()
	}
}

func (c *conn) swap(raw net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = raw
}

// line reads one command line without its CRLF. The octets are good until
// the next read. Between the chunks of a BDAT transfer (inside) the session
// is not idle, and a shutdown waits for it.
func (c *conn) line(inside bool) ([]byte, error) {
	deadline := time.Now().Add(c.srv.cfg.Limits.Idle)
	for seen := 0; ; {
		win := c.in.window()
		if i := bytes.IndexByte(win[seen:], '\n'); i >= 0 {
			line := win[:seen+i+1]
			c.in.use(len(line))
			if len(line) > lineLimit(line, c.sasl) {
				return line, errLongLine
			}
			return cleanLine(line)
		}
		if seen = len(win); seen >= lineLimit(win, c.sasl) {
			head := append([]byte(nil), win[:min(len(win), 5)]...)
			return head, c.skipLine(deadline, inside)
		}
		if err := c.wait(deadline, !inside); err != nil {
			return nil, err
		}
	}
}

// skipLine uses up a line that is too long: errLongLine, or errOverflow when
// its end does not come.
func (c *conn) skipLine(deadline time.Time, inside bool) error {
	for skipped := 0; skipped < maxSkip; {
		win := c.in.window()
		if i := bytes.IndexByte(win, '\n'); i >= 0 {
			c.in.use(i + 1)
			return errLongLine
		}
		skipped += len(win)
		c.in.use(len(win))
		if err := c.wait(deadline, !inside); err != nil {
			return err
		}
	}
	return errOverflow
}

// lost ends the session because no line can be had any more.
func (c *conn) lost(err error) {
	switch {
	case errors.Is(err, errDraining) && c.gaveWay():
		c.say(replyLine(faultCrowd))
	case errors.Is(err, errDraining):
		c.say(replyLine(gateway.FaultShutdown))
	case errors.Is(err, errOverflow):
		c.cut("500 5.5.2 Line too long, closing connection")
	case isTimeout(err):
		c.srv.reject(reasonTimeout)
		c.say("421 4.4.2 Timeout, closing connection")
	}
	c.end()
}

// Close implements net.Conn for go-smtp: it sends what is left to say and
// gives back what the session holds.
func (c *conn) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.end()
	if c.flush() == nil && c.hurried {
		c.linger()
	}
	c.cancel()
	err := c.raw.Close()
	c.in.free()
	c.in = input{}
	c.srv.release(c)
	return err
}

// Bounds of linger.
const (
	lingerTime   = 2 * time.Second
	lingerOctets = 4 << 20
)

// linger lets the peer read the last reply: closing a TCP connection on
// octets that nobody read makes the kernel send a reset, which throws away
// replies under way.
func (c *conn) linger() {
	half, ok := netConn(c.raw).(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	raw := netConn(c.raw)
	_ = raw.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, raw, lingerOctets)
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline implements net.Conn; deadlines are conn's own.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn; see SetDeadline.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn; see SetDeadline.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
