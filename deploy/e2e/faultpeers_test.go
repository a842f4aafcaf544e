package e2e

import (
	"bufio"
	octets "encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fourPeers are a mail client that sends, an application, a correspondent and
// a member of staff who reads, each in the middle of a session.
type fourPeers struct {
	*gate
	t       *testing.T
	outside *sink
	reader  *browser
	opened  page // of the correspondent, with the form for an answer
	staff   net.Conn
	said    *bufio.Reader // by the IMAP server
	app     net.Conn
	n       uint32
}

const fullPolicy = "policy: faults\ndefault: pass\non_error: hold\nrules:\n  - {id: s, reason: secured, when: 'recipient.domain == \"secure.example\"', then: secure}\n"

// newFourPeers starts a gate whose data and keys lie on disk, where a secured
// message waits that the correspondent has opened.
func newFourPeers(t *testing.T, disk string) *fourPeers {
	t.Helper()
	outside := startSink(t, nil)
	g := newGate(t, settings{
		data: filepath.Join(disk, "data"), keys: filepath.Join(disk, "keys"), imap: true, smsc: freeAddr(t), policy: fullPolicy,
		routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)},
	}).start()
	g.must("user", "add", annName, "--password-file", write(t, filepath.Join(g.dir, "password"), annPassword+"\n"))
	p := &fourPeers{gate: g, t: t, outside: outside, reader: newBrowser(t)}
	accepted(t, g.relay, annName, []string{"pat@secure.example"}, mailText(annName, "pat@secure.example", "results", "The "+faultWord+" is fine.\n"))
	p.opened = p.reader.open(outside.wait(t, "pat@secure.example", 1).link(t), codeFrom(t, outside, "pat@secure.example"))
	p.connect()
	return p
}

// connect logs the member of staff and the application in.
func (p *fourPeers) connect() {
	p.t.Helper()
	for _, c := range []struct {
		addr string
		conn *net.Conn
	}{{p.imap, &p.staff}, {p.smpp, &p.app}} {
		conn, err := net.DialTimeout("tcp", c.addr, 10*time.Second)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(3 * time.Minute))
		*c.conn = conn
	}
	p.said = bufio.NewReader(p.staff)
	for _, line := range []string{`a LOGIN ` + annName + ` "` + annPassword + `"`, "b SELECT Secured/Opened"} {
		if answer := p.says(line); answer != "OK" {
			p.t.Fatalf("%s: %s", line[:1], answer)
		}
	}
	if status := p.tells(0x09, "clinic\x00"+smsPassword+"\x00\x00\x34\x00\x00\x00"); status != 0 {
		p.t.Fatalf("bind: %#x", status)
	}
}

// says sends an IMAP command and returns the word of its answer.
func (p *fourPeers) says(line string) string {
	if _, err := fmt.Fprintf(p.staff, "%s\r\n", line); err != nil {
		return err.Error()
	}
	for {
		answer, err := p.said.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		if rest, ours := strings.CutPrefix(answer, line[:1]+" "); ours {
			word, _, _ := strings.Cut(rest, " ")
			return word
		}
	}
}

// tells sends a PDU and returns the status of its answer.
func (p *fourPeers) tells(command uint32, body string) uint32 {
	p.t.Helper()
	p.n++
	if _, err := p.app.Write(pduBytes(command, p.n, body)); err != nil {
		p.t.Fatal(err)
	}
	for {
		head := make([]byte, 16)
		if _, err := io.ReadFull(p.app, head); err != nil {
			p.t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, p.app, int64(octets.BigEndian.Uint32(head))-16); err != nil {
			p.t.Fatal(err)
		}
		if octets.BigEndian.Uint32(head[4:]) == command|1<<31 && octets.BigEndian.Uint32(head[12:]) == p.n {
			return octets.BigEndian.Uint32(head[8:])
		}
	}
}

// ask lets each do one thing that has to be stored, and returns what each was
// answered.
func (p *fourPeers) ask(what string) map[string]string {
	p.t.Helper()
	text := "The garden opens: " + what + "."
	return map[string]string{
		"smtp":   fmt.Sprint(sendOne(p.t, p.relay, annName, []string{"pat@out.example"}, mailText(annName, "pat@out.example", what, "The garden opens at nine.\n")).code),
		"smpp":   fmt.Sprintf("%#x", p.tells(0x04, "\x00\x01\x01"+clinicNumber[1:]+"\x00\x01\x01"+patient[1:]+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+string(rune(len(text)))+text)),
		"viewer": fmt.Sprint(p.reader.answer(p.opened, "Thank you.", nil).status),
		"imap":   p.says(`c STORE 1 +FLAGS (\Flagged)`),
	}
}

var (
	allRefuse = map[string]string{"smtp": "452", "smpp": "0x14", "viewer": "503", "imap": "NO"}
	allTake   = map[string]string{"smtp": "250", "smpp": "0x0", "viewer": "200", "imap": "OK"}
)

// all asks until the answers are as wanted: a fault is not noticed before
// something is stored.
func (p *fourPeers) all(what string, want map[string]string) {
	p.t.Helper()
	eventually(p.t, time.Minute, func() string {
		if got := p.ask(what); !maps.Equal(got, want) {
			return fmt.Sprintf("%s: the answers are %v", what, got)
		}
		return ""
	})
}

// red: health says so, and the log has an error.
func (p *fourPeers) red(what string) {
	p.t.Helper()
	eventually(p.t, time.Minute, func() string {
		if code, body := p.get("/readyz"); code != http.StatusServiceUnavailable {
			return fmt.Sprintf("%s: readyz says %d %s", what, code, body)
		}
		return ""
	})
	_, ready := p.get("/readyz")
	if code, _ := p.get("/livez"); code != http.StatusOK {
		p.t.Errorf("%s: livez says %d", what, code)
	}
	errors := 0
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			errors++
			if errors <= 2 {
				p.t.Logf("%s: %s", what, strings.TrimSpace(line))
			}
		}
	}
	if errors == 0 {
		p.t.Errorf("%s: the log has no error", what)
	}
	p.t.Logf("%s: every protocol refuses with %v; readyz: %s", what, allRefuse, strings.TrimSpace(ready))
}

// whole: everything that was answered well is there, evidence among it.
func (p *fourPeers) whole(mails int) {
	p.t.Helper()
	eventually(p.t, time.Minute, func() string {
		if n := len(p.outside.to("pat@out.example")); n < mails {
			return fmt.Sprintf("%d of %d mails arrived", n, mails)
		}
		return ""
	})
	if answer := p.outside.wait(p.t, annName, 1); !strings.Contains(answer.text(), "Thank you.") {
		p.t.Errorf("staff got\n%s", answer.raw)
	}
	p.must("audit", "verify")
}

// TestFullDiskOnEveryProtocol: with no octet of room everybody is told to come
// again, and everybody is served as soon as there is room.
func TestFullDiskOnEveryProtocol(t *testing.T) {
	d := newFaultDisk(t, 192)
	p := newFourPeers(t, d.dir)
	filler := fill(t, d.dir, 0)
	p.all("full", allRefuse)
	p.red("full")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.all("room", allTake)
	eventually(t, time.Minute, func() string {
		if code, body := p.get("/readyz"); code != http.StatusOK {
			return "readyz: " + body
		}
		return ""
	})
	p.whole(1)
}

// TestFailedDiskOnEveryProtocol: a flush of the device fails with EIO, after
// which ext4 itself is read-only. Everybody is told to come again, also when
// the device is well again, until a restart; and nothing is lost. A start on a
// disk that may only be read ends and says why.
func TestFailedDiskOnEveryProtocol(t *testing.T) {
	d := newFaultDisk(t, 192)
	p := newFourPeers(t, d.dir)
	d.failFlushes()
	p.all("EIO", allRefuse)
	p.red("EIO")
	d.cut(0) // what was not flushed is gone: the worst that may be
	p.kill()
	d.unmount(t)
	d.powered()
	d.mount(t)
	if out, err := output(t, time.Minute, "mount", "-o", "remount,ro", d.dir); err != nil {
		t.Fatalf("mounting read-only: %v %s", err, out)
	}
	out, errs, code := p.run("serve")
	if code == 0 || !strings.Contains(out+errs, "read-only file system") {
		t.Errorf("a start on a read-only disk: exit %d\n%s%s", code, out, errs)
	}
	t.Logf("a start on a read-only disk: exit %d, %s", code, strings.TrimSpace(errs))
	if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.connect()
	p.all("restarted", allTake)
	p.whole(1)
}
