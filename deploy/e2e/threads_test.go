package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clinic is a gate between the mail server of the organization, a real
// Postfix with a Maildir, and the world outside.
type clinic struct {
	*gate
	inside  *postfix
	outside *sink
	dns     *senderKey
	key     *rsa.PrivateKey // of the correspondent's mail server
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{inside: startPostfix(t, "virtual_mailbox_domains = clinic.example"), outside: startSink(t, nil), dns: newSenderKey(t)}
	var err error
	c.key, err = rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	c.dns.publish(t, "mail._domainkey.out.example.", c.key.Public())
	c.gate = newGate(t, settings{
		routes: []string{fmt.Sprintf("{domain: clinic.example, via: %q, tls: none}", c.inside.addr), fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", c.outside.addr)},
		more:   []string{fmt.Sprintf("dns: {server: \"127.0.0.1:%d\"}", c.dns.port)},
	}).start()
	c.contacts("email,email2,language,name,patient", "pat@out.example,pat.private@other.example,en,Pat Jones,true")
	return c
}

// newMail is a simple mail that was written now.
func newMail(from, to, subject, id, body string, more ...string) []byte {
	head := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\n", from, to, subject, time.Now().Format(time.RFC1123Z), id)
	for _, m := range more {
		head += m + "\r\n"
	}
	return []byte(head + "\r\n" + body)
}

// send hands a mail of staff to the gate and puts the copy that a mail client
// keeps into the Maildir.
func (c *clinic) send(id, to, subject, body string, more ...string) string {
	c.t.Helper()
	mail := newMail("Dr Ann Miller <ann@clinic.example>", to, subject, id, body, more...)
	copied := bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n"))
	for _, sub := range []string{"new", "cur", "tmp"} {
		must(c.t, os.MkdirAll(filepath.Join(c.inside.maildir, sub), 0o777))
		must(c.t, os.Chmod(filepath.Join(c.inside.maildir, sub), 0o777))
	}
	must(c.t, os.Chmod(c.inside.maildir, 0o777))
	write(c.t, filepath.Join(c.inside.maildir, "cur", strings.NewReplacer("@", ".").Replace(id)+":2,S"), string(copied))
	return accepted(c.t, c.relay, "ann@clinic.example", []string{to}, mail)
}

// headerOf is a field of a mail, unfolded.
func headerOf(t *testing.T, raw, name string) string {
	t.Helper()
	return received{raw: []byte(raw)}.header(t, name)
}

var turnPattern = regexp.MustCompile(`/m/[A-Za-z0-9_-]{22}/turn/[0-9a-v]{26}`)

// TestAnswersThreadInTheStaffClient: an answer from the viewer and one by mail
// stand under the staff member's own message, as a real mail client shows it;
// what staff answers to them is the next secured message.
func TestAnswersThreadInTheStaffClient(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	const original = "first.visit@clinic.example"
	c.send(original, "pat@out.example", "Your biopsy result", "Your biopsy result about the kestrel is benign.\r\n")
	notice := c.outside.wait(t, "pat@out.example", 1)
	b := newBrowser(t)
	opened := b.open(notice.link(t), codeFrom(t, c.outside, "pat.private@other.example"))
	scan := noise(7, 300_000)
	sent := b.answer(opened, "Thank you, the goldfinch is glad.", bytes.NewReader(scan))
	turns := turnPattern.FindAllString(sent.body, -1)
	if sent.status != http.StatusOK || len(turns) == 0 {
		t.Fatalf("after the answer: %d\n%s", sent.status, sent.body)
	}
	if mine := b.get("http://" + sent.url.Host + turns[len(turns)-1]); !strings.Contains(mine.body, "goldfinch") {
		t.Errorf("the correspondent does not see the answer: %d\n%s", mine.status, mine.body)
	}
	mail := newMail("Pat Jones <pat@out.example>", notice.header(t, "Reply-To"), "Re: "+notice.header(t, "Subject"), "answer.1@out.example",
		"One more question about the redstart.\r\n", "In-Reply-To: "+notice.header(t, "Message-ID"))
	capability := strings.Trim(notice.header(t, "Reply-To"), "<>")
	accepted(t, c.inbound, "pat@out.example", []string{capability}, signWithOpenDKIM(t, mail, "out.example", "mail", c.key))
	c.inside.waitFor(2, time.Minute)

	under := childrenInMutt(t, c.inside.maildir, original)
	text := strings.Join(under, "\n")
	if len(under) != 2 || !strings.Contains(text, "goldfinch") || !strings.Contains(text, "redstart") || !strings.Contains(text, base64Lines(scan)[:60]) {
		t.Fatalf("%d messages under the original:\n%s", len(under), text[:min(len(text), 6000)])
	}
	for _, m := range under {
		if from := headerOf(t, m, "From"); !strings.Contains(from, "(pat@out.example) via Secure") || !strings.Contains(from, "<r.") {
			t.Errorf("an answer is from %q", from)
		}
	}
	c.staffAnswers(b, opened, under[0])
	c.must("audit", "verify")
}

// staffAnswers sends a turn of staff to the address that an answer came from.
func (c *clinic) staffAnswers(b *browser, opened page, answer string) {
	c.t.Helper()
	from := headerOf(c.t, answer, "From")
	capability := from[strings.LastIndexByte(from, '<')+1 : strings.LastIndexByte(from, '>')]
	c.outside.forget()
	c.send("second.visit@clinic.example", capability, "Re: Your biopsy result", "Everything about the whinchat is fine.\r\n",
		"In-Reply-To: "+headerOf(c.t, answer, "Message-ID"), "X-Internal-Host: ws7.clinic.example")
	second := c.outside.wait(c.t, "pat@out.example", 1)
	if seen := string(c.outside.octets()); strings.Contains(seen, "whinchat") || strings.Contains(seen, "ws7") {
		c.t.Error("the staff's turn, or a name inside, left")
	}
	page := b.get(opened.url.String())
	if !strings.Contains(page.body, "kestrel") {
		c.t.Error("the first message is not in the conversation any more")
	}
	again := b.open(second.link(c.t), codeFrom(c.t, c.outside, "pat.private@other.example"))
	if !strings.Contains(again.body, "whinchat") || strings.Contains(again.body, "ws7.clinic.example") {
		c.t.Errorf("the page of the second message:\n%s", again.body)
	}
}
