package header

import "strings"

// Mailbox is one address of a list, decoded.
type Mailbox struct {
	Name string // display name or comment, "" when none
	Addr string // local@domain as spelled; not checked
}

const maxMailboxes = 10000

// Mailboxes reads an address list (RFC 5322 section 3.4): groups give their
// members, comments and routes are dropped, and what is malformed is read as
// far as it goes: where readers take different addresses out of the same text
// ("<a@x> <b@x>", "a@x <b@x>"), the list holds all of them.
func Mailboxes(raw string) []Mailbox {
	a := addressScanner{s: Unfold(raw)}
	for a.s != "" && len(a.list) < maxMailboxes {
		a.step()
	}
	a.finish()
	return a.list
}

type addressScanner struct {
	s       string
	list    []Mailbox
	phrase  strings.Builder // words before "<", or a bare address
	words   strings.Builder // those of phrase that were not quoted
	comment string
	angle   string
}

// step takes one token. A comment or quoted string that never ends is taken
// whole, so each octet is looked at a bounded number of times.
func (a *addressScanner) step() {
	switch c := a.s[0]; c {
	case '(':
		n := commentLength(a.s)
		if n == 1 {
			n = len(a.s)
		}
		a.comment, a.s = strings.Trim(a.s[1:n], "()"), a.s[n:]
	case '"':
		text, n := quoted(a.s)
		a.quoted(text, a.s[:n])
		a.s = a.s[n:]
	case '<':
		if a.angle != "" {
			a.finish()
		}
		inner, rest, _ := strings.Cut(a.s[1:], ">")
		a.angle, a.s = route(inner), rest
	case ',', ';':
		a.finish()
		a.s = a.s[1:]
	case ':':
		// A group's name came before; the members follow.
		a.stray()
		a.phrase.Reset()
		a.words.Reset()
		a.s = a.s[1:]
	default:
		n := strings.IndexAny(a.s, `("<,;:`)
		if n < 0 {
			n = len(a.s)
		}
		a.phrase.WriteString(a.s[:n])
		a.words.WriteString(a.s[:n])
		a.s = a.s[n:]
	}
}

// quoted takes a quoted string: a local part when "@" follows, else words.
func (a *addressScanner) quoted(text, source string) {
	if strings.HasPrefix(a.s[len(source):], "@") {
		text = source
		a.words.WriteString(source)
	}
	a.phrase.WriteString(text)
}

// route drops the source route of RFC 5322 section 4.4. What is none stays and
// is no address.
func route(s string) string {
	if before, after, ok := strings.Cut(s, ":"); ok && strings.HasPrefix(s, "@") {
		for _, domain := range strings.Split(before, ",") {
			if domain = strings.Trim(domain, " \t"); strings.LastIndexByte(domain, '@') > 0 {
				return s
			}
		}
		s = after
	}
	return strings.Trim(s, " \t")
}

// stray adds the addresses that stand where a name should, unquoted, and are
// not the one in angles: RFC 5322 allows no "@" there, and readers differ.
func (a *addressScanner) stray() {
	for _, w := range strings.Fields(a.words.String()) {
		local, domain, ok := strings.Cut(w, "@")
		if ok && local != "" && strings.IndexByte(domain, '.') > 0 && !strings.EqualFold(w, a.angle) && len(a.list) < maxMailboxes {
			a.list = append(a.list, Mailbox{Addr: w})
		}
	}
}

func (a *addressScanner) finish() {
	phrase := strings.Trim(a.phrase.String(), " \t")
	m := Mailbox{Name: Decode(phrase).Main, Addr: a.angle}
	if a.angle == "" {
		m = Mailbox{Name: Decode(a.comment).Main, Addr: phrase}
	}
	if m.Addr != "" || m.Name != "" {
		a.list = append(a.list, m)
	}
	if a.angle != "" {
		a.stray()
	}
	a.phrase.Reset()
	a.words.Reset()
	a.comment, a.angle = "", ""
}

// MessageIDs reads the msg-ids of a field (RFC 5322 section 3.6.4) without
// "<>", at most 1,000.
func MessageIDs(raw string) []string {
	var ids []string
	s := Unfold(raw)
	for len(ids) < 1000 {
		_, rest, ok := strings.Cut(s, "<")
		if !ok {
			break
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			break
		}
		if id = strings.Join(strings.Fields(id), ""); id != "" {
			ids = append(ids, id)
		}
		s = after
	}
	if bare := strings.TrimSpace(s); len(ids) == 0 && bare != "" && !strings.ContainsAny(bare, " \t\r\n<>") {
		ids = append(ids, bare)
	}
	return ids
}
