package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gatepost/gateway"
	"gatepost/gateway/config"
)

// waitForEnd reloads on SIGHUP until ctx ends.
func (s *server) waitForEnd(ctx context.Context, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			if err := s.reload(ctx); err != nil {
				s.log.Error("reload refused, the running configuration stays", "error", err)
				continue
			}
			s.warn()
			s.log.Info("reloaded", "mode", s.config.Mode.String())
		}
	}
}

// reload takes over a new configuration, all or nothing.
func (s *server) reload(ctx context.Context) error {
	next, err := loadConfig(s.env)
	if err != nil {
		return err
	}
	if err := restartOnly(s.config, next); err != nil {
		return err
	}
	if err := makeDKIM(next); err != nil { // of a new domain; a key that nobody uses yet does no harm
		return err
	}
	judge, settings, err := s.configure(next)
	if err != nil {
		return err
	}
	trial := new(certificate)
	if err := trial.Load(next); err != nil {
		return err
	}
	if err := new(carrier).load(next); err != nil {
		return err
	}
	accounts, err := smppAccounts(next)
	if err != nil {
		return err
	}
	if err := s.record(ctx, gateway.Record{Event: gateway.EventConfigLoaded, Actor: "system", Detail: map[string]string{
		"mode": next.Mode.String(), "policy": judge.Policy().Digest(), "words": judge.Policy().WordsDigest(),
	}}); err != nil {
		return err
	}
	s.cert.current.Store(trial.current.Load())
	if err := s.carrier.load(next); err != nil {
		return err // cannot be: it was tried above
	}
	for _, server := range s.smtp {
		server.SetTrusted(next.Relay.Trusted)
	}
	if s.smpp != nil {
		if err := s.smpp.SetAccounts(accounts); err != nil {
			return err // cannot be: the configuration was checked
		}
	}
	s.flow.Configure(settings, judge)
	s.config = next
	return nil
}

// restartOnly refuses what a running server could take over only in part.
func restartOnly(running, next *config.Config) error {
	for _, change := range config.Changes(running, next) {
		if change.Restart {
			return fmt.Errorf("%s cannot change while the server runs: restart", change.Path)
		}
	}
	if running.Organization.Domains[0] != next.Organization.Domains[0] {
		return errors.New("the first of organization.domains cannot change while the server runs: restart")
	}
	return nil
}
