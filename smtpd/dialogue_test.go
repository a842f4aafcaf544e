package smtpd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDialogues plays testdata/*.txt against a server. A file begins with
// "# RFC … section …: what must happen". Then:
//
//	L: listener [key=value …]  which server (max, recipients, bad, line, plaintext)
//	C: text      the client sends text and CRLF; Go escapes are understood
//	C+ text      the client sends text alone
//	S: text      one line of the server's reply, which begins with text
//	S~ text      lines up to the end of a reply, one of which is text
//	S! text      the same, none of which is text
//	S. 	         the server closes the connection
//	TLS          the client speaks TLS from here on
//	E: text      envelope of the last accepted mail
//	B: n text    n mails have been accepted; the last body is text
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			play(t, strings.Split(strings.TrimRight(string(raw), "\n"), "\n"))
		})
	}
}

func play(t *testing.T, lines []string) {
	if !regexp.MustCompile(`^# RFC \d+ section [0-9.]+: `).MatchString(lines[0]) {
		t.Fatalf("first line %q names no section", lines[0])
	}
	settings := func(*Config) {}
	if rest, ok := strings.CutPrefix(lines[1], "L: "); ok {
		settings = dialogueConfig(t, strings.Fields(rest))
		lines = lines[1:]
	}
	back := &recorder{}
	server := begin(t, back, settings)
	c := server.connect(t)
	for i, line := range lines[1:] {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !t.Run(fmt.Sprintf("line %d", i+2), func(t *testing.T) {
			c.t = t
			playLine(t, c, back, line)
		}) {
			t.Fatalf("at %q", line)
		}
	}
}

func dialogueConfig(t *testing.T, words []string) func(*Config) {
	return func(c *Config) {
		c.Listener = words[0]
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			switch key {
			case "max":
				c.MaxMessage = int64(n)
			case "recipients":
				c.Limits.Recipients = n
			case "bad":
				c.Limits.BadCommands = n
			case "line":
				c.Limits.LineLength = n
			case "plaintext":
				c.PlaintextLoopback = n == 1
			case "tls":
				c.TLS = nil
			default:
				t.Fatalf("unknown setting %q", key)
			}
		}
	}
}

func playLine(t *testing.T, c *client, back *recorder, line string) {
	word, rest, _ := strings.Cut(line, " ")
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(rest, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%q: %v", rest, err)
	}
	switch word {
	case "C:":
		c.send(text + "\r\n")
	case "C+":
		c.send(text)
	case "S:":
		if got := c.line(); !strings.HasPrefix(got, text) {
			t.Fatalf("got %q, want %q", got, text)
		}
	case "S~", "S!":
		wantReply(t, c, text, word == "S~")
	case "S.":
		c.wantEOF()
	case "TLS":
		c.startTLS()
	case "E:":
		wantEnvelope(t, back, text)
	case "B:":
		wantLast(t, back, text)
	default:
		t.Fatalf("unknown line %q", line)
	}
}

func wantReply(t *testing.T, c *client, text string, present bool) {
	found := false
	for {
		line := c.line()
		found = found || line[4:] == text
		if line[3] == ' ' {
			break
		}
	}
	if found != present {
		t.Fatalf("%q in the reply: %v, want %v", text, found, present)
	}
}

func wantLast(t *testing.T, back *recorder, text string) {
	count, body, _ := strings.Cut(text, " ")
	got := back.all()
	if strconv.Itoa(len(got)) != count {
		t.Fatalf("%d mails were accepted, want %s", len(got), count)
	}
	if len(got) > 0 && string(got[len(got)-1].body) != body {
		t.Fatalf("body %q, want %q", got[len(got)-1].body, body)
	}
}

// wantEnvelope compares what the backend was told of the last mail.
func wantEnvelope(t *testing.T, back *recorder, text string) {
	mails := back.all()
	s := mails[len(mails)-1].sub
	got := []string{"from=" + s.From.Wire()}
	add := func(given bool, text string) {
		if given {
			got = append(got, text)
		}
	}
	add(s.UTF8, "utf8")
	add(s.EightBit, "8bit")
	add(s.EnvID != "", "envid="+s.EnvID.Reveal())
	add(s.Return != "", "ret="+s.Return)
	add(s.Peer.Account != "", "account="+s.Peer.Account)
	add(s.Peer.TLS != "", "tls")
	for _, r := range s.Recipients {
		add(true, "to="+r.Address.Wire())
		add(r.Notify != "", "notify="+r.Notify)
		add(r.Original != "", "orcpt="+r.Original)
	}
	if joined := strings.Join(got, " "); joined != text {
		t.Fatalf("envelope\n got %s\nwant %s", joined, text)
	}
}
