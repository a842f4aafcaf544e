package policy

import (
	"strings"
	"testing"
)

// refusal is what is said of a file, "" when it loads.
func refusal(src string) string {
	if _, err := Load("p.yaml", []byte("policy: x\ndefault: pass\n"+src)); err != nil {
		return strings.ReplaceAll(err.Error(), "p.yaml:", "")
	}
	return ""
}

// conditions are refused at the column given, counted in the condition, with
// words that hold what is right.
func refusals(t *testing.T, conditions map[string]string) {
	t.Helper()
	for condition, want := range conditions {
		got := refusal("rules:\n  - id: a\n    reason: b\n    when: >-\n" + condition + "\n    then: secure\n")
		at, words, _ := strings.Cut(want, " ")
		if !strings.HasPrefix(got, "7:"+at+": rule a: ") || !strings.Contains(got, words) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %s", condition, got, want)
		}
	}
}

// TestOtherWordsAreUnderstood: what people write for a type, a level, a number,
// leads to what is right, at its place.
func TestOtherWordsAreUnderstood(t *testing.T) {
	refusals(t, map[string]string{
		`      found(["credit_card"], LOW)`:         `14 did you mean "card"?`,
		`      found(["CreditCard"], LOW)`:          `14 did you mean "card"?`,
		`      found(["cvv"], LOW)`:                 `14 did you mean "card_security_code"?`,
		`      found(["social-security"], LOW)`:     `14 did you mean "ssn"?`,
		`      found(["sin"], LOW)`:                 `14 did you mean "ca.sin"?`,
		`      found(["passport_numbers"], LOW)`:    `14 did you mean "passport"?`,
		`      found(["zebra"], LOW)`:               `14 unknown type of finding "zebra"`,
		`      found(["ssn"], medium)`:              `22 did you mean MEDIUM?`,
		`      found(["ssn"], "MEDIUM")`:            `22 write MEDIUM without quotes`,
		`      topic("health") >= medium`:           `26 did you mean "MEDIUM"?`,
		`      topic("health") >= "MEDIUM"`:         `23 cannot compare a level with a text: write LOW, MEDIUM or HIGH without quotes`,
		`      topic("health") >= 2`:                `23 a level compares with LOW, MEDIUM or HIGH`,
		`      found(["ssn"], LOW) >= MEDIUM`:       `27 the level stands inside`,
		`      local_time >= "22:00"`:               `18 without quotes, as in local_time >= 22`,
		`      local_time >= 22:00`:                 `23 an hour is a number alone`,
		`      local_time >= LOW`:                   `18 cannot compare a number with a level`,
		`      local_time in ["22"]`:                `18 a number is not looked up in a list of texts`,
		`      local_time + "a" == subject`:         `18 + does not join a number and a text`,
		`      local_time >= 22.5`:                  `18 write a whole number`,
		`      subject == 5`:                        `15 write the text in quotes`,
		`      weekend == "true"`:                   `15 true or false by itself`,
		`      !subject`:                            `7 ! cannot be applied to text`,
		`      text.contains("abc")`:                `7 unknown name "text"; a condition asks what was found in the text`,
		`      weekend && body.matches("a")`:        `18 under "detectors:" and ask found(["name"], LOW)`,
		`      attachment.name == "a.pdf"`:          `7 unreadable([kinds])`,
		`      from == "a@b.example"`:               `7 sender.address`,
		`      to.endsWith("b.example")`:            `7 recipient.address`,
		`      hour > 20`:                           `7 local_time`,
		`      sms`:                                 `7 channel == "sms"`,
		`      zebra == 1`:                          `7 Vocabulary`,
		`      contains("abc")`:                     `15 as in subject.contains("...")`,
		`      subject.contains(5)`:                 `23 contains of a text does not take a number`,
		`      subject.matches("(?<!X)Y")`:          `23 RE2 has no look-behind`,
		`      subject.matches("(?=X)Y")`:           `23 RE2 has no look-ahead`,
		`      weekend && subject.matches("(a\\1")`: `34 pattern "(a\\1": `,
	})
	for pattern, want := range map[string]string{
		`(?<!X)Y`: "RE2 has no look-behind (?<!", `(?<=X)Y`: "RE2 has no look-behind (?<=", `X(?!Y)`: "RE2 has no look-ahead (?!", `(a)\1`: `no back-references: \1`,
		`a{2000}`: "at most 1,000 times", `(?>a)`: "no atomic groups", `a++`: "no possessive", `[a-`: "missing closing ]",
	} {
		if got := refusal("detectors:\n  d: {pattern: '" + pattern + "'}\n"); !strings.HasPrefix(got, "4:16: detector d: pattern ") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

// TestNeverMetIsRefused: a condition that no message can meet, at its place.
func TestNeverMetIsRefused(t *testing.T) {
	refusals(t, map[string]string{
		`      channel == "Email"`:                                `18 did you mean "email"?`,
		`      "Email" != channel`:                                `7 did you mean "email"?`,
		`      weekend || channel in ["sms", "mail"]`:             `37 only email, sms`,
		`      channel == "sms" && weekend && channel == "email"`: `46 "sms" and "email" at once: is || meant?`,
		`      topic("health") > HIGH`:                            `23 write >= HIGH`,
		`      HIGH < topic("health")`:                            `12 write >= HIGH`,
		`      topic("legal") >= HIGH && topic("legal") < MEDIUM`: `48 at once`,
		`      local_time > 23`:                                   `18 an hour, 0 to 23`,
		`      24 <= local_time`:                                  `10 an hour, 0 to 23`,
		`      local_time == -1`:                                  `18 an hour, 0 to 23`,
		`      local_time in [22, 24]`:                            `26 24 never is`,
		`      local_time >= 22 && local_time < 6`:                `38 is || meant?`,
		`      recipient.domain == "Lab.example"`:                 `27 write "lab.example"`,
		`      recipient.domain == "@lab.example"`:                `27 write "lab.example"`,
		`      recipient.domain == "*.lab.example"`:               `27 recipient.domain.endsWith(".lab.example")`,
		`      sender.domain.endsWith("@lab.example")`:            `30 write "lab.example"`,
		`      recipient.address.startsWith("Ann")`:               `36 write "ann"`,
		`      recipient.address in ["@lab.example"]`:             `29 write "lab.example" and ask for recipient.domain`,
		`      sender.address == "lab.example"`:                   `25 write "lab.example" and ask for sender.domain`,
		`      sender.address == "Ann@lab.example"`:               `25 write "ann@lab.example"`,
		`      recipient.address == "+1 555 000 1111"`:            `28 written as +15550001111`,
		`      recipient.language == "DE"`:                        `29 "de" or "pt-BR"`,
	})
	for src, want := range map[string]string{
		"rules:\n  - {id: a, reason: b, when: tag.pin, then: hold}\n  - {id: a, reason: b, when: tag.pin, then: hold}\n":                                              "5:10: rule a is there already, at line 4",
		"lists: {x: [a@b.example, \"@lab.example\"]}\nrules:\n  - {id: a, reason: b, when: recipient.address in lists.x, then: hold}\n":                               `3:26: lists.x: recipient.address is a whole address, never "@lab.example"; for all of a domain write "lab.example"`,
		"lists: {x: [\"@lab.example\"]}\nrules:\n  - {id: a, reason: b, when: 'recipient.domain in lists.x || weekend && recipient.domain in lists.x', then: hold}\n": `3:13: lists.x: recipient.domain is what stands behind the @`,
		"tests: [{text: a, to: \"@lab.example\", expect: pass}]\n":                                                                                                    `3:23: to: "@lab.example" is no mail address; did you mean somebody there, "anybody@lab.example"?`,
		"tests: [{text: a, to: a@b.example, channel: sms, expect: pass}]\n":                                                                                           `3:23: to: "a@b.example" is no telephone number`,
	} {
		if got := refusal(src); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
	p := Options{ReadFile: func(string) ([]byte, error) { return []byte("# partners\nlab.example\n  @ours.example # desk\n"), nil }}
	_, err := LoadWith("p.yaml", []byte("policy: x\nlists: {x: {file: x.txt}}\nrules:\n  - {id: a, reason: b, when: recipient.domain in lists.x, then: hold}\n"), p)
	if err == nil || !strings.HasPrefix(err.Error(), "x.txt:3:3: lists.x: ") {
		t.Errorf("a word of a file: %v", err)
	}
}

// TestWhatCanBeMetLoads: nothing of this is refused.
func TestWhatCanBeMetLoads(t *testing.T) {
	for _, condition := range []string{
		`local_time >= 22 || local_time < 6`, `local_time >= 6 && local_time < 22`, `topic("health") < LOW`, `topic("health") >= LOW && topic("legal") < LOW`,
		`recipient.domain == "" && sender.address == ""`, `recipient.address in ["ann@lab.example", "+15550001111", "12345"]`, `channel in ["sms", "email"]`,
		`recipient.domain.endsWith(".lab.example")`, `recipient.address.endsWith("@lab.example")`, `recipient.language in ["de", "pt-BR"]`,
		`header("X-A") == "Email" && subject == "Channel"`, `channel == "sms" || channel == "email"`, `sender.group == "" || sender.group == "compliance"`,
		`recipient.domain in lists.x || recipient.address in lists.y`, `local_time in [0, 23]`, `size < 0`, `(channel == "sms" && weekend) || (channel == "email" && !weekend)`,
	} {
		src := "lists: {x: [Lab.Example, \"[192.0.2.1]\"], y: [Ann@Lab.example, +15550001111]}\nrules:\n  - {id: a, reason: b, when: '" + condition + "', then: secure}\n"
		if got := refusal(src); got != "" {
			t.Errorf("%s: %s", condition, got)
		}
	}
	if got := refusal("tests: [{text: a, to: +15550001111, channel: sms, expect: pass}, {text: a, to: +15550001111, expect: pass}, {text: a, to: ann@b.example, expect: pass}]\n"); got != "" {
		t.Error(got)
	}
}

// TestOddIsWarnedOf: what may be meant so loads, and is told with its place.
func TestOddIsWarnedOf(t *testing.T) {
	const rule = "lists: {g: [staff, nurses]}\nrules:\n  - {id: a, reason: b, when: '%', then: secure}\n"
	for src, want := range map[string]string{
		"rules: []\n": "p.yaml:2:8: rules is empty: default alone decides",
		strings.Replace(rule, "%", `sender.group == "Staff"`, 1):      `p.yaml:4:47: rule a: sender.group is never "Staff", only staff, compliance, admin; did you mean "staff"?`,
		strings.Replace(rule, "%", `sender.group in ["doctors"]`, 1):  `p.yaml:4:48: rule a: sender.group is never "doctors", only staff, compliance, admin`,
		strings.Replace(rule, "%", `sender.group in lists.g`, 1):      `p.yaml:2:20: lists.g: sender.group is never "nurses", only staff, compliance, admin`,
		strings.Replace(rule, "%", `sender.group == "compliance"`, 1): "",
	} {
		p, err := Load("p.yaml", []byte("policy: x\n"+src))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range p.Warnings() {
			got += w.String()
		}
		if got != want {
			t.Errorf("%s: warned of %q, not %q", src, got, want)
		}
	}
}
