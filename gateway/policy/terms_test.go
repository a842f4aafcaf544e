package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// termsOf is a policy with n terms of its own from a file, with a detector
// that looks for them.
func termsOf(t testing.TB, n int) (*policy.Policy, *detect.Detector) {
	t.Helper()
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, "zq%x\nterm %d of ours\n", i, i)
	}
	src := "policy: terms\ndefault: pass\nrules:\n  - {id: r, reason: R, when: topic(\"health\") >= MEDIUM, then: hold}\n"
	if n > 0 {
		src = "policy: terms\ndefault: pass\ndetectors: {ours: {words_file: ours.txt}}\nrules:\n  - {id: r, reason: R, when: 'found([\"ours\"], LOW)', then: secure}\n"
	}
	p, err := policy.LoadWith("p.yaml", []byte(src), policy.Options{ReadFile: func(string) ([]byte, error) { return []byte(file.String()), nil }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{Own: p.Detectors()})
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

// everyday is a mail of 10 KB in which nothing is found but what stands at its
// end.
func everyday(end string) []gateway.Part {
	text := strings.Repeat("The meeting about the garden moves to room 12, and the term of the lease is four years. ", 113) + end
	return []gateway.Part{{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(text)}}
}

func judged(p *policy.Policy, d *detect.Detector, parts []gateway.Part) gateway.Verdict {
	return p.Judge(policy.Facts{
		Message:   policy.Message{Reading: &gateway.Reading{Parts: parts}, Detections: d.Scan(parts), Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)},
		Recipient: policy.Recipient{Address: gateway.MustAddress("someone@outside.example")},
	})
}

// TestHundredThousandTerms: a word and a phrase of a long file are found in
// any case, what only resembles them is not.
func TestHundredThousandTerms(t *testing.T) {
	p, d := termsOf(t, 50_000)
	for end, want := range map[string]gateway.Action{
		"": gateway.Pass, "About ZQc34f.": gateway.Secure, "See TERM 49999\nof ours": gateway.Secure, "zq0": gateway.Secure,
		"zqc350": gateway.Pass, "term 50000 of ours": gateway.Pass, "term 7 of yours": gateway.Pass,
	} {
		if v := judged(p, d, everyday(end)); v.Action != want || v.Failed {
			t.Errorf("%q: %s", end, v.Action)
		}
	}
}

// TestTermsWithSigns: a term that holds a sign which ends a phrase, in the
// policy or in a file, acts where it stands in a text, with its signs or without.
func TestTermsWithSigns(t *testing.T) {
	for _, words := range []string{"words_file: ours", `words: ["Müller, Hans", "Yahoo! Mail", "(West) | Ward: 3?"]`} {
		src := "policy: terms\ndefault: pass\ndetectors: {ours: {" + words + "}}\nrules:\n  - {id: r, reason: R, when: 'found([\"ours\"], LOW)', then: secure}\n"
		p, err := policy.LoadWith("p.yaml", []byte(src), policy.Options{ReadFile: func(string) ([]byte, error) {
			return []byte("Müller, Hans\nYahoo! Mail # a mailbox\n(West) | Ward: 3?\n"), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := detect.New(detect.Config{Own: p.Detectors()})
		if err != nil {
			t.Fatal(err)
		}
		for end, want := range map[string]gateway.Action{
			"Müller, Hans": gateway.Secure, "MULLER,\nHANS": gateway.Secure, "yahoo mail": gateway.Secure, "go (west) | WARD: 3": gateway.Secure,
			"Yahoo. Mail it to Hans, Müller.": gateway.Pass,
		} {
			if v := judged(p, d, everyday(end)); v.Action != want || v.Failed {
				t.Errorf("%s: %q: %s", words, end, v.Action)
			}
		}
	}
}

// BenchmarkOwnTerms: 100,000 terms of the organization's own cost a mail the
// same as none.
func BenchmarkOwnTerms(b *testing.B) {
	for _, n := range []int{0, 50_000} {
		b.Run(fmt.Sprint(2*n), func(b *testing.B) {
			p, d := termsOf(b, n)
			parts := everyday("")
			b.SetBytes(int64(len(parts[0].Text)))
			b.ReportAllocs()
			for b.Loop() {
				judged(p, d, parts)
			}
		})
	}
}

// BenchmarkLoadOwnTerms is what a reload with 100,000 terms takes.
func BenchmarkLoadOwnTerms(b *testing.B) {
	for b.Loop() {
		termsOf(b, 50_000)
	}
}
