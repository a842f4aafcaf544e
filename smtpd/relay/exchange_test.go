package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"gatepost/gateway"
)

var everything = []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000"}

// ifRcpt answers RCPT by what its line holds, else as usual.
func ifRcpt(part, answer string) map[string]func(*peer, string) bool {
	return on("RCPT", func(p *peer, line string) bool {
		if strings.Contains(line, part) {
			p.say(answer)
			return true
		}
		return false
	})
}

// Half of the recipients refused: each gets its own outcome, the others the
// mail, with and without pipelining.
func TestHalfOfTheRecipientsRefused(t *testing.T) {
	for _, ehlo := range [][]string{nil, everything} {
		srv := serve(t, script{ehlo: ehlo, on: on("RCPT", func(p *peer, line string) bool {
			switch {
			case strings.Contains(line, "no"):
				p.say("550-5.1.1 not", "550 5.1.1 here")
			case strings.Contains(line, "later"):
				p.say("451 4.2.1 later")
			default:
				return false
			}
			return true
		})})
		out := deliver(client(t, nil), srv, mail("a@out.example", "no@out.example", "b@out.example", "later@out.example"))
		want := []gateway.Result{gateway.Sent, gateway.Failed, gateway.Sent, gateway.Deferred}
		for i, o := range out {
			if o.Result != want[i] {
				t.Errorf("recipient %d: %v %s", i, o.Result, o.Status)
			}
		}
		if out[1].Text.Reveal() != "5.1.1 not 5.1.1 here" || out[1].Code != 550 || out[1].Phase != "rcpt" {
			t.Errorf("text %q", out[1].Text.Reveal())
		}
		if got := srv.taken(); len(got) != 1 || len(got[0].rcpts) != 2 || got[0].body != sample {
			t.Errorf("taken %d", len(got))
		}
	}
}

// A pipelining server whose recipients were all refused and that says 354 all
// the same is given a lone dot and no body; the connection can go on.
func TestPipelinedDATAAfterRefusals(t *testing.T) {
	for name, data := range map[string]func(*peer, string) bool{
		"354": func(p *peer, _ string) bool { p.say("354 go"); return p.data() },
		"554": say("554 5.5.1 no valid recipients"),
		"503": say("503 no"),
	} {
		t.Run(name, func(t *testing.T) {
			var refuse atomic.Bool
			refuse.Store(true)
			srv := serve(t, script{ehlo: everything, on: map[string]func(*peer, string) bool{
				"RCPT": func(p *peer, _ string) bool {
					if refuse.Load() {
						p.say("550 5.1.1 unknown")
					}
					return refuse.Load()
				},
				"DATA": func(p *peer, l string) bool { return refuse.Load() && data(p, l) },
			}})
			c := client(t, nil)
			if o := deliver(c, srv, mail("a@out.example", "b@out.example")); o[0].Result != gateway.Failed || o[1].Result != gateway.Failed {
				t.Errorf("results %v %v", o[0].Result, o[1].Result)
			}
			refuse.Store(false)
			waitIdle(t, c, 1)
			if o := deliver(c, srv, mail("a@out.example"))[0]; o.Result != gateway.Sent {
				t.Errorf("next mail: %v %s %s", o.Result, o.Phase, o.Status)
			}
			for _, d := range srv.taken() {
				if d.body != "" && d.body != sample {
					t.Errorf("body %q", d.body)
				}
			}
			if n := len(srv.peers()); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// waitIdle waits until n connections are kept.
func waitIdle(t *testing.T, c *Client, n int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		c.pool.mu.Lock()
		have := 0
		for _, list := range c.pool.idle {
			have += len(list)
		}
		c.pool.mu.Unlock()
		if have == n {
			return
		}
	}
	t.Fatalf("not %d idle connections", n)
}

// MAIL refused in a pipelined group: what follows is read and ignored, and
// the connection stays in step.
func TestPipelinedMAILRefused(t *testing.T) {
	first := true
	srv := serve(t, script{ehlo: everything, on: on("MAIL", func(p *peer, _ string) bool {
		if first {
			first = false
			p.say("550 5.7.1 not from you")
			return true
		}
		return false
	}, "RCPT", func(p *peer, _ string) bool {
		if p.now.mail == "" {
			p.say("503 5.5.1 MAIL first")
		}
		return p.now.mail == ""
	})})
	c := client(t, nil)
	if o := deliver(c, srv, mail("a@out.example", "b@out.example")); o[0].Result != gateway.Failed || o[1].Code != 550 {
		t.Errorf("result %v code %d", o[0].Result, o[1].Code)
	}
	waitIdle(t, c, 1)
	if o := deliver(c, srv, mail("a@out.example"))[0]; o.Result != gateway.Sent || len(srv.peers()) != 1 {
		t.Errorf("next mail: %v, %d connections", o.Result, len(srv.peers()))
	}
}

// A next hop that says too much is out of step: no refusal of it is believed,
// for it may belong to another recipient, and no 250 that came before the body.
func TestNextHopOutOfStep(t *testing.T) {
	twice := on("MAIL", say("250 ok", "250 ok again"), "RCPT", func(p *peer, line string) bool {
		if strings.Contains(line, "no@") {
			p.say("550 5.1.1 unknown")
		} else {
			p.say("250 2.1.5 ok")
		}
		p.now.rcpts = append(p.now.rcpts, line)
		return true
	})
	odd := on("RCPT", func(p *peer, line string) bool {
		p.now.rcpts = append(p.now.rcpts, line)
		if strings.Contains(line, "no@") {
			p.say("550 5.1.1 unknown")
		} else {
			p.say("354 what")
		}
		return true
	})
	early := on("DATA", func(p *peer, _ string) bool {
		p.say("354 go", "250 2.0.0 taken")
		_, _ = io.Copy(io.Discard, p.br)
		return true
	})
	for name, do := range map[string]map[string]func(*peer, string) bool{"MAIL answered twice": twice, "354 to RCPT": odd, "250 before the body": early} {
		for _, ehlo := range [][]string{nil, everything} {
			t.Run(fmt.Sprintf("%s %d", name, len(ehlo)), func(t *testing.T) {
				srv := serve(t, script{ehlo: ehlo, on: do})
				for i, o := range deliver(client(t, hasty), srv, mail("no@out.example", "pat@out.example")) {
					if o.Result != gateway.Deferred || o.Status != "4.5.0" {
						t.Errorf("recipient %d: %v %s %s", i, o.Result, o.Phase, o.Status)
					}
				}
			})
		}
	}
}

// What a next hop says behind the reply to the body is not kept for the next
// mail.
func TestChatterIsNotKept(t *testing.T) {
	for _, ehlo := range [][]string{nil, everything} {
		srv := serve(t, script{ehlo: ehlo, on: on(".", say("250 2.0.0 ok", "250 and more"))}, script{ehlo: ehlo})
		c := client(t, nil)
		for range 2 {
			if o := deliver(c, srv, mail("pat@out.example"))[0]; o.Result != gateway.Sent {
				t.Errorf("%v %s", o.Result, o.Status)
			}
		}
		if n := len(srv.peers()); n != 2 {
			t.Errorf("%d connections", n)
		}
	}
}

// "Too many recipients" is no refusal: the rest follow in further
// transactions on the same connection.
func TestTooManyRecipientsAreSplit(t *testing.T) {
	for _, ehlo := range [][]string{nil, everything} {
		for _, answer := range []string{"452 4.5.3 too many", "552 too many"} {
			srv := serve(t, script{ehlo: ehlo, on: on("RCPT", func(p *peer, _ string) bool {
				if len(p.now.rcpts) >= 3 {
					p.say(answer)
				}
				return len(p.now.rcpts) >= 3
			})})
			var to []string
			for i := range 10 {
				to = append(to, fmt.Sprintf("r%d@out.example", i))
			}
			for i, o := range deliver(client(t, nil), srv, mail(to...)) {
				if o.Result != gateway.Sent {
					t.Errorf("recipient %d: %v %s", i, o.Result, o.Status)
				}
			}
			if n := len(srv.taken()); n != 4 || len(srv.peers()) != 1 {
				t.Errorf("%d transactions on %d connections", n, len(srv.peers()))
			}
		}
	}
}

// What the next hop cannot carry is refused in our words, without asking it.
func TestWhatTheNextHopCannotCarry(t *testing.T) {
	for name, tc := range map[string]struct {
		ehlo   []string
		change func(*Transaction)
		status string
		result gateway.Result
	}{
		"8-bit":                  {[]string{"SIZE"}, func(tx *Transaction) { tx.EightBit = true }, "5.6.3", gateway.Failed},
		"UTF-8 header":           {[]string{"8BITMIME"}, func(tx *Transaction) { tx.UTF8 = true }, "5.6.7", gateway.Failed},
		"UTF-8 sender":           {[]string{"8BITMIME"}, func(tx *Transaction) { tx.From = gateway.MustAddress("änn@clinic.example") }, "5.6.7", gateway.Failed},
		"UTF-8 recipient":        {[]string{"8BITMIME"}, func(tx *Transaction) { tx.Recipients[0].Address = gateway.MustAddress("pät@out.example") }, "5.6.7", gateway.Failed},
		"too large":              {[]string{"SIZE 10"}, nil, "5.3.4", gateway.Failed},
		"SIZE without a number":  {[]string{"SIZE"}, nil, "2.0.0", gateway.Sent},
		"SIZE 0 is no limit":     {[]string{"SIZE 0"}, nil, "2.0.0", gateway.Sent},
		"SIZE is no number":      {[]string{"SIZE many"}, nil, "2.0.0", gateway.Sent},
		"everything is in order": {everything, func(tx *Transaction) { tx.EightBit, tx.UTF8 = true, true }, "2.0.0", gateway.Sent},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, script{ehlo: tc.ehlo})
			tx := mail("pat@out.example")
			tx.Open = reading("Subject: \xc3\xa4\r\n\r\n\xc3\xb6\r\n")
			if tc.change != nil {
				tc.change(tx)
			}
			o := deliver(client(t, nil), srv, tx)[0]
			if o.Result != tc.result || o.Status != tc.status {
				t.Errorf("result %v status %s", o.Result, o.Status)
			}
			if told(srv, "MAIL") != (tc.result == gateway.Sent) {
				t.Error("MAIL was said to a host that cannot carry the mail")
			}
		})
	}
}

// Extensions that were asked for out of habit are not missed.
func TestASCIINeedsNoExtension(t *testing.T) {
	srv := serve(t, script{ehlo: []string{"SIZE"}})
	tx := mail("pat@out.example")
	tx.EightBit, tx.UTF8 = true, true
	if o := deliver(client(t, nil), srv, tx)[0]; o.Result != gateway.Sent {
		t.Errorf("result %v status %s", o.Result, o.Status)
	}
	want := fmt.Sprintf("MAIL FROM:<ann@clinic.example> SIZE=%d", len(sample))
	if !slices.Contains(srv.peers()[0].heard(), want) {
		t.Errorf("heard %q", srv.peers()[0].heard())
	}
	tx.Open = func() (io.ReadCloser, error) { return nil, errors.New("disk") }
	if o := deliver(client(t, nil), srv, tx)[0]; o.Result != gateway.Deferred {
		t.Errorf("a body that cannot be read: %v %s", o.Result, o.Status)
	}
}

// One recipient whose address the next hop cannot read must not cost the
// others their mail.
func TestOneInternationalRecipientAmongOthers(t *testing.T) {
	srv := serve(t)
	out := deliver(client(t, nil), srv, mail("a@out.example", "p\u00e4t@out.example", "b@out.example"))
	if out[0].Result != gateway.Sent || out[1].Status != "5.6.7" || out[2].Result != gateway.Sent {
		t.Errorf("%v %s %v", out[0].Result, out[1].Status, out[2].Result)
	}
	if got := srv.taken(); len(got) != 1 || len(got[0].rcpts) != 2 || strings.Contains(got[0].mail, "SMTPUTF8") {
		t.Errorf("taken %v", len(got))
	}
	srv = serve(t, script{ehlo: everything})
	deliver(client(t, nil), srv, mail("a@out.example", "p\u00e4t@out.example"))
	if got := srv.taken(); len(got) != 1 || len(got[0].rcpts) != 2 || !strings.Contains(got[0].mail, "SMTPUTF8") {
		t.Errorf("taken %v", len(got))
	}
}

// What MAIL and RCPT say is what was offered, and no stranger's parameter
// becomes a command.
func TestParametersOfTheEnvelope(t *testing.T) {
	for name, tc := range map[string]struct {
		ehlo []string
		want []string
	}{
		"all": {everything, []string{
			fmt.Sprintf("MAIL FROM:<ann@clinic.example> SIZE=%d BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+3Dc+20+0D+0A", len(sample)),
			"RCPT TO:<pat@out.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;pat@out.example",
			`RCPT TO:<"a b"@out.example>`,
		}},
		"no DSN": {[]string{"8BITMIME", "SMTPUTF8"}, []string{
			"MAIL FROM:<ann@clinic.example> BODY=8BITMIME SMTPUTF8", "RCPT TO:<pat@out.example>", `RCPT TO:<"a b"@out.example>`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, script{ehlo: tc.ehlo})
			tx := mail("pat@out.example", `"a b"@out.example`)
			tx.EightBit, tx.UTF8, tx.Return, tx.EnvID = true, true, "hdrs", "a+b=c \r\n"
			tx.Recipients[0].Notify, tx.Recipients[0].Original = "success,failure", "rfc822;pat@out.example"
			tx.Recipients[1].Notify, tx.Recipients[1].Original = "NEVER\r\nRSET", "rfc822;x y"
			out := deliver(client(t, nil), srv, tx)
			if out[0].Result != gateway.Sent || out[0].DSN != (name == "all") {
				t.Errorf("result %v dsn %v", out[0].Result, out[0].DSN)
			}
			heard := srv.peers()[0].heard()
			for _, w := range tc.want {
				if !slices.Contains(heard, w) {
					t.Errorf("%q was not said", w)
				}
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	plain := func(p *peer, line string) bool {
		if line == "AUTH PLAIN AGdhdGUAb3BlbiBzZXNhbWU=" {
			p.say("235 2.7.0 ok")
		} else {
			p.say("535 5.7.8 wrong")
		}
		return true
	}
	login := func(p *peer, _ string) bool {
		p.say("334 VXNlcm5hbWU6")
		user, _ := p.br.ReadString('\n')
		p.say("334 UGFzc3dvcmQ6")
		password, _ := p.br.ReadString('\n')
		if user == "Z2F0ZQ==\r\n" && password == "b3BlbiBzZXNhbWU=\r\n" {
			p.say("235 ok")
		} else {
			p.say("535 wrong")
		}
		return true
	}
	for name, tc := range map[string]struct {
		ehlo     []string
		auth     func(*peer, string) bool
		password gateway.Sensitive
		result   gateway.Result
		status   string
	}{
		"plain":          {[]string{"AUTH LOGIN PLAIN"}, plain, "open sesame", gateway.Sent, "2.0.0"},
		"old spelling":   {[]string{"AUTH=PLAIN LOGIN"}, plain, "open sesame", gateway.Sent, "2.0.0"},
		"login":          {[]string{"AUTH LOGIN"}, login, "open sesame", gateway.Sent, "2.0.0"},
		"wrong":          {[]string{"AUTH PLAIN"}, plain, "xyzzy", gateway.Deferred, "4.7.8"},
		"none offered":   {[]string{"8BITMIME"}, plain, "open sesame", gateway.Deferred, "4.7.0"},
		"unknown method": {[]string{"AUTH CRAM-MD5"}, plain, "open sesame", gateway.Deferred, "4.7.0"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, script{ehlo: tc.ehlo, on: on("AUTH", tc.auth)})
			r := Route{Host: srv.addr(), TLS: None, User: "gate", Password: tc.password}
			o := client(t, nil).Deliver(t.Context(), r, Any, give(mail("pat@out.example")))[0]
			if o.Result != tc.result || o.Status != tc.status || (o.Result != gateway.Sent && o.Phase != "auth") {
				t.Errorf("result %v phase %s status %s", o.Result, o.Phase, o.Status)
			}
		})
	}
}

// Passwords do not leave in clear for a host that is not on loopback.
func TestNoPasswordInClear(t *testing.T) {
	n := newNetwork(t)
	srv := n.host("smart.example", script{ehlo: []string{"AUTH PLAIN"}})
	c := client(t, n.use)
	cn := &conn{client: c, ext: extensions{auth: []string{"PLAIN"}}}
	if err := cn.authenticate(&Route{User: "gate", Password: "open sesame"}); err == nil || asTrouble(phaseAuth, err).status != "4.7.0" {
		t.Errorf("error %v", err)
	}
	if told(srv, "AUTH") {
		t.Error("AUTH was said in clear")
	}
}

// A body that cannot be read is our fault and never ends with a dot.
func TestBodyThatCannotBeRead(t *testing.T) {
	broken := errors.New("disk")
	for name, tc := range map[string]struct {
		open   func() (io.ReadCloser, error)
		result gateway.Result
		status string
	}{
		"at once": {func() (io.ReadCloser, error) { return nil, broken }, gateway.Deferred, "4.3.0"},
		"in midway": {func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(sample), iotest.ErrReader(broken))), nil
		}, gateway.Deferred, "4.3.0"},
		"for good": {func() (io.ReadCloser, error) { return nil, gateway.NewFault(554, "5.7.1", "Recalled") }, gateway.Failed, "5.7.1"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t)
			tx := mail("pat@out.example")
			tx.Open = tc.open
			o := deliver(client(t, nil), srv, tx)[0]
			if o.Result != tc.result || o.Status != tc.status || o.Unknown || len(srv.taken()) != 0 {
				t.Errorf("result %v status %s unknown %v, %d taken", o.Result, o.Status, o.Unknown, len(srv.taken()))
			}
		})
	}
}

// A transaction that the caller cannot make.
func TestPrepareFails(t *testing.T) {
	for name, tc := range map[string]struct {
		tx     *Transaction
		err    error
		result gateway.Result
	}{
		"fault":         {nil, gateway.NewFault(550, "5.7.1", "Recalled"), gateway.Failed},
		"our own":       {nil, errors.New("surprise"), gateway.Deferred},
		"nothing":       {nil, nil, gateway.Deferred},
		"no recipients": {&Transaction{}, nil, gateway.Deferred},
	} {
		srv := serve(t)
		out := client(t, nil).Deliver(t.Context(), Route{Host: srv.addr(), TLS: None}, Any, func(gateway.TLSState, bool) (*Transaction, error) { return tc.tx, tc.err })
		if len(out) != 1 || out[0].Result != tc.result || told(srv, "MAIL") {
			t.Errorf("%s: %d outcomes, result %v", name, len(out), out[0].Result)
		}
	}
}

// The attempt ends with its context, known or unknown by where it stood.
func TestContextEnds(t *testing.T) {
	for verb, unknown := range map[string]bool{"BANNER": false, "RCPT": false, ".": true} {
		t.Run(verb, func(t *testing.T) {
			there := make(chan struct{})
			srv := serve(t, script{on: on(verb, func(p *peer, l string) bool { close(there); return hang(p, l) })})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-there; cancel() }()
			o := client(t, nil).Deliver(ctx, Route{Host: srv.addr(), TLS: None}, Any, give(mail("pat@out.example")))[0]
			if o.Result != gateway.Deferred || o.Unknown != unknown {
				t.Errorf("result %v unknown %v phase %s", o.Result, o.Unknown, o.Phase)
			}
		})
	}
}

// A peer that drips a reply octet by octet is held to the time of one reply.
func TestDrippedReplyTimesOut(t *testing.T) {
	srv := serve(t, script{on: on("MAIL", func(p *peer, _ string) bool {
		for {
			if _, err := p.conn.Write([]byte("2")); err != nil {
				return true
			}
			select {
			case <-p.server.over:
				return true
			case <-time.After(20 * time.Millisecond):
			}
		}
	})})
	began := time.Now()
	o := deliver(client(t, hasty), srv, mail("pat@out.example"))[0]
	if o.Result != gateway.Deferred || o.Phase != "mail" || time.Since(began) > 3*time.Second {
		t.Errorf("result %v phase %s after %v", o.Result, o.Phase, time.Since(began))
	}
}

// A peer that takes no octets is held to the time of one block.
func TestBlockedWriteTimesOut(t *testing.T) {
	srv := serve(t, script{on: on("DATA", func(p *peer, _ string) bool { p.say("354 go"); <-p.server.over; return true })})
	tx := mail("pat@out.example")
	tx.Open = reading(strings.Repeat("0123456\r\n", 4<<20))
	o := deliver(client(t, hasty), srv, tx)[0]
	if o.Result != gateway.Deferred || o.Phase != "data" || o.Unknown {
		t.Errorf("result %v phase %s unknown %v", o.Result, o.Phase, o.Unknown)
	}
}

// inPieces is a body in memory.
type inPieces struct {
	io.Reader
	pieces [][]byte
}

func (b inPieces) Pieces() [][]byte { return b.pieces }
func (b inPieces) Close() error     { return nil }

// Every octet arrives, in clear and over TLS, whether a body is read or leaves
// from memory: with dots at every line, at the borders of writes, and with more
// pieces than a write takes.
func TestBodiesArriveAsTheyAre(t *testing.T) {
	ca := newAuthority(t)
	for name, line := range map[string]string{"plain": "0123456\r\n", "dots": ".\r\n", "both": "..23456 a.b\r\n"} {
		for _, size := range []int{len(line), chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 7} {
			raw := strings.Repeat(line, size/len(line)+1)
			for _, encrypted := range []bool{false, true} {
				for _, held := range []bool{false, true} {
					srv, route := serve(t), Route{TLS: None}
					if encrypted {
						srv, route = serve(t, script{ehlo: offersTLS, tls: ca.server(t)}), Route{TLS: Verify, RootCAs: ca.pool}
					}
					tx := mail("pat@out.example")
					tx.Open = reading(raw)
					if held {
						third := len(raw) / 3
						tx.Open = func() (io.ReadCloser, error) {
							return inPieces{nil, [][]byte{[]byte(raw[:third]), []byte(raw[third : 2*third]), []byte(raw[2*third:])}}, nil
						}
					}
					route.Host = srv.addr()
					o := client(t, nil).Deliver(t.Context(), route, Any, give(tx))[0]
					if got := srv.taken(); o.Result != gateway.Sent || len(got) != 1 || got[0].body != raw {
						t.Errorf("%s, %d octets, encrypted %v, held %v: result %v, %d taken", name, len(raw), encrypted, held, o.Result, len(got))
					}
				}
			}
		}
	}
}

// A reply that comes before the body was sent says more than the broken pipe.
func TestEarlyRefusalOfALongBody(t *testing.T) {
	srv := serve(t, script{on: on("DATA", func(p *peer, _ string) bool {
		p.say("354 go")
		_, _ = io.CopyN(io.Discard, p.br, 100_000)
		p.say("552 5.3.4 too much")
		time.Sleep(20 * time.Millisecond)
		p.close()
		return true
	})})
	tx := mail("pat@out.example")
	tx.Open = reading(strings.Repeat("0123456\r\n", 4<<20))
	o := deliver(client(t, hasty), srv, tx)[0]
	if o.Unknown || o.Result == gateway.Sent {
		t.Errorf("result %v unknown %v", o.Result, o.Unknown)
	}
	if o.Code != 0 && o.Code != 552 { // a reset may overtake the reply
		t.Errorf("code %d", o.Code)
	}
}
