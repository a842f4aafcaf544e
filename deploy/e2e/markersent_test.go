package e2e

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// markedSite is a gate that gets markers in every field of everything.
type markedSite struct {
	*gate
	m       *markers
	outside *sink
	carrier *smsCarrier
	temp    *tempWatch
	words   string // of the policy's list
	people  []string
}

// refusing is a next hop that quotes whom it refuses: addresses that begin with
// later for now, with gone for good.
func refusing(t *testing.T, m *markers) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				fmt.Fprintf(c, "220 %s ESMTP\r\n", m.next("the greeting of a next hop"))
				for {
					line, err := in.ReadString('\n')
					lower := strings.ToLower(line)
					switch {
					case err != nil:
						return
					case strings.HasPrefix(lower, "ehlo"):
						fmt.Fprintf(c, "250-hop.example %s\r\n250 8BITMIME\r\n", m.next("EHLO's answer of a next hop"))
					case strings.HasPrefix(lower, "rcpt") && strings.Contains(lower, "<later"):
						fmt.Fprintf(c, "451 4.2.0 %s %s try later\r\n", strings.TrimSpace(line), m.with("what a next hop says", answered))
					case strings.HasPrefix(lower, "rcpt"):
						fmt.Fprintf(c, "550 5.1.1 %s %s unknown\r\n", strings.TrimSpace(line), m.with("what a next hop says", answered))
					default:
						fmt.Fprint(c, "250 2.0.0 Ok\r\n")
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func newMarkedSite(t *testing.T) *markedSite {
	t.Helper()
	m := &markers{exact: map[string]string{smsPassword: "a password of SMPP", longPassword: "a password of SMPP"}}
	s := &markedSite{m: m, outside: startSink(t, nil), carrier: startCarrier(t, object{"system_id": "gw", "password": smsPassword}), words: m.next("a word of a list")}
	policy := fmt.Sprintf(`policy: markers
default: secure
on_error: hold
detectors:
  words: {words: [%s]}
lists: {friends: [%s@list.example]}
rules:
  - {id: w, reason: a word, when: 'found(["words"], LOW)', then: secure}
  - {id: l, reason: a list, when: recipient.address in lists.friends, then: secure}
  - {id: h, reason: held, when: recipient.domain == "held.example", then: hold}
  - {id: r, reason: refused, when: recipient.domain == "refused.example", then: reject}
  - {id: p, reason: passed, when: recipient.domain == "pass.example", then: pass}
  - {id: b, reason: passed, when: recipient.domain == "broken.example", then: pass}
`, s.words, m.next("an address of a list"))
	s.gate = newGate(t, settings{
		policy: policy, smsc: s.carrier.addr(), imap: true,
		routes: []string{fmt.Sprintf("{domain: broken.example, via: %q, tls: none}", refusing(t, m)), fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.outside.addr)},
		more:   []string{"pins: {tries: 5, pause: 1s, freeze: 10, resend: 1s}", "recall: {grace: 1s}"},
	})
	tmp, usual := workDir(t), os.TempDir()
	s.temp = m.watch(tmp)
	t.Setenv("GOTRACEBACK", "all")
	t.Setenv("TMPDIR", tmp) // the server's alone
	s.start()
	t.Setenv("TMPDIR", usual)
	s.carrier.wait(1, 30*time.Second, "bind", func(e smsEvent) bool { return e.Status == 0 })
	return s
}

// address is a new address with a marker; operators may see it.
func (s *markedSite) address(what, domain string) string {
	return s.m.with(what, answered) + "@" + domain
}

// fields are header fields of every kind with markers in all their parts.
func (s *markedSite) fields() []string {
	n := s.m.next
	word := func(what string) string {
		return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(n(what))) + "?="
	}
	f := []string{
		"Received: from " + n("a Received name") + ".example (" + n("a comment of Received") + " [192.0.2.7]) by a.example with ESMTP id " + n("an id of Received") + "; Sat, 21 Nov 2026 10:00:00 +0000",
		"DKIM-Signature: v=1; a=rsa-sha256; d=" + n("d=") + ".example; s=" + n("s=") + "; h=from; bh=AAAA; b=" + n("b="),
		"Authentication-Results: " + n("an authserv-id") + "; dkim=pass header.d=" + n("a property") + ".example",
		"X-" + n("the name of a field") + ": " + n("the value of a field"),
		"X-Folded: one\r\n\t" + n("a folded field"), "Cc: " + word("a display name in base64") + " <" + n("Cc") + "@out.example>",
		"Reply-To: " + n("the name in Reply-To") + " <" + n("Reply-To") + "@clinic.example>", "Sender: " + n("Sender") + "@clinic.example",
		"In-Reply-To: <" + n("In-Reply-To") + "@out.example>", "References: <" + n("References") + "@out.example> <" + n("References") + "@b.example>",
		"Comments: (" + n("Comments") + ")", "Keywords: " + n("Keywords") + ", " + n("Keywords"), "List-Id: " + n("the phrase of List-Id") + " <" + n("List-Id") + ".example>",
		"Organization: " + n("Organization"), "Thread-Topic: " + n("Thread-Topic"), "Return-Path: <" + n("Return-Path") + "@clinic.example>",
		"Disposition-Notification-To: " + n("Disposition-Notification-To") + "@clinic.example", "User-Agent: " + n("User-Agent of a mail"),
	}
	return f
}

// mail is one with markers in everything that a mail has.
func (s *markedSite) mail(t *testing.T, from, to string) []byte {
	t.Helper()
	n := s.m.next
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create(n("the name of a file in an archive") + ".txt")
	must(t, err)
	_, err = w.Write([]byte(n("a file in an archive")))
	must(t, err)
	must(t, z.Close())
	boundary := n("a boundary")
	qp := ""
	for _, c := range []byte(n("quoted-printable")) {
		qp += fmt.Sprintf("=%02X", c)
	}
	inner := mailText(n("From of an inner mail")+"@out.example", n("To of an inner mail")+"@out.example", n("the subject of an inner mail"), n("an inner mail")+"\n")
	m := multipart("mixed", boundary,
		mimePart{kind: "text/plain; charset=utf-8; x-" + n("the name of a parameter") + "=" + n("a parameter"), text: "Dear " + n("text") + ", " + n("text") + ".\r\n"},
		mimePart{kind: "text/html; charset=utf-8", text: "<p title=\"" + n("an attribute") + "\">" + n("HTML") + "<!-- " + n("a comment of HTML") + " --><a href=\"http://x.example/" + n("an address in HTML") + "\">x</a><style>." + n("a style") + "{}</style></p>\r\n"},
		mimePart{kind: "text/plain\r\nContent-Transfer-Encoding: quoted-printable", text: qp + "\r\n"},
		mimePart{kind: "text/plain; name=" + n("a name"), disposition: "attachment; filename=" + n("a file name") + ".txt", id: n("Content-ID") + "@x", raw: []byte(n("an attachment"))},
		mimePart{kind: "application/octet-stream", disposition: "attachment; filename*=utf-8''%41" + n("a file name of RFC 2231") + ".bin", raw: []byte(n("octets"))},
		mimePart{kind: "application/zip; name=a.zip", disposition: "attachment; filename=a.zip", raw: archive.Bytes()},
		mimePart{kind: "application/pdf; name=a.pdf", disposition: "attachment; filename=a.pdf", raw: pdf(n("a PDF"))},
		mimePart{kind: "text/calendar", text: "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:" + n("a calendar") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"},
		mimePart{kind: "message/rfc822", text: string(inner)})
	subject := "=?utf-8?Q?" + s.m.with("a subject in encoded words", shown) + "?= " + s.m.with("a subject", shown)
	raw := mailText(fmt.Sprintf("%q <%s>", n("the name in From"), from), fmt.Sprintf("%q <%s> (%s)", n("the name in To"), to, n("a comment")), subject, "", append(s.fields(), "MIME-Version: 1.0", "Content-Type: "+m.kind)...)
	raw = bytes.Replace(raw, []byte("Message-ID: <"), []byte("Message-ID: <"+s.m.with("Message-ID", shown)), 1)
	return append(raw, "preamble "+n("a preamble")+"\r\n"+m.text+"epilogue "+n("an epilogue")+"\r\n"...)
}

// mails go every way that a mail can go, and their sessions make mistakes. It
// returns the address and id of one that was secured, and of one that is held.
func (s *markedSite) mails(t *testing.T) (to, id, held string) {
	t.Helper()
	n := s.m.next
	from := s.address("MAIL FROM", "clinic.example")
	to = s.address("RCPT TO of what is secured", "out.example")
	private := s.address("a second address", "other.example")
	s.contacts("email,email2,language,name,phone,patient", fmt.Sprintf("%s,%s,en,%s,%s,true", to, private, s.m.with("the name of a contact", answered), s.m.phone()))
	s.people = append(s.people, to, private)
	id = accepted(t, s.relay, from, []string{to}, s.mail(t, from, to))
	for _, domain := range []string{"pass.example", "held.example", "broken.example", "out.example"} {
		other := s.address("RCPT TO of "+domain, domain)
		if domain == "broken.example" {
			other = "later" + other
		}
		got := accepted(t, s.relay, from, []string{other}, s.mail(t, from, other))
		if domain == "held.example" {
			held = got
		}
	}
	gone := "gone" + s.address("RCPT TO of what bounces", "broken.example")
	accepted(t, s.relay, from, []string{gone}, s.mail(t, from, gone))
	refused := s.address("RCPT TO of what is refused", "refused.example")
	if r := sendOne(t, s.relay, from, []string{refused}, s.mail(t, from, refused)); r.code != 550 {
		t.Errorf("the refused mail was answered %v", r)
	}
	for _, addr := range []string{s.relay, s.inbound, s.submission} {
		c := dialSMTP(t, addr)
		c.say("EHLO %s.example", n("EHLO"))
		c.say("%s", n("a command"))
		c.say("VRFY %s", n("VRFY"))
		c.say("HELP %s", n("HELP"))
		c.say("AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+n("a user of AUTH")+"\x00"+n("a password of AUTH"))))
		c.say("MAIL FROM:<%s@clinic.example> X%s=%s", n("MAIL FROM with a parameter"), n("a parameter of MAIL"), n("a value of MAIL"))
		c.say("MAIL FROM:<%s@clinic.example> ENVID=%s RET=FULL", n("MAIL FROM with ENVID"), n("ENVID"))
		c.say("MAIL FROM:<%s", n("MAIL FROM, broken"))
		c.say("RSET")
		c.say("MAIL FROM:<%s@stranger.example>", n("MAIL FROM of a stranger"))
		c.say("RCPT TO:<%s@reply.clinic.example>", n("RCPT TO of nobody"))
		c.say("RCPT TO:<%s@elsewhere.example> ORCPT=rfc822;%s", n("RCPT TO to be relayed"), n("ORCPT"))
		c.say("RCPT TO:<%s%%x.example@clinic.example>", n("RCPT TO with %"))
		c.quit()
	}
	return to, id, held
}

// reads goes through the viewer: with mistakes, to the message, its files and
// an answer.
func (s *markedSite) reads(t *testing.T, to string) {
	t.Helper()
	n := s.m.next
	notice := s.outside.wait(t, to, 1)
	link := notice.link(t)
	s.m.also("a link", link[strings.LastIndexByte(link, '/')+1:])
	token, _, _ := strings.Cut(notice.from, "@")
	s.m.also("a bounce token", token)
	capability := address(t, notice.header(t, "Reply-To"))
	token, _, _ = strings.Cut(capability, "@")
	s.m.also("a capability", token)
	b := newBrowser(t)
	b.client.Transport = s.dressed(b.client.Transport)
	for _, path := range []string{"/m/" + n("a path"), "/" + n("a path"), "/m/../" + n("a path"), "/staff/" + n("a path"), "/setup/apple.mobileconfig?address=" + n("a query") + "@clinic.example", "/mail/config-v1.1.xml?emailaddress=" + n("a query") + "@clinic.example"} {
		b.get("http://" + s.viewer + path)
	}
	first := b.get(link + "?" + n("the name of a query") + "=" + n("a query"))
	b.do("POST", link, url.Values{n("the name of a form field"): {n("a form field")}, "token": {n("a token")}, "pin": {n("a PIN")}})
	code := codeFrom(t, s.outside, s.people[len(s.people)-1])
	asked := b.submit(first, "code", "")
	pin := code()
	b.submit(asked, "pin", n("a wrong PIN"))
	opened := b.submit(asked, "pin", pin)
	if opened.status != http.StatusOK || !strings.Contains(opened.body, markerHead) {
		t.Fatalf("the message did not open: %d\n%.3000s", opened.status, opened.body)
	}
	for _, f := range opened.files(t) {
		b.get(f)
	}
	for _, c := range b.client.Jar.Cookies(opened.url) {
		s.m.also("a session", c.Value)
	}
	if sent := b.answer(opened, "I answer "+n("an answer")+".", strings.NewReader(n("an uploaded file"))); sent.status != http.StatusOK {
		t.Errorf("the answer: %d\n%.1000s", sent.status, sent.body)
	}
	staff := b.get("http://" + s.viewer + "/staff/" + strings.Repeat("0", 26))
	if strings.Contains(staff.body, `name="password"`) {
		b.submitAll(staff, "password", map[string]string{"name": n("a user name of the staff page"), "password": n("a password of the staff page")})
	}
	b.leave(b.get(link))
	// Answers by mail: unsigned, and from somebody else.
	for range 2 {
		from := s.address("MAIL FROM of an answer", "out.example")
		if r := sendOne(t, s.inbound, from, []string{capability}, s.mail(t, from, capability)); r.code/100 != 2 && r.code/100 != 5 {
			t.Errorf("an unsigned answer: %v", r)
		}
	}
}

// dressed gives each request header fields with markers.
func (s *markedSite) dressed(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		for _, name := range []string{"User-Agent", "Referer", "Accept-Language", "X-Forwarded-For", "X-" + s.m.next("the name of a header field")} {
			r.Header.Set(name, s.m.next(name))
		}
		r.AddCookie(&http.Cookie{Name: s.m.next("the name of a cookie"), Value: s.m.next("a cookie")})
		return next.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// texts are short messages with markers in all that they have.
func (s *markedSite) texts(t *testing.T) {
	t.Helper()
	n := s.m.next
	a := startNodeApp(t, s.smpp, "clinic", smsPassword)
	from := s.m.phone()
	for _, how := range []string{"", "udh16", "sar", "payload"} {
		a.Submit(smsText{from: clinicNumber, to: s.m.phone(), text: strings.Repeat("Dear "+n("a text")+", ", 8), how: how})
	}
	a.send(smsText{from: s.m.phone(), to: s.m.phone(), text: n("a text from a number that is not the account's")}, 1)
	a.Submit(smsText{from: clinicNumber, to: from, text: n("a text in UCS-2"), coding: "ucs2"})
	for _, do := range []string{"query", "cancel"} {
		a.do(object{"do": do, "tag": do, "id": n("an id of a message"), "from": clinicNumber, "to": s.m.phone()})
	}
	before := len(s.outside.to("frontdesk@clinic.example"))
	s.carrier.do(object{"do": "mo", "from": from, "to": clinicNumber, "text": n("a text from outside")})
	s.carrier.do(object{"do": "mo", "from": s.m.phone(), "to": clinicNumber, "text": strings.Repeat(n("a long text from outside")+" ", 12)})
	eventually(t, answerPatience, func() string {
		if len(s.outside.to("frontdesk@clinic.example")) < before+2 {
			return "the texts from outside have not reached staff"
		}
		return ""
	})
	a.do(object{"do": "unbind"})
	c, err := net.Dial("tcp", s.smpp)
	must(t, err)
	defer c.Close()
	tlv := func(tag uint16, what string) string {
		v := n(what)
		return string([]byte{byte(tag >> 8), byte(tag), 0, byte(len(v))}) + v
	}
	for _, pdu := range [][]byte{
		pduBytes(0x09, 1, "other\x00"+longPassword+"\x00"+"\x00\x34\x00\x00"+n("an address range")+"\x00"),
		pduBytes(0x04, 2, "WAP\x00\x01\x01"+otherNumber[1:]+"\x00\x01\x01"+s.m.phone()[1:]+"\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05hello"+
			tlv(0x0381, "callback_num")+tlv(0x0202, "source_subaddress")+tlv(0x0203, "dest_subaddress")+tlv(0x1501, "a parameter of a vendor")),
		pduBytes(0x04, 3, n("a service type")+"\x00\x01\x01"+n("a source address")+"\x00\x01\x01"+n("a destination")+"\x00\x00\x00\x00"+n("a schedule")+"\x00"+n("a validity")+"\x00\x01\x00\x00\x00\x16"+n("a text of a malformed PDU")),
		pduBytes(0x103, 4, "\x00\x01\x01"+otherNumber[1:]+"\x00\x01\x01"+s.m.phone()[1:]+"\x00\x00\x00\x00"+tlv(0x0424, "message_payload of data_sm")),
		pduBytes(0x7777, 5, n("an unknown PDU")),
	} {
		_, err := c.Write(pdu)
		must(t, err)
	}
	stranger, err := net.Dial("tcp", s.smpp)
	must(t, err)
	defer stranger.Close()
	_, err = stranger.Write(pduBytes(0x09, 1, n("a system_id")[:15]+"\x00"+n("a password of SMPP")[:8]+"\x00"+n("a system_type")[:12]+"\x00\x34\x00\x00\x00"))
	must(t, err)
	time.Sleep(300 * time.Millisecond) // they are read
}

// mailClient does with markers what a mail client can say.
func (s *markedSite) mailClient(t *testing.T, name, password string) {
	t.Helper()
	n := s.m.next
	wrong := dialIMAP(t, s.imap)
	wrong.say(fmt.Sprintf("LOGIN %s %q", n("a user name of IMAP"), n("a wrong password of IMAP")))
	wrong.say("AUTHENTICATE PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+n("a user name of PLAIN")+"\x00"+n("a password of PLAIN"))))
	_ = wrong.conn.Close()
	c := dialIMAP(t, s.imap)
	c.say(fmt.Sprintf(`ID ("name" %q %q "x")`, n("a value of ID"), n("a name of ID")))
	c.must(fmt.Sprintf("LOGIN %s %q", name, password))
	c.say(n("an unknown command") + " " + n("an argument"))
	for _, command := range []string{"SELECT %q", "CREATE %q", `LIST "" %q`, "SUBSCRIBE %q", "STATUS %q (MESSAGES)", "DELETE %q", "RENAME INBOX %q", "ENABLE %s", "GETQUOTA %q"} {
		c.say(fmt.Sprintf(command, n("a folder")))
	}
	text := s.mail(t, n("From of an upload")+"@clinic.example", n("To of an upload")+"@clinic.example")
	c.must("APPEND Templates (\\Seen "+n("a keyword")+") ", string(text))
	c.must("SELECT Templates")
	c.must("FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY[])")
	c.must("STORE 1 +FLAGS (" + n("a keyword") + ")")
	c.must(fmt.Sprintf("SEARCH OR OR OR SUBJECT %q BODY %q TEXT %q OR FROM %q HEADER %q %q", n("SEARCH"), n("SEARCH"), n("SEARCH"), n("SEARCH"), n("SEARCH"), n("SEARCH")))
	c.say("SEARCH KEYWORD " + n("SEARCH"))
	c.say("FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-" + n("the name of a fetched field") + ")])")
	c.say("FETCH 1 (BODY[" + n("a section") + "])")
	c.must("SELECT Secured/Unopened")
	c.must("FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY[])")
	c.must("LOGOUT")
}

// operates asks and decides, with reasons; what is said is returned by name.
func (s *markedSite) operates(t *testing.T, id, held string) map[string]string {
	t.Helper()
	m := s.m
	said := map[string]string{}
	for _, args := range [][]string{
		{"queue", "list"}, {"queue", "list", "--json"}, {"queue", "show", id + ".0"}, {"held", "list"}, {"held", "show", held + ".0"},
		{"message", "show", id}, {"message", "show", held, "--json"}, {"audit", "show", id}, {"audit", "verify"}, {"key", "list"}, {"queue", "summary"},
		{"message", "show", m.next("an argument")}, {"queue", "show", m.next("an argument")}, {"contact", "show", m.next("an argument") + "@out.example"},
	} {
		out, errs, _ := s.run(args...)
		what := "gatepost " + strings.Join(args, " ")
		said[what[:min(len(what), 24)]] += markerless(out+errs, args[len(args)-1])
	}
	s.must("held", "refuse", held+".0", "--reason", m.with("a reason", reasoned))
	if out, errs, code := s.run("message", "recall", id); code != 0 {
		t.Errorf("recall: %s%s", out, errs)
	}
	return said
}

// markerless is an answer less the argument that it repeats to who gave it.
func markerless(text, argument string) string { return strings.ReplaceAll(text, argument, "") }

var quitWords = regexp.MustCompile(`(?m)^SIGQUIT: quit`)

// TestAThousandMarkersAppearNowhere: a thousand words in every field of
// everything that is sent over SMTP, SMPP, IMAP and HTTP, in passwords,
// policy lists and operators' reasons. None stands in the log, a metric, a
// debug page, a temporary file, the octets of store, bodies, journal, keys and
// backup, or what a crash prints. Operators see addresses, what next hops
// answered and by what they tell a message: its subject and ids; an export
// holds addresses, answers and operators' reasons; nothing shows more.
// There is no other level of the log, and stacks show addresses of memory, not
// values.
func TestAThousandMarkersAppearNowhere(t *testing.T) {
	s := newMarkedSite(t)
	m := s.m
	const staff = "ann@clinic.example"
	password := m.next("a password of staff")
	s.must("user", "add", staff, "--password-file", write(t, filepath.Join(s.dir, "staff.password"), password+"\n"))
	said := map[string]string{}
	for len(m.what) < 1000 {
		to, id, held := s.mails(t)
		accepted(t, s.relay, staff, []string{to}, s.mail(t, staff, to))
		s.reads(t, to)
		s.texts(t)
		s.mailClient(t, staff, password)
		for what, text := range s.operates(t, id, held) {
			said[what] += text
		}
	}
	time.Sleep(1500 * time.Millisecond) // a second attempt at the broken hop; the recall's grace
	backup := filepath.Join(s.dir, "backup")
	s.must("backup", backup)
	for _, page := range []string{"goroutine?debug=1", "goroutine?debug=2", "heap?debug=1", "allocs?debug=1", "block?debug=1", "mutex?debug=1", "threadcreate?debug=1", ""} {
		m.absent(t, "the debug page "+page, s.debugPage("/debug/pprof/"+page))
	}
	for _, path := range []string{"/metrics", "/readyz", "/livez"} {
		_, text := s.get(path)
		m.absent(t, path, text)
	}
	m.absent(t, "keys of the store", s.must("store", "dump"))
	for _, format := range []string{"json", "rfc5424"} {
		m.absent(t, "evidence as "+format, s.must("audit", "export", "--format", format), answered, reasoned)
	}
	for what, text := range said {
		m.absent(t, what, text, answered, reasoned, shown)
	}
	own := []string{"policy.yaml", "contacts.csv", "staff.password", "clinic.password", "other.password", "upstream.password"}
	for _, dir := range []string{s.data, backup, s.keys} { // while it runs: logs of the store that were not folded yet, too
		if n := m.absentFrom(t, dir, own...); n < 3 {
			t.Errorf("only %d files in %s were looked at", n, dir)
		}
	}
	s.crash(t)
	s.temp.end(t)
	m.absent(t, "the log", s.log())
	m.absentFrom(t, s.dir, own...)
	t.Logf("MEASURED %d markers and %d other secrets stand nowhere", len(m.what), len(m.exact))
}

// crash has the runtime print all that it prints when a program dies.
func (s *markedSite) crash(t *testing.T) {
	t.Helper()
	limits := readFile(t, fmt.Sprintf("/proc/%d/limits", s.process.cmd.Process.Pid))
	if !regexp.MustCompile(`Max core file size +0 +0`).MatchString(limits) {
		t.Errorf("a crash may leave a core file:\n%s", limits)
	}
	s.process.signal(syscall.SIGQUIT)
	if code, ok := s.process.exited(time.Minute); !ok || code != 2 {
		t.Errorf("after SIGQUIT: ended %v, code %d", ok, code)
	}
	s.process = nil
	if text := s.log(); !quitWords.MatchString(text) || strings.Count(text, "\ngoroutine ") < 20 {
		t.Error("the crash printed no stacks")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "core")); err == nil {
		t.Error("there is a core file")
	}
}
