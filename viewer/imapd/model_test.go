package imapd

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

// mirror is what a client knows of its folder, from the server's words alone.
type mirror struct {
	*client
	uids     []string // "" until the client learnt it
	flags    []string
	readOnly bool
}

var (
	expunged = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	exists   = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	fetched  = regexp.MustCompile(`^\* (\d+) FETCH \((?:UID (\d+))? ?(?:FLAGS \(([^)]*)\))?\)$`)
)

// hear takes over what untagged answers say.
func (m *mirror) hear(t *rapid.T, lines []string) {
	for _, l := range lines {
		if k := expunged.FindStringSubmatch(l); k != nil {
			n, _ := strconv.Atoi(k[1])
			if n < 1 || n > len(m.uids) {
				t.Fatalf("%s of %d messages", l, len(m.uids))
			}
			m.uids, m.flags = slices.Delete(m.uids, n-1, n), slices.Delete(m.flags, n-1, n)
		}
		if k := exists.FindStringSubmatch(l); k != nil {
			n, _ := strconv.Atoi(k[1])
			if n < len(m.uids) {
				t.Fatalf("%s after %d: a folder shrinks by EXPUNGE only", l, len(m.uids))
			}
			for len(m.uids) < n {
				m.uids, m.flags = append(m.uids, ""), append(m.flags, "")
			}
		}
		if k := fetched.FindStringSubmatch(l); k != nil {
			n, _ := strconv.Atoi(k[1])
			if n < 1 || n > len(m.uids) {
				t.Fatalf("%s of %d messages", l, len(m.uids))
			}
			if k[2] != "" {
				if m.uids[n-1] != "" && m.uids[n-1] != k[2] {
					t.Fatalf("message %d was UID %s and is %s", n, m.uids[n-1], k[2])
				}
				m.uids[n-1] = k[2]
			}
			if strings.Contains(l, "FLAGS") {
				m.flags[n-1] = k[3]
			}
		}
	}
}

func (m *mirror) say(t *rapid.T, command string) string {
	lines, status := m.do(command)
	name, _, _ := strings.Cut(strings.TrimPrefix(command, "UID "), " ")
	if !strings.HasPrefix(command, "UID") && (name == "FETCH" || name == "STORE" || name == "SEARCH") {
		for _, l := range lines {
			if expunged.MatchString(l) {
				t.Fatalf("%s tells %q (RFC 9051 section 7.5.1)", command, l)
			}
		}
	}
	m.hear(t, lines)
	return status
}

// TestSessionsAgreeWithTheFolder: whatever several sessions do at once, each
// knows the folder as it is once it has asked, and its numbers never lie.
func TestSessionsAgreeWithTheFolder(t *testing.T) {
	r := begin(t)
	rapid.Check(t, func(rt *rapid.T) {
		r.m.mu.Lock()
		clear(r.m.boxes)
		r.m.mu.Unlock()
		r.rows.forget()
		r.simple(t, "ann", rapid.IntRange(0, 6).Draw(rt, "messages"))
		var all []*mirror
		for range rapid.IntRange(1, 3).Draw(rt, "sessions") {
			m := &mirror{client: r.login(t, "ann")}
			defer m.conn.Close()
			m.say(rt, "SELECT INBOX")
			m.say(rt, "FETCH 1:* (UID FLAGS)")
			all = append(all, m)
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			m := rapid.SampledFrom(all).Draw(rt, "who")
			m.act(rt, r)
			for i, uid := range m.uids {
				if uid == "" {
					m.say(rt, fmt.Sprintf("FETCH %d (UID FLAGS)", i+1))
				}
			}
		}
		for _, m := range all {
			m.say(rt, "NOOP")
			m.compare(rt, r)
		}
	})
}

func (m *mirror) act(rt *rapid.T, r *running) {
	set := "1"
	if len(m.uids) > 0 {
		set = strconv.Itoa(rapid.IntRange(1, len(m.uids)).Draw(rt, "number"))
		if rapid.Bool().Draw(rt, "range") {
			set += ":" + strconv.Itoa(rapid.IntRange(1, len(m.uids)).Draw(rt, "end"))
		}
	}
	flag := rapid.SampledFrom([]string{`\Seen`, `\Deleted`, `\Flagged`, `$Word`}).Draw(rt, "flag")
	switch rapid.SampledFrom([]string{"store", "silent", "expunge", "uidexpunge", "append", "noop", "fetch", "copy", "move", "elsewhere"}).Draw(rt, "what") {
	case "store":
		m.say(rt, fmt.Sprintf("STORE %s %sFLAGS (%s)", set, rapid.SampledFrom([]string{"+", "-", ""}).Draw(rt, "op"), flag))
	case "silent":
		if status := m.say(rt, fmt.Sprintf("STORE %s +FLAGS.SILENT (%s)", set, flag)); strings.HasPrefix(status, "OK") {
			m.assume(set, flag)
		}
	case "expunge":
		m.say(rt, "EXPUNGE")
	case "uidexpunge":
		m.say(rt, "UID EXPUNGE 1:3")
	case "append":
		m.say(rt, fmt.Sprintf("APPEND INBOX (%s) {%d+}\r\n%s", flag, len(simple), simple))
	case "noop":
		m.say(rt, "NOOP")
	case "fetch":
		m.say(rt, fmt.Sprintf("FETCH %s (UID FLAGS)", set))
	case "copy":
		m.say(rt, "UID COPY 1:* Templates")
	case "move":
		m.say(rt, fmt.Sprintf("MOVE %s Templates", set))
	case "elsewhere": // the gateway itself takes one away
		r.m.mu.Lock()
		b := r.m.boxLocked(r.m.users["ann@clinic.example"].name, gateway.FolderInbox)
		if len(b.view.UIDs) > 0 {
			b.removeLocked(b.view.UIDs[len(b.view.UIDs)/2])
		}
		r.m.mu.Unlock()
	}
}

// assume is what a client does after a silent STORE: it trusts itself.
func (m *mirror) assume(set, flag string) {
	from, to, ranged := strings.Cut(set, ":")
	if !ranged {
		to = from
	}
	a, _ := strconv.Atoi(from)
	b, _ := strconv.Atoi(to)
	for n := min(a, b); n <= max(a, b) && n <= len(m.flags); n++ {
		if !slices.Contains(strings.Fields(m.flags[n-1]), flag) {
			m.flags[n-1] = strings.TrimSpace(m.flags[n-1] + " " + flag)
		}
	}
}

func (m *mirror) compare(rt *rapid.T, r *running) {
	r.m.mu.Lock()
	view := r.m.boxLocked(r.m.users["ann@clinic.example"].name, gateway.FolderInbox).view
	r.m.mu.Unlock()
	if len(m.uids) != len(view.UIDs) {
		rt.Fatalf("the client knows %d messages of %d", len(m.uids), len(view.UIDs))
	}
	for i, uid := range m.uids {
		if uid != "" && uid != strconv.Itoa(int(view.UIDs[i])) {
			rt.Fatalf("message %d is UID %s, and is UID %d", i+1, uid, view.UIDs[i])
		}
		if uid == "" {
			continue
		}
		known, is := strings.Fields(m.flags[i]), strings.Fields(strings.Trim(string(appendFlags(nil, view.Marks[i])), "()"))
		slices.Sort(known)
		slices.Sort(is)
		if !slices.Equal(known, is) {
			rt.Fatalf("message %d is marked %q, the client knows %q", i+1, is, known)
		}
	}
}
