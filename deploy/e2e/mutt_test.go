package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// childrenInMutt asks NeoMutt which messages of a Maildir it shows directly
// under the one with the Message-ID parent, and returns them whole. NeoMutt
// builds its threads as it does for a person at a terminal; its pattern
// language is asked for the result, so no screen has to be read.
func childrenInMutt(t *testing.T, maildir, parent string) []string {
	t.Helper()
	needProgram(t, "neomutt", "script")
	dir := workDir(t)
	found := filepath.Join(dir, "found")
	// A regular expression that needs no quoting in any of the four grammars
	// that it passes through.
	pattern := "~<(~i ^<?" + regexp.MustCompile(`[^A-Za-z0-9@]`).ReplaceAllString(parent, ".") + ">?$)"
	rc := write(t, filepath.Join(dir, "muttrc"), fmt.Sprintf(`set sort=threads strict_threads=yes mbox_type=Maildir confirmcreate=no copy=no delete=no quit=yes
set folder=%q header_cache="" tmpdir=%q history_file="" crypt_use_gpgme=no mail_check=0 wait_key=no auto_tag=no
push "<tag-pattern>%s<enter><tag-prefix-cond><copy-message>%s<enter><end-cond><exit>"
`, dir, dir, pattern, found))
	mutt := exec.Command("script", "-qec", fmt.Sprintf("neomutt -n -F %s -f %s", rc, maildir), "/dev/null")
	mutt.Env = append(os.Environ(), "TERM=vt100", "HOME="+dir, "LC_ALL=C.UTF-8")
	screen := new(strings.Builder)
	mutt.Stdout, mutt.Stderr = screen, screen
	if err := mutt.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mutt.Wait() }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		_ = mutt.Process.Kill()
		<-ended
		t.Fatalf("neomutt did not end\n%q", screen.String())
	}
	var mails []string
	for _, sub := range []string{"new", "cur"} {
		names, _ := filepath.Glob(filepath.Join(found, sub, "*"))
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			mails = append(mails, string(raw))
		}
	}
	return mails
}

// TestMuttThreadsByHeaders is the control of childrenInMutt: what it finds
// depends on References and In-Reply-To alone.
func TestMuttThreadsByHeaders(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(workDir(t), "box")
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mail := func(n int, head string) {
		write(t, filepath.Join(dir, "cur", fmt.Sprintf("%d.a.b:2,S", n)), fmt.Sprintf(
			"From: <a@clinic.example>\nTo: <b@clinic.example>\nDate: Wed, 04 Mar 2026 12:30:0%d +0000\nSubject: Your results\n%s\n\nnumber %d\n", n, head, n))
	}
	mail(1, "Message-ID: <one+x@clinic.example>")
	mail(2, "Message-ID: <two@clinic.example>\nReferences: <one+x@clinic.example>")
	mail(3, "Message-ID: <three@clinic.example>\nIn-Reply-To: <one+x@clinic.example>")
	mail(4, "Message-ID: <four@clinic.example>\nIn-Reply-To: <elsewhere@clinic.example>")
	if got := childrenInMutt(t, dir, "one+x@clinic.example"); len(got) != 2 {
		t.Errorf("%d messages under the first, not 2: %q", len(got), got)
	}
	if got := childrenInMutt(t, dir, "two@clinic.example"); len(got) != 0 {
		t.Errorf("%d messages under the second: %q", len(got), got)
	}
}
