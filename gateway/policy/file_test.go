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
    then: {action: secure, pin: standing, expires: 12h, staff_copy: none, status: opened, until: 7}
  - id: two-2_x
    reason: Two
    mode: enforce
    when: true
    then: {action: tls, satisfies: [one]}
  - {id: three, reason: Three, when: size < 0, then: {action: pass, exempts: [one]}}
tests:
  - {text: a, subject: b, channel: sms, headers: {X-A: b}, from: a@b.example, to: "+15550001111", patient: true,
     consents: [marketing], thread_secured: true, at: 08, sent_today: 2, system_id: esme1, service_type: OTP,
     source_address: CLINIC, declared: [campaign], expect: tls, until: 7, rules: [two-2_x]}
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
	if want := (gateway.Options{PIN: "standing", Expires: 12 * time.Hour, StaffCopy: "none", Status: "opened"}); one.options != want || one.until == nil || *one.until != 7 || one.waits || !one.shadow || p.rules[1].shadow {
		t.Errorf("rule: %+v", one)
	}
	want := `[{23 a b sms [{X-A [none]}] a@b.example +15550001111 true [marketing] true 8 2 {esme1 OTP [none]} [campaign] tls <nil> [two-2_x]}]`
	cases := p.Cases()
	for i := range cases {
		if until := cases[i].Until; until == nil || *until != 7 || cases[i].SMPP.SourceAddress.Reveal() != "CLINIC" {
			t.Errorf("case: %+v", cases[i])
		}
		cases[i].Until, cases[i].SMPP.SourceAddress = nil, ""
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
		"many words":      when("size = 1 " + strings.Repeat("xyz ", 300_000)),
		"unknown words":   when("size = 1 " + strings.Repeat("qwertyuiop ", 1_800)),
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
		if took := time.Since(start); took > time.Minute {
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

// TestTypesOfTheDetector: a caller's own list of types takes the place of the
// built-in one.
func TestTypesOfTheDetector(t *testing.T) {
	src := []byte(when(`found(["es.nfi"], MEDIUM)`))
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

// TestOneMistakeOneProblem: what follows from a mistake is not reported beside
// it, and two mistakes are both shown.
func TestOneMistakeOneProblem(t *testing.T) {
	rule := func(when string) string {
		return "policy: p\nrules:\n  - {id: a, reason: A, when: " + when + ", then: secure}\n"
	}
	for name, v := range map[string]struct{ src, want string }{
		"misspelt key":     {"policy: p\nrules:\n  - {id: a, reson: A, whn: tag.secure, then: {acton: secure}}\n", "p.yaml:3:13: unknown key \"reson\" in a rule; did you mean \"reason\"?\np.yaml:3:23: unknown key \"whn\" in a rule; did you mean \"when\"?\np.yaml:3:47: unknown key \"acton\" in then; did you mean \"action\"?"},
		"missing key":      {"policy: p\nrules:\n  - {id: a, zzzzz: A, when: tag.secure, then: secure}\n", "p.yaml:3:13: unknown key \"zzzzz\" in a rule; known here: id, reason, mode, when, then\np.yaml:3:5: rule \"a\" has no reason"},
		"misspelt section": {"policy: p\nrulse: []\n", "p.yaml:2:1: unknown key \"rulse\" in the policy; did you mean \"rules\"? The sections are policy, default, on_error, own_identifiers, lists, detectors, define, rules, tests"},
		"unknown section":  {"policy: p\nzzz: []\n", "p.yaml:2:1: unknown key \"zzz\" in the policy; known here: policy, default, on_error, own_identifiers, lists, detectors, define, rules, tests"},
		"indentation":      {"policy: p\nrules:\n  - id: a\n    reason: A\n   when: tag.secure\n", "p.yaml:5:4: wrong indentation: begin this line in the same column as those that it belongs with"},
		"deeper":           {"policy: p\nrules:\n  - id: a\n    reason: A\n     when: tag.secure\n", "p.yaml:4:13: wrong indentation of the next line, or a text with a colon, which needs quotes"},
		"open bracket":     {"policy: p\nlists: {a: [b]\n", "p.yaml:2:8: a bracket is opened here and not closed"},
		"assignment":       {rule(`channel = "sms"`), "p.yaml:3:38: rule a: use == to compare"},
		"two assignments":  {rule(`size = 3 || subject = 'x'`), "p.yaml:3:35: rule a: use == to compare\np.yaml:3:50: rule a: use == to compare"},
		"one ampersand":    {rule(`tag.secure & tag.pin`), "p.yaml:3:41: rule a: use && for and"},
		"one bar":          {rule(`tag.secure | tag.pin`), "p.yaml:3:41: rule a: use || for or"},
		"foreign and":      {rule(`tag.secure and tag.pin`), "p.yaml:3:41: rule a: did not expect \"and\" here: write && for and, || for or, ! for not"},
		"no closing quote": {rule(`'subject == "x'`), "p.yaml:3:42: rule a: the text that begins here has no closing quote"},
		"foreign sign":     {rule(`'size # 3'`), "p.yaml:3:36: rule a: did not expect \"#\" here"},
		"name and equals":  {rule(`chanel = "sms" && sender.domian == "x"`), "p.yaml:3:30: rule a: unknown name \"chanel\"; did you mean \"channel\"?\np.yaml:3:37: rule a: use == to compare\np.yaml:3:48: rule a: unknown name \"sender.domian\"; did you mean \"sender.domain\"?"},
		"type and name":    {rule(`'found(["snn"], LOW) && tag.secur'`), "p.yaml:3:38: rule a: unknown type of finding \"snn\"; did you mean \"ssn\"?\np.yaml:3:54: rule a: unknown name \"tag.secur\"; did you mean \"tag.secure\"?"},
		"names of a loop":  {rule(`'found(["snn"], LOW) && lists.xs.exists(sice, sice == "a")'`), "p.yaml:3:38: rule a: unknown type of finding \"snn\"; did you mean \"ssn\"?"},
		"name of a define": {"policy: p\ndefine: {chanel: size > 3}\nrules:\n  - {id: a, reason: A, when: 'found([\"snn\"], LOW) && chanel', then: secure}\n", "p.yaml:4:38: rule a: unknown type of finding \"snn\"; did you mean \"ssn\"?"},
		"word in a text":   {rule(`'found(["snn"], LOW) && subject == "chanel is Subjct"'`), "p.yaml:3:38: rule a: unknown type of finding \"snn\"; did you mean \"ssn\"?"},
	} {
		if _, err := Load("p.yaml", []byte(v.src)); err == nil || err.Error() != v.want {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, v.want)
		}
	}
}
