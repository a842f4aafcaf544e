package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// imapTalk is a mail client that says lines and keeps every octet of the
// answers, literals among them.
type imapTalk struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	tag  int
}

func dialIMAP(t *testing.T, addr string) *imapTalk {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &imapTalk{t: t, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	if hello := c.line(); !strings.HasPrefix(hello, "* OK") {
		t.Fatalf("%s greets with %q", addr, hello)
	}
	return c
}

var imapLiteral = regexp.MustCompile(`\{([0-9]+)\}\r\n$`)

// line reads a line with the literals in it, "" where the connection ended.
func (c *imapTalk) line() string {
	_ = c.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	var b strings.Builder
	for {
		part, err := c.in.ReadString('\n')
		b.WriteString(part)
		if err != nil {
			return ""
		}
		m := imapLiteral.FindStringSubmatch(part)
		if m == nil {
			return b.String()
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return ""
		}
		if _, err := io.CopyN(&b, c.in, int64(n)); err != nil {
			return ""
		}
	}
}

// say sends a command, whose literals each follow in a string of their own,
// and returns all that came until its answer, and whether that is OK.
func (c *imapTalk) say(command string, literals ...string) (text string, ok bool) {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("a%d", c.tag)
	for _, l := range literals {
		c.write(fmt.Sprintf("%s{%d}\r\n", tag+" "+command, len(l)))
		tag, command = "", ""
		if more := c.line(); !strings.HasPrefix(more, "+") {
			return more, false
		}
		c.write(l)
	}
	if tag != "" {
		c.write(tag + " " + command)
	}
	c.write("\r\n")
	tag = fmt.Sprintf("a%d ", c.tag)
	for {
		l := c.line()
		text += l
		switch {
		case l == "":
			return text, false
		case strings.HasPrefix(l, tag):
			return text, strings.HasPrefix(l, tag+"OK")
		}
	}
}

func (c *imapTalk) write(s string) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c.conn, s) // a connection that ended shows when it is read
}

// must is say for what has to be answered OK.
func (c *imapTalk) must(command string, literals ...string) string {
	c.t.Helper()
	text, ok := c.say(command, literals...)
	if !ok {
		c.t.Fatalf("%s: %.2000s", command, text)
	}
	return text
}

// idle waits in IDLE (RFC 2177) until what is said holds the words, or for as
// long as given, and leaves it.
func (c *imapTalk) idle(words string, within time.Duration) bool {
	c.t.Helper()
	c.tag++
	c.write(fmt.Sprintf("a%d IDLE\r\n", c.tag))
	if more := c.line(); !strings.HasPrefix(more, "+") {
		c.t.Fatalf("IDLE: %q", more)
	}
	heard := ""
	for end := time.Now().Add(within); time.Now().Before(end) && (words == "" || !strings.Contains(heard, words)); {
		_ = c.conn.SetReadDeadline(end)
		l, err := c.in.ReadString('\n')
		heard += l
		if err != nil {
			break
		}
	}
	c.write("DONE\r\n")
	for tag := fmt.Sprintf("a%d ", c.tag); ; {
		l := c.line()
		heard += l
		if l == "" || strings.HasPrefix(l, tag) {
			return strings.HasPrefix(l, tag+"OK") && (words == "" || strings.Contains(heard, words))
		}
	}
}

// count is the number of messages in a folder.
func (c *imapTalk) count(folder string) int {
	c.t.Helper()
	m := regexp.MustCompile(`MESSAGES ([0-9]+)`).FindStringSubmatch(c.must("STATUS " + folder + " (MESSAGES)"))
	if m == nil {
		c.t.Fatalf("no STATUS of %s", folder)
	}
	return atoi(c.t, m[1])
}
