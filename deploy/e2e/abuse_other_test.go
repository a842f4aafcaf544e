package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// smsAttacks are those of applications on the SMPP listener.
func (s *abuseSite) smsAttacks() []attack {
	return []attack{
		{"never binds", 40, func(a *attacker) error { return a.drip(s.smpp, "\x00\x00\x00\x2f\x00\x00\x00\x09\x00") }},
		{"guessed passwords, SMPP", 4, s.guessedBind},
		{"malformed PDUs", 2, s.malformed},
		{"flood that never reads", 2, s.flood},
	}
}

func (s *abuseSite) guessedBind(a *attacker) error {
	w := a.dial(s.smpp)
	if w == nil {
		return nil
	}
	defer w.Close()
	for i := range uint32(4) {
		if _, err := w.Write(pduBytes(0x09, i+1, "clinic\x00guess\x00\x00\x34\x00\x00\x00")); err != nil {
			return nil
		}
		if _, _, status, err := readPDU(w.r); err == nil && status == 0 {
			return fmt.Errorf("a guessed password binds")
		} else if err != nil {
			return nil
		}
	}
	return nil
}

// bound is a connection that is bound as the other application.
func (s *abuseSite) bound(a *attacker) *wire {
	w := a.dial(s.smpp)
	if w == nil {
		return nil
	}
	if _, err := w.Write(pduBytes(0x02, 1, "other\x00"+longPassword+"\x00\x00\x34\x00\x00\x00")); err != nil {
		_ = w.Close()
		return nil
	}
	if _, _, status, err := readPDU(w.r); err != nil || status != 0 {
		_ = w.Close()
		return nil
	}
	return w
}

func (s *abuseSite) malformed(a *attacker) error {
	w := s.bound(a)
	if w == nil {
		return nil
	}
	defer w.Close()
	all := [][]byte{
		pduBytes(0x04, 2, ""), pduBytes(0x04, 3, strings.Repeat("x", 300)), pduBytes(0x04, 4, "\x00\x01\x01"+otherNumber[1:]), pduBytes(0x7777, 5, "x"), pduBytes(0x80000004, 6, "1\x00"),
		pduBytes(0x21, 7, "\x00\x01\x01x\x00\xff"), pduBytes(0x03, 8, strings.Repeat("9", 500)+"\x00"), pduBytes(0x15, 9, "more"),
		pduBytes(0x04, 10, "\x00\x01\x01"+otherNumber[1:]+"\x00\x01\x01"+patient[1:]+"\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x05\xff\x00\x03\x07\x02"),
		[]byte("\xff\xff\xff\xff\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x0b"),
	}
	for _, p := range all {
		if _, err := w.Write(p); err != nil {
			return nil
		}
	}
	for {
		if command, _, status, err := readPDU(w.r); err != nil {
			return nil
		} else if command == 0x80000004 && status == 0 {
			return fmt.Errorf("a malformed submit_sm was answered with 0")
		}
	}
}

func (s *abuseSite) flood(a *attacker) error {
	w := s.bound(a)
	if w == nil {
		return nil
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(2 * time.Second))
	body := "\x00\x01\x01" + otherNumber[1:] + "\x00\x01\x01" + patient[1:] + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05hello"
	for seq := range uint32(1000) {
		if _, err := w.Write(pduBytes(0x04, seq+2, body)); err != nil {
			break
		}
	}
	return nil
}

// readingAttacks are those on IMAP, by strangers and by a member of staff.
func (s *abuseSite) readingAttacks() []attack {
	return []attack{
		{"slow IMAP", 40, func(a *attacker) error { return a.drip(s.imap, "a LOGIN \"ann") }},
		{"guessed passwords, IMAP", 8, s.guessedLogin},
		{"IMAP literals and lines", 2, s.literals},
		{"IMAP bombs by staff", 3, s.imapBombs},
		{"IMAP that never reads", 2, s.neverReads},
	}
}

func (s *abuseSite) guessedLogin(a *attacker) error {
	w := a.dial(s.imap)
	if w == nil {
		return nil
	}
	defer w.Close()
	for i := range 3 {
		parts := strings.Split(a.guess(i), "\x00")
		if said, ok := w.imap("LOGIN " + parts[1] + " " + parts[2]); ok {
			return fmt.Errorf("a guess was answered %s", said)
		}
	}
	return nil
}

func (s *abuseSite) literals(a *attacker) error {
	bad := []string{
		"a LOGIN {4294967295}\r\n", "a LOGIN {99999999999999999999}\r\n", "a LOGIN {4096+}\r\n" + strings.Repeat("x", 4096), "a APPEND INBOX {2147483647+}\r\n",
		strings.Repeat("x", 1<<20), "a " + strings.Repeat("(", 100_000) + "\r\n", strings.Repeat("a NOOP\r\n", 20_000), "a STARTTLS\r\na LOGIN ann x\r\n",
	}
	w := a.dial(s.imap)
	if w == nil {
		return nil
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(2 * time.Second))
	w.say(bad[(a.number+a.round)%len(bad)])
	for i := range 40_000 {
		if line, err := w.r.ReadString('\n'); err != nil {
			return nil
		} else if i > 0 && strings.HasPrefix(line, "a OK") && strings.Contains(line, "LOGIN") {
			return fmt.Errorf("answered %q", line)
		}
	}
	return nil
}

// mallory is a member of staff who means harm; nil where they are kept out.
func (s *abuseSite) mallory(a *attacker) *wire {
	w := a.dial(s.imap)
	if w == nil {
		return nil
	}
	if _, ok := w.imap("LOGIN mallory@clinic.example \"" + annPassword + "\""); !ok {
		_ = w.Close()
		return nil
	}
	return w
}

func (s *abuseSite) imapBombs(a *attacker) error {
	w := s.mallory(a)
	if w == nil {
		return nil
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(20 * time.Second))
	w.imap("SELECT Templates")
	for _, command := range []string{
		`LIST "" "` + strings.Repeat("*%", 5000) + `"`, "SEARCH " + strings.Repeat("NOT ", 5000) + "ALL", "SEARCH " + strings.Repeat("OR TEXT a ", 90) + "ALL",
		"FETCH 1:4294967295 (" + strings.Repeat("BODY.PEEK[] ", 500) + "FLAGS)", "FETCH " + strings.Repeat("1:*,", 5000) + "1 FLAGS", "UID FETCH 1:* (BODY.PEEK[1.1.1.1.1.1.1.1.1.1.1.1.1] BODYSTRUCTURE ENVELOPE)",
		"APPEND Templates {40+}\r\nSubject: x\r\n\r\n" + strings.Repeat("y", 26), `SELECT "../` + annName + `/INBOX"`, "COPY 1:* Recall", "SEARCH CHARSET UTF-16 TEXT x",
	} {
		if said, _ := w.imap(command); strings.Contains(said, secretWord) {
			return fmt.Errorf("%.20s showed another's mail", command)
		}
	}
	return nil
}

func (s *abuseSite) neverReads(a *attacker) error {
	w := s.mallory(a)
	if w == nil {
		return nil
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(3 * time.Second))
	w.say(strings.Repeat(`a LIST "" "*"`+"\r\n", 20_000))
	a.wait(time.Second)
	return nil
}

// webAttacks are those on the viewer.
func (s *abuseSite) webAttacks() []attack {
	return []attack{
		{"half handshakes", 30, func(a *attacker) error { return a.drip(s.viewer, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }},
		{"slow headers", 30, func(a *attacker) error { return a.dripTLS(s.viewer, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ") }},
		{"slow bodies", 30, func(a *attacker) error {
			return a.dripTLS(s.viewer, "POST "+strings.TrimPrefix(s.eve, "https://"+s.viewer)+" HTTP/1.1\r\nHost: "+s.viewer+"\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60000000\r\n\r\n--b\r\n")
		}},
		{"streams that are reset", 2, s.resets},
		{"guessed PINs in parallel", 6, s.guessedPIN},
		{"guessed passwords, staff page", 4, s.guessedStaff},
		{"requests of every kind", 4, s.oddRequests},
	}
}

// visitor is a browser at the attacker's address.
func (a *attacker) visitor() *http.Client {
	c := newVisitor(a.dialer())
	c.Timeout = 10 * time.Second
	return c
}

func (s *abuseSite) guessedPIN(a *attacker) error {
	v := a.visitor()
	defer v.CloseIdleConnections()
	gate, err := visit(v, "GET", s.eve, nil)
	if err != nil {
		return nil // cut off
	}
	target, fields, ok := gate.form("pin", fmt.Sprintf("%06d", 100_000+a.number*1000+a.round%1000))
	if !ok {
		return nil // paused, frozen
	}
	if p, err := visit(v, "POST", target, fields); err == nil && strings.Contains(p.body, secretWord) {
		return fmt.Errorf("a guessed PIN opened the message")
	}
	return nil
}

func (s *abuseSite) guessedStaff(a *attacker) error {
	v := a.visitor()
	defer v.CloseIdleConnections()
	form, err := visit(v, "GET", "https://"+s.viewer+"/staff/"+s.message, nil)
	if err != nil {
		return nil
	}
	target, fields, ok := form.form("password", "guess"+fmt.Sprint(a.round))
	if !ok {
		return nil
	}
	fields.Set("name", annName)
	if p, err := visit(v, "POST", target, fields); err == nil && p.status == http.StatusOK && strings.Contains(p.body, secretWord) {
		return fmt.Errorf("a guessed password opened the page of staff")
	}
	return nil
}

func (s *abuseSite) oddRequests(a *attacker) error {
	v := a.visitor()
	defer v.CloseIdleConnections()
	base := "https://" + s.viewer
	for _, path := range []string{
		"/../../etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "/static/%00", "/m/" + strings.Repeat("A", 22), "/m/" + strings.Repeat("%2e", 2000), "/m/AAAAAAAAAAAAAAAAAAAAAA/file/-1",
		"/m/AAAAAAAAAAAAAAAAAAAAAA/file/99999999999999999999", "/brand/../../gatepost.yaml", "/staff/" + strings.Repeat("a", 4000), "/.well-known/../debug/pprof/", "/metrics", "/debug/pprof/heap",
	} {
		if p, err := visit(v, "GET", base+path, nil); err == nil && (strings.Contains(p.body, "root:") || strings.Contains(p.body, "goroutine") || p.status >= 500) {
			return fmt.Errorf("%.40s was answered %d", path, p.status)
		}
	}
	_, _ = visit(v, "POST", s.eve, url.Values{"token": {"x"}, "reply": {strings.Repeat("x", 2<<20)}})
	return nil
}

// resets opens streams and takes them back at once (CVE-2023-44487).
func (s *abuseSite) resets(a *attacker) error {
	w := a.dial(s.viewer)
	if w == nil {
		return nil
	}
	defer w.Close()
	w, c := w.secure("h2")
	if w == nil || c.ConnectionState().NegotiatedProtocol != "h2" {
		return nil
	}
	frame := func(kind, flags byte, stream uint32, body string) string { // RFC 9113 section 4.1
		n := len(body)
		return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)}) + body
	}
	if !w.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "")) {
		return nil
	}
	go func() {
		for b := make([]byte, 4096); ; {
			if _, err := w.r.Read(b); err != nil {
				return
			}
		}
	}()
	head := "\x82\x84\x87\x41" + string(rune(len(s.viewer))) + s.viewer // GET / https, RFC 7541 appendix A
	for stream := uint32(1); stream < 2000; stream += 2 {
		if !w.say(frame(1, 5, stream, head) + frame(3, 0, stream, "\x00\x00\x00\x08")) {
			return nil
		}
	}
	return nil
}
