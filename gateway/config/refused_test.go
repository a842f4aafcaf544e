package config

import (
	"errors"
	"strings"
	"testing"
)

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
