package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// imapTalk speaks IMAP a line at a time.
type imapTalk struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	tag  int
}

func (c *imapTalk) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	return line
}

// ask sends a command and returns everything up to its answer.
func (c *imapTalk) ask(command string) string {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	if _, err := fmt.Fprintf(c.conn, "%s%s\r\n", tag, command); err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for {
		line := c.line()
		all.WriteString(line)
		if strings.HasPrefix(line, tag) {
			return all.String()
		}
	}
}

func (c *imapTalk) ok(command string) string {
	c.t.Helper()
	said := c.ask(command)
	if !strings.Contains(said, fmt.Sprintf("t%d OK", c.tag)) {
		c.t.Fatalf("%.40s: %s", command, said)
	}
	return said
}

func imapDial(t *testing.T, addr string, implicit bool) *imapTalk {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if implicit {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // its name is the story of TestCertificateNames
	}
	c := &imapTalk{t: t, conn: conn, in: bufio.NewReader(conn)}
	if greeting := c.line(); !strings.HasPrefix(greeting, "* OK [CAPABILITY IMAP4rev2 IMAP4rev1") {
		t.Fatal(greeting)
	}
	return c
}

// TestServesIMAP: staff see in their mail client what became of a message,
// take it back by moving it, and nothing is readable without TLS. At the end
// of the server a client that waits is told so.
func TestServesIMAP(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next)
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	plain, implicit := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, r.config, strings.Replace(string(text), "listen: {", fmt.Sprintf("listen: {imap: %q, imaps: %q, ", plain, implicit), 1))
	r.start()
	if _, errs, code := r.runWith("a long enough secret\n", "user", "add", "ann@clinic.example", "--password-file", "-"); code != 0 {
		t.Fatal(errs)
	}
	bare := imapDial(t, plain, false)
	if said := bare.ask("LOGIN ann@clinic.example \"a long enough secret\""); !strings.Contains(said, "NO [PRIVACYREQUIRED]") {
		t.Errorf("without TLS: %s", said)
	}
	bare.ok("STARTTLS")

	c := imapDial(t, implicit, true)
	c.ok("LOGIN ann@clinic.example \"a long enough secret\"")
	c.ok("SELECT Secured/Unopened")
	if _, err := fmt.Fprint(c.conn, "i IDLE\r\n"); err != nil {
		t.Fatal(err)
	}
	c.line()
	r.send("ann@clinic.example", "pat@secure.example", secretMail)
	link := box.to(t, "pat@secure.example").Link
	if said := c.line(); said != "* 1 EXISTS\r\n" {
		t.Errorf("idling: %s", said)
	}
	fmt.Fprint(c.conn, "DONE\r\n")
	c.line()
	if said := c.ok("FETCH 1 (ENVELOPE BODY.PEEK[HEADER.FIELDS (X-Gatepost-Status)])"); !strings.Contains(said, "X-Gatepost-Status:") {
		t.Errorf("listed: %s", said)
	}
	if said := c.ok("FETCH 1 BODY[]"); !strings.Contains(said, "quillwort") {
		t.Errorf("read: %s", said)
	}
	if said := c.ok("UID MOVE 1:* Recall"); !strings.Contains(said, "* 1 EXPUNGE") {
		t.Errorf("moved: %s", said)
	}
	if _, page := newBrowser(t).get(link); strings.Contains(page, "quillwort") || strings.Contains(page, `name="pin"`) {
		t.Error("what was taken back opens")
	}
	idle := imapDial(t, implicit, true)
	idle.ok("LOGIN ann@clinic.example \"a long enough secret\"")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if said := idle.line(); !strings.HasPrefix(said, "* BYE") {
		t.Errorf("at the end: %s", said)
	}
	if strings.Contains(r.log.String(), "quillwort") || strings.Contains(r.log.String(), "ann@clinic") {
		t.Error("the log tells who reads what")
	}
}
