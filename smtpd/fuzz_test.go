package smtpd

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gatepost/gateway"
)

// cut splits octets at "|": what stands between two arrives as one segment.
// "||" is a "|" of the client's.
func cut(octets string) []string {
	parts := strings.Split(strings.ReplaceAll(octets, "||", "\xff\xfe"), "|")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\xff\xfe", "|")
	}
	return parts
}

// FuzzConnection sends segments to a whole server. It must not hang, each
// command must get one reply, and what it accepts must be what the slow
// grammar finds in the stream. how chooses the backend: bit 0 reads octet by
// octet, bit 1 sets small limits.
func FuzzConnection(f *testing.F) {
	f.Add("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n|x\r\n..\r\n.\r\nQUIT\r\n", byte(0))
	f.Add("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\na\r\nNOOP\r\nBDAT 1 LAST\r\nb", byte(1))
	f.Fuzz(func(t *testing.T, octets string, how byte) {
		segments := cut(octets)
		back := &recorder{}
		if how&1 != 0 {
			back.accept = func(_ context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
				return back.record(s, iotest.OneByteReader(body))
			}
		}
		cfg := Config{Listener: Relay, Hostname: "mail.clinic.example", PlaintextLoopback: true, Limits: Limits{AuthDelay: 1}}
		if how&2 != 0 {
			cfg.MaxMessage, cfg.Limits.LineLength, cfg.Limits.Recipients = 200, 20, 2
		}
		raw := newPullConn(segments...)
		runSession(t, cfg, back, raw)

		replies, err := slowReplies(raw.said.String())
		if err != nil {
			t.Fatal(err)
		}
		slow := slowSession{stream: strings.Join(cut(octets), ""), replies: replies}
		if err := slow.walk(); err != nil {
			t.Fatalf("%v\nsaid %q", err, raw.said.String())
		}
		if how&2 != 0 {
			for _, body := range slow.queued {
				if len(body) > 202 || slowLines(body) > 20 {
					t.Fatalf("accepted beyond the limits: %q", body)
				}
			}
		}
		back.wantBodies(t, slow.queued...)
	})
}

// runSession serves one connection to its end.
func runSession(t testing.TB, cfg Config, b Backend, raw *pullConn) {
	t.Helper()
	s, err := New(cfg, b)
	if err != nil {
		t.Fatal(err)
	}
	s.start.Do(func() { go s.engine.Serve(s.feed) })
	s.admit(raw)
	select {
	case <-raw.closed:
	case <-time.After(30 * time.Second):
		t.Fatal("the session hangs")
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// FuzzBody reads one body, DATA or chunked, in windows of every size, and
// compares it and where it ends with the slow grammar. stop is after how many
// octets the backend loses interest, as an error or content.
func FuzzBody(f *testing.F) {
	f.Add("a\r\n|.\r\n", uint16(0), false)
	f.Add("a\r|\n.|\r|\nNOOP\r\n", uint16(1), true)
	f.Fuzz(func(t *testing.T, octets string, stop uint16, content bool) {
		stream := strings.Join(cut(octets), "")
		want, n, valid := slowData(stream)
		c := sessionInData(t, newPullConn(cut(octets)...))
		b := newBody(c)
		limit := int64(1 << 20)
		if stop > 0 {
			limit = int64(stop)
		}
		got, readErr := io.ReadAll(io.LimitReader(b, limit))
		accepted := readErr
		if readErr == nil && !content && stop > 0 {
			accepted = errors.New("lost interest")
		}
		err := b.finish(accepted)
		switch {
		case n < 0 && (err == nil || !b.overrun):
			t.Fatalf("a body without end was answered %v", err)
		case n < 0:
			return
		case (err == nil) != (valid && accepted == nil):
			t.Fatalf("finished with %v, valid is %v", err, valid)
		case valid && accepted == nil && !strings.HasPrefix(want, string(got)):
			t.Fatalf("read %q, want %q", got, want)
		case valid && accepted == nil && stop == 0 && want != string(got):
			t.Fatalf("read %q, want %q", got, want)
		}
		rest, _ := io.ReadAll(io.MultiReader(strings.NewReader(string(c.in.window())), c.raw))
		if string(rest) != stream[n:] {
			t.Fatalf("behind the body stands %q, want %q", rest, stream[n:])
		}
	})
}

// sessionInData is a session that has said 354.
func sessionInData(t testing.TB, raw *pullConn) *conn {
	s, err := New(Config{Listener: Relay, Hostname: "mail.clinic.example", Limits: Limits{LineLength: 1 << 20}}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(s, raw)
	c.out = nil
	t.Cleanup(c.cancel)
	return c
}

// FuzzEnvelope parses MAIL and RCPT: what is accepted must be printable
// again, and parse to the same.
func FuzzEnvelope(f *testing.F) {
	f.Add("FROM:<@a,@b:\"x y\"@c.example> SIZE=1 BODY=8BITMIME")
	f.Add("TO:<a@b> ORCPT=rfc822;a+2B@b NOTIFY=SUCCESS")
	f.Fuzz(func(t *testing.T, arg string) {
		if sub, fault := parseMail(arg, 100); fault == nil {
			again, fault := parseMail("FROM:<"+sub.From.Wire()+"> SMTPUTF8", 100)
			if fault != nil || again.From != sub.From {
				t.Fatalf("%q became %q", arg, sub.From.Wire())
			}
			if strings.ContainsFunc(sub.EnvID.Reveal(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("ENVID %q", sub.EnvID.Reveal())
			}
		}
		if to, fault := parseRcpt(arg, "clinic.example", true); fault == nil {
			again, fault := parseRcpt("TO:<"+to.Address.Wire()+">", "clinic.example", true)
			if fault != nil || again.Address != to.Address {
				t.Fatalf("%q became %q", arg, to.Address.Wire())
			}
			if strings.ContainsAny(to.Original+to.Notify, "\r\n\x00 ") {
				t.Fatalf("parameters %q %q", to.Original, to.Notify)
			}
		}
	})
}
