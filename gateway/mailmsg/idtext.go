package mailmsg

import (
	"strings"

	"gatepost/gateway/mailmsg/internal/header"
)

const maxPlainID = 250 // octets

// idText is what a Message-ID says to people, "" for one that only a machine
// made. Programs put subjects and names of records there; but most identifiers
// are random, and whoever looks for numbers in them finds some.
func idText(raw string) string {
	var said []string
	for _, id := range header.MessageIDs(raw) {
		local, domain, _ := strings.Cut(id, "@")
		if hasWord(local) || hasGroups(local) {
			said = append(said, spaced(local))
		}
		if hasGroups(domain) {
			said = append(said, spaced(domain))
		}
	}
	if beside := beside(header.Unfold(raw)); strings.ContainsAny(beside, " <") || strings.Contains(raw, "<") {
		said = append(said, beside)
	}
	return strings.TrimSpace(strings.Join(said, "\n"))
}

// PlainHeaderID reports whether a Message-ID without "<>" looks as if only a
// machine made it: at most 250 octets of printable ASCII without words or groups
// of digits. Any other may say something of the message that has it; what it
// says is the part with the path "Message-ID" of a Reading.
func PlainHeaderID(id string) bool {
	printable := func(c rune) bool { return c > ' ' && c < 0x7f && c != '<' && c != '>' }
	return id != "" && len(id) <= maxPlainID && strings.TrimFunc(id, printable) == "" && idText("<"+id+">") == ""
}

// beside is what stands around the identifiers of a field.
func beside(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<")
		_, after, closed := strings.Cut(rest, ">")
		if !ok || !closed {
			b.WriteString(s)
			return strings.TrimSpace(b.String())
		}
		b.WriteString(before)
		s = after
	}
}

// pieces cuts an identifier at everything but letters and digits.
func pieces(id string) []string {
	return strings.FieldsFunc(id, func(c rune) bool { return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c < 0x80 })
}

// hasWord reports whether a piece of an identifier is a word: three letters or
// more in one case, a capital first, and not hexadecimal.
func hasWord(id string) bool {
	for _, w := range pieces(id) {
		tail := w[min(1, len(w)):]
		switch {
		case len(w) < 3 || strings.ContainsAny(w, "0123456789") || strings.Trim(w, "abcdefABCDEF") == "":
		case tail == strings.ToLower(tail), w == strings.ToUpper(w):
			return true
		}
	}
	return false
}

// hasGroups reports whether an identifier holds groups of digits as people
// write them: three in a row, of two digits to four.
func hasGroups(id string) bool {
	row := 0
	for _, w := range pieces(id) {
		if len(w) < 2 || len(w) > 4 || strings.Trim(w, "0123456789") != "" {
			row = 0
			continue
		}
		if row++; row == 3 {
			return true
		}
	}
	return false
}

// spaced puts spaces between the words of an identifier; groups of digits stay
// joined as they are.
func spaced(id string) string {
	b := []byte(id)
	for i := range b {
		if !isPiece(b[i]) && (i == 0 || i+1 == len(b) || !isDigit(b[i-1]) || !isDigit(b[i+1])) {
			b[i] = ' '
		}
	}
	return strings.TrimSpace(string(b))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isPiece(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }
