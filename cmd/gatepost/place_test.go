package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestConfigurationIsFound: --config, then GATEPOST_CONFIG, then the current
// directory, then the system's.
func TestConfigurationIsFound(t *testing.T) {
	t.Chdir(t.TempDir())
	mode := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "check", "--effective"), environment{out: &out, err: &errs}); code != 0 {
			return errs.String()
		}
		return out.String()
	}
	for name, org := range map[string]string{"gatepost.yaml": "here", "other.yaml": "other", "third.yaml": "third"} {
		writeFile(t, name, "organization: {domains: ["+org+".example]}\n")
	}
	if got := mode(); !strings.Contains(got, "here.example") {
		t.Errorf("the current directory: %s", got)
	}
	t.Setenv("GATEPOST_CONFIG", "other.yaml")
	if got := mode(); !strings.Contains(got, "other.example") {
		t.Errorf("GATEPOST_CONFIG: %s", got)
	}
	if got := mode("--config", "third.yaml"); !strings.Contains(got, "third.example") {
		t.Errorf("--config: %s", got)
	}
}

// TestPlaces: which of several files is taken, by command.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if got := firstThere(a, b); got != filepath.Join(dir, "gatepost.yaml") {
		t.Errorf("nothing is there: %s", got)
	}
	writeFile(t, b, "")
	if got := firstThere(a, b); got != b {
		t.Errorf("b is there: %s", got)
	}
	writeFile(t, a, "")
	if got := firstThere(a, b); got != a {
		t.Errorf("both are there: %s", got)
	}
	if got := configPlaces("init"); !slices.Equal(got, []string{"gatepost.yaml"}) {
		t.Errorf("init would overwrite %v", got)
	}
	if got := configPlaces("queue"); !slices.Equal(got, []string{"gatepost.yaml", "/etc/gatepost/gatepost.yaml"}) {
		t.Errorf("queue: %v", got)
	}
	if got := configPlaces("sendmail"); got[len(got)-1] != "gatepost.yaml" {
		t.Errorf("sendmail lets a directory say where mail goes: %v", got)
	}
}

// TestSendmailNeedsNoSecrets: two lines are enough, and who may not read the
// configuration is told so.
func TestSendmailNeedsNoSecrets(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next).start()
	small := filepath.Join(t.TempDir(), "small.yaml")
	writeFile(t, small, "organization: {domains: [clinic.example]}\nlisten: {relay: \""+r.relay+"\"}\n")
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"sendmail", "--config", small, "-f", "ann@clinic.example", "pat@out.example"}, environment{in: strings.NewReader(plainMail), out: &errs, err: &errs}); code != 0 {
		t.Fatalf("%d %s", code, errs.String())
	}
	box.to(t, "pat@out.example")
	if os.Geteuid() == 0 {
		return // root reads everything
	}
	if err := os.Chmod(small, 0); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"sendmail", "--config", small, "x@out.example"}, environment{in: strings.NewReader(plainMail), out: &errs, err: &errs}); code != exitNoPerm || !strings.Contains(errs.String(), sendmailConfig) {
		t.Errorf("%d %s", code, errs.String())
	}
}
