package smtpd

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"gatepost/gateway"
)

// chunk is a BDAT command, RFC 3030 section 2.
type chunk struct {
	size int64 // octets
	left int64 // of these, not yet used
	last bool
}

// parseChunk reads "size [LAST]".
func parseChunk(arg string) (*chunk, bool) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && !strings.EqualFold(words[1], "LAST") {
		return nil, false
	}
	n, ok := parseOctets(words[0])
	return &chunk{size: n, left: n, last: len(words) == 2}, ok
}

// chunkOf reads a BDAT command. When its size is unknown, so is where the
// next command stands, and the session ends.
func (c *conn) chunkOf(arg string) *chunk {
	k, ok := parseChunk(arg)
	if ok {
		return k
	}
	c.srv.reject(reasonSyntax)
	c.cut("501 5.5.4 Syntax: BDAT size [LAST], closing connection")
	return nil
}

// bdat handles the BDAT that opens a transfer. go-smtp is told DATA, and its
// 354 is not sent.
func (c *conn) bdat(arg string) {
	k := c.chunkOf(arg)
	if k == nil {
		return
	}
	if c.mail != nil && len(c.mail.Recipients) > 0 {
		c.chunk = k
		c.pass("DATA", "")
		c.mute()
		return
	}
	line := "503 5.5.1 Send MAIL and RCPT first"
	if c.mail != nil {
		line = "554 5.5.1 No valid recipients"
	}
	// The chunk follows whether or not the command is refused.
	if !c.skipChunk(k.left, time.Now().Add(c.srv.cfg.Limits.Body)) {
		c.srv.reject(reasonSequence)
		c.cut(line)
		return
	}
	c.wrong(reasonSequence, line)
}

// skipChunk throws n octets away and reports whether the session can go on.
func (c *conn) skipChunk(n int64, deadline time.Time) bool {
	if n > c.srv.cfg.Limits.Drain {
		return false
	}
	for n > 0 {
		have := min(n, int64(len(c.in.window())))
		c.in.use(int(have))
		if n -= have; n == 0 {
			break
		}
		block := time.Now().Add(c.srv.cfg.Limits.Block)
		if block.After(deadline) {
			block = deadline
		}
		if c.wait(block, false) != nil {
			return false
		}
	}
	return true
}

// advanceChunk is advance for BDAT.
func (b *body) advanceChunk() error {
	if b.chunk.left > b.c.srv.cfg.MaxMessage-b.size {
		b.c.srv.reject(reasonSize)
		return gateway.FaultTooLarge
	}
	if b.chunk.left == 0 {
		if b.chunk.last {
			return b.endOfChunks()
		}
		return b.nextChunk()
	}
	win := b.c.in.window()
	if len(win) == 0 {
		return b.fill()
	}
	if int64(len(win)) > b.chunk.left {
		win = win[:b.chunk.left]
	}
	_, take, err := b.scan.next(win)
	if err != nil {
		return b.refusal(err)
	}
	b.chunk.left -= int64(take)
	return b.taken(take)
}

// endOfChunks ends the body. Canonical octets end with CRLF, which DATA
// guarantees and BDAT does not.
func (b *body) endOfChunks() error {
	switch {
	case b.scan.cr:
		return b.refusal(faultBareCR)
	case b.scan.line > 0:
		b.missing = "\r\n"
		b.size += int64(len(b.missing))
		b.scan.line = 0
		return nil
	}
	return io.EOF
}

// nextChunk answers the chunk that has been used up and reads commands up to
// the next BDAT. A client that sends RSET or its like instead gives the
// message up: that command is handled after the transfer has ended.
func (b *body) nextChunk() error {
	c := b.c
	c.say("250 2.0.0 Chunk received")
	for time.Now().Before(b.deadline) {
		line, err := c.line(true)
		verb, arg := cutVerb(string(line))
		switch {
		case errors.Is(err, errEnding), errors.Is(err, errLongLine):
			c.badLine(line, err)
		case err != nil:
			return b.lost(err)
		case verb == "BDAT":
			if k := c.chunkOf(arg); k != nil {
				c.in.grow()
				b.chunk = k
				return nil
			}
		case verb == "RSET", verb == "QUIT", verb == "EHLO", verb == "HELO":
			c.again = append([]byte(nil), line...)
			return b.abort()
		default:
			c.betweenChunks(verb)
		}
		if c.ended {
			return b.abort()
		}
	}
	return b.lost(os.ErrDeadlineExceeded)
}

// abort ends a transfer that the client gave up or that cannot go on; what
// is to be said about it has been said or is said by the next command.
func (b *body) abort() error {
	b.aborted = true
	return errAborted
}

// betweenChunks answers a command that has no place inside a BDAT transfer.
func (c *conn) betweenChunks(verb string) {
	switch verb {
	case "DATA":
		if c.synchronized() {
			c.wrong(reasonSequence, "503 5.5.1 BDAT transfer under way")
		}
	case "MAIL", "RCPT", "AUTH", "STARTTLS":
		c.wrong(reasonSequence, "503 5.5.1 BDAT transfer under way")
	default:
		c.otherCommand(verb)
	}
}
