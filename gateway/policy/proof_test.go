package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

const story = `policy: story
default: pass
lists: {partners: [lab.example]}
define:
  number: found(["ssn", "mrn", "national_id"], MEDIUM)
  person: found(["name"], MEDIUM) || number
  least: 500 * 2
rules:
  - {id: ids, reason: Number, when: number, then: {action: secure, pin: other_channel, expires: 30d, staff_copy: none}}
  - {id: health, reason: Health, when: topic("health") >= MEDIUM && person, then: secure}
  - {id: partner, reason: Partner, when: recipient.domain in lists.partners, then: {action: tls, satisfies: [ids, health]}}
  - {id: words, reason: Words, when: 'subject.contains("results") || header("X-Kind") == "a" || sender.group in ["staff", "admin"]', then: hold}
  - {id: large, reason: Large, mode: shadow, when: 'size >= least && !weekend && (tag.urgent ? local_time > 20 : count(["mrn"]) > 1)', then: hold}
  - {id: never, reason: Never, when: false, then: reject}
  - {id: broken, reason: Broken, mode: shadow, when: '["a"][size] == "b"', then: {action: secure, pin: sender, expires: 90m}}
  - {id: mild, reason: Mild, when: 'thread.exists', then: {action: pass, exempts: [words]}}
`

// storyFacts has secrets in each text that a rule looks at.
func storyFacts() Facts {
	f := busy()
	f.Sender.Address, f.Recipient.Address = gateway.MustAddress("zebra@clinic.example"), gateway.MustAddress("zebra@lab.example")
	f.Reading.Subject, f.Reading.ListID = "zebra results", "zebra"
	f.Reading.Fields, f.SMPP.SourceAddress = field("X-Kind", "zebra"), "zebra"
	f.Detections.Findings = append(f.Detections.Findings, gateway.Finding{Type: "es.nif", Level: gateway.High, Value: 9})
	return f
}

func proof(v gateway.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %v, shadow %s, failed %v %q\noptions %+v\n", v.Action, v.Rules, v.Shadow, v.Failed, v.Error, v.Options)
	for _, r := range v.Results {
		fmt.Fprintf(&b, "%-8s %-6s met %-5v lifted %q error %q\n  %s\n", r.ID, r.Action, r.Met, r.LiftedBy, r.Error, r.Why)
	}
	return b.String()
}

// TestProof: the explanation of a verdict, and that it never quotes a message.
func TestProof(t *testing.T) {
	p := mustLoad(t, story)
	f := storyFacts()
	got := proof(p.Judge(f))
	f.Thread.Exists = true
	got += "\nin a thread\n" + proof(p.Judge(f))
	if strings.Contains(got, "zebra") {
		t.Error("the proof quotes the message")
	}
	golden(t, "proof.txt", got)
	for range 3 {
		if proof(p.Judge(f)) != proof(p.Prepare(f.Message).For(f.Recipient, f.Thread)) {
			t.Error("the same facts have two proofs")
		}
	}
}

// TestConditionsAreWords: who signs the policy reads words, not the language of the
// file; what has none is said to be spelled so.
func TestConditionsAreWords(t *testing.T) {
	for condition, want := range map[string]string{
		`subject.contains("results")`:             `the subject contains "results"`,
		`subject.startsWith("Re") && weekend`:     `the subject begins with "Re" and it is Saturday or Sunday`,
		`sender.address.endsWith("@lab.example")`: `the sender's address ends with "@lab.example"`,
		`subject.matches("PN-[0-9]{7}")`:          `the subject matches the pattern "PN-[0-9]{7}"`,
		`header("X-Kind") != "a"`:                 `the header field X-Kind is not "a"`,
		`sender.group in ["staff", "admin"]`:      `the sender's group is one of "staff", "admin"`,
		`"a@b.example" == recipient.address`:      `"a@b.example" is the recipient's address`,
		`22 <= local_time`:                        `22 is at most the hour at the organization`,
		`size(subject) > 10`:                      `(the length of the subject) is more than 10`,
		`size > 2 * 1000`:                         `the size in octets is more than (2 * 1000)`,
		`count(["ssn"]) + count(["card"]) >= 5`:   `(the number of different values of ssn with at least medium confidence + the number of different values of card with at least medium confidence) is at least 5`,
		`["a", "b"].exists(x, x == sender.group)`: "what the file spells as `[\"a\", \"b\"].exists(x, x == sender.group)`",
		`level_of >= MEDIUM`:                      "level_of is at least medium",
	} {
		var b strings.Builder
		p := mustLoad(t, "policy: x\ndefault: pass\ndefine: {level_of: topic(\"health\")}\nrules:\n  - id: a\n    reason: r\n    when: >-\n      "+condition+"\n    then: secure\n")
		if err := p.Words(&b); err != nil || !strings.Contains(b.String(), "When "+want+",\n") || !strings.Contains(b.String(), "level_of: how much it speaks of health matters.\n") {
			t.Errorf("%s: %v\n%s", condition, err, b.String())
		}
	}
}

func TestWords(t *testing.T) {
	var b strings.Builder
	for _, p := range []*Policy{mustLoad(t, story), mustLoad(t, quietHours), mustLoad(t, `policy: terms
on_error: reject
own_identifiers: [4711]
lists: {long: [`+strings.Repeat("x, ", 25)+`x]}
detectors: {codeword: {words: [zebraquartz]}, patient_no: {pattern: 'PN-[0-9]{7}', literal: PN-}}
`)} {
		if err := p.Words(&b); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "words.txt", b.String())
}

// TestOneExample: the words for signature speak of one as of one.
func TestOneExample(t *testing.T) {
	var b strings.Builder
	if err := mustLoad(t, "policy: one\ntests: [{text: See you soon., expect: pass}]\n").Words(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\n1 example is tested whenever") {
		t.Error(b.String())
	}
}

func TestNewLine(t *testing.T) {
	f := quiet()
	f.Detections.Findings = []gateway.Finding{
		{Type: "us.ssn", Kind: gateway.PartSubject, Start: 3, End: 14, Level: gateway.High},
		{Type: "es.nif", Kind: gateway.PartText, Start: 0, End: 9, Level: gateway.Medium, Masked: "zebra"},
	}
	for want, v := range map[string]gateway.Verdict{
		`{"id":"7","action":"secure","rules":["ids"],"detections":[{"type":"ssn","part":"subject","start":3,"end":14,"confidence":"high"},{"type":"es.nif","part":"text","start":0,"end":9,"confidence":"medium"}]}`: Default().Judge(f),
		`{"id":"7","action":"pass","rules":[],"detections":[]}`: Default().Judge(quiet()),
	} {
		got, err := json.Marshal(NewLine("7", v))
		if err != nil || string(got) != want {
			t.Errorf("got  %s %v\nwant %s", got, err, want)
		}
	}
}

func TestDiff(t *testing.T) {
	loose, strict := mustLoad(t, "policy: a\ndefault: pass\n"), mustLoad(t, when("size > 10"))
	d, differ := Diff(loose.Judge(quiet()), strict.Judge(quiet()))
	raw, err := json.Marshal(d)
	if !differ || err != nil || d.String() != "pass (default) -> secure (r)" || string(raw) != `{"old":"pass","old_rules":[],"new":"secure","new_rules":["r"],"changes":[{"id":"r","old":"absent","new":"met: secure","old_why":"","new_why":"size \u003e 10 = true (size = 1000)"}],"old_found":[],"new_found":[]}` {
		t.Errorf("%v %s %s %v", differ, d, raw, err)
	}
	if d, differ := Diff(strict.Judge(quiet()), mustLoad(t, "policy: b\n").Judge(quiet())); differ {
		t.Errorf("the same action by other rules: %s", d)
	}
	if d, _ := Diff(loose.Judge(Facts{}), strict.Judge(quiet())); d.String() != "hold (on_error) -> secure (r)" {
		t.Errorf("got %s", d)
	}
}

// TestRunCases: what a failing example says.
func TestRunCases(t *testing.T) {
	p := mustLoad(t, when("tag.secure")+"tests:\n  - {text: a, expect: secure}\n  - {text: b, expect: pass, rules: [r]}\n  - {text: c, expect: pass}\n  - {text: d, expect: hold}\n")
	var got []string
	for _, f := range p.RunCases(func(c Case) gateway.Verdict {
		f := quiet()
		if c.Text == "d" {
			f.Reading.Tags.Secure = true
		}
		return p.Judge(f)
	}) {
		got = append(got, f.String())
	}
	want := []string{"p.yaml:11: expected secure, got pass by default", "p.yaml:12: expected pass by r, got it by default", "p.yaml:14: expected hold, got secure by r"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
