package imapd

import (
	"time"
)

// literal is the message of an APPEND on its way. go-imap reads it when it has
// understood the command, or answers without: then what the client sends
// nevertheless is thrown away, and never read as commands.
type literal struct {
	left     int64
	sync     bool // the client waits until it is asked
	eight    bool // literal8 (RFC 4466)
	asked    bool // it was
	answered bool // go-imap has answered the command; guarded by conn.writing
}

// readLiteral gives go-imap octets of the message. It returns false when there
// are none left, or when go-imap has answered already.
func (c *conn) readLiteral(p []byte) (int, bool) {
	l := c.literal
	c.writing.Lock()
	answered := l.answered
	c.writing.Unlock()
	if answered {
		c.endLiteral()
		return 0, false
	}
	if l.left == 0 {
		c.endLiteral()
		return 0, false
	}
	if l.sync && !l.asked {
		l.asked = true
		c.say("+ Ready for the message")
	}
	n, err := c.octets(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil && n == 0 {
		c.end()
		c.literal = nil
		return 0, false
	}
	return n, true
}

// octets reads some of a literal.
func (c *conn) octets(p []byte) (int, error) {
	if c.in.Buffered() == 0 {
		if err := c.flush(); err != nil {
			return 0, err
		}
		_ = c.current().SetReadDeadline(time.Now().Add(c.srv.cfg.Limits.Block))
	}
	return c.in.Read(p)
}

// endLiteral reads what belongs to the APPEND after its message: the rest of a
// message that go-imap did not want, and the end of the line.
func (c *conn) endLiteral() {
	l := c.literal
	c.literal = nil
	if l.sync && !l.asked {
		return // the client never sent anything
	}
	var scratch [4096]byte
	for l.left > 0 {
		n, err := c.octets(scratch[:min(int64(len(scratch)), l.left)])
		if l.left -= int64(n); err != nil && n == 0 {
			c.end()
			return
		}
	}
	line, err := c.plainLine(maxTag)
	if err != nil {
		c.end()
		return
	}
	c.writing.Lock()
	answered := l.answered
	c.writing.Unlock()
	switch {
	case answered:
	case line == "" && !l.eight, line == ")", line == "" && l.eight:
		c.forward = []byte(line + "\r\n")
	default: // several messages at once, which nobody offered
		c.bye("One message in an APPEND")
	}
}
