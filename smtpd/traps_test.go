package smtpd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// smuggled is what an attacker wants to have run as commands.
const smuggled = "MAIL FROM:<eve@out.example>\r\nRCPT TO:<pat@out.example>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n"

// go-smtp goes on reading commands after a read timeout inside DATA, so the
// rest of the body was a second mail.
func TestReadTimeoutInsideDATARunsNoCommand(t *testing.T) {
	back := &recorder{}
	c := begin(t, back, func(c *Config) { c.Limits.Block = 30 * time.Millisecond }).dial(t)
	c.toData()
	c.send("Subject: first\r\n\r\nwaits\r\n")
	c.want("421 4.4.2")
	_, _ = io.WriteString(c.conn, "\r\n.\r\n"+smuggled) // the connection may be gone
	c.wantEnd()
	back.wantBodies(t)
	if len(back.fault) != 1 || gateway.FaultOf(back.fault[0]).Code != 421 {
		t.Errorf("the backend saw %v", back.fault)
	}
}

// The same inside BDAT.
func TestReadTimeoutInsideBDATRunsNoCommand(t *testing.T) {
	back := &recorder{}
	c := begin(t, back, func(c *Config) { c.Limits.Block = 30 * time.Millisecond }).dial(t)
	c.envelope()
	c.send("BDAT 1000 LAST\r\nSubject: first\r\n")
	c.want("421 4.4.2")
	_, _ = io.WriteString(c.conn, "\r\n"+smuggled)
	c.wantEnd()
	back.wantBodies(t)
}

// A chunk that is thrown away and stops coming ends the session too.
func TestReadTimeoutInsideRefusedBDATRunsNoCommand(t *testing.T) {
	c := begin(t, &recorder{}, func(c *Config) { c.Limits.Block = 30 * time.Millisecond }).dial(t)
	c.do("EHLO c", "250")
	c.send("BDAT 1000\r\nabc")
	c.want("503 5.5.1")
	_, _ = io.WriteString(c.conn, "\r\nNOOP\r\n")
	c.wantEnd()
}

// wantEnd reads the end of the connection, by a reset too, and no reply.
func (c *client) wantEnd() {
	c.t.Helper()
	if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
		c.t.Fatalf("got %q behind the end of the session", rest)
	}
}

// A peer that sends an octet now and then is never idle; the body as a whole
// has a time too.
func TestBodyHasATotalTime(t *testing.T) {
	back := &recorder{}
	c := begin(t, back, func(c *Config) { c.Limits.Body = 50 * time.Millisecond }).dial(t)
	c.toData()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				if _, err := io.WriteString(c.conn, "x"); err != nil {
					return
				}
			}
		}
	}()
	c.want("421 4.4.2")
	back.wantBodies(t)
}

// Each variant stands where an end of data could be seen, with commands
// behind it; only the real end that follows may count.
func TestSmugglingSequencesDoNotEndData(t *testing.T) {
	for _, seq := range smugglingSequences(t) {
		t.Run(fmt.Sprintf("%q", seq), func(t *testing.T) {
			back := &recorder{}
			c := begin(t, back).dial(t)
			c.toData()
			c.send("Subject: first\r\n\r\ntext" + seq + smuggled)
			c.want("554 5.6.0")
			c.do("NOOP", "250 2.0.0")
			back.wantBodies(t)
		})
	}
}

func smugglingSequences(t *testing.T) []string {
	own := []string{"\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n.\n", "\r.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\r\n.\r\r\n"}
	for _, line := range outside(t, "smtp-smuggling-sec") {
		var set struct {
			Seq []byte `json:"seq_b64"`
		}
		if err := json.Unmarshal(line, &set); err != nil || len(set.Seq) == 0 {
			t.Fatalf("case %s: %v", line, err)
		}
		own = append(own, string(set.Seq))
	}
	return own
}

// outside reads a set of outside data, nothing where there is none.
func outside(t *testing.T, set string) [][]byte {
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Logf("GATEPOST_TESTDATA is unset: %s is left out", set)
		return nil
	}
	file, err := os.Open(filepath.Join(dir, set, "data", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var lines [][]byte
	for s := bufio.NewScanner(file); s.Scan(); {
		lines = append(lines, append([]byte(nil), s.Bytes()...))
	}
	if len(lines) == 0 {
		t.Fatalf("%s is empty", set)
	}
	return lines
}

// A 250 before the mail is durable would lose it.
func TestNo250BeforeAcceptReturned(t *testing.T) {
	back := &recorder{}
	read, release := make(chan struct{}), make(chan struct{})
	back.accept = func(_ context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
		id, err := back.record(s, body)
		close(read)
		<-release
		return id, err
	}
	c := begin(t, back).dial(t)
	c.toData()
	c.send("x\r\n.\r\nNOOP\r\n")
	<-read
	_ = c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := c.r.Peek(1); err == nil {
		t.Fatalf("%q was said before Accept returned", b)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	close(release)
	c.want("250 2.0.0 Ok: queued as ")
	c.want("250 2.0.0 Ok")
}

// A Backend that leaves early must not leave its sender's octets behind.
func TestAcceptThatReadsNothing(t *testing.T) {
	big := strings.Repeat("0123456789 012345678\r\n", 50_000)
	for name, test := range map[string]struct {
		answer error
		send   string
		want   string
	}{
		"refuses":          {gateway.NewFault(550, "5.7.1", "Not this one"), big, "550 5.7.1 Not this one"},
		"refuses bad":      {gateway.NewFault(550, "5.7.1", "Not this one"), "a\nb\r\n", "550 5.7.1 Not this one"},
		"wraps its fault":  {fmt.Errorf("accepting: %w", gateway.FaultStorage), big, "452 4.3.1 Insufficient"},
		"unclassified":     {errors.New("surprise"), big, "451 4.3.0 Temporary"},
		"success":          {nil, big, "250 2.0.0 Ok: queued as"},
		"success with bad": {nil, big + "a\nb\r\n", "554 5.6.0"},
		"code of success":  {gateway.NewFault(250, "2.0.0", "Fine"), big, "451 4.3.0"},
		"second line":      {gateway.NewFault(550, "5.7.1", "a\r\n250 b"), big, "550 5.7.1 a??250 b"},
		"odd status":       {gateway.NewFault(550, "four", "No"), big, "550 5.0.0 No"},
		"status of others": {gateway.NewFault(550, "4.7.1", "No"), big, "550 5.0.0 No"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			back := &recorder{accept: func(context.Context, gateway.Submission, io.Reader) (gateway.MessageID, error) {
				return gateway.MessageID{}, test.answer
			}}
			c := begin(t, back).dial(t)
			c.toData()
			c.send(test.send + ".\r\n")
			c.want(test.want)
			c.do("NOOP", "250")
			c.envelope()
			c.send("BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nNOOP\r\n")
			if test.answer == nil {
				c.want("250 2.0.0 Chunk received")
				c.want("250 2.0.0 Ok: queued as")
			} else {
				c.want(test.want)
				c.want("503 5.5.1")
			}
			c.want("250 2.0.0 Ok")
		})
	}
}

// A body that is refused is refused with its own reason, whatever the Backend
// makes of the error that it read.
func TestFaultOfTheBodyIsTheAnswer(t *testing.T) {
	for name, answer := range map[string]error{"swallowed": nil, "changed": errors.New("could not seal")} {
		t.Run(name, func(t *testing.T) {
			back := &recorder{accept: func(_ context.Context, _ gateway.Submission, body io.Reader) (gateway.MessageID, error) {
				_, err := io.Copy(io.Discard, body)
				var f *gateway.Fault
				if !errors.As(err, &f) {
					t.Errorf("the body gave %v", err)
				}
				return gateway.MessageID{}, answer
			}}
			c := begin(t, back).dial(t)
			c.toData()
			c.send("a\nb\r\n.\r\n")
			c.want("554 5.6.0 Message refused: bare LF")
		})
	}
}

// A panic is a bug of ours: the mail is delayed, the server lives.
func TestPanicInAccept(t *testing.T) {
	back := &recorder{}
	back.accept = func(_ context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
		if s.From.Local() == "ann" {
			_, _ = io.CopyN(io.Discard, body, 3)
			panic("words of a mail")
		}
		return back.record(s, body)
	}
	c := begin(t, back).dial(t)
	c.toData()
	c.send(strings.Repeat("x\r\n", 1000) + ".\r\n")
	c.want("451 4.3.0")
	c.do("MAIL FROM:<bob@clinic.example>", "250")
	c.do("RCPT TO:<pat@out.example>", "250")
	c.do("DATA", "354")
	c.do("y\r\n.", "250 2.0.0 Ok: queued as")
	back.wantBodies(t, "y\r\n")
}

// A slow Backend slows the sender down: nothing is read ahead beyond one
// buffer.
func TestSlowAcceptReadsNothingAhead(t *testing.T) {
	raw := newPullConn("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", strings.Repeat("0123456789 012345678\r\n", 100_000)+".\r\n")
	ahead := 0
	back := &recorder{accept: func(_ context.Context, _ gateway.Submission, body io.Reader) (gateway.MessageID, error) {
		_, _ = io.CopyN(io.Discard, body, 10)
		ahead = raw.read
		return gateway.MessageID{}, gateway.FaultStorage
	}}
	runSession(t, Config{Listener: Relay, Hostname: "mail.clinic.example"}, back, raw)
	if ahead == 0 || ahead > bigBuffer+smallBuffer {
		t.Errorf("%d octets were read for 10", ahead)
	}
	if !strings.Contains(raw.said.String(), "452 4.3.1") {
		t.Errorf("said %q", raw.said.String())
	}
}

// A reader that outlives its Accept must not eat commands.
func TestBodyIsDeadAfterAccept(t *testing.T) {
	var kept io.Reader
	back := &recorder{accept: func(_ context.Context, _ gateway.Submission, body io.Reader) (gateway.MessageID, error) {
		kept = body
		return gateway.MessageID{}, nil
	}}
	raw := newPullConn("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", "x\r\n.\r\n")
	runSession(t, Config{Listener: Relay, Hostname: "mail.clinic.example"}, back, raw)
	if n, err := kept.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("a dead body read %d, %v", n, err)
	}
}

// An endless line is not stored, and one with an end costs only itself.
func TestLongCommandLine(t *testing.T) {
	c := begin(t, &recorder{}).dial(t)
	c.do("NOOP "+strings.Repeat("x", 505), "250")
	c.do("NOOP "+strings.Repeat("x", 506), "500 5.5.2 Line too long")
	c.do("EHLO c", "250")
	c.do("MAIL FROM:<a@b> ENVID="+strings.Repeat("x", 1000), "501")
	c.do("MAIL FROM:<a@b> "+strings.Repeat("x", 100_000), "500 5.5.2 Line too long")
	c.do("MAIL FROM:<a@b>", "250")
	go func() { _, _ = io.WriteString(c.conn, strings.Repeat("x", 3*maxSkip)) }()
	c.want("500 5.5.2 Line too long, closing")
	c.wantEnd()
}

// What others call dialogues of a good server.
func TestChasquidDialogues(t *testing.T) {
	lines := outside(t, "smtp-chasquid-dialogs")
	if lines == nil {
		t.Skip("GATEPOST_TESTDATA is unset")
	}
	played := 0
	for _, line := range lines {
		var set struct{ ID, Script string }
		if err := json.Unmarshal(line, &set); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(set.Script, "_connect ") {
			continue
		}
		t.Run(set.ID, func(t *testing.T) { playChasquid(t, set.Script) })
		played++
	}
	if played == 0 {
		t.Fatal("no dialogue was played")
	}
}

// playChasquid plays one of their scripts. Replies agree when their first
// digit does: words and details are each server's own.
func playChasquid(t *testing.T, script string) {
	back := &recorder{login: func(_ gateway.Peer, user, password string) (string, error) {
		if user == "user@testserver" && password == "secretpassword" {
			return user, nil
		}
		return "", errors.New("wrong")
	}}
	plain := begin(t, back, func(c *Config) { c.MaxMessage = 1 << 20 })
	secure := begin(t, back, func(c *Config) { c.MaxMessage, c.Listener = 1<<20, Submissions })
	var c *client
	for _, line := range strings.Split(script, "\n") {
		line, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "c ")
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case !ok:
		case word == "tcp_connect":
			c = plain.connect(t)
		case word == "tls_connect":
			c = secure.connect(t)
			c.startTLS()
		case word == "->":
			c.send(rest + "\r\n")
		case word == "~>":
			c.send(pythonBytes(t, rest))
		case word == "close":
			c.conn.Close()
		default: // "<-", "<~", "<..."
			if got := c.reply(); got[:1] != rest[:1] && !tolerated(rest, got) {
				t.Errorf("got %q, they say %q", got, rest)
			}
		}
	}
}

// tolerated lists where we answer otherwise on purpose.
func tolerated(theirs, ours string) bool {
	for _, pair := range [][2]string{
		{"554 5.6.0 Error parsing message", "250 "}, // what a header is, flow judges
		{"501 5.1.8 Malformed sender domain", "250 "},
		{"501 5.1.2 Malformed destination", "250 "}, // not every domain is IDNA
		{"421 4.5.0 Too many errors", "501 "},       // they give up after three
	} {
		if strings.HasPrefix(theirs, pair[0]) && strings.HasPrefix(ours, pair[1]) {
			return true
		}
	}
	return false
}

// pythonBytes reads the few forms of Python strings that the scripts use:
// 'text', 'text' * n and ('a' * n + 'b') * m.
func pythonBytes(t *testing.T, s string) string {
	unescape := strings.NewReplacer(`\r`, "\r", `\n`, "\n")
	var char, tail string
	var n, m int
	if k, _ := fmt.Sscanf(s, "('%1s' * %d + '\\r\\n') * %d", &char, &n, &m); k == 3 {
		return strings.Repeat(strings.Repeat(char, n)+"\r\n", m)
	}
	if k, _ := fmt.Sscanf(s, "'%1s' * %d + '\\r\\n'", &char, &n); k == 2 {
		return strings.Repeat(char, n) + "\r\n"
	}
	tail, ok := strings.CutPrefix(s, "'")
	if !ok || !strings.HasSuffix(tail, "'") {
		t.Fatalf("cannot read %q", s)
	}
	return unescape.Replace(strings.TrimSuffix(tail, "'"))
}

// Seeds of another server's fuzzing must find nothing here either.
func TestChasquidSeeds(t *testing.T) {
	lines := outside(t, "smtp-chasquid-fuzz-seeds")
	if lines == nil {
		t.Skip("GATEPOST_TESTDATA is unset")
	}
	for _, line := range lines {
		var set struct{ Args []string }
		if err := json.Unmarshal(line, &set); err != nil {
			t.Fatal(err)
		}
		for _, arg := range set.Args {
			arg, err := strconv.Unquote(arg)
			if err != nil {
				continue // a number that chose their listener
			}
			for _, stream := range []string{arg, strings.ReplaceAll(arg, "\n", "\r\n")} {
				raw := newPullConn(strings.SplitAfter(stream, "\n")...)
				back := &recorder{}
				runSession(t, Config{Listener: Relay, Hostname: "mail.clinic.example"}, back, raw)
				replies, err := slowReplies(raw.said.String())
				if err != nil {
					t.Fatal(err)
				}
				slow := slowSession{stream: stream, replies: replies}
				if err := slow.walk(); err != nil {
					t.Fatalf("%v: %q", err, stream)
				}
				back.wantBodies(t, slow.queued...)
			}
		}
	}
}
