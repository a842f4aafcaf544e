package smtpd

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
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
