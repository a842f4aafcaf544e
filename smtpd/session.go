package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gatepost/gateway"
)

// session is what go-smtp calls. It ignores what go-smtp read out of the
// commands, which conn made up, and takes what conn has read.
type session struct{ c *conn }

var _ smtp.AuthSession = (*session)(nil)

// Reset implements smtp.Session.
func (s *session) Reset() { s.c.mail = nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(string, *smtp.MailOptions) error {
	c := s.c
	sub := c.next.mail
	err := c.guard(func() error { return c.srv.backend.Sender(c.ctx, &sub) })
	if err != nil {
		c.srv.reject(reasonSender)
		return c.fail(err)
	}
	c.mail = &sub
	c.instead("250 2.1.0 Ok")
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	c := s.c
	err := c.guard(func() error { return c.srv.backend.Recipient(c.ctx, c.mail, c.next.rcpt) })
	if err != nil {
		return c.refuseRecipient(err)
	}
	c.mail.Recipients = append(c.mail.Recipients, c.next.rcpt)
	c.instead("250 2.1.5 Ok")
	return nil
}

// refuseRecipient answers a RCPT that the Backend refused. A stranger who
// tries address after address is sent away.
func (c *conn) refuseRecipient(err error) error {
	c.srv.reject(reasonRecipient)
	c.refused++
	if c.srv.cfg.Listener == Relay && errors.Is(err, gateway.FaultNoRelay) && c.srv.peers.denied(c.key) {
		c.log.Warn("relaying denied") // the one sign that a server of ours is missing in relay.trusted
	}
	if c.guesser() && !gateway.FaultOf(err).Temporary() {
		c.srv.sleep(c.srv.cfg.Limits.refusalDelay(c.srv.peers.refused(c.key)))
	}
	if c.stranger() && c.refused > c.srv.cfg.Limits.BadRecipients {
		c.srv.reject(reasonBad)
		return c.fail(faultHarvest)
	}
	return c.fail(err)
}

// guesser reports whether refused recipients cost the peer time: reply
// addresses are not to be found by trying. On the listener for the world they
// cost everybody some: whoever forwards to it speaks for strangers.
func (c *conn) guesser() bool { return c.srv.cfg.Listener == Inbound || c.stranger() }

var faultHarvest = gateway.NewFault(421, "4.7.0", "Too many bad recipients, closing connection")

// Data implements smtp.Session. go-smtp calls it after 354 and then reads the
// empty body that conn shows it.
func (s *session) Data(io.Reader) error {
	c := s.c
	c.forward = append(c.forward[:0], ".\r\n"...)
	// The Backend may take its time before it reads; the client must not wait
	// for 354 meanwhile. A failed flush is found out by the first read.
	_ = c.flush()
	return c.transfer()
}

// guard runs a call of the Backend. A panic is an error of ours, and ours are
// temporary.
func (c *conn) guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.srv.reject(reasonPanic)
			err = fmt.Errorf("panic: %T", p)
			c.log.Error("the backend panicked", "error", gateway.PanicText(p), "path", gateway.PanicPlace())
		}
	}()
	return call()
}

// fail is err as go-smtp answers it exactly. 421 ends the session, RFC 5321
// section 3.8.
func (c *conn) fail(err error) error {
	f := sound(gateway.FaultOf(err))
	var fault *gateway.Fault
	if !errors.As(err, &fault) {
		c.log.Warn("unclassified error", "error", err)
	}
	if f.Code == 421 {
		c.endAfterReply()
	}
	return smtpError(f)
}

// endAfterReply ends the session once go-smtp has written its reply.
func (c *conn) endAfterReply() {
	c.ended, c.hurried = true, true
	c.again = nil
}

// accept hands the transaction to the Backend.
func (c *conn) accept(b *body) (id gateway.MessageID, err error) {
	l := &c.srv.cfg.Limits
	ctx, cancel := context.WithTimeout(c.ctx, l.Body+l.Accept)
	defer cancel()
	err = c.guard(func() (err error) {
		id, err = c.srv.backend.Accept(ctx, *c.mail, b)
		return err
	})
	return id, err
}

// transfer takes the body of the transaction, by DATA or BDAT, and returns
// the reply: nothing is 250 before the Backend has returned.
func (c *conn) transfer() error {
	b := newBody(c)
	started := time.Now()
	id, err := c.accept(b)
	err = b.finish(err)
	c.srv.cfg.Metrics.octets.WithLabelValues(c.srv.cfg.Listener).Add(float64(b.size))
	if b.aborted {
		c.mute()
		return errAborted
	}
	reply := &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Ok: queued as " + id.String()}
	if err != nil {
		reply = c.fail(err).(*smtp.SMTPError)
	} else {
		c.bad = 0
	}
	if b.overrun {
		c.endAfterReply()
	}
	c.srv.cfg.Metrics.messages.WithLabelValues(c.srv.cfg.Listener, class(reply.Code)).Inc()
	c.log.Debug("message answered", "code", reply.Code, "bytes", b.size, "duration", time.Since(started))
	return reply
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{"PLAIN", "LOGIN"} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism == "LOGIN" {
		return &loginServer{check: s.c.authenticate}, nil
	}
	return &plainServer{check: s.c.authenticate}, nil
}
