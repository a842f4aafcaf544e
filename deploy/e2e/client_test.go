package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// smtpClient is a plain SMTP client that shows every answer.
type smtpClient struct {
	conn net.Conn
	text *textproto.Conn
}

// reply is an SMTP answer.
type reply struct {
	code int
	text string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, r.text) }

func dialSMTP(t *testing.T, addr string) *smtpClient {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &smtpClient{conn: conn, text: textproto.NewConn(conn)}
	if r := c.read(); r.code != 220 {
		t.Fatalf("%s greets with %v", addr, r)
	}
	if r := c.say("EHLO client.example"); r.code != 250 {
		t.Fatalf("EHLO: %v", r)
	}
	return c
}

func (c *smtpClient) read() reply {
	_ = c.conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
	code, text, err := c.text.ReadResponse(0)
	var said *textproto.Error
	if err != nil && !errors.As(err, &said) {
		return reply{0, err.Error()}
	}
	return reply{code, text}
}

func (c *smtpClient) say(format string, args ...any) reply {
	if err := c.text.PrintfLine(format, args...); err != nil {
		return reply{0, err.Error()}
	}
	return c.read()
}

// body sends DATA and the mail, CRLF lines, and returns the last answer.
func (c *smtpClient) body(mail []byte) reply {
	if r := c.say("DATA"); r.code != 354 {
		return r
	}
	w := c.text.DotWriter()
	_, err := w.Write(mail)
	if err = errors.Join(err, w.Close()); err != nil {
		return reply{0, err.Error()}
	}
	return c.read()
}

// send does one transaction; what is answered to DATA counts, or the first
// refusal before.
func (c *smtpClient) send(from string, to []string, mail []byte) reply {
	if r := c.say("MAIL FROM:<%s>", from); r.code != 250 {
		return r
	}
	for _, a := range to {
		if r := c.say("RCPT TO:<%s>", a); r.code/100 != 2 {
			c.say("RSET")
			return r
		}
	}
	return c.body(mail)
}

func (c *smtpClient) quit() {
	c.say("QUIT")
	_ = c.conn.Close()
}

// sendOne sends one mail over a connection of its own.
func sendOne(t *testing.T, addr, from string, to []string, mail []byte) reply {
	t.Helper()
	c := dialSMTP(t, addr)
	defer c.quit()
	return c.send(from, to, mail)
}

// accepted sends one mail that has to be taken and returns its queue id.
func accepted(t *testing.T, addr, from string, to []string, mail []byte) string {
	t.Helper()
	r := sendOne(t, addr, from, to, mail)
	if r.code != 250 {
		t.Fatalf("the mail was answered %v", r)
	}
	_, id, ok := strings.Cut(r.text, "queued as ")
	if !ok {
		t.Fatalf("no queue id in %v", r)
	}
	return strings.TrimSpace(id)
}

// mailText makes a simple mail with CRLF line ends out of header lines and a
// text with LF line ends.
func mailText(from, to, subject, body string, more ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%x@clinic.example>\r\n",
		from, to, subject, sha256.Sum224([]byte(subject+to+body)))
	for _, m := range more {
		b.WriteString(m + "\r\n")
	}
	b.WriteString("\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
	return []byte(b.String())
}
