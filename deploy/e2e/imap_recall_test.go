package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRecallByFolderOpensNothing: what was opened before is shut for everybody
// by moving it to Recall, destroyed after the grace, told by evidence, and no
// way opens it: not the link, not the session that had it open, not the
// client of its sender, not an undo, not a backup from before.
func TestRecallByFolderOpensNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "pins: {resend: 1s}", "recall: {grace: 5s}")
	id := o.sends("pat@secure.example", "About the goldcrest")
	pat, page, link := o.opens(2)
	if !strings.Contains(page.body, "quillwort") {
		t.Fatalf("before: %d\n%s", page.status, page.body)
	}
	backup := filepath.Join(o.dir, "backup")
	o.must("backup", backup)
	at := o.filed(annName, "Secured/Opened", id)
	c, err := logIn(o.imap, annName, annPassword)
	must(t, err)
	defer c.close()
	_, err = c.do("SELECT Secured/Opened")
	must(t, err)
	_, err = c.do("UID MOVE %d Recall", at.uid)
	must(t, err)
	o.shut("at once", pat, page, link)
	if found := o.evidence("envelope.recalled"); len(found) != 1 || found[0].text("actor") != "account" || found[0].text("message") != id {
		t.Errorf("evidence of the recall: %v", found)
	}
	eventually(t, time.Minute, func() string {
		if n := len(o.evidence("envelope.shredded")); n != 1 {
			return fmt.Sprintf("%d records of the destruction", n)
		}
		return ""
	})
	o.shut("after the grace", pat, page, link)
	o.filed(annName, "Secured/Recalled", id)
	if left := o.find(annName, "Recall", id); len(left) != 0 {
		t.Errorf("the handle is still there: %v", left)
	}
	if _, errs, code := o.run("message", "recall", id, "--undo"); code == 0 {
		t.Errorf("what was destroyed was given back: %s", errs)
	}
	story := o.must("audit", "show", id)
	for _, event := range []string{"message.opened", "envelope.recalled", "envelope.shredded"} {
		if !strings.Contains(story, event) {
			t.Errorf("the story of the message lacks %s:\n%s", event, story)
		}
	}
	o.must("audit", "verify")
	o.restore(backup)
	o.shut("from an older backup", newBrowser(t), page, link)
	o.filed(annName, "Secured/Recalled", id)
}

// restore puts a backup in the place of the data.
func (o *office) restore(backup string) {
	o.t.Helper()
	o.stop()
	must(o.t, os.Rename(o.data, o.data+".old"))
	o.must("restore", backup)
	o.start()
	o.must("queue", "resume")
}

// shut goes every way to the text of a message that was taken back.
func (o *office) shut(when string, had *browser, page page, link string) {
	o.t.Helper()
	for name, b := range map[string]*browser{"the session that had it open": had, "another": newBrowser(o.t)} {
		for _, address := range append([]string{link, link + "/mail", link + "/file/0"}, page.files(o.t)...) {
			if p := b.get(address); strings.Contains(p.body, "quillwort") || strings.Contains(p.body, `name="code"`) || strings.Contains(p.body, `name="pin"`) {
				o.t.Errorf("%s: %s: %d\n%s", when, name, p.status, p.body)
			}
		}
	}
	if p := newBrowser(o.t).get(link); p.status != http.StatusGone || !strings.Contains(p.body, "taken back") {
		o.t.Errorf("%s: the link shows %d\n%s", when, p.status, p.body)
	}
	if sent, err := had.tryAnswer(page, "May I answer?", nil); err == nil && strings.Contains(sent.body, "Your answer was sent.") {
		o.t.Errorf("%s: it could be answered", when)
	}
	c, err := logIn(o.imap, annName, annPassword)
	must(o.t, err)
	defer c.close()
	for _, folder := range []string{"Secured/Recalled", "Secured/Opened", "Recall"} {
		_, all, err := c.mails(folder, "BODY.PEEK[]")
		must(o.t, err)
		for _, e := range all {
			if strings.Contains(e.content, "quillwort") {
				o.t.Errorf("%s: in %s its sender reads it", when, folder)
			}
		}
	}
}

// TestMbsyncNoticesARestore: a restored server is another one to a client that
// keeps what it had: nothing is lost on either side, nothing taken back.
func TestMbsyncNoticesARestore(t *testing.T) {
	t.Parallel()
	needProgram(t, "mbsync")
	o := newOffice(t)
	o.filed(annName, "Secured/Unopened", o.sends("pat@secure.example", "Second opinion"))
	rc, mail := o.mbsyncrc()
	backup := filepath.Join(o.dir, "backup")
	o.must("backup", backup)
	o.filed(annName, "Secured/Unopened", o.sends("pat@secure.example", "Sent after the backup"))
	o.program(0, "mbsync", "-c", rc, "all")
	before := o.validity()
	o.restore(backup)
	if after := o.validity(); after <= before {
		t.Errorf("UIDVALIDITY %d, was %d", after, before)
	}
	said := o.program(-1, "mbsync", "-c", rc, "all")
	if !strings.Contains(said, "UIDVALIDITY") {
		t.Errorf("mbsync noticed nothing:\n%s", said)
	}
	for _, subject := range []string{"Results", "Second opinion", "Sent after the backup"} {
		if !holds(mail, "Secured/Unopened", "Subject: "+subject) {
			t.Errorf("the client lost %q:\n%s", subject, said)
		}
	}
	for _, subject := range []string{"Results", "Second opinion"} {
		o.filed(annName, "Secured/Unopened", "Subject: "+subject)
	}
	if n := o.recalls(); n != 0 {
		t.Errorf("%d messages were taken back", n)
	}
}

// validity is the UIDVALIDITY of a folder.
func (o *office) validity() uint32 {
	o.t.Helper()
	c, err := logIn(o.imap, annName, annPassword)
	must(o.t, err)
	defer c.close()
	a, err := c.do("SELECT Secured/Unopened")
	must(o.t, err)
	n, _ := a.code(validityPattern)
	return n
}
