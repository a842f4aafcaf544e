package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestADayInThunderbird: the account is made from what the server says about
// itself; an answer appears by IDLE, is read, flagged and searched for; a
// message is taken back by moving it, given back, and taken back again by a move
// made offline; a reviewer lets held mail go and refuses some. What the server
// saw decides; screenshots are kept in the folder that GATEPOST_THUNDERBIRD
// names (deploy/test-long.sh thunderbird).
func TestADayInThunderbird(t *testing.T) {
	dir := os.Getenv("GATEPOST_THUNDERBIRD")
	if dir == "" {
		t.Skip("SKIPPED: GATEPOST_THUNDERBIRD names no folder (deploy/test-long.sh thunderbird)")
	}
	must(t, os.MkdirAll(dir, 0o755))
	o := newOffice(t, "pins: {resend: 1s}", "recall: {grace: 1h}")
	m := startThunderbird(t, dir)
	o.setUp(m, annName)
	var names []string
	m.step("folders", object{"user": annName, "expect": "Secured/Recalled"}, &names)
	for _, want := range []string{"Templates", "Recall", "Secured/Unopened", "Secured/Opened", "Secured/Replied", "Secured/Expired", "Secured/Recalled"} {
		if !slices.Contains(names, want) {
			t.Errorf("folders %q lack %s", names, want)
		}
	}
	o.answerArrives(m)
	o.thunderbirdRecalls(m)
	o.thunderbirdOffline(m)
	o.thunderbirdReviews(m)
	o.must("audit", "verify")
}

// setUp makes the account of a user from the configuration that the server
// gives to Thunderbird.
func (o *office) setUp(m *marionette, user string) {
	o.t.Helper()
	config := newBrowser(o.t).get("http://" + o.viewer + "/mail/config-v1.1.xml?emailaddress=" + url.QueryEscape(user))
	var made struct {
		Type, Host, User   string
		Port, Socket, Auth int
	}
	m.step("account", object{"config": config.body, "address": user, "password": annPassword, "certificate": o.certificate()}, &made)
	const startTLS, plain = 2, 3 // nsMsgSocketType, nsMsgAuthMethod
	if made.Type != "imap" || made.Host != "127.0.0.1" && made.Host != "localhost" || fmt.Sprint(made.Port) != o.port || made.Socket != startTLS || made.Auth != plain || made.User != user {
		o.t.Errorf("from the server's configuration Thunderbird made %+v", made)
	}
}

// certificate is the one that IMAP shows, as a person would accept it.
func (o *office) certificate() string {
	o.t.Helper()
	raw, err := net.Dial("tcp", o.imap)
	must(o.t, err)
	defer raw.Close()
	line := make([]byte, 2000)
	_, err = raw.Read(line)
	must(o.t, err)
	_, err = fmt.Fprint(raw, "a STARTTLS\r\n")
	must(o.t, err)
	_, err = raw.Read(line)
	must(o.t, err)
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is what is asked for
	must(o.t, conn.Handshake())
	return base64.StdEncoding.EncodeToString(conn.ConnectionState().PeerCertificates[0].Raw)
}

// answerArrives: while INBOX is open an answer comes, and is there without
// being asked for: by itself Thunderbird asks every ten minutes only.
func (o *office) answerArrives(m *marionette) {
	o.t.Helper()
	answer := object{"user": annName, "path": "INBOX", "subject": "Re: Results", "word": "hoopoe"}
	m.step("open", answer, nil)
	b, p, _ := o.opens(1)
	eventually(o.t, 2*time.Minute, func() string {
		if n := o.metric("gatepost_imap_idling"); n < 1 {
			return fmt.Sprintf("%v clients wait", n)
		}
		return ""
	})
	before, start := len(o.evidence("message.staff_opened")), time.Now()
	if sent := b.answer(p, "The hoopoe came back.", nil); !strings.Contains(sent.body, "Your answer was sent.") {
		o.t.Fatalf("answering: %d", sent.status)
	}
	m.step("arrives", answer, nil)
	o.t.Logf("Thunderbird had the answer %v after it was sent", time.Since(start))
	eventually(o.t, 2*time.Minute, func() string { // it keeps what arrives, unless it is told not to
		if n := len(o.evidence("message.staff_opened")) - before; n == 0 {
			return "no evidence that the answer was fetched"
		}
		return ""
	})
	var text string
	m.step("read", answer, &text)
	if !strings.Contains(text, "The hoopoe came back.") {
		o.t.Errorf("Thunderbird shows %q", text)
	}
	m.screenshot("answer")
	m.step("flag", answer, nil)
	eventually(o.t, time.Minute, func() string {
		if found := o.find(annName, "INBOX", "Subject: Re: Results"); len(found) != 1 || !slices.Contains(found[0].flags, `\Flagged`) || !slices.Contains(found[0].flags, `\Seen`) {
			return fmt.Sprintf("the server has %v", found)
		}
		return ""
	})
	var hits []string
	if m.step("search", answer, &hits); len(hits) != 1 {
		o.t.Errorf("searching for the word found %q", hits)
	}
	answer["word"] = "no such word"
	if m.step("search", answer, &hits); len(hits) != 0 {
		o.t.Errorf("searching for another word found %q", hits)
	}
}

// thunderbirdRecalls: moved to Recall a message is shut at once, moved back it
// is open.
func (o *office) thunderbirdRecalls(m *marionette) {
	o.t.Helper()
	unopened := object{"user": annName, "path": "Secured/Unopened", "subject": "Second opinion", "to": "Recall"}
	m.step("open", unopened, nil)
	id := o.sends("pat@secure.example", "Second opinion")
	m.step("arrives", unopened, nil)
	m.screenshot("unopened")
	_, _, link := o.opens(2)
	m.step("open", object{"user": annName, "path": "Secured/Opened"}, nil)
	opened := object{"user": annName, "path": "Secured/Opened", "subject": "Second opinion", "to": "Recall"}
	m.step("arrives", opened, nil)
	m.step("move", opened, nil)
	o.filed(annName, "Secured/Recalled", id)
	if n := o.recalls(); n != 1 {
		o.t.Errorf("%d recalls", n)
	}
	if p := newBrowser(o.t).get(link); strings.Contains(p.body, `name="code"`) {
		o.t.Errorf("the link of what was taken back asks for a code: %d", p.status)
	}
	var listed []string
	m.step("open", object{"user": annName, "path": "Recall"}, &listed)
	m.screenshot("recall")
	if len(listed) != 1 {
		o.t.Fatalf("in Recall are %q", listed)
	}
	m.step("move", object{"user": annName, "path": "Recall", "subject": listed[0], "to": "Secured/Opened"}, nil)
	o.filed(annName, "Secured/Opened", id)
	if n := len(o.evidence("envelope.recall_undone")); n != 1 {
		o.t.Errorf("%d records of the undo", n)
	}
	if p := newBrowser(o.t).get(link); !strings.Contains(p.body, `name="code"`) {
		o.t.Errorf("the link of what was given back: %d\n%s", p.status, p.body)
	}
}

// thunderbirdOffline: what was downloaded is read without a connection; a move
// made then takes back once there is one.
func (o *office) thunderbirdOffline(m *marionette) {
	o.t.Helper()
	letter := object{"user": annName, "path": "Secured/Unopened", "subject": "Offline letter", "to": "Recall"}
	id := o.sends("pat@secure.example", "Offline letter")
	o.filed(annName, "Secured/Unopened", id)
	m.step("open", letter, nil)
	m.step("arrives", letter, nil)
	var kept int
	if m.step("download", letter, &kept); kept == 0 {
		o.t.Error("nothing was downloaded")
	}
	recalls := o.recalls()
	m.step("offline", object{}, nil)
	var text string
	m.step("text", letter, &text)
	if !strings.Contains(text, "The quillwort is fine.") || !strings.Contains(text, "X-Gatepost-Status:") {
		o.t.Errorf("offline it shows %q", text)
	}
	m.step("move", letter, nil)
	m.screenshot("offline")
	if n := o.recalls(); n != recalls {
		o.t.Error("a client without a connection took something back")
	}
	m.step("online", object{}, nil)
	o.filed(annName, "Secured/Recalled", id)
	if n := o.recalls(); n != recalls+1 {
		o.t.Errorf("%d recalls, were %d", n, recalls)
	}
	m.screenshot("online")
}

// readings counts the records of readings of a message.
func (o *office) readings(id string) int {
	o.t.Helper()
	n := 0
	for _, r := range o.evidence("message.staff_opened") {
		if strings.Contains(fmt.Sprint(r), id) {
			n++
		}
	}
	return n
}

// thunderbirdReviews: in her own account, which keeps nothing on the computer, a
// reviewer reads what is held and lets it go; another she refuses unread, and
// nothing says that she had read it.
func (o *office) thunderbirdReviews(m *marionette) {
	o.t.Helper()
	o.setUp(m, ritaName)
	m.step("folders", object{"user": ritaName, "expect": "Quarantine/Release"}, nil)
	m.step("keepsNothing", object{"user": ritaName}, nil)
	good := object{"user": ritaName, "path": "Quarantine", "subject": "Please let it go", "to": "Quarantine/Release"}
	bad := object{"user": ritaName, "path": "Quarantine", "subject": "Please refuse it", "to": "Quarantine/Refuse"}
	m.step("open", good, nil)
	let, refused := o.sends("kim@held.example", "Please let it go"), o.sends("kim@held.example", "Please refuse it")
	m.step("arrives", good, nil)
	m.step("arrives", bad, nil)
	m.step("move", bad, nil) // before anything is shown: what is next is shown by itself when what is shown is moved
	m.step("leaves", bad, nil)
	var text string
	if m.step("read", good, &text); !strings.Contains(text, "The quillwort is fine.") {
		o.t.Errorf("the reviewer reads %q", text)
	}
	m.screenshot("quarantine")
	m.step("move", good, nil)
	m.step("leaves", good, nil)
	o.reviewed("Please let it go")
	m.screenshot("reviewed")
	if read, unread := o.readings(let), o.readings(refused); read == 0 || unread != 0 {
		o.t.Errorf("the evidence has %d readings of what was read and %d of what was not", read, unread)
	}
}
