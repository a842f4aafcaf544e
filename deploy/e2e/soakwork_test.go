package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// soaker is one worker of the soak: it does a round after the other, each a
// subtest of its own, so that what a round opened is closed with it.
type soaker struct {
	name  string
	pause time.Duration // between rounds
	round func(s *soak, t *testing.T, n int)
}

func soakers() []soaker {
	return []soaker{
		{"mails", 2 * time.Second, (*soak).mails},
		{"readers", 200 * time.Millisecond, (*soak).reads},
		{"held", time.Second, (*soak).reviews},
		{"texts", 500 * time.Millisecond, (*soak).texts},
		{"mail client", 300 * time.Millisecond, (*soak).mailClient},
		{"idle client", 0, (*soak).idleClient},
		{"recalls", 500 * time.Millisecond, (*soak).recalls},
		{"mishaps", 2 * time.Second, (*soak).mishaps},
		{"operator", 20 * time.Second, (*soak).operates},
	}
}

// traffic runs all workers until the time is over or one failed.
func (s *soak) traffic(t *testing.T) {
	end := time.Now().Add(s.length)
	done := make([]atomic.Int64, len(soakers()))
	var workers sync.WaitGroup
	for i, w := range soakers() {
		workers.Go(func() {
			t.Run(w.name, func(t *testing.T) {
				for n := 0; time.Now().Before(end) && !t.Failed(); n++ {
					t.Run("", func(t *testing.T) { w.round(s.of(t), t, n) })
					done[i].Add(1)
					time.Sleep(w.pause)
				}
			})
		})
	}
	workers.Wait()
	var b strings.Builder
	for i, w := range soakers() {
		fmt.Fprintf(&b, " %s %d,", w.name, done[i].Load())
		if done[i].Load() < 2 {
			t.Errorf("%s did %d rounds", w.name, done[i].Load())
		}
	}
	t.Logf("MEASURED soak of %v: rounds of%s; accepted over SMTP: %.0f mails", s.length, b.String(), s.metric("gatepost_smtpd_messages_total"))
}

// of is the site as a story of its own sees it: what fails, fails that story.
func (s *soak) of(t *testing.T) *soak {
	own := *s
	g := *s.gate
	g.t, own.gate = t, &g
	return &own
}

// person is one of the correspondents.
func (s *soak) person(n int) (address, private string) {
	return fmt.Sprintf("pat%d@patient.example", n%20), fmt.Sprintf("pat%d@private.example", n%20)
}

// mails: harmless mails and some with an identifier, over two connections.
func (s *soak) mails(t *testing.T, n int) {
	all := corpus(t, 24, 0)
	before := s.bulk.count()
	c := dialSMTP(t, s.relay)
	defer c.quit()
	for _, o := range all {
		if r := c.send(o.from, []string{o.to}, o.raw); r.code != 250 {
			t.Fatalf("answered %v", r)
		}
	}
	eventually(t, 2*time.Minute, func() string {
		if got := s.bulk.count() - before; got < len(all) {
			return fmt.Sprintf("%d of %d mails were delivered", got, len(all))
		}
		return ""
	})
}

// secureMail sends a mail to the person and returns its id and link.
func (s *soak) secureMail(t *testing.T, from, to, subject, text string) (id, link string) {
	t.Helper()
	mail := mailText(from, to, subject, text+"\n")
	id = accepted(t, s.relay, from, []string{to}, mail)
	original := field([]byte(strings.ReplaceAll(string(mail), "\r\n", "\n")), "Message-ID") // what the notice refers to
	eventually(t, time.Minute, func() string {
		for _, m := range s.beyond.to(to) {
			if strings.Contains(string(m.raw), original) {
				link = m.link(t)
				return ""
			}
		}
		return "no notice for " + to
	})
	return id, link
}

// reads: a patient opens a message and answers, every fourth time with a file,
// and staff get the answer.
func (s *soak) reads(t *testing.T, n int) {
	to, private := s.person(n % 10) // the others belong to recalls
	s.beyond.keep(100)              // here, because codes are counted below
	word := fmt.Sprintf("siskin%d", n)
	from := []string{"ann@clinic.example", "ben@clinic.example"}[n%2]
	_, link := s.secureMail(t, from, to, fmt.Sprintf("Result %d", n), "About the "+word+".")
	b := newBrowser(t)
	opened := b.open(link, codeFrom(t, s.beyond, private))
	if !strings.Contains(opened.body, word) {
		t.Fatalf("the page does not show the message: %d", opened.status)
	}
	answer := fmt.Sprintf("Answer about the brambling%d.", n)
	var sent page
	if n%4 == 0 {
		sent = b.answer(opened, answer, strings.NewReader(string(noise(byte(n), 400_000))))
	} else {
		sent = b.answer(opened, answer, nil)
	}
	if sent.status != http.StatusOK {
		t.Fatalf("after the answer: %d\n%.2000s", sent.status, sent.body)
	}
	eventually(t, time.Minute, func() string {
		for _, m := range s.inside.to(from) {
			if strings.Contains(m.text(), fmt.Sprintf("brambling%d.", n)) {
				return ""
			}
		}
		return "the answer has not reached staff"
	})
	b.leave(sent)
}

// reviews: held mails are let go or refused by hand.
func (s *soak) reviews(t *testing.T, n int) {
	to := fmt.Sprintf("x%d@held.example", n)
	id := accepted(t, s.relay, "cleo@clinic.example", []string{to}, mailText("cleo@clinic.example", to, fmt.Sprintf("Held %d", n), "Waits.\n"))
	if n%2 == 0 {
		s.must("held", "release", id+".0", "--reason", "fine")
		s.bulk.wait(t, to, 1)
		return
	}
	s.must("held", "refuse", id+".0", "--reason", "not so")
}

// texts: an application's texts and their receipts, one of them secured and
// read, and texts from telephones.
func (s *soak) texts(t *testing.T, n int) {
	a := startNodeApp(t, s.smpp, "clinic", smsPassword)
	want := map[string]bool{}
	for i := range 10 {
		text := fmt.Sprintf("Your appointment %d of day %d is at 9:30.", i, n)
		if i%4 == 3 {
			text = strings.Repeat(text+" ", 6)
		}
		for _, id := range a.Submit(smsText{from: clinicNumber, to: fmt.Sprintf("+1555020%04d", i), text: text}) {
			want[id] = true
		}
	}
	eventually(t, answerPatience, func() string {
		got := 0
		for _, r := range a.Receipts() {
			if want[r.id] && r.state == "DELIVRD" {
				got++
			}
		}
		if got < len(want) {
			return fmt.Sprintf("%d of %d receipts", got, len(want))
		}
		return ""
	})
	s.textRead(t, a, n)
	s.carrier.do(object{"do": "mo", "from": fmt.Sprintf("+1555020%04d", n%10), "to": clinicNumber, "text": fmt.Sprintf("Can I come at ten, says twite%d.", n)})
	eventually(t, answerPatience, func() string {
		for _, m := range s.inside.to("frontdesk@clinic.example") {
			if strings.Contains(decoded(t, m.raw), fmt.Sprintf("twite%d.", n)) {
				return ""
			}
		}
		return "staff have not got the text from outside"
	})
	a.do(object{"do": "unbind"})
	s.carrier.forget()
}

// textRead: a secured text is opened with a code that comes by SMS.
func (s *soak) textRead(t *testing.T, a *lineApp, n int) {
	phone := fmt.Sprintf("+1555030%04d", n%10)
	link := ""
	a.Submit(smsText{from: clinicNumber, to: phone, text: fmt.Sprintf("The biopsy shows a redpoll%d.", n)})
	eventually(t, answerPatience, func() string {
		for _, e := range s.carrier.submits() {
			if hit := smsLink.FindString(e.Text); "+"+e.To == phone && hit != "" {
				link = hit
				return ""
			}
		}
		return "no link came by SMS"
	})
	site := &smsSite{gate: s.gate, carrier: s.carrier, outside: s.inside}
	if opened := newBrowser(t).open(link, site.codeBySMS(phone)); !strings.Contains(opened.body, fmt.Sprintf("redpoll%d", n)) {
		t.Errorf("the page does not show the text: %d", opened.status)
	}
}

func (s *soak) login(t *testing.T, name string) *imapTalk {
	t.Helper()
	c := dialIMAP(t, s.imap)
	c.must(fmt.Sprintf("LOGIN %s@clinic.example %q", name, annPassword))
	return c
}

// mailClient: a client looks at its folders, reads, searches and files.
func (s *soak) mailClient(t *testing.T, n int) {
	c := s.login(t, "ann")
	c.must(`LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN))`)
	for _, folder := range []string{"INBOX", "Secured/Unopened", "Secured/Replied"} {
		c.must("SELECT " + folder)
		if have := c.count(folder); have > 0 {
			c.must(fmt.Sprintf("FETCH %d:* (UID FLAGS ENVELOPE BODYSTRUCTURE)", max(1, have-20)))
			c.must(fmt.Sprintf("FETCH %d (BODY[])", have))
			c.must(`SEARCH SUBJECT "Result" UNSEEN`)
		}
	}
	c.must(`APPEND Templates (\Seen) `, fmt.Sprintf("Subject: template %d\r\n\r\nDear all %s\r\n", n, strings.Repeat("and more ", n%500)))
	c.must("SELECT Templates")
	copied := copyUID.FindStringSubmatch(c.must(`COPY * INBOX`))
	if copied == nil {
		t.Fatal("no COPYUID")
	}
	c.must(`STORE 1:* +FLAGS (\Deleted)`)
	c.must("EXPUNGE")
	c.must("SELECT INBOX")
	c.must("UID MOVE " + copied[1] + " Templates")
	c.must("SELECT Templates")
	c.must(`STORE 1:* +FLAGS.SILENT (\Deleted)`)
	c.must("CLOSE")
	c.must("LOGOUT")
}

// idleClient waits for a minute in IDLE, and is told of a message that comes.
func (s *soak) idleClient(t *testing.T, n int) {
	c := s.login(t, "cleo")
	c.must("SELECT Templates")
	heard := make(chan bool, 1)
	go func() { heard <- c.idle("EXISTS", time.Minute) }()
	time.Sleep(min(s.length/6, 30*time.Second))
	other := s.login(t, "cleo")
	other.must("APPEND Templates ", "Subject: ring\r\n\r\nRing\r\n")
	if !<-heard {
		t.Error("the idle client was not told of a new message")
	}
	other.must("LOGOUT")
	if n%2 == 0 {
		_ = c.conn.Close() // without a word
		return
	}
	c.must("LOGOUT")
}

// copyUID finds what RFC 4315 section 3 tells about a copy of one message.
var copyUID = regexp.MustCompile(`COPYUID [0-9]+ [0-9]+ ([0-9]+)`)

var firstUID = regexp.MustCompile(`\* SEARCH ([0-9]+)`)

// recalls: a message is taken back, by moving it in the mail client or by the
// operator, and its link opens nothing.
func (s *soak) recalls(t *testing.T, n int) {
	to, _ := s.person(10 + n%10)
	subject := fmt.Sprintf("Recalled-%d-", n)
	id, link := s.secureMail(t, "ben@clinic.example", to, subject, "About the serin.")
	if n%2 == 0 {
		s.must("message", "recall", id)
	} else {
		c := s.login(t, "ben")
		c.must("SELECT Secured/Unopened")
		var hit []string
		eventually(t, time.Minute, func() string {
			c.must("NOOP")
			if hit = firstUID.FindStringSubmatch(c.must(fmt.Sprintf("UID SEARCH SUBJECT %q", subject))); hit == nil {
				return "the message is not in its folder"
			}
			return ""
		})
		c.must("UID MOVE " + hit[1] + " Recall")
		c.must("LOGOUT")
	}
	if p := newBrowser(t).get(link); strings.Contains(p.body, `name="code"`) {
		t.Errorf("what was taken back can be opened: %d", p.status)
	}
}

// mishaps: peers that guess, break off and speak nonsense.
func (s *soak) mishaps(t *testing.T, n int) {
	for _, addr := range []string{s.relay, s.inbound, s.submission, s.smpp, s.imap, s.viewer} {
		c, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte([]string{"EHLO x\r\nMAIL FROM:<", "a LOGIN {5}\r\n", "\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01", "GET / HTTP/1.1\r\nHost: x"}[n%4]))
		time.Sleep(50 * time.Millisecond)
		_ = c.Close()
	}
	if n%15 == 0 { // guesses are throttled, as they should be
		c := dialIMAP(t, s.imap)
		if _, ok := c.say(`LOGIN nobody@clinic.example "guessed password"`); ok {
			t.Error("a guessed password was taken")
		}
		_ = c.conn.Close()
	}
	if n%30 == 1 {
		a := startTalkerFor(t, s.smpp, "guessed1")
		if e := a.wait(1, time.Minute, "bound", nil)[0]; e.Status == 0 {
			t.Error("a guessed SMPP password was taken")
		}
	}
	stranger := dialSMTP(t, s.inbound)
	if r := stranger.send("x@out.example", []string{"y@elsewhere.example"}, mailText("x@out.example", "y@elsewhere.example", "relay", "x\n")); r.code/100 == 2 {
		t.Errorf("an open relay: %v", r)
	}
	stranger.quit()
	if p := newBrowser(t).get("http://" + s.viewer + "/m/AAAAAAAAAAAAAAAAAAAAAA"); p.status >= 500 {
		t.Errorf("a link that does not exist: %d", p.status)
	}
}

// startTalkerFor binds as clinic with a password.
func startTalkerFor(t *testing.T, addr, password string) *talker {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	return startTalker(t, "node-smpp", "node", "smspeers/app.js", fmt.Sprintf(`{"host":%q,"port":%s,"system_id":"clinic","password":%q}`, host, port, password))
}

// operates: what an operator does while it runs, and a backup now and then.
func (s *soak) operates(t *testing.T, n int) {
	s.must("audit", "verify")
	s.must("queue", "list", "--json")
	s.must("held", "list", "--json")
	s.must("user", "list")
	s.process.signal(syscall.SIGHUP)
	if code, body := s.get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d %s", code, body)
	}
	if n%10 == 5 {
		dir := filepath.Join(s.dir, "backup")
		s.must("backup", dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}
