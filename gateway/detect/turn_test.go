package detect

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// TestTurned: what is written backwards under an override is read as it is shown.
func TestTurned(t *testing.T) {
	const rlo, lro, pdf = "\u202e", "\u202d", "\u202c"
	plain := func(s string) string {
		return strings.Map(func(c rune) rune {
			if strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2069\u200b", c) {
				return -1
			}
			return c
		}, s)
	}
	for in, want := range map[string]string{
		rlo + "cba" + pdf:                              "abc",
		"x " + rlo + "cba":                             "x abc",
		rlo + "cba\nfed":                               "abc\nfed",
		rlo + "c" + pdf + rlo + "ba" + pdf:             "abc",
		rlo + "ba" + pdf + " " + rlo + "dc" + pdf:      "ab cd",
		rlo + "ba" + pdf + "\u200b" + rlo + "dc" + pdf: "abcd",
		rlo + "f" + lro + "cde" + pdf + "ba" + pdf:     "abcdef",
		rlo + "c" + rlo + "b" + pdf + "a" + pdf + "d":  "abcd",
		rlo + "cb\u202ba" + pdf + pdf:                  "abc",
		rlo + pdf + pdf + "a":                          "a",
		rlo + "\u00e9\U0001f600":                       "\U0001f600\u00e9",
	} {
		got, ok := turned(in)
		if !ok || plain(got) != want {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	if _, ok := turned("abc \u202b \u202d"); ok {
		t.Error("nothing is turned, and was")
	}
}

// TestBackwardsIsFound: identifiers and words under an override are found, at
// the place where they stand, and those beside it once.
func TestBackwardsIsFound(t *testing.T) {
	d := newTest(t)
	out := d.Scan(text("card 4532 0158 0736 2949 and SSN: \u202e" + reversed("536-22-8145") + "\u202c, \u202e" + reversed("your HIV test was positive") + "\u202c"))
	if got := types(out, gateway.Medium); got != "card ssn" {
		t.Errorf("found %s", got)
	}
	if len(out.Topics) == 0 {
		t.Error("no topic")
	}
	for _, f := range out.Findings {
		if f.Type == "ssn" && (f.Start < 34 || f.End > 46) {
			t.Errorf("at %d:%d", f.Start, f.End)
		}
	}
}
