package main

import (
	"context"
	"errors"
	"net"
	"time"

	"gatepost/gateway/mailmsg"
	"gatepost/viewer/imapd"
	"gatepost/viewer/library"
)

// listenIMAP opens the listeners for the mail clients of the staff.
func (s *server) listenIMAP(ctx context.Context) error {
	c := s.config
	s.background(func() { s.flow.FileMail(ctx) }) // also where nobody listens: the folders are complete when somebody does
	if c.Listen.IMAP+c.Listen.IMAPS == "" {
		return nil
	}
	var err error
	s.imap, err = imapd.New(imapd.Config{
		Hostname: c.Hostname, TLS: s.cert.config(nil), PlaintextLoopback: c.IMAP.PlaintextLoopback, MaxMessage: int64(c.Relay.MaxMessage),
		Now: time.Now, Logger: s.log, Metrics: s.registry,
	}, s.flow, library.New(s.keyring.Opener(), s.bodies, mailmsg.View).While(s.flow.MailStands))
	if err != nil {
		return exit{exitConfig, err}
	}
	for _, l := range []struct {
		name, addr string
		serve      func(net.Listener) error
	}{{"imap", c.Listen.IMAP, s.imap.Serve}, {"imaps", c.Listen.IMAPS, s.imap.ServeTLS}} {
		if l.addr == "" {
			continue
		}
		listener, err := s.listen(l.name, l.addr)
		if err != nil {
			return err
		}
		s.background(func() {
			if err := l.serve(listener); err != nil && !errors.Is(err, net.ErrClosed) {
				s.log.Error("listener ended", "listener", l.name, "error", err)
			}
		})
	}
	return nil
}
