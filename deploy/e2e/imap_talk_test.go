package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// imapClient is a plain IMAP client that shows every answer. After its
// connection ended all that it says fails.
type imapClient struct {
	conn net.Conn
	r    *bufio.Reader
	tag  int
}

// imapAnswer is what a command brought: each untagged line whole, its literals
// where they stood, and the line that ended it without its tag.
type imapAnswer struct {
	lines []string
	end   string
}

// errIMAPRefused is NO or BAD: the command did not happen.
var errIMAPRefused = errors.New("refused")

func logIn(addr, user, password string) (*imapClient, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &imapClient{conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
	if _, err = c.line(); err == nil {
		_, err = c.do("LOGIN %q %q", user, password)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

var literalPattern = regexp.MustCompile(`\{(\d+)\}$`)

// line reads a line with its literals.
func (c *imapClient) line() (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	var b strings.Builder
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		l = strings.TrimSuffix(l, "\r\n")
		b.WriteString(l)
		hit := literalPattern.FindStringSubmatch(l)
		if hit == nil {
			return b.String(), nil
		}
		b.WriteString("\r\n")
		n, err := strconv.ParseInt(hit[1], 10, 64)
		if err == nil {
			_, err = io.CopyN(&b, c.r, n)
		}
		if err != nil {
			return "", err
		}
	}
}

// do says a command and reads to its end. errIMAPRefused is within the error
// where the server said that it did not do it; after every other error nobody
// knows.
func (c *imapClient) do(format string, args ...any) (imapAnswer, error) {
	return c.upload("", format, args...)
}

// upload is do with a literal at the end of the command, "" for none.
func (c *imapClient) upload(literal, format string, args ...any) (imapAnswer, error) {
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	said := tag + fmt.Sprintf(format, args...)
	if literal != "" {
		said += fmt.Sprintf(" {%d+}\r\n%s", len(literal), literal)
	}
	var a imapAnswer
	if _, err := io.WriteString(c.conn, said+"\r\n"); err != nil {
		return a, err
	}
	for {
		l, err := c.line()
		if err != nil {
			return a, err
		}
		rest, ended := strings.CutPrefix(l, tag)
		if !ended {
			a.lines = append(a.lines, l)
			continue
		}
		if a.end = rest; !strings.HasPrefix(rest, "OK") {
			return a, fmt.Errorf("%w: %s", errIMAPRefused, rest)
		}
		return a, nil
	}
}

// code is the first group of what a pattern finds in the answer, as a number.
func (a imapAnswer) code(p *regexp.Regexp) (uint32, bool) {
	for _, l := range append(a.lines, a.end) {
		if hit := p.FindStringSubmatch(l); hit != nil {
			n, err := strconv.ParseUint(hit[1], 10, 32)
			return uint32(n), err == nil
		}
	}
	return 0, false
}

// listed is one message of a folder.
type listed struct {
	place
	flags   []string // sorted
	content string   // of the section that was asked for
}

// place is where something stands in a mailbox.
type place struct {
	folder string
	uid    uint32
}

var (
	existsPattern = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	fetchedUID    = regexp.MustCompile(`^\* \d+ FETCH \(.*?\bUID (\d+)`)
	fetchedFlags  = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
)

// mails selects a folder and reads a section of every message in it.
func (c *imapClient) mails(folder, section string) (selected imapAnswer, all []listed, err error) {
	if selected, err = c.do("SELECT %s", folder); err != nil {
		return selected, nil, err
	}
	if n, _ := selected.code(existsPattern); n == 0 {
		return selected, nil, nil
	}
	a, err := c.do("UID FETCH 1:* (FLAGS %s)", section)
	for _, l := range a.lines {
		uid := fetchedUID.FindStringSubmatch(l)
		head, content, ok := strings.Cut(l, "}\r\n")
		if uid == nil || !ok {
			continue
		}
		e := listed{place: place{folder, uidOf(uid[1])}, content: strings.TrimSuffix(content, ")")}
		if flags := fetchedFlags.FindStringSubmatch(head); flags != nil {
			e.flags = strings.Fields(flags[1])
			slices.Sort(e.flags)
		}
		all = append(all, e)
	}
	return selected, all, err
}

func uidOf(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

func (c *imapClient) close() { _ = c.conn.Close() }
