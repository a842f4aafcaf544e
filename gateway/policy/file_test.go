package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestEveryKey loads a policy with every key of the format and looks at what
// became of each.
func TestEveryKey(t *testing.T) {
	files := map[string]string{"/etc/gp/partners.txt": "# ours\nlab.example\n\n Hospital.example \r\n", "/etc/gp/terms.txt": "zebraquartz\n"}
	src := "\xef\xbb\xbf" + strings.ReplaceAll(`policy: clinic
default: tls
on_error: reject
own_identifiers: [4711]
lists:
  partners: {file: partners.txt}
  groups: [doctors]
detectors: {codeword: {words_file: terms.txt}}
define: {big: size > 10}
rules:
  - id: one
    reason: One
    mode: shadow
    when: big && found(["codeword"], LOW)
    then: {action: secure, pin: standing, expires: 12h, staff_copy: none}
  - id: two-2_x
    reason: Two
    mode: enforce
    when: true
    then: {action: tls, satisfies: [one]}
  - {id: three, reason: Three, when: size < 0, then: {action: pass, exempts: [one]}}
tests:
  - {text: a, subject: b, channel: sms, headers: {X-A: b}, from: a@b.example, to: "+15550001111", patient: true,
     consents: [marketing], thread_secured: true, expect: tls, rules: [two-2_x]}
`, "\n", "\r\n")
	p, err := LoadWith("/etc/gp/policy.yaml", []byte(src), Options{ReadFile: func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Name() != "clinic" || p.OnError() != gateway.Reject || p.otherwise != gateway.TLS || len(p.Digest()) != 64 {
		t.Errorf("head: %s %s %s %s", p.Name(), p.OnError(), p.otherwise, p.Digest())
	}
	if got := fmt.Sprint(p.lists["partners"].words, p.lists["groups"].words, p.Detectors(), p.OwnIdentifiers()); got != "[lab.example Hospital.example] [doctors] [{codeword [zebraquartz]  }] [4711]" {
		t.Errorf("terms: %s", got)
	}
	if len(p.Files()) != 2 || p.Files()[0].Name != "/etc/gp/partners.txt" || p.Files()[0].Digest != digest([]byte(files["/etc/gp/partners.txt"])) {
		t.Errorf("files: %+v", p.Files())
	}
	one := p.rules[0]
	if want := (gateway.Options{PIN: "standing", Expires: 12 * time.Hour, StaffCopy: "none"}); one.options != want || !one.shadow || p.rules[1].shadow {
		t.Errorf("rule: %+v", one)
	}
	want := `[{23 a b sms [{X-A [none]}] a@b.example +15550001111 true [marketing] true tls [two-2_x]}]`
	cases := p.Cases()
	for i := range cases {
		for k, h := range cases[i].Headers {
			if h.Value.Reveal() != "b" {
				t.Errorf("header %d: %s", k, h.Value.Reveal())
			}
			cases[i].Headers[k].Value = ""
		}
	}
	if got := fmt.Sprint(cases); got != want {
		t.Errorf("cases: %s", got)
	}
}

// TestAbsentKeysProtect: what a file does not say is the careful choice.
func TestAbsentKeysProtect(t *testing.T) {
	p := mustLoad(t, "policy: p\n")
	if v := p.Judge(quiet()); v.Action != gateway.Secure || p.OnError() != gateway.Hold {
		t.Errorf("default %s, on_error %s", v.Action, p.OnError())
	}
}

// TestBombs: a small file cannot make a huge one, nor a slow one.
func TestBombs(t *testing.T) {
	aliases := "policy: p\nlists:\n  a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		aliases += fmt.Sprintf("  %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	for name, src := range map[string]string{
		"aliases":         aliases,
		"brackets":        strings.Repeat("[", 100_000),
		"dashes":          strings.Repeat("- ", 100_000),
		"large":           "policy: p\n#" + strings.Repeat("x", maxFile),
		"deep condition":  when(strings.Repeat("(", 3000) + "true" + strings.Repeat(")", 3000)),
		"wide condition":  when("size > 0" + strings.Repeat(" || size > 0", 4000)),
		"long condition":  when(`subject == "` + strings.Repeat("x", 30_000) + `"`),
		"nested loops":    when(`[1,2].all(a, [1,2].all(b, [1,2].all(c, a + b > c)))`),
		"deep formula":    when(strings.Repeat("!(", 200) + "true" + strings.Repeat(")", 200)),
		"a long chain":    rulesOf("id: r\n    reason: R\n    when: 'true'\n    then: {action: tls, satisfies: [r]}"),
		"not UTF-8":       "policy: p\n# \xff\n",
		"endless problem": "policy: p\n" + strings.Repeat("rules: [\n", 60),
	} {
		start := time.Now()
		_, err := Load("p.yaml", []byte(src))
		var problems Problems
		if !errors.As(err, &problems) || len(problems) > maxProblems {
			t.Errorf("%s: got %v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func TestListsInFilesAreFast(t *testing.T) {
	var words strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&words, "term%d.example\n", i)
	}
	p, err := LoadWith("p.yaml", []byte("policy: p\ndefault: pass\nlists: {many: {file: many}}\nrules:\n  - {id: r, reason: R, when: recipient.domain in lists.many, then: secure}\n"),
		Options{ReadFile: func(string) ([]byte, error) { return []byte(words.String()), nil }})
	if err != nil {
		t.Fatal(err)
	}
	f := quiet()
	f.Recipient.Address = gateway.MustAddress("x@term99999.example")
	for range 1000 {
		if v := p.Judge(f); v.Action != gateway.Secure {
			t.Fatalf("got %s", v.Action)
		}
	}
}

// TestTypesOfTheDetector: with the detector's own list a misspelled national
// number is an error too.
func TestTypesOfTheDetector(t *testing.T) {
	src := []byte(when(`found(["es.nfi"], MEDIUM)`))
	if _, err := Load("p.yaml", src); err != nil {
		t.Error(err)
	}
	_, err := LoadWith("p.yaml", src, Options{Types: []string{"ssn", "es.nif"}})
	if err == nil || !strings.Contains(err.Error(), `unknown type of finding "es.nfi"; did you mean "es.nif"?`) {
		t.Errorf("got %v", err)
	}
}

// TestCostlyConditionIsRefused: loops over long lists are reckoned when the
// file is loaded.
func TestCostlyConditionIsRefused(t *testing.T) {
	src := `policy: p
lists: {long: {file: long}, short: [a, b]}
rules:
  - {id: r, reason: R, when: 'lists.%s.exists(a, lists.long.exists(b, a == b))', then: hold}
`
	read := Options{ReadFile: func(string) ([]byte, error) { return []byte(strings.Repeat("word\n", 5000)), nil }}
	if _, err := LoadWith("p.yaml", []byte(strings.Replace(src, "%s", "short", 1)), read); err != nil {
		t.Error(err)
	}
	_, err := LoadWith("p.yaml", []byte(strings.Replace(src, "%s", "long", 1)), read)
	if err == nil || err.Error() != "p.yaml:4:31: rule r: may take too long: fewer nested loops, shorter lists" {
		t.Errorf("got %v", err)
	}
}

// TestFilesThatAreNotThere are problems of the line that names them.
func TestFilesThatAreNotThere(t *testing.T) {
	for src, want := range map[string]string{
		"policy: p\nlists: {a: {file: /nowhere/at/all}}\n":           "p.yaml:2:19: list a: open /nowhere/at/all: no such file or directory",
		"policy: p\ndetectors: {a: {words_file: /nowhere/at/all}}\n": "p.yaml:2:29: detector a: open /nowhere/at/all: no such file or directory",
	} {
		if _, err := Load("p.yaml", []byte(src)); err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}
