package policy

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	yamlast "github.com/goccy/go-yaml/ast"

	"gatepost/gateway"
)

// wordList is a list that answers `x in lists.y` from a table, without regard
// to case, however long it is.
type wordList struct {
	traits.Lister
	words []string
	set   map[string]struct{}
}

func newWordList(words []string) wordList {
	l := wordList{
		Lister: types.NewStringList(types.DefaultTypeAdapter, words).(traits.Lister),
		words:  words, set: make(map[string]struct{}, len(words)),
	}
	for _, w := range words {
		l.set[strings.ToLower(w)] = struct{}{}
	}
	return l
}

// Contains implements traits.Container.
func (l wordList) Contains(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.False
	}
	_, in := l.set[strings.ToLower(string(s))]
	return types.Bool(in)
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// name checks a name that the file gives to something.
func (d *document) name(at place, what, name string) bool {
	if !nameForm.MatchString(name) {
		d.add(at, "%s %s: a name is made of a to z, 0 to 9 and _, and begins with a letter", what, quote(name))
		return false
	}
	return true
}

// readLists reads `lists:`, each a list of texts or {file: NAME}.
func (d *document) readLists(n yamlast.Node) {
	for _, e := range d.mapping(n, "lists", nil) {
		if !d.name(e.at, "list", e.key) {
			continue
		}
		if _, ok := e.value.(*yamlast.MappingNode); !ok {
			s, words := spots{file: d.file}, []string{}
			for _, item := range d.list(e.value, "list "+e.key) {
				words, s.at = append(words, d.text(item, "list "+e.key)), append(s.at, where(item))
			}
			d.lists[e.key], d.spots[e.key] = newWordList(words), s
			continue
		}
		for _, f := range d.mapping(e.value, "list "+e.key, listKeys()) {
			t := d.fileOf(f.value, "list "+e.key, nil)
			d.lists[e.key], d.spots[e.key] = newWordList(t.words), spots{t.name, t.at}
		}
	}
}

// readDetectors reads `detectors:`, the organization's own.
func (d *document) readDetectors(n yamlast.Node) {
	for _, e := range d.mapping(n, "detectors", nil) {
		if !d.name(e.at, "detector", e.key) {
			continue
		}
		if e.key == nationalID || slices.Contains(d.builtin, e.key) {
			d.add(e.at, "detector %s: a built-in type has this name", e.key)
			continue
		}
		if own, ok := d.detector(e); ok {
			d.detectors = append(d.detectors, own)
		}
	}
}

func (d *document) detector(e entry) (own gateway.OwnDetector, ok bool) {
	own.Name = e.key
	what := "detector " + e.key
	before, kinds := len(d.problems), 0
	var literalAt, patternAt place
	for _, f := range d.mapping(e.value, what, detectorKeys()) {
		switch f.key {
		case "words":
			own.Words = d.wordsOf(f.value, what)
			kinds++
		case "words_file":
			own.Words = d.fileOf(f.value, what, wordProblem).words
			kinds++
		case "pattern":
			own.Pattern, patternAt = d.text(f.value, what), where(f.value)
			kinds++
		case "literal":
			own.Literal, literalAt = d.text(f.value, what), where(f.value)
		}
	}
	if len(d.problems) > before {
		return own, false
	}
	switch {
	case kinds != 1:
		d.add(e.at, "%s needs one of words, words_file or pattern", what)
	case own.Pattern == "" && len(own.Words) == 0:
		d.add(e.at, "%s has no words", what)
	case own.Pattern == "" && literalAt.line != 0:
		d.add(literalAt, "%s: literal belongs to pattern", what)
	case own.Pattern != "":
		if problem := checkPattern(own.Pattern); problem != "" {
			d.add(patternAt, "%s: %s", what, problem)
		} else if problem := checkLiteral(own.Pattern, own.Literal); problem != "" {
			d.add(literalAt, "%s: %s", what, problem)
		}
	}
	return own, len(d.problems) == before
}

// checkPattern says what is wrong with a pattern.
func checkPattern(pattern string) string {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Sprintf("pattern %s: %s", quote(pattern), patternProblem(pattern, err))
	}
	if re.MatchString("") {
		return fmt.Sprintf("pattern %s matches the empty text", quote(pattern))
	}
	return ""
}

// patternProblem says why a pattern is none of RE2, and what other languages
// have and it has not.
func patternProblem(pattern string, err error) string {
	for _, lacks := range []struct{ sign, text string }{
		{"(?<!", "RE2 has no look-behind (?<!…): match what may stand before as well, (?:^|[^X])Y for Y behind anything but X"},
		{"(?<=", "RE2 has no look-behind (?<=…): match what stands before as well, XY for Y behind X"},
		{"(?=", "RE2 has no look-ahead (?=…): match what follows as well, XY for X before Y"},
		{"(?!", "RE2 has no look-ahead (?!…): match what may follow as well, X(?:$|[^Y]) for X before anything but Y"},
		{"(?>", "RE2 has no atomic groups (?>…), and needs none: write (?:…)"},
		{"++", "RE2 has no possessive ++, and needs none: write +"},
	} {
		if strings.Contains(pattern, lacks.sign) {
			return lacks.text
		}
	}
	var at *syntax.Error
	switch {
	case !errors.As(err, &at):
		return err.Error()
	case at.Code == syntax.ErrInvalidEscape && len(at.Expr) == 2 && at.Expr[1] >= '1' && at.Expr[1] <= '9':
		return fmt.Sprintf("RE2 has no back-references: %s cannot stand for what a group matched", at.Expr)
	case at.Code == syntax.ErrInvalidRepeatSize:
		return fmt.Sprintf("%s: RE2 repeats at most 1,000 times", at.Expr)
	}
	return fmt.Sprintf("%s: %s (RE2 syntax)", at.Code, at.Expr)
}

// checkLiteral says what is wrong with the literal of a good pattern. A literal
// that some match lacks would make the detector miss that match.
func checkLiteral(pattern, literal string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || literal != "" && !always(re, literal) {
		return fmt.Sprintf("literal %s does not stand in every match of the pattern", quote(literal))
	}
	return ""
}

// always reports whether every match of re surely contains lit.
func always(re *syntax.Regexp, lit string) bool {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 && strings.ToLower(lit) != strings.ToUpper(lit) {
			return false // the literal is looked for in one case only
		}
		return strings.Contains(string(re.Rune), lit)
	case syntax.OpCapture, syntax.OpPlus:
		return always(re.Sub[0], lit)
	case syntax.OpRepeat:
		return re.Min > 0 && always(re.Sub[0], lit)
	case syntax.OpConcat:
		return slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return always(s, lit) })
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !always(s, lit) })
	}
	return false
}
