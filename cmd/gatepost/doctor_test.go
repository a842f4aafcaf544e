package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"
)

// diagnosis runs doctor and returns the state of each check.
func (r *rig) diagnosis() (states map[string]string, text string, code int) {
	r.t.Helper()
	out, _, code := r.run("doctor", "--json")
	states = make(map[string]string)
	for line := range strings.Lines(out) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			r.t.Fatal(err)
		}
		if states[f.Check] != stateFail { // of several findings, the worst
			states[f.Check] = f.State
		}
	}
	return states, out, code
}

// zone serves records until the test ends.
func zone(t *testing.T, zones map[string]mockdns.Zone) string {
	t.Helper()
	s, err := mockdns.NewServerWithLogger(zones, silent{}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.LocalAddr().String()
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// TestDoctor: everything right is exit 0; each thing that is wrong is found,
// by its name, and is exit 69.
func TestDoctor(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.must("user", "list") // makes the keys
	c, err := loadConfig(environment{config: r.config})
	if err != nil {
		t.Fatal(err)
	}
	key, err := dkimRecord(c, "clinic.example")
	if err != nil {
		t.Fatal(err)
	}
	good := func() map[string]mockdns.Zone {
		return map[string]mockdns.Zone{
			"reply.clinic.example.":               {MX: []net.MX{{Host: "gate.clinic.example.", Pref: 10}}, TXT: []string{"v=spf1 a:gate.clinic.example -all", "other"}},
			"gatepost._domainkey.clinic.example.": {TXT: []string{key}},
			"localhost.":                          {A: []string{"127.0.0.1"}},
		}
	}
	set := func(zones map[string]mockdns.Zone) {
		r.more = fmt.Sprintf("dns: {server: %q}\nviewer: {url: \"http://localhost:1\"}\n", zone(t, zones))
		r.write()
	}
	set(good())
	r.start()
	if states, out, code := r.diagnosis(); code != 0 {
		t.Errorf("a good installation: %d %v\n%s", code, states, out)
	}
	if out := r.must("doctor"); !strings.Contains(out, "ok    DKIM clinic.example") || !strings.Contains(out, "Records to publish:") {
		t.Errorf("doctor as text:\n%s", out)
	}
	for check, spoil := range map[string]func(map[string]mockdns.Zone){
		"DNS MX": func(z map[string]mockdns.Zone) {
			z["reply.clinic.example."] = mockdns.Zone{TXT: []string{"v=spf1 -all"}}
		},
		"DNS SPF": func(z map[string]mockdns.Zone) {
			z["reply.clinic.example."] = mockdns.Zone{MX: []net.MX{{Host: "gate.clinic.example.", Pref: 10}}, TXT: []string{"v=spf2"}}
		},
		"DKIM clinic.example": func(z map[string]mockdns.Zone) { delete(z, "gatepost._domainkey.clinic.example.") },
	} {
		z := good()
		spoil(z)
		set(z)
		if states, out, code := r.diagnosis(); code != exitUnavailable || states[check] != stateFail {
			t.Errorf("%s wrong: %d\n%s", check, code, out)
		}
	}
	z := good()
	z["gatepost._domainkey.clinic.example."] = mockdns.Zone{TXT: []string{strings.Replace(key, "p=", "p=AAAA", 1)}}
	set(z)
	if states, out, _ := r.diagnosis(); states["DKIM clinic.example"] != stateFail || !strings.Contains(out, "another one") {
		t.Errorf("another key is published:\n%s", out)
	}
	z = good()
	z["reply.clinic.example."] = mockdns.Zone{Err: fmt.Errorf("broken")}
	set(z)
	if _, out, _ := r.diagnosis(); !strings.Contains(out, "does not answer") {
		t.Errorf("a server that fails is not an absent record:\n%s", out)
	}
	r.doctorHandingOn(good())
	r.doctorWithoutServer(set, good())
}

// doctorHandingOn: a trusted server that is the mail exchanger of the reply
// domain is found, until the configuration knows it.
func (r *rig) doctorHandingOn(z map[string]mockdns.Zone) {
	z["reply.clinic.example."] = mockdns.Zone{MX: []net.MX{{Host: "mx.clinic.example.", Pref: 10}}, TXT: []string{"v=spf1 -all"}}
	z["mx.clinic.example."] = mockdns.Zone{A: []string{"192.0.2.7"}}
	r.more = fmt.Sprintf("dns: {server: %q}\nviewer: {url: \"http://localhost:1\"}\n", zone(r.t, z))
	for relay, warned := range map[string]bool{"trusted: [192.0.2.0/24]": true, "trusted: [192.0.2.0/24], hands_on: [192.0.2.7]": false, "trusted: [198.51.100.1]": false} {
		r.write()
		raw, err := os.ReadFile(r.config)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(r.config, bytes.Replace(raw, []byte("trusted: [127.0.0.0/8]"), []byte(relay), 1), 0o600); err != nil {
			r.t.Fatal(err)
		}
		if states, out, _ := r.diagnosis(); (states["relay.hands_on"] == stateWarn) != warned {
			r.t.Errorf("%s:\n%s", relay, out)
		}
	}
}

func (r *rig) doctorWithoutServer(set func(map[string]mockdns.Zone), good map[string]mockdns.Zone) {
	set(good)
	if err := r.stop(); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(r.keys, 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.next = "127.0.0.1:1"
	r.write()
	states, out, code := r.diagnosis()
	for _, check := range []string{"listen.relay", "listen.viewer", "listen.admin", "readyz", "routes[0]", "key_dir"} {
		if states[check] != stateFail {
			r.t.Errorf("%s is %q:\n%s", check, states[check], out)
		}
	}
	if err := os.RemoveAll(r.keys); err != nil {
		r.t.Fatal(err)
	}
	if states, out, code = r.diagnosis(); code != exitUnavailable || states["key_dir"] != stateFail || states["certificate"] != stateFail {
		r.t.Errorf("without keys: %d\n%s", code, out)
	}
	if _, errs, code := r.run("doctor"); code != exitUnavailable || !strings.Contains(errs, "checks failed") {
		r.t.Errorf("without keys, as text: %d %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "keys")); err == nil {
		r.t.Error("doctor made keys")
	}
}
