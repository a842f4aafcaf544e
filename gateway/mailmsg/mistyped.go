package mailmsg

import (
	"strings"
	"unicode"

	"gatepost/gateway"
)

// mistyped reads a group that is meant as a tag and is none: "[secure pn:123456]",
// "[secrue]", "[secure pin:123456 Hello" without its bracket. A mistake must not
// send the message in the clear, nor its PIN along with it, so the group secures
// and is cut like any tag, also where another word of a tag stands first, as in
// "[urgent secrue]". What of it can be read counts. "[secure shell]" and
// "(secure web gateway)" are prose: closed, and of words alone.
func (g *group) mistyped() (gateway.Tags, bool) {
	inside := strings.TrimLeftFunc(g.inside, between)
	for w := leadingWord(inside); isSetting(w); w = leadingWord(inside) {
		inside = strings.TrimLeftFunc(inside[len(w):], between)
	}
	first := inside[:lettersLen(inside)]
	meant := nearly(strings.ToLower(first), "secure") || strings.EqualFold(first, "securepin")
	switch {
	case meant && g.closed && isProse(inside[len(first):]), !meant && !saysPIN(g.inside, g.closed):
		return gateway.Tags{}, false
	case !g.closed:
		g.length += commandLen(g.inside) - len(g.inside)
		g.inside = g.inside[:commandLen(g.inside)]
	}
	return wordsOf(g.inside), true
}

// finish makes a group that means something, and that s begins with, as long as what
// its sender meant by it. A bracket within a tag, or one too early, tears a PIN
// apart: "[secure pin:12[urgent]3456]", "[secure pin:12]3456]". All of it goes then,
// and no PIN is put together of the pieces.
func (g *group) finish(s string, said *gateway.Tags) {
	if _, ok := parseTag(g.inside); ok && g.closed && (said.PIN != "" || !speaksOfPIN(g.inside)) {
		return
	}
	before := g.length
	if n := nested(s); !g.closed && n > 0 && namesPIN(s[:n]) {
		g.length = n
	}
	if speaksOfPIN(s[:g.length]) {
		g.length += piecesLen(s[g.length:])
	}
	if g.length == before {
		return
	}
	merge(said, wordsOf(strings.Map(func(c rune) rune {
		if isBracket(c) {
			return ' '
		}
		return c
	}, s[:g.length])))
}

// wordsOf is what the words say that can be read.
func wordsOf(inside string) (said gateway.Tags) {
	for _, w := range strings.FieldsFunc(strings.ToLower(inside), between) {
		said.Secure = true // as telephone numbers count in a tag that secures only
		sayWord(&said, w)
	}
	said.Phone = phone(said.Phone.Reveal())
	return said
}

// nested is the length of the group that s begins with, with groups of the same
// bracket in it; 0 where it does not end.
func nested(s string) int {
	opening, closing := brackets(s)
	for at, depth := 0, 0; at < min(len(s), maxGroup); at++ {
		switch {
		case strings.HasPrefix(s[at:], opening):
			depth++
		case strings.HasPrefix(s[at:], closing):
			if depth--; depth == 0 {
				return at + len(closing)
			}
		}
	}
	return 0
}

// piecesLen is how much of what follows a broken tag may belong to its PIN: words
// with digits or brackets, signs, and what stands in brackets, up to the last digit
// and the brackets that close behind it.
func piecesLen(s string) int {
	end, depth := 0, 0
	for at := 0; at < min(len(s), maxGroup); {
		word := at + len(s[at:]) - len(strings.TrimLeftFunc(s[at:], between))
		n := strings.IndexFunc(s[word:], between)
		if n < 0 {
			n = len(s) - word
		}
		w := s[word : word+n]
		if depth <= 0 && strings.ContainsFunc(w, unicode.IsLetter) && !strings.ContainsFunc(w, func(c rune) bool { return unicode.IsDigit(c) || isBracket(c) }) {
			break
		}
		for _, c := range w {
			if opening, _ := brackets(string(c)); opening != "" {
				depth++
			} else if isBracket(c) {
				depth--
			}
		}
		if at = word + n; strings.ContainsFunc(w, unicode.IsDigit) || depth < 0 {
			end, depth = at, max(depth, 0)
		}
	}
	return end
}

func isBracket(c rune) bool { return strings.ContainsRune("[](){}［］（）【】｛｝", c) }

// speaksOfPIN reports whether one of the words is PIN, or nearly.
func speaksOfPIN(s string) bool {
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) }) {
		if len(w) > 1 && nearly(w, "pin") || w == "securepin" {
			return true
		}
	}
	return false
}

func leadingWord(s string) string {
	if n := strings.IndexFunc(s, between); n >= 0 {
		return s[:n]
	}
	return s
}

// isSetting reports whether w is a word of a tag that may stand before "secure".
func isSetting(w string) bool {
	var said gateway.Tags
	return sayWord(&said, strings.ToLower(w)) && !said.Secure
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
// word behind its settings, and those behind that which hold more than letters or
// are words of tags.
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
		end, first = start+n, first && isSetting(w)
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
