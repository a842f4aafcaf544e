package mailmsg

import (
	"strconv"
	"strings"

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
// only when each of its words means something: "[secure shell]" is no tag.
func findTags(subject string) []tag {
	var tags []tag
	for at := 0; at < len(subject); at++ {
		closing := closer(subject[at])
		if closing == 0 {
			continue
		}
		n := strings.IndexByte(subject[at:min(len(subject), at+maxGroup)], closing)
		if n < 0 {
			continue
		}
		if said, ok := parseTag(subject[at+1 : at+n]); ok {
			tags = append(tags, tag{from: at, to: at + n + 1, said: said})
			at += n
		}
	}
	return tags
}

func closer(c byte) byte {
	switch c {
	case '[':
		return ']'
	case '(':
		return ')'
	case '{':
		return '}'
	}
	return 0
}

// parseTag reads the inside of a group.
func parseTag(inside string) (said gateway.Tags, ok bool) {
	words := strings.FieldsFunc(strings.ToLower(inside), func(c rune) bool { return c == ' ' || c == ',' || c == '\t' || c == '\u00a0' })
	for _, w := range words {
		key, value, _ := strings.Cut(w, ":")
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
			return gateway.Tags{}, false
		}
	}
	said.Phone = phone(said.Phone.Reveal())
	return said, len(words) > 0
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

// leadIn is the length of white space or of one bracketed group at the
// beginning of s: tags and names of mailing lists may stand before "Re:".
func leadIn(s string) int {
	if s[0] == ' ' || s[0] == '\t' {
		return 1
	}
	closing := closer(s[0])
	if closing == 0 {
		return 0
	}
	return strings.IndexByte(s, closing) + 1
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
	switch name {
	case "secure":
		merge(t, gateway.Tags{Secure: yes})
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
