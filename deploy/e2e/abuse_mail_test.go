package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// mailAttacks are those on the three SMTP listeners.
func (s *abuseSite) mailAttacks() []attack {
	return []attack{
		{"relaying by a stranger", 2, s.relaying},
		{"smuggling", 2, s.smuggling},
		{"commands before STARTTLS", 2, s.injection},
		{"20,000 recipients", 1, s.manyRecipients},
		{"endless body line", 1, s.endlessLine},
		{"endless command", 1, s.endlessCommand},
		{"slow SMTP", 60, func(a *attacker) error {
			return a.drip([]string{s.relay, s.inbound, s.submission}[a.number%3], "EHLO slow.example\r\nMAIL FROM:<x")
		}},
		{"MIME bombs from inside", 3, s.bombsFromInside},
		{"MIME bombs from the world", 2, s.bombsFromTheWorld},
		{"backscatter", 2, s.backscatter},
		{"guessed reply addresses", 2, s.guessedCapabilities},
		{"loops", 1, s.loops},
		{"guessed passwords, SMTP", 8, s.guessedAuth},
	}
}

// relayForms are ways in which strangers have made servers relay.
var relayForms = []string{
	"<pat@victim.example>", "<@clinic.example:pat@victim.example>", "<\"pat@clinic.example\"@victim.example>", "<pat@clinic.example@victim.example>",
	"<pat@victim.example@clinic.example>", "<victim.example!pat>", "<pat%victim.example>", "<pat@[192.0.2.1]>", "<pat@clinic.example.>", "pat@victim.example", "<pat@clinic\u00b7example>",
}

func (s *abuseSite) relaying(a *attacker) error {
	for i, form := range relayForms {
		w := a.greeted([]string{s.relay, s.inbound}[(a.round+i)%2])
		if w == nil {
			return nil
		}
		w.smtp("MAIL FROM:<" + annName + ">")
		code, line := w.smtp("RCPT TO:" + form)
		_ = w.Close()
		if code/100 == 2 {
			return fmt.Errorf("RCPT TO:%s was answered %s", form, line)
		}
	}
	return nil
}

var smuggles = []string{"\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n.\n", "\r.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\r\n.\r\r\n"}

func (s *abuseSite) smuggling(a *attacker) error {
	w := a.greeted(s.inbound)
	if w == nil {
		return nil
	}
	defer w.Close()
	w.smtp("MAIL FROM:<first@victim.example>")
	w.smtp("RCPT TO:<" + annName + ">")
	if code, _ := w.smtp("DATA"); code != 354 {
		return nil
	}
	seq := smuggles[a.round%len(smuggles)]
	w.say("Subject: first\r\n\r\ntext" + seq + "MAIL FROM:<smuggled@victim.example>\r\nRCPT TO:<" + annName + ">\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n")
	if code, line := w.reply(); code/100 == 2 {
		return fmt.Errorf("a body with %q was answered %s", seq, line)
	}
	return nil
}

func (s *abuseSite) injection(a *attacker) error {
	w := a.greeted(s.submission)
	if w == nil {
		return nil
	}
	defer w.Close()
	if !w.say("STARTTLS\r\nNOOP injected\r\nNOOP injected\r\n") {
		return nil
	}
	if code, _ := w.reply(); code != 220 {
		return nil
	}
	if w, _ = w.secure(); w == nil {
		return nil
	}
	if code, line := w.smtp("QUIT"); code != 221 && code != 0 {
		return fmt.Errorf("a command from before TLS was answered: %s", line)
	}
	return nil
}

// manyRecipients comes from a server that is trusted: strangers are cut off
// after a hundred.
func (s *abuseSite) manyRecipients(a *attacker) error {
	a.inside = true
	w := a.greeted(s.relay)
	if w == nil {
		return nil
	}
	defer w.Close()
	w.smtp("MAIL FROM:<" + annName + ">")
	taken := 0
	for block := range 200 {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, "RCPT TO:<r%d.%d@crowd.example>\r\n", block, i)
		}
		if !w.say(b.String()) {
			break
		}
		for range 100 {
			switch code, _ := w.reply(); code {
			case 250:
				taken++
			case 0, 421:
				block = 200
			}
		}
		if block == 200 {
			break
		}
	}
	if taken > 1000 {
		return fmt.Errorf("%d recipients of one mail were taken", taken)
	}
	return nil
}

func (s *abuseSite) endlessLine(a *attacker) error {
	w := a.greeted(s.inbound)
	if w == nil {
		return nil
	}
	defer w.Close()
	w.smtp("MAIL FROM:<long@victim.example>")
	w.smtp("RCPT TO:<" + annName + ">")
	if code, _ := w.smtp("DATA"); code != 354 {
		return nil
	}
	for range 128 {
		if !w.say(strings.Repeat("x", 64<<10)) {
			return nil
		}
	}
	if code, line := w.smtp("\r\n."); code/100 == 2 {
		return fmt.Errorf("a line of 8 MiB was answered %s", line)
	}
	return nil
}

func (s *abuseSite) endlessCommand(a *attacker) error {
	w := a.dial(s.inbound)
	if w == nil {
		return nil
	}
	defer w.Close()
	for range 128 {
		if !w.say(strings.Repeat("x", 64<<10)) {
			return nil
		}
	}
	if code, line := w.smtp(""); code/100 == 2 && code != 220 {
		return fmt.Errorf("a command of 8 MiB was answered %s", line)
	}
	return nil
}

// bombs are mails that cost more to read than to write, by what they are.
// Those that are too much for a reader hold secretWord.
func bombs() map[string][]byte {
	head := func(name string, more ...string) string {
		return "From: " + annName + "\r\nTo: bomb@crowd.example\r\nSubject: " + name + "\r\nMessage-ID: <" + name + "@crowd.example>\r\nMIME-Version: 1.0\r\n" + strings.Join(more, "")
	}
	var deep, wide, names, words strings.Builder
	deep.WriteString(head("deep"))
	for i := range 2000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=\"b%d\"\r\n\r\n--b%d\r\n", i, i)
	}
	deep.WriteString("\r\n" + secretWord + "\r\n")
	wide.WriteString(head("wide", "Content-Type: multipart/mixed; boundary=b\r\n\r\n"))
	for range 100_000 {
		wide.WriteString("--b\r\n\r\nx\r\n")
	}
	wide.WriteString("--b\r\n\r\n" + secretWord + "\r\n--b--\r\n")
	names.WriteString(head("names", "Content-Type: text/plain"))
	for i := range 100_000 {
		fmt.Fprintf(&names, ";\r\n name*%d*=%%41", i)
	}
	names.WriteString("\r\n\r\n" + secretWord + "\r\n")
	words.WriteString(head("words", "X-Words:"))
	for range 100_000 {
		words.WriteString("\r\n =?utf-8?q?=41?=")
	}
	words.WriteString("\r\n\r\n" + secretWord + "\r\n")
	return map[string][]byte{"deep": []byte(deep.String()), "wide": []byte(wide.String()), "names": []byte(names.String()), "words": []byte(words.String())}
}

// bomb sends the next bomb over w.
func (s *abuseSite) bomb(a *attacker, w *wire, from, to string) {
	defer w.Close()
	name := []string{"deep", "wide", "names", "words"}[(a.number+a.round)%4]
	w.smtp("MAIL FROM:<" + from + ">")
	w.smtp("RCPT TO:<" + to + ">")
	if code, _ := w.smtp("DATA"); code == 354 && w.say(string(s.bombs[name])) {
		w.smtp(".")
	}
}

func (s *abuseSite) bombsFromInside(a *attacker) error {
	a.inside = true
	if w := a.greeted(s.relay); w != nil {
		s.bomb(a, w, annName, "bomb@crowd.example")
	}
	return nil
}

func (s *abuseSite) bombsFromTheWorld(a *attacker) error {
	if w := a.greeted(s.inbound); w != nil {
		s.bomb(a, w, "bomb@victim.example", annName)
	}
	return nil
}

// backscatter: reports and automatic mails under the name of a victim, who
// must not hear of them.
func (s *abuseSite) backscatter(a *attacker) error {
	w := a.greeted(s.inbound)
	if w == nil {
		return nil
	}
	defer w.Close()
	from, head := "victim@victim.example", "Auto-Submitted: auto-replied\r\n"
	if a.round%2 == 0 {
		from, head = "", "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
	}
	w.smtp("MAIL FROM:<" + from + ">")
	for _, to := range []string{"nobody@reply.clinic.example", "b." + strings.Repeat("a", 26) + "@reply.clinic.example", "mailer-daemon@reply.clinic.example"} {
		if code, line := w.smtp("RCPT TO:<" + to + ">"); code/100 == 2 {
			return fmt.Errorf("%s was answered %s", to, line)
		}
	}
	w.smtp("RCPT TO:<" + annName + ">")
	if code, _ := w.smtp("DATA"); code == 354 {
		w.smtp("From: victim@victim.example\r\nTo: " + annName + "\r\nReturn-Receipt-To: victim@victim.example\r\nDisposition-Notification-To: victim@victim.example\r\n" + head + "Subject: report\r\n\r\n--b\r\n\r\nx\r\n.")
	}
	return nil
}

func (s *abuseSite) guessedCapabilities(a *attacker) error {
	w := a.greeted(s.inbound)
	if w == nil {
		return nil
	}
	defer w.Close()
	w.smtp("MAIL FROM:<guess@victim.example>")
	for i := range 15 {
		if code, line := w.smtp(fmt.Sprintf("RCPT TO:<r.%026d@reply.clinic.example>", a.round*15+i)); code/100 == 2 {
			return fmt.Errorf("a guessed address was answered %s", line)
		} else if code == 0 || code == 421 {
			return nil
		}
	}
	return nil
}

func (s *abuseSite) loops(a *attacker) error {
	a.inside = true
	w := a.greeted(s.relay)
	if w == nil {
		return nil
	}
	defer w.Close()
	w.smtp("MAIL FROM:<" + annName + ">")
	w.smtp("RCPT TO:<loop@crowd.example>")
	if code, _ := w.smtp("DATA"); code != 354 {
		return nil
	}
	if code, line := w.smtp(strings.Repeat("Received: from a.example by b.example; Sat, 21 Nov 2026 10:00:00 +0000\r\n", 120) + "From: " + annName + "\r\nSubject: loop\r\n\r\nx\r\n."); code/100 == 2 {
		return fmt.Errorf("a mail of 120 hops was answered %s", line)
	}
	return nil
}

func (s *abuseSite) guessedAuth(a *attacker) error {
	w := a.greeted(s.submission)
	if w == nil {
		return nil
	}
	defer w.Close()
	if code, _ := w.smtp("STARTTLS"); code != 220 {
		return nil
	}
	if w, _ = w.secure(); w == nil {
		return nil
	}
	w.smtp("EHLO guess.example")
	for i := range 3 {
		if code, line := w.smtp("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte(a.guess(i)))); code == 235 {
			return fmt.Errorf("a guess was answered %s", line)
		}
	}
	return nil
}

// guess is a name and a password of RFC 4616: those of staff, and others.
func (a *attacker) guess(i int) string {
	name := annName
	if (a.round+i)%2 == 0 {
		name = fmt.Sprintf("nobody%d.%d@clinic.example", a.number, a.round)
	}
	return "\x00" + name + "\x00" + fmt.Sprintf("guess%d-%d", a.round, i)
}
