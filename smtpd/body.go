package smtpd

import (
	"errors"
	"io"
	"sync"
	"time"

	"gatepost/gateway"
)

// body is the reader that Backend.Accept is given. It reads the connection
// itself and yields canonical octets, or a *gateway.Fault. Its errors stay.
type body struct {
	c        *conn
	scan     scanner
	deadline time.Time // of the whole body

	mu      sync.Mutex // guards what follows and the reading half of c, until finish
	err     error      // io.EOF or a *gateway.Fault; nil while there is more
	ready   int        // octets at the head of the window that belong to the body
	missing string     // CRLF that a BDAT sender left out at the end
	size    int64      // octets of the body so far
	chunk   *chunk     // BDAT; nil for DATA
	thrown  int64      // octets thrown away after a refusal

	aborted bool // the client gave a BDAT transfer up; its next command is in c.again
	overrun bool // the end of the body was not found: nothing more is read
}

// Faults of the connection, as the Backend sees them.
var (
	faultTimeout = gateway.NewFault(421, "4.4.2", "Timeout waiting for message data, closing connection")
	faultLost    = gateway.NewFault(421, "4.4.2", "Connection lost inside the message")
	errAborted   = gateway.NewFault(451, "4.5.0", "Message given up by the client")
	errBodyDone  = errors.New("the body ended with Accept")
)

// newBody starts a transfer: c.chunk says by which command.
func newBody(c *conn) *body {
	b := &body{c: c, chunk: c.chunk, deadline: time.Now().Add(c.srv.cfg.Limits.Body)}
	c.chunk = nil
	b.scan = scanner{dots: b.chunk == nil, limit: c.srv.cfg.Limits.LineLength}
	c.in.grow()
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for b.ready == 0 && b.missing == "" {
		if b.err != nil {
			return 0, b.err
		}
		b.err = b.advance()
	}
	if b.ready == 0 {
		n := copy(p, b.missing)
		b.missing = b.missing[n:]
		return n, nil
	}
	n := copy(p, b.c.in.window()[:b.ready])
	b.c.in.use(n)
	b.ready -= n
	return n, nil
}

// advance finds the next octets of the body. ready must be 0.
func (b *body) advance() error {
	if b.chunk != nil {
		return b.advanceChunk()
	}
	skip, take, err := b.scan.next(b.c.in.window())
	b.c.in.use(skip)
	if err == errMore {
		return b.fill()
	}
	if err != nil {
		return b.refusal(err)
	}
	return b.taken(take)
}

// taken counts n octets of the body in; they are used up at once when they
// are too many, so that scan and window agree on where a drain begins.
func (b *body) taken(n int) error {
	b.size += int64(n)
	if over := b.size - b.c.srv.cfg.MaxMessage; over > 0 {
		b.c.in.use(n)
		b.thrown += over
		b.c.srv.reject(reasonSize)
		return gateway.FaultTooLarge
	}
	b.ready = n
	return nil
}

// refusal counts what a body is refused for.
func (b *body) refusal(err error) error {
	switch err {
	case faultBareCR, faultBareLF:
		b.c.srv.reject(reasonEnding)
	case faultNUL:
		b.c.srv.reject(reasonNUL)
	case faultLongLine:
		b.c.srv.reject(reasonLine)
	}
	return err
}

// fill reads more octets: each read has Limits.Block, all have Limits.Body.
// After an error the session ends.
func (b *body) fill() error {
	now := time.Now()
	deadline := now.Add(b.c.srv.cfg.Limits.Block)
	if deadline.After(b.deadline) {
		deadline = b.deadline
	}
	if err := b.c.wait(deadline, false); err != nil {
		return b.lost(err)
	}
	return nil
}

// lost ends the session together with the body: where the octets stop coming
// in the middle of a message, nothing that comes later is a command.
func (b *body) lost(err error) error {
	b.overrun = true
	if isTimeout(err) {
		b.c.srv.reject(reasonTimeout)
		return faultTimeout.Because(err)
	}
	return faultLost.Because(err)
}

// finish takes the connection back from the Backend, whose Accept returned
// accepted, throws away what was left unread, and returns why the message is
// refused; nil when it is accepted.
func (b *body) finish(accepted error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := b.err
	b.ready, b.missing = b.drop(b.ready), ""
	if b.err == nil && accepted == nil {
		b.readOut()
	}
	if b.err != io.EOF {
		b.skipRest()
	}
	ended := b.err
	b.err = errBodyDone
	switch {
	case shown != nil && shown != io.EOF:
		return shown // what the body is refused for goes before what came of it
	case accepted != nil:
		return accepted
	case ended != io.EOF:
		return ended
	}
	return nil
}

// drop uses up n octets of the window and returns 0.
func (b *body) drop(n int) int {
	b.c.in.use(n)
	return 0
}

// readOut goes on checking a body whose Backend was content before its end.
func (b *body) readOut() {
	for b.err == nil {
		if b.err = b.advance(); b.err == nil {
			b.ready, b.missing = b.drop(b.ready), ""
		}
	}
}

// skipRest throws away the rest of a refused body: of DATA up to the
// terminator, of BDAT the chunk, whose answer the refusal is. When that is
// too much or takes too long, the session ends with the answer.
func (b *body) skipRest() {
	if b.overrun || b.aborted {
		return
	}
	if b.chunk != nil {
		b.overrun = !b.c.skipChunk(b.chunk.left, b.deadline)
		return
	}
	d := drainFrom(&b.scan)
	for {
		n, done := d.next(b.c.in.window())
		b.c.in.use(n)
		b.thrown += int64(n)
		switch {
		case done:
			return
		case b.thrown > b.c.srv.cfg.Limits.Drain:
			b.overrun = true
			return
		case b.fill() != nil:
			return
		}
	}
}
