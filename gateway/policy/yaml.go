package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a policy file. The YAML parser is recursive and slow on deep
// nesting; a policy needs five levels. Long lists belong into files.
const (
	maxFile    = 4 << 20 // octets
	maxNesting = 100
)

// reader walks the YAML tree of a file and collects every problem.
type reader struct {
	file     string
	lines    [][]rune
	problems Problems
	warnings Problems
}

func (r *reader) add(at place, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{File: r.file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)})
	}
}

// warn notes what is odd and loads all the same.
func (r *reader) warn(at place, format string, args ...any) {
	r.warnings = append(r.warnings, Problem{File: r.file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)})
}

// root parses src; nil after a problem.
func (r *reader) root(src []byte) (root ast.Node) {
	defer func() {
		if recover() != nil { // a bug of the parser is a refused file, not a crash
			r.add(place{}, "cannot be read as YAML")
			root = nil
		}
	}()
	if len(src) > maxFile || nesting(src) > maxNesting {
		r.add(place{}, "is larger than 4 MiB or nested too deeply")
		return nil
	}
	for i, line := range bytes.Split(src, []byte("\n")) {
		if !utf8.Valid(line) {
			r.add(place{i + 1, 1}, "is not UTF-8")
			return nil
		}
		r.lines = append(r.lines, []rune(string(line)))
	}
	tree, err := parser.ParseBytes(src, 0)
	if err != nil {
		r.syntax(err)
		return nil
	}
	for _, doc := range tree.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			r.add(where(doc.Body), "a second YAML document")
			return nil
		default:
			root = doc.Body
		}
	}
	if root == nil {
		r.add(place{}, "is empty")
	}
	return root
}

func (r *reader) syntax(err error) {
	var at yaml.Error
	if !errors.As(err, &at) {
		r.add(place{}, "cannot be read as YAML")
		return
	}
	var pos place
	if t := at.GetToken(); t != nil && t.Position != nil {
		pos = place{t.Position.Line, t.Position.Column}
	}
	r.add(pos, "%s", plainYAML(at.GetMessage()))
}

// plainYAML says what the YAML parser says, in words for people who do not
// know its parser.
func plainYAML(message string) string {
	switch {
	case strings.Contains(message, "'\t'"):
		return "indent with spaces, not with tabs"
	case strings.HasPrefix(message, "mapping value is not allowed"):
		return "wrong indentation of the next line, or a text with a colon, which needs quotes"
	case strings.Contains(message, "value is not allowed in this context"):
		return "wrong indentation: begin this line in the same column as those that it belongs with"
	case strings.HasSuffix(message, "must be specified"):
		return message + "; a text with commas or brackets needs quotes here"
	case strings.HasPrefix(message, "could not find flow"):
		return "a bracket is opened here and not closed"
	}
	return message
}

// nesting bounds from above how many brackets or indented dashes of src are
// open at once; brackets inside quotes count too.
func nesting(src []byte) int {
	depth, deepest, dashes := 0, 0, 0
	for i, c := range src {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			if i+1 < len(src) && src[i+1] == ' ' {
				dashes++
			}
		case '\n':
			dashes = 0
		}
		deepest = max(deepest, depth+dashes)
	}
	return deepest
}

func where(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return where(m.Values[0].Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{t.Position.Line, t.Position.Column}
	}
	return place{}
}

// entry is one line of a mapping.
type entry struct {
	key   string
	at    place // of the key
	value ast.Node
}

// mapping returns the entries of n, which must be a mapping. Keys not in
// known are problems and left out; nil known allows any. The parser has
// refused duplicate keys.
func (r *reader) mapping(n ast.Node, what string, known []string) []entry {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.unexpected(n, what+" must be a mapping"+keysOf(known))
		return nil
	}
	var entries []entry
	for _, v := range m.Values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.unexpected(v.Key, "a key must be a plain word")
			continue
		}
		if known != nil && !contains(known, key.Value) {
			hint := suggest(key.Value, known)
			if what == wholePolicy && nearest(key.Value, known) != "" {
				hint += " The sections are " + strings.Join(known, ", ")
			}
			r.add(where(key), "unknown key %s in %s%s", quote(key.Value), what, hint)
			continue
		}
		entries = append(entries, entry{key.Value, where(key), v.Value})
	}
	return entries
}

// wholePolicy is what mapping calls the file.
const wholePolicy = "the policy"

// meant lists the known keys that are in the mapping n, rightly spelled or
// not: a key that was reported as misspelled is not reported as missing too.
func meant(n ast.Node, known []string) map[string]bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return nil
	}
	found := map[string]bool{}
	for _, v := range m.Values {
		key, ok := v.Key.(*ast.StringNode)
		switch {
		case ok && contains(known, key.Value):
			found[key.Value] = true
		case ok:
			found[nearest(key.Value, known)] = true
		}
	}
	return found
}

func keysOf(known []string) string {
	if known == nil {
		return ""
	}
	return " with the keys " + strings.Join(known, ", ")
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

func (r *reader) list(n ast.Node, what string) []ast.Node {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.unexpected(n, what+" must be a list: [a, b]")
		return nil
	}
	return seq.Values
}

// text returns the words of a scalar. Numbers keep their spelling; truth
// values, null, anchors and aliases are no text.
func (r *reader) text(n ast.Node, what string) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value
	}
	r.unexpected(n, what+" must be a text")
	return ""
}

// unexpected reports a node of the wrong kind. Anchors, aliases, merges and
// tags are refused wherever they stand: a reader should see what a rule says
// where the rule stands, and nine aliases deep a small file is a huge one.
func (r *reader) unexpected(n ast.Node, must string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		must = "anchors (&), aliases (*) and merges (<<) are not allowed; write it out"
	case *ast.TagNode:
		must = "YAML reads what begins with ! as a tag, which is not allowed; a text or condition that begins with ! stands in quotes: '!tag.secure'"
	case *ast.NullNode:
		must += "; here is nothing"
	}
	r.add(where(n), "%s", must)
}

func (r *reader) texts(n ast.Node, what string) []string {
	out := []string{}
	for _, item := range r.list(n, what) {
		out = append(out, r.text(item, what))
	}
	return out
}

func (r *reader) truth(n ast.Node, what string) bool {
	if b, ok := n.(*ast.BoolNode); ok && (b.Token.Value == "true" || b.Token.Value == "false") {
		return b.Value
	}
	r.unexpected(n, what+" must be true or false")
	return false
}

// locate finds the place of the offset-th code point of text, which is the
// decoded value of n. It walks value and source side by side: line breaks and
// indentation that YAML folds away, quotes and backslashes are stepped over.
func (r *reader) locate(n ast.Node, text string, offset int) place {
	at := where(n)
	switch n := n.(type) {
	case *ast.LiteralNode:
		at = place{at.line + 1, 1}
	case *ast.StringNode:
		if t := n.Token.Type.String(); strings.HasSuffix(t, "Quote") {
			at.column++
		}
	default:
		return at
	}
	found := at
	for i, want := range []rune(text) {
		if i > offset {
			return found
		}
		if want != ' ' && want != '\n' {
			for r.skippable(at, want) {
				at = r.next(at)
			}
		}
		found = at
		at = r.next(at)
	}
	if offset >= len([]rune(text)) {
		return at
	}
	return found
}

// skippable reports whether the source at this place is not yet want but
// something that YAML leaves out of a value.
func (r *reader) skippable(at place, want rune) bool {
	if at.line > len(r.lines) {
		return false
	}
	line := r.lines[at.line-1]
	if at.column > len(line) {
		return true
	}
	c := line[at.column-1]
	return c != want && strings.ContainsRune(" \t\r\\'\"", c)
}

func (r *reader) next(at place) place {
	if at.line <= len(r.lines) && at.column <= len(r.lines[at.line-1]) {
		return place{at.line, at.column + 1}
	}
	return place{at.line + 1, 1}
}
