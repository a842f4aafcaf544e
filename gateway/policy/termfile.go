package policy

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	yamlast "github.com/goccy/go-yaml/ast"
)

// Bounds of a file of words.
const (
	maxTermFile = 16 << 20 // octets
	maxTerms    = 500_000
	maxTerm     = 250 // code points
)

// Bounds of a term that detection looks for: it reads words, not lines.
const (
	maxTermWords = 16
	maxTermWord  = 64 // octets
)

// wordsOf reads words that stand in the policy file.
func (d *document) wordsOf(n yamlast.Node, what string) []string {
	words := []string{}
	for _, item := range d.list(n, what) {
		before, word := len(d.problems), d.text(item, what)
		if problem := wordProblem(word); problem != "" && len(d.problems) == before {
			d.add(where(item), "%s: %s %s", what, quote(word), problem)
		}
		words = append(words, word)
	}
	return words
}

// wordProblem says why detection could not look for a term.
func wordProblem(term string) string {
	words := strings.FieldsFunc(term, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	words = slices.DeleteFunc(words, func(w string) bool { // an accent alone is no word
		return !strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	})
	if len(words) == 0 {
		return "has no letter and no digit"
	}
	if len(words) > maxTermWords {
		return fmt.Sprintf("has more than %d words", maxTermWords)
	}
	for _, w := range words {
		if len(w) > maxTermWord {
			return fmt.Sprintf("has a word of more than %d octets", maxTermWord)
		}
	}
	if hasEmptyLine(term) {
		return "has an empty line, over which no phrase goes on: write a blank instead"
	}
	return ""
}

// hasEmptyLine reports whether an empty line stands between words of a term.
func hasEmptyLine(term string) bool {
	lines := 0
	for _, r := range strings.TrimSpace(term) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			lines = 0
		case strings.ContainsRune("\n\u0085\u2028\u2029", r):
			if lines++; lines > 1 {
				return true
			}
		}
	}
	return false
}

// fileOf reads the lines of the file that n names, relative to the policy
// file. Empty lines and comments, from a # that begins the line or
// stands behind a blank, are left out. What is wrong
// inside is a problem of that file, with line and column; check may be nil.
func (d *document) fileOf(n yamlast.Node, what string, check func(string) string) (t terms) {
	name := d.text(n, what)
	if name == "" {
		return t
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(d.file), name)
	}
	raw, err := d.readFile(name)
	if err != nil {
		d.add(where(n), "%s: %v", what, err)
		return t
	}
	if len(raw) > maxTermFile {
		d.add(where(n), "%s: %s is larger than %d MiB", what, name, maxTermFile>>20)
		return t
	}
	d.files = append(d.files, File{Name: name, Digest: digest(raw)})
	t = terms{document: d, name: name, what: what, check: check}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	for line := range bytes.Lines(raw) {
		if t.read(line); len(t.words) > maxTerms {
			d.add(where(n), "%s: %s has more than %d words", what, name, maxTerms)
			break
		}
	}
	return t
}

// terms reads a file of words line by line.
type terms struct {
	*document
	name, what string
	check      func(string) string
	line       int
	words      []string
	at         []place // of words
}

func (t *terms) read(line []byte) {
	t.line++
	word := strings.TrimSpace(string(line))
	if word == "" || word[0] == '#' {
		return
	}
	word = beforeComment(word)
	first := utf8.RuneCount(line[:bytes.Index(line, []byte(word))]) + 1
	switch bad := strings.IndexFunc(word, func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }); {
	case bad >= 0 && !utf8.ValidString(word):
		t.bad(first+utf8.RuneCountInString(word[:bad]), "is not UTF-8")
	case bad >= 0:
		t.bad(first+utf8.RuneCountInString(word[:bad]), "a control character")
	case utf8.RuneCountInString(word) > maxTerm:
		t.bad(first+maxTerm, fmt.Sprintf("is longer than %d characters: one word or phrase a line", maxTerm))
	default:
		if t.check != nil {
			if problem := t.check(word); problem != "" {
				t.bad(first, quote(word)+" "+problem)
			}
		}
	}
	t.words, t.at = append(t.words, word), append(t.at, place{t.line, first})
}

// beforeComment cuts a comment off: a # behind a blank, as in YAML. "C#" and
// "ward#3" are words.
func beforeComment(word string) string {
	if at := strings.IndexFunc(word, unicode.IsSpace); at >= 0 {
		for i := at; i < len(word); i++ {
			if word[i] == '#' && unicode.IsSpace(rune(word[i-1])) {
				return strings.TrimSpace(word[:i])
			}
		}
	}
	return word
}

// bad reports a problem of the file of words.
func (t *terms) bad(column int, text string) {
	if len(t.problems) < maxProblems {
		t.problems = append(t.problems, Problem{File: t.name, Line: t.line, Column: column, Text: t.what + ": " + text})
	}
}
