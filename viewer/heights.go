package viewer

import (
	"fmt"
	"strings"
)

// A frame cannot grow with the mail in it without a script, and the policy of
// the page allows no style attribute. So the style sheet has a class for each
// of some heights, and the lines that the library guessed choose one: a little
// too high is blank paper, too low is a page that scrolls inside of a page.

// frameLines are the most lines of each class: steps of a sixth.
func frameLines() []int {
	lines := []int{4}
	for last := 4; last < 400; {
		last += max(1, last/6)
		lines = append(lines, last)
	}
	return lines
}

// frameClass is the class of a frame for so many lines on a narrow screen.
func frameClass(lines int) string {
	classes := frameLines()
	for n, most := range classes {
		if lines <= most {
			return fmt.Sprintf("f%d", n)
		}
	}
	return fmt.Sprintf("f%d", len(classes)-1)
}

// frameSheet is the style sheet of the classes. A line is 1.55 rem high; on a
// wide screen the same text takes about four fifths of the lines.
func frameSheet() []byte {
	var narrow, wide strings.Builder
	for n, lines := range frameLines() {
		fmt.Fprintf(&narrow, ".f%d { block-size: %.1frem; }\n", n, 1.55*float64(lines)+1.5)
		fmt.Fprintf(&wide, ".f%d { block-size: %.1frem; }\n", n, 1.25*float64(lines)+1.5)
	}
	return []byte(narrow.String() + "@media (min-width: 34rem) {\n" + wide.String() + "}\n")
}
