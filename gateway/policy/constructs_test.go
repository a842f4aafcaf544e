package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// construct is one thing that may stand in a policy file: a policy whose tests
// it makes true, and the same policy with another text in place of cut, which
// must come to something else.
type construct struct {
	name         string
	rules        string // or whole sections, before tests
	tests        string
	cut, instead string
}

// constructs has a row for each name of policy.Constructs.
func constructs() []construct {
	const (
		always = `rules: [{id: r, reason: R, when: size >= 0, then: %s}]`
		plain  = `{text: a, expect: pass}`
	)
	then := func(s string) string { return fmt.Sprintf(always, s) }
	when := func(s string) string {
		return `rules: [{id: r, reason: R, when: '` + s + `', then: hold}]`
	}
	two := func(first, second string) string {
		return "rules: [{id: a, reason: A, when: size >= 0, then: " + first + "}, {id: b, reason: B, when: tag.urgent, then: " + second + "}]"
	}
	broken := `rules: [{id: r, reason: R, when: '["a"][size] == "b"', then: pass}]`
	own := "rules: [{id: r, reason: R, when: 'found([\"x\"], LOW)', then: hold}]\ndetectors: {x: %s}"
	return []construct{
		{"policy", "", plain, "policy: p", "#"},
		{"default", "", plain, "default: pass", "default: hold"},
		{"on_error", "on_error: reject\n" + broken, `{text: a, expect: reject}`, "on_error: reject", "on_error: secure"},
		{"own_identifiers", "own_identifiers: [GB82 WEST 1234 5698 7654 32]\n" + when(`found(["iban"], LOW)`), `{text: "Pay to GB82 WEST 1234 5698 7654 32.", expect: pass}`, "own_identifiers: [GB82 WEST 1234 5698 7654 32]", "own_identifiers: []"},
		{"lists", "lists: {l: [b.example]}\n" + when("recipient.domain in lists.l"), `{to: x@B.example, expect: hold}`, "b.example]", "c.example]"},
		{"lists.file", "lists: {l: {file: words}}\n" + when("subject in lists.l"), `{subject: Zebraquartz, expect: hold}`, "{file: words}", "[other]"},
		{"detectors", fmt.Sprintf(own, "{words: [zebraquartz]}"), `{text: a zebraquartz, expect: hold}`, "detectors: {x: {words: [zebraquartz]}}", ""},
		{"detectors.words", fmt.Sprintf(own, "{words: [zebraquartz]}"), `{text: a ZEBRAquartz, expect: hold}`, "zebraquartz]", "other]"},
		{"detectors.words_file", fmt.Sprintf(own, "{words_file: words}"), `{text: a zebraquartz, expect: hold}`, "words_file: words", "words: [other]"},
		{"detectors.pattern", fmt.Sprintf(own, "{pattern: 'PN-[0-9]{7}'}"), `{text: About PN-1234567 we spoke, expect: hold}`, "{7}", "{9}"},
		{"detectors.literal", fmt.Sprintf(own, "{pattern: 'PN-[0-9]{7}', literal: PN-}"), `{text: About PN-1234567 we spoke, expect: hold}`, "literal: PN-", "literal: QN-"},
		{"define", "define: {d: size >= 0}\n" + when("d"), `{text: a, expect: hold}`, "{d: size >= 0}", "{d: size < 0}"},
		{"rules", then("hold"), `{text: a, expect: hold}`, then("hold"), "rules: []"},
		{"tests", "", plain, "tests:\n", "#"},
		{"rules.id", then("hold"), `{text: a, expect: hold, rules: [r]}`, "id: r, ", ""},
		{"rules.reason", then("hold"), `{text: a, expect: hold}`, "reason: R, ", ""},
		{"rules.mode", "rules: [{id: r, reason: R, mode: shadow, when: size >= 0, then: hold}]", plain, "mode: shadow, ", ""},
		{"rules.when", then("hold"), `{text: a, expect: hold}`, "size >= 0", "size < 0"},
		{"rules.then", then("hold"), `{text: a, expect: hold}`, "then: hold", "then: reject"},
		{"mode: shadow", "rules: [{id: r, reason: R, mode: shadow, when: size >= 0, then: hold}]", plain, "mode: shadow", "mode: enforce"},
		{"mode: enforce", "rules: [{id: r, reason: R, mode: enforce, when: size >= 0, then: hold}]", `{text: a, expect: hold}`, "mode: enforce", "mode: shadow"},
		{"then.action", then("{action: tls}"), `{text: a, expect: tls}`, "action: tls", "action: hold"},
		{"then.pin", then("{action: secure, pin: standing}"), `{text: a, expect: secure}`, "pin: standing", "pin: contact"},
		{"then.expires", then("{action: secure, expires: 12h}"), `{text: a, expect: secure}`, "12h", "13h"},
		{"then.staff_copy", then("{action: secure, staff_copy: none}"), `{text: a, expect: secure}`, "none", "keep"},
		{"then.status", then("{action: secure, status: opened}"), `{text: a, expect: secure}`, "opened", "none"},
		{"then.reason", then("{action: hold, reason: required}"), `{text: a, expect: hold}`, "required", "optional"},
		{"then.notify", then("{action: hold, notify: sender}"), `{text: a, expect: hold}`, "sender", "none"},
		{"then.until", then("{until: 8}"), `{text: a, expect: pass, until: 8}`, "{until: 8}", "{until: 9}"},
		{"then.satisfies", two("hold", "{action: tls, satisfies: [a]}"), `{text: a, subject: "[urgent] x", expect: tls}`, "satisfies: [a]", "satisfies: []"},
		{"then.exempts", two("hold", "{action: pass, exempts: [a]}"), `{text: a, subject: "[urgent] x", expect: pass}`, "exempts: [a]", "exempts: []"},
		{"action: pass", "default: hold\n" + then("pass"), plain, "then: pass", "then: tls"},
		{"action: tls", two("pass", "tls"), `{text: a, subject: "[urgent] x", expect: tls, rules: [b]}`, "then: tls", "then: pass"},
		{"action: secure", two("tls", "secure"), `{text: a, subject: "[urgent] x", expect: secure, rules: [b]}`, "then: secure", "then: tls"},
		{"action: hold", two("secure", "hold"), `{text: a, subject: "[urgent] x", expect: hold, rules: [b]}`, "then: hold", "then: secure"},
		{"action: reject", two("hold", "reject"), `{text: a, subject: "[urgent] x", expect: reject, rules: [b]}`, "then: reject", "then: hold"},
		{"pin: same_channel", then("{action: secure, pin: same_channel}"), `{text: a, expect: secure}`, "pin: same_channel", "pin: standing"},
		{"pin: contact", two("{action: secure, pin: contact}", "{action: secure, pin: same_channel}"), `{text: a, subject: "[urgent] x", expect: secure}`, "pin: contact", "pin: same_channel"},
		{"pin: standing", two("{action: secure, pin: standing}", "{action: secure, pin: contact}"), `{text: a, subject: "[urgent] x", expect: secure}`, "pin: standing", "pin: contact"},
		{"pin: other_channel", two("{action: secure, pin: other_channel}", "{action: secure, pin: standing}"), `{text: a, subject: "[urgent] x", expect: secure}`, "pin: other_channel", "pin: standing"},
		{"pin: sender", two("{action: secure, pin: sender}", "{action: secure, pin: other_channel}"), `{text: a, subject: "[urgent] x", expect: secure}`, "pin: sender", "pin: other_channel"},
		{"tests.text", when(`found(["ssn"], LOW)`), `{text: "SSN 536-22-8145", expect: hold}`, "SSN 536-22-8145", "none"},
		{"tests.subject", when(`subject == "zebra"`), `{subject: zebra, expect: hold}`, "subject: zebra", "subject: other"},
		{"tests.channel", when(`channel == "sms"`), `{channel: sms, expect: hold}`, "channel: sms, ", ""},
		{"tests.headers", when(`header("X-A") == "b"`), `{headers: {X-A: b}, expect: hold}`, "X-A: b", "X-A: c"},
		{"tests.from", when(`sender.domain == "b.example"`), `{from: a@b.example, expect: hold}`, "a@b.example", "a@c.example"},
		{"tests.to", when(`recipient.address == "a@b.example"`), `{to: a@b.example, expect: hold}`, "to: a@", "to: b@"},
		{"tests.patient", when(`recipient.patient`), `{patient: true, expect: hold}`, "patient: true", "patient: false"},
		{"tests.consents", when(`recipient.consents("m")`), `{consents: [m], expect: hold}`, "consents: [m]", "consents: []"},
		{"tests.thread_secured", when(`thread.secured && thread.exists`), `{thread_secured: true, expect: hold}`, "thread_secured: true", "thread_secured: false"},
		{"tests.at", when(`local_time == 22`), `{at: 22, expect: hold}`, "at: 22", "at: 21"},
		{"tests.sent_today", when(`recipient.sent_today > 2`), `{sent_today: 3, expect: hold}`, "sent_today: 3", "sent_today: 2"},
		{"tests.system_id", when(`system_id == "ehr"`), `{system_id: ehr, expect: hold}`, "system_id: ehr", "system_id: lab"},
		{"tests.service_type", when(`service_type == "OTP"`), `{service_type: OTP, expect: hold}`, "service_type: OTP", "service_type: REM"},
		{"tests.source_address", when(`source_address == "CLINIC"`), `{source_address: CLINIC, expect: hold}`, "source_address: CLINIC", "source_address: OTHER"},
		{"tests.declared", when(`declared("campaign")`), `{declared: [campaign], expect: hold}`, "declared: [campaign]", "declared: []"},
		{"tests.expect", "", plain, "expect: pass", "expect: tls"},
		{"tests.until", then("{until: 8}"), `{text: a, expect: pass, until: 8}`, ", until: 8", ", until: 9"},
		{"tests.rules", two("hold", "hold"), `{text: a, expect: hold, rules: [a]}`, "rules: [a]", "rules: [b]"},
	}
}

// came is all that a policy comes to: its problems, or the verdict on each of
// its tests and whether it was the one expected.
func came(t *testing.T, src string, d *detect.Detector) (all string, failed int) {
	t.Helper()
	p, err := policy.LoadWith("p.yaml", []byte(src), policy.Options{ReadFile: func(string) ([]byte, error) { return []byte("zebraquartz\n"), nil }})
	if err != nil {
		return err.Error(), 1
	}
	judge := judgeWith(p, d)
	if len(p.Detectors())+len(p.OwnIdentifiers()) > 0 {
		judge = judgeCases(t, p)
	}
	failures := p.RunCases(func(c policy.Case) gateway.Verdict {
		v := judge(c)
		all += fmt.Sprintln(v.Action, v.Rules, v.Options, v.Shadow, v.Failed)
		return v
	})
	return all + fmt.Sprint(failures), len(failures)
}

// TestEveryConstruct: each key, action, mode and proof does what the
// documentation says, and none is without a row.
func TestEveryConstruct(t *testing.T) {
	rows := map[string]bool{}
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range constructs() {
		rows[c.name] = true
		src := "policy: p\n" + c.rules + "\ntests:\n  - " + c.tests + "\n"
		if !strings.Contains(c.rules, "default:") {
			src = strings.Replace(src, "policy: p\n", "policy: p\ndefault: pass\n", 1)
		}
		if strings.Count(src, c.cut) == 0 {
			t.Errorf("%s: %q is not there:\n%s", c.name, c.cut, src)
			continue
		}
		with, failed := came(t, src, d)
		if failed > 0 {
			t.Errorf("%s: %s\n%s", c.name, with, src)
		}
		if without, _ := came(t, strings.Replace(src, c.cut, c.instead, 1), d); without == with {
			t.Errorf("%s: %q in place of %q comes to the same:\n%s", c.name, c.instead, c.cut, with)
		}
	}
	for _, name := range policy.Constructs() {
		if !rows[name] {
			t.Errorf("%s has no row", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("the row %s is of nothing", name)
	}
}
