package smtpd

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"testing"
	"time"

	"gatepost/gateway"
)

const goodLogin = "AUTH PLAIN AGFubkBjbGluaWMuZXhhbXBsZQBjb3JyZWN0IGhvcnNl"

// Only failed logins are throttled: the right password after many wrong ones
// from the same trusted address goes through at once.
func TestFailedLoginsAreThrottled(t *testing.T) {
	s := begin(t, &recorder{}, func(c *Config) {
		c.PlaintextLoopback, c.Limits.AuthFailures = true, 5
	})
	wrong := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann@clinic.example\x00wrong"))
	c := s.dial(t)
	c.do("EHLO c", "250")
	for range 4 {
		c.do(wrong, "535 5.7.8")
	}
	c.do(wrong, "421 4.7.0")
	c.wantEnd()
	c = s.dial(t)
	c.do("EHLO c", "250")
	c.do(goodLogin, "235 2.7.0")
}

// A stranger above the limit is not heard until failures are forgiven.
func TestStrangerWithFailedLoginsIsNotHeard(t *testing.T) {
	clock := &fakeClock{now: time.Now()}
	s := beginForeign(t, &recorder{}, func(c *Config) {
		c.Limits.AuthFailures, c.Now = 2, clock.read
	})
	key := netip.MustParseAddr("203.0.113.5")
	s.peers.failed(key)
	s.peers.failed(key)
	login := func() *client {
		c := s.dial(t)
		c.do("EHLO c", "250")
		c.do("STARTTLS", "220")
		c.startTLS()
		c.do("EHLO c", "250")
		return c
	}
	login().do(goodLogin, "421 4.7.0")
	clock.forward(gateway.PasswordForgiven)
	login().do(goodLogin, "235 2.7.0")
}

// What Authenticate answers becomes what the client hears.
func TestAuthenticateAnswers(t *testing.T) {
	for want, answer := range map[string]error{
		"535 5.7.8": errors.New("no such user"),
		"454 4.7.0": gateway.NewFault(454, "4.7.0", "Try later"),
		"535 5.7.9": gateway.NewFault(535, "5.7.9", "Use an application password"),
		"451 4.3.0": errPanicPlease,
	} {
		back := &recorder{login: func(gateway.Peer, string, string) (string, error) {
			if answer == errPanicPlease {
				panic("password")
			}
			return "", answer
		}}
		c := begin(t, back, func(c *Config) { c.PlaintextLoopback = true }).dial(t)
		c.do("EHLO c", "250")
		c.do(goodLogin, want)
		c.do(goodLogin, want)
	}
}

// TestALogInIsDated: the backend hears since when an account is logged in, counted
// from before its password was looked at, and may end the session by 421.
func TestALogInIsDated(t *testing.T) {
	clock := &fakeClock{now: time.Now()}
	begun, since := clock.now, time.Time{}
	back := &recorder{
		login: func(_ gateway.Peer, user, _ string) (string, error) {
			clock.forward(5 * time.Second) // hashing takes its time
			return user, nil
		},
		sender: func(s *gateway.Submission) error {
			since = s.Since
			return gateway.NewFault(421, "4.7.0", "Log in again")
		},
	}
	s := begin(t, back, func(c *Config) {
		c.Listener, c.PlaintextLoopback, c.Now = Submission, true, clock.read
	})
	c := s.dial(t)
	c.do("EHLO c", "250")
	c.do(goodLogin, "235")
	c.do("MAIL FROM:<ann@clinic.example>", "421 4.7.0 Log in again")
	c.wantEnd()
	if !since.Equal(begun) {
		t.Errorf("logged in since %v", since)
	}
}
