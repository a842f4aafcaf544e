package imapd

import (
	"strconv"
	"strings"
	"testing"

	"gatepost/gateway"
)

func TestADay(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 3)
	c := r.login(t, "ann")
	has(t, c.ok(`LIST "" "*"`), `\NonExistent`, `"Secured"`)
	lines := c.ok("SELECT INBOX")
	has(t, lines, "* 3 EXISTS")
	has(t, lines, "[UIDVALIDITY 7]")
	has(t, lines, "[UIDNEXT 4]")
	has(t, lines, "[UNSEEN 1]")
	lines = c.ok("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")
	has(t, lines, `* 2 FETCH (UID 2 FLAGS () INTERNALDATE " 2-Mar-2026 10:00:00 +0000" RFC822.SIZE `, `ENVELOPE ("Mon, 02 Mar 2026 10:00:00 +0000" "Knee 2" (("Pat" NIL "pat" "example.org")) (("Pat" NIL "pat" "example.org")) (("Pat" NIL "pat" "example.org")) ((NIL NIL "ann" "clinic.example")) NIL NIL NIL "<m1@example.org>"))`)
	if len(r.m.reads) != 0 {
		t.Fatalf("a list is no reading: %v", r.m.reads)
	}
	lines = c.ok("FETCH 2 BODY[TEXT]")
	has(t, lines, "* 2 FETCH (FLAGS (\\Seen) BODY[TEXT] {21}\r\nThe knee is better.\r\n)")
	if len(r.m.reads) != 1 {
		t.Fatalf("reads: %v", r.m.reads)
	}
	has(t, c.ok("SEARCH UNSEEN"), "* SEARCH 1 3")
	has(t, c.ok("UID SEARCH RETURN (MIN MAX COUNT) ALL"), "UID MIN 1 MAX 3 COUNT 3")
	has(t, c.ok(`STORE 1 +FLAGS (\Flagged $Later)`), `* 1 FETCH (FLAGS (\Flagged $Later))`)
	if lines = c.ok(`STORE 1 -FLAGS.SILENT (\Flagged)`); len(lines) != 0 {
		t.Fatalf("a silent STORE says %q", lines)
	}
	lines = c.ok("UID MOVE 3 Templates")
	has(t, lines, "* OK [COPYUID 7 3 1]")
	has(t, lines, "* 3 EXPUNGE")
	has(t, c.ok("STATUS Templates (MESSAGES UIDNEXT SIZE)"), "* STATUS \"Templates\" (MESSAGES 1 UIDNEXT 2 SIZE ")
	c.ok(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	has(t, c.ok("EXPUNGE"), "* 1 EXPUNGE")
	has(t, c.ok("NAMESPACE"), `* NAMESPACE (("" "/")) NIL NIL`)
	c.ok("CLOSE")
	c.ok("LOGOUT")
	c.wantEnd()
}

func TestSectionsOfANestedMail(t *testing.T) {
	r := begin(t)
	head := "X-Gatepost-Status: opened\r\n"
	r.m.put(t, "ann@clinic.example", gateway.FolderUnopened, nestedMail, head, gateway.Marks{})
	c := r.login(t, "ann")
	c.ok("SELECT Secured/Unopened")
	whole := head + nestedMail
	top := whole[:strings.Index(whole, "\r\n\r\n")+4]
	for _, k := range []struct{ ask, name, want string }{
		{"BODY.PEEK[]", "BODY[]", whole},
		{"RFC822", "RFC822", whole},
		{"RFC822.HEADER", "RFC822.HEADER", top},
		{"RFC822.TEXT", "RFC822.TEXT", whole[len(top):]},
		{"BODY.PEEK[HEADER]", "BODY[HEADER]", top},
		{"BODY.PEEK[HEADER.FIELDS (subject x-gatepost-status)]", "BODY[HEADER.FIELDS (subject x-gatepost-status)]", head + "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"},
		{"BODY.PEEK[HEADER.FIELDS.NOT (from to subject mime-version content-type)]", "BODY[HEADER.FIELDS.NOT (from to subject mime-version content-type)]", head + "\r\n"},
		{"BODY.PEEK[1]", "BODY[1]", "Gr=C3=BC=C3=9Fe aus K=C3=B6ln"},
		{"BODY.PEEK[1.MIME]", "BODY[1.MIME]", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"},
		{"BODY.PEEK[1]<3.5>", "BODY[1]<3>", "C3=BC"},
		{"BODY.PEEK[1]<100.5>", "BODY[1]<100>", ""},
		{"BODY.PEEK[2.HEADER]", "BODY[2.HEADER]", "From: in@example.org\r\nSubject: Within\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"},
		{"BODY.PEEK[2.HEADER.FIELDS (Subject)]", "BODY[2.HEADER.FIELDS (Subject)]", "Subject: Within\r\n\r\n"},
		{"BODY.PEEK[2.1]", "BODY[2.1]", "plain within"},
		{"BODY.PEEK[2.2]", "BODY[2.2]", "<b>html within</b>"},
		{"BODY.PEEK[3]", "BODY[3]", "aGVsbG8g\r\nd29ybGQ="},
		{"BINARY.PEEK[3]", "BINARY[3]", "hello world"},
		{"BINARY.PEEK[1]", "BINARY[1]", "Gr\u00fc\u00dfe aus K\u00f6ln"},
		{"BINARY.PEEK[3]<6.3>", "BINARY[3]<6>", "wor"},
	} {
		line := has(t, c.ok("FETCH 1 "+k.ask), "FETCH")
		literal := "{" + strconv.Itoa(len(k.want)) + "}\r\n" + k.want
		if strings.HasPrefix(k.name, "BINARY") {
			literal = "~" + literal
		}
		if !strings.Contains(line, " "+k.name+" "+literal) && !strings.Contains(line, "("+k.name+" "+literal) {
			t.Errorf("%s:\n got %q\nwant %q", k.ask, line, k.name+" "+literal)
		}
	}
	has(t, c.ok("FETCH 1 (BODY.PEEK[7] BODY.PEEK[1.1] BINARY.PEEK[2.5] BINARY.SIZE[3])"), "BODY[7] NIL BODY[1.1] NIL BINARY[2.5] NIL BINARY.SIZE[3] 11")
	has(t, c.ok("FETCH 1 BODYSTRUCTURE"), `BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 29 0 NIL NIL NIL NIL)("message" "rfc822" NIL NIL NIL "7bit"`,
		`(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 0 NIL NIL NIL NIL)("text" "html"`, `("application" "pdf" ("name*" "utf-8''r%C3%A9sum%C3%A9.pdf") NIL NIL "base64" 18 NIL ("attachment" ("filename" "report.pdf")) NIL NIL) "mixed" ("boundary" "o") NIL NIL NIL)`)
	has(t, c.ok("FETCH 1 ENVELOPE"), `"=?utf-8?q?Gr=C3=BC=C3=9Fe?="`)
	has(t, c.ok("FETCH 1 (BODY BODYSTRUCTURE)"), ` (BODY ((`, ` BODYSTRUCTURE ((`)
}
