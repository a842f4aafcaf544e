package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// running is a mail client that was started and goes on.
type running struct {
	*process
	name   string
	screen string // path of what it printed
}

// starts runs a client in the home of the office until the test ends.
func (o *office) starts(name string, args ...string) *running {
	o.t.Helper()
	r := &running{name: name, screen: filepath.Join(o.home, filepath.Base(name)+".screen")}
	screen, err := os.Create(r.screen)
	must(o.t, err)
	defer screen.Close()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+o.home, "TERM=vt100", "LC_ALL=C.UTF-8")
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.home, screen, screen
	r.process = startProcess(o.t, cmd)
	o.t.Cleanup(r.kill)
	return r
}

// until waits for a sign of a client.
func (r *running) until(t *testing.T, what string, there func() bool) {
	t.Helper()
	eventually(t, 2*time.Minute, func() string {
		if there() {
			return ""
		}
		if code, ended := r.exited(0); ended {
			t.Fatalf("%s ended with %d before %s\n%s", r.name, code, what, readFile(t, r.screen))
		}
		return r.name + ": " + what + " does not come\n" + readFile(t, r.screen)
	})
}

func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}

// muttrc is a configuration of NeoMutt for a user, which asks nothing and
// pushes keys.
func (o *office) muttrc(user, keys string) string {
	o.t.Helper()
	return write(o.t, filepath.Join(o.home, "muttrc"), fmt.Sprintf(`set imap_user=%[1]q imap_pass=%[2]q ssl_starttls=no ssl_force_tls=no imap_authenticators="login"
set folder=%[3]q mbox_type=Maildir confirmcreate=no confirmappend=no copy=no delete=yes quit=yes header_cache="" history_file="" crypt_use_gpgme=no wait_key=no auto_tag=no tmpdir=%[3]q mail_check=60
push "%[4]s<exit>"
`, user, annPassword, o.home, keys))
}

// mutt runs NeoMutt on a folder with keys, to its end.
func (o *office) mutt(user, folder, keys string) {
	o.t.Helper()
	rc := o.muttrc(user, keys)
	o.program(0, "script", "-qec", "neomutt -n -F "+rc+" -f "+o.url(folder), "/dev/null")
}

// TestAnAnswerComesByIDLE: imaplib, fetchmail and NeoMutt wait; an answer comes, and
// each has it. None of them asks by itself within the time that is given.
func TestAnAnswerComesByIDLE(t *testing.T) {
	t.Parallel()
	needProgram(t, "python3", "fetchmail", "neomutt", "script")
	o := newOffice(t, "pins: {resend: 1s}")
	pat, page, _ := o.opens(1)
	python := o.idlesInPython()
	fetchmail, fetched := o.idlesInFetchmail()
	mutt, listed := o.idlesInMutt()
	eventually(t, time.Minute, func() string { // fetchmail and NeoMutt do not say when they wait
		if n := o.metric("gatepost_imap_idling"); n < 3 {
			return fmt.Sprintf("%v clients wait\n%s\n%s", n, readFile(t, fetchmail.screen), readFile(t, mutt.screen))
		}
		return ""
	})
	start := time.Now()
	if sent := pat.answer(page, "The hoopoe came back.", nil); !strings.Contains(sent.body, "Your answer was sent.") {
		t.Fatalf("answering: %d", sent.status)
	}
	if code, ended := python.exited(2 * time.Minute); !ended || code != 0 {
		t.Errorf("imaplib: ended %v with %d\n%s", ended, code, readFile(t, python.screen))
	}
	t.Logf("imaplib had the answer %v after it was sent", time.Since(start))
	fetchmail.until(t, "the answer", fetched)
	mutt.until(t, "the answer", listed)
}

func (o *office) idlesInPython() *running {
	o.t.Helper()
	ready := filepath.Join(o.home, "python.ready")
	script, err := filepath.Abs("imappeers/idle.py")
	must(o.t, err)
	r := o.starts("python3", script, o.host, o.port, annName, annPassword, "hoopoe", ready)
	r.until(o.t, "IDLE", exists(ready))
	return r
}

func (o *office) idlesInFetchmail() (*running, func() bool) {
	o.t.Helper()
	got := filepath.Join(o.home, "fetchmail.got")
	rc := write(o.t, filepath.Join(o.home, "fetchmailrc"), fmt.Sprintf(
		"poll %s protocol imap port %s auth password user %q password %q folder INBOX idle keep sslproto '' mda \"cat >> %s\"\n", o.host, o.port, annName, annPassword, got))
	must(o.t, os.Chmod(rc, 0o600))
	r := o.starts("fetchmail", "-f", rc, "--nosyslog", "--nodetach", "--pidfile", filepath.Join(o.home, "fetchmail.pid"))
	return r, func() bool {
		raw, err := os.ReadFile(got)
		return err == nil && strings.Contains(string(raw), "hoopoe")
	}
}

// idlesInMutt lets NeoMutt show INBOX, which it lists anew when something came.
func (o *office) idlesInMutt() (*running, func() bool) {
	o.t.Helper()
	rc := write(o.t, filepath.Join(o.home, "idlerc"), strings.Replace(readFile(o.t, o.muttrc(annName, "")), "<exit>", "", 1)+"set imap_idle=yes timeout=1\n")
	must(o.t, os.Chmod(rc, 0o600))
	r := o.starts("script", "-qec", "neomutt -n -F "+rc+" -f "+o.url("INBOX"), "/dev/null")
	return r, func() bool { return strings.Contains(readFile(o.t, r.screen), "Re: Results") }
}

// offlineimaprc configures OfflineIMAP for Ann, and says what Maildir it keeps.
func (o *office) offlineimaprc() (rc, mail string) {
	o.t.Helper()
	mail = filepath.Join(o.home, "offline")
	return write(o.t, filepath.Join(o.home, "offlineimaprc"), fmt.Sprintf(`[general]
accounts = gp
metadata = %s/metadata
[Account gp]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = %s
sep = /
[Repository far]
type = IMAP
remotehost = %s
remoteport = %s
remoteuser = %s
remotepass = %s
ssl = no
starttls = no
auth_mechanisms = PLAIN
`, o.home, mail, o.host, o.port, annName, annPassword)), mail
}

// holds reports whether a word stands in a message of a Maildir folder.
func holds(mail, folder, word string) bool {
	for _, path := range maildir(mail, folder) {
		if raw, err := os.ReadFile(path); err == nil && strings.Contains(string(raw), word) {
			return true
		}
	}
	return false
}

func maildir(mail, folder string) []string {
	var all []string
	for _, sub := range []string{"cur", "new"} {
		names, _ := filepath.Glob(filepath.Join(mail, folder, sub, "*"))
		all = append(all, names...)
	}
	return all
}

// TestOfflineIMAPSyncs: everything comes once, flags go back, and what was
// moved to Recall without a connection is an upload there: refused, with the
// reason, and nothing is taken back.
func TestOfflineIMAPSyncs(t *testing.T) {
	t.Parallel()
	needProgram(t, "offlineimap")
	o := newOffice(t)
	rc, mail := o.offlineimaprc()
	sync := func() string { return o.program(-1, "offlineimap", "-o", "-1", "-c", rc, "-u", "basic") }
	sync()
	here := maildir(mail, "Secured/Unopened")
	if len(here) != 1 || !strings.Contains(readFile(t, here[0]), "quillwort") {
		t.Fatalf("synced: %q", here)
	}
	flagged := filepath.Join(mail, "Secured/Unopened/cur", strings.SplitN(filepath.Base(here[0]), ":", 2)[0]+":2,FS")
	must(t, os.Rename(here[0], flagged))
	sync()
	if got := o.filed(annName, "Secured/Unopened", "Subject: Results"); !strings.Contains(fmt.Sprint(got.flags), `\Flagged`) {
		t.Errorf("flags brought back: %q", got.flags)
	}
	o.movedOffline(filepath.Join(mail, "Recall/cur"), flagged, sync)
}

// movedOffline moves the file of a secured message into Recall of a Maildir and
// syncs twice: clients that keep a Maildir upload there what they find.
func (o *office) movedOffline(recall, file string, sync func() string) {
	o.t.Helper()
	must(o.t, os.Rename(file, filepath.Join(recall, "1.moved.here:2,S")))
	if said := sync(); !strings.Contains(said, "an uploaded copy takes nothing back") {
		o.t.Errorf("the client says nothing of why Recall takes no upload:\n%s", said)
	}
	sync()
	if n := o.recalls(); n != 0 {
		o.t.Errorf("an upload took %d messages back", n)
	}
	if found := o.find(annName, "Recall", "Subject:"); len(found) != 0 {
		o.t.Errorf("Recall holds %v", found)
	}
}

// TestRecallAndReviewInMutt: searched for by the server and read, a message is
// taken back by saving it to Recall and given back by saving it elsewhere; a
// reviewer lets one go and refuses another.
func TestRecallAndReviewInMutt(t *testing.T) {
	t.Parallel()
	needProgram(t, "neomutt", "script")
	o := newOffice(t, "recall: {grace: 1h}")
	o.mutt(annName, "Secured/Unopened", "<limit>=b quillwort<enter><display-message><exit><save-message>"+o.url("Recall")+"<enter><sync-mailbox>")
	o.filed(annName, "Secured/Recalled", "Subject: Results")
	if n := o.recalls(); n != 1 {
		t.Errorf("%d recalls", n)
	}
	o.mutt(annName, "Recall", "<save-message>"+o.url("Secured/Unopened")+"<enter><sync-mailbox>")
	o.filed(annName, "Secured/Unopened", "Subject: Results")
	if n := len(o.evidence("envelope.recall_undone")); n != 1 {
		t.Errorf("%d records of the undo", n)
	}
	o.sends("kim@held.example", "Let it go")
	o.sends("kim@held.example", "Refuse it")
	o.filed(ritaName, "Quarantine", "Subject: Let it go")
	o.filed(ritaName, "Quarantine", "Subject: Refuse it")
	o.mutt(ritaName, "Quarantine", "<limit>~s Let<enter><display-message><exit><save-message>"+o.url("Quarantine/Release")+"<enter><sync-mailbox>")
	o.mutt(ritaName, "Quarantine", "<limit>~s Refuse<enter><save-message>"+o.url("Quarantine/Refuse")+"<enter><sync-mailbox>")
	o.reviewed("Let it go")
}

// reader is the person, as evidence calls them, who read held mail.
func (o *office) reader() string {
	o.t.Helper()
	for _, r := range o.evidence("message.staff_opened") {
		if persons, ok := r["persons"].([]any); ok && strings.Contains(fmt.Sprint(r["detail"]), "way:review") && len(persons) == 1 {
			return fmt.Sprint(persons[0])
		}
	}
	o.t.Error("no evidence of the reading of held mail")
	return "nobody"
}

// reviewed: one held mail left and the other was refused, by Rita.
func (o *office) reviewed(subject string) {
	o.t.Helper()
	if mail := o.outside.wait(o.t, "kim@held.example", 1); mail.header(o.t, "Subject") != subject {
		o.t.Errorf("released was\n%s", mail.raw)
	}
	for _, event := range []string{"envelope.released", "envelope.review_refused"} {
		if found := o.evidence(event); len(found) != 1 || !strings.Contains(fmt.Sprint(found[0]["persons"]), o.reader()) {
			o.t.Errorf("%s: %v", event, found)
		}
	}
	if left := o.find(ritaName, "Quarantine", "Subject:"); len(left) != 0 {
		o.t.Errorf("in Quarantine are %v", left)
	}
	o.must("audit", "verify")
}
