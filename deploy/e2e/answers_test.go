package e2e

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/deploy/e2e/opendkim"
)

// answerSite is a gate with the organization's own server behind it, the world
// outside, and a DNS that both believe.
type answerSite struct {
	gate           *gate
	inside, beyond *sink
	zone           *zone
	rsa            *rsa.PrivateKey
	ed             ed25519.PrivateKey
	capability     string // of the message that pat got
	number         int    // of answers made
}

func newAnswerSite(t *testing.T, more ...string) *answerSite {
	t.Helper()
	s := &answerSite{inside: startSink(t, nil), beyond: startSink(t, nil), zone: newZone(t)}
	var err error
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if _, s.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	s.zone.publish(t, "mail", "out.example", s.rsa)
	s.zone.publish(t, "curve", "out.example", s.ed)
	s.zone.publish(t, "mail", "evil.example", s.rsa)
	s.gate = newGate(t, settings{
		routes: []string{
			fmt.Sprintf("{domain: clinic.example, via: %q, tls: none}", s.inside.addr), fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.beyond.addr),
		},
		more: append([]string{fmt.Sprintf("dns: {server: %q}", s.zone.addr)}, more...),
	}).start()
	accepted(t, s.gate.relay, "ann@clinic.example", []string{"pat@out.example", "sam@out.example"},
		mailText("Dr Ann <ann@clinic.example>", "pat@out.example", "[secure] About the goldcrest", "The kestrel is benign.\n"))
	s.capability = address(t, s.beyond.wait(t, "pat@out.example", 1).header(t, "Reply-To"))
	return s
}

func address(t *testing.T, field string) string {
	t.Helper()
	a, err := mail.ParseAddress(field)
	if err != nil {
		t.Fatalf("%q: %v", field, err)
	}
	return a.Address
}

// letter makes an answer of pat; each change replaces the field of its name.
func (s *answerSite) letter(changes ...string) []byte {
	s.number++
	fields := []string{
		"From: Pat <pat@out.example>", "To: <" + s.capability + ">", "Subject: Re: secure message",
		"Date: " + time.Now().Format(time.RFC1123Z), fmt.Sprintf("Message-ID: <%d.answer@out.example>", s.number),
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
	}
	for _, c := range changes {
		name, _, _ := strings.Cut(c, ":")
		replaced := false
		for i, f := range fields {
			if strings.HasPrefix(f, name+":") {
				fields[i], replaced = c, true
				break
			}
		}
		if !replaced {
			fields = append(fields, c)
		}
	}
	return []byte(strings.Join(fields, "\r\n") + fmt.Sprintf("\r\n\r\nAnswer %d about the dunnock.\r\n", s.number))
}

// signed is raw as the correspondent's server sends it.
func (s *answerSite) signed(t *testing.T, raw []byte, selector string) []byte {
	t.Helper()
	key := crypto.Signer(s.rsa)
	if selector == "curve" {
		key = s.ed
	}
	return signWithOpenDKIM(t, raw, "out.example", selector, key)
}

// signing is signed with everything that OpenDKIM can do otherwise.
func (s *answerSite) signing(t *testing.T, raw []byte, change func(*opendkim.Signing)) []byte {
	t.Helper()
	o := opendkim.Signing{Domain: "out.example", Selector: "mail", Key: s.rsa, Canonicalization: "relaxed/simple", Also: []string{"Message-ID"}}
	change(&o)
	return opendkim.Sign(t, raw, o)
}

// TestMailAnswers hands in answers that a real OpenDKIM signed, and what only
// looks like one: each goes where the table says.
func TestMailAnswers(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	weeksAgo := "Date: " + time.Now().Add(-14*24*time.Hour).Format(time.RFC1123Z)
	gone := func(o *opendkim.Signing) { o.Selector = "gone" }
	replayed := s.signed(t, s.letter(), "mail")
	for _, c := range []struct {
		name string
		raw  []byte
		from string // MAIL FROM; pat when empty
		code int
		rule string // of the held list; "" attaches when code is 250
	}{
		{"rsa", s.signed(t, s.letter(), "mail"), "", 250, ""},
		{"ed25519", s.signed(t, s.letter(), "curve"), "", 250, ""},
		{"another participant", s.signed(t, s.letter("From: sam@out.example"), "mail"), "sam@out.example", 250, ""},
		{"to be replayed", replayed, "", 250, ""},
		{"replayed", replayed, "", 250, "replayed"},
		{"unsigned", s.letter(), "", 250, "unsigned"},
		{"forged From", s.signing(t, s.letter("From: mallory@evil.example"), func(o *opendkim.Signing) { o.Domain = "evil.example" }), "mallory@evil.example", 250, "not_participant"},
		{"signed by another domain", otherDomain(t, s), "", 250, "other_domain"},
		{"not a participant", s.signed(t, s.letter("From: eve@out.example"), "mail"), "eve@out.example", 250, "not_participant"},
		{"double From", append([]byte("From: ann@clinic.example\r\n"), s.signed(t, s.letter(), "mail")...), "", 550, ""},
		{"l=", s.signing(t, s.letter(), func(o *opendkim.Signing) { o.BodyLength = true }), "", 250, "partial"},
		{"sha1", s.signing(t, s.letter(), func(o *opendkim.Signing) { o.Algorithm = "rsa-sha1" }), "", 250, "sha1"},
		{"key gone", s.signing(t, s.letter(), gone), "", 250, "invalid"},
		{"changed on the way", []byte(strings.Replace(string(s.signed(t, s.letter(), "mail")), "dunnock", "cuckoo", 1)), "", 250, "invalid"},
		{"old", s.signed(t, s.letter(weeksAgo), "mail"), "", 250, "old"},
		{"Message-ID not signed", s.signing(t, s.letter(), func(o *opendkim.Signing) { o.Also = nil }), "", 250, "uncovered"},
		{"to nobody", s.signed(t, s.letter("To: pat@out.example"), "mail"), "", 250, "not_addressed"},
	} {
		t.Run(c.name, func(t *testing.T) { s.place(t, c.raw, c.from, c.code, c.rule) })
	}
	t.Run("expired", func(t *testing.T) {
		raw := s.signing(t, s.letter(), func(o *opendkim.Signing) { o.TTL = time.Second })
		time.Sleep(2100 * time.Millisecond)
		s.place(t, raw, "", 250, "expired")
	})
	if got := s.inside.octets(); strings.Contains(string(got), "cuckoo") {
		t.Error("a forged answer reached staff")
	}
	if n := s.gate.metric("gatepost_flow_answers_total", `place="attach"`); n != 4 {
		t.Errorf("%v answers counted", n)
	}
	s.gate.must("audit", "verify")
}

// otherDomain is an answer of pat's that only another domain signed. OpenDKIM
// signs for the domain of From, so it signs the same mail under another author,
// and what it does not cover is exchanged.
func otherDomain(t *testing.T, s *answerSite) []byte {
	t.Helper()
	raw := s.signing(t, s.letter("From: pat@evil.example"), func(o *opendkim.Signing) { o.Domain = "evil.example" })
	return []byte(strings.Replace(string(raw), "From: pat@evil.example", "From: pat@out.example", 1))
}

// place hands a mail in and looks where it went.
func (s *answerSite) place(t *testing.T, raw []byte, from string, code int, rule string) {
	t.Helper()
	if from == "" {
		from = "pat@out.example"
	}
	_, text, _ := strings.Cut(string(raw), "\r\n\r\n")
	before := s.delivered(text)
	r := sendOne(t, s.gate.inbound, from, []string{s.capability}, raw)
	if r.code != code {
		t.Fatalf("answered %v", r)
	}
	if code != 250 {
		return
	}
	_, id, _ := strings.Cut(r.text, "queued as ")
	if rule == "" {
		eventually(t, 20*time.Second, func() string {
			if s.delivered(text) != before+1 {
				return "the answer has not reached staff"
			}
			return ""
		})
		return
	}
	held := ""
	for _, o := range s.gate.list("held", "list") {
		if o.text("id") == strings.TrimSpace(id)+".0" {
			held = fmt.Sprint(o.text("hold"), " ", o["rules"])
		}
	}
	if held != "quarantine ["+rule+"]" {
		t.Errorf("held: %q, want %s", held, rule)
	}
	if s.delivered(text) != before {
		t.Error("it reached staff all the same")
	}
}

// delivered counts the mails to ann with a text.
func (s *answerSite) delivered(text string) (n int) {
	for _, m := range s.inside.to("ann@clinic.example") {
		if strings.Contains(string(m.raw), text) {
			n++
		}
	}
	return n
}

// TestAnswersWaitForTheDNS: a DNS that says nothing is no missing signature.
func TestAnswersWaitForTheDNS(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	raw := s.signed(t, s.letter(), "mail")
	s.zone.mute("mail._domainkey.out.example", true)
	began := time.Now()
	s.place(t, raw, "", 451, "")
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("the answer took %v", took)
	}
	if held := s.gate.list("held", "list"); len(held) != 0 {
		t.Errorf("held %v", held)
	}
	// Another aligned signature that can be checked is enough.
	s.place(t, s.signed(t, s.signed(t, s.letter(), "mail"), "curve"), "", 250, "")
	s.zone.mute("mail._domainkey.out.example", false)
	s.place(t, raw, "", 250, "") // the same mail again: nothing was remembered of it
}

// TestStaffAnswerToCapability: what staff write back to an answer reaches the
// correspondent as the next secured message, and opens without the inside.
func TestStaffAnswerToCapability(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	s.place(t, s.signed(t, s.letter(), "mail"), "", 250, "")
	answer := s.inside.wait(t, "ann@clinic.example", 1)
	if got := answer.header(t, "Authentication-Results"); !strings.Contains(got, "dkim=pass") {
		t.Errorf("Authentication-Results: %s", got)
	}
	if got := answer.header(t, "In-Reply-To"); !strings.HasSuffix(got, "@clinic.example>") {
		t.Errorf("In-Reply-To: %s", got)
	}
	to := address(t, answer.header(t, "From"))
	turn := append([]byte("Received: from pc17.ward3.clinic.example ([10.1.2.3]) by mail.clinic.example; Sat, 21 Nov 2026 10:00:00 +0000\r\nX-Ward: nuthatch\r\n"),
		mailText("Dr Ann <ann@clinic.example>", answer.header(t, "From"), "Re: About the goldcrest", "The sparrowhawk is fine too.\n")...)
	accepted(t, s.gate.relay, "ann@clinic.example", []string{to}, turn)
	notice := s.beyond.wait(t, "pat@out.example", 2)
	if strings.Contains(string(notice.raw), "sparrowhawk") || strings.Contains(string(notice.raw), to) {
		t.Errorf("the notice says too much:\n%s", notice.raw)
	}
	b := newBrowser(t)
	opened := b.open(notice.link(t), codeFrom(t, s.beyond, "pat@out.example"))
	if !strings.Contains(opened.body, "sparrowhawk") {
		t.Error("the page does not show the message")
	}
	for _, inner := range []string{"ward3", "nuthatch", "10.1.2.3", to} {
		if strings.Contains(opened.body, inner) {
			t.Errorf("the page shows %q", inner)
		}
	}
}

// TestReleasedByAReviewer: a held answer that is let go is marked.
func TestReleasedByAReviewer(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	raw := s.letter()
	s.place(t, raw, "", 250, "unsigned")
	if notice := s.inside.wait(t, "ann@clinic.example", 1); strings.Contains(string(notice.raw), "dunnock") {
		t.Errorf("the notice says too much:\n%s", notice.raw)
	}
	id := s.gate.list("held", "list")[0].text("id")
	s.gate.must("held", "show", id)
	s.gate.must("held", "release", id, "--reason", "she called")
	answer := s.inside.wait(t, "ann@clinic.example", 2)
	if !strings.Contains(answer.header(t, "From"), "not verified") || !strings.Contains(string(answer.raw), "dunnock") {
		t.Errorf("released as\n%s", answer.raw)
	}
	s.place(t, s.letter(), "", 250, "unsigned")
	id = s.gate.list("held", "list")[0].text("id")
	s.gate.must("held", "refuse", id, "--reason", "spam")
	if len(s.beyond.to("pat@out.example")) != 1 {
		t.Error("the stranger was told")
	}
}

// TestInboundRelay: mail for the organization passes as it is, with our verdict
// on top and without one that somebody else wrote in our name.
func TestInboundRelay(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t, "hostname: gate.clinic.example", "inbound: {relay: true}")
	ours := "Authentication-Results: gate.clinic.example; dkim=pass header.d=bank.example"
	raw := s.signed(t, s.letter("To: bob@clinic.example", ours), "mail")
	accepted(t, s.gate.inbound, "pat@out.example", []string{"bob@clinic.example"}, raw)
	got := string(s.inside.wait(t, "bob@clinic.example", 1).raw)
	if !strings.HasSuffix(got, strings.Replace(string(raw), ours+"\r\n", "", 1)) || strings.Contains(got, "bank.example") {
		t.Errorf("staff got\n%s", got)
	}
	if top, _, _ := strings.Cut(got, "DKIM-Signature:"); !strings.Contains(top, "Authentication-Results: gate.clinic.example; dkim=pass header.d=out.example") {
		t.Errorf("on top stands\n%s", top)
	}
	for _, relay := range []string{"eve@other.example", "ann%other.example@clinic.example"} {
		if r := sendOne(t, s.gate.inbound, "pat@out.example", []string{relay}, raw); r.code != 550 {
			t.Errorf("%s: %v", relay, r)
		}
	}
}

// TestGuessedCapabilities: a thousand guesses find nothing, and cost time over
// however many connections they come.
func TestGuessedCapabilities(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	var all errgroup.Group
	began := time.Now()
	for range 20 {
		c := dialSMTP(t, s.gate.inbound)
		all.Go(func() error { return guess(c, 50) })
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 8*time.Second {
		t.Errorf("a thousand guesses took %v", took)
	}
	c := dialSMTP(t, s.gate.inbound)
	c.say("MAIL FROM:<pat@out.example>")
	if r := c.say("RCPT TO:<%s>", s.capability); r.code != 250 {
		t.Errorf("the real one: %v", r)
	}
}

// guess tries addresses of the right form.
func guess(c *smtpClient, times int) error {
	if r := c.say("MAIL FROM:<pat@out.example>"); r.code != 250 {
		return errors.New(r.String())
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	for range times {
		token := make([]byte, 26)
		_, _ = rand.Read(token)
		for i := range token {
			token[i] = alphabet[token[i]%32]
		}
		if r := c.say("RCPT TO:<r.%s@reply.clinic.example>", token); r.code != 550 {
			return errors.New(r.String())
		}
	}
	return nil
}

// TestOutOfOffice: replies that programs write end where they arrive.
func TestOutOfOffice(t *testing.T) {
	t.Parallel()
	s := newAnswerSite(t)
	notice := s.beyond.wait(t, "pat@out.example", 1)
	away := s.letter("Subject: Out of office", "Auto-Submitted: auto-replied")
	for _, to := range []string{s.capability, notice.from} {
		if r := sendOne(t, s.gate.inbound, "", []string{to}, away); r.code != 250 {
			t.Errorf("%s: %v", to, r)
		}
	}
	time.Sleep(2 * time.Second)
	if n := len(s.inside.to("ann@clinic.example")) + len(s.beyond.to("pat@out.example")); n != 1 {
		t.Errorf("%d mails where one notice was", n)
	}
	if n := len(s.gate.evidence("answer.automatic")); n != 2 {
		t.Errorf("%d records of automatic replies", n)
	}
}
