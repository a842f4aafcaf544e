package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// load writes src and the files beside it and loads it.
func load(t *testing.T, src string, files map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "gatepost.yaml")
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

// design is the file of the design's section 10, key for key.
const design = `mode: enforce                       # or observe
organization: {name: Example Clinic, domains: [clinic.example]}
data_dir: ./gatepost-data            # store, blobs, evidence
key_dir: ./gatepost-keys             # keyring, TLS and DKIM keys; never inside data_dir
policy: policy.yaml                 # absent: the built-in default policy
dns: {server: ""}                   # host:port; empty: the system's resolver
listen:
  relay: 127.0.0.1:2525             # trusted peers
  inbound: 127.0.0.1:2526           # anyone, for the reply domain
  submission: 127.0.0.1:2587        # STARTTLS then AUTH;   submissions: implicit TLS
  smpp: 127.0.0.1:2775              #                       smpps: implicit TLS
  imap: 127.0.0.1:2143              # STARTTLS;             imaps: implicit TLS
  viewer: 127.0.0.1:8443
  admin: 127.0.0.1:9090             # /metrics /livez /readyz
tls: {cert: "", key: "", viewer: true}
relay: {trusted: [], max_message: 50MiB}
inbound: {relay: false}
routes:                                     # first match wins
  - {domain: clinic.example, via: "127.0.0.1:2627", tls: none}
  - {domain: "*", via: "127.0.0.1:2626", tls: none}
replies: {domain: reply.clinic.example}
viewer: {url: "https://secure.clinic.example", idle: 15m}
imap: {plaintext_loopback: false}
sms:
  domain: sms.clinic.example
  accounts:
    - {system_id: esme1, password: {file: esme1.secret}, senders: ["15550001111", CLINIC], inbox: frontdesk@clinic.example}
  upstream: {addr: "127.0.0.1:2776", system_id: gw, password: {file: smsc.secret}, bind: transceiver, window: 10, rate: 0}
  timers: {session_init: 5s, enquire_link: 30s, response: 10s, redeliver: 10s, part_timeout: 60s}
queue: {first_retry: 60s, max_retry: 1h, max_age: 120h, delay_notice: 4h}
pins: {default: other_channel, code_ttl: 10m, resend: 60s, tries: 5, pause: 15m, freeze: 10}
links: {expires: 30d}
retention: {secured: 180d, evidence: 6y}
recall: {grace: 60s}
`

func TestEveryKeyOfTheDesign(t *testing.T) {
	c, err := load(t, design, map[string]string{"esme1.secret": "pw1\n", "smsc.secret": "pw2"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(c.file)
	for _, v := range []struct{ got, want any }{
		{c.Mode, gateway.Enforce},
		{c.Organization.Name, "Example Clinic"},
		{c.DataDir, filepath.Join(dir, "gatepost-data")},
		{c.KeyDir, filepath.Join(dir, "gatepost-keys")},
		{c.Policy, filepath.Join(dir, "policy.yaml")},
		{c.Listen.SMPP, "127.0.0.1:2775"},
		{c.Listen.IMAPS, ""},
		{c.Relay.MaxMessage, Size(50 << 20)},
		{len(c.Routes), 2},
		{c.Routes[1].Domain, "*"},
		{c.Routes[1].Port, 25},
		{c.Replies.Domain, "reply.clinic.example"},
		{c.SMS.Accounts[0].Password.Reveal(), "pw1"},
		{c.SMS.Upstream.Password.Reveal(), "pw2"},
		{c.SMS.Timers.PartTimeout, time.Minute},
		{c.Queue.MaxAge, 120 * time.Hour},
		{c.Links.Expires, 30 * day},
		{c.Retention.Evidence, 6 * 365 * day},
	} {
		if v.got != v.want {
			t.Errorf("got %v, want %v", v.got, v.want)
		}
	}
}

func TestDefaultsOfAnAlmostEmptyFile(t *testing.T) {
	c, err := load(t, "organization: {domains: [Clinic.Example, b.example]}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ got, want any }{
		{c.Mode, gateway.Enforce},
		{c.Organization.Name, "clinic.example"},
		{c.Listen.Relay, "127.0.0.1:2525"},
		{c.Listen.Submissions, ""},
		{c.Listen.SMPP, ""},
		{c.Replies.Domain, "reply.clinic.example"},
		{c.Viewer.URL, "https://secure.clinic.example"},
		{c.Policy, ""},
		{len(c.Routes), 0},
		{c.SMS == nil, true},
		{c.TLS.Viewer, true},
		{len(c.Relay.Trusted), 0},
	} {
		if v.got != v.want {
			t.Errorf("got %v, want %v", v.got, v.want)
		}
	}
}

// TestHostname: a name that next hops refuse never becomes ours by itself, and
// one that was configured is taken as it is or refused.
func TestHostname(t *testing.T) {
	for system, want := range map[string]string{
		"vm": "reply.clinic.example", "": "reply.clinic.example", "vm.local": "reply.clinic.example", "localhost.localdomain": "reply.clinic.example",
		"vm.home.arpa": "reply.clinic.example", "my_box.example": "reply.clinic.example", "gate.elsewhere.example": "gate.elsewhere.example",
	} {
		c := Defaults()
		c.systemName, c.Organization.Domains = system, []string{"clinic.example"}
		c.derive()
		if c.Hostname != want {
			t.Errorf("system name %q: called %q", system, c.Hostname)
		}
		warned := false
		for _, w := range c.Warnings() {
			warned = warned || w.Path == "hostname"
		}
		if warned != (want != system) {
			t.Errorf("system name %q: warned %v", system, warned)
		}
	}
	c, err := load(t, "organization: {domains: [clinic.example]}\nhostname: Gate.Clinic.example\n", nil)
	if err != nil || c.Hostname != "gate.clinic.example" {
		t.Errorf("configured: %v %v", c, err)
	}
	for _, bad := range []string{"vm", "192.0.2.1:25", "g\u00e4te.clinic.example", "gate clinic.example"} {
		_, err := load(t, "organization: {domains: [clinic.example]}\nhostname: \""+bad+"\"\n", nil)
		if err == nil || !strings.Contains(err.Error(), ":2:11: hostname: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestListenNamesAllListeners(t *testing.T) {
	c, err := Parse("g.yaml", []byte("listen: {relay: 127.0.0.1:1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != (Listen{Relay: "127.0.0.1:1"}) {
		t.Errorf("got %+v", c.Listen)
	}
}

func TestExampleDocumentsEveryKeyAndLoads(t *testing.T) {
	text := Example()
	c, err := Parse("/etc/gatepost/gatepost.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	var missing func(reflect.Type)
	missing = func(rt reflect.Type) {
		for i := range rt.NumField() {
			f := rt.Field(i)
			if f.Tag.Get("yaml") == "" || f.Tag.Get("retired") != "" {
				continue
			}
			if f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s is not documented", rt.Name(), f.Name)
			}
			if !strings.Contains(string(text), f.Tag.Get("yaml")+":") {
				t.Errorf("the example lacks %s", f.Tag.Get("yaml"))
			}
			inner := f.Type
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if isSection(inner) {
				missing(inner)
			}
		}
	}
	missing(reflect.TypeFor[Config]())
}

func TestEffectiveReadsBack(t *testing.T) {
	c, err := Parse("/etc/gatepost/gatepost.yaml", Example())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{c.Effective(), c.Documented()} {
		again, err := Parse("/elsewhere/g.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got := Changes(c, again); len(got) != 0 {
			t.Errorf("changed by writing and reading: %v", got)
		}
	}
}

func TestChangesSayWhatNeedsARestart(t *testing.T) {
	parse := func(src string) *Config {
		c, err := Parse("/etc/g.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := parse("organization: {domains: [a.example]}\n")
	after := parse("organization: {domains: [a.example]}\ndata_dir: other\nlisten: {relay: \"127.0.0.1:1\"}\nlinks: {expires: 3d}\nroutes: [{domain: \"*\", via: mx}]\n")
	got := map[string]bool{}
	for _, c := range Changes(before, after) {
		got[c.Path] = c.Restart
	}
	for path, restart := range map[string]bool{"data_dir": true, "listen.relay": true, "listen.viewer": true, "links.expires": false, "routes[0].via": false} {
		if r, ok := got[path]; !ok || r != restart {
			t.Errorf("%s: changed %v, restart %v", path, ok, r)
		}
	}
	if _, ok := got["key_dir"]; ok {
		t.Error("key_dir did not change")
	}
}

func TestKeyDirBehindASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("data", filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "g.yaml"), []byte("organization: {domains: [a.example]}\ndata_dir: data\nkey_dir: elsewhere/keys\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "key_dir: lies inside data_dir") {
		t.Errorf("got %v", err)
	}
}
