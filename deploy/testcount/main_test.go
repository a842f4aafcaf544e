package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestLongOutput: of a test that printed much, the beginning and the end are
// shown, and how much is not.
func TestLongOutput(t *testing.T) {
	for lines, want := range map[int]string{0: "", 1: "line 0\n", 2*kept + 3: "… 3 lines more …\n"} {
		var o output
		for n := range lines {
			o.add(fmt.Sprintf("line %d\n", n))
		}
		got := o.String()
		if !strings.Contains(got, want) || lines > 0 && (!strings.HasPrefix(got, "line 0\n") || !strings.HasSuffix(got, fmt.Sprintf("line %d\n", lines-1))) {
			t.Errorf("%d lines: %.60q … %d octets", lines, got, len(got))
		}
		if shown := strings.Count(got, "line "); shown != min(lines, 2*kept) {
			t.Errorf("%d lines: %d shown", lines, shown)
		}
	}
	var none *output
	if none.String() != "" || reason(none) != "no reason given" {
		t.Error("a test without output")
	}
	var skipped output
	skipped.add("=== RUN   TestX\n")
	skipped.add("    x_test.go:3: needs a peer\n")
	if got := reason(&skipped); got != "3: needs a peer" {
		t.Errorf("the reason %q", got)
	}
}
