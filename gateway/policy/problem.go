package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// place is a position in a file, both from 1, columns in code points.
type place struct{ line, column int }

// Problem is one thing wrong with a policy file.
type Problem struct {
	File   string
	Line   int // from 1; 0: of no place in the file, such as an absent key
	Column int // from 1, in code points
	Text   string
}

// String is "file:line:column: text".
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
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

// maxProblems is where reading gives up.
const maxProblems = 50

// quote shows a word of the file in a message: bounded and printable.
func quote(s string) string {
	const longest = 60
	if utf8.RuneCountInString(s) > longest {
		s = string([]rune(s)[:longest]) + "…"
	}
	return strconv.Quote(s)
}

// suggest is "; did you mean …?" for the known word nearest to word, else the
// list of known words when it is short enough to help.
func suggest(word string, known []string) string {
	const most = 20
	if best := nearest(word, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	if len(known) == 0 || len(known) > most {
		return ""
	}
	return "; known here: " + strings.Join(known, ", ")
}

// Nearest is the known word that word is a misspelling of; "" if there is none.
func Nearest(word string, known []string) string { return nearest(word, known) }

// nearest is the known word that word is a misspelling of; "" if there is none.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, distance := "", 2+2*(len(word)/3)
	for _, k := range known {
		lower := strings.ToLower(k)
		if lower != k && lower != word && len(word) < 4 {
			continue // "now" is not LOW
		}
		d := 2 * editDistance(word, lower)
		if word == "" || !strings.HasPrefix(lower, word[:1]) {
			d++ // of equals, the one with the same first letter
		}
		if d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest {
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
