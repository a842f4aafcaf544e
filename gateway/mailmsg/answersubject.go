package mailmsg

import (
	"strings"
	"unicode/utf8"
)

// maxSubject bounds a subject that is repeated; octets.
const maxSubject = 900

// subject is the subject of the answer: with one "Re: " unless the answer
// begins a conversation.
func (d *AnswerData) subject() string {
	text := clipped(cutTags(withoutMarks(oneLine(d.Subject.Reveal()))), maxSubject)
	if d.Begins {
		return text
	}
	return strings.TrimSpace("Re: " + text)
}

// withoutMarks takes every mark of an answer off the beginning of a subject,
// also those behind the name of a mailing list. Marks of forwarding stay: they
// tell what the mail is.
func withoutMarks(subject string) string {
	var lead strings.Builder
	rest := strings.TrimSpace(subject)
	for rest != "" {
		if n := replyMark(rest); n > 0 {
			rest = strings.TrimLeft(rest[n:], " \u00a0")
			continue
		}
		n := leadIn(rest)
		if n == 0 {
			break
		}
		lead.WriteString(rest[:n])
		rest = rest[n:]
	}
	return strings.TrimSpace(lead.String() + rest)
}

// replyMark is the length of the mark of an answer that s begins with, 0 when
// it begins with none: "Re:", "AW:", "RE[2]:", "Re (3) :", "回复：".
func replyMark(s string) int {
	i := strings.IndexAny(s[:min(len(s), maxMark)], ":：")
	if i <= 0 || i > 32 || !isReply(s) || isForward(s[:i]) {
		return 0
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return i + n
}

// isForward reports whether the word of a mark is one of forwarding, or one
// that begins subjects of its own.
func isForward(word string) bool {
	switch strings.ToLower(strings.TrimRight(word, " 0123456789[]()\u00a0")) {
	case "fw", "fwd", "wg", "doorst", "rv", "enc", "tr", "trs", "ref", "vb", "vl", "i", "inoltro", "pd", "ilt", "ang", "fs", "továbbítás", "yml", "전달", "转发", "轉寄", "הועבר", "إعادة توجيه", "πρθ", "σχετ", "на":
		return true
	}
	return false
}

// clipped is at most n octets of s, cut between characters.
func clipped(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}
