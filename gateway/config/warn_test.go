package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

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
