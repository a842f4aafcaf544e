package policy

import (
	"cmp"
	"fmt"
	"testing"

	"gatepost/gateway"
)

// TestComparisonsMeanWhatCELMeans: comparisons that are resolved here, and the
// same ones the other way round, which CEL decides.
func TestComparisonsMeanWhatCELMeans(t *testing.T) {
	operators := []struct {
		op, turned string
		holds      func(c int) bool
	}{
		{"==", "==", func(c int) bool { return c == 0 }}, {"!=", "!=", func(c int) bool { return c != 0 }},
		{"<", ">", func(c int) bool { return c < 0 }}, {"<=", ">=", func(c int) bool { return c <= 0 }},
		{">", "<", func(c int) bool { return c > 0 }}, {">=", "<=", func(c int) bool { return c >= 0 }},
	}
	check := func(name, constant string, op int, f Facts, c int) {
		t.Helper()
		x := operators[op]
		for _, condition := range []string{name + " " + x.op + " " + constant, constant + " " + x.turned + " " + name} {
			v := mustLoad(t, when(condition)).Judge(f)
			if v.Failed || (v.Action == gateway.Secure) != x.holds(c) {
				t.Errorf("%s, compared %d: %s, %+v", condition, c, v.Action, v.Results[0])
			}
		}
	}
	for op := range operators {
		for _, size := range []int64{-1, 0, 1} {
			f := quiet()
			f.Size = 1000 + size
			check("size", "1000", op, f, int(size))
		}
		for _, text := range []string{"a", "m", "mm", "é"} {
			f := quiet()
			f.Reading.Subject = gateway.Sensitive(text)
			check("subject", `"m"`, op, f, cmp.Compare(text, "m"))
		}
		for _, level := range []gateway.Level{gateway.None, gateway.Low, gateway.Medium, gateway.High} {
			f := quiet()
			f.Detections.Topics = topic("health", level)
			check(`topic("health")`, "MEDIUM", op, f, cmp.Compare(level, gateway.Medium))
		}
	}
	if v := mustLoad(t, when("tag.secure == false && size >= 1")).Judge(quiet()); v.Action != gateway.Secure {
		t.Error("truth values compare too")
	}
}

// TestLiteralOfAPattern: a literal that some match lacks would hide that match.
func TestLiteralOfAPattern(t *testing.T) {
	for _, x := range []struct {
		pattern, literal string
		good             bool
	}{
		{"PN-[0-9]{7}", "PN-", true}, {"(PN-)+[0-9]", "PN-", true}, {"(?i)pn-[0-9]", "PN-", false}, {"(?i)pn-00[0-9]", "-00", true},
		{"(PN-){2}[0-9]", "PN-", true}, {"(PN-1|PN-2)x", "PN-", true}, {"(a|PN-)x", "PN-", false},
		{"(PN-)?[0-9]", "PN-", false}, {"(PN-)*[0-9]", "PN-", false}, {"(PN-){0,3}[0-9]", "PN-", false},
		{"P[N]-1", "PN-", true}, {"P.-1", "PN-", false}, {"[0-9]+", "1", false},
	} {
		src := fmt.Sprintf("policy: p\ndetectors: {x: {pattern: '%s', literal: '%s'}}\n", x.pattern, x.literal)
		if _, err := Load("p.yaml", []byte(src)); (err == nil) != x.good {
			t.Errorf("%s with %s: %v", x.pattern, x.literal, err)
		}
	}
}

// TestLookUpsMeanWhatCELMeans: a name looked up in a list that is written out
// or has a name, and the same asked in a way that CEL decides.
func TestLookUpsMeanWhatCELMeans(t *testing.T) {
	for _, subject := range []string{"", "a", "A", "b.example", "Lab.example", "other.example"} {
		f := quiet()
		f.Reading.Subject = gateway.Sensitive(subject)
		for condition, same := range map[string]string{
			`subject in ["a", "b.example"]`: `["a", "b.example"].exists(x, x == subject)`,
			`subject in []`:                 `false`,
			`subject in lists.partners`:     `subject in (true ? lists.partners : [])`,
			`!(subject in [subject, "a"])`:  `false`,
		} {
			got, want := mustLoad(t, when(condition)).Judge(f), mustLoad(t, when(same)).Judge(f)
			if got.Action != want.Action || got.Failed || want.Failed {
				t.Errorf("%s for %q: %s, and %s by CEL", condition, subject, got.Action, want.Action)
			}
		}
	}
	p := mustLoad(t, "policy: p\ndefault: pass\ndefine: {third: '[\"a\"][size]'}\nrules:\n  - {id: r, reason: R, when: 'third in [\"a\"]', then: secure}\n")
	if v := p.Judge(quiet()); !v.Failed || v.Action != gateway.Hold {
		t.Errorf("what has failed is in no list: %+v", v)
	}
}

// TestWhatWasSaidBefore: explanations are remembered by rule, and never those
// of another message.
func TestWhatWasSaidBefore(t *testing.T) {
	p := mustLoad(t, rulesOf(`{id: r, reason: R, when: 'topic("health") >= MEDIUM || count(["mrn"]) > 1', then: secure}`,
		`{id: f, reason: F, when: 'found(["name", "mrn"], LOW) && !tag.secure', then: secure}`))
	for range 2 {
		for level, want := range map[gateway.Level]string{
			gateway.None: `topic("health") >= MEDIUM = false (topic("health") = none); count(["mrn"]) > 1 = false (count(["mrn"]) = 0)`,
			gateway.High: `topic("health") >= MEDIUM = true (topic("health") = high); count(["mrn"]) > 1 = false (count(["mrn"]) = 0)`,
			gateway.Low:  `topic("health") >= MEDIUM = false (topic("health") = low); count(["mrn"]) > 1 = false (count(["mrn"]) = 0)`,
		} {
			f := quiet()
			f.Detections.Topics = topic("health", level)
			if got := p.Judge(f).Results[0].Why; got != want {
				t.Errorf("%s: %s", level, got)
			}
		}
		for _, typ := range []string{"name", "mrn"} {
			f := quiet()
			f.Detections.Findings = findings(typ, gateway.High, 1)
			if got, want := p.Judge(f).Results[1].Why, `found(["name", "mrn"], LOW) = true (`+typ+`); tag.secure = false`; got != want {
				t.Errorf("%s: %s", typ, got)
			}
		}
	}
}
