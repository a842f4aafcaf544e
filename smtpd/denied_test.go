package smtpd

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestRefusedRelayingIsLogged: a server that relay.trusted forgets is found in
// the log by its address, once a minute however often it tries; the recipient
// is not.
func TestRefusedRelayingIsLogged(t *testing.T) {
	for listener, want := range map[string]int{Relay: 2, Inbound: 0} {
		var out bytes.Buffer
		var mu sync.Mutex
		now := time.Now()
		s := beginForeign(t, ownOnly(), func(c *Config) {
			c.Listener = listener
			c.Logger = slog.New(slog.NewJSONHandler(lockedWriter{&mu, &out}, nil))
			c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		})
		lines := func() int {
			mu.Lock()
			defer mu.Unlock()
			return strings.Count(out.String(), `"level":"WARN","msg":"relaying denied","listener":"relay","peer":"203.0.113.`)
		}
		c := s.dial(t)
		c.do("EHLO c", "250")
		c.do("MAIL FROM:<ann@clinic.example>", "250")
		for range 3 {
			c.do("RCPT TO:<pat@out.example>", "550 5.7.1 Relaying denied")
		}
		if n := lines(); n != min(want, 1) {
			t.Errorf("%s: %d lines for one peer at once:\n%s", listener, n, out.String())
		}
		mu.Lock()
		now = now.Add(deniedEvery)
		mu.Unlock()
		c.do("RCPT TO:<pat@out.example>", "550 5.7.1 Relaying denied")
		if n := lines(); n != want || strings.Contains(out.String(), "out.example") {
			t.Errorf("%s: %d lines a minute later:\n%s", listener, n, out.String())
		}
	}
}

// Guesses at addresses cost time, over many sessions too, and on the listener
// for the world whoever the peer is; elsewhere a trusted peer's, and a good
// recipient anywhere, cost nothing.
func TestGuessingIsSlowed(t *testing.T) {
	back := func() *recorder {
		return &recorder{recipient: func(_ *gateway.Submission, to gateway.Recipient) error {
			if to.Address.Local() == "ann" {
				return nil
			}
			return gateway.FaultNoSuchUser
		}}
	}
	guess := func(s *running, sessions, guesses int) time.Duration {
		began := time.Now()
		for range sessions {
			c := s.dial(t)
			c.do("EHLO c", "250")
			c.do("MAIL FROM:<x@out.example>", "250")
			for range guesses {
				c.do("RCPT TO:<r.aaaaaaaaaaaaaaaaaaaaaaaaaa@reply.example>", "550 5.1.1")
				c.do("RCPT TO:<ann@reply.example>", "250")
			}
			c.do("QUIT", "221")
		}
		return time.Since(began)
	}
	slow := func(c *Config) { c.Listener, c.Limits.RefusalDelay = Inbound, 5*time.Millisecond }
	// Ten are free, then 5 ms more for each, up to 50 ms: (1+…+10)×5 + 10×50.
	if took := guess(begin(t, back(), slow), 3, 10); took < 700*time.Millisecond {
		t.Errorf("30 guesses took %v", took)
	}
	if took := guess(begin(t, back(), slow), 1, 8); took > 300*time.Millisecond {
		t.Errorf("8 guesses took %v", took)
	}
	trusted := func(c *Config) {
		slow(c)
		c.Listener, c.Trusted = Relay, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	if took := guess(begin(t, back(), trusted), 1, 40); took > 600*time.Millisecond {
		t.Errorf("a trusted peer's 40 took %v", took)
	}
}

func TestRefusalDelay(t *testing.T) {
	l := Limits{}.withDefaults(1)
	for n, want := range map[int]time.Duration{1: 0, 10: 0, 11: 20 * time.Millisecond, 20: 200 * time.Millisecond, 1000: 200 * time.Millisecond} {
		if d := l.refusalDelay(n); d != want {
			t.Errorf("%d: %v", n, d)
		}
	}
}
