package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"
)

// wire is a raw connection of a client, good or bad.
type wire struct {
	net.Conn
	r *bufio.Reader
}

func newWire(c net.Conn) *wire { return &wire{c, bufio.NewReader(c)} }

// say writes octets as they are.
func (w *wire) say(octets string) bool {
	_, err := io.WriteString(w, octets)
	return err == nil
}

// reply reads a whole SMTP reply; its code is 0 when there is none.
func (w *wire) reply() (code int, line string) {
	for {
		line, err := w.r.ReadString('\n')
		if err != nil || len(line) < 4 {
			return 0, fmt.Sprint(line, err)
		}
		if line[3] == ' ' {
			_, _ = fmt.Sscanf(line, "%3d", &code) // 0 if it is none
			return code, strings.TrimSpace(line)
		}
	}
}

// smtp sends a command and reads its reply.
func (w *wire) smtp(command string) (code int, line string) {
	if !w.say(command + "\r\n") {
		return 0, "cut"
	}
	return w.reply()
}

// imap sends a command and reads up to its tagged answer, or to the end.
func (w *wire) imap(command string) (all string, ok bool) {
	if !w.say("a " + command + "\r\n") {
		return "", false
	}
	var b strings.Builder
	for {
		line, err := w.r.ReadString('\n')
		b.WriteString(line)
		if err != nil || strings.HasPrefix(line, "a ") {
			return b.String(), strings.HasPrefix(line, "a OK")
		}
	}
}

// secure speaks TLS from now on; nil when the other side does not.
func (w *wire) secure(protocols ...string) (*wire, *tls.Conn) {
	c := tls.Client(w.Conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}) // a test: the server signs for itself
	if c.Handshake() != nil {
		return nil, nil
	}
	return newWire(c), c
}

// call connects as a good client does.
func call(addr string) (*wire, error) {
	c, err := net.DialTimeout("tcp", addr, goodPatience)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(goodPatience))
	return newWire(c), nil
}

const goodPatience = 30 * time.Second // of one try of a good client

// served is how a good client fared.
type served struct {
	times    []time.Duration // of a transaction, tries that failed included
	again    int             // tries that failed
	problems []string        // and why
}

func (s *served) slowest() (most time.Duration) {
	for _, d := range s.times {
		most = max(most, d)
	}
	return most
}

// good is what each client does once every second.
func (s *abuseSite) good() map[string]func(n int) error {
	return map[string]func(int) error{
		"SMTP": s.goodMail, "submission": s.goodSubmission, "SMPP": s.goodText, "IMAP": s.goodReading, "HTTPS": s.goodVisit,
	}
}

// transaction does one until it works, for a minute at most.
func (r *served) transaction(n int, do func(int) error) {
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := do(n)
		if err == nil || time.Since(start) > time.Minute {
			r.times = append(r.times, time.Since(start))
			if err == nil {
				return
			}
		}
		r.again++
		if len(r.problems) < 5 {
			r.problems = append(r.problems, err.Error())
		}
		if time.Since(start) > time.Minute {
			return
		}
	}
}

// serveGood runs all good clients for length, once a second each.
func (s *abuseSite) serveGood(length time.Duration) map[string]*served {
	all := map[string]*served{}
	var clients sync.WaitGroup
	for name, do := range s.good() {
		r := &served{}
		all[name] = r
		clients.Go(func() {
			start := time.Now()
			for n := 0; n == 0 || time.Since(start) < length; n++ {
				time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second)))
				r.transaction(n, do)
			}
		})
	}
	clients.Wait()
	return all
}

var errStep = errors.New("refused")

// slow notes how long a step of a good client took since start, and returns
// when the next begins.
func (s *abuseSite) slow(step string, start time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[step] = max(s.steps[step], time.Since(start))
	return time.Now()
}

// goodMail is a server of the organization that sends one mail.
func (s *abuseSite) goodMail(n int) error {
	w, err := call(s.relay)
	if err != nil {
		return err
	}
	defer w.Close()
	if code, line := w.reply(); code != 220 {
		return fmt.Errorf("%w: %s", errStep, line)
	}
	return s.letter(w, fmt.Sprintf("relayed%d", n))
}

// goodSubmission is the mail client of a member of staff.
func (s *abuseSite) goodSubmission(n int) error {
	w, err := call(s.submission)
	if err != nil {
		return err
	}
	defer w.Close()
	w.reply()
	w.smtp("EHLO good.example")
	at := time.Now()
	if code, line := w.smtp("STARTTLS"); code != 220 {
		return fmt.Errorf("%w: STARTTLS: %s", errStep, line)
	}
	if w, _ = w.secure(); w == nil {
		return fmt.Errorf("%w: no TLS", errStep)
	}
	at = s.slow("SMTP STARTTLS", at)
	w.smtp("EHLO good.example")
	if code, line := w.smtp("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+annName+"\x00"+annPassword))); code != 235 {
		return fmt.Errorf("%w: AUTH: %s", errStep, line)
	}
	s.slow("SMTP AUTH", at)
	return s.letter(w, fmt.Sprintf("submitted%d", n))
}

// letter sends one harmless mail of some kilobytes to name@good.example.
func (s *abuseSite) letter(w *wire, name string) error {
	mail := mailText(annName, name+"@good.example", "The garden", strings.Repeat("The garden opens at nine and we meet near the gate.\n", 100))
	for _, step := range []struct {
		say  string
		want int
	}{
		{"EHLO good.example", 250}, {"MAIL FROM:<" + annName + ">", 250}, {"RCPT TO:<" + name + "@good.example>", 250}, {"DATA", 354}, {string(mail) + ".", 250}, {"QUIT", 221},
	} {
		at := time.Now()
		if code, line := w.smtp(step.say); code != step.want {
			return fmt.Errorf("%w: %.20q: %s", errStep, step.say, line)
		}
		s.slow(fmt.Sprintf("SMTP %.4s", step.say), at)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[name+"@good.example"] = true
	return nil
}

// goodText is an application that binds, sends one text and leaves.
func (s *abuseSite) goodText(n int) error {
	w, err := call(s.smpp)
	if err != nil {
		return err
	}
	defer w.Close()
	for i, request := range [][]byte{
		pduBytes(0x02, 1, "clinic\x00"+smsPassword+"\x00\x00\x34\x00\x00\x00"),
		pduBytes(0x04, 2, "\x00\x01\x01"+clinicNumber[1:]+"\x00\x01\x01"+patient[1:]+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"+fmt.Sprintf("n%06d", n)),
		pduBytes(0x06, 3, ""),
	} {
		at := time.Now()
		if _, err := w.Write(request); err != nil {
			return err
		}
		command, _, status, err := readPDU(w.r)
		for err == nil && command == 0x15 { // enquire_link: whoever leaves soon need not answer
			command, _, status, err = readPDU(w.r)
		}
		if err != nil || status != 0 || command&0x80000000 == 0 {
			return fmt.Errorf("%w: request %d: command %x, status %x: %v", errStep, i+1, command, status, err)
		}
		s.slow(fmt.Sprintf("SMPP %d", i+1), at)
	}
	return nil
}

// goodReading is a member of staff who looks into a folder.
func (s *abuseSite) goodReading(int) error {
	w, err := call(s.imap)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, step := range []struct{ say, want string }{
		{"LOGIN " + annName + " \"" + annPassword + "\"", ""}, {"SELECT Secured/Unopened", "EXISTS"}, {"FETCH 1 (FLAGS ENVELOPE BODY.PEEK[])", secretWord}, {"LOGOUT", "BYE"},
	} {
		at := time.Now()
		if said, ok := w.imap(step.say); !ok || !strings.Contains(said, step.want) {
			return fmt.Errorf("%w: %.10s: %s", errStep, step.say, said)
		}
		s.slow(fmt.Sprintf("IMAP %.5s", step.say), at)
	}
	return nil
}

// goodVisit is a correspondent who opens a message with their PIN, on a device
// that nobody knows, downloads its file and leaves.
func (s *abuseSite) goodVisit(int) error {
	v := newVisitor(nil)
	defer v.CloseIdleConnections()
	at := time.Now()
	gate, err := visit(v, "GET", s.link, nil)
	if err != nil {
		return err
	}
	at = s.slow("HTTPS gate", at)
	target, fields, ok := gate.form("pin", abusePIN)
	if !ok {
		return fmt.Errorf("%w: no form for the PIN: %d", errStep, gate.status)
	}
	opened, err := visit(v, "POST", target, fields)
	if err != nil {
		return err
	}
	file := filePattern.FindStringSubmatch(opened.body)
	if !strings.Contains(opened.body, secretWord) || file == nil {
		return fmt.Errorf("%w: the right PIN: %d", errStep, opened.status)
	}
	at = s.slow("HTTPS PIN", at)
	got, err := visit(v, "GET", "https://"+s.viewer+file[1], nil)
	if err != nil || !bytes.Equal([]byte(got.body), s.file) {
		return fmt.Errorf("%w: the file: %d, %v", errStep, got.status, err)
	}
	s.slow("HTTPS file", at)
	return nil
}

// newVisitor is a browser over HTTPS; d connects, nil as usual.
func newVisitor(d *net.Dialer) *http.Client {
	jar, _ := cookiejar.New(nil) // never fails
	if d == nil {
		d = &net.Dialer{Timeout: goodPatience}
	}
	return &http.Client{Jar: jar, Timeout: goodPatience, Transport: &http.Transport{
		DialContext: d.DialContext, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // a test: the server signs for itself
	}}
}

// visit makes one request and reads the answer.
func visit(c *http.Client, method, address string, form url.Values) (page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		return page{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := c.Do(r)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header, string(text), resp.Request.URL}, err
}
