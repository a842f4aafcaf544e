package imapd

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// FuzzConnection: whatever a logged-in client sends, nothing panics, the
// server hangs up or goes on answering, and what is in a folder that was
// opened read-only stays.
func FuzzConnection(f *testing.F) {
	for _, s := range []string{
		"a NOOP\r\nb FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY[])\r\n", "a UID SEARCH RETURN (ALL) OR TEXT {3}\r\nabc NOT SEEN\r\n", "a IDLE\r\nDONE\r\n", "a CLOSE\r\nb LIST (SUBSCRIBED) \"\" (% *) RETURN (STATUS (SIZE))\r\n",
		"a FETCH 1 (BODY.PEEK[2.1.MIME]<1.2> BINARY[3]<0.4> BINARY.SIZE[1] RFC822.HEADER)\r\n", "a APPEND INBOX (\\Seen) {5+}\r\nhello\r\n", "a ID (\"name\" NIL)\r\nb ENABLE IMAP4rev2\r\nc UID MOVE 1 Recall\r\n",
		"a STORE 1:* FLAGS.SILENT (\\Deleted $x)\r\nb EXPUNGE\r\n", "a AUTHENTICATE PLAIN\r\n*\r\n", "a STATUS {5}\r\nINBOX (MESSAGES)\r\n", "a FETCH 1 BODY[HEADER.FIELDS (\"a]b\" {2+}\r\ncd)]\r\n", "a SELECT INBOX\r\nb UNSELECT\r\nc FETCH 1 ALL\r\n",
		"a APPEND \"INBOX {20+}\r\nz1 SELECT INBOX\"\r\n\r\n\r\nb NOOP\r\n",
	} {
		f.Add([]byte(s))
	}
	r := begin(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		r.m.mu.Lock()
		clear(r.m.boxes)
		r.m.mu.Unlock()
		r.rows.forget()
		for range 2 {
			r.m.put(t, "ann@clinic.example", gateway.FolderInbox, nestedMail, "X-Gatepost-Status: x\r\n", gateway.Marks{})
		}
		answers := r.converse(t, "0 LOGIN ann@clinic.example secret\r\n1 EXAMINE INBOX\r\n"+string(said))
		if !strings.HasPrefix(answers, "* OK") {
			t.Fatalf("%q", answers)
		}
		if n := r.panics(t); n != 0 {
			t.Fatalf("%v panics", n)
		}
		if strings.Contains(strings.ToUpper(string(said)), "SELECT") {
			return // it may have opened the folder otherwise
		}
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		if v := r.m.boxLocked(r.m.users["ann@clinic.example"].name, gateway.FolderInbox).view; v.Marks[0].Seen || len(v.UIDs) < 2 || v.UIDs[0] != 1 {
			t.Fatalf("a folder that was opened read-only changed: %v %v", v.UIDs, v.Marks)
		}
	})
}

// FuzzLiteral: what stands in a literal is never a command, whatever command
// it belongs to and whatever became of that.
func FuzzLiteral(f *testing.F) {
	f.Add("SELECT ", []byte("z LOGOUT\r\nz LOGOUT\r\n"), true)
	f.Add("APPEND INBOX (\\Seen ", []byte("\r\nz LOGOUT\r\n"), true)
	f.Add("APPEND ", []byte("INBOX"), false)
	f.Add("APPEND \"INBOX ", []byte("\" {3+}\r\nz LOGOUT\r\nz LOGOUT\r\n"), false)
	f.Add("APPEND INBOX \" 3-Apr-2026 11:22:33 +0200 ", []byte("z LOGOUT\r\n"), true)
	f.Add("ID (", []byte("\" )\r\nz LOGOUT\r\n"), true)
	f.Add("SEARCH CHARSET x TEXT ", []byte("z LOGOUT\r\n"), true)
	r := begin(f, func(c *Config) {
		c.Limits.Command, c.Limits.Idle, c.Limits.Block = time.Second, time.Second, time.Second
	})
	f.Fuzz(func(t *testing.T, before string, octets []byte, waits bool) {
		if strings.ContainsAny(before, "\r\n\x00{") || len(before) > 200 || len(octets) > 2000 {
			t.Skip()
		}
		plus := "+"
		if waits {
			plus = ""
		}
		c := r.inbox(t, "ann")
		defer c.conn.Close()
		c.send("x1 " + before + "{" + strconv.Itoa(len(octets)) + plus + "}\r\n")
		if waits {
			line, err := c.line()
			if err != nil {
				return // hung up: nothing was taken for a command
			}
			if !strings.HasPrefix(line, "+") {
				octets = nil // refused: the client sends nothing
				c.send("x2 NOOP\r\n")
				c.until(t, "x2 ")
				return
			}
		}
		c.send(string(octets) + "\r\nx2 NOOP\r\n")
		c.until(t, "x2 ")
	})
}

// until reads up to the answer with a tag or the end; none but x1 and x2 may
// have one.
func (c *client) until(t *testing.T, tag string) {
	for {
		line, err := c.line()
		switch {
		case err != nil, strings.HasPrefix(line, tag):
			return
		case strings.HasPrefix(line, "* "), strings.HasPrefix(line, "+ "), strings.HasPrefix(line, "x1 "):
		default:
			t.Fatalf("%q", line)
		}
	}
}

// converse says everything and hangs up; it returns what was answered.
func (r *running) converse(t testing.TB, said string) string {
	tape := &tape{said: strings.NewReader(said), closed: make(chan struct{})}
	r.admit(tape, false)
	select {
	case <-tape.closed:
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not come to an end")
	}
	tape.mu.Lock()
	defer tape.mu.Unlock()
	return tape.answers.String()
}

// tape is a loopback client that says what it has to say and hangs up.
type tape struct {
	net.Conn
	said    *strings.Reader
	mu      sync.Mutex
	answers bytes.Buffer
	once    sync.Once
	closed  chan struct{}
}

func (p *tape) Read(b []byte) (int, error) { return p.said.Read(b) }

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers.Write(b)
}

func (p *tape) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*tape) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*tape) SetDeadline(time.Time) error      { return nil }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

// panics is how often a command panicked.
func (r *running) panics(t testing.TB) float64 {
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "gatepost_imap_panics_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no such metric")
	return 0
}
