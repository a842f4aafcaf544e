package smtpd

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/smtpd/relay"
)

// Our own client against our own server: octets, envelope and options of a
// mail come out as they went in, over TLS with AUTH, mail after mail.
func TestRelayIntoServer(t *testing.T) {
	back := &recorder{}
	s := begin(t, back, func(c *Config) { c.Listener = Submission })
	c := relay.New(relay.Config{Hostname: "gate.example"})
	defer c.Close()
	r := relay.Route{Host: s.addr, TLS: relay.Verify, RootCAs: s.auth.pool, User: "ann@clinic.example", Password: "correct horse"}
	random := rand.New(rand.NewPCG(7, 7))
	for n := range 150 {
		body := randomBody(random)
		tx := &relay.Transaction{
			From: gateway.MustAddress("ann@clinic.example"), EightBit: true, UTF8: n%2 == 0, Size: int64(len(body)), EnvID: "a+b c", Return: "HDRS",
			Recipients: []gateway.Recipient{
				{Address: gateway.MustAddress(`"a b"@out.example`), Notify: "SUCCESS,DELAY", Original: "rfc822;pat@out.example"},
				{Address: gateway.MustAddress("unknown@out.example")},
				{Address: gateway.MustAddress("kim@out.example"), Notify: "NEVER"},
			},
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil },
		}
		out := c.Deliver(t.Context(), r, relay.SafeHop, func(_ gateway.TLSState, met bool) (*relay.Transaction, error) {
			if !met {
				t.Error("a verified hop is safe")
			}
			return tx, nil
		})
		for i, want := range []gateway.Result{gateway.Sent, gateway.Failed, gateway.Sent} {
			if out[i].Result != want || !out[i].TLS.Verified {
				t.Fatalf("mail %d, recipient %d: %v %s %s", n, i, out[i].Result, out[i].Phase, out[i].Status)
			}
		}
		got := back.all()[n]
		if string(got.body) != body {
			t.Fatalf("mail %d: got %q, want %q", n, got.body, body)
		}
		sub := got.sub
		if sub.EnvID != tx.EnvID || sub.Return != "HDRS" || sub.UTF8 != tx.UTF8 || !sub.EightBit || len(sub.Recipients) != 2 || sub.Recipients[0] != tx.Recipients[0] || sub.Recipients[1] != tx.Recipients[2] {
			t.Fatalf("mail %d: another envelope", n)
		}
	}
}

// randomBody is canonical: lines of anything but NUL, CR and LF, many of which
// begin with dots.
func randomBody(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(40) {
		b.WriteString(strings.Repeat(".", r.IntN(3)))
		for range r.IntN(1 + r.IntN(3000)) {
			c := byte(r.IntN(256))
			if c == 0 || c == '\r' || c == '\n' {
				c = '.'
			}
			b.WriteByte(c)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}
