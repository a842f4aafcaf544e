package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type position struct{ line, column int }

// Problem is one thing wrong with a configuration file. It holds no secret.
type Problem struct {
	File   string
	Line   int    // from 1; 0: of no place in the file, such as an absent key
	Column int    // from 1, in code points
	Path   string // "routes[0].via"; "" for the file as a whole
	Text   string // what is wrong and what would be right
}

// String is "file:line:column: path: text", without the parts that are unknown.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	return b.String() + ": " + p.Text
}

// Problems is the error that Load returns: everything wrong with a file.
type Problems []Problem

// Error is one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems is where reading gives up: nobody reads more, and a file that
// is no configuration at all would report each of its words.
const maxProblems = 50

// quote shows a word of the file in a message: bounded and printable.
func quote(s string) string {
	const longest = 60
	if utf8.RuneCountInString(s) > longest {
		s = string([]rune(s)[:longest]) + "…"
	}
	return strconv.Quote(s)
}

const didYouMean = "; did you mean "

// suggest is " (did you mean …?)" for the known word nearest to word, or the
// list of all known words.
func suggest(word string, known []string) string {
	word = strings.ToLower(word)
	best, distance := "", 2+2*(len(word)/2)
	for _, k := range known {
		d := 2 * editDistance(word, k)
		if word == "" || !strings.HasPrefix(k, word[:1]) {
			d++ // of equals, the one with the same first letter
		}
		if d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf(didYouMean+"%q?", best)
	}
	return "; known here: " + strings.Join(known, ", ")
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
