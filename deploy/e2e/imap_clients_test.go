package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// office is an installation whose staff use mail clients: Ann has sent a
// secured message, which nobody has opened.
type office struct {
	*gate
	t          *testing.T
	outside    *sink
	host, port string
	home       string
}

const (
	annName     = "ann@clinic.example"
	annPassword = "correct horse battery"
	ritaName    = "rita@clinic.example" // reviews; her password is Ann's
)

const officePolicy = `policy: test
default: pass
on_error: hold
rules:
  - {id: s, reason: secured, when: recipient.domain == "secure.example", then: secure}
  - {id: h, reason: held, when: recipient.domain == "held.example", then: hold}
`

// newOffice takes further lines of the configuration.
func newOffice(t *testing.T, more ...string) *office {
	t.Helper()
	s := startSink(t, nil)
	g := newGate(t, settings{imap: true, policy: officePolicy, more: more, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.addr)}}).start()
	g.must("user", "add", annName, "--password-file", write(t, filepath.Join(g.dir, "password"), annPassword+"\n"))
	o := &office{gate: g, t: t, outside: s, home: workDir(t)}
	o.host, o.port, _ = net.SplitHostPort(g.imap)
	o.contacts("email,email2,language,name,patient", "pat@secure.example,pat.private@other.example,en,Pat Jones,true")
	o.must("user", "add", ritaName, "--role", "compliance", "--password-file", filepath.Join(g.dir, "password"))
	o.filed(annName, "Secured/Unopened", o.sends("pat@secure.example", "Results"))
	return o
}

// sends has Ann send a mail, and returns its id.
func (o *office) sends(to, subject string) string {
	o.t.Helper()
	return accepted(o.t, o.relay, annName, []string{to}, mailText("Ann <"+annName+">", to, subject, "The quillwort is fine.\n"))
}

// find looks for messages of a folder in whose header a word stands; looking
// there opens nothing.
func (o *office) find(user, folder, word string) []listed {
	o.t.Helper()
	c, err := logIn(o.imap, user, annPassword)
	must(o.t, err)
	defer c.close()
	_, all, err := c.mails(folder, "BODY.PEEK[HEADER]")
	must(o.t, err)
	return slices.DeleteFunc(all, func(e listed) bool { return !strings.Contains(e.content, word) })
}

// filed waits until a message is in a folder, and there alone of those that say
// how it stands.
func (o *office) filed(user, folder, word string) listed {
	o.t.Helper()
	var found []listed
	eventually(o.t, time.Minute, func() string {
		for _, f := range []string{"Secured/Unopened", "Secured/Opened", "Secured/Replied", "Secured/Expired", "Secured/Recalled"} {
			if f != folder && strings.HasPrefix(folder, "Secured/") && len(o.find(user, f, word)) != 0 {
				return "still in " + f
			}
		}
		if found = o.find(user, folder, word); len(found) != 1 {
			return fmt.Sprintf("%d times in %s", len(found), folder)
		}
		return ""
	})
	return found[0]
}

// opens goes the way of Pat with the n-th notice that she got.
func (o *office) opens(n int) (*browser, page, string) {
	o.t.Helper()
	link := o.outside.wait(o.t, "pat@secure.example", n).link(o.t)
	b := newBrowser(o.t)
	return b, b.open(link, codeFrom(o.t, o.outside, "pat.private@other.example")), link
}

func (o *office) url(folder string) string { return "imap://" + o.imap + "/" + folder }

// program runs a client in a home of its own and returns what it printed. want
// is its exit code, -1 for any.
func (o *office) program(want int, name string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+o.home, "TERM=vt100", "LC_ALL=C.UTF-8")
	cmd.Dir = o.home
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != want && want != -1 {
		o.t.Fatalf("%s %v: exit %d\n%s", name, args, code, out)
	}
	return string(out)
}

// recalls is how often something was taken back.
func (o *office) recalls() int { return len(o.evidence("envelope.recalled")) }

// TestADayInPythonsImaplib: STARTTLS and SASL PLAIN, reading, searching, flags,
// recall and undo by moving, a template, refusals.
func TestADayInPythonsImaplib(t *testing.T) {
	t.Parallel()
	needProgram(t, "python3", "curl")
	o := newOffice(t)
	script, err := filepath.Abs("imappeers/day.py")
	if err != nil {
		t.Fatal(err)
	}
	if out := o.program(0, "python3", script, o.host, o.port, annName, annPassword); !strings.Contains(out, "day done") {
		t.Error(out)
	}
	if o.recalls() == 0 {
		t.Error("no evidence of the recall")
	}
}

// TestAReviewersDayInPythonsImaplib: held mail is read, released and refused by
// moving, and not removed.
func TestAReviewersDayInPythonsImaplib(t *testing.T) {
	t.Parallel()
	needProgram(t, "python3")
	o := newOffice(t)
	o.sends("kim@held.example", "Let it go")
	o.sends("kim@held.example", "Refuse it")
	script, err := filepath.Abs("imappeers/review.py")
	must(t, err)
	if out := o.program(0, "python3", script, o.host, o.port, ritaName, annPassword); !strings.Contains(out, "reviewed") {
		t.Error(out)
	}
	o.reviewed("Let it go")
}

func TestCurlReadsAndFiles(t *testing.T) {
	t.Parallel()
	needProgram(t, "curl")
	o := newOffice(t)
	user := annName + ":" + annPassword
	if out := o.program(0, "curl", "-sS", "-k", "--ssl-reqd", o.url("Secured/Unopened;UID=1"), "-u", user); !strings.Contains(out, "quillwort") || !strings.Contains(out, "X-Gatepost-Status:") {
		t.Error(out)
	}
	o.program(0, "curl", "-sS", "-T", write(t, filepath.Join(o.home, "m.eml"), "Subject: by curl\r\n\r\nhello\r\n"), o.url("Templates"), "-u", user)
	if out := o.program(0, "curl", "-sS", o.url("Templates?SUBJECT%20curl"), "-u", user); !strings.Contains(out, "* SEARCH 1") {
		t.Error(out)
	}
	o.program(67, "curl", "-sS", o.url("INBOX"), "-u", annName+":wrong")
}

// mbsyncrc is a configuration of mbsync for Ann, and the Maildir that it keeps.
func (o *office) mbsyncrc() (rc, mail string) {
	o.t.Helper()
	mail = filepath.Join(o.home, "mail")
	must(o.t, os.Mkdir(mail, 0o700))
	rc = write(o.t, filepath.Join(o.home, "mbsyncrc"), fmt.Sprintf(`IMAPAccount gp
Host %s
Port %s
User %s
Pass "%s"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account gp

MaildirStore near
SubFolders Verbatim
Path %[5]s/
Inbox %[5]s/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Expunge Both
SyncState *
`, o.host, o.port, annName, annPassword, mail))
	return rc, mail
}

// TestMbsyncSyncsBothWays: an offline client gets everything once, brings its
// flags back, and even when it deletes all that it has nothing is taken back.
func TestMbsyncSyncsBothWays(t *testing.T) {
	t.Parallel()
	needProgram(t, "mbsync", "curl")
	o := newOffice(t)
	rc, mail := o.mbsyncrc()
	sync := func() { o.program(0, "mbsync", "-c", rc, "all") }
	files := func() []string { return maildir(mail, "Secured/Unopened") }
	sync()
	if got := files(); len(got) != 1 || !strings.Contains(readFile(t, got[0]), "quillwort") {
		t.Fatalf("synced: %q", got)
	}
	flagged := filepath.Join(mail, "Secured/Unopened/cur", strings.SplitN(filepath.Base(files()[0]), ":", 2)[0]+":2,FS")
	if err := os.Rename(files()[0], flagged); err != nil {
		t.Fatal(err)
	}
	sync()
	if out := o.program(0, "curl", "-sS", o.url("Secured/Unopened"), "-u", annName+":"+annPassword, "-X", "FETCH 1 FLAGS"); !strings.Contains(out, `\Flagged`) || !strings.Contains(out, `\Seen`) {
		t.Errorf("flags brought back: %s", out)
	}
	if err := os.Remove(flagged); err != nil {
		t.Fatal(err)
	}
	sync()
	if out := o.program(0, "curl", "-sS", o.url("Secured/Unopened"), "-u", annName+":"+annPassword, "-X", "STATUS Secured/Unopened (MESSAGES)"); !strings.Contains(out, "MESSAGES 0") {
		t.Errorf("deleted: %s", out)
	}
	if n := o.recalls(); n != 0 {
		t.Errorf("a client that cleans up took %d messages back", n)
	}
	o.filed(annName, "Secured/Unopened", o.sends("pat@secure.example", "Second opinion"))
	sync()
	o.movedOffline(filepath.Join(mail, "Recall/cur"), files()[0], func() string { return o.program(-1, "mbsync", "-c", rc, "all") })
}

func TestFetchmailAndMuttRead(t *testing.T) {
	t.Parallel()
	needProgram(t, "fetchmail", "neomutt", "script", "curl")
	o := newOffice(t)
	got := filepath.Join(o.home, "got")
	rc := write(t, filepath.Join(o.home, "fetchmailrc"), fmt.Sprintf(
		"poll %s protocol imap port %s auth password user %q password %q folder Secured/Unopened keep fetchall sslproto '' mda \"cat >> %s\"\n", o.host, o.port, annName, annPassword, got))
	if err := os.Chmod(rc, 0o600); err != nil {
		t.Fatal(err)
	}
	o.program(0, "fetchmail", "-f", rc, "--nosyslog")
	if mail := readFile(t, got); !strings.Contains(mail, "quillwort") {
		t.Errorf("fetchmail got %q", mail)
	}
	found := filepath.Join(o.home, "found")
	muttrc := write(t, filepath.Join(o.home, "muttrc"), fmt.Sprintf(`set imap_user=%q imap_pass=%q ssl_starttls=no ssl_force_tls=no imap_authenticators="login"
set mbox_type=Maildir confirmcreate=no copy=no delete=yes quit=yes header_cache="" history_file="" crypt_use_gpgme=no wait_key=no auto_tag=no tmpdir=%q mail_check=60
push "<limit>~s Results<enter><copy-message>%s<enter><flag-message><sync-mailbox><limit>all<enter><exit>"
`, annName, annPassword, o.home, found))
	o.program(0, "script", "-qec", "neomutt -n -F "+muttrc+" -f "+o.url("Secured/Unopened"), "/dev/null")
	names, _ := filepath.Glob(filepath.Join(found, "*", "*"))
	if len(names) != 1 || !strings.Contains(readFile(t, names[0]), "quillwort") {
		t.Errorf("neomutt copied %q", names)
	}
	if out := o.program(0, "curl", "-sS", o.url("Secured/Unopened"), "-u", annName+":"+annPassword, "-X", "FETCH 1 FLAGS"); !strings.Contains(out, `\Flagged`) {
		t.Errorf("neomutt flagged: %s", out)
	}
}
