package flow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/policy"
)

// maxExample bounds one line of a file of examples; octets.
const maxExample = 16 << 20

// eachExample calls f for every line of in, one after the other, so that files
// may be of any length. Its errors name the line.
func eachExample(in io.Reader, f func(example) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxExample)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\xef\xbb\xbf")))
		if len(line) == 0 {
			continue
		}
		var e example
		if problem := e.read(line); problem != "" {
			return fmt.Errorf("examples, line %d: %s", n, problem)
		}
		if err := f(e); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("examples, line %d: longer than %d octets", n+1, maxExample)
	}
	return lines.Err()
}

// TestExamples judges examples, one JSON object a line, and writes a verdict
// line for each to out. It returns the counts for people.
func (j *Judge) TestExamples(in io.Reader, out io.Writer) (string, error) {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	c := counts{actions: map[string]int{}, labelled: map[string]map[string]int{}}
	err := eachExample(in, func(e example) error {
		v := j.JudgeCase(e.asCase())
		c.add(e.Mode, v.Action)
		return lines.Encode(policy.NewLine(e.ID, v))
	})
	return c.String(), err
}

// counts of verdicts, and of those whose example says what it is.
type counts struct {
	actions  map[string]int
	labelled map[string]map[string]int // by mode and action
}

func (c *counts) add(mode string, a gateway.Action) {
	c.actions[a.String()]++
	if mode == "" {
		return
	}
	if c.labelled[mode] == nil {
		c.labelled[mode] = map[string]int{}
	}
	c.labelled[mode][a.String()]++
}

// String is for people: a line an action, and a line a label with what its
// examples got. Whatever does not pass protects.
func (c *counts) String() string {
	var b strings.Builder
	for _, action := range slices.Sorted(maps.Keys(c.actions)) {
		fmt.Fprintf(&b, "action %s: %d\n", action, c.actions[action])
	}
	for _, mode := range slices.Sorted(maps.Keys(c.labelled)) {
		got, all := c.labelled[mode], 0
		var each []string
		for _, action := range slices.Sorted(maps.Keys(got)) {
			all += got[action]
			each = append(each, fmt.Sprintf("%s %d", action, got[action]))
		}
		right := got[gateway.Pass.String()]
		if mode == "secure" {
			right = all - right
		}
		fmt.Fprintf(&b, "labelled %s: %d, right: %d (%.1f %%), wrong: %d; %s\n", mode, all, right, 100*float64(right)/float64(all), all-right, strings.Join(each, ", "))
	}
	return b.String()
}

// Differences sums up what DiffExamples found.
type Differences struct {
	Examples, Changed int
	Ways              map[string]int // "pass -> secure"
}

// String is for people.
func (d Differences) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d decisions change of %d examples\n", d.Changed, d.Examples)
	for _, way := range slices.Sorted(maps.Keys(d.Ways)) {
		fmt.Fprintf(&b, "  %s: %d\n", way, d.Ways[way])
	}
	return b.String()
}

// DiffExamples writes which examples before and after decide differently, by
// which rules and why, and returns how many.
func DiffExamples(before, after *Judge, in io.Reader, out io.Writer, asJSON bool) (Differences, error) {
	sum := Differences{Ways: map[string]int{}}
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	err := eachExample(in, func(e example) error {
		sum.Examples++
		d, differ := policy.Diff(before.JudgeCase(e.asCase()), after.JudgeCase(e.asCase()))
		if !differ {
			return nil
		}
		sum.Changed++
		sum.Ways[fmt.Sprintf("%s -> %s", d.Old, d.New)]++
		if asJSON {
			return lines.Encode(struct {
				ID string `json:"id"`
				policy.Difference
			}{e.ID, d})
		}
		_, err := fmt.Fprintf(out, "%s: %s\n", e.ID, d)
		for _, reason := range d.Reasons() {
			if _, werr := fmt.Fprintf(out, "    %s\n", reason); werr != nil {
				err = werr
			}
		}
		return err
	})
	return sum, err
}
