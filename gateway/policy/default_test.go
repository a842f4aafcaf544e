package policy_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/policy"
)

// judgeCases judges the cases of a policy with the real reader and detector,
// as `gatepost check` does.
func judgeCases(t *testing.T, p *policy.Policy) func(policy.Case) gateway.Verdict {
	t.Helper()
	d, err := detect.New(detect.Config{Own: p.Detectors(), OwnIdentifiers: p.OwnIdentifiers()})
	if err != nil {
		t.Fatal(err)
	}
	return judgeWith(p, d)
}

func judgeWith(p *policy.Policy, d *detect.Detector) func(policy.Case) gateway.Verdict {
	return func(c policy.Case) gateway.Verdict {
		r := reading(c)
		return p.Judge(policy.Facts{
			Message: policy.Message{
				Channel: c.Channel, Sender: policy.Sender{Address: from(c)},
				Reading: r, Detections: d.Scan(r.Parts), Size: int64(len(c.Text)), Now: time.Date(2026, 11, 23, c.At, 0, 0, 0, time.UTC), TagsBind: true,
				SMPP: c.SMPP, Declared: c.Declared,
			},
			Recipient: policy.Recipient{Address: to(c), Known: c.Patient, Patient: c.Patient, Consents: c.Consents, SentToday: c.SentToday},
			Thread:    policy.Thread{Exists: c.ThreadSecured, Secured: c.ThreadSecured},
		})
	}
}

func from(c policy.Case) gateway.Address {
	if c.From == "" {
		return gateway.MustAddress("staff@organization.example")
	}
	return gateway.MustAddress(c.From)
}

func to(c policy.Case) gateway.Address {
	if a, err := gateway.PhoneAddress(c.To); err == nil {
		return a
	}
	if a, err := gateway.ParseAddress(c.To); err == nil && !a.IsNull() {
		return a
	}
	return gateway.MustAddress("someone@outside.example")
}

func reading(c policy.Case) *gateway.Reading {
	if c.Channel == gateway.SMS {
		return &gateway.Reading{Channel: gateway.SMS, Parts: []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(c.Text)}}}
	}
	var mail strings.Builder
	fmt.Fprintf(&mail, "From: staff@organization.example\r\nTo: %s\r\nSubject: %s\r\n", to(c).Wire(), c.Subject)
	for _, f := range c.Headers {
		fmt.Fprintf(&mail, "%s: %s\r\n", f.Name, f.Value.Reveal())
	}
	mail.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + c.Text + "\r\n")
	return mailmsg.Read([]byte(mail.String()))
}

func failures(t *testing.T, src string) []policy.Failure {
	t.Helper()
	p, err := policy.Load("default.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p.RunCases(judgeCases(t, p))
}

func TestDefaultCases(t *testing.T) {
	for _, f := range failures(t, string(policy.DefaultSource())) {
		t.Errorf("%s\n%q %v", f.Text, f.Case.Text, f.Verdict.Topics)
	}
}

// TestEveryDefaultRuleHasACaseThatFails turns off each rule of the default
// policy, and a case must notice. What cases cannot spell, a partner that is
// not listed and content that is no text, TestDefaultPolicy holds.
func TestEveryDefaultRuleHasACaseThatFails(t *testing.T) {
	src := string(policy.DefaultSource())
	condition := regexp.MustCompile(`(?m)^( +- id: (\w+)\n(?: +(?:reason|mode):.*\n)+ +when: ).*$`)
	rules := condition.FindAllStringSubmatch(src, -1)
	if len(rules) != 16 {
		t.Fatalf("%d rules were read", len(rules))
	}
	for _, m := range rules {
		id, off := m[2], strings.Replace(src, m[0], m[1]+"false", 1)
		switch {
		case id == "dob": // a shadow rule is noticed when it acts
			off = strings.Replace(src, "    mode: shadow ", "    mode: enforce ", 1)
		case slices.Contains([]string{"partner", "unreadable", "damaged"}, id):
			continue
		}
		if len(failures(t, off)) == 0 {
			t.Errorf("no case fails without rule %s", id)
		}
	}
	for _, part := range []string{", exempts: [health]", " && topic(\"health\") < HIGH", " && !recipient.consents(\"marketing\")", " || recipient.patient", " || addressed_to_reader"} {
		if strings.Count(src, part) != 1 {
			t.Fatalf("%q is not there once", part)
		}
		if len(failures(t, strings.Replace(src, part, "", 1))) == 0 {
			t.Errorf("no case fails without %q", part)
		}
	}
}

// TestDocumentedExamples loads every policy of the documentation and runs its
// tests.
func TestDocumentedExamples(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d examples were read", len(blocks))
	}
	for _, b := range blocks {
		for _, f := range failures(t, b[1]) {
			t.Errorf("%s: %q %v", f, f.Case.Text, f.Verdict.Findings)
		}
	}
}
