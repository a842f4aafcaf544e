package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestServeRefuses: what keeps a server from starting is said in one line with
// the right exit code, and leaves no lock, listener or goroutine behind.
func TestServeRefuses(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := newRig(t, "127.0.0.1:9")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.dir, "file")
	writeFile(t, file, "x")
	for name, c := range map[string]struct {
		old, new string
		code     int
		says     string
	}{
		"a port that is taken":        {r.admin, taken.Addr().String(), exitUnavailable, "listen.admin"},
		"a viewer port that is taken": {`viewer: "` + r.viewer, `viewer: "` + taken.Addr().String(), exitUnavailable, "listen.viewer"},
		"data_dir is a file":          {"data_dir: data", "data_dir: file", exitCantCreate, "file"},
		"keys inside the data":        {"key_dir: keys", "key_dir: data/keys", exitConfig, "key_dir"},
		"no such policy":              {"policy: policy.yaml", "policy: absent.yaml", exitConfig, "gatepost.yaml:5:9: policy: "},
		"no certificates":             {"relay: {", "relay: {client_ca: file, ", exitConfig, "client_ca"},
		"no such secret":              {"tls: none}", "tls: none, auth: {user: u, password: {file: absent}}}", exitConfig, "absent"},
	} {
		text := strings.Replace(string(good), c.old, c.new, 1)
		if text == string(good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		writeFile(t, r.config, text)
		if _, errs, code := r.run("serve"); code != c.code || !strings.Contains(errs, "gatepost: ") || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, want %d\n%s", name, code, c.code, errs)
		}
	}
	writeFile(t, r.config, string(good))
	writeFile(t, filepath.Join(r.dir, "policy.yaml"), testRules+"tests:\n  - {subject: x, text: y, expect: secure}\n")
	if _, errs, code := r.run("serve"); code != exitConfig || !strings.Contains(errs, "policy") {
		t.Errorf("a policy that fails its own tests: %d %s", code, errs)
	}
	r.write()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	r.start()
	r.send("ann@clinic.example", "x@hold.example", plainMail)
}

// TestBackupUnderLoad: a backup that runs while mail is accepted holds every
// body that it knows of, small and large.
func TestBackupUnderLoad(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next).start()
	body := func(i int) string {
		return plainMail + strings.Repeat(fmt.Sprintf("line of mail %d\n", i), []int{1, 9_000, 90_000}[i%3])
	}
	var senders sync.WaitGroup
	for i := range 6 {
		senders.Go(func() { r.send("ann@clinic.example", fmt.Sprintf("to%d@hold.example", i), body(i)) })
	}
	r.send("ann@clinic.example", "to6@hold.example", body(6))
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	senders.Wait()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.replaceData()
	r.must("restore", backup)
	r.start()
	r.must("queue", "resume")
	held := r.objects("held", "list")
	if len(held) == 0 {
		t.Fatal("the backup knows of no mail at all")
	}
	for _, e := range held {
		r.must("held", "release", e["id"].(string), "--reason", "restored")
		to := e["recipient"].(string)
		var i int
		if _, err := fmt.Sscanf(to, "to%d@", &i); err != nil {
			t.Fatal(err)
		}
		if got := box.to(t, to).Raw; !strings.HasSuffix(got, strings.ReplaceAll(body(i), "\n", "\r\n")) {
			t.Errorf("%s arrived changed: %d octets", to, len(got))
		}
	}
}
