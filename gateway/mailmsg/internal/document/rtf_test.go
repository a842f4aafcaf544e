package document

import (
	"strings"
	"testing"
)

// TestOptionalDestinations: groups within a number that readers leave out leave it
// whole, and what stands in such a group is read, too.
func TestOptionalDestinations(t *testing.T) {
	for src, want := range map[string]string{
		`{\rtf1 536{\*\foo \plain 99}-22-{\*\bkmkstart a}{\*\bkmkend a}8145}`: "536-22-8145",
		`{\rtf1 5{\*\bkmkstart a}{\*\bkmkend a}36-22-8145}`:                   "536-22-8145",
		`{\rtf1 {\*\foo 536-22-8145}x}`:                                       "536-22-8145",
		`{\rtf1 {\pntext 536-22-8145\tab}x}`:                                  "536-22-8145",
	} {
		if text, _ := RTF([]byte(src)); !strings.Contains(text, want) {
			t.Errorf("%s: %q", src, text)
		}
	}
}
