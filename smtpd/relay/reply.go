package relay

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// Limits of one reply. RFC 5321 section 4.5.3.1.5 allows 512 octets a line;
// real servers exceed that, hostile ones have no limit.
const (
	maxReplyLine  = 2048
	maxReplyLines = 100
	maxReplySize  = 16 << 10
	maxText       = 512 // octets of Outcome.Text
)

// errBroken says that the peer does not speak SMTP (any more). The connection
// cannot be used again because nobody knows which reply belongs to what.
var errBroken = errors.New("next hop breaks the protocol")

// reply is one reply of RFC 5321 section 4.2, its lines without the code.
type reply struct {
	code  int
	lines []string
}

// class is the first digit of the code.
func (r reply) class() int { return r.code / 100 }

// readReply reads one reply, of one or of several lines. It returns errBroken
// for what is no reply or exceeds a limit, else the error of the reader; an
// end inside a reply is io.ErrUnexpectedEOF.
func readReply(r *bufio.Reader) (reply, error) {
	var out reply
	for size := 0; ; {
		line, err := r.ReadSlice('\n')
		size += len(line)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return reply{}, errBroken
		case err == io.EOF && size > 0:
			return reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return reply{}, err
		}
		code, text, more, ok := parseReplyLine(line)
		if !ok || size > maxReplySize || len(out.lines) == maxReplyLines || (out.code != 0 && code != out.code) {
			return reply{}, errBroken
		}
		out.code = code
		out.lines = append(out.lines, text)
		if !more {
			return out, nil
		}
	}
}

// parseReplyLine takes one line apart. A bare LF as line end is tolerated: it
// changes nothing, because only the peer's own replies are at stake.
func parseReplyLine(line []byte) (code int, text string, more, ok bool) {
	if len(line) > maxReplyLine {
		return 0, "", false, false
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	if len(s) < 3 || s[0] < '2' || s[0] > '5' {
		return 0, "", false, false
	}
	for _, c := range []byte(s[:3]) {
		if c < '0' || c > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(c-'0')
	}
	if len(s) == 3 {
		return code, "", false, true
	}
	return code, s[4:], s[3] == '-', s[3] == ' ' || s[3] == '-'
}

// status is the enhanced status of the reply (RFC 2034), or one made of its
// class when there is none or when it contradicts the code.
func (r reply) status() string {
	if len(r.lines) > 0 {
		if s := enhanced(r.lines[0]); s != "" && int(s[0]-'0') == r.class() {
			return s
		}
	}
	return classStatus(r.class())
}

// classStatus is the undefined status of a class. Classes that have no status
// (3yz) are a temporary protocol error.
func classStatus(class int) string {
	switch class {
	case 2:
		return "2.0.0"
	case 4:
		return "4.0.0"
	case 5:
		return "5.0.0"
	}
	return "4.5.0"
}

// enhanced returns the status code of RFC 3463 section 2 at the head of text,
// "" when there is none.
func enhanced(text string) string {
	head, _, _ := strings.Cut(text, " ")
	parts := strings.Split(head, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || !strings.Contains("245", parts[0]) {
		return ""
	}
	for _, p := range parts[1:] {
		if len(p) < 1 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	return head
}

// text is the reply on one line, harmless to print and at most 512 octets.
func (r reply) text() gateway.Sensitive {
	return gateway.Sensitive(oneLine(strings.Join(r.lines, " ")))
}

// oneLine replaces control characters and octets that are no UTF-8, and cuts
// at a character's border.
func oneLine(s string) string {
	clean := strings.Map(func(c rune) rune {
		if c == utf8.RuneError || unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return '?'
		}
		return c
	}, s)
	clean = strings.TrimSpace(clean)
	if len(clean) <= maxText {
		return clean
	}
	cut := maxText
	for cut > 0 && !utf8.RuneStart(clean[cut]) {
		cut--
	}
	return clean[:cut]
}
