package mailmsg

import (
	"strings"
	"unicode"

	"gatepost/gateway"
)

// mistyped reads a group that is meant as a tag and is none: "[secure pn:123456]",
// "[secrue]", "[secure pin:123456 Hello" without its bracket. A mistake must not
// send the message in the clear, nor its PIN along with it, so the group secures
// and is cut like any tag. What of it can be read counts. "[secure shell]" and
// "(secure web gateway)" are prose: closed, and of words alone.
func (g *group) mistyped() (gateway.Tags, bool) {
	inside := strings.TrimLeftFunc(g.inside, between)
	first := inside[:lettersLen(inside)]
	meant := nearly(strings.ToLower(first), "secure") || strings.EqualFold(first, "securepin")
	switch {
	case meant && g.closed && isProse(inside[len(first):]), !meant && !saysPIN(g.inside, g.closed):
		return gateway.Tags{}, false
	case !g.closed:
		g.length += commandLen(g.inside) - len(g.inside)
		g.inside = g.inside[:commandLen(g.inside)]
	}
	said := gateway.Tags{}
	for _, w := range strings.FieldsFunc(strings.ToLower(g.inside), between) {
		said.Secure = true // as telephone numbers count in a tag that secures only
		sayWord(&said, w)
	}
	said.Phone = phone(said.Phone.Reveal())
	return said, true
}

func lettersLen(s string) int {
	for i, c := range s {
		if !unicode.IsLetter(c) {
			return i
		}
	}
	return len(s)
}

// isProse reports whether s has letters, nothing that numbers or settings are
// made of, and no word of a tag.
func isProse(s string) bool {
	letters := false
	for _, c := range s {
		if letters = letters || unicode.IsLetter(c); !unicode.IsLetter(c) && !between(c) && !strings.ContainsRune("-/&.'’", c) {
			return false
		}
	}
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) }) {
		if isKeyword(w) {
			return false
		}
	}
	return letters
}

func isKeyword(w string) bool {
	switch strings.ToLower(w) {
	case "secure", "pin", "urgent", "expire", "expires":
		return true
	}
	return false
}

// saysPIN reports whether s names a PIN and digits follow. Where the group does
// not end, its first word must be of a tag.
func saysPIN(s string, closed bool) bool {
	words := strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	if !closed && len(words) > 0 && !isKeyword(strings.TrimRight(words[0], "0123456789")) {
		return false
	}
	for i, w := range words {
		digits := strings.TrimLeftFunc(w, unicode.IsLetter)
		if digits == "" && i+1 < len(words) {
			digits = words[i+1]
		}
		if strings.EqualFold(w[:lettersLen(w)], "pin") && digits != "" && strings.TrimLeftFunc(digits, unicode.IsDigit) == "" {
			return true
		}
	}
	return false
}

// commandLen is how much of a group without end belongs to the tag: its first
// word, and those behind it that hold more than letters or are words of tags.
func commandLen(s string) int {
	end, first := 0, true
	for end < len(s) {
		start := len(s) - len(strings.TrimLeftFunc(s[end:], between))
		n := strings.IndexFunc(s[start:], between)
		if n < 0 {
			n = len(s) - start
		}
		w := s[start : start+n]
		if n == 0 || !first && lettersLen(w) == n && !isKeyword(w) {
			break
		}
		end, first = start+n, false
	}
	return end
}

// nearly reports whether w is want with at most one letter left out, added,
// changed, or swapped with the next.
func nearly(w, want string) bool {
	i, j := 0, 0
	for i < len(w) && i < len(want) && w[i] == want[i] {
		i++
	}
	for j < len(w)-i && j < len(want)-i && w[len(w)-1-j] == want[len(want)-1-j] {
		j++
	}
	left, lacks := len(w)-i-j, len(want)-i-j
	if left == 2 && lacks == 2 {
		return w[i] == want[i+1] && w[i+1] == want[i]
	}
	return left <= 1 && lacks <= 1
}
