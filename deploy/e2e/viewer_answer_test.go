package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	mimeforms "mime/multipart"
	"net/http"
	"net/textproto"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// answer fills in the form for an answer on p and sends it with a film, nil for
// none.
func (b *browser) answer(p page, text string, film io.Reader) page {
	b.t.Helper()
	sent, err := b.tryAnswer(p, text, film)
	if err != nil {
		b.t.Fatal(err)
	}
	return sent
}

// tryAnswer is answer for a server that may go away.
func (b *browser) tryAnswer(p page, text string, film io.Reader) (page, error) {
	form := regexp.MustCompile(`(?s)<form class="answer".*?</form>`).FindString(p.body)
	if form == "" {
		return page{}, fmt.Errorf("no form for an answer (status %d)\n%s", p.status, p.body)
	}
	r, w := io.Pipe()
	parts := mimeforms.NewWriter(w)
	go func() {
		for _, name := range []string{"token", "once"} {
			if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(form); m != nil {
				_ = parts.WriteField(name, html.UnescapeString(m[1]))
			}
		}
		_ = parts.WriteField("reply", text)
		if film != nil {
			part, err := parts.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="walk.mp4"`}, "Content-Type": {"video/mp4"}})
			if err == nil {
				_, err = io.Copy(part, film)
			}
			if err != nil {
				_ = w.CloseWithError(err)
				return
			}
		}
		_ = parts.Close()
		_ = w.Close()
	}()
	q, err := http.NewRequest("POST", p.url.Scheme+"://"+p.url.Host+p.url.Path, r)
	if err != nil {
		return page{}, err
	}
	q.Header.Set("Content-Type", parts.FormDataContentType())
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(q)
	if err != nil {
		return page{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return page{res.StatusCode, res.Header, string(body), res.Request.URL}, err
}

// TestAnswersFromTheViewerReachStaff: a correspondent answers twice, once with
// a film of 60 MB, and reads what they wrote; staff get both in the thread of
// their own mail, octet by octet; the process holds no film in memory.
func TestAnswersFromTheViewerReachStaff(t *testing.T) {
	t.Parallel()
	g, outside := secureSite(t, "")
	l := newLetter(t, 1000)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	notice := outside.wait(t, "pat@out.example", 1)
	b := newBrowser(t)
	opened := b.open(notice.link(t), codeFrom(t, outside, "pat.private@other.example"))
	sent := b.answer(opened, "The hoopoe came back.\r\n\r\nPat", nil)
	if sent.status != http.StatusOK || !strings.Contains(sent.body, "Your answer was sent.") || !strings.Contains(sent.body, "/turn/") {
		t.Fatalf("after sending: %d\n%s", sent.status, sent.body)
	}
	first := outside.wait(t, "ann@clinic.example", 1)
	if !strings.Contains(first.text(), "The hoopoe came back.") || !strings.HasPrefix(first.header(t, "Subject"), "Re: ") || !strings.Contains(first.header(t, "References"), first.header(t, "In-Reply-To")) {
		t.Errorf("staff got\n%.2000s", first.raw)
	}
	turn := regexp.MustCompile(`href="(/m/[A-Za-z0-9_-]{22}/turn/[0-9a-z]+)"`).FindStringSubmatch(sent.body)
	if turn == nil {
		t.Fatal("the answer is not in the conversation")
	}
	if own := b.get("http://" + g.viewer + turn[1]); !strings.Contains(own.body, "The hoopoe came back.") {
		t.Errorf("my own turn: %d", own.status)
	}
	g.staffRead(turn[1][strings.LastIndexByte(turn[1], '/')+1:], "The hoopoe came back.")
	film := noise(7, 60_000_000)
	before := g.memory("VmHWM")
	start := time.Now()
	sent = b.answer(sent, "A film of it.", bytes.NewReader(film))
	if !strings.Contains(sent.body, "Your answer was sent.") {
		t.Fatalf("after the film: %d\n%s", sent.status, sent.body)
	}
	taken := time.Since(start)
	// Made, signed and sent, every octet several times: under the race detector
	// on a busy machine that alone takes more than half a minute.
	eventually(t, 5*time.Minute, func() string {
		if len(outside.to("ann@clinic.example")) < 2 {
			return "the mail with the film has not arrived"
		}
		return ""
	})
	second := outside.wait(t, "ann@clinic.example", 2)
	t.Logf("60 MB were taken in %.1f s; memory %.0f MiB, before %.0f", taken.Seconds(), g.memory("VmHWM"), before)
	if more := g.memory("VmHWM") - before; more > 100 {
		t.Errorf("%.0f MiB more memory for a film of 57", more)
	}
	if !bytes.Contains(second.raw, []byte("walk.mp4")) || sha256.Sum256(filmIn(t, second.raw)) != sha256.Sum256(film) {
		t.Errorf("the film of %d octets did not arrive whole", len(film))
	}
	again := b.answer(opened, "The hoopoe came back.\r\n\r\nPat", nil) // the browser sends the first form again
	if !strings.Contains(again.body, "Your answer was sent.") || len(outside.to("ann@clinic.example")) != 2 {
		t.Errorf("the same form twice: %d, %d mails", again.status, len(outside.to("ann@clinic.example")))
	}
	g.must("audit", "verify")
}

// staffRead reads the answer id on the page for staff, with the password of
// the one whom it was for and not with that of a colleague.
func (g *gate) staffRead(id, want string) {
	g.t.Helper()
	password := write(g.t, filepath.Join(g.dir, "password"), "correct horse battery\n")
	for _, name := range []string{"ann@clinic.example", "ben@clinic.example"} {
		g.must("user", "add", name, "--password-file", password)
	}
	address := "http://" + g.viewer + "/staff/" + id
	ann, ben := newBrowser(g.t), newBrowser(g.t)
	login := func(b *browser, name, password string) page {
		return b.submitAll(b.get(address), "password", map[string]string{"name": name, "password": password})
	}
	if p := login(ann, "ann@clinic.example", "guessed"); p.status != http.StatusForbidden || strings.Contains(p.body, want) {
		g.t.Errorf("a guessed password: %d", p.status)
	}
	if p := login(ben, "ben@clinic.example", "correct horse battery"); p.status != http.StatusForbidden || strings.Contains(p.body, want) {
		g.t.Errorf("a colleague: %d", p.status)
	}
	p := login(ann, "ann@clinic.example", "correct horse battery")
	if p.status != http.StatusOK || !strings.Contains(p.body, want) {
		g.t.Fatalf("the one whom it is for: %d\n%s", p.status, p.body)
	}
	ann.leave(p)
	if p := ann.get(address); strings.Contains(p.body, want) {
		g.t.Error("the answer is open after leaving")
	}
}

// filmIn is the base64 of the video part of a mail.
func filmIn(t *testing.T, raw []byte) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(raw, []byte("video/mp4"))
	if !ok {
		t.Fatal("no film in the mail")
	}
	_, rest, _ = bytes.Cut(rest, []byte("\r\n\r\n"))
	coded, _, _ := bytes.Cut(rest, []byte("\r\n--"))
	film, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(coded), "\r\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return film
}

// TestComingAgainNeedsNoCode: on a browser that is remembered one button opens
// the message, elsewhere a PIN does; what is forgotten or removed opens nothing.
func TestComingAgainNeedsNoCode(t *testing.T) {
	t.Parallel()
	g, outside := secureSite(t, "pins: {resend: 1s}")
	l := newLetter(t, 1000)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	link := outside.wait(t, "pat@out.example", 1).link(t)
	code := codeFrom(t, outside, "pat.private@other.example")
	b := newBrowser(t)
	opened := b.open(link, code)
	known := b.submit(opened, "remember", "")
	if !strings.Contains(known.body, "This device is remembered") {
		t.Fatalf("remembering: %d", known.status)
	}
	form := b.get(link + "/pin")
	refused := b.submitAll(form, "chosen", map[string]string{"chosen": "111111", "again": "111111"})
	if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, "easy to guess") {
		t.Errorf("a PIN that all guess: %d", refused.status)
	}
	if set := b.submitAll(form, "chosen", map[string]string{"chosen": "739164", "again": "739164"}); !strings.Contains(set.body, "Your PIN is set") {
		t.Fatalf("choosing a PIN: %d\n%s", set.status, set.body)
	}
	b.leave(b.get(link))
	gate := b.get(link)
	if strings.Contains(gate.body, "kestrel") || !strings.Contains(gate.body, `name="device"`) {
		t.Fatalf("the gate of a known device: %d\n%s", gate.status, gate.body)
	}
	if again := b.submit(gate, "device", ""); !strings.Contains(again.body, "kestrel") {
		t.Errorf("one button: %d\n%s", again.status, again.body)
	}
	mails := outside.count()
	other := newBrowser(t)
	if p := other.submit(other.get(link), "pin", "739165"); strings.Contains(p.body, "kestrel") {
		t.Error("a wrong PIN opened the message")
	}
	if p := other.submit(other.get(link), "pin", "739164"); !strings.Contains(p.body, "kestrel") {
		t.Errorf("the PIN: %d\n%s", p.status, p.body)
	}
	if n := outside.count(); n != mails {
		t.Errorf("%d mails were sent to those who come again", n-mails)
	}
	list := other.get(link + "/devices")
	if gone := other.submit(list, "all", ""); !strings.Contains(gone.body, "No device is remembered") {
		t.Errorf("forgetting: %d\n%s", gone.status, gone.body)
	}
	// What the device opened is over with it, without leaving.
	if gate := b.get(link); strings.Contains(gate.body, `name="device"`) || strings.Contains(gate.body, "kestrel") {
		t.Error("a forgotten device is known")
	}
	g.must("audit", "verify")
}

// submitAll is submit with several fields filled in.
func (b *browser) submitAll(p page, field string, values map[string]string) page {
	b.t.Helper()
	for name, value := range values {
		p.body = regexp.MustCompile(`(<input[^>]*name="`+name+`")`).ReplaceAllString(p.body, `${1} value="`+value+`"`)
	}
	return b.submit(p, field, values[field])
}

// leave closes the message.
func (b *browser) leave(p page) {
	b.t.Helper()
	form := regexp.MustCompile(`(?s)<form[^>]*action="[^"]*/leave".*?</form>`).FindString(p.body)
	if form == "" {
		b.t.Fatalf("no way to leave\n%s", p.body)
	}
	p.body = form
	b.submit(p, "token", "")
}
