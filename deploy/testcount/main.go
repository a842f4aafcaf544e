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

// kept is so many lines at the beginning of a test's output, and as many at its
// end: what went wrong is told at one of them.
const kept = 200

// output is what a test printed, without the middle of what is long.
type output struct {
	first, last []string
	left        int // lines that are in neither
}

func (o *output) add(line string) {
	if len(o.first) < kept {
		o.first = append(o.first, line)
		return
	}
	if o.last = append(o.last, line); len(o.last) > kept {
		o.last, o.left = o.last[1:], o.left+1
	}
}

func (o *output) String() string {
	if o == nil {
		return ""
	}
	middle := ""
	if o.left > 0 {
		middle = fmt.Sprintf("… %d lines more …\n", o.left)
	}
	return strings.Join(o.first, "") + middle + strings.Join(o.last, "")
}

type tally struct {
	passed, failed, skipped int
	red                     map[string]bool // packages with a failed test
}

func main() {
	t := tally{red: make(map[string]bool)}
	said := make(map[string]*output)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			t.take(e, said)
		}
		if err != nil {
			break
		}
	}
	counts := os.NewFile(3, "counts")
	fmt.Fprintln(counts, t.passed, t.failed, t.skipped)
}

func (t *tally) take(e event, said map[string]*output) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if said[key] == nil {
			said[key] = new(output)
		}
		said[key].add(e.Output)
	case "pass":
		if e.Test != "" {
			t.passed++
		} else {
			fmt.Printf("ok    %s (%.0f s)\n", e.Package, e.Elapsed)
		}
		delete(said, key)
	case "skip":
		if e.Test != "" {
			t.skipped++
			fmt.Printf("skip  %s: %s\n", key, reason(said[key]))
		}
		delete(said, key)
	case "fail":
		if e.Test != "" || !t.red[e.Package] {
			t.failed++
		}
		t.red[e.Package] = true
		fmt.Printf("FAIL  %s (%.0f s)\n%s", key, e.Elapsed, said[key])
		delete(said, key)
	case "build-fail": // the package's own "fail" follows and counts
		fmt.Printf("FAIL  build\n%s", said[key])
	}
}

// reason is the line that t.Skip wrote.
func reason(o *output) string {
	for l := range strings.Lines(o.String()) {
		if _, why, ok := strings.Cut(strings.TrimSpace(l), ".go:"); ok {
			return why
		}
	}
	return "no reason given"
}
