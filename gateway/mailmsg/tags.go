package mailmsg

import (
	"strconv"
	"strings"
	"unicode"

	"gatepost/gateway"
)

// Limits of what a tag may say.
const (
	minPIN     = 6
	maxPIN     = 32
	minPhone   = 8
	maxPhone   = 15
	maxExpires = 3650 // days
	maxGroup   = 100  // octets of a bracketed group
	maxMark    = 40   // octets of "Re:" and kin, colon included
)

// tag is one bracketed group of a subject: "[secure]", "(secure)", "{urgent}".
type tag struct {
	from, to int // octets of the subject, brackets included
	said     gateway.Tags
}

// findTags finds the tags of a subject, wherever they stand. A group counts
// only when each of its words means something ("[secure shell]" is no tag), or
// when it is a tag with a mistake in it (mistyped.go).
func findTags(subject string) []tag {
	var tags []tag
	for at := 0; at < len(subject); at++ {
		g, ok := groupAt(subject[at:])
		if !ok {
			continue
		}
		if said, ok := g.read(); ok {
			g.finish(subject[at:], &said)
			tags = append(tags, tag{from: at, to: at + g.length, said: said})
			at += g.length - 1
		}
	}
	return tags
}

// group is a bracket and what stands in it.
type group struct {
	inside string
	length int  // octets, brackets included
	closed bool // else inside goes on to the next bracket or to the end
}

// groupAt reads the group that s begins with.
func groupAt(s string) (group, bool) {
	opening, closing := brackets(s)
	if opening == "" {
		return group{}, false
	}
	inside := s[len(opening):]
	end := len(inside)
	if next := strings.Index(inside, opening); next >= 0 {
		end = next
	}
	if n := strings.Index(inside[:min(end, maxGroup)], closing); n >= 0 {
		return group{inside[:n], len(opening) + n + len(closing), true}, true
	}
	return group{inside[:end], len(opening) + end, false}, true
}

// read says what a group means. Of one that is not closed, length becomes that
// of the words which belong to the tag.
func (g *group) read() (gateway.Tags, bool) {
	if g.closed {
		if said, ok := parseTag(g.inside); ok {
			return said, true
		}
	}
	return g.mistyped()
}

// brackets are the bracket that s begins with, "" when it begins with none, and
// the one that closes it. Those of East Asian keyboards mean the same.
func brackets(s string) (opening, closing string) {
	if s == "" || strings.IndexByte("[({\xe3\xef", s[0]) < 0 {
		return "", ""
	}
	for _, b := range [...][2]string{{"[", "]"}, {"(", ")"}, {"{", "}"}, {"［", "］"}, {"（", "）"}, {"【", "】"}, {"｛", "｝"}} {
		if strings.HasPrefix(s, b[0]) {
			return b[0], b[1]
		}
	}
	return "", ""
}

// parseTag reads the inside of a group.
func parseTag(inside string) (said gateway.Tags, ok bool) {
	words := strings.FieldsFunc(strings.ToLower(inside), between)
	for _, w := range words {
		if !sayWord(&said, w) {
			return gateway.Tags{}, false
		}
	}
	said.Phone = phone(said.Phone.Reveal())
	return said, len(words) > 0
}

// between reports whether c stands between the words of a tag.
func between(c rune) bool { return c == ' ' || c == ',' || c == '\t' || c == '\u00a0' || c == '\u3000' }

// sayWord adds what one word of a tag says; false means that it says nothing.
func sayWord(said *gateway.Tags, w string) bool {
	key, value, _ := strings.Cut(strings.Replace(w, "：", ":", 1), ":")
	switch {
	case key == "secure" && value == "":
		said.Secure = true
	case key == "urgent" && value == "":
		said.Urgent = true
	case key == "pin":
		said.Secure, said.PIN = true, pin(value)
	case key == "expire" || key == "expires":
		said.Expires = days(value)
	case strings.HasPrefix(w, "+") && said.Secure, said.Phone != "" && isPhone(w):
		said.Phone += gateway.Sensitive(w)
	default:
		return false
	}
	return true
}

func isPhone(s string) bool { return strings.Trim(s, "0123456789-.()") == "" }

// phone reduces a number to E.164, "" when it is none.
func phone(s string) gateway.Sensitive {
	digits := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
	if !strings.HasPrefix(s, "+") || len(digits) < minPhone || len(digits) > maxPhone || strings.Trim(s, "+0123456789-.() ") != "" {
		return ""
	}
	return gateway.Sensitive("+" + digits)
}

// pin accepts digits only, "" otherwise: the message is secured all the same.
func pin(s string) gateway.Sensitive {
	if len(s) < minPIN || len(s) > maxPIN || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return gateway.Sensitive(s)
}

// days reads "3d", "2w", "36h" or "3": whole days, rounded up; 0 when it says
// nothing usable.
func days(s string) int {
	s = strings.ToLower(strings.TrimSpace(s))
	unit := 24
	switch {
	case strings.HasSuffix(s, "h"):
		unit, s = 1, s[:len(s)-1]
	case strings.HasSuffix(s, "d"):
		s = s[:len(s)-1]
	case strings.HasSuffix(s, "w"):
		unit, s = 7*24, s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 16)
	d := (int(n)*unit + 23) / 24
	if err != nil || d > maxExpires {
		return 0
	}
	return d
}

// ownSubject is what the sender wrote: all of a subject, or, in answers and
// forwarded mail, what stands before "Re:" or "Fwd:". Behind it other people's
// words begin, and those must not bind.
func ownSubject(subject string) string {
	at := 0
	for at < len(subject) {
		rest := subject[at:]
		if isReply(rest) {
			return subject[:at]
		}
		n := leadIn(rest)
		if n == 0 {
			return subject
		}
		at += n
	}
	return subject
}

// leavingTags are the tags that are cut from a subject when it leaves: those
// that bind, and those behind "Re:" or "Fwd:" that name a PIN. The latter bind
// nobody, but whoever answers their own mail repeats the PIN that opens it.
func leavingTags(subject string) []tag {
	own := len(ownSubject(subject))
	tags := findTags(subject[:own])
	for _, t := range findTags(subject[own:]) {
		t.from, t.to = t.from+own, t.to+own
		if namesPIN(subject[t.from:t.to]) {
			tags = append(tags, t)
		}
	}
	return tags
}

// namesPIN reports whether a tag, brackets included, holds a PIN or what may be
// one that was mistyped: as many digits as the shortest has. The number of a
// telephone goes with them.
func namesPIN(tag string) bool {
	digits := 0
	for _, c := range tag {
		if unicode.IsDigit(c) {
			digits++
		}
	}
	return digits >= minPIN || saysPIN(tag, true)
}

// leadIn is the length of white space or of one bracketed group at the
// beginning of s: tags and names of mailing lists may stand before "Re:".
func leadIn(s string) int {
	if s[0] == ' ' || s[0] == '\t' {
		return 1
	}
	opening, closing := brackets(s)
	if n := strings.Index(s, closing); opening != "" && n >= 0 {
		return n + len(closing)
	}
	return 0
}

// isReply reports whether s begins with a mark of an answer or of forwarding,
// in the languages that mail programs translate it to: "Re:", "AW:", "Fwd:",
// "RE[2]:", "Re (3):".
func isReply(s string) bool {
	i := strings.IndexAny(s[:min(len(s), maxMark)], ":：")
	if i <= 0 || i > 32 {
		return false
	}
	word := strings.TrimRight(s[:i], " 0123456789[]()\u00a0")
	switch strings.ToLower(word) {
	case "re", "fw", "fwd", "aw", "wg", "antw", "antwort", "antwoord", "doorst", "rv", "enc", "res", "tr", "ref", "sv", "vs", "vb", "vl", "i", "r", "rif",
		"inoltro", "odp", "pd", "ynt", "ilt", "ang", "fs", "vá", "továbbítás", "bls", "trs", "atb", "yml", "회신", "전달", "答复", "回复", "转发", "轉寄", "回覆", "הועבר", "תשובה", "رد", "إعادة توجيه", "απ", "πρθ", "σχετ", "отв", "на":
		return true
	}
	return false
}

// bindTags adds what the tags of one subject say.
func bindTags(t *gateway.Tags, subject string) {
	for _, found := range findTags(ownSubject(subject)) {
		merge(t, found.said)
	}
}

// merge keeps the first value of each; what secures wins.
func merge(t *gateway.Tags, said gateway.Tags) {
	t.Secure = t.Secure || said.Secure
	t.Urgent = t.Urgent || said.Urgent
	if t.PIN == "" {
		t.PIN = said.PIN
	}
	if t.Phone == "" {
		t.Phone = said.Phone
	}
	if t.Expires == 0 {
		t.Expires = said.Expires
	}
}

// bindField adds what an X-Gatepost- field says; name is the rest of its name.
func bindField(t *gateway.Tags, name, value string) {
	value = strings.TrimSpace(value)
	yes := value == "1" || strings.EqualFold(value, "yes") || strings.EqualFold(value, "true")
	no := value == "0" || strings.EqualFold(value, "no") || strings.EqualFold(value, "false") || strings.EqualFold(value, "off")
	switch name {
	case "secure":
		merge(t, gateway.Tags{Secure: !no}) // whatever else it says is meant so
	case "urgent":
		merge(t, gateway.Tags{Urgent: yes})
	case "pin":
		merge(t, gateway.Tags{Secure: true, PIN: pin(value)})
	case "expire", "expires":
		merge(t, gateway.Tags{Expires: days(value)})
	case "phone":
		merge(t, gateway.Tags{Phone: phone(value)})
	}
}
