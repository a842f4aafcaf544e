package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/gateway/config"
)

// TestInitShowsSMS: the example of SMS in a new configuration loads as soon as
// it is uncommented and the passwords are there.
func TestInitShowsSMS(t *testing.T) {
	dir := t.TempDir()
	r := &rig{t: t, config: filepath.Join(dir, "gatepost.yaml"), log: new(buffer)}
	r.must("init", "--domain", "Clinic.example", "--hostname", "gate.clinic.example")
	written, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := config.Parse(r.config, written); err != nil || c.SMS != nil {
		t.Fatalf("commented: %+v, %v", c, err)
	}
	plain, example, ok := strings.Cut(string(written), "# listen:")
	if !ok {
		t.Fatalf("no example:\n%s", written)
	}
	text := plain + strings.ReplaceAll("listen:"+example, "\n# ", "\n")
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := r.run("check"); code == 0 || !strings.Contains(errs, "appointments.password") || !strings.Contains(errs, "carrier.password") {
		t.Errorf("without the passwords: %d %s", code, errs)
	}
	for _, name := range []string{"appointments.password", "carrier.password"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret of "+name[:4]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, code := r.run("check"); code != 0 || strings.Contains(errs, "sms") || strings.Contains(errs, "smpp") {
		t.Errorf("uncommented: %d\n%s%s", code, out, errs)
	}
	c, err := config.Parse(r.config, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.SMS.Accounts) != 1 || c.SMS.Accounts[0].Inbox != "frontdesk@clinic.example" || c.SMS.Upstream.TLS != "verify" || c.SMS.Country != "US" {
		t.Errorf("it says %+v", c.SMS)
	}
	listen := config.Defaults().Listen
	if listen.SMPP = "127.0.0.1:2775"; c.Listen != listen {
		t.Errorf("it listens at %+v, want %+v", c.Listen, listen)
	}
}
