package policy

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

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

// many is a policy with n different rules.
func many(n int) []byte {
	b := strings.Builder{}
	b.WriteString("policy: many\ndefault: pass\nlists: {partners: [a.example, b.example]}\nrules:\n")
	conditions := []string{
		`found(["ssn", "card", "t%d"], MEDIUM)`, `topic("health") >= MEDIUM && recipient.patient && size > %d`,
		`header("X-Kind%d") == "template"`, `recipient.domain in lists.partners || system_id == "g%d"`,
		`count(["mrn", "ssn"]) >= 1%d`,
	}
	for i := range n {
		when := strings.ReplaceAll(fmt.Sprintf(conditions[i%5], i), fmt.Sprintf(`"t%d"`, i), `"iban"`)
		fmt.Fprintf(&b, "  - {id: r%d, reason: Rule %d, when: '%s', then: secure}\n", i, i, when)
	}
	return []byte(b.String())
}

// Processor is how long this process has used processors, to the microsecond.
func Processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, p *Policy) {
	f := busy()
	b.ReportAllocs()
	start := Processor(b)
	for b.Loop() {
		p.Judge(f)
	}
	b.ReportMetric(float64((Processor(b)-start).Nanoseconds())/1e3/float64(b.N), "core-µs")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "judgements/s")
}

func BenchmarkJudgeDefault(b *testing.B) { benchmark(b, Default()) }

func BenchmarkJudgeFiftyRules(b *testing.B) { benchmark(b, mustLoad(b, string(many(50)))) }

func BenchmarkJudgeFiveHundredRules(b *testing.B) { benchmark(b, mustLoad(b, string(many(500)))) }

// BenchmarkJudgeParallel is what all cores do together.
func BenchmarkJudgeParallel(b *testing.B) {
	p := Default()
	b.RunParallel(func(pb *testing.PB) {
		f := busy()
		for pb.Next() {
			p.Judge(f)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "judgements/s")
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

func BenchmarkLoadFiveHundredRules(b *testing.B) {
	src := string(many(500))
	for b.Loop() {
		mustLoad(b, src)
	}
}
