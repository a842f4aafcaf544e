package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPausedQueueIsSeen: by whoever lists it, by doctor, and by no script that
// reads JSON.
func TestPausedQueueIsSeen(t *testing.T) {
	const head = "The queue is paused (gatepost queue resume)\n"
	r := newRig(t, "127.0.0.1:9").start()
	r.must("queue", "pause")
	if out := r.must("queue", "list"); !strings.HasPrefix(out, head) {
		t.Errorf("queue list:\n%s", out)
	}
	if list := r.objects("queue", "list"); len(list) != 0 {
		t.Errorf("as JSON: %v", list)
	}
	if states, out, _ := r.diagnosis(); states["queue"] != stateWarn || !strings.Contains(out, "paused") {
		t.Errorf("doctor:\n%s", out)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.log = new(buffer)
	r.start()
	eventually(t, "the log says that the queue is paused", func() bool { return strings.Contains(r.log.String(), "the queue is paused") })
	r.must("queue", "resume")
	if out := r.must("queue", "list"); strings.Contains(out, "paused") {
		t.Errorf("resumed:\n%s", out)
	}
	if states, out, _ := r.diagnosis(); states["queue"] != stateOK {
		t.Errorf("doctor:\n%s", out)
	}
}

// TestObservedDecisionsAreCounted: under observe, list and summary say what
// would have been done.
func TestObservedDecisionsAreCounted(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.mode = "observe"
	r.write()
	r.start()
	r.must("queue", "pause")
	r.send("ann@clinic.example", "pat@secure.example", plainMail)
	r.send("ann@clinic.example", "kim@secure.example", plainMail)
	r.send("ann@clinic.example", "kim@out.example", plainMail)
	if out := r.must("queue", "list"); !strings.Contains(out, "ACTION  DECIDED") || !strings.Contains(out, "pass    secure") {
		t.Errorf("list:\n%s", out)
	}
	out := r.must("queue", "summary")
	for _, want := range []string{"3 envelopes accepted since ", "(mode: observe)", "\nsecure   2          0\n", "\npass     1          3\n", "\ns     2\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	lines := r.objects("queue", "summary", "--since", "1h")
	if len(lines) != 4 || lines[0]["kind"] != "all" || lines[0]["count"] != 3.0 || lines[1]["name"] != "secure" || lines[1]["acted"] != 0.0 || lines[3]["kind"] != "rule" {
		t.Errorf("%v", lines)
	}
	if lines := r.objects("queue", "summary", "--since", "1d12h"); len(lines) != 4 {
		t.Errorf("in days: %v", lines)
	}
	for _, span := range []string{"-1h", "0s", "soon", ""} {
		for _, command := range []string{"summary", "list"} {
			if _, _, code := r.run("queue", command, "--since="+span); code != exitUsage {
				t.Errorf("%s since %q: %d", command, span, code)
			}
		}
	}
	const more = "these are the first 3; there may be more"
	if out, errs, _ := r.run("queue", "list", "--limit", "3"); strings.Count(out, "\n") != 5 || !strings.Contains(errs, more) {
		t.Errorf("list, cut:\n%s%s", out, errs)
	}
	if out, errs, _ := r.run("queue", "list", "--limit", "3", "--json"); strings.Count(out, "\n") != 3 || !strings.Contains(errs, more) {
		t.Errorf("list as JSON, cut:\n%s%s", out, errs)
	}
	if out, errs, _ := r.run("queue", "list", "--limit", "4", "--since", "1h"); strings.Count(out, "\n") != 5 || errs != "" {
		t.Errorf("list, whole:\n%s%s", out, errs)
	}
}

// TestBackupSaysWhoMustWrite: the server writes, not who typed the command.
func TestBackupSaysWhoMustWrite(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	dir := filepath.Join(r.dir, "absent", "backup")
	_, errs, code := r.run("backup", dir)
	if code != exitCantCreate || !strings.Contains(errs, filepath.Dir(dir)+" does not exist: make it first") || !strings.Contains(errs, "uid") {
		t.Errorf("%d %s", code, errs)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("the parent was made")
	}
	writeFile(t, filepath.Join(r.dir, "file"), "")
	dir = filepath.Join(r.dir, "file", "backup")
	if _, errs, code := r.run("backup", dir); code != exitCantCreate || !strings.Contains(errs, "must be able to write to "+filepath.Dir(dir)) {
		t.Errorf("below a file: %d %s", code, errs)
	}
}

// TestQueueListTakesEveryState: each state that queue list shows can be asked for.
func TestQueueListTakesEveryState(t *testing.T) {
	r := newRig(t, "127.0.0.1:1")
	for _, state := range []string{"queued", "held", "delivered", "bounced", "refused", "dropped", "recorded", "withdrawn"} {
		if _, errs, code := r.run("queue", "list", "--state", state); code != exitUnavailable { // no server runs
			t.Errorf("%s: %d %s", state, code, errs)
		}
	}
}
