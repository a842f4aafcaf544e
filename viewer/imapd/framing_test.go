package imapd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// A literal whose command was refused is never read as commands: what would
// be one is said by whoever wrote the mail that somebody files.
func TestLiteralsOfRefusedCommandsAreNoCommands(t *testing.T) {
	evil := "z9 LOGOUT\r\nz8 STORE 1:* +FLAGS (\\Deleted)\r\nz7 EXPUNGE\r\n"
	n := len(evil)
	for _, command := range []string{
		"NONSENSE {%d+}", "SEARCH CHARSET utf-16 TEXT {%d+}", "SELECT {%d+}", "FETCH 1 (BODY[HEADER.FIELDS ({%d+}", "LIST \"\" {%d+}", "APPEND INBOX (\\Seen {%d+}",
		"APPEND INBOX \"no date\" {%d+}", "APPEND Nowhere {%d+}", "APPEND Recall {%d+}",
		"APPEND \"INBOX {%d+}", "APPEND INBOX \" 3-Apr-2026 11:22:33 +0200 {%d+}", "APPEND \"IN\\\"BOX\\\\\\\" {%d+}", "STORE x {%d+}", "STATUS INBOX {%d+}", "ID ({%d+}", "X \"{%d+}",
	} {
		t.Run(command, func(t *testing.T) {
			r := begin(t)
			r.simple(t, "ann", 2)
			c := r.inbox(t, "ann")
			c.send("x1 " + fmt.Sprintf(command, n) + "\r\n" + evil + "\r\n")
			untagged, status := c.finish("x1")
			if strings.HasPrefix(status, "OK") && !strings.HasPrefix(command, "ID") || len(untagged) > 1 {
				t.Fatalf("%q %s", untagged, status)
			}
			has(t, c.ok("SEARCH UNDELETED"), "* SEARCH 1 2")
		})
	}
}

func TestALiteralTooLargeIsThrownAway(t *testing.T) {
	r := begin(t)
	c := r.inbox(t, "ann")
	big := strings.Repeat("z9 LOGOUT\r\n", 2<<20/11)
	c.send(fmt.Sprintf("x1 APPEND INBOX {%d+}\r\n%s\r\n", len(big), big))
	if _, status := c.finish("x1"); !strings.HasPrefix(status, "NO [TOOBIG]") {
		t.Fatal(status)
	}
	c.send(fmt.Sprintf("x2 APPEND INBOX {%d}\r\n", len(big)))
	if _, status := c.finish("x2"); !strings.HasPrefix(status, "NO [TOOBIG]") {
		t.Fatal(status)
	}
	c.send(fmt.Sprintf("x3 SEARCH TEXT {%d+}\r\n%s\r\n", 100000, big[:100000]))
	if _, status := c.finish("x3"); !strings.HasPrefix(status, "BAD") {
		t.Fatal(status)
	}
	c.send("x4 SEARCH TEXT {100000}\r\n")
	if _, status := c.finish("x4"); !strings.HasPrefix(status, "BAD") {
		t.Fatal(status)
	}
	c.ok("NOOP")
	c.send("x5 SEARCH TEXT {9223372036854775807+}\r\n")
	c.wantEnd()
}

func TestAppend(t *testing.T) {
	r := begin(t)
	c := r.inbox(t, "ann")
	c.send(fmt.Sprintf("x1 APPEND {5}\r\n"))
	c.want("+ ")
	c.send(fmt.Sprintf("INBOX (\\Seen $Word) \" 3-Apr-2026 11:22:33 +0200\" {%d}\r\n", len(simple)))
	c.want("+ ")
	c.send(simple + "\r\n")
	untagged, status := c.finish("x1")
	if !strings.HasPrefix(status, "OK [APPENDUID 7 1]") {
		t.Fatal(status)
	}
	has(t, untagged, "* 1 EXISTS")
	has(t, c.ok("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])"), `FLAGS (\Seen $Word) INTERNALDATE " 3-Apr-2026 11:22:33 +0200" BODY[] {`, "The knee is better.")
	c.send(fmt.Sprintf("x2 APPEND INBOX UTF8 (~{%d+}\r\n%s)\r\n", len(simple), simple))
	if _, status := c.finish("x2"); !strings.HasPrefix(status, "OK [APPENDUID 7 2]") {
		t.Fatal(status)
	}
	c.no(fmt.Sprintf("APPEND Secured/Opened {%d+}\r\n%s", len(simple), simple), "NO [CANNOT]")
	c.send(fmt.Sprintf("x3 APPEND INBOX {3+}\r\nabc {3+}\r\nz9 LOGOUT\r\n"))
	c.wantEnd() // several messages at once are not offered
}

func TestCommandsThatAreTooLong(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 1)
	c := r.inbox(t, "ann")
	c.send("x1 UID FETCH " + strings.Repeat("1,", 200<<10) + "1 FLAGS\r\n")
	if _, status := c.finish("x1"); !strings.HasPrefix(status, "BAD Command too long") {
		t.Fatal(status)
	}
	c.send("x2 SEARCH " + strings.Repeat("NOT ", 11<<10) + "SEEN\r\n")
	if _, status := c.finish("x2"); !strings.HasPrefix(status, "BAD") {
		t.Fatal(status)
	}
	c.send("x3 SEARCH " + strings.Repeat("(", 900) + "SEEN" + strings.Repeat(")", 900) + "\r\n")
	c.finish("x3")
	c.send("x4 FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", 3000) + "FLAGS)\r\n")
	if _, status := c.finish("x4"); !strings.HasPrefix(status, "BAD") {
		t.Fatal(status)
	}
	c.ok("NOOP")
	stranger := r.dial(t)
	stranger.want("* OK")
	for range 40 {
		if _, err := stranger.conn.Write([]byte(strings.Repeat("x", 8<<10))); err != nil {
			break
		}
	}
	stranger.wantEnd()
}

func TestTenThousandUIDs(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 20)
	c := r.inbox(t, "ann")
	var set strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&set, "%d,", 2*i+1)
	}
	if lines := c.ok("UID FETCH " + set.String() + "1 FLAGS"); len(lines) != 10 || !strings.HasPrefix(lines[1], "* 3 FETCH (UID 3 ") {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	if lines := c.ok("FETCH " + set.String() + "5:* FLAGS"); len(lines) != 18 {
		t.Fatalf("%d lines", len(lines))
	}
	c.ok("UID STORE " + set.String() + "1 +FLAGS.SILENT (\\Flagged)")
	has(t, c.ok("UID SEARCH FLAGGED"), "* SEARCH 1 3 5 7 9 11 13 15 17 19")
	if _, status := c.do("UID COPY " + set.String() + "1 Templates"); !strings.HasPrefix(status, "OK [COPYUID 7 1,3,5,7,9,11,13,15,17,19 1:10]") {
		t.Fatal(status)
	}
	c.no("UID FETCH "+set.String()+"x FLAGS", "BAD Command too long")
	c.no("SEARCH UID "+set.String()+"1", "BAD Command too long")
	if lines := c.ok("UID FETCH 1:4294967295 FLAGS"); len(lines) != 20 {
		t.Fatalf("%d lines", len(lines))
	}
	has(t, c.ok("UID FETCH 4000000000:* FLAGS"), "* 20 FETCH (UID 20 ") // RFC 9051: the last one
}

func TestBeforeLogin(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.BadCommands = 5 })
	c := r.dial(t)
	line := c.want("* OK [CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID STARTTLS AUTH=PLAIN]")
	if strings.Contains(line, "CONDSTORE") {
		t.Fatal(line)
	}
	has(t, c.ok(`ID ("name" "Mutt \"x\"" "version" "1" "support-url" NIL)`), `* ID ("name" "Gatepost"`)
	c.ok("ID NIL")
	c.ok("CAPABILITY")
	c.ok("NOOP")
	c.no("XYZZY", "BAD Unknown command")
	c.no("SELECT INBOX", "BAD Log in first")
	c.no("LOGIN ann@clinic.example wrong", "NO [AUTHENTICATIONFAILED]")
	c.no("LOGIN ann@clinic.example soon", "NO [UNAVAILABLE] Too many wrong passwords")
	c.ok("LOGIN ann@clinic.example secret")
	has(t, c.ok("ID NIL"), "* ID")
	c.no("XYZZY", "BAD Unknown command")
	has(t, c.ok("CAPABILITY"), "* CAPABILITY IMAP4rev2 IMAP4rev1", " IDLE ", " MOVE ", " UIDPLUS ", " NAMESPACE ", " SPECIAL-USE ", " LITERAL+ ", " ESEARCH ", " STATUS=SIZE ", " UNSELECT ", " LIST-EXTENDED ", " LIST-STATUS ", " BINARY ")

	h := r.dial(t)
	h.want("* OK")
	h.send("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\nE: f\r\n\r\nmore\r\n")
	if said := h.wantEnd(); !strings.Contains(said, "* BYE") {
		t.Fatal(said)
	}
}

func TestAuthenticatePlain(t *testing.T) {
	r := begin(t)
	const good = "AGFubkBjbGluaWMuZXhhbXBsZQBzZWNyZXQ=" // \0ann@clinic.example\0secret
	c := r.dial(t)
	c.want("* OK")
	c.ok("AUTHENTICATE PLAIN " + good)
	c = r.dial(t)
	c.want("* OK")
	c.send("a1 AUTHENTICATE plain\r\n")
	c.want("+ ")
	c.send(good + "\r\n")
	c.want("a1 OK [CAPABILITY ")
	c.no("AUTHENTICATE PLAIN "+good, "BAD")
	c = r.dial(t)
	c.want("* OK")
	c.send("a1 AUTHENTICATE PLAIN\r\n")
	c.want("+ ")
	c.send("*\r\n")
	c.want("a1 BAD")
	c.no("AUTHENTICATE PLAIN cmV4AGFubkBjbGluaWMuZXhhbXBsZQBzZWNyZXQ=", "BAD") // rex as ann
	c.no("AUTHENTICATE CRAM-MD5", "NO")
	c.no("AUTHENTICATE PLAIN AGFubgBzDQplY3JldA==", "BAD") // CR LF in the password
	c.send("a9 LOGIN {18}\r\n")
	c.want("+ ")
	c.send("ann@clinic.example {6+}\r\nsecret\r\n")
	c.want("a9 OK")
}

// What a client sends behind STARTTLS in the clear is not taken for something
// that it said under TLS.
func TestStartTLS(t *testing.T) {
	r := begin(t, func(c *Config) { c.PlaintextLoopback = false })
	c := r.dial(t)
	c.want("* OK [CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID STARTTLS LOGINDISABLED]")
	c.no("LOGIN ann@clinic.example secret", "NO [PRIVACYREQUIRED] A password is taken under TLS only: use STARTTLS or the port with TLS")
	c.no("AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=", "NO [PRIVACYREQUIRED]")
	if r.m.logins != 0 {
		t.Fatal("a password in the clear was looked at")
	}
	c.ok(`ID ("name" "Somebody on the way")`)
	c.ok("STARTTLS")
	c.underTLS()
	has(t, c.ok("CAPABILITY"), "ID AUTH=PLAIN")
	c.no("STARTTLS", "BAD")
	c.ok("LOGIN ann@clinic.example secret")
	if r.m.visitor.Agent != "" {
		t.Errorf("%q was said in the clear", r.m.visitor.Agent)
	}
	c.ok("SELECT INBOX")

	c = r.dial(t)
	c.want("* OK")
	c.ok("STARTTLS")
	c.underTLS()
	c.ok(`ID ("name" "Mutt" "version" "2")`)
	c.ok("LOGIN ann@clinic.example secret")
	if r.m.visitor.Agent != "Mutt 2" {
		t.Errorf("%q", r.m.visitor.Agent)
	}

	c = r.dial(t)
	c.want("* OK")
	c.send("a STARTTLS\r\nb LOGIN ann@clinic.example secret\r\n")
	if said := c.wantEnd(); strings.Contains(said, "OK") || r.m.logins != 2 {
		t.Fatal(said)
	}
}

func TestLineEndsAndQuotes(t *testing.T) {
	r := begin(t)
	c := r.inbox(t, "ann")
	c.send("a LIST \"\" \"x\nb LOGOUT\n")
	c.want("a BAD")
	c.want("* BYE")
	c = r.inbox(t, "ann")
	c.send("a LIST \"\" \"x\r\"\r\n")
	c.want("a BAD")
	c.send("b LIST \"\" x\x00y\r\n")
	c.want("b BAD")
	c.send("* NOOP\r\n+ NOOP\r\n\r\nc NOOP\r\n")
	c.want("* BAD")
	c.want("* BAD")
	c.want("* BAD")
	c.want("c OK")
}

// A client that stops reading makes only itself wait.
func TestASlowReaderDisturbsNobody(t *testing.T) {
	r := begin(t, func(c *Config) { c.Limits.Write = 300 * time.Millisecond })
	big := simple + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 60000)
	for range 20 {
		r.m.put(t, "ann@clinic.example", gateway.FolderInbox, big, "", gateway.Marks{})
	}
	slow := r.inbox(t, "ann")
	slow.send("a FETCH 1:* BODY.PEEK[]\r\n")
	quick := r.inbox(t, "ann")
	begun := time.Now()
	quick.ok("NOOP")
	quick.ok("STORE 1 +FLAGS (\\Seen)")
	if took := time.Since(begun); took > 20*time.Second {
		t.Fatalf("another session waited %v", took)
	}
	time.Sleep(time.Second)
	if said := slow.wantEnd(); strings.Contains(said, "a OK") {
		t.Fatal("it was waited for")
	}
}

// A shutdown waits for nobody who has not finished a handshake.
func TestShutdownDuringAHandshake(t *testing.T) {
	r := begin(t)
	c := r.dial(t)
	c.want("* OK")
	c.ok("STARTTLS")
	begun := time.Now()
	r.stop(t)
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
