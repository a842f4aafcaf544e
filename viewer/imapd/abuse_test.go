package imapd

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

func TestNobodyReachesAnothersMailbox(t *testing.T) {
	r := begin(t)
	r.m.put(t, "rex@clinic.example", gateway.FolderInbox, simple, "", gateway.Marks{})
	r.m.put(t, "rex@clinic.example", gateway.FolderQuarantine, simple, "", gateway.Marks{})
	c := r.inbox(t, "ann")
	for _, name := range []string{
		"Quarantine", "Quarantine/Release", "Quarantine/Refuse", "quarantine", "user/rex", "user.rex.INBOX", "~rex", "~rex/INBOX", "#user/rex", "#shared/Quarantine", "../rex", "../../rex/INBOX",
		"INBOX/../../rex", "rex@clinic.example", "rex@clinic.example/INBOX", "/INBOX", "INBOX/", "//", "/", "Secured", "Secured/", "Secured//Opened", "Secured/unopened", "INBOX\u0000", "&-", "&AAA-", "none", "*", "%", "",
	} {
		quoted := string(quote([]byte(name)))
		for _, command := range []string{"SELECT %s", "EXAMINE %s", "STATUS %s (MESSAGES)", "COPY 1 %s", "MOVE 1 %s", "APPEND %s {3+}\r\nabc", "SUBSCRIBE %s", "DELETE %s", "RENAME %s x"} {
			if _, status := c.do(fmt.Sprintf(command, quoted)); strings.HasPrefix(status, "OK") && !strings.HasPrefix(command, "COPY") && !strings.HasPrefix(command, "MOVE") {
				t.Errorf(command+": %s", quoted, status)
			}
		}
		c.ok("SELECT INBOX")
	}
	for _, pattern := range []string{"*", "%", "%/%", "user/*", "Quarantine*", "~*", "#*", "/*", "..*"} {
		for _, line := range append(c.ok(`LIST "" "`+pattern+`"`), append(c.ok(`LSUB "" "`+pattern+`"`), c.ok(`LIST "#shared/" "`+pattern+`"`)...)...) {
			if strings.Contains(line, "Quarantine") || strings.Contains(line, "rex") {
				t.Errorf("%s shows %s", pattern, line)
			}
		}
	}
	for _, command := range []string{"COPY 1 Quarantine", "MOVE 1 Quarantine/Release"} {
		r.simple(t, "ann", 1)
		c.ok("NOOP")
		c.no(command, "NO [NONEXISTENT]")
	}
	rex := r.login(t, "rex")
	has(t, rex.ok("SELECT Quarantine"), "* 1 EXISTS")
	has(t, rex.ok(`LIST "" "*"`), `"Quarantine/Refuse"`)
}

// TestNamesMakeNoLines: a folder, user or tag that holds line ends, or what
// looks like an answer, never begins a line of what is answered.
func TestNamesMakeNoLines(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 1)
	for _, name := range []string{"x\r\na OK done\r\n* 9 EXISTS", "x\n* BYE now", "x\r* OK", "INBOX\r\nb LOGOUT", "&AAoADQ-", "x\" OK", "{5}\r\nINBOX", "\u202eXOBNI", "x\x00y"} {
		for _, command := range []string{"SELECT %s", "STATUS %s (MESSAGES)", "COPY 1 %s", "SUBSCRIBE %s", "CREATE %s", "LIST \"\" %s", "RENAME %s x", "APPEND %s {3+}\r\nabc", "SEARCH SUBJECT %s", "ENABLE %s", "LOGIN %s x", "ID (\"name\" %s)"} {
			c := r.inbox(t, "ann")
			c.send("q1 " + fmt.Sprintf(command, fmt.Sprintf("{%d+}\r\n%s", len(name), name)) + "\r\nq2 NOOP\r\n")
			for {
				line, err := c.line()
				if err != nil || strings.HasPrefix(line, "q2 ") {
					break
				}
				if strings.HasPrefix(line, "a OK") || strings.HasPrefix(line, "b OK") || strings.HasPrefix(line, "* 9 EXISTS") || strings.HasPrefix(line, "* BYE now") || !strings.HasPrefix(line, "* ") && !strings.HasPrefix(line, "+ ") && !strings.HasPrefix(line, "q1 ") {
					t.Errorf(command+" is answered %q", fmt.Sprintf("%q", name), line)
				}
			}
			_ = c.conn.Close()
		}
	}
}

func TestDeepListPatterns(t *testing.T) {
	r := begin(t)
	c := r.login(t, "rex")
	begun := time.Now()
	for _, pattern := range []string{strings.Repeat("*%", 200), strings.Repeat("%*a", 160), strings.Repeat("*", 500) + "x", strings.Repeat("%/", 200), strings.Repeat("*%", 20000)} {
		c.ok(`LIST "" "` + pattern + `"`)
	}
	c.ok(`LIST "" (` + strings.Repeat(`"*%*%*%*%z" `, 3000) + `"x")`)
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestLists(t *testing.T) {
	r := begin(t)
	c := r.login(t, "ann")
	count := func(command string, want int) []string {
		t.Helper()
		lines := c.ok(command)
		if len(lines) != want {
			t.Errorf("%s: %q", command, lines)
		}
		return lines
	}
	count(`LIST "" "*"`, 9)
	count(`LIST "" "%"`, 4)
	count(`LIST "Secured/" "%"`, 5)
	count(`LIST "" Secured/*`, 5)
	count(`LIST "" inbox`, 1)
	count(`LIST (SUBSCRIBED) "" "*"`, 8)
	count(`LIST (SPECIAL-USE) "" "*"`, 0)
	has(t, count(`LIST "" ""`, 1), `* LIST (\Noselect) "/" ""`)
	has(t, count(`LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"`, 4), `"Secured" (CHILDINFO ("SUBSCRIBED"))`)
	has(t, c.ok(`LIST "" "%" RETURN (CHILDREN)`), `\HasChildren`, `"Secured"`)
	has(t, count(`LIST "" (INBOX Recall) RETURN (STATUS (MESSAGES UNSEEN))`, 4), "* STATUS INBOX (MESSAGES 0 UNSEEN 0)")
	has(t, count(`LSUB "" "%"`, 4), `* LSUB`)
	c.no("CREATE Sent", "NO [CANNOT] The folders of this account are fixed: save sent mail and drafts in your usual account")
	c.no("CREATE INBOX", "NO [ALREADYEXISTS]")
	c.no("DELETE INBOX", "NO [CANNOT]")
	c.no("RENAME INBOX x", "NO [CANNOT]")
	c.no("DELETE Elsewhere", "NO [NONEXISTENT]")
	c.ok("SUBSCRIBE Recall")
	c.no("UNSUBSCRIBE Recall", "NO [CANNOT]")
}

func TestReadOnly(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 1)
	r.m.put(t, "ann@clinic.example", gateway.FolderInbox, simple, "", gateway.Marks{Deleted: true})
	c := r.login(t, "ann")
	lines := c.ok("EXAMINE INBOX")
	has(t, lines, "PERMANENTFLAGS ()")
	c.no(`STORE 1 +FLAGS (\Seen)`, "NO")
	c.no("EXPUNGE", "NO")
	c.no("UID EXPUNGE 1:*", "NO")
	c.no("MOVE 1 Templates", "NO")
	c.ok("FETCH 1 BODY[]")
	has(t, c.ok("FETCH 1:* FLAGS"), "* 1 FETCH (FLAGS ())")
	c.ok("COPY 1 Templates")
	c.ok("CLOSE")
	has(t, c.ok("SELECT INBOX"), "* 2 EXISTS")
	c.ok("UNSELECT")
	has(t, c.ok("SELECT INBOX"), "* 2 EXISTS")
	c.ok("CLOSE")
	has(t, c.ok("SELECT INBOX"), "* 1 EXISTS")
}

// A copy that decides something is a change: who only looks at a folder takes
// nothing back and releases nothing.
func TestReadOnlyDecidesNothing(t *testing.T) {
	for _, k := range []struct {
		user     string
		from, to gateway.Folder
	}{
		{"ann", gateway.FolderUnopened, gateway.FolderRecall}, {"ann", gateway.FolderRecall, gateway.FolderInbox},
		{"rex", gateway.FolderQuarantine, gateway.FolderRelease}, {"rex", gateway.FolderQuarantine, gateway.FolderRefuse},
	} {
		r := begin(t)
		r.m.put(t, k.user+"@clinic.example", k.from, simple, "", gateway.Marks{})
		c := r.login(t, k.user)
		for _, form := range []string{"COPY", "UID COPY", "MOVE", "UID MOVE"} {
			has(t, c.ok("EXAMINE "+k.from.String()), "* 1 EXISTS")
			c.no(form+" 1 "+k.to.String(), "NO [NOPERM]")
			has(t, c.ok("STATUS "+k.to.String()+" (MESSAGES)"), "(MESSAGES 0)")
		}
		has(t, c.ok("SELECT "+k.from.String()), "* 1 EXISTS")
		c.ok("COPY 1 " + k.to.String())
		has(t, c.ok("STATUS "+k.to.String()+" (MESSAGES)"), "(MESSAGES 1)")
	}
}

func TestIdleTellsWithinASecond(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 2)
	c := r.inbox(t, "ann")
	c.send("i1 IDLE\r\n")
	c.want("+ ")
	begun := time.Now()
	r.simple(t, "ann", 1)
	c.want("* 3 EXISTS")
	other := r.inbox(t, "ann")
	other.ok(`STORE 2 +FLAGS (\Deleted)`)
	c.want(`* 2 FETCH (UID 2 FLAGS (\Deleted))`)
	other.ok("EXPUNGE")
	c.want("* 2 EXPUNGE")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
	c.send("DONE\r\n")
	c.want("i1 OK")
	c.ok("NOOP")
	c.send("i2 IDLE\r\n")
	c.want("+ ")
	c.send("i3 NOOP\r\n")
	if said := c.wantEnd(); !strings.Contains(said, "* BYE") {
		t.Error(said)
	}
}

// What came between a command and the IDLE behind it is told at once.
func TestIdleTellsWhatCameBefore(t *testing.T) {
	r := begin(t)
	c := r.inbox(t, "ann")
	r.simple(t, "ann", 1)
	c.send("i1 IDLE\r\n")
	c.want("+ ")
	c.want("* 1 EXISTS")
}

func TestASessionEndsWithItsAccount(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.Recheck = 50 * time.Millisecond })
	idle, busy := r.inbox(t, "ann"), r.inbox(t, "ann")
	idle.send("i1 IDLE\r\n")
	idle.want("+ ")
	r.m.mu.Lock()
	r.m.users["ann@clinic.example"].out = true
	r.m.mu.Unlock()
	idle.want("* BYE")
	idle.wantEnd()
	time.Sleep(1100 * time.Millisecond)
	busy.send("b FETCH 1:* FLAGS\r\n")
	if said := busy.wantEnd(); !strings.Contains(said, "* BYE") || strings.Contains(said, "b OK") {
		t.Error(said)
	}
}

// TestWhoReviewsNoMoreHearsNothing: not even that held mail came.
func TestWhoReviewsNoMoreHearsNothing(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.Recheck = time.Hour })
	c := r.login(t, "rex")
	c.ok("SELECT Quarantine")
	c.send("i1 IDLE\r\n")
	c.want("+ ")
	r.m.mu.Lock()
	r.m.users["rex@clinic.example"].out = true
	r.m.mu.Unlock()
	r.m.put(t, "rex@clinic.example", gateway.FolderQuarantine, "Subject: x\r\n\r\nx\r\n", "", gateway.Marks{})
	if said := c.wantEnd(); !strings.Contains(said, "* BYE") || strings.Contains(said, "EXISTS") {
		t.Error(said)
	}
}

func TestFiveHundredIdleSessions(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.PerUser = 600 })
	var all []*client
	for range 500 {
		c := r.inbox(t, "ann")
		c.send("i IDLE\r\n")
		c.want("+ ")
		all = append(all, c)
	}
	begun := time.Now()
	busy := r.inbox(t, "ann")
	busy.ok("NOOP")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("another session took %v", took)
	}
	r.simple(t, "ann", 1)
	var wait sync.WaitGroup
	for _, c := range all {
		wait.Go(func() {
			if line, err := c.line(); line != "* 1 EXISTS" {
				t.Errorf("%q %v", line, err)
			}
		})
	}
	wait.Wait()
	r.stop(t)
	for _, c := range all {
		if line, _ := c.line(); !strings.HasPrefix(line, "* BYE") {
			t.Fatalf("%q", line)
		}
	}
}

func TestLimitsOfConnections(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.PerUser, c.Limits.Strangers, c.Limits.Login = 2, 3, 300*time.Millisecond })
	one, _ := r.login(t, "ann"), r.login(t, "ann")
	c := r.dial(t)
	c.want("* OK")
	c.no("LOGIN ann@clinic.example secret", "NO [LIMIT]")
	c.ok("LOGIN rex@clinic.example review") // others are not concerned
	one.ok("LOGOUT")
	one.wantEnd()
	third := r.login(t, "ann")
	third.ok("NOOP")
	var strangers []*client
	for range 3 {
		s := r.dial(t)
		s.want("* OK")
		strangers = append(strangers, s)
	}
	fourth := r.dial(t)
	fourth.want("* OK") // the first of them gave way
	strangers[0].wantEnd()
	for _, s := range append(strangers[1:], fourth) { // who does not log in does not stay
		s.wantEnd()
	}
	third.ok("NOOP")
	r.login(t, "rex")
}

func TestABodyThatBreaksOffEndsTheConnection(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 2)
	c := r.inbox(t, "ann")
	r.m.mu.Lock()
	r.m.short = true
	r.m.mu.Unlock()
	c.send("f FETCH 1:2 BODY.PEEK[]\r\n")
	if said := c.wantEnd(); strings.Contains(said, "f OK") {
		t.Errorf("%q", said)
	}
}

func TestAMessageThatIsGone(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 1)
	c := r.inbox(t, "ann")
	r.m.mu.Lock()
	for id := range r.m.bodies {
		r.m.gone[id] = true
	}
	r.m.mu.Unlock()
	// Never other octets under the same UID: a client would keep them.
	for _, items := range []string{"BODY.PEEK[]", "(FLAGS BODY[])", "(BODY.PEEK[TEXT] BINARY.PEEK[1] BINARY.SIZE[1])"} {
		if said := strings.Join(c.ok("FETCH 1 "+items), "\n"); strings.Contains(said, "FETCH (") {
			t.Errorf("%s of what is gone: %q", items, said)
		}
	}
	has(t, c.ok("FETCH 1 (FLAGS BODY.PEEK[HEADER])"), "FLAGS ()", "BODY[HEADER]")
	r.m.mu.Lock()
	r.m.readFail = &gateway.FolderError{Code: gateway.FolderUnavailable, Text: "Later,\r\nplease"}
	r.m.mu.Unlock()
	c.no("FETCH 1 BODY.PEEK[]", "NO [UNAVAILABLE] Later,  please")
	c.ok("FETCH 1 ENVELOPE")
}

// Only what was offered is enabled.
func TestEnable(t *testing.T) {
	r := begin(t)
	c := r.login(t, "ann")
	for _, k := range []struct{ ask, want string }{
		{"UTF8=ACCEPT", "* ENABLED"}, {"utf8=accept CONDSTORE", "* ENABLED"}, {"UTF8=ACCEPT IMAP4rev2", "* ENABLED IMAP4rev2"}, {"IMAP4rev2 Utf8=Accept", "* ENABLED IMAP4rev2"},
	} {
		if lines := c.ok("ENABLE " + k.ask); len(lines) != 1 || lines[0] != k.want {
			t.Errorf("%s: %q", k.ask, lines)
		}
	}
	c.no("ENABLE  IMAP4rev2", "BAD")
	has(t, c.ok("SELECT INBOX"), "* LIST")
}

// Nothing of an entry that went is shown or kept, even while the client counts
// it still.
func TestAnEntryThatIsGone(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 3)
	c := r.inbox(t, "ann")
	if lines := c.ok("FETCH 1:* ENVELOPE"); len(lines) != 3 {
		t.Fatalf("%q", lines)
	}
	remove := func(uid gateway.UID) {
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		r.m.boxLocked(r.m.users["ann@clinic.example"].name, gateway.FolderInbox).removeLocked(uid)
	}
	kept := func() int {
		r.rows.mu.Lock()
		defer r.rows.mu.Unlock()
		return len(r.rows.known)
	}
	remove(1)
	if lines := c.ok("FETCH 1:2 (ENVELOPE RFC822.SIZE BODY.PEEK[])"); len(lines) != 1 || strings.Contains(lines[0], "Knee 1") || !strings.Contains(lines[0], "Knee 2") {
		t.Fatalf("%q", lines)
	}
	if n := kept(); n != 2 {
		t.Errorf("%d rows are kept of 2 entries", n)
	}
	has(t, c.ok("SEARCH SUBJECT knee"), "* SEARCH 2 3")
	remove(2)
	has(t, c.ok("NOOP"), "* 1 EXPUNGE")
	if n := kept(); n != 1 {
		t.Errorf("%d rows are kept of 1 entry", n)
	}
	has(t, c.ok("FETCH 1:* ENVELOPE"), "* 1 FETCH", "Knee 3")
}

func TestSearch(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 3)
	r.m.put(t, "ann@clinic.example", gateway.FolderInbox, nestedMail, "", gateway.Marks{Flagged: true, Keywords: []string{"$Word"}})
	c := r.inbox(t, "ann")
	for _, k := range []struct{ ask, want string }{
		{"ALL", " 1 2 3 4"}, {"FLAGGED", " 4"}, {"UNKEYWORD $word", " 1 2 3"}, {"KEYWORD $word", " 4"}, {"NOT FLAGGED", " 1 2 3"}, {"OR FLAGGED 1", " 1 4"}, {"2:* UID 1:3", " 2 3"},
		{"SUBJECT \"knee 2\"", " 2"}, {"FROM PAT", " 1 2 3 4"}, {"HEADER Message-ID \"\"", " 1 2 3"}, {"HEADER X-None \"\"", ""}, {"SENTON 2-Mar-2026", " 1 2 3"}, {"SENTBEFORE 2-Mar-2026", ""},
		{"ON 2-Mar-2026", " 1 2 3 4"}, {"SINCE 3-Mar-2026", ""}, {"LARGER 500", " 4"}, {"SMALLER 500", " 1 2 3"}, {"NEW", ""}, {"OLD", " 1 2 3 4"}, {"CHARSET UTF-8 SUBJECT \"gr\u00fc\u00dfe\"", " 4"},
		{"BODY knee", ""}, {"TEXT knee", " 1 2 3"}, {"NOT BODY knee", " 1 2 3 4"}, {"(OR (SUBJECT 1) (SUBJECT 3)) NOT 3", " 1"},
	} {
		if got := has(t, c.ok("SEARCH "+k.ask), "* SEARCH"); got != "* SEARCH"+k.want {
			t.Errorf("SEARCH %s: %q, want %q", k.ask, got, k.want)
		}
	}
	if len(r.m.reads) != 0 {
		t.Fatalf("a search opened %v", r.m.reads)
	}
	c.ok("FETCH 2,4 BODY.PEEK[]")
	for _, k := range []struct{ ask, want string }{
		{"BODY knee", " 2"}, {"BODY \"the kNEE is\"", " 2"}, {"BODY \"k\u00f6ln\"", " 4"}, {"BODY \"html within\"", " 4"}, {"TEXT Within", " 4"}, {"NOT BODY knee", " 1 3 4"}, {"BODY knee BODY better", " 2"},
	} {
		if got := has(t, c.ok("SEARCH "+k.ask), "* SEARCH"); got != "* SEARCH"+k.want {
			t.Errorf("SEARCH %s: %q, want %q", k.ask, got, k.want)
		}
	}
	c.ok("SEARCH RETURN (SAVE) SUBJECT knee")
	has(t, c.ok("UID SEARCH RETURN (COUNT) $ NOT 1"), "UID COUNT 2")
	if lines := c.ok("FETCH $ (UID)"); len(lines) != 3 {
		t.Errorf("%q", lines)
	}
	for _, command := range []string{"SEARCH RETURN (SAVE) ALL", "UID SEARCH RETURN (save) ALL"} {
		if lines := c.ok(command); len(lines) != 0 {
			t.Errorf("%s: %q", command, lines)
		}
		if lines := c.ok("FETCH $ (UID)"); len(lines) != 4 {
			t.Errorf("%s: %q", command, lines)
		}
	}
	has(t, c.ok("SEARCH RETURN (SAVE ALL) ALL"), "* ESEARCH", "ALL 1:4")
	has(t, c.ok("SEARCH RETURN (SAVE COUNT) ALL"), "* ESEARCH", "COUNT 4")
	has(t, c.ok("SEARCH RETURN () ALL"), "* ESEARCH", "ALL 1:4")
	c.ok("SEARCH RETURN (SAVE MAX) SUBJECT knee")
	has(t, c.ok("SEARCH $"), "* SEARCH 3")
	c.no("SEARCH "+strings.Repeat("NOT ", 200)+"ALL", "BAD")
	c.no("SEARCH "+strings.Repeat("SUBJECT x ", 500), "NO [LIMIT]")
	c.no("SEARCH "+strings.Repeat("1:* ", 500), "NO [LIMIT]")
	c.no("SEARCH "+strings.Repeat("OR SEEN ", 99)+strings.Repeat("SEEN ", 900), "NO [LIMIT]")
	has(t, c.ok("SEARCH "+strings.Repeat("1:* ", 450)+"2:3,3 *:2"), "* SEARCH 2 3")
}
