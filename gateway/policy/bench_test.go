package policy

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway"
)

// busy is a message that many rules look at: findings, a topic, a patient.
func busy() Facts {
	f := quiet()
	f.Reading.Fields = append(field("From", "a@clinic.example"), field("X-Campaign", "spring")...)
	f.Detections.Findings = append(findings("name", gateway.Medium, 3), findings("mrn", gateway.High, 2)...)
	f.Detections.Topics = topic("health", gateway.High)
	f.Detections.Kinds = []string{"reminder"}
	f.Recipient.Patient = true
	return f
}

// fifty is a policy with fifty different rules.
func fifty() []byte {
	b := strings.Builder{}
	b.WriteString("policy: fifty\ndefault: pass\nlists: {partners: [a.example, b.example]}\nrules:\n")
	conditions := []string{
		`found(["ssn", "card", "t%d"], MEDIUM)`, `topic("health") >= MEDIUM && recipient.patient && size > %d`,
		`header("X-Kind%d") == "template"`, `recipient.domain in lists.partners || sender.group == "g%d"`,
		`count(["mrn", "ssn"]) >= 1%d`,
	}
	for i := range 50 {
		when := strings.ReplaceAll(fmt.Sprintf(conditions[i%5], i), fmt.Sprintf(`"t%d"`, i), `"iban"`)
		fmt.Fprintf(&b, "  - {id: r%d, reason: Rule %d, when: '%s', then: secure}\n", i, i, when)
	}
	return []byte(b.String())
}

func benchmark(b *testing.B, p *Policy) {
	f := busy()
	b.ReportAllocs()
	for b.Loop() {
		p.Judge(f)
	}
}

func BenchmarkJudgeDefault(b *testing.B) { benchmark(b, Default()) }

func BenchmarkJudgeFiftyRules(b *testing.B) {
	p, err := Load("fifty.yaml", fifty())
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, p)
}

// BenchmarkSecondRecipient is what each further recipient of a message costs.
func BenchmarkSecondRecipient(b *testing.B) {
	f := busy()
	j := Default().Prepare(f.Message)
	j.For(f.Recipient, f.Thread)
	b.ReportAllocs()
	for b.Loop() {
		j.For(f.Recipient, f.Thread)
	}
}

func BenchmarkLoadDefault(b *testing.B) {
	for b.Loop() {
		Default()
	}
}
