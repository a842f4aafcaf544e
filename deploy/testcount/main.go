// Command testcount reads the output of go test -json, prints what failed with
// its output, what was skipped and why, and the seconds of each package, and
// writes "passed failed skipped" to file descriptor 3. Tests and their cases
// count; a package counts as one failure when it failed without a test that
// did (it does not build, it ended early).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

type tally struct {
	passed, failed, skipped int
	red                     map[string]bool // packages with a failed test
}

func main() {
	t := tally{red: make(map[string]bool)}
	output := make(map[string][]string)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			t.take(e, output)
		}
		if err != nil {
			break
		}
	}
	counts := os.NewFile(3, "counts")
	fmt.Fprintln(counts, t.passed, t.failed, t.skipped)
}

func (t *tally) take(e event, output map[string][]string) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if len(output[key]) < 400 {
			output[key] = append(output[key], e.Output)
		}
	case "pass":
		if e.Test != "" {
			t.passed++
		} else {
			fmt.Printf("ok    %s (%.0f s)\n", e.Package, e.Elapsed)
		}
		delete(output, key)
	case "skip":
		if e.Test != "" {
			t.skipped++
			fmt.Printf("skip  %s: %s\n", key, reason(output[key]))
		}
		delete(output, key)
	case "fail":
		if e.Test != "" || !t.red[e.Package] {
			t.failed++
		}
		t.red[e.Package] = true
		fmt.Printf("FAIL  %s (%.0f s)\n%s", key, e.Elapsed, strings.Join(output[key], ""))
		delete(output, key)
	case "build-fail": // the package's own "fail" follows and counts
		fmt.Printf("FAIL  build\n%s", strings.Join(output[key], ""))
	}
}

// reason is the line that t.Skip wrote.
func reason(lines []string) string {
	for _, l := range lines {
		if _, why, ok := strings.Cut(strings.TrimSpace(l), ".go:"); ok {
			return why
		}
	}
	return "no reason given"
}
