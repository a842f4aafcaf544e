package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
	"gatepost/smppd"
	"gatepost/smppd/text"
	"gatepost/smppd/upstream"
)

// smsSettings is what the journeys know of short messages; nil when there are
// none.
func smsSettings(c *config.Config) (*flow.SMSSettings, error) {
	if c.SMS == nil {
		return nil, nil
	}
	s := &flow.SMSSettings{Domain: c.SMS.Domain, Country: c.SMS.Country, PartTimeout: c.SMS.Timers.PartTimeout}
	if c.SMS.Sender != "" {
		var err error
		if s.Sender, err = gateway.ParseLine(c.SMS.Sender); err != nil {
			return nil, err
		}
	}
	for _, a := range c.SMS.Accounts {
		inbox, err := gateway.ParseAddress(a.Inbox)
		if err != nil {
			return nil, err
		}
		lines, any, err := senders(a.Senders)
		if err != nil {
			return nil, err
		}
		s.Accounts = append(s.Accounts, flow.SMSAccount{SystemID: a.SystemID, Inbox: inbox, Senders: lines, AnySender: any, Answers: a.Answers, Campaigns: a.Campaign})
	}
	return s, nil
}

// senders reads the source addresses of an account.
func senders(list []string) (lines []gateway.Line, any bool, err error) {
	for _, text := range list {
		if text == config.AnySender {
			any = true
			continue
		}
		l, err := gateway.ParseLine(text)
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, l)
	}
	return lines, any, nil
}

// smppAccounts are the applications that may bind.
func smppAccounts(c *config.Config) ([]smppd.Account, error) {
	if c.SMS == nil {
		return nil, nil
	}
	var all []smppd.Account
	for _, a := range c.SMS.Accounts {
		lines, any, err := senders(a.Senders)
		if err != nil {
			return nil, err
		}
		all = append(all, smppd.Account{
			SystemID: a.SystemID, Password: gateway.Sensitive(a.Password.Reveal()), Senders: lines, AnySender: any,
			Rate: a.Rate, Window: a.Window, Sessions: a.Sessions,
		})
	}
	return all, nil
}

// upstreamConfig is how we bind at the carrier.
func upstreamConfig(c *config.Config) (upstream.Config, error) {
	u := c.SMS.Upstream
	k := upstream.Config{
		Addr: u.Addr, SystemID: u.SystemID, Password: gateway.Sensitive(u.Password.Reveal()), Bind: upstream.Bind(u.Bind), Window: u.Window, Rate: u.Rate,
		Timers:       upstream.Timers{EnquireLink: c.SMS.Timers.EnquireLink, Response: c.SMS.Timers.Response},
		ParseReceipt: text.Texts{}.ParseReceipt, Now: time.Now,
	}
	if u.TLS != config.TLSVerify {
		return k, nil
	}
	k.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if u.CA == "" {
		return k, nil
	}
	raw, err := os.ReadFile(u.CA)
	k.TLS.RootCAs = x509.NewCertPool()
	if err != nil || !k.TLS.RootCAs.AppendCertsFromPEM(raw) {
		return k, fmt.Errorf("sms.upstream.ca: no certificates in %s", u.CA)
	}
	return k, nil
}

// openSMS makes what the journeys need of the world of telephones.
func (s *system) openSMS(p *flow.Parts) error {
	p.Texts = text.Texts{}
	if s.config.SMS == nil || s.config.SMS.Upstream == nil {
		return nil
	}
	k, err := upstreamConfig(s.config)
	if err != nil {
		return exit{exitConfig, err}
	}
	k.Logger, k.Metrics, k.Ready = s.log, s.registry, func() { s.flow.ResumeSMS() }
	s.smsc = upstream.New(k)
	p.SMS = s.smsc
	return nil
}

// startSMS binds at the carrier. It has no part in readiness: while the carrier
// is away messages are accepted and wait.
func (s *server) startSMS(ctx context.Context) {
	if s.smsc == nil {
		return
	}
	s.background(func() {
		if err := s.smsc.Run(ctx, s.flow); err != nil && !errors.Is(err, upstream.ErrShutdown) && ctx.Err() == nil {
			s.log.Error("the client towards the carrier ended", "error", err)
		}
	})
}

// listenSMPP opens the listeners for applications.
func (s *server) listenSMPP() error {
	c := s.config
	if c.Listen.SMPP+c.Listen.SMPPS == "" {
		return nil
	}
	accounts, err := smppAccounts(c)
	if err != nil {
		return exit{exitConfig, err}
	}
	k := smppd.Config{
		Accounts: accounts, TLS: s.cert.config(nil), Place: text.Texts{}.Place, Receipt: text.Texts{}.ComposeReceipt, Older: text.Texts{}.Older,
		Login: s.flow.LoginSMS, Now: time.Now, Logger: s.log, Metrics: smppd.NewMetrics(s.registry),
	}
	if c.SMS != nil {
		t := c.SMS.Timers
		k.Timers = smppd.Timers{SessionInit: t.SessionInit, EnquireLink: t.EnquireLink, Response: t.Response, Redeliver: t.Redeliver, PartTimeout: t.PartTimeout}
	}
	if s.smpp, err = smppd.New(k, s.flow); err != nil {
		return exit{exitConfig, err}
	}
	for _, l := range []struct {
		name, addr string
		serve      func(net.Listener) error
	}{{smppd.SMPP, c.Listen.SMPP, s.smpp.Serve}, {smppd.SMPPS, c.Listen.SMPPS, s.smpp.ServeTLS}} {
		if l.addr == "" {
			continue
		}
		listener, err := s.listen(l.name, l.addr)
		if err != nil {
			return err
		}
		s.background(func() {
			if err := l.serve(listener); err != nil {
				s.log.Error("listener ended", "listener", l.name, "error", err)
			}
		})
	}
	return nil
}
