package imapd

import (
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// maxSetLine is how long a command may be whose length is that of its set of
// messages: clients that select thousands one by one name each.
const maxSetLine = 256 << 10

// bigSet takes the set of messages out of a command that is longer than
// go-imap reads, and puts "$" in its place, which go-imap passes on as it is.
// The session looks at the set instead. It reports whether the command now is
// short enough.
func (c *conn) bigSet(k *command) bool {
	name, uid := strings.CutPrefix(k.verb, "UID ")
	switch name {
	case "FETCH", "STORE", "COPY", "MOVE":
	default:
		return false
	}
	set, rest, more := strings.Cut(k.rest, " ")
	if !more || len(rest) > maxLine/2 {
		return false
	}
	numbers, ok := readSet(set)
	if !ok {
		return false
	}
	if uid {
		given := make(imap.UIDSet, len(numbers))
		for i, r := range numbers {
			given[i] = imap.UIDRange{Start: imap.UID(r.Start), Stop: imap.UID(r.Stop)}
		}
		c.given = given
	} else {
		c.given = numbers
	}
	k.text = k.tag + " " + k.verb + " $ " + rest
	k.rest = "$ " + rest
	return true
}

// readSet reads a sequence-set (RFC 9051 section 9); "*" is 0.
func readSet(s string) (imap.SeqSet, bool) {
	var set imap.SeqSet
	for member := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(member, ":")
		if !ranged {
			to = from
		}
		start, ok := readNumber(from)
		stop, ok2 := readNumber(to)
		if !ok || !ok2 {
			return nil, false
		}
		set = append(set, imap.SeqRange{Start: start, Stop: stop})
	}
	return set, true
}

func readNumber(s string) (uint32, bool) {
	if s == "*" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n > 0 && s[0] != '+'
}
