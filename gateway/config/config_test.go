package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// TestRefused pins each message with its place. org stands on line 1.
func TestRefused(t *testing.T) {
	const org = "organization: {domains: [clinic.example]}\n"
	for _, v := range []struct{ name, src, want string }{
		{"nothing", "", "organization.domains: is missing: organization: {name: Example Clinic, domains: [clinic.example]}"},
		{"unknown key", org + "lisen: {}\n", `:2:1: lisen: unknown key; did you mean "listen"?`},
		{"unknown inner key", org + "queue:\n  first_rety: 1m\n", `:3:3: queue.first_rety: unknown key; did you mean "first_retry"?`},
		{"no near key", org + "imap: {zzzzzz: 1}\n", ":2:8: imap.zzzzzz: unknown key; known here: plaintext_loopback"},
		{"duplicate key", org + "mode: observe\nmode: enforce\n", `:3:1: mapping key "mode" already defined at [2:1]`},
		{"duplicate flow key", org + "imap: {plaintext_loopback: true, plaintext_loopback: false}\n", `:2:34: mapping key "plaintext_loopback" already defined at [2:8]`},
		{"syntax", org + "tls: [\n", ":2:6: sequence end token ']' not found"},
		{"second document", org + "---\nmode: observe\n", ":3:1: a second YAML document"},
		{"anchor", "organization: &a {domains: [clinic.example]}\n", ":1:15: organization: anchors, aliases and tags are not supported; write the value out"},
		{"yes is no boolean", org + "inbound: {relay: yes}\n", ":2:18: inbound.relay: must be true or false"},
		{"True is no boolean", org + "inbound: {relay: True}\n", ":2:18: inbound.relay: must be true or false"},
		{"null", org + "policy:\n", ":2:9: policy: has no value; give one or remove the key"},
		{"scalar for mapping", org + "imap: 3\n", ":2:7: imap: must be a mapping with the keys plaintext_loopback"},
		{"scalar for list", "organization: {domains: clinic.example}\n", ":1:25: organization.domains: must be a list: [a, b]"},
		{"list for scalar", org + "policy: [a]\n", ":2:9: policy: must be a single value"},
		{"duration", org + "links: {expires: 30 days}\n", `:2:18: links.expires: "30 days" is no duration (write 90s, 15m, 4h, 30d, 6y or 1d12h)`},
		{"duration without unit", org + "links: {expires: 30}\n", `:2:18: links.expires: "30" is no duration (write 90s, 15m, 4h, 30d, 6y or 1d12h)`},
		{"size", org + "relay: {max_message: 50MB}\n", `:2:22: relay.max_message: "50MB" is no size (write 512, 64KiB, 50MiB or 2GiB)`},
		{"number", org + "pins: {tries: -1}\n", `:2:15: pins.tries: "-1" is no number from 0 to 2147483647`},
		{"mode", "mode: off\n", `:1:7: mode: unknown mode "off" (observe or enforce)`},
		{"network", org + "relay: {trusted: [10.0.0.0/33]}\n", `:2:19: relay.trusted[0]: "10.0.0.0/33" is no network (write 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32)`},
		{"network bits", org + "relay: {trusted: [10.1.2.3/8]}\n", `:2:19: relay.trusted[0]: "10.1.2.3/8" has bits behind the mask; did you mean "10.0.0.0/8"?`},
		{"open relay", org + "listen: {relay: \":25\"}\nrelay: {trusted: [0.0.0.0/0]}\n", ":3:19: relay.trusted[0]: trusts the whole world: an open relay"},
		{"no size", org + "relay: {max_message: 0}\n", ":2:22: relay.max_message: must not be 0"},
		{"domain", "organization: {domains: [\"clinic example\"]}\n", `:1:26: organization.domains[0]: "clinic example" is no domain`},
		{"reply domain", org + "replies: {domain: Clinic.example}\n", ":2:19: replies.domain: must be a domain of its own: mail for clinic.example goes to staff"},
		{"time zone", "organization: {domains: [clinic.example], timezone: Mars/One}\n", `:1:53: organization.timezone: "Mars/One" is no time zone (write Europe/Berlin)`},
		{"keys in data", org + "key_dir: gatepost-data/keys\n", ":2:10: key_dir: lies inside data_dir: whoever copies the data would copy its keys"},
		{"data in keys", org + "data_dir: gatepost-keys/data\n", ":2:11: data_dir: lies inside key_dir: whoever copies the data would copy its keys"},
		{"same directory", org + "data_dir: d\nkey_dir: ./d/\n", ":3:10: key_dir: lies inside data_dir: whoever copies the data would copy its keys"},
		{"address", org + "listen: {relay: 2525}\n", `:2:17: listen.relay: "2525" is no address (write 127.0.0.1:2525 or [::1]:2525)`},
		{"port", org + "listen: {relay: \"127.0.0.1:99999\"}\n", `:2:17: listen.relay: "99999" is no port (0 to 65535)`},
		{"host", org + "listen: {relay: \"a b:25\"}\n", `:2:17: listen.relay: "a b" is neither a host name nor a network address`},
		{"address twice", org + "listen: {relay: \"127.0.0.1:25\", inbound: \"127.0.0.1:25\"}\n", ":2:42: listen.inbound: is the address of listen.relay too"},
		{"dns", org + "dns: {server: 9.9.9.9}\n", `:2:15: dns.server: "9.9.9.9" is no address (write 127.0.0.1:2525 or [::1]:2525)`},
		{"clear viewer", org + "listen: {viewer: \"0.0.0.0:80\"}\ntls: {viewer: false}\n", ":3:15: tls.viewer: false sends messages and PINs in the clear: allowed only when listen.viewer is a loopback address"},
		{"half a certificate", org + "tls: {cert: a.pem}\n", ":2:6: tls: needs both cert and key, or neither"},
		{"route domain", org + "routes: [{domain: \"*clinic\", via: mx}]\n", `:2:19: routes[0].domain: "*clinic" is no domain (write clinic.example, *.clinic.example or "*")`},
		{"route without via", org + "routes: [{domain: \"*\"}]\n", `:2:10: routes[0].via: "" is no address (write 127.0.0.1:2525 or [::1]:2525), or mx`},
		{"route without host", org + "routes: [{domain: \"*\", via: \":25\"}]\n", ":2:29: routes[0].via: needs a host and a port"},
		{"route tls", org + "routes: [{domain: \"*\", via: mx, tls: oportunistic}]\n", `:2:38: routes[0].tls: unknown word "oportunistic"; did you mean "opportunistic"?`},
		{"route port", org + "routes: [{domain: \"*\", via: mx, port: 0}]\n", ":2:39: routes[0].port: 0 is no port"},
		{"inline password", org + "routes: [{domain: \"*\", via: \"h.example:25\", auth: {user: u, password: hunter2}}]\n", ":2:71: routes[0].auth.password: a secret is never written into the configuration; use {file: NAME} or {env: NAME}"},
		{"two references", org + "routes: [{domain: \"*\", via: \"h.example:25\", auth: {user: u, password: {file: f, env: E}}}]\n", ":2:71: routes[0].auth.password: needs either {file: NAME} or {env: NAME}"},
		{"absent variable", org + "routes: [{domain: \"*\", via: \"h.example:25\", tls: verify, auth: {user: u, password: {env: GATEPOST_NO_SUCH}}}]\n", ":2:84: routes[0].auth.password: environment variable GATEPOST_NO_SUCH is not set"},
		{"password in the clear", org + "routes: [{domain: \"*\", via: \"h.example:25\", auth: {user: u, password: {file: ok}}}]\n", ":2:51: routes[0].auth: would hand the password to whoever answers: needs tls: verify"},
		{"empty secret", org + "routes: [{domain: \"*\", via: \"127.0.0.1:25\", auth: {user: u, password: {file: empty}}}]\n", ":2:71: routes[0].auth.password: secret file"},
		{"viewer scheme", org + "viewer: {url: \"http://secure.clinic.example\"}\n", ":2:15: viewer.url: must begin with https://: links and PINs would cross the net in the clear"},
		{"viewer url", org + "viewer: {url: secure.clinic.example}\n", `:2:15: viewer.url: "secure.clinic.example" is no web address (write https://secure.clinic.example)`},
		{"viewer query", org + "viewer: {url: \"https://a.example/?x=1\"}\n", ":2:15: viewer.url: must not hold a user, a query or a fragment"},
		{"pin", org + "pins: {default: otherchannel}\n", `:2:17: pins.default: unknown word "otherchannel"; did you mean "other_channel"?`},
		{"tries", org + "pins: {tries: 100}\n", ":2:15: pins.tries: must be from 1 to 10: a PIN has six digits"},
		{"freeze", org + "pins: {freeze: 3}\n", ":2:16: pins.freeze: must be from pins.tries (5) to 20"},
		{"short", org + "queue: {max_retry: 1s}\n", ":2:20: queue.max_retry: 1s is too short: at least 1m"},
		{"sms password", org + "sms: {accounts: [{system_id: e, password: {file: long}, senders: [\"*\"], inbox: a@clinic.example}]}\n", ":2:43: sms.accounts[0].password: is longer than 64 octets"},
		{"sms inbox", org + "sms: {accounts: [{system_id: e, password: {file: ok}, senders: [\"*\"], inbox: a@out.example}]}\n", ":2:78: sms.accounts[0].inbox: is in no domain of organization.domains: answers would leave the organization"},
		{"sms sender", org + "sms: {sender: \"a name too long\"}\n", `:2:15: sms.sender: "a name too long" is no source address: digits, "+" and digits, or a name of at most 11 characters`},
		{"sms domain", org + "sms: {domain: Clinic.example}\n", `:2:15: sms.domain: "clinic.example" has mailboxes: numbers need a domain of their own`},
		{"sms country", org + "sms: {country: usa}\n", `:2:16: sms.country: "usa" is no country: two capital letters, such as US or DE`},
		{"sms ca", org + "sms: {upstream: {addr: \"127.0.0.1:1\", system_id: g, password: {file: ok}, ca: x.pem}}\n", ":2:79: sms.upstream.ca: needs tls: verify"},
		{"sms account", org + "sms: {accounts: [{system_id: e}]}\n", ":2:18: sms.accounts[0].password: is missing: {file: NAME} or {env: NAME}"},
	} {
		t.Run(v.name, func(t *testing.T) {
			_, err := load(t, v.src, map[string]string{"ok": "x", "empty": "\n", "long": strings.Repeat("x", 65)})
			var p Problems
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want a problem", err)
			}
			if !strings.Contains(err.Error(), v.want) {
				t.Errorf("got  %s\nwant %s", err, v.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the message shows the secret")
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("g.yaml", []byte("mode: x\nfoo: 1\nlinks: {expires: soon}\n"))
	var p Problems
	if !errors.As(err, &p) || len(p) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "1d12h": 36 * time.Hour, "2w": 14 * day,
		"6y": 6 * 365 * day, "1y1w1d1h1m": 373*day + 61*time.Minute, "1.5h": 90 * time.Minute,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
		again, err := ParseDuration(FormatDuration(got))
		if err != nil || again != got {
			t.Errorf("%s does not survive %s", text, FormatDuration(got))
		}
	}
	for _, text := range []string{"", "d", "-1d", "1d-1h", "1d+1h", "12h1d", "1 d", "9999999y", "292y365d", "5", "1e3s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got := FormatDuration(36*time.Hour + 30*time.Second); got != "1d12h0m30s" {
		t.Errorf("got %s", got)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "512": 512, "64KiB": 64 << 10, "50MiB": 50 << 20, "2GiB": 2 << 30} {
		if got, err := ParseSize(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5MiB", "5MB", "9223372036854775807KiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	t.Setenv("GATEPOST_TEST_SECRET", "hunter2\r\n")
	src := design + "" // the two secrets of the design, one of them by variable
	src = strings.Replace(src, "{file: smsc.secret}", "{env: GATEPOST_TEST_SECRET}", 1)
	c, err := load(t, src, map[string]string{"esme1.secret": "hunter2\n\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.SMS.Upstream.Password.Reveal(); got != "hunter2" {
		t.Errorf("variable: got %d octets", len(got))
	}
	if got := c.SMS.Accounts[0].Password.Reveal(); got != "hunter2\n" {
		t.Error("a secret loses one final newline, not two")
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", c.SMS.Upstream.Password, "config", c)
	shown := fmt.Sprintf("%v %+v %#v %v %q", c.SMS.Upstream, *c.SMS.Upstream, c.SMS.Upstream.Password, c.SMS.Accounts, c.SMS.Upstream.Password)
	for _, text := range []string{shown, log.String(), string(c.Effective()), string(c.Documented())} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("shows the secret: %s", text)
		}
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

func TestWarnings(t *testing.T) {
	c, err := load(t, "organization: {domains: [clinic.example]}\nmode: observe\nroutes: [{domain: \"*\", via: \"127.0.0.1:25\", auth: {user: u, password: {file: wide}}}]\n", map[string]string{"wide": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.Routes[0].Auth.Password.File, 0o644); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, w := range c.Warnings() {
		all = append(all, w.String())
	}
	for _, want := range []string{
		":2:7: mode: observe", "viewer.url: is not set", "tls.cert: is not set",
		"wide has permissions 0644; others could read it: chmod 0600",
	} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("no warning with %q in\n%s", want, strings.Join(all, "\n"))
		}
	}
}

// TestKeyThatDoesNothing: a key that nothing reads is taken, because files name it,
// is told about, and is in nothing that the program writes.
func TestKeyThatDoesNothing(t *testing.T) {
	const file = "organization: {domains: [clinic.example]}\n"
	warned := func(c *Config) bool {
		return slices.ContainsFunc(c.Warnings(), func(w Problem) bool {
			return w.Path == "retention.evidence" && strings.Contains(w.String(), "evidence is never removed")
		})
	}
	c, err := load(t, file+"retention: {secured: 180d, evidence: 6y}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !warned(c) {
		t.Errorf("nothing says that retention.evidence does nothing: %v", c.Warnings())
	}
	for _, out := range [][]byte{c.Effective(), c.Documented(), Example()} {
		if strings.Contains(string(out), "evidence: ") {
			t.Errorf("a key that does nothing is shown:\n%s", out)
		}
	}
	if c, err = load(t, file, nil); err != nil || warned(c) {
		t.Errorf("a file without the key: %v, warned %v", err, err == nil && warned(c))
	}
}

// TestWarningOfPlainLinks names the key that makes links to http:// work.
func TestWarningOfPlainLinks(t *testing.T) {
	for tls, want := range map[string]string{"": "tls.viewer: false", "tls: {viewer: false}\n": "must speak TLS"} {
		c, err := Parse("g.yaml", []byte("organization: {domains: [clinic.example]}\nviewer: {url: \"http://127.0.0.1:8080\"}\n"+tls))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(c.Warnings(), func(p Problem) bool { return p.Path == "viewer.url" })
		if i < 0 || !strings.Contains(c.Warnings()[i].String(), want) {
			t.Errorf("%q: no warning with %q in %v", tls, want, c.Warnings())
		}
	}
}

// Who hands on mail from the world is one of the trusted, and leaves staff a
// way to answer; where nothing else can bring answers, somebody must be it.
func TestWarningsAboutHandingOn(t *testing.T) {
	const apart, covers, absent, nobody = "changes nothing", "covers all of relay.trusted", "lets it speak as staff", "that does not log in is answered 550"
	for text, want := range map[string]string{
		"relay: {trusted: [192.0.2.0/24]}":                                                           "",
		"listen: {relay: \"127.0.0.1:25\"}\nrelay: {trusted: [192.0.2.0/24]}":                        absent,
		"listen: {relay: \"127.0.0.1:25\"}\nrelay: {trusted: [192.0.2.0/24], hands_on: [192.0.2.7]}": "",
		"listen: {relay: \"127.0.0.1:25\"}\nrelay: {trusted: []}":                                    nobody,
		"relay: {trusted: []}": nobody,
		"relay: {trusted: [192.0.2.0/24], hands_on: [198.51.100.0/24]}":                                                          apart,
		"listen: {relay: \"127.0.0.1:25\"}\nrelay: {trusted: [192.0.2.7], hands_on: [192.0.2.0/24]}":                             covers,
		"listen: {relay: \"127.0.0.1:25\", submission: \"127.0.0.1:587\"}\nrelay: {trusted: [192.0.2.7], hands_on: [192.0.2.7]}": "",
	} {
		c, err := Parse("g.yaml", []byte("organization: {domains: [clinic.example]}\n"+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, w := range c.Warnings() {
			if strings.HasPrefix(w.Path, "relay.") {
				all = append(all, w.String())
			}
		}
		if got := strings.Join(all, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s\nwarns %q, not %q", text, got, want)
		}
	}
}

// TestWarnsOfListenersLeftOut: listen is all or nothing, and who copies one line of
// an example leaves out the rest.
func TestWarnsOfListenersLeftOut(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                    nil,
		"listen: {smpp: \"127.0.0.1:2775\"}":  {"listen.viewer", "listen.relay"},
		"listen: {relay: \"127.0.0.1:2525\"}": {"listen.viewer"},
		"listen: {viewer: \"127.0.0.1:443\"}": {"listen.relay"},
		"listen: {viewer: \"127.0.0.1:443\", submissions: \"127.0.0.1:465\"}": nil,
	} {
		c, err := Parse("g.yaml", []byte("organization: {domains: [clinic.example]}\n"+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range c.Warnings() {
			if w.Path == "listen.viewer" || w.Path == "listen.relay" {
				got = append(got, w.Path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q warns of %v, not %v", text, got, want)
		}
	}
}

// TestWarnsOfLostAnswers: of what an operator leaves out without noticing.
func TestWarnsOfLostAnswers(t *testing.T) {
	const org = "organization: {domains: [clinic.example, law.example]"
	for src, want := range map[string][2]bool{ // of listen.inbound, of organization.help
		org + "}\n":                   {false, true},
		org + ", help: \"+1 555\"}\n": {false, false},
		org + "}\nlisten: {relay: \"127.0.0.1:2525\"}\n":                                                          {true, true},
		org + "}\nlisten: {relay: \"127.0.0.1:2525\"}\nrelay: {trusted: [192.0.2.0/24], hands_on: [192.0.2.7]}\n": {false, true},
		org + "}\nbrand: [{domain: law.example, help: a@law.example}]\n":                                          {false, true},
		org + "}\nbrand: [{domain: law.example, help: a@law.example}, {domain: clinic.example, help: \"1\"}]\n":   {false, false},
	} {
		c, err := load(t, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got [2]bool
		for _, w := range c.Warnings() {
			got[0] = got[0] || w.Path == "listen.inbound"
			got[1] = got[1] || w.Path == "organization.help"
		}
		if got != want {
			t.Errorf("warned %v, want %v of\n%s", got, want, src)
		}
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

func TestDeepNestingIsRefusedFast(t *testing.T) {
	for _, src := range []string{strings.Repeat("[", 100000), strings.Repeat("{a: ", 100000), strings.Repeat("- ", 100000), strings.Repeat("a: [\n", 100000)} {
		if _, err := Parse("g.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
			t.Errorf("%.10s…: got %v", src, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(design))
	f.Add(Example())
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("/etc/gatepost/gatepost.yaml", src)
		if err != nil {
			var p Problems
			if !errors.As(err, &p) || len(p) == 0 || p[0].Text == "" {
				t.Fatalf("no problem in %v", err)
			}
			return
		}
		_ = c.Warnings()
		again, err := Parse("/etc/gatepost/gatepost.yaml", c.Effective())
		if err != nil {
			t.Fatalf("effective configuration is refused: %v\n%s", err, c.Effective())
		}
		if got := Changes(c, again); len(got) != 0 {
			t.Fatalf("changed by writing and reading: %v\n%s", got, c.Effective())
		}
	})
}

// TestMistakesInYAML: what the parser finds is said in words for people who do
// not know it.
func TestMistakesInYAML(t *testing.T) {
	for src, want := range map[string]string{
		"organization:\n  name: x\n domains: [a.example]\n":           "g.yaml:3:2: wrong indentation: begin this line in the same column as those that it belongs with",
		"mode: observe\n organization: {domains: [a.example]}\n":      "g.yaml:1:7: wrong indentation of the next line, or a text with a colon, which needs quotes",
		"organization:\n\tname: x\n":                                  "g.yaml:2:1: indent with spaces, not with tabs",
		"viewer: {url: https://a.example, idle: 15m\nmode: observe\n": "g.yaml:2:1: a bracket is not closed, or a text with commas or brackets needs quotes",
		"listen: {relay: 127.0.0.1:25\n":                              "g.yaml:1:9: a bracket is not closed, or a text with commas or brackets needs quotes",
	} {
		if _, err := Parse("g.yaml", []byte(src)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v", src, err)
		}
	}
	for _, key := range []string{"rotues", "xyz"} {
		if _, err := Parse("g.yaml", []byte(key+": 1\n")); err == nil || !strings.Contains(err.Error(), "mode, organization, brand, hostname, ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
