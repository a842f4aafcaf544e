package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
)

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '([^']*)'`)
	garbage    = regexp.MustCompile(`token recognition error at: '(.)`)
	unwanted   = regexp.MustCompile(`^(?:mismatched|extraneous|no viable alternative at) input '([^']*)'`)
)

// report places the problems of a condition in the file.
func (c *compiler) report(x *condition, issues *cel.Issues) {
	garbled := slices.ContainsFunc(issues.Errors(), func(e *cel.Error) bool { return garbage.MatchString(e.Message) })
	for _, e := range issues.Errors() {
		offset := 0
		if e.Location != nil && e.Location.Line() > 0 {
			offset = offsetOf(x.text, e.Location.Line(), max(0, e.Location.Column()))
		}
		message := strings.Replace(firstLine(e.Message), "Syntax error: ", "", 1)
		if m := undeclared.FindStringSubmatch(message); m != nil {
			message, offset = c.unknownName(x.text, m[1], offset)
		} else if garbled && unwanted.MatchString(message) {
			continue // follows from the character that was not understood
		} else if strings.HasPrefix(message, "invalid matches argument") {
			message = noPattern(x.text, offset)
		} else if message = plainly(message); clockForm.MatchString(x.text) && strings.HasPrefix(message, `did not expect ":"`) {
			message += ": an hour is a number alone, local_time >= 22"
		}
		c.add(c.locate(x.node, x.text, offset), "%s: %s", x.what, message)
	}
}

// reportNames finds misspelled names in a condition that does not parse, so
// that all its problems are shown at once. It looks at words alone and speaks
// only where a known name is near.
func (c *compiler) reportNames(x *condition) {
	if len(x.text) > maxCondition || loop.MatchString(x.text) {
		return // too long to be looked through, or with names of its own
	}
	known := append(append(c.names(), families()...), c.defined...)
	for _, at := range wordForm.FindAllStringIndex(x.text, -1) {
		if len(c.problems) >= maxProblems {
			return
		}
		name, call := strings.CutSuffix(x.text[at[0]:at[1]], "(")
		first, _, dotted := strings.Cut(name, ".")
		switch {
		case strings.ContainsAny(name[:1], `"'`), call && !dotted:
			continue
		case dotted && !slices.Contains(families(), first):
			name = first
		}
		if best := nearest(name, known); best != "" && !slices.Contains(known, name) && !slices.Contains(reserved(), name) {
			spot := c.locate(x.node, x.text, utf8.RuneCountInString(x.text[:at[0]]))
			if slices.ContainsFunc(c.problems, func(p Problem) bool { return place{p.Line, p.Column} == spot }) {
				continue // reported already
			}
			c.add(spot, "%s: unknown name %s; did you mean %q?", x.what, quote(name), best)
		}
	}
}

// noPattern says what is wrong with the pattern that begins at an offset.
func noPattern(text string, offset int) string {
	quoted := wordForm.FindString(string([]rune(text)[min(offset, len([]rune(text))):]))
	pattern := strings.ReplaceAll(strings.Trim(quoted, `"'`), `\\`, `\`)
	_, err := regexp.Compile(pattern)
	if err == nil { // it is spelled in a way of its own
		return "is no regular expression (RE2 syntax)"
	}
	return "pattern " + quote(pattern) + ": " + patternProblem(pattern, err)
}

var clockForm = regexp.MustCompile(`\d:\d\d`)

var (
	wordForm = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?\(?`)
	loop     = regexp.MustCompile(`\.\w+\(\s*\w+\s*,`)
)

// reserved are words that mean something to CEL, or to those who write them.
func reserved() []string {
	return []string{"true", "false", "null", "in", "and", "or", "not", "AND", "OR", "NOT"}
}

// plainly says what CEL says, in words for people who do not know its parser.
func plainly(message string) string {
	if m := overload.FindStringSubmatch(message); m != nil {
		return mismatch(m[1], m[2])
	}
	if m := garbage.FindStringSubmatch(message); m != nil {
		return garbledBy(m[1])
	}
	if m := unwanted.FindStringSubmatch(message); m != nil {
		switch strings.ToLower(m[1]) {
		case "<eof>":
			return "the condition ends too early"
		case "and", "or", "not":
			return "did not expect " + quote(m[1]) + " here: write && for and, || for or, ! for not"
		}
		return "did not expect " + quote(m[1]) + " here"
	}
	message, _, _ = strings.Cut(message, " expecting {")
	return strings.TrimSuffix(message, " (in container '')")
}

// garbledBy says what to write instead of a character that begins nothing.
func garbledBy(char string) string {
	switch char {
	case "=":
		return "use == to compare"
	case "&":
		return "use && for and"
	case "|":
		return "use || for or"
	case `"`, "'":
		return "the text that begins here has no closing quote"
	}
	return "did not expect " + quote(char) + " here"
}

// unknownName says which known name was meant. The checker points at the dot
// or bracket behind the name; the reader wants its first letter.
func (c *compiler) unknownName(text, name string, offset int) (string, int) {
	runes := []rune(text)
	for start := min(offset, len(runes)); start >= 0; start-- {
		if strings.HasPrefix(string(runes[start:]), name) {
			offset = start
			break
		}
	}
	if slices.Contains(families(), name) {
		rest := string(runes[min(offset, len(runes)):])
		name += memberForm.FindString(strings.TrimPrefix(rest, name))
	}
	known := c.names()
	if slices.Contains(known, name) {
		return quote(name) + " cannot be used like this", offset
	}
	hint := suggest(name, known)
	if hint == "" {
		hint = nameMeant(name)
	}
	return "unknown name " + quote(name) + hint, offset
}

// families are the first words of names with a dot.
func families() []string { return []string{"lists", "sender", "recipient", "tag", "thread"} }

var memberForm = regexp.MustCompile(`^\.[A-Za-z0-9_]+`)

// names lists every name that a condition can use.
func (c *compiler) names() []string {
	all := levelNames()
	for _, f := range functions() {
		if f.member == "" {
			all = append(all, f.name)
		} else {
			all = append(all, f.member+"."+f.name)
		}
	}
	for _, s := range c.slots {
		if s.ident == s.name {
			all = append(all, s.name)
		}
	}
	return all
}

// offsetOf turns CEL's line (from 1) and column (from 0) into code points.
func offsetOf(text string, line, column int) int {
	offset := 0
	for _, l := range strings.SplitAfter(text, "\n") {
		if line--; line == 0 {
			break
		}
		offset += len([]rune(l))
	}
	return offset + column
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// sizes tells the cost estimator how large things can be.
type sizes struct{ c *compiler }

// EstimateSize implements cost.Estimator.
func (s sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	const longText = 2000 // characters of a subject or a header field
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	estimate := cost.RangedSizeEstimate(0, longText)
	if list, ok := s.c.lists[strings.TrimPrefix(path[0], "lists.")]; ok && len(path) == 1 {
		estimate = cost.ListSizeEstimate(cost.FixedSizeEstimate(uint64(len(list.words))), cost.RangedSizeEstimate(0, 100))
	}
	return &estimate
}

// EstimateCallCost implements cost.Estimator.
func (s sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
