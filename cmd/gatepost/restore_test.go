package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	folders "gatepost/gateway/mailbox"
)

const secretMail = "Subject: Results\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <r@clinic.example>\n\nIt is benign, says the quillwort.\n"

// group returns the one key group that is in use.
func (r *rig) group() string {
	r.t.Helper()
	for _, k := range r.objects("key", "list") {
		if k["kind"] == "group" && k["state"] == "current" {
			return k["id"].(string)
		}
	}
	r.t.Fatalf("no key group:\n%s", r.must("key", "list"))
	return ""
}

// TestBackupAndRestore: a backup of a running server, brought to a fresh
// data_dir, sends nothing again that has left since, knows what froze since,
// and opens nothing whose key was destroyed since.
func TestBackupAndRestore(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next)
	r.more = "pins: {tries: 3, freeze: 3}\n"
	r.write()
	r.start()
	r.must("queue", "pause")
	later := r.send("ann@clinic.example", "later@out.example", plainMail)
	r.send("ann@clinic.example", "held@hold.example", plainMail)
	r.send("ann@clinic.example", "pat@secure.example", secretMail)
	backup := filepath.Join(r.dir, "backup")
	if line := r.objects("backup", backup)[0]; line["dir"] != backup || line["bytes"].(float64) < 1000 {
		t.Errorf("backup: %v", line)
	}
	if _, errs, code := r.run("backup", backup); code != exitCantCreate {
		t.Errorf("a backup over a backup: %d %s", code, errs)
	}
	r.must("queue", "resume")
	box.to(t, "later@out.example")
	link := box.to(t, "pat@secure.example").Link
	if _, errs, code := r.run("restore", backup); code != exitCantCreate && code != exitTemporary {
		t.Errorf("restore under a running server: %d %s", code, errs)
	}
	r.freeze(link, box)
	eventually(t, "delivered", func() bool { return strings.Contains(r.must("queue", "show", later+".0"), "state: delivered") })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	count := len(box.list())

	r.replaceData()
	out := r.must("restore", backup)
	if !strings.Contains(out, "paused") || !strings.Contains(out, "finished: 2") || !strings.Contains(out, "frozen: 1") || !strings.Contains(out, "gatepost user passwd NAME") {
		t.Errorf("restore says:\n%s", out)
	}
	r.start()
	r.must("queue", "retry", "--all")
	if held := r.must("held", "list"); !strings.Contains(held, "held@hold.example") {
		t.Errorf("the held mail is not there:\n%s", held)
	}
	if show := r.must("queue", "show", later+".0"); !strings.Contains(show, "state: delivered") {
		t.Errorf("the journal was not replayed:\n%s", show)
	}
	r.send("ann@clinic.example", "new@out.example", plainMail)
	if queue := r.must("queue", "list"); !strings.Contains(queue, "new@out.example") {
		t.Errorf("the queue does not stand still after a restore:\n%s", queue)
	}
	r.must("queue", "resume")
	box.to(t, "new@out.example")
	if n := len(box.list()); n != count+1 {
		t.Errorf("%d mails left after the restore, not 1", n-count)
	}
	if _, page := newBrowser(t).get(link); !strings.Contains(page, "Example Clinic") || strings.Contains(page, `name="pin"`) {
		t.Error("the link that froze after the backup takes codes again")
	}
	if report := r.must("audit", "verify"); !strings.Contains(report, "problems") && !strings.Contains(report, "records") {
		t.Errorf("audit verify:\n%s", report)
	}
}

// TestRestoreRaisesTheValidity: the UIDs that were given after the backup are
// given again, so mail clients must forget what they kept.
func TestRestoreRaisesTheValidity(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	before := r.validity()
	backup := filepath.Join(r.dir, "backup")
	r.start()
	r.must("backup", backup)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if same := r.validity(); same != before {
		t.Errorf("the UIDVALIDITY went from %d to %d without a restore", before, same)
	}
	r.replaceData()
	r.must("restore", backup)
	if after := r.validity(); after <= before {
		t.Errorf("the UIDVALIDITY went from %d to %d", before, after)
	}
}

// validity is the UIDVALIDITY of all folders; no server runs.
func (r *rig) validity() uint32 {
	r.t.Helper()
	env := environment{in: strings.NewReader(""), out: io.Discard, err: io.Discard, config: r.config}
	c, err := loadConfig(env)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := openSystem(r.t.Context(), c, env, forOperator)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.close()
	st, err := folders.New(s.store, s.keyring.MAC, time.Now).Validity(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// freeze spends all tries on a link.
func (r *rig) freeze(link string, box *mailbox) {
	r.t.Helper()
	b := newBrowser(r.t)
	page, pin := b.ask(link, box, "pat@secure.example")
	wrong := "000000"
	if pin == wrong {
		wrong = "000001"
	}
	for range 3 {
		_, page = b.post(link, page, "pin", wrong)
	}
	if strings.Contains(page, `name="pin"`) {
		r.t.Fatalf("three wrong codes and the link goes on:\n%s", page)
	}
}

// replaceData moves data_dir away.
func (r *rig) replaceData() {
	r.t.Helper()
	if err := os.Rename(r.data, r.data+".old"+filepath.Base(r.t.TempDir())); err != nil {
		r.t.Fatal(err)
	}
}

// TestDestroyedKeyOpensNothing: not in the running system, and not in a backup
// that is older than the destruction.
func TestDestroyedKeyOpensNothing(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next).start()
	r.send("ann@clinic.example", "pat@secure.example", secretMail)
	link := box.to(t, "pat@secure.example").Link
	b := newBrowser(t)
	if message := b.open(link, box, "pat@secure.example"); !strings.Contains(message, "quillwort") {
		t.Fatal("the message does not show its body")
	}
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)

	group := r.group()
	if _, errs, code := r.run("key", "destroy", group); code != exitUsage || !strings.Contains(errs, "--yes") {
		t.Errorf("key destroy without --yes: %d %s", code, errs)
	}
	if _, errs, code := r.run("key", "destroy", group, "--yes"); code != exitTemporary || !strings.Contains(errs, "minutes") {
		t.Errorf("a key that was used just now: %d %s", code, errs)
	}
	if err := r.stop(); err != nil { // the next process knows of no use of the key
		t.Fatal(err)
	}
	r.start()
	if out := r.must("key", "destroy", group, "--yes"); !strings.Contains(out, "backup") {
		t.Errorf("key destroy does not speak of older backups:\n%s", out)
	}
	if _, errs, code := r.run("key", "destroy", "none", "--yes"); code != exitNoInput {
		t.Errorf("an unknown key: %d %s", code, errs)
	}
	gone := func(what string, b *browser) {
		t.Helper()
		code, page := b.get(link)
		if code != http.StatusGone || strings.Contains(page, "quillwort") || strings.Contains(page, `name="pin"`) {
			t.Errorf("%s: %d\n%s", what, code, page)
		}
	}
	gone("running, proven", b)
	gone("running", newBrowser(t))
	if !strings.Contains(r.must("key", "list"), "destroyed") {
		t.Error("key list does not say so")
	}
	story := r.must("audit", "export")
	if !strings.Contains(story, `"key.destroyed"`) || !strings.Contains(story, `"uid:`) {
		t.Error("no evidence of who destroyed the key")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.replaceData()
	r.must("restore", backup)
	r.start()
	gone("restored, proven", b)
	gone("restored", newBrowser(t))
}

// TestKeyringAndDataBelongTogether: data without its keys, or with others, is
// refused, and nothing is made or copied.
func TestKeyringAndDataBelongTogether(t *testing.T) {
	_, next := outside(t)
	r, other := newRig(t, next), newRig(t, next)
	for _, x := range []*rig{r, other} {
		x.must("user", "list")
	}
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	aside := r.keys + ".aside"
	if err := os.Rename(r.keys, aside); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"user", "list"}, {"key", "list"}, {"audit", "verify"}} {
		if _, errs, code := r.run(args...); code != exitConfig || !strings.Contains(errs, "keyring") {
			t.Errorf("%v without a keyring: %d %s", args, code, errs)
		}
	}
	if err := os.RemoveAll(r.keys); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other.keys, r.keys); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := r.run("serve"); code != exitConfig || !strings.Contains(errs, "belongs to keyring") {
		t.Errorf("with another keyring: %d %s", code, errs)
	}
	r.replaceData()
	if _, errs, code := r.run("restore", backup); code != exitConfig || !strings.Contains(errs, "belongs to keyring") {
		t.Errorf("restore under another keyring: %d %s", code, errs)
	}
	if _, err := os.Stat(r.data); err == nil {
		t.Error("the refused restore left something behind")
	}
	if err := os.RemoveAll(r.keys); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := r.run("restore", backup); code != exitConfig || !strings.Contains(errs, "no keyring") {
		t.Errorf("restore without a keyring: %d %s", code, errs)
	}
	if err := os.Rename(aside, r.keys); err != nil {
		t.Fatal(err)
	}
	r.must("restore", backup)
	if _, errs, code := r.run("restore", filepath.Join(r.dir, "nothing")); code != exitNoInput {
		t.Errorf("restore of nothing: %d %s", code, errs)
	}
}

// TestCutOffRestoreIsNotServed: between the copy and the end of the replay
// nothing but restore itself touches the data.
func TestCutOffRestoreIsNotServed(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.must("user", "list")
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	r.replaceData()
	c, err := loadConfig(environment{config: r.config})
	if err != nil {
		t.Fatal(err)
	}
	if err := (restoreCmd{Dir: backup}).put(c); err != nil { // and here the power goes
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"user", "list"}} {
		if _, errs, code := r.run(args...); code != exitConfig || !strings.Contains(errs, "run it again") {
			t.Errorf("%v after a restore that was cut off: %d %s", args, code, errs)
		}
	}
	r.must("restore", backup)
	r.must("user", "list")
}

// TestRestoreBesideRunningServer: a server whose data_dir was moved away still
// holds the keys; the restore waits for its end.
func TestRestoreBesideRunningServer(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next).start()
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	aside := r.data + ".aside"
	if err := os.Rename(r.data, aside); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := r.run("restore", backup); code != exitTemporary || !strings.Contains(errs, "in use") {
		t.Errorf("restore beside a server: %d %s", code, errs)
	}
	_ = r.stop()
	r.must("restore", backup)
	r.start()
}

// TestFailedStoreIsNotReady: after a failed fsync nothing is accepted, readyz
// is red, and the log says that a restart is needed.
func TestFailedStoreIsNotReady(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	var broken atomic.Bool
	r.disk = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return syscall.EIO
		}
		return nil
	}))
	r.start()
	r.send("ann@clinic.example", "x@hold.example", plainMail)
	broken.Store(true)
	for range 2 {
		if answer := r.sent("ann@clinic.example", "y@hold.example", plainMail); !strings.HasPrefix(answer, "4") {
			t.Errorf("a mail on a broken disk was answered %s", answer)
		}
	}
	eventually(t, "readyz is red", func() bool {
		code, body := fetch(t, http.DefaultClient, "http://"+r.admin+"/readyz")
		return code == 503 && !strings.Contains(body, `"store":"ok"`)
	})
	if code, _ := fetch(t, http.DefaultClient, "http://"+r.admin+"/livez"); code != 200 {
		t.Error("livez follows the store")
	}
	eventually(t, "the log says so", func() bool { return strings.Contains(r.log.String(), "restart needed") })
	broken.Store(false)
	if answer := r.sent("ann@clinic.example", "z@hold.example", plainMail); !strings.HasPrefix(answer, "4") {
		t.Errorf("a store that failed once accepts again: %s", answer)
	}
	_ = r.stop()
	r.disk = nil
	r.start()
	if held := r.must("held", "list"); !strings.Contains(held, "x@hold.example") {
		t.Errorf("what was accepted before is lost:\n%s", held)
	}
}
