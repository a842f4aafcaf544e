package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstDay is the way that the operator's book describes: init, check,
// serve in observe mode, mail through it, enforce by a reload.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	outside := startSink(t, nil)
	g := newGate(t, settings{})
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "--domain", "clinic.example", "--name", "Example Clinic", "--trust", "127.0.0.1", "--via", outside.addr, "--url", "http://" + g.viewer}
	said := g.must(args...)
	for _, word := range []string{"reply.clinic.example.", "gatepost._domainkey.clinic.example.", "v=DKIM1", "observe"} {
		if !strings.Contains(said, word) {
			t.Errorf("init does not say %q:\n%s", word, said)
		}
	}
	if _, errs, code := g.run(args...); code != 73 {
		t.Errorf("a second init: exit %d, %s", code, errs)
	}
	text := readFile(t, g.file)
	if !strings.Contains(text, "mode: observe") {
		t.Errorf("init did not write observe:\n%s", text)
	}
	g.data, g.keys = filepath.Join(g.dir, "gatepost-data"), filepath.Join(g.dir, "gatepost-keys")
	if info, err := os.Stat(g.keys); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("key_dir: %v %v", info, err)
	}
	text += fmt.Sprintf("listen: {relay: %q, viewer: %q, admin: %q}\ntls: {viewer: false}\nqueue: {first_retry: 1s}\n", g.relay, g.viewer, g.admin)
	write(t, g.file, text)
	g.must("check")
	g.start()
	mail := mailText("ann@clinic.example", "pat@out.example", "Your result", "Her social security number is 536-22-8145.\n")
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, mail)
	if m := outside.wait(t, "pat@out.example", 1); !strings.HasSuffix(string(m.raw), string(mail)) {
		t.Errorf("observe changed the mail:\n%s", m.raw)
	}
	g.stop()
	write(t, g.file, strings.Replace(text, "mode: observe", "mode: enforce", 1))
	g.start()
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, mail)
	outside.wait(t, "pat@out.example", 2).link(t)
	sendmail(t, g, outside)
}

// sendmail: the interface that cron knows, under its other name too.
func sendmail(t *testing.T, g *gate, outside *sink) {
	t.Helper()
	alias := filepath.Join(g.dir, "sendmail")
	if err := os.Symlink(binary, alias); err != nil {
		t.Fatal(err)
	}
	letter := write(t, filepath.Join(g.dir, "letter"), "To: sam@out.example\nBcc: kim@out.example\nSubject: cron\n\nThe garden opens at nine.\n")
	out, err := output(t, 60e9, "sh", "-c", fmt.Sprintf("cd / && GATEPOST_CONFIG=%s %s -i -t -f root@clinic.example < %s", g.file, alias, letter))
	if err != nil {
		t.Fatalf("sendmail: %v\n%s", err, out)
	}
	for _, to := range []string{"sam@out.example", "kim@out.example"} {
		if m := outside.wait(t, to, 1); strings.Contains(string(m.raw), "Bcc") || !strings.Contains(string(m.raw), "The garden opens at nine.") {
			t.Errorf("sendmail sent\n%s", m.raw)
		}
	}
}

// TestKeysWithoutWhichNothingStarts: a data_dir whose keyring is missing is
// refused; no new keyring is made that could not read what is there.
func TestKeysWithoutWhichNothingStarts(t *testing.T) {
	t.Parallel()
	g, _ := plainSite(t)
	g.start()
	g.stop()
	if err := os.Rename(g.keys, g.keys+".elsewhere"); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := g.run("serve"); code != 78 || !strings.Contains(errs, "restore the backup of the keys") {
		t.Errorf("without its keyring serve ends with %d: %s", code, errs)
	}
}
