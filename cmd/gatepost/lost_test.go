package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLostKeysLeaveNoEmptyDirectory: whoever then renames the backup of the
// keys into place must not find a directory to nest it in.
func TestLostKeysLeaveNoEmptyDirectory(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	r.must("user", "list")
	saved := filepath.Join(r.dir, "saved")
	if err := os.Rename(r.keys, saved); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"user", "list"}, {"check"}, {"check", "--json"}} {
		if _, errs, code := r.run(args...); code != exitConfig || !strings.Contains(errs, "restore the backup of the keys") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	if states, out, code := r.diagnosis(); code != exitUnavailable || states["key_dir"] != stateFail || !strings.Contains(out, "restore the backup") {
		t.Errorf("doctor:\n%s", out)
	}
	if _, err := os.Stat(r.keys); err == nil {
		t.Error("an empty key_dir was made")
	}
	if err := os.Mkdir(r.keys, 0o700); err != nil {
		t.Fatal(err)
	}
	if states, out, _ := r.diagnosis(); states["key_dir"] != stateFail {
		t.Errorf("doctor, key_dir empty:\n%s", out)
	}
	if err := os.Remove(r.keys); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(saved, r.keys); err != nil {
		t.Fatal(err)
	}
	r.must("check")
	r.start()
}

// TestSecondServerSaysThatItWaits: at once, and takes over when the first ends.
func TestSecondServerSaysThatItWaits(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	if !strings.Contains(r.log.String(), "relay="+r.relay) || !strings.Contains(r.log.String(), "viewer="+r.viewer) {
		t.Errorf("the log does not name the listeners:\n%s", r.log)
	}
	first := r.stop
	log := r.log
	r.log = new(buffer)
	go func() {
		for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline) && !strings.Contains(r.log.String(), "waiting for its end"); {
			time.Sleep(10 * time.Millisecond)
		}
		if err := first(); err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	}()
	r.start()
	if !strings.Contains(r.log.String(), "waiting for its end") || !strings.Contains(r.log.String(), r.data) {
		t.Errorf("the second server did not say that it waits:\n%s", r.log)
	}
	if code, _ := fetch(t, http.DefaultClient, "http://"+r.admin+"/readyz"); code != 200 {
		t.Errorf("readyz: %d", code)
	}
}

// TestUnreadableFilesAreNoPermission: and not a wrong configuration.
func TestUnreadableFilesAreNoPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	r := newRig(t, "127.0.0.1:9")
	if err := os.Chmod(r.config, 0o600); err != nil {
		t.Fatal(err)
	}
	as(t, 4711, func() {
		if _, errs, code := r.run("check"); code != exitNoPerm || !strings.Contains(errs, "permission denied") {
			t.Errorf("%d %s", code, errs)
		}
	})
}
