package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// flood answers with more lines than any reply has.
func flood(p *peer, _ string) bool {
	for i := range 2000 {
		p.say(fmt.Sprintf("250-X-EXT%d", i))
	}
	p.say("250 8BITMIME")
	return true
}

// split sends a good reply octet by octet.
func split(p *peer, _ string) bool {
	for _, c := range []byte("250-sink.test\r\n250 8BITMIME\r\n") {
		_, _ = p.conn.Write([]byte{c})
		time.Sleep(time.Millisecond)
	}
	return true
}

// breakOff resets in the middle of the body.
func breakOff(p *peer, _ string) bool {
	p.say("354 go")
	_, _ = p.br.Peek(20)
	return rst(p, "")
}

func on(pairs ...any) map[string]func(*peer, string) bool {
	m := map[string]func(*peer, string) bool{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1].(func(*peer, string) bool)
	}
	return m
}

// TestEveryWayToFail: what each misbehaviour of a next hop means for the
// message, with and without pipelining.
func TestEveryWayToFail(t *testing.T) {
	tooLong := "250-" + strings.Repeat("A", 100_000)
	cases := []struct {
		name    string
		on      map[string]func(*peer, string) bool
		result  gateway.Result
		phase   string
		code    int
		status  string
		unknown bool
	}{
		{"banner 421", on("BANNER", bye("421 4.3.2 try later")), gateway.Deferred, "banner", 421, "4.3.2", false},
		{"banner 554", on("BANNER", bye("554 5.7.1 no service")), gateway.Deferred, "banner", 554, "4.7.1", false},
		{"banner hang", on("BANNER", hang), gateway.Deferred, "banner", 0, "4.4.2", false},
		{"banner missing", on("BANNER", drop), gateway.Deferred, "banner", 0, "4.4.2", false},
		{"banner is no SMTP", on("BANNER", say("HTTP/1.1 400 Bad Request")), gateway.Deferred, "banner", 0, "4.5.0", false},
		{"helo 421", on("EHLO", bye("421 4.3.2 closing")), gateway.Deferred, "ehlo", 421, "4.3.2", false},
		{"ehlo and helo refused", on("EHLO", say("550 no"), "HELO", say("550 no")), gateway.Deferred, "ehlo", 550, "4.0.0", false},
		{"mail 451", on("MAIL", say("451 4.3.0 try later")), gateway.Deferred, "mail", 451, "4.3.0", false},
		{"mail 550", on("MAIL", say("550 5.7.1 no")), gateway.Failed, "mail", 550, "5.7.1", false},
		{"mail 421", on("MAIL", bye("421 4.7.0 slow down")), gateway.Deferred, "mail", 421, "4.7.0", false},
		{"mail reset", on("MAIL", rst), gateway.Deferred, "mail", 0, "4.4.2", false},
		{"rcpt 450", on("RCPT", say("450 4.2.1 greylisted")), gateway.Deferred, "rcpt", 450, "4.2.1", false},
		{"rcpt 550", on("RCPT", say("550 5.1.1 unknown")), gateway.Failed, "rcpt", 550, "5.1.1", false},
		{"rcpt 550 without status", on("RCPT", say("550 unknown")), gateway.Failed, "rcpt", 550, "5.0.0", false},
		{"rcpt 550 with a status of another class", on("RCPT", say("550 4.1.1 unknown")), gateway.Failed, "rcpt", 550, "5.0.0", false},
		{"rcpt 552 too many", on("RCPT", say("552 too many recipients")), gateway.Deferred, "rcpt", 552, "4.0.0", false},
		{"rcpt 552 full", on("RCPT", say("552 5.2.2 mailbox full")), gateway.Failed, "rcpt", 552, "5.2.2", false},
		{"rcpt reset", on("RCPT", rst), gateway.Deferred, "rcpt", 0, "4.4.2", false},
		{"rcpt hang", on("RCPT", hang), gateway.Deferred, "rcpt", 0, "4.4.2", false},
		{"data 450", on("DATA", say("450 4.3.0 later")), gateway.Deferred, "data", 450, "4.3.0", false},
		{"data 554", on("DATA", say("554 5.5.1 no")), gateway.Failed, "data", 554, "5.5.1", false},
		{"data 250", on("DATA", say("250 ok")), gateway.Deferred, "data", 250, "4.5.0", false},
		{"data hang", on("DATA", hang), gateway.Deferred, "data", 0, "4.4.2", false},
		{"data reset", on("DATA", rst), gateway.Deferred, "data", 0, "4.4.2", false},
		{"dot 421", on(".", bye("421 4.3.2 closing")), gateway.Deferred, "dot", 421, "4.3.2", false},
		{"dot 451", on(".", say("451 4.3.0 later")), gateway.Deferred, "dot", 451, "4.3.0", false},
		{"dot 452", on(".", say("452 4.3.1 disk full")), gateway.Deferred, "dot", 452, "4.3.1", false},
		{"dot 550", on(".", say("550 5.7.1 refused")), gateway.Failed, "dot", 550, "5.7.1", false},
		{"dot 554", on(".", say("554 5.6.0 refused")), gateway.Failed, "dot", 554, "5.6.0", false},
		{"dot 354", on(".", say("354 more")), gateway.Deferred, "dot", 354, "4.5.0", true},
		{"dot hang", on(".", hang), gateway.Deferred, "dot", 0, "4.4.2", true},
		{"dot close", on(".", drop), gateway.Deferred, "dot", 0, "4.4.2", true},
		{"dot reset", on(".", rst), gateway.Deferred, "dot", 0, "4.4.2", true},
		{"dot garbage", on(".", say("what")), gateway.Deferred, "dot", 0, "4.5.0", true},
		{"garbage", on("EHLO", say("\xff\xfe%%%% not smtp")), gateway.Deferred, "ehlo", 0, "4.5.0", false},
		{"flood", on("EHLO", flood), gateway.Deferred, "ehlo", 0, "4.5.0", false},
		{"long reply", on("EHLO", say(tooLong, "250 8BITMIME")), gateway.Deferred, "ehlo", 0, "4.5.0", false},
		{"wrong code", on("MAIL", say("354 what")), gateway.Deferred, "mail", 354, "4.5.0", false},
		{"split reply", on("EHLO", split), gateway.Sent, "dot", 250, "2.0.0", false},
		{"NUL in a reply", on("EHLO", say("250-sink\x00.test", "250 8BITMIME")), gateway.Sent, "dot", 250, "2.0.0", false},
		{"codes differ in one reply", on("EHLO", say("250-sink.test", "220 8BITMIME")), gateway.Deferred, "ehlo", 0, "4.5.0", false},
		{"only HELO", on("EHLO", say("502 what?")), gateway.Sent, "dot", 250, "2.0.0", false},
		{"quit reset", on("QUIT", rst), gateway.Sent, "dot", 250, "2.0.0", false},
		{"STARTTLS lie", on("EHLO", say("250-sink.test", "250 STARTTLS"), "STARTTLS", say("454 4.7.0 no TLS after all")), gateway.Sent, "dot", 250, "2.0.0", false},
		{"STARTTLS gone", on("EHLO", say("250-sink.test", "250 STARTTLS"), "STARTTLS", bye("421 4.7.0 no TLS after all")), gateway.Deferred, "starttls", 421, "4.7.0", false},
	}
	for _, pipelining := range []bool{false, true} {
		for _, tc := range cases {
			t.Run(fmt.Sprintf("%s pipelining %v", tc.name, pipelining), func(t *testing.T) {
				t.Parallel()
				s := script{on: tc.on}
				if pipelining {
					s.ehlo = []string{"PIPELINING", "8BITMIME", "SIZE"}
				}
				srv := serve(t, s)
				c := client(t, hasty)
				o := c.Deliver(t.Context(), Route{Host: srv.addr(), TLS: Opportunistic}, Any, give(mail("pat@out.example")))[0]
				if o.Result != tc.result || o.Code != tc.code || o.Status != tc.status || o.Unknown != tc.unknown || (tc.phase != "" && o.Phase != tc.phase) {
					t.Errorf("result %v phase %s code %d status %s unknown %v", o.Result, o.Phase, o.Code, o.Status, o.Unknown)
				}
				if o.Host != srv.addr() && o.Phase != "" {
					t.Errorf("host %q, want %q", o.Host, srv.addr())
				}
				checkTaken(t, srv, tc.result, tc.phase)
			})
		}
	}
}

// checkTaken: a message that never got its dot must not be taken for whole,
// one that did is there once and unchanged.
func checkTaken(t *testing.T, srv *server, result gateway.Result, phase string) {
	t.Helper()
	got := srv.taken()
	switch {
	case result == gateway.Sent || phase == "dot":
		if len(got) != 1 || got[0].body != sample {
			t.Errorf("%d deliveries, want 1 with the exact octets", len(got))
		}
	case len(got) != 0:
		t.Errorf("%d deliveries, want none", len(got))
	}
}

func TestConnectFailures(t *testing.T) {
	srv := serve(t)
	addr := srv.addr()
	_ = srv.ln.Close()
	c := client(t, nil)
	o := c.Deliver(t.Context(), Route{Host: addr, TLS: None}, Any, nil)
	if len(o) != 1 || o[0].Result != gateway.Deferred || o[0].Phase != "connect" || o[0].Status != "4.4.1" || o[0].Host != addr {
		t.Errorf("refused connection: %d outcomes, %v %s %s", len(o), o[0].Result, o[0].Phase, o[0].Status)
	}
}

// A reset so early may be seen by the dial already.
func TestResetInsteadOfBanner(t *testing.T) {
	srv := serve(t, script{on: on("BANNER", rst)})
	o := deliver(client(t, hasty), srv, mail("pat@out.example"))[0]
	if o.Result != gateway.Deferred || o.Unknown || (o.Phase != "banner" && o.Phase != "connect") {
		t.Errorf("result %v phase %s unknown %v", o.Result, o.Phase, o.Unknown)
	}
}

// A message that broke off long before its dot is known not to have arrived;
// a short one, whose dot left in the same write, is not.
func TestBrokenOffInTheBody(t *testing.T) {
	for name, tc := range map[string]struct {
		size    int
		unknown bool
		phase   string
	}{"long": {8 << 20, false, "data"}, "short": {1000, true, "dot"}} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, script{on: on("DATA", breakOff)})
			tx := mail("pat@out.example")
			tx.Open = reading(strings.Repeat("0123456\r\n", tc.size/9))
			o := deliver(client(t, nil), srv, tx)[0]
			if o.Result != gateway.Deferred || o.Unknown != tc.unknown || o.Phase != tc.phase {
				t.Errorf("result %v phase %s unknown %v", o.Result, o.Phase, o.Unknown)
			}
			if len(srv.taken()) != 0 {
				t.Error("half a message was taken for whole")
			}
		})
	}
}
