package main

import (
	"bytes"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostnameEverywhere: one key names the gateway in the greeting, in what
// it says to next hops, in Received and in the records to publish.
func TestHostnameEverywhere(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next)
	r.more = "hostname: gate.clinic.example\n"
	r.write()
	r.start()
	if _, greeting, err := greet(t, r.relay); err != nil || !strings.HasPrefix(greeting, "gate.clinic.example ") {
		t.Errorf("greeting: %q %v", greeting, err)
	}
	r.send("ann@clinic.example", "pat@out.example", plainMail)
	got := box.to(t, "pat@out.example")
	if got.Hello != "gate.clinic.example" || !strings.Contains(got.Raw, "by gate.clinic.example ") {
		t.Errorf("EHLO %q, and\n%s", got.Hello, got.Raw)
	}
	if out, _, _ := r.run("doctor"); !strings.Contains(out, "MX   10 gate.clinic.example.") || !strings.Contains(out, "v=spf1 a:gate.clinic.example -all") || !strings.Contains(out, "  gate.clinic.example.  A ") {
		t.Errorf("doctor:\n%s", out)
	}
}

func greet(t *testing.T, addr string) (int, string, error) {
	t.Helper()
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ReadResponse(220)
}

// TestInitHostname: init writes the name and says what to publish for it.
func TestInitHostname(t *testing.T) {
	file := filepath.Join(t.TempDir(), "g.yaml")
	var out, errs bytes.Buffer
	env := environment{in: strings.NewReader(""), out: &out, err: &errs}
	if code := run(t.Context(), []string{"--config", file, "init", "--domain", "clinic.example", "--hostname", "door.clinic.example", "--data-dir", "d", "--key-dir", "k"}, env); code != 0 {
		t.Fatalf("%d %s", code, errs.String())
	}
	for _, name := range []string{"d", "k"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(out.String(), "MX   10 door.clinic.example.") {
		t.Errorf("init says\n%s", out.String())
	}
	if code := run(t.Context(), []string{"--config", file, "init", "--force", "--domain", "clinic.example", "--hostname", "door"}, env); code != exitUsage || !strings.Contains(errs.String(), "--hostname") {
		t.Errorf("a bare name: %d %s", code, errs.String())
	}
}
