package detect_test

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// TestTwoValues reads two generated values in one text. A value is the same whatever
// stands before it or behind it: what one detector keeps while it reads does not get
// into what another found. And where a sentence or a line ends between them, what is
// found alone is found beside the other.
func TestTwoValues(t *testing.T) {
	const rounds = 30_000
	d := newDetector(t)
	apart := map[string]bool{". ": true, " - ": true, " / ": true, "; ": true, ", ": true, "\n": true, "\n\n": true}
	betweens := []string{". ", "; ", ", ", "\n", "\n\n", " ", "    ", "/", "-", " - ", " / ", "\t"}
	alone, lost := 0, 0
	for i := range rounds {
		r := rand.New(rand.NewPCG(uint64(i), 11))
		text := func() string {
			g := generatedTypes[r.IntN(len(generatedTypes))]
			v := g.make(r)
			text := formed(v, g.form(r.IntN(len(g.forms)), v))
			if r.IntN(2) == 0 {
				text = g.labels[r.IntN(len(g.labels))] + " " + text
			}
			return text
		}
		a, b, between := text(), text(), betweens[r.IntN(len(betweens))]
		both := findings(d, a+between+b)
		compare := func(single []gateway.Finding, shift int) {
			for _, f := range single {
				kept := false
				for _, g := range both {
					if g.Type == f.Type && g.Start == f.Start+shift && g.End == f.End+shift && g.Value != f.Value {
						t.Errorf("%s has another value in %q", f.Type, a+between+b)
					}
					kept = kept || g.Level >= gateway.Medium && g.Start < f.End+shift && g.End > f.Start+shift
				}
				if apart[between] && f.Level >= gateway.Medium {
					alone++
					if !kept {
						lost++
					}
				}
			}
		}
		compare(findings(d, a), 0)
		compare(findings(d, b), utf8.RuneCountInString(a+between))
	}
	t.Logf("%d found alone, %d of them not beside another", alone, lost)
	if lost > alone/200 {
		t.Errorf("%d of %d are not found beside another value", lost, alone)
	}
}
