package imapd

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	said bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.said.Write(p)
}

// await waits for the line of a session with what is said.
func (j *journal) await(t *testing.T, said string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		j.mu.Lock()
		all := j.said.String()
		j.mu.Unlock()
		for line := range strings.Lines(all) {
			if strings.Contains(line, said) {
				return line
			}
		}
	}
	t.Fatalf("nobody said %q", said)
	return ""
}

// A client that hangs up in the middle is nothing that anybody has to look at;
// a store that fails is.
func TestAClientThatHangsUpIsNoError(t *testing.T) {
	for name, leave := range map[string]func(c *client){
		"FETCH": func(c *client) {
			c.send("a FETCH 1:* BODY.PEEK[]\r\n")
			if _, err := c.r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		},
		"APPEND": func(c *client) { c.send(fmt.Sprintf("a APPEND INBOX {%d+}\r\nFrom: ", len(simple))) },
	} {
		t.Run(name, func(t *testing.T) {
			j := new(journal)
			r := begin(t, func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			big := simple + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 60000)
			for range 10 {
				r.m.put(t, "ann@clinic.example", gateway.FolderInbox, big, "", gateway.Marks{})
			}
			c := r.inbox(t, "ann")
			leave(c)
			_ = c.conn.(*net.TCPConn).SetLinger(0)
			_ = c.conn.Close()
			j.await(t, "imap logout")
			if line := j.await(t, "imap command failed"); !strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "name="+strings.ToLower(name)) {
				t.Error(line)
			}
		})
	}
	j := new(journal)
	r := begin(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(j, nil)) })
	r.simple(t, "ann", 1)
	c := r.inbox(t, "ann")
	r.m.mu.Lock()
	r.m.fail = errors.New("the disk is gone")
	r.m.mu.Unlock()
	c.no("FETCH 1 ENVELOPE", "NO [UNAVAILABLE]")
	if line := j.await(t, "imap command failed"); !strings.Contains(line, "level=ERROR") {
		t.Error(line)
	}
}
